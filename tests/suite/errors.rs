//! What goes wrong, and how it is said: exact text, exit code, nothing half-made left behind.

use std::fs;
use std::process::Command;

use support::sealed::{Mirror, Room, Run};

const COPY: &str = "FROM scratch\nCOPY file /\n";

/// Two docks that need neither Portage nor an engine to be read.
fn two_docks() -> Room {
    let room = Room::new();
    room.dock("busybox", COPY, &[("file", "1")]);
    room.dock("nginx", "FROM ${NAMESPACE}/busybox\nCOPY file /\n", &[("file", "2")]);
    room
}

/// Nothing was begun: there is not even a state folder.
#[track_caller]
fn untouched(room: &Room) {
    assert!(!room.exists(".bb"), "there is a state folder");
    assert!(!room.exists("bb.lock"), "there is a lock");
}

#[track_caller]
fn build_fails(room: &Room, code: i32, stderr: &str) {
    room.bb("build").fails(code, stderr);
    untouched(room);
}

// ---- the command line

#[test]
fn an_unknown_image_is_told_with_the_nearest_one() {
    let room = two_docks();
    room.bb("build ngnix").fails(2, "error: unknown image `ngnix`\nhint: did you mean `nginx`?\n");
    room.bb("status webserver")
        .fails(2, "error: unknown image `webserver`\nhint: there are: busybox, nginx\n");
    untouched(&room);
}

#[test]
fn an_excluded_image_that_is_not_there_is_told() {
    let room = two_docks();
    room.bb_with(&[("EXCLUDE", "busybx")], "build")
        .fails(2, "error: unknown image `busybx`\nhint: did you mean `busybox`?\n");
    untouched(&room);
}

#[test]
fn an_unknown_step_is_told_with_the_nearest_one() {
    let room = two_docks();
    room.bb("step image:ngnix")
        .fails(2, "error: unknown step `image:ngnix`\nhint: did you mean `image:nginx`?\n");
    room.bb("step nginx").fails(
        2,
        "error: `nginx` is not the id of a step\n\
         hint: a step is `kind:name`, with one of these kinds: \
         fetch, verify, import, builder, rootfs, dockerfile, image, test, task\n",
    );
    room.bb("step image:../nginx").fails(
        2,
        "error: `image:../nginx` is not the id of a step\n\
         hint: a step is `kind:name`, with one of these kinds: \
         fetch, verify, import, builder, rootfs, dockerfile, image, test, task\n",
    );
    untouched(&room);
}

#[test]
fn a_wrong_use_has_exit_code_2() {
    let room = two_docks();
    for args in ["bild", "build --job", "step"] {
        let run = room.bb(args);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "bb {args}");
        assert!(run.stderr.contains("Usage: bb"), "bb {args}: {}", run.stderr);
    }
    let zero = "error: invalid value '0' for '--jobs <N>': number would be zero for non-zero type\n\n\
                For more information, try '--help'.\n";
    room.bb("build -j 0").fails(2, zero);
    let bare = room.bb("");
    assert!(bare.code == Some(2) && bare.stderr.contains("Usage: bb"), "{bare:?}");
    untouched(&room);
}

#[test]
fn help_and_version_go_to_standard_output() {
    let room = Room::new();
    let version = format!("bb {}\n", env!("CARGO_PKG_VERSION"));
    room.bb("--version").is(0, &version, "");
    let help = room.bb("--help").ok();
    assert!(help.stdout.contains("Usage: bb") && help.stderr.is_empty(), "{help:?}");
}

// ---- settings

#[test]
fn a_folder_that_is_no_project_is_told() {
    let room = Room::new();
    room.remove("bb.toml");
    build_fails(
        &room,
        3,
        "error: cannot read `bb.toml`: no such file or directory\n\
         hint: a project is a folder with a `bb.toml` and docks in `bb-dock/`\n",
    );
    room.bb("--project nowhere build")
        .fails(2, "error: cannot enter the project `nowhere`: no such file or directory\n");
}

#[test]
fn bad_toml_is_shown_with_line_and_caret() {
    let room = two_docks();
    room.write("bb.toml", "tag = \"x\"\nnamespace = jdoe\n");
    build_fails(
        &room,
        3,
        "error: string values must be quoted, expected literal string\n\
         \x20--> bb.toml:2:13\n\
         \x20 |\n\
         2 | namespace = jdoe\n\
         \x20 |             ^^^^\n",
    );
}

