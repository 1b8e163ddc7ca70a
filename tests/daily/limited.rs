//! Limits are met by name: what a builder hands out, what it writes, what `bb.toml` may set.

use std::fs;
use std::os::unix::fs::symlink;

use support::fake::room::Room;

use crate::family::{bb, unbuilt};

/// A project with limits.
fn limited(limits: &str) -> Room {
    let room = unbuilt();
    room.settings("", "");
    let text = fs::read_to_string(room.path("bb.toml")).unwrap();
    room.write("bb.toml", &format!("{text}\n[limits]\n{limits}\n"));
    room
}

#[test]
fn what_a_builder_hands_out_has_limits_that_are_said_by_name() {
    let cases = [
        (
            "result_size = 20",
            "the builder's `out/rootfs.tar` has more than 20 bytes (`result_size`",
        ),
        (
            "list_size = 60",
            "the builder's `out/sysroot.digest` has more than 60 bytes (`list_size`",
        ),
        ("entries = 3", "what the builder hands out has more than 3 (`entries`"),
        ("depth = 1", "what the builder says has more than 1 (`depth`"),
        ("names_size = 20", "what the builder says has more than 20 bytes (`names_size`"),
        ("unpacked = 600", "`.bb/images/base/sysroot.tar.zst` has more than 600 bytes (`unpacked`"),
    ];
    for (limits, expected) in cases {
        let room = limited(limits);
        let run = bb(&room, "build base");
        assert_eq!(run.code, Some(1), "{limits}: {}", run.text);
        assert!(run.text.contains(expected), "{limits}: {}", run.text);
        let name = limits.split(' ').next().unwrap();
        let hint = format!("raise `{name}` in `[limits]` of `bb.toml`");
        assert!(run.text.contains(&hint), "{limits}: {}", run.text);
        // Nothing half-made is left, and with the limit raised the same project builds.
        if name != "unpacked" {
            assert!(!room.path(".bb/images/base/rootfs.tar").exists(), "{limits}");
        }
        room.settings("", "");
        bb(&room, "build base").ok();
    }
}

#[test]
fn a_list_that_is_none_fails_the_step_that_made_it() {
    let room = unbuilt();
    room.write("bb-dock/base/Buildconfig.sh", "hand packages.json [[[[\n");
    let run = bb(&room, "build base");
    assert_eq!(run.code, Some(1), "{}", run.text);
    let expected = "the builder's `packages.json` is not what it should be";
    assert!(run.text.contains(expected), "{}", run.text);
    room.write(
        "bb-dock/base/Buildconfig.sh",
        &format!("hand sysroot.digest {}\n", "x".repeat(1000)),
    );
    let run = bb(&room, "build base");
    let expected = "the builder's `sysroot.digest` is not what it should be: it is no digest";
    assert!(run.text.contains(expected) && run.code == Some(1), "{}", run.text);
}

#[test]
fn of_an_endless_log_the_beginning_and_the_end_are_told() {
    let room = limited("log_size = 200");
    let lines = (0..100).map(|n| format!("say line {n}\n")).collect::<Vec<_>>().concat();
    room.write("bb-dock/base/Buildconfig.sh", &format!("{lines}fail 1\n"));
    let run = bb(&room, "build base");
    assert_eq!(run.code, Some(1), "{}", run.text);
    assert!(run.text.contains("line 99"), "{}", run.text);
    let log = bb(&room, "logs rootfs:base").ok().text;
    assert!(log.starts_with("line 0\nline 1\n") && !log.contains("line 99"), "{log}");
    let end =
        "\nbb: the rest is left out: more than 200 bytes (`log_size`: bytes of a step's log)\n";
    assert!(log.ends_with(end), "{log}");
    assert_eq!(log.len(), 200 + end.len());
}

