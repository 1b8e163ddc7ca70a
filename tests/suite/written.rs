//! `doc/writing-a-dock.md`, followed word for word: its commands work, and say what it says.

use std::fmt::Write;
use std::fs;
use std::process::Command;

use regex::Regex;
use support::sealed::{Mirror, Room, Run};

use crate::slice::copy_dock;

/// A block of the page that is for a shell.
enum Block {
    /// A script.
    Sh(String),
    /// Commands with what they say: `…` stands for anything, and for any lines where it is one.
    Console(Vec<(String, String)>),
}

fn blocks(page: &str) -> Vec<Block> {
    let fence = Regex::new(r"(?ms)^```(sh|console)\n(.*?)^```$").unwrap();
    let block = |found: regex::Captures<'_>| match &found[1] {
        "sh" => Block::Sh(found[2].to_owned()),
        _ => Block::Console(commands(&found[2])),
    };
    fence.captures_iter(page).map(block).collect()
}

fn commands(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::<(String, String)>::new();
    for line in text.lines() {
        match (line.strip_prefix("$ "), found.last_mut()) {
            (Some(command), _) => found.push((command.to_owned(), String::new())),
            (None, Some((_, said))) => writeln!(said, "{line}").unwrap(),
            (None, None) => panic!("`{line}` comes before any command"),
        }
    }
    found
}

/// What is said has the page's lines in their order.
fn pattern(said: &str) -> Regex {
    let line = |line: &str| match line {
        "…" => "(?:.*\\n)*?".to_owned(),
        line => regex::escape(line).replace('…', ".+") + "\\n",
    };
    Regex::new(&format!("^{}$", said.lines().map(line).collect::<String>())).unwrap()
}

fn run(room: &Room, script: &str) -> Run {
    let mut command = Command::new("sh");
    room.seal(&mut command);
    let path = format!("{}:{}", support::programs().display(), std::env::var("PATH").unwrap());
    command.args(["-ec", script]).current_dir(room.path("")).env("PATH", path);
    Run::of(command)
}

#[test]
fn the_page_about_docks_is_followed_word_for_word() {
    let room = Room::with_engine().with_mirror(&Mirror::get());
    copy_dock(&room, "busybox");
    let page = fs::read_to_string(support::checkout().join("doc/writing-a-dock.md")).unwrap();
    let blocks = blocks(&page);
    assert!(blocks.len() > 8, "{}", blocks.len());
    for block in blocks {
        match block {
            Block::Sh(script) => {
                let ran = run(&room, &script);
                assert_eq!(ran.code, Some(0), "{script}\n{}{}", ran.stdout, ran.stderr);
            }
            Block::Console(commands) => {
                for (command, said) in commands {
                    let ran = run(&room, &command);
                    assert_eq!(ran.code, Some(0), "{command}\n{}{}", ran.stdout, ran.stderr);
                    let all = format!("{}{}", ran.stdout, ran.stderr);
                    assert!(pattern(&said).is_match(&all), "{command}\n{said}\nis\n{all}");
                }
            }
        }
    }
}
