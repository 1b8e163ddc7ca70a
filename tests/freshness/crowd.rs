//! Any number of processes on one project: each step is executed once, and who waits says for whom.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command};
use std::sync::mpsc::{Sender, channel};

use support::fake::engine::Hook;
use support::fake::room::{Room, Run};

use crate::project::{STEPS, assert_whole, whole};

const PROCESSES: usize = 50;

/// Steps that need none before them.
const FIRST: [&str; 4] = ["dockerfile:base", "dockerfile:child", "dockerfile:deep", "task:t"];

fn command(room: &Room, number: usize) -> Command {
    match number % 5 {
        0 | 1 => room.command("bb", &["build", "-j", "2"]),
        2 | 3 => room.command("bb", &["step", FIRST[number / 5 % FIRST.len()]]),
        _ => room.command("make", &["-j3", "-f", "Makefile.generated"]),
    }
}

/// Reads to the end; tells of the first line that says somebody waits for `image:base`.
fn read(mut child: Child, reader: std::io::PipeReader, tell: &Sender<()>) -> Run {
    let mut text = String::new();
    let mut reader = BufReader::new(reader);
    let mut line = String::new();
    while reader.read_line(&mut line).unwrap() > 0 {
        if line.starts_with("wait    image:base (") {
            let _ = tell.send(());
        }
        text += &std::mem::take(&mut line);
    }
    Run { code: child.wait().unwrap().code(), text }
}

#[test]
fn fifty_processes_execute_each_step_once() {
    let room = whole();
    let (tell, told) = channel();
    // The first that builds the image goes on when another one waits for it.
    let act = Box::new(move || told.recv().unwrap());
    room.engine.hook(Hook { image: "base".to_owned(), act });
    // Of a process that is dead.
    room.write(".bb/locks/image/base", "process 1999999999\n");
    let start = |number| {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut command = command(&room, number);
        command.stdout(writer.try_clone().unwrap()).stderr(writer);
        let (child, tell) = (command.spawn().unwrap(), tell.clone());
        std::thread::spawn(move || read(child, reader, &tell))
    };
    let readers = (0..PROCESSES).map(start).collect::<Vec<_>>();
    let runs = readers.into_iter().map(|r| r.join().unwrap().ok()).collect::<Vec<_>>();
    let mut started = runs.iter().flat_map(Run::started).collect::<Vec<_>>();
    started.sort();
    let all = started.len();
    started.dedup();
    let text = runs.iter().map(|r| r.text.as_str()).collect::<String>();
    assert_eq!((all, started.len()), (STEPS, STEPS), "{text}");
    assert_eq!(room.engine.built(), ["base", "child", "deep"]);
    let waits = text.lines().filter(|line| line.starts_with("wait    ")).collect::<Vec<_>>();
    let owner = regex::Regex::new(r"^wait    [a-z]+:\S+ \(process [1-9]\d* is at it\)$").unwrap();
    assert!(!waits.is_empty() && waits.iter().all(|line| owner.is_match(line)), "{waits:#?}");
    assert!(!text.contains("1999999999"), "{text}");
    assert_whole(&room, "");
}