#[test]
fn a_limit_that_is_none_is_shown_in_its_place() {
    let cases = [
        ("depht = 1", "`depht` is not a limit", "depht", "did you mean `depth`?"),
        ("layers = 500", "`layers` is not a limit", "layers", ""),
        (
            "depth = 0",
            "`0` is not a number of folders in one another",
            "0",
            "a whole number above 0",
        ),
        ("depth = \"1 GiB\"", "`1 GiB` is not a number of", "\"1 GiB\"", "a whole number above 0"),
        ("unpacked = \"x\"", "`x` is not a number of bytes", "\"x\"", "a size, such as \"4 GiB\""),
        ("depth = [1]", "a limit is a number, or a size such as \"4 GiB\"", "[1]", ""),
    ];
    for (limits, message, place, hint) in cases {
        let run = bb(&limited(limits), "status");
        assert_eq!(run.code, Some(3), "{limits}: {}", run.text);
        for part in [message, place, hint] {
            assert!(run.text.contains(part), "{limits}: {}", run.text);
        }
        assert!(run.text.contains("--> bb.toml:"), "{limits}: {}", run.text);
    }
}

/// Text that is larger, or larger when it is read, than it looks.
#[test]
fn what_grows_when_it_is_read_is_refused() {
    let braces = format!("{}a{}", "{b,".repeat(50), "}".repeat(50));
    let task = format!("[task.a]\nrun = \"true\"\ninputs = [\"{braces}\"]\n");
    let in_dock = format!("[rootfs]\ninputs = [\"{braces}\"]\n");
    let deep = format!("a = {}", "[".repeat(100_000));
    let cases = [
        ("bb.toml", task, "not a pattern: it has more than 8 (`braces`"),
        ("bb-dock/base/dock.toml", in_dock, "is not a pattern: it has more than 8 (`braces`"),
        ("bb-dock/base/dock.toml", deep.clone(), "bb-dock/base/dock.toml:1:"),
        ("bb.toml", deep.clone(), "bb.toml:1:"),
        ("bb.lock", deep, "bb.lock:1:"),
        ("bb.toml", "#".repeat((1 << 20) + 1), "`bb.toml` has more than 1 MiB (`file_size`"),
        ("bb.lock", "#".repeat((1 << 20) + 1), "`bb.lock` has more than 1 MiB (`file_size`"),
        ("bb-dock/base/.dockerignore", "a".repeat(5000), "is not a pattern"),
        ("bb-dock/base/.dockerignore", "a\n".repeat(10_001), "it has more than 10000 (`rules`"),
    ];
    for (file, text, expected) in cases {
        let room = unbuilt();
        room.write(file, &text);
        let run = bb(&room, "status");
        let told = run.text.chars().take(300).collect::<String>();
        assert_eq!(run.code, Some(3), "{file}: {told}");
        assert!(run.text.contains(expected), "{file}: {told}");
    }
}

#[test]
fn a_dock_may_be_as_deep_as_anything_real() {
    let room = unbuilt();
    let folders = |depth: usize| format!("bb-dock/plain/{}", "d/".repeat(depth));
    fs::create_dir_all(room.path(&folders(256))).unwrap();
    bb(&room, "list").ok();
    fs::create_dir_all(room.path(&folders(1500))).unwrap();
    let run = bb(&room, "list");
    assert_eq!(run.code, Some(3), "{:.300}", run.text);
    assert!(run.text.contains("has more than 256 (`depth`"), "{:.300}", run.text);
}

#[test]
fn aliases_of_a_chain_do_not_multiply() {
    let room = unbuilt();
    let level = |name: char, of: char| {
        let all = vec![format!("*{of}"); 10].join(", ");
        format!("x-{name}: &{name} [{all}]\n")
    };
    let names = ('b'..='j').zip('a'..='i').map(|(name, of)| level(name, of)).collect::<String>();
    let bomb = format!("x-a: &a [x, x, x, x, x, x, x, x, x, x]\n{names}services: {{}}\n");
    let deep = format!("services: {}", "{a: ".repeat(10_000));
    for text in [bomb, deep] {
        room.write("chains/web.yaml", &text);
        let run = bb(&room, "up web");
        let told = run.text.chars().take(300).collect::<String>();
        assert_eq!(run.code, Some(3), "{told}");
        assert!(run.text.contains("chains/web.yaml"), "{told}");
    }
}

