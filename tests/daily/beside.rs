//! Judging beside the loop: who presses Ctrl-C does not wait for a long file.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use support::fake::engine::World;
use support::fake::room::Room;

/// Reading it takes seconds, and it takes no room.
const LONG: u64 = 4 << 30;
/// SIGINT's bit in the masks of /proc/PID/status (proc_pid_status(5)).
const INTERRUPT: u64 = 1 << 1;

/// Waits until a process catches Ctrl-C.
fn catches_interrupts(child: &Child) {
    loop {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim();
        if u64::from_str_radix(mask, 16).unwrap() & INTERRUPT != 0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A loop that judges by itself would have found the step fresh, and ended well.
#[test]
fn ctrl_c_does_not_wait_for_a_long_file() {
    let room = Room::new(World::default());
    let task = "[task.t]\nrun = \"touch made\"\ninputs = [\"long\"]\noutputs = [\"made\"]\n";
    room.dock("plain", "FROM scratch\nCOPY f /\n");
    room.settings("", task);
    let long = File::create(room.path("long")).unwrap();
    long.set_len(LONG).unwrap();
    room.run("bb", &["build", "task:t"]).ok();
    filetime::set_file_mtime(room.path("long"), filetime::FileTime::now()).unwrap();
    let mut build = room.command("bb", &["build", "task:t"]);
    let build = build.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    catches_interrupts(&build);
    let id = build.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let run = build.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(130), "{text}");
    assert!(text.ends_with("error: interrupted\n"), "{text}");
    // What was not read to its end is read again: it is as it was.
    let again = room.told("build task:t");
    again.ran("");
}