#[test]
fn an_unknown_key_is_shown_with_line_and_caret() {
    let room = two_docks();
    room.write("bb.toml", "namespace = \"jdoe\"\n\n[trust]\nkeyrin = \"keys.asc\"\n");
    build_fails(
        &room,
        3,
        "error: unknown field `keyrin`, expected one of `keyring`, `fingerprints`, `key_urls`\n\
         \x20--> bb.toml:4:1\n\
         \x20 |\n\
         4 | keyrin = \"keys.asc\"\n\
         \x20 | ^^^^^^\n",
    );
}

#[test]
fn an_unknown_key_of_a_dock_is_shown_with_line_and_caret() {
    let room = two_docks();
    room.write("bb-dock/nginx/dock.toml", "[rootfs]\ninput = [\"x\"]\n");
    build_fails(
        &room,
        3,
        "error: unknown field `input`, expected `inputs` or `fetch`\n\
         \x20--> bb-dock/nginx/dock.toml:2:1\n\
         \x20 |\n\
         2 | input = [\"x\"]\n\
         \x20 | ^^^^^\n",
    );
}

#[test]
fn a_value_of_the_wrong_type_is_shown_with_line_and_caret() {
    let room = two_docks();
    room.write("bb.toml", "mirrors = \"https://example.org\"\n");
    build_fails(
        &room,
        3,
        "error: invalid type: string \"https://example.org\", expected a sequence\n\
         \x20--> bb.toml:1:11\n\
         \x20 |\n\
         1 | mirrors = \"https://example.org\"\n\
         \x20 |           ^^^^^^^^^^^^^^^^^^^^^\n",
    );
}

#[test]
fn a_namespace_that_docker_refuses_is_told() {
    let room = two_docks();
    room.bb_with(&[("NAMESPACE", "JDoe")], "build").fails(
        3,
        "error: `JDoe` cannot be used as namespace\n\
         hint: namespace is made of lower-case letters and digits, joined by `.`, `_` or `-`\n",
    );
    untouched(&room);
}

// ---- docks

#[test]
fn a_cycle_is_printed_as_a_path() {
    let room = Room::new();
    room.dock("a", "FROM ${NAMESPACE}/c\n", &[]);
    room.dock("b", "FROM ${NAMESPACE}/a\n", &[]);
    room.dock("c", "FROM scratch\nCOPY --from=${NAMESPACE}/b / /\n", &[]);
    room.dock("d", "FROM ${NAMESPACE}/c\n", &[]);
    let run = room.bb("build");
    let paths = ["a -> c -> b -> a", "b -> a -> c -> b", "c -> b -> a -> c"];
    let text = |path: &&str| {
        format!(
            "error: images depend on themselves: {path}\n\
             hint: each arrow is a FROM or a COPY --from; remove one of them\n"
        )
    };
    assert!(paths.iter().any(|p| run.stderr == text(p)), "{}", run.stderr);
    assert_eq!(run.code, Some(3));
    untouched(&room);
}

#[test]
fn an_image_that_is_its_own_parent_is_told() {
    let room = Room::new();
    room.dock("a", "FROM ${NAMESPACE}/a\n", &[]);
    build_fails(
        &room,
        3,
        "error: images depend on themselves: a -> a\nhint: each arrow is a FROM or a COPY --from; remove one of them\n",
    );
}

#[test]
fn a_parent_that_is_not_there_is_shown_where_it_is_named() {
    let room = two_docks();
    room.dock("web", "# a comment\nFROM ${NAMESPACE}/ngnix\n", &[]);
    build_fails(
        &room,
        3,
        "error: parent `ngnix` is not in `bb-dock`\n\
         \x20--> bb-dock/web/Dockerfile.template:2:6\n\
         \x20 |\n\
         2 | FROM ${NAMESPACE}/ngnix\n\
         \x20 |      ^^^^^^^^^^^^^^^^^^\n\
         hint: did you mean `nginx`?\n",
    );
}

#[test]
fn a_missing_buildconfig_is_told() {
    let room = two_docks();
    room.remove("bb-dock/nginx/Buildconfig.sh");
    build_fails(
        &room,
        3,
        "error: `bb-dock/nginx/Buildconfig.sh` is missing\n\
         hint: `bb-dock/nginx` needs both Dockerfile.template and Buildconfig.sh\n",
    );
}

