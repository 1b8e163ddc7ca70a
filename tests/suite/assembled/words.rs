//! Random words, each as the engine's own builder reads it: the same value, or refused by both.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::Stdio;
use std::sync::Mutex;

use gentoo_bb::dock::{Known, Markers, Rendered, template};

use super::{compare, dock};
use crate::support::{Engine, Room};

#[allow(dead_code, reason = "only its words are wanted here")]
#[path = "../../../src/dock/words/reference.rs"]
mod reference;

/// Words in one Dockerfile that both take, and how many such.
const BATCH: usize = 230;
const BATCHES: usize = 8;
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

fn accepted(text: &str) -> bool {
    let (markers, docks) = (Markers::default(), BTreeSet::new());
    let source = Rendered::from_template(std::path::Path::new("Dockerfile"), text, &markers);
    template::parse(&source, Known { markers: &markers, docks: &docks, triggers: &BTreeMap::new() })
        .is_ok()
}

const VARIABLES: &str = "FROM scratch\nENV A=a B=b/b.b E= S=\"s  s\"\n";

/// Dockerfiles of words that are taken here, and words that are not.
fn sorted_out() -> (Vec<String>, Vec<String>) {
    let mut random = reference::Random::new(20_261_128);
    let (mut taken, mut refused) = (BTreeSet::new(), BTreeSet::new());
    while taken.len() < BATCH * BATCHES || refused.len() < REFUSED {
        let word = random.word('\\', false);
        // The reference knows that nothing else is set, which cannot be told before the parent is there.
        match reference::expand(&word, '\\') {
            _ if is_newer(&word) || word.starts_with('#') => {}
            Some(_) if taken.len() < BATCH * BATCHES => drop(taken.insert(word)),
            None if refused.len() < REFUSED => drop(refused.insert(word)),
            _ => {}
        }
    }
    let lines = taken.iter().enumerate().map(|(n, word)| format!("LABEL w{n}={word}\n"));
    let lines = lines.collect::<Vec<_>>();
    let batches = lines.chunks(BATCH).map(|lines| format!("{VARIABLES}{}", lines.concat()));
    (batches.collect(), refused.into_iter().collect())
}

#[test]
fn random_words_are_what_the_engine_makes_of_them() {
    let room = Room::with_engine();
    let (batches, refused) = sorted_out();
    for (number, text) in batches.iter().enumerate() {
        assert!(accepted(text), "batch {number}");
        dock(&room, &format!("words{number}"), text);
    }
    room.bb("build").ok();
    let failures = in_parallel(&(0..batches.len()).collect::<Vec<_>>(), |number| {
        compare(&room, &format!("words{number}"))
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    // What needs a variable's value to be told wrong is told when it is put together.
    let failures = in_parallel(&refused, |word| {
        let text = format!("{VARIABLES}LABEL w={word}\n");
        if !word.contains('?') && accepted(&text) {
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
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
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
