//! Any number of processes on one project: each step is executed once, and who waits says for whom.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command};
use std::sync::mpsc::{Sender, channel};

use support::Told;
use support::fake::engine::Hook;
use support::fake::room::Room;

use crate::project::{STEPS, assert_whole, whole};

const PROCESSES: usize = 50;

/// Steps that need none before them.
const FIRST: [&str; 4] = ["dockerfile:base", "dockerfile:child", "dockerfile:deep", "task:t"];

fn command(room: &Room, number: usize) -> Command {
    match number % 5 {
        0 | 1 => room.telling("bb", &["build", "-j", "2"]),
        2 | 3 => room.telling("bb", &["step", FIRST[number / 5 % FIRST.len()]]),
        _ => room.telling("make", &["-j3", "-f", "Makefile.generated"]),
    }
}

/// Reads to the end; tells of each line that says somebody waits for `image:base`.
fn read(mut child: Child, reader: std::io::PipeReader, tell: &Sender<()>) -> Told {
    let mut text = String::new();
    let mut reader = BufReader::new(reader);
    let mut line = String::new();
    while reader.read_line(&mut line).unwrap() > 0 {
        if line.starts_with(r#"{"type":"waiting","step":"image:base","#) {
            let _ = tell.send(());
        }
        text += &std::mem::take(&mut line);
    }
    Told::read(child.wait().unwrap().code(), &text)
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
    let mut started = runs.iter().flat_map(Told::started).collect::<Vec<_>>();
    started.sort();
    let all = started.len();
    started.dedup();
    let text = runs.iter().map(Told::to_string).collect::<String>();
    assert_eq!((all, started.len()), (STEPS, STEPS), "{text}");
    assert_eq!(room.engine.built(), ["base", "child", "deep"]);
    let waits = runs.iter().flat_map(|run| run.of_type("waiting")).collect::<Vec<_>>();
    let owner = regex::Regex::new(r"^process [1-9]\d*$").unwrap();
    let named = waits.iter().all(|wait| owner.is_match(wait["owner"].as_str().unwrap()));
    assert!(!waits.is_empty() && named, "{waits:#?}");
    assert!(!text.contains("1999999999"), "{text}");
    assert_whole(&room, "");
}