#[test]
fn a_missing_template_is_told() {
    let room = two_docks();
    room.remove("bb-dock/nginx/Dockerfile.template");
    build_fails(
        &room,
        3,
        "error: `bb-dock/nginx/Dockerfile.template` is missing\n\
         hint: `bb-dock/nginx` needs both Dockerfile.template and Buildconfig.sh\n",
    );
}

#[test]
fn two_templates_in_one_dock_are_told() {
    let room = two_docks();
    room.write("bb-dock/nginx/Dockerfile.j2", COPY);
    build_fails(
        &room,
        3,
        "error: `bb-dock/nginx` has both Dockerfile.template and Dockerfile.j2\n\
         hint: remove one of them\n",
    );
}

#[test]
fn no_docks_at_all_is_told() {
    let room = Room::new();
    room.remove("bb-dock");
    build_fails(
        &room,
        3,
        "error: there is no folder `bb-dock`\n\
         hint: `bb new NAME` makes it, with a first dock in it\n",
    );
}

#[test]
fn a_folder_that_cannot_be_an_image_is_told() {
    let room = two_docks();
    room.dock("My-Image", COPY, &[("file", "")]);
    build_fails(
        &room,
        3,
        "error: the folder `bb-dock/My-Image` cannot be a dock\n\
         hint: use lower-case letters and digits, with single `.`, `_` or dashes between them, \
         or begin it with `_` to have it skipped\n",
    );
}

#[test]
fn a_source_that_matches_nothing_is_shown_where_it_is_named() {
    let room = two_docks();
    room.dock("web", "FROM scratch\nCOPY file.txt files.txt /\n", &[("file.txt", "")]);
    build_fails(
        &room,
        3,
        "error: `files.txt` matches no file of the dock\n\
         \x20--> bb-dock/web/Dockerfile.template:2:15\n\
         \x20 |\n\
         2 | COPY file.txt files.txt /\n\
         \x20 |               ^^^^^^^^^\n\
         hint: did you mean `file.txt`?\n",
    );
}

#[test]
fn an_undefined_variable_in_from_is_shown() {
    let room = two_docks();
    room.dock("web", "ARG OTHER=1\nFROM ${NAMSPACE}/nginx\n", &[]);
    build_fails(
        &room,
        3,
        "error: undefined variable `NAMSPACE` in FROM\n\
         \x20--> bb-dock/web/Dockerfile.template:2:6\n\
         \x20 |\n\
         2 | FROM ${NAMSPACE}/nginx\n\
         \x20 |      ^^^^^^^^^^^\n\
         hint: add `ARG NAMSPACE=…` before the first FROM, or use a marker: `${DATE}`, `${MAINTAINER}`, `${NAMESPACE}`, `${TAG}`\n",
    );
}

#[test]
fn an_argument_or_a_default_in_from_is_no_error() {
    let room = Room::with_engine();
    room.dock("a", "ARG BASE=scratch\nFROM ${BASE}\nCOPY file /\n", &[("file", "1")]);
    room.dock("b", "ARG NAME=a\nFROM ${NAMESPACE}/${NAME:-x}\nCOPY file /\n", &[("file", "1")]);
    room.dock("c", "ARG UNSET\nFROM ${UNSET:-scratch}\nCOPY file /\n", &[("file", "1")]);
    room.told("build").ran("dockerfile:a image:a dockerfile:b image:b dockerfile:c image:c");
    room.append("bb-dock/a/file", "2");
    room.told("build").ran("image:a image:b");
}

// ---- the engine

#[test]
fn no_engine_has_exit_code_4_and_says_what_to_start() {
    let room = two_docks();
    let text = "error: no container engine answers at `unix:///nonexistent/engine.sock`\n\
                \x20 unix:///nonexistent/engine.sock: socket not found: /nonexistent/engine.sock\n\
                hint: start Docker or Podman, or set DOCKER_HOST to where it listens\n";
    for verb in ["build", "status", "step dockerfile:nginx"] {
        room.bb(verb).fails(4, text);
    }
    untouched(&room);
}

#[test]
fn an_engine_address_that_is_none_has_exit_code_4() {
    let room = two_docks();
    room.bb_with(&[("DOCKER_HOST", "tcp://127.0.0.1:1")], "build").fails(
        4,
        "error: no container engine answers at `tcp://127.0.0.1:1`\n\
         \x20 tcp://127.0.0.1:1: connection refused\n\
         hint: start Docker or Podman, or set DOCKER_HOST to where it listens\n",
    );
    room.bb_with(&[("DOCKER_HOST", "nonsense")], "build").fails(
        4,
        "error: no container engine answers at `nonsense`\n\
         \x20 nonsense: URI scheme is not supported: nonsense\n\
         hint: start Docker or Podman, or set DOCKER_HOST to where it listens\n",
    );
    untouched(&room);
}

