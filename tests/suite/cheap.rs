//! What is rebuilt and what is not, on images FROM scratch: the real engine, no Portage, seconds.

use std::fs;
use std::process::Command;

use support::Told;
use support::sealed::{Room, Running, sorted};

use crate::image::{Image, Kind};
use crate::proxy::{Held, Proxy};

/// `base` ← `child`, and `other` beside them.
fn family() -> Room {
    let room = Room::with_engine();
    room.dock("base", "FROM scratch\nCOPY etc /etc\n", &[("etc/a.conf", "a\n")]);
    room.dock("child", "FROM ${NAMESPACE}/base\nCOPY run *.txt /\n", &[("run", "1\n")]);
    room.dock("other", "FROM scratch\nCOPY file /\n", &[("file", "1\n")]);
    room.told("build").ran(
        "dockerfile:base image:base dockerfile:child image:child dockerfile:other image:other",
    );
    room
}

#[track_caller]
fn nothing(room: &Room) {
    room.bb("build").is(0, "", "nothing to do: 6 steps up to date\n");
}

#[test]
fn the_first_build_tells_every_step_and_the_second_runs_none() {
    let room = Room::with_engine();
    room.dock(
        "a",
        "FROM scratch\nLABEL maintainer=\"${MAINTAINER}\"\nCOPY file /\n",
        &[("file", "1")],
    );
    room.bb("build").fails(
        0,
        "start   dockerfile:a (never built)\n\
         done    dockerfile:a in TIME\n\
         start   image:a (never built)\n\
         done    image:a in TIME, SIZE, assembled\n\
         done: 2 steps in TIME, 0 up to date\n",
    );
    room.bb("build").fails(0, "nothing to do: 2 steps up to date\n");
    let image = Image::read(room.engine(), &room.image("a"));
    assert_eq!(image.text("/file"), "1");
    room.assert_tidy();
}

#[test]
fn status_lists_every_step_and_changes_nothing() {
    let room = Room::with_engine();
    room.dock("a", "FROM scratch\nCOPY file /\n", &[("file", "1")]);
    room.dock("b", "FROM ${NAMESPACE}/a\n", &[]);
    let never = "stale  dockerfile:a  never built\nstale  dockerfile:b  never built\n\
                 stale  image:a       never built\nstale  image:b       never built\n";
    let status = |args: &str| {
        let run = room.bb(args).ok();
        assert_eq!(run.stderr, "");
        let mut lines = run.stdout.lines().map(|l| format!("{l}\n")).collect::<Vec<_>>();
        lines.sort_by_key(|l| l.split_whitespace().nth(1).map(str::to_owned));
        lines.concat()
    };
    assert_eq!(status("status"), never);
    assert!(!room.exists(".bb"));
    room.bb("build").ok();
    let fresh = "fresh  dockerfile:a\nfresh  dockerfile:b\nfresh  image:a\nfresh  image:b\n";
    assert_eq!(status("status"), fresh);
    room.write("bb-dock/a/file", "2");
    assert_eq!(
        status("status"),
        "fresh  dockerfile:a\nfresh  dockerfile:b\n\
         stale  image:a       bb-dock/a/file changed\nwaits  image:b       for image:a\n"
    );
    assert_eq!(status("status a").lines().count(), 2);
    room.told("build").ran("image:a image:b");
}

#[test]
fn touching_every_file_runs_nothing() {
    let room = family();
    for time in [1_000_000_000, 1_700_000_000, 4_000_000_000] {
        room.touch_all(time);
        nothing(&room);
        nothing(&room);
    }
}

#[test]
fn writing_every_file_anew_runs_nothing() {
    let room = family();
    for path in room.inputs() {
        let text = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, text).unwrap();
    }
    nothing(&room);
}

#[test]
fn a_changed_mode_of_a_file_in_the_image_runs_its_image() {
    let room = family();
    room.chmod("bb-dock/child/run", 0o755);
    let run = room.told("build").ran("image:child");
    assert_eq!(run.reason("image:child"), "mode of bb-dock/child/run changed: 0644 -> 0755");
    let image = Image::read(room.engine(), &room.image("child"));
    assert_eq!(image.entries["/run"].mode, 0o755);
}

#[test]
fn a_changed_content_runs_the_image_and_its_children() {
    let room = family();
    room.write("bb-dock/child/run", "2\n");
    room.told("build").ran("image:child");
    room.write("bb-dock/base/etc/a.conf", "b\n");
    room.told("build").ran("image:base image:child");
    let image = Image::read(room.engine(), &room.image("child"));
    assert_eq!((image.text("/run"), image.text("/etc/a.conf")), ("2\n".into(), "b\n".into()));
    nothing(&room);
}

