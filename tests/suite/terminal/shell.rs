//! `bb shell`: which container it opens, whose it is, and that nothing of it stays.

use std::process::Stdio;

use support::fake::room::Room;
use support::sealed::{Run, Running};

use super::{bare, command, dock, room, said};

/// `echo INPUT | bb ARGS`.
fn fed(room: &Room, args: &str, input: &str) -> Run {
    Run::fed(command(room, args), input)
}

/// All files of the state folder but logs and locks, with their times.
fn state(room: &Room) -> Vec<String> {
    let files = walkdir::WalkDir::new(room.path(".bb")).into_iter().map(Result::unwrap);
    let files = files.filter(|e| e.file_type().is_file() && !e.path().ends_with("project"));
    let line = |e: walkdir::DirEntry| {
        let time = e.metadata().unwrap().modified().unwrap();
        format!("{} {time:?}", e.path().display())
    };
    support::sealed::sorted(files.map(line))
}

#[test]
fn commands_from_a_pipe_are_the_shells_and_so_is_the_exit_code() {
    let room = room();
    said(&room, "build rootfs:busybox").ok();
    let before = state(&room);
    fed(&room, "shell nginx", "emerge --info\nexit 7\n").is(
        7,
        "build-root shell: emerge --info\nexit 7\n",
        "",
    );
    fed(&room, "shell busybox", "").is(0, "build-root shell: ", "");
    assert_eq!(state(&room), before, "it changes nothing");
    assert_eq!(room.engine.containers(), 0);
}

#[test]
fn what_it_stands_on_must_be_there() {
    let room = bare();
    said(&room, "shell busybox").fails(
        1,
        "error: `rootfs:busybox` needs `builder:bob`, which is not up to date\n\
         hint: run `bb step builder:bob` first, or `bb build`\n",
    );
    said(&room, "build builder:bob").ok();
    said(&room, "shell nginx").fails(
        1,
        "error: `rootfs:nginx` needs `rootfs:busybox`, which is not up to date\n\
         hint: run `bb step rootfs:busybox` first, or `bb build`\n",
    );
    room.engine.remove(|name| name.starts_with("gentoo-bb/bob"));
    let run = said(&room, "shell busybox");
    let (begin, end) = run.stderr.split_once("`gentoo-bb/bob:").unwrap();
    assert_eq!(begin, "error: the engine does not have the builder ");
    assert!(end.ends_with("`\nhint: run `bb build builder:bob` first\n"), "{end}");
}

#[test]
fn what_cannot_be_opened_is_told() {
    let room = room();
    let run = said(&room, "shell");
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
    said(&room, "shell ngnix")
        .fails(2, "error: unknown image `ngnix`\nhint: did you mean `nginx`?\n");
    room.write("bb-dock/plain/Dockerfile.template", "FROM scratch\n");
    room.write("bb-dock/plain/Buildconfig.sh", "");
    said(&room, "shell plain").fails(
        2,
        "error: `plain` has no builder: nothing is compiled for it\nhint: `bb run plain` starts the image\n",
    );
}

#[test]
fn an_open_shell_is_left_alone_and_a_killed_one_is_cleared_away() {
    let room = room();
    let mut open = command(&room, "shell busybox");
    open.stdin(Stdio::piped());
    let mut open = Running::start(open);
    let input = open.take_stdin();
    room.engine.wait_for_shells(1);
    // The same step is built beside it, and all that is abandoned is looked for.
    room.told("build rootfs:busybox").ran("rootfs:busybox");
    said(&room, "build rootfs:busybox").ok();
    let labels = room.engine.container_labels();
    assert_eq!(labels.len(), 1);
    assert_eq!(labels[0].get("bb.seat").map(String::as_str), Some("shell:busybox"));
    drop(input);
    let run = open.end();
    assert_eq!(
        (run.code, run.stdout.as_str(), run.stderr.as_str()),
        (Some(0), "build-root shell: ", "")
    );
    assert_eq!(room.engine.containers(), 0);

    let signals = [("TERM", 0), ("HUP", 0), ("INT", 0), ("KILL", 1)];
    for (number, (signal, left)) in signals.into_iter().enumerate() {
        let mut open = command(&room, "shell busybox");
        open.stdin(Stdio::piped());
        let mut open = Running::start(open);
        let _input = open.take_stdin();
        room.engine.wait_for_shells(2 + number);
        open.signal(signal);
        let run = open.end();
        assert_eq!(room.engine.containers(), left, "{signal}");
        if left == 0 {
            run.fails(130, "error: interrupted\n");
        }
    }
    said(&room, "build").ok();
    assert_eq!(room.engine.containers(), 0, "swept");
    assert_eq!(std::fs::read_dir(room.path(".bb/locks/seats")).unwrap().count(), 0);
}

#[test]
fn a_failed_step_is_opened_again_and_again_by_one_at_a_time() {
    let room = room();
    dock(&room, "busybox", "scratch", "fail 1\n");
    assert_eq!(said(&room, "step rootfs:busybox").code, Some(1));
    for args in ["shell --failed", "shell --failed busybox"] {
        fed(&room, args, "make\nexit 2\n").is(
            2,
            "build-root shell --failed finish: make\nexit 2\n",
            "",
        );
        assert_eq!(room.engine.containers(), 1, "it is still there");
    }
    let mut open = command(&room, "shell --failed");
    open.stdin(Stdio::piped());
    let mut open = Running::start(open);
    let input = open.take_stdin();
    room.engine.wait_for_shells(3);
    said(&room, "shell --failed busybox").fails(
        1,
        "error: another `bb shell` is in the builder of `rootfs:busybox`\nhint: leave that one first\n",
    );
    // The step runs again, and leaves the one that somebody sits in.
    dock(&room, "busybox", "scratch", "");
    room.told("build rootfs:busybox").ran("rootfs:busybox");
    assert_eq!(room.engine.containers(), 1);
    drop(input);
    assert_eq!(open.end().code, Some(0));
    assert_eq!(room.engine.containers(), 0, "its step is done: nobody comes back to it");
}