#[test]
fn what_the_engine_refuses_is_a_failed_step() {
    let room = Room::with_engine();
    room.dock("a", "FROM scratch\nCOPY file other /to\n", &[("file", "1"), ("other", "2")]);
    let run = room.bb("build");
    assert_eq!(run.code, Some(1));
    let begin = "failed  image:a\n\
         error: the engine could not build the image: When using COPY with more than one source file, \
         the destination must be a directory and end with a /\n";
    let end = "log: .bb/logs/image/a.log\nagain: bb step image:a\n1 step failed; 1 done\n";
    assert!(run.stderr.contains(begin) && run.stderr.ends_with(end), "{}", run.stderr);
    let log = room.read(".bb/logs/image/a.log");
    assert!(
        log.starts_with("bb: built by the engine: its sources and its target do not fit\n"),
        "{log}"
    );
    assert_eq!(room.stamps(), ["dockerfile:a"]);
    room.assert_tidy();
    assert!(!room.engine().has_image(&room.image("a")));
}

// ---- the lock and trust

/// A project with one image that is compiled.
fn compiled(room: Room) -> Room {
    room.dock("base", "FROM scratch\nADD rootfs.tar /\n", &[]);
    room
}

#[test]
fn without_a_lock_status_says_how_to_get_one() {
    let room = compiled(Room::new());
    room.bb("status").fails(
        3,
        "error: there is no `bb.lock` yet\n\
         hint: `bb build` pins the newest stage3 and snapshot the first time, `bb update` later\n",
    );
    untouched(&room);
}

#[test]
fn no_keyring_has_exit_code_5() {
    let room = compiled(Room::new());
    room.append(
        "bb.toml",
        "mirrors = [\"file:///nonexistent\"]\n[trust]\nkeyring = \"keys.asc\"\n",
    );
    room.bb("build").fails(
        5,
        "error: cannot read the keyring `keys.asc`: no such file or directory\n\
         hint: `keyring` in `[trust]` of bb.toml names a file with the publisher's certificates\n",
    );
    assert!(!room.exists("bb.lock"));
}

#[test]
fn another_date_than_the_locked_one_names_the_command() {
    let room = compiled(Room::new()).with_mirror(&Mirror::get());
    room.bb("update").ok();
    let lock = room.read("bb.lock");
    let pinned = lock.lines().filter(|l| l.starts_with("timestamp")).nth(1).unwrap();
    let pinned = pinned.split('"').nth(1).unwrap();
    room.bb_with(&[("DATE", "20200101")], "build").fails(
        3,
        &format!(
            "error: DATE is `20200101`, but `bb.lock` pins `{pinned}`\n\
             hint: `DATE=20200101 bb update` moves the lock; a build never does\n"
        ),
    );
    assert_eq!(room.read("bb.lock"), lock);
}

const STAGE3: &str = "stage3-amd64-nomultilib-openrc.tar.xz";