/// Same size, and a file time that is older than before: no clock tells of it.
#[test]
fn a_changed_content_with_an_old_time_is_seen() {
    let room = family();
    room.touch_all(1_600_000_000);
    nothing(&room);
    room.write("bb-dock/other/file", "2\n");
    room.touch_all(1_600_000_000);
    room.told("build").ran("image:other");
    room.write("bb-dock/other/file", "3\n");
    room.touch_all(1_500_000_000);
    room.told("build").ran("image:other");
}

#[test]
fn added_and_removed_files_are_seen() {
    let room = family();
    room.write("bb-dock/child/new.txt", "new\n");
    room.told("build").ran("image:child");
    room.write("bb-dock/base/etc/deep/er.conf", "x\n");
    room.told("build").ran("image:base image:child");
    let image = Image::read(room.engine(), &room.image("child"));
    assert!(
        image.entries.contains_key("/new.txt") && image.entries.contains_key("/etc/deep/er.conf")
    );
    room.remove("bb-dock/child/new.txt");
    room.told("build").ran("image:child");
    room.remove("bb-dock/base/etc/deep");
    room.told("build").ran("image:base image:child");
    let image = Image::read(room.engine(), &room.image("child"));
    assert!(!image.entries.contains_key("/new.txt") && !image.entries.contains_key("/etc/deep"));
}

#[test]
fn a_link_that_points_elsewhere_is_seen() {
    let room = family();
    let link = room.path("bb-dock/base/etc/link");
    std::os::unix::fs::symlink("a.conf", &link).unwrap();
    room.told("build").ran("image:base image:child");
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("b.conf", &link).unwrap();
    room.told("build").ran("image:base image:child");
    let image = Image::read(room.engine(), &room.image("base"));
    assert_eq!(image.entries["/etc/link"].kind, Kind::Link("b.conf".into()));
}

#[test]
fn files_that_the_image_does_not_get_run_nothing() {
    let room = family();
    room.write("bb-dock/other/README.md", "# other\n");
    room.write("bb-dock/other/file~", "an editor's backup\n");
    room.write("bb-dock/other/.file.swp", "an editor's\n");
    room.append("bb-dock/other/Buildconfig.sh", "# nothing is compiled here\n");
    nothing(&room);
    room.write("bb-dock/base/.dockerignore", "**/*.bak\n");
    room.write("bb-dock/base/etc/a.conf.bak", "x\n");
    nothing(&room);
}

#[test]
fn a_template_that_changes_runs_what_changes() {
    let room = family();
    let template = "bb-dock/other/Dockerfile.template";
    room.append(template, "ENV A=1\n");
    room.told("build").ran("dockerfile:other image:other");
    // A dockerfile that comes out the same stops there.
    let text = room.read(template);
    room.write(template, &text.replace(&room.namespace, "${NAMESPACE}"));
    room.told("build").ran("dockerfile:other");
    room.append(template, "LABEL m=\"${MAINTAINER}\"\n");
    room.told("build").ran("dockerfile:other image:other");
}

#[test]
fn a_marker_in_the_environment_runs_what_has_it() {
    let room = Room::with_engine();
    room.dock("a", "FROM scratch\nLABEL m=\"${MAINTAINER}\"\nCOPY file /\n", &[("file", "1")]);
    room.dock("b", "FROM scratch\nCOPY file /\n", &[("file", "1")]);
    room.dock("c", "FROM ${NAMESPACE}/b\n", &[]);
    room.bb("build").ok();
    let author = [("AUTHOR", "Jane Doe <jdoe@example.org>")];
    room.told_with(&author, "build").ran("dockerfile:a image:a");
    room.bb_with(&author, "build").fails(0, "nothing to do: 6 steps up to date\n");
    let namespace = format!("{}-jdoe", room.namespace);
    let env = [author[0], ("NAMESPACE", namespace.as_str())];
    room.told_with(&env, "build").ran("image:a image:b dockerfile:c image:c");
    assert!(room.engine().has_image(&format!("{namespace}/c:latest")));
    let label = "{{.Config.Labels.m}}";
    let image = format!("{namespace}/a:latest");
    let said = room.engine().docker(&["image", "inspect", "--format", label, &image]);
    assert_eq!(said, author[0].1);
}

#[test]
fn another_tag_tags_both() {
    let room = family();
    room.told_with(&[("TAG", "1.0")], "build").ran("image:base image:child image:other");
    for tag in ["1.0", "latest"] {
        assert!(room.engine().has_image(&format!("{}/child:{tag}", room.namespace)), "{tag}");
    }
}

