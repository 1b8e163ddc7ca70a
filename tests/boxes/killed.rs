//! Whoever holds a box is killed, at any moment.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gentoo_bb::engine::native::Native;

use crate::room::{PROGRAM, Room, layer, program};

const STORE: &str = "BOXES_STORE";
const TOKEN: &str = "BOXES_TOKEN";

/// Not a test: what is killed. A box with a command in it, held until the end.
#[test]
#[ignore = "another test starts it"]
fn hold() {
    let store = std::env::var(STORE).unwrap();
    let native = Native::open(program(), Path::new(&store)).unwrap();
    let spec = gentoo_bb::engine::native::spec::BoxSpec {
        layers: vec![layer("root")],
        ..Default::default()
    };
    let id = native.start(&spec).unwrap();
    let token = std::env::var(TOKEN).unwrap();
    let command = gentoo_bb::engine::native::spec::Command::of(&["sleep", &token]);
    let _talk = native.exec(&id, &command).unwrap();
    println!("\nholds {id}");
    std::thread::sleep(Duration::from_secs(600));
}

fn holder(room: &Room, token: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "killed::hold", "--ignored", "--nocapture"]);
    command.env(STORE, room.folder.path().join("store")).env(TOKEN, token);
    command.env(PROGRAM, room.folder.path().join("bb"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Processes of this machine whose command line has a word in it that this one's has not.
fn with(word: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let own = std::process::id();
    let lines = numbers.filter(|pid| *pid != own).filter_map(|pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.contains(word).then(|| format!("{pid} {line}"))
    });
    lines.collect()
}

/// First processes of boxes whose parent is no process of ours any more.
fn orphans() -> Vec<String> {
    let firsts = with("__box first").into_iter();
    let alone = |line: &String| {
        let pid = line.split(' ').next().unwrap();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:\t"));
        let parent =
            parent.and_then(|parent| fs::read_to_string(format!("/proc/{parent}/cmdline")).ok());
        !status.is_empty() && parent.is_none_or(|line| !line.contains("__box"))
    };
    firsts.filter(alone).collect()
}

fn gone(what: impl Fn() -> Vec<String>) {
    let begun = Instant::now();
    loop {
        let left = what();
        if left.is_empty() {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "left: {left:#?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn kill(mut holder: Child) {
    holder.kill().unwrap();
    holder.wait().unwrap();
}

/// A room whose processes are told by the path of their program.
fn room() -> (Room, String) {
    let room = Room::new();
    let own = room.folder.path().join("bb");
    // By another process: what is open for writing here, whatever another test starts has open for a moment, and
    // what somebody has open for writing does not start.
    assert!(Command::new("cp").args([program(), own.clone()]).status().unwrap().success());
    (room, own.to_str().unwrap().to_owned())
}

#[test]
fn a_killed_holder_leaves_no_process_and_no_mount() {
    let (room, own) = room();
    for run in 0..20 {
        let token = format!("{}.{run}", 900_000_000 + std::process::id());
        let mut holder = holder(&room, &token);
        let out = BufReader::new(holder.stdout.take().unwrap());
        let said = out
            .lines()
            .map(Result::unwrap)
            .find_map(|l| l.strip_prefix("holds ").map(str::to_owned));
        let id = said.expect("the holder could not start its box");
        assert!(!with(&token).is_empty(), "the box was alive");
        std::thread::sleep(Duration::from_millis(fastrand::u64(0..20)));
        assert!(!with(&token).is_empty(), "and still is");
        kill(holder);
        gone(|| with(&token));
        gone(|| with(&own));
        gone(orphans);
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(room.folder.path().to_str().unwrap()), "{mounts}");
        let left = room.native.tidy().unwrap();
        assert_eq!(left.iter().map(ToString::to_string).collect::<Vec<_>>(), [id]);
    }
    assert_eq!(fs::read_dir(room.folder.path().join("store/boxes")).unwrap().count(), 0);
}

#[test]
fn a_holder_that_is_killed_while_it_starts_a_box_leaves_no_process() {
    let (room, own) = room();
    for run in 0..20 {
        let token = format!("{}.{run}", 800_000_000 + std::process::id());
        let holder = holder(&room, &token);
        std::thread::sleep(Duration::from_micros(fastrand::u64(0..60_000)));
        kill(holder);
        gone(|| with(&token));
        gone(|| with(&own));
        gone(orphans);
        room.native.tidy().unwrap();
    }
}

#[test]
fn a_box_that_somebody_holds_is_not_tidied_away() {
    let room = Room::new();
    let id = room.start();
    let other = Native::open(program(), &room.folder.path().join("store")).unwrap();
    assert!(other.tidy().unwrap().is_empty());
    assert_eq!(room.sh(&id, "echo still"), "still\n");
}