fn flip(path: &std::path::Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A file that was downloaded and then changed is not imported, whoever asks.
#[test]
fn a_flipped_byte_in_a_downloaded_file_is_not_imported() {
    let room = compiled(Room::with_engine().with_mirror(&Mirror::get()));
    room.bb("update").ok();
    for suffix in ["", ".asc", ".DIGESTS"] {
        room.bb(&format!("step fetch:{STAGE3}{suffix}")).ok();
    }
    flip(&room.path(format!(".bb/downloads/{STAGE3}")));
    room.bb("step verify:stage3").fails(5, "start   verify:stage3 (never built)\n\
         failed  verify:stage3\n\
         error: bad signature: `.bb/downloads/stage3-amd64-nomultilib-openrc.tar.xz` is not what key `KEY` signed\n\
         hint: the file is altered or incomplete; fetch it again, or try another mirror\n\
         again: bb step verify:stage3\n");
    let refused = "error: `import:stage3` needs `verify:stage3`, which is not up to date\n\
                   hint: run `bb step verify:stage3` first, or `bb build`\n";
    room.bb("step import:stage3").fails(1, refused);
    let run = room.told("build base -j 1 -k");
    assert_eq!(run.code, Some(5), "{run}");
    assert!(!run.executed().contains_key("import:stage3"), "{run}");
    assert!(!room.exists(".bb/stamps/import") && !room.exists(".bb/stamps/verify/stage3"));
    room.assert_tidy();
}

#[test]
fn a_mirror_that_serves_a_wrong_byte_is_told() {
    let mirror = Mirror::get();
    let room = compiled(Room::with_engine().with_mirror(&mirror));
    room.bb("update").ok();
    let bad = mirror.copy(&room.dir.join("bad"));
    flip(&bad.find("releases", "stage3", ".tar.xz"));
    let env = format!("file://{}", bad.folder.display());
    room.bb_with(&[("MIRROR", &env)], &format!("step fetch:{STAGE3}")).fails(5, "start   fetch:stage3-amd64-nomultilib-openrc.tar.xz (never built)\n\
         failed  fetch:stage3-amd64-nomultilib-openrc.tar.xz\n\
         error: `releases/amd64/autobuilds/TIMESTAMP/stage3-amd64-nomultilib-openrc-TIMESTAMP.tar.xz` is not what was expected\n\
         \x20 ROOM/bad: has another SHA512\n\
         hint: the mirrors may be out of date or altered; try another one\n\
         again: bb step fetch:stage3-amd64-nomultilib-openrc.tar.xz\n");
    assert!(!room.exists(&format!(".bb/downloads/{STAGE3}")));
    assert!(room.stamps().is_empty());
    // With a second mirror that is right, all is well.
    let both = format!("{env} file://{}", mirror.folder.display());
    room.told_with(&[("MIRROR", &both)], &format!("step fetch:{STAGE3}"))
        .ran(&format!("fetch:{STAGE3}"));
}

#[test]
fn a_snapshot_that_is_not_what_was_signed_is_not_pinned() {
    let mirror = Mirror::get();
    let room = compiled(Room::new().with_mirror(&mirror));
    let bad = mirror.copy(&room.dir.join("bad"));
    flip(&bad.find("snapshots", "gentoo-2", ".tar.xz"));
    let env = format!("file://{}", bad.folder.display());
    room.bb_with(&[("MIRROR", &env)], "update").fails(
        5,
        "error: bad signature: `snapshots/gentoo-DATE.tar.xz` is not what key `KEY` signed\n\
         hint: the file is altered or incomplete; fetch it again, or try another mirror\n",
    );
    assert!(!room.exists("bb.lock"));
}

#[test]
fn a_key_that_is_not_pinned_does_not_count() {
    let mirror = Mirror::get();
    let room = compiled(Room::new());
    let mirror = mirror.copy(&room.dir.join("bad"));
    let room = room.with_mirror(&mirror);
    let env = [("BB_FINGERPRINTS", "13EBBDBEDE7A12775DFDB1BABB572E0E2D182910")];
    room.bb_with(&env, "update").fails(
        5,
        "error: `ROOM/bad/key.asc` holds none of the pinned keys\n\
         hint: it holds `KEY`\n",
    );
    assert!(!room.exists("bb.lock"));
}

// ---- a full disk

/// Runs a shell script in which `$BB` is the program and `.bb` a small file system of its own.
fn with_small_disk(room: &Room, size: &str, script: &str) -> Run {
    let mut command = Command::new("unshare");
    let mounted = format!("set -e; mkdir -p .bb; mount -t tmpfs -o size={size} none .bb; {script}");
    command.args(["-m", "sh", "-c", &mounted]).current_dir(room.path(""));
    room.seal(&mut command);
    command.env("BB", env!("CARGO_BIN_EXE_bb"));
    Run::of(command)
}

#[test]
fn a_disk_that_is_full_from_the_start_is_told() {
    let room = Room::with_engine();
    room.dock("a", COPY, &[("file", "1")]);
    let script = "head -c 1M /dev/zero >.bb/filler 2>/dev/null || true
        \"$BB\" build || echo \"exit code $?\"; find .bb -type f ! -name filler; rm .bb/filler; \"$BB\" build";
    with_small_disk(&room, "256k", script).is(
        0,
        "exit code 1\n",
        "error: cannot write `.bb/CACHEDIR.TAG`: no space left on device\n\
         hint: free some space (`bb df` tells what takes it, `bb gc` removes what nothing needs) and run the same command again; nothing is lost\n\
         start   dockerfile:a (never built)\n\
         done    dockerfile:a in TIME\n\
         start   image:a (never built)\n\
         done    image:a in TIME, SIZE, assembled\n\
         done: 2 steps in TIME, 0 up to date\n",
    );
}

#[test]
fn a_disk_that_fills_up_during_a_build_is_told() {
    let room = Room::with_engine();
    room.dock("a", COPY, &[("file", "1")]);
    let script = "\"$BB\" build; echo 2 >bb-dock/a/file
        head -c 1M /dev/zero >.bb/filler 2>/dev/null || true
        \"$BB\" build || echo \"exit code $?\"; ls -A .bb/tmp; rm .bb/filler; \"$BB\" build";
    with_small_disk(&room, "256k", script).is(
        0,
        "exit code 1\n",
        "start   dockerfile:a (never built)\n\
         done    dockerfile:a in TIME\n\
         start   image:a (never built)\n\
         done    image:a in TIME, SIZE, assembled\n\
         done: 2 steps in TIME, 0 up to date\n\
         failed  dockerfile:a\n\
         error: cannot write `.bb/records/dockerfile/a.json`: no space left on device\n\
         hint: free some space (`bb df` tells what takes it, `bb gc` removes what nothing needs) and run the same command again; nothing is lost\n\
         again: bb step dockerfile:a\n\
         1 step failed, 1 not run because of it; 0 done\n\
         start   image:a (bb-dock/a/file changed)\n\
         done    image:a in TIME, SIZE, assembled\n\
         done: 1 step in TIME, 1 up to date\n",
    );
}

#[test]
fn a_disk_that_fills_up_during_a_download_is_told() {
    let room = compiled(Room::with_engine().with_mirror(&Mirror::get()));
    let script = format!(
        "\"$BB\" update >/dev/null; \"$BB\" step fetch:{STAGE3} || echo \"exit code $?\"
         [ ! -e .bb/downloads/{STAGE3} ]; [ ! -e .bb/stamps ]; mount -o remount,size=400m .bb
         \"$BB\" step fetch:{STAGE3}"
    );
    with_small_disk(&room, "16m", &script).is(0, "exit code 1\n", "pinned  stage3 TIMESTAMP and snapshot DATE in bb.lock\n\
         start   fetch:stage3-amd64-nomultilib-openrc.tar.xz (never built)\n\
         failed  fetch:stage3-amd64-nomultilib-openrc.tar.xz\n\
         error: cannot write `.bb/downloads/stage3-amd64-nomultilib-openrc.tar.xz.part`: no space left on device\n\
         hint: free some space (`bb df` tells what takes it, `bb gc` removes what nothing needs) and run the same command again; nothing is lost\n\
         again: bb step fetch:stage3-amd64-nomultilib-openrc.tar.xz\n\
         start   fetch:stage3-amd64-nomultilib-openrc.tar.xz (never built)\n\
         done    fetch:stage3-amd64-nomultilib-openrc.tar.xz in TIME, SIZE\n");
}

// ---- Buildconfig.sh

#[test]
fn a_mistyped_hook_is_told_before_anything_runs() {
    let room = two_docks();
    room.write(
        "bb-dock/nginx/Buildconfig.sh",
        "PACKAGES='a/b'\n\nfinish_rootfs_buid() {\n\ttrue\n}\n",
    );
    build_fails(
        &room,
        3,
        "error: nothing calls `finish_rootfs_buid`\n --> bb-dock/nginx/Buildconfig.sh:3:1\n  |\n\
         3 | finish_rootfs_buid() {\n  | ^^^^^^^^^^^^^^^^^^\nhint: did you mean `finish_rootfs_build`?\n",
    );
    room.write("bb-dock/nginx/Buildconfig.sh", "_packages=\"a/b\"\n");
    build_fails(
        &room,
        3,
        "error: nothing reads `_packages`\n --> bb-dock/nginx/Buildconfig.sh:1:1\n  |\n\
         1 | _packages=\"a/b\"\n  | ^^^^^^^^^\nhint: did you mean `PACKAGES`?\n",
    );
}

#[test]
fn a_buildconfig_of_windows_is_told() {
    let room = two_docks();
    room.write("bb-dock/nginx/Buildconfig.sh", "PACKAGES='a/b'\r\n");
    let run = room.bb("build");
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    let begin = "error: a line ends as on Windows, and bash takes the carriage return for a part of \
                 the word before it\n --> bb-dock/nginx/Buildconfig.sh:1:15\n";
    assert!(run.stderr.starts_with(begin), "{}", run.stderr);
    untouched(&room);
}