#[test]
fn an_image_that_is_gone_from_the_engine_is_put_back() {
    let room = family();
    let image = room.image("child");
    let id = room.engine().image_id(&image);
    room.engine().docker(&["rmi", &image]);
    let run = room.told("build").ran("");
    let put = run.of_type("put").map(|message| message["step"].clone()).collect::<Vec<_>>();
    assert_eq!(put, ["image:child"], "{run}");
    assert_eq!(room.engine().image_id(&image), id);
    nothing(&room);
}

#[test]
fn another_image_under_the_name_is_replaced() {
    let room = family();
    let before = room.engine().image_id(&room.image("other"));
    room.engine().docker(&["tag", &room.image("base"), &room.image("other")]);
    room.told("build").ran("");
    assert_eq!(room.engine().image_id(&room.image("other")), before);
    nothing(&room);
}

/// Other parents, not only other contents: `child` gets a parent that it never had.
#[test]
fn another_parent_runs_dockerfile_and_image() {
    let room = family();
    room.write("bb-dock/child/Dockerfile.template", "FROM ${NAMESPACE}/other\nCOPY run *.txt /\n");
    room.told("build").ran("dockerfile:child image:child");
    room.write("bb-dock/base/etc/a.conf", "b\n");
    room.told("build").ran("image:base");
}

#[test]
fn one_image_builds_only_what_it_needs() {
    let room = Room::with_engine();
    room.dock("base", "FROM scratch\nCOPY file /\n", &[("file", "1")]);
    room.dock("child", "FROM ${NAMESPACE}/base\n", &[]);
    room.dock("other", "FROM scratch\nCOPY file /\n", &[("file", "1")]);
    room.told("build child").ran("dockerfile:base image:base dockerfile:child image:child");
    room.bb_with(&[("EXCLUDE", "other")], "build").fails(0, "nothing to do: 4 steps up to date\n");
    room.told("build other base").ran("dockerfile:other image:other");
}

#[test]
fn a_step_at_a_time_builds_the_same() {
    let room = Room::with_engine();
    room.dock("a", "FROM scratch\nCOPY file /\n", &[("file", "1")]);
    room.bb("step image:a").fails(
        1,
        "error: `image:a` needs `dockerfile:a`, which is not up to date\n\
         hint: run `bb step dockerfile:a` first, or `bb build`\n",
    );
    room.told("step dockerfile:a").ran("dockerfile:a");
    room.told("step image:a").ran("image:a");
    room.told("step image:a").ran("");
    room.bb("build").fails(0, "nothing to do: 2 steps up to date\n");
}

#[test]
fn a_removed_stamp_runs_its_step() {
    let room = family();
    room.remove(".bb/stamps/image/other");
    room.told("build").ran("image:other");
    room.remove(".bb/stamps/dockerfile/base");
    // It comes out the same, so nothing else runs.
    room.told("build").ran("dockerfile:base");
    nothing(&room);
}

#[test]
fn a_removed_state_folder_runs_everything() {
    let room = family();
    room.remove(".bb");
    let all =
        "dockerfile:base image:base dockerfile:child image:child dockerfile:other image:other";
    room.told("build").ran(all);
    nothing(&room);
}

#[test]
fn a_damaged_record_runs_its_step() {
    let room = family();
    room.write(".bb/records/image/other.json", "{\"format\":1,");
    room.told("build").ran("image:other");
    room.remove(".bb/images/other/Dockerfile");
    room.told("build").ran("dockerfile:other");
    room.write(".bb/images/other/Dockerfile", "FROM scratch\n");
    room.told("build").ran("dockerfile:other");
    nothing(&room);
}

/// `bb ARGS`, held back where it loads an image.
fn hold(room: &Room, args: &str, start: fn(Command) -> Running) -> (Held, Running) {
    let proxy = Proxy::new(room.engine());
    let held = proxy.hold("/images/load");
    let mut command = room.command(args);
    command.env("DOCKER_HOST", &proxy.host);
    let running = start(command);
    held.wait();
    (held, running)
}

/// A file that was edited while its step ran makes the step stale, whatever its time.
#[test]
fn an_edit_during_a_build_is_seen_by_the_next() {
    let room = family();
    room.write("bb-dock/other/file", "2\n");
    let (held, running) = hold(&room, "build other", Running::start);
    room.write("bb-dock/other/file", "3\n");
    held.release();
    running.end().ok();
    room.told("build").ran("image:other");
    assert_eq!(Image::read(room.engine(), &room.image("other")).text("/file"), "3\n");
}

// ---- failures

/// `bad` cannot be built, `worse` is built on it, `good` has nothing to do with them.
fn with_a_bad_one() -> Room {
    let room = Room::with_engine();
    room.dock("bad", "FROM scratch\nRUN [\"/none\"]\n", &[]);
    room.dock("worse", "FROM ${NAMESPACE}/bad\n", &[]);
    room.dock("good", "FROM scratch\nCOPY file /\n", &[("file", "1")]);
    room
}