/// Ports are asked from the builder: where nothing is compiled there is none, with a lock or without.
#[test]
fn a_port_where_nothing_is_compiled_is_refused() {
    let room = unbuilt();
    for name in ["base", "mid", "top", "side"] {
        fs::remove_dir_all(room.path(&format!("bb-dock/{name}"))).unwrap();
    }
    room.write("bb-dock/plain/dock.toml", "[[test.port]]\nport = 80\n");
    for lock in [true, false] {
        let run = bb(&room, "status");
        assert_eq!(run.code, Some(3), "{}", run.text);
        let expected = "error: `bb-dock/plain/dock.toml` asks a port, but there is no builder\n";
        assert!(run.text.starts_with(expected), "{}", run.text);
        if lock {
            fs::remove_file(room.path("bb.lock")).unwrap();
        }
    }
}

#[test]
fn clean_and_gc_do_not_follow_a_link_in_the_state_folder() {
    for folder in ["images/base", "images", "logs", "records", "stamps"] {
        for verb in ["clean", "clean base", "gc"] {
            let room = unbuilt();
            bb(&room, "build").ok();
            bb(&room, "build").ok();
            fs::remove_dir_all(room.path("bb-dock/top")).unwrap();
            let there = room.path(&format!(".bb/{folder}"));
            let elsewhere = room.path("elsewhere");
            fs::rename(&there, &elsewhere).unwrap();
            symlink(&elsewhere, &there).unwrap();
            let names = || {
                let all = walkdir::WalkDir::new(&elsewhere).sort_by_file_name().into_iter();
                let files = all.map(Result::unwrap).filter(|entry| entry.file_type().is_file());
                files.map(|entry| entry.path().to_owned()).collect::<Vec<_>>()
            };
            let before = names();
            assert!(!before.is_empty());
            let run = bb(&room, verb);
            assert!(matches!(run.code, Some(0 | 1)), "{folder} {verb}: {}", run.text);
            assert_eq!(names(), before, "{folder} {verb}: {}", run.text);
        }
    }
}

/// What goes while it is looked for or removed is gone: nobody's failure.
#[test]
fn others_that_remove_at_the_same_time_are_no_failure() {
    let words = [
        (500, "No such container: 0123456789ab"),
        (500, "removal of container 0123456789ab is already in progress"),
        (500, "driver failed: No such image: sha256:0123"),
        (404, "get bb-x: no such volume"),
        (409, "removal of container 0123456789ab is already in progress"),
    ];
    for verb in ["clean", "gc"] {
        for (status, message) in words {
            let room = unbuilt();
            bb(&room, "build").ok();
            fs::remove_dir_all(room.path("bb-dock/top")).unwrap();
            room.engine
                .start_container(&[("bb.project", &project(&room)), ("bb.step", "rootfs:top")]);
            room.engine.trip(status, message);
            let run = bb(&room, verb);
            assert_eq!(run.code, Some(0), "{verb} {message}: {}", run.text);
        }
    }
}

/// The label by which containers of a project are found.
fn project(room: &Room) -> String {
    use sha2::{Digest, Sha256};
    let state = room.path(".bb").canonicalize().unwrap();
    let digest = Sha256::digest(state.as_os_str().as_encoded_bytes());
    gentoo_bb::base::hex::hex(&digest[..8])
}

/// Blanks, `$` and `:` in the state folder's name: ninja does the same work.
#[test]
fn ninja_gets_the_state_folder_as_one_word() {
    for state in ["a b", "a$b", "a:b", "it's", "$(touch evil)", "; touch evil"] {
        let mut room = unbuilt();
        room.env.push(("BB_STATE".into(), state.into()));
        room.dock("plain", "FROM scratch\nCOPY f /\n");
        room.export_ninja();
        let run = room.told_by("sh", &["-c", "bb sync && ninja"]).ok();
        assert!(run.done().len() > 10, "{state}: {run}");
        assert!(room.path(state).join("stamps/image/plain").is_file(), "{state}");
        assert!(!room.path("evil").exists(), "{state}");
        let run = bb(&room, "build").ok();
        assert!(run.text.starts_with("nothing to do"), "{state}: {}", run.text);
    }
}
