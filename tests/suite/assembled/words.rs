//! Random words, each as the engine's own builder reads it: the same value, or refused by both.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::Stdio;
use std::sync::Mutex;

use gentoo_bb::dockerfile::{Known, Markers, Rendered, template};
use support::sealed::{Engine, Room};

use super::{compare, dock};

#[allow(dead_code, reason = "only its words are wanted here")]
#[path = "../../../src/dockerfile/words/reference.rs"]
mod reference;

/// Words that both take: many in one instruction, for each instruction is a moment to the engine.
const TAKEN: usize = 1_840;
const LINE: usize = 46;
/// Of those whose quotes reach beyond them, and which have an instruction of their own.
const ALONE: usize = 12;
/// Words that both refuse, each in a Dockerfile of its own.
const REFUSED: usize = 160;

/// Operators that the classic builder of Docker 20.10 does not know, and BuildKit does.
fn is_newer(word: &str) -> bool {
    word.match_indices("${").any(|(at, _)| {
        let rest = word[at + 2..].trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
        let rest =
            if rest.len() == word.len() - at - 2 { rest.get(1..).unwrap_or("") } else { rest };
        let rest = rest.strip_prefix(':').unwrap_or(rest);
        let colon = word[..word.len() - rest.len()].ends_with(':');
        rest.starts_with(['#', '%', '/']) || !colon && rest.starts_with(['-', '+'])
    })
}

fn parsed(text: &str) -> Option<template::Template> {
    let (markers, docks) = (Markers::default(), BTreeSet::new());
    let source = Rendered::from_template(std::path::Path::new("Dockerfile"), text, &markers);
    let known = Known {
        markers: &markers,
        docks: &docks,
        triggers: &BTreeMap::new(),
        architecture: Some("amd64"),
    };
    template::parse(&source, known).ok()
}

const VARIABLES: &str = "FROM scratch\nENV A=a B=b/b.b E= S=\"s  s\"\n";

/// A Dockerfile of words that are taken here, and words that are not.
fn sorted_out() -> (String, Vec<String>) {
    let mut random = reference::Random::new(20_261_128);
    let (mut taken, mut alone, mut refused) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    while taken.len() < TAKEN || refused.len() < REFUSED {
        let word = random.word('\\', false);
        // The reference knows that nothing else is set, which cannot be told before the parent is there.
        match reference::expand(&word, '\\') {
            // An escape character at the end would continue the line.
            _ if is_newer(&word) || word.ends_with('\\') => {}
            Some(_) => {
                let both = parsed(&format!("{VARIABLES}LABEL w={word} end=1\n"));
                let ends = both.is_some_and(|template| template.labels.contains("end"));
                let (set, most) = if ends { (&mut taken, TAKEN) } else { (&mut alone, ALONE) };
                if set.len() < most {
                    set.insert(word);
                }
            }
            None if refused.len() < REFUSED => drop(refused.insert(word)),
            None => {}
        }
    }
    let named = |(n, word): (usize, &String)| format!(" w{n}={word}");
    let words = taken.iter().chain(&alone).enumerate().map(named).collect::<Vec<_>>();
    let (taken, alone) = words.split_at(taken.len());
    let lines = taken.chunks(LINE).map(<[String]>::concat).chain(alone.iter().cloned());
    let lines = lines.map(|words| format!("LABEL{words}\n")).collect::<Vec<_>>();
    (format!("{VARIABLES}{}", lines.concat()), refused.into_iter().collect())
}

#[test]
fn random_words_are_what_the_engine_makes_of_them() {
    let room = Room::with_engine();
    let (text, refused) = sorted_out();
    dock(&room, "words", &text);
    room.bb("build").ok();
    assert!(super::labels(&room, "words").len() > TAKEN);
    assert_eq!(compare(&room, "words"), None);
    // What needs a variable's value to be told wrong is told when it is put together.
    let failures = in_parallel(&refused, |word| {
        let text = format!("{VARIABLES}LABEL w={word}\n");
        if !word.contains('?') && parsed(&text).is_some() {
            return Some(format!("`{word}` is taken here"));
        }
        builds(room.engine(), &text).then(|| format!("the engine takes `{word}`"))
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Does the engine's builder take a Dockerfile that needs no files?
pub fn builds(engine: &Engine, text: &str) -> bool {
    let mut command = engine.command(&["build", "--quiet", "--force-rm", "-"]);
    command.env("DOCKER_BUILDKIT", "0").stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may have seen enough before the end.
    child.stdin.take().unwrap().write_all(text.as_bytes()).ok();
    let out = child.wait_with_output().unwrap();
    if out.status.success() {
        engine.docker(&["rmi", "-f", String::from_utf8_lossy(&out.stdout).trim()]);
    }
    out.status.success()
}

/// What a function says of each, asked three at a time.
pub fn in_parallel<T: Sync>(of: &[T], ask: impl Fn(&T) -> Option<String> + Sync) -> Vec<String> {
    let (next, told) = (Mutex::new(of.iter()), Mutex::new(vec![]));
    let take = || next.lock().unwrap().next();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some(one) = take() {
                    told.lock().unwrap().extend(ask(one));
                }
            });
        }
    });
    told.into_inner().unwrap()
}