#[test]
fn a_failure_ends_the_build() {
    let room = with_a_bad_one();
    let run = room.told("build -j 1");
    assert_eq!((run.code, run.failed().join(" ")), (Some(1), "image:bad".to_owned()), "{run}");
    assert!(!run.executed().contains_key("image:worse"), "{run}");
    assert!(!room.engine().has_image(&room.image("worse")));
    room.assert_tidy();
    room.dock("bad", "FROM scratch\nCOPY file /\n", &[("file", "1")]);
    room.bb("build").ok();
    room.bb("build").fails(0, "nothing to do: 6 steps up to date\n");
}

#[test]
fn keep_going_builds_what_does_not_depend_on_a_failure() {
    let room = with_a_bad_one();
    let run = room.told("build -k");
    assert_eq!(run.code, Some(1));
    assert_eq!(run.done().join(" "), "dockerfile:bad dockerfile:good dockerfile:worse image:good");
    assert_eq!(run.summary(), "1 step failed, 1 not run because of it; 4 done");
    assert_eq!(
        room.stamps(),
        ["dockerfile:bad", "dockerfile:good", "dockerfile:worse", "image:good"]
    );
}

#[test]
fn jobs_limits_how_much_runs_at_the_same_time() {
    let room = Room::with_engine();
    for name in ["a", "b", "c"] {
        room.dock(name, "FROM scratch\nCOPY file /\n", &[("file", name)]);
    }
    let most = |run: &Told| {
        let (mut now, mut most) = (0, 0);
        for message in &run.messages {
            now += i32::from(message["type"] == "started") - i32::from(message["type"] == "done");
            most = most.max(now);
        }
        most
    };
    let run = room.told("build -j 1").ok();
    assert_eq!(most(&run), 1, "{run}");
    for name in ["a", "b", "c"] {
        room.append(&format!("bb-dock/{name}/file"), "2");
    }
    let (held, mut running) = hold(&room, "build -j 3", Running::telling);
    // One waits, so the others' ends show that they ran beside it.
    running.wait_for_message("done", "image:");
    running.wait_for_message("done", "image:");
    held.release();
    assert_eq!(running.told().ok().done().len(), 3);
}

// ---- several at once, and sudden ends

#[test]
fn a_killed_build_loses_only_the_running_step() {
    let room = family();
    room.write("bb-dock/base/etc/a.conf", "b\n");
    let (held, running) = hold(&room, "build", Running::start);
    running.kill();
    held.release();
    assert!(!room.exists(".bb/stamps/image/base"));
    room.told("build").ran("image:base image:child");
    nothing(&room);
    assert_eq!(Image::read(room.engine(), &room.image("child")).text("/etc/a.conf"), "b\n");
}

#[test]
fn an_interrupted_build_says_so_and_leaves_no_stamp() {
    for signal in ["INT", "TERM"] {
        let room = family();
        room.write("bb-dock/base/etc/a.conf", "b\n");
        let (held, running) = hold(&room, "build", Running::start);
        running.signal(signal);
        let run = running.end();
        held.release();
        assert_eq!(run.code, Some(130), "{}", run.stderr);
        assert!(run.stderr.ends_with("error: interrupted\n"), "{}", run.stderr);
        assert!(!room.exists(".bb/stamps/image/base"));
        room.assert_tidy();
        room.told("build").ran("image:base image:child");
    }
}

#[test]
fn two_builds_at_once_run_each_step_once() {
    let room = family();
    room.write("bb-dock/base/etc/a.conf", "b\n");
    room.write("bb-dock/other/file", "2\n");
    let (held, first) = hold(&room, "build -j 1", Running::telling);
    let mut second = Running::telling(room.command("build -j 1"));
    let wait = second.wait_for_message("waiting", "image:");
    assert_eq!(wait["owner"], format!("process {}", first.id()));
    held.release();
    let (first, second) = (first.told().ok(), second.told().ok());
    let done = sorted([first.done(), second.done()].concat());
    assert_eq!(done, ["image:base", "image:child", "image:other"]);
    nothing(&room);
}

#[test]
fn many_builds_from_nothing_run_each_step_once() {
    let room = Room::with_engine();
    for name in ["a", "b", "c", "d"] {
        room.dock(name, "FROM scratch\nCOPY file /\n", &[("file", name)]);
    }
    let all = (0..4).map(|_| Running::telling(room.command("build"))).collect::<Vec<_>>();
    let done = sorted(all.into_iter().flat_map(|running| running.told().ok().done()));
    let each =
        ["dockerfile", "image"].map(|kind| ["a", "b", "c", "d"].map(|n| format!("{kind}:{n}")));
    assert_eq!(done, each.concat());
}
