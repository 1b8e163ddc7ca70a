//! `bb shell` and `bb run` with a real builder and real images, from a pipe and at a terminal.

use std::process::Command;

use support::sealed::{Room, Run, Running};

use super::Project;
use crate::terminal::tmux::Terminal;

/// `echo INPUT | bb ARGS`.
pub fn fed(room: &Room, args: &str, input: &str) -> Run {
    Run::fed(room.command(args), input)
}

/// Containers that somebody sits in.
fn sitting(room: &Room, what: &str) -> Vec<String> {
    let label = format!("label=bb.seat={what}");
    let args = ["ps", "-aq", "--filter", &label, "--filter", &room.project_filter()];
    room.engine().docker(&args).lines().map(str::to_owned).collect()
}

pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// `bb ARGS` at a terminal.
fn terminal(room: &Room, args: &str) -> Terminal {
    let mut tmux = Command::new("tmux");
    room.seal(&mut tmux);
    tmux.current_dir(room.path(""));
    let line = format!("{} {args}", env!("CARGO_BIN_EXE_bb"));
    Terminal::start(tmux, room.path("../tmux.sock"), &line)
}

#[test]
fn a_shell_has_what_the_step_would_have_and_leaves_nothing() {
    let project = Project::get();
    let room = &project.room;
    let stamps = room.stamps();
    let script = "pwd\nls /config\necho $PACKAGES\nls /sys/class/net\ntype -t copy_gcc_libs\n\
                  test -x /emerge-root/bin/busybox && echo the parent is there\n\
                  emerge --info | head -n1 | cut -d' ' -f1\nexit 7\n";
    let run = fed(room, "shell s6", script);
    let stdout =
        "/config\nBuildconfig.sh\nsys-apps/s6\nlo\nfunction\nthe parent is there\nPortage\n";
    let stderr = "The builder of rootfs:s6. No network; what you change goes when you leave.\n  \
                  /config             the dock\n  \
                  /emerge-root        the image's root, now with what its parents have\n  \
                  build-root build    all that the step does\n  \
                  emerge_in R ATOM    one package into R: / or /emerge-root\n";
    run.is(7, stdout, stderr);
    assert_eq!(room.stamps(), stamps);
    room.bb("build").fails(0, "nothing to do: 25 steps up to date\n");
}

#[test]
fn a_shell_at_a_terminal_is_one_and_follows_its_size() {
    let project = Project::get();
    let room = &project.room;
    let stamps = room.stamps();
    let terminal = terminal(room, "shell s6");
    terminal.shows("bob:s6 config #");
    terminal.keys(&["stty size", "Enter"]);
    terminal.shows("\n24 80\n");
    terminal.resize(100);
    // The news has a way to go.
    let told = (0..100).any(|_| {
        terminal.keys(&["clear; stty size; echo do''ne", "Enter"]);
        terminal.shows("\ndone\n").contains("24 100\n")
    });
    assert!(told);
    terminal.keys(&["clear; echo be''gin; sleep 1000", "Enter"]);
    terminal.shows("begin\n");
    terminal.keys(&["C-c"]);
    terminal.shows("^C\nbob:s6 config #");
    terminal.keys(&["echo code $?; exit 9", "Enter"]);
    let screen = terminal.shows("exit code 9");
    assert!(screen.contains("code 130"), "Ctrl-C is the shell's: {screen}");
    assert_eq!(room.stamps(), stamps);
}

#[test]
fn an_image_runs_with_what_it_is_given() {
    let project = Project::get();
    let room = &project.room;
    room.bb("run busybox echo a -l").is(0, "a -l\n", "");
    fed(room, "run -e WORD=hello busybox sh", "echo $WORD\necho oops >&2\nexit 3\n")
        .is(3, "hello\n", "oops\n");
    room.bb("run busybox no-such-program").code.filter(|code| *code == 1).unwrap();
    assert_eq!(sitting(room, "run:busybox"), [""; 0]);
}

#[test]
fn ctrl_c_stops_what_runs() {
    let project = Project::get();
    let room = &project.room;
    let port = free_port().to_string();
    let run = format!("run -p 127.0.0.1:{port}:80 nginx");
    let mut running = Running::start(room.command(&run));
    running.wait_for_text("start worker process ");
    let container = sitting(room, "run:nginx").pop().unwrap();
    let format = "{{(index .HostConfig.PortBindings \"80/tcp\" 0).HostPort}}";
    assert_eq!(room.engine().docker(&["inspect", "--format", format, &container]), port);
    running.signal("INT");
    let run = running.end();
    assert_eq!(run.code, Some(130), "{}", run.stderr);
    assert!(run.stderr.ends_with("error: interrupted\n"), "{}", run.stderr);
    assert_eq!(sitting(room, "run:nginx"), [""; 0]);

    let terminal = terminal(room, "run nginx");
    terminal.shows("start worker process ");
    terminal.keys(&["C-c"]);
    terminal.shows("exit code ");
    assert_eq!(sitting(room, "run:nginx"), [""; 0]);
}
