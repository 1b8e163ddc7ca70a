//! `bb logs`: which log it shows, how many are kept, and one that grows meanwhile.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use support::fake::engine::World;
use support::fake::room::{Room, says};

use crate::family::{bb, family};

/// A project whose task does what `word` says.
fn task() -> Room {
    let room = Room::new(World::default());
    room.write("bb.toml", "[task.t]\nrun = \". ./word\"\ninputs = [\"word\"]\n");
    fs::create_dir(room.path("bb-dock")).unwrap();
    room
}

#[track_caller]
fn runs(room: &Room, script: &str, code: i32) {
    room.write("word", script);
    let run = bb(room, "build");
    assert_eq!(run.code, Some(code), "{}", run.text);
}

#[test]
fn the_logs_of_the_last_runs_are_kept() {
    let room = task();
    says(
        &bb(&room, "logs task:t"),
        1,
        "error: `task:t` has no log\n\
         hint: a log is there once a step has run and has written something\n",
    );
    for number in 1..=5 {
        runs(&room, &format!("echo {number}"), 0);
    }
    says(&bb(&room, "logs task:t"), 0, "5\n");
    says(&bb(&room, "logs task:t --previous 1"), 0, "4\n");
    says(&bb(&room, "logs task:t -p 2"), 0, "3\n");
    let run = bb(&room, "logs task:t -p 3");
    assert_eq!(run.code, Some(2), "{}", run.text);
    let files = fs::read_dir(room.path(".bb/logs/task")).unwrap();
    let mut files =
        files.map(|e| e.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>();
    files.sort();
    assert_eq!(files, ["t.log", "t.log.1", "t.log.2"]);
    // A run that writes nothing has no log, and not that of an earlier one.
    runs(&room, "true", 0);
    says(
        &bb(&room, "logs task:t"),
        1,
        "error: the last run of `task:t` has written nothing\n\
         hint: `bb logs task:t --previous 1` shows the run before\n",
    );
    says(&bb(&room, "logs task:t --previous 1"), 0, "5\n");
    runs(&room, "exit 3", 1);
    let run = bb(&room, "build");
    assert!(!run.text.contains("log:"), "{}", run.text);
}

#[test]
fn without_a_name_it_is_the_step_that_has_failed_last() {
    let room = task();
    let none = "error: no step has failed\n\
                hint: name an image or a step: `bb status` lists them\n";
    says(&bb(&room, "logs"), 1, none);
    runs(&room, "echo good", 0);
    says(&bb(&room, "logs"), 1, none);
    runs(&room, "echo bad; exit 1", 1);
    says(&bb(&room, "logs"), 0, "bad\n");
    says(&bb(&room, "logs --follow"), 0, "bad\n");
    runs(&room, "echo good again", 0);
    says(&bb(&room, "logs"), 1, none);
}

#[test]
fn of_an_image_all_steps_are_shown_and_of_a_step_its_own() {
    let room = family();
    let builder = "==> rootfs:top <==\ncompiling\n\n";
    let assembled = "bb: assembled, 2 layers of its own\nloaded\n";
    room.write(".bb/logs/rootfs/top.log", "compiling\n");
    says(&bb(&room, "logs top"), 0, &format!("{builder}==> image:top <==\n{assembled}"));
    says(&bb(&room, "logs image:top"), 0, assembled);
    says(&bb(&room, "logs rootfs:top"), 0, "compiling\n");
    says(&bb(&room, "logs plain"), 0, "bb: assembled, 1 layer of its own\nloaded\n");
    says(
        &bb(&room, "logs dockerfile:top"),
        1,
        "error: `dockerfile:top` has no log\n\
         hint: a log is there once a step has run and has written something\n",
    );
    says(&bb(&room, "logs tip"), 2, "error: unknown image `tip`\nhint: did you mean `top`?\n");
    says(
        &bb(&room, "logs image:tip"),
        2,
        "error: unknown step `image:tip`\nhint: did you mean `image:top`?\n",
    );
    // A dock that is gone leaves its logs.
    room.dock("late", "FROM scratch\nCOPY f /\n");
    bb(&room, "build late").ok();
    fs::remove_dir_all(room.path("bb-dock/late")).unwrap();
    says(&bb(&room, "logs image:late"), 0, "bb: assembled, 1 layer of its own\nloaded\n");
}

/// Who reads what it says as it says it.
struct Reader {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Reader {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }

    fn rest(mut self) -> (String, Option<i32>) {
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        (rest, self.child.wait().unwrap().code())
    }
}

#[test]
fn a_log_is_followed_until_its_step_has_ended() {
    for target in ["task:t", ""] {
        let room = task();
        runs(&room, "echo of an earlier run", 0);
        for pipe in ["begin", "end"] {
            assert!(Command::new("mkfifo").arg(room.path(pipe)).status().unwrap().success());
        }
        room.write("word", "cat begin; echo one; cat end; echo three");
        let mut build = Reader::start(room.command("sh", &["-c", "exec bb build 2>&1"]));
        while !build.line().starts_with("start   task:t ") {}
        // It works, and has written nothing yet.
        let mut logs =
            Reader::start(room.command(
                "bb",
                &["logs", "--follow", target][..if target.is_empty() { 2 } else { 3 }],
            ));
        fs::write(room.path("begin"), "").unwrap();
        if target.is_empty() {
            // The log before may have been the newest when it began.
            assert!(["one\n", "of an earlier run\n"].contains(&logs.line().as_str()));
        } else {
            assert_eq!(logs.line(), "one\n");
        }
        fs::write(room.path("end"), "two\n").unwrap();
        let (rest, code) = logs.rest();
        assert!(rest.ends_with("two\nthree\n"), "{rest:?}");
        assert_eq!((code, build.rest().1), (Some(0), Some(0)));
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let room = task();
    runs(&room, "yes | head -n 100000", 0);
    let run = room.run("sh", &["-c", "(bb logs task:t; echo $? >code) | head -n 1"]);
    says(&run, 0, "y\n");
    assert_eq!(fs::read_to_string(room.path("code")).unwrap(), "0\n");
}

/// Only a terminal has a width.
#[test]
fn what_is_piped_is_not_cut() {
    let room = task();
    let long = "x".repeat(5000);
    room.write("word", &format!("echo {long}; exit 3"));
    let run = bb(&room, "build");
    assert_eq!(run.code, Some(1), "{}", run.text);
    assert!(run.text.contains(&format!("\n  {long}\n")), "{}", run.text);
    let run = bb(&room, "build --message-format json");
    assert!(run.text.contains(&format!("\"{long}\"")), "{}", run.text);
    // What is printed, of a name that no terminal has the width for.
    let name = format!("{}/{}", "n".repeat(200), "m".repeat(200));
    room.dock("odd", "FROM scratch\nCOPY d /d\n");
    room.write(&format!("bb-dock/odd/d/{name}"), "x");
    room.write("word", "true");
    bb(&room, "build odd").ok();
    let sizes = bb(&room, "size odd").ok().text;
    assert!(sizes.contains(&"n".repeat(200)), "{sizes}");
}
