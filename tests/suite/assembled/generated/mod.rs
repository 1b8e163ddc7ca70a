//! Random docks, built by `bb` and by the engine's classic builder: the same settings and the same files, or
//! both refuse.
//!
//! The seed is fixed, so that a run tells what the one before it told. For others:
//! `ASSEMBLED_SEED=7 ASSEMBLED_COUNT=5000 cargo test --test suite generated`. A difference is told with the
//! smallest case that shows it.
//!
//! | module | |
//! |---|---|
//! | `features` | parts of the grammar, by name |
//! | `grammar`, `dockerfile`, `faults` | text |
//! | `trees`, `archive` | files |
//! | `case` | a dock as a value |
//! | `both`, `saved` | building and comparing |

mod archive;
mod both;
mod case;
mod dockerfile;
mod faults;
mod features;
mod grammar;
mod saved;
mod trees;

use std::collections::BTreeMap;

use support::number;
use support::sealed::Room;

use self::both::{Difference, Outcome};
use self::case::Case;
use self::grammar::Source;

/// Cases that are built in one room, besides those they stand on.
const BATCH: usize = 25;
/// Images that others are built on, in each batch.
const BASES: usize = 2;
/// How many in `make test`.
const COUNT: u64 = 150;
const SEED: u64 = 20_260_101;
/// Differences that are made smaller; the rest is told as it is.
const SHRUNK: u64 = 4;
/// How often a smaller case is tried.
const ATTEMPTS: usize = 60;

/// The cases of a batch, those first that others are built on.
fn batch(seed: u64, count: usize) -> Vec<Case> {
    let mut source = Source::new(seed);
    let names = (0..BASES).map(|n| format!("b{n}")).collect::<Vec<_>>();
    let bases = names.iter().map(|name| dockerfile::base(name, &mut source)).collect::<Vec<_>>();
    let cases = (0..count).map(|n| {
        let mut source = Source::new(seed.wrapping_mul(1_000_003).wrapping_add(n as u64));
        dockerfile::case(&format!("g{n}"), &mut source, &names)
    });
    bases.into_iter().chain(cases).collect()
}

/// What became of all cases so far.
#[derive(Default)]
struct Tally {
    outcomes: BTreeMap<String, usize>,
    different: Vec<String>,
}

impl Tally {
    fn count(&mut self, what: impl Into<String>) {
        *self.outcomes.entry(what.into()).or_default() += 1;
    }

    fn of(&self, what: &str) -> usize {
        self.outcomes.get(what).copied().unwrap_or_default()
    }
}

#[test]
fn what_is_generated_is_the_same_as_the_engine_builds_or_refused_by_both() {
    let (seed, count) = (number("ASSEMBLED_SEED", SEED), number("ASSEMBLED_COUNT", COUNT));
    let mut tally = Tally::default();
    let mut left = usize::try_from(count).unwrap();
    for seed in seed.. {
        let size = left.min(BATCH);
        let room = run(seed, size, &mut tally);
        left -= size;
        // Thousands would make the engine slow. A few stay until the end: builders of other tests trip
        // over images that vanish.
        if count > COUNT {
            forget(&room);
        }
        if left == 0 {
            break;
        }
    }
    let table = tally
        .outcomes
        .iter()
        .map(|(what, n)| format!("{n:5} {what}\n"))
        .collect::<Vec<_>>()
        .concat();
    println!("{table}");
    assert!(tally.different.is_empty(), "{}\n{table}", tally.different.join("\n"));
    // Or else the generator has become one of nonsense.
    let assembled = tally.of("assembled");
    assert!(assembled * 2 > usize::try_from(count).unwrap(), "{table}");
}

/// Both read as far as there is something to read, and no further.
#[test]
fn an_archive_that_is_cut_off_anywhere_is_built_or_refused_by_both() {
    let room = Room::with_engine();
    let cases = (0..2).flat_map(|count| archive::CUTS.iter().map(move |cut| cut_off(count, *cut)));
    let cases = cases.collect::<Vec<_>>();
    let outcomes = both::build(&room, &cases);
    let count = |wanted: fn(&Outcome) -> bool| outcomes.values().filter(|o| wanted(o)).count();
    let (same, refused) =
        (count(|o| matches!(o, Outcome::Same(_))), count(|o| matches!(o, Outcome::Refused(_))));
    let different =
        outcomes.iter().filter(|(_, o)| !matches!(o, Outcome::Same(_) | Outcome::Refused(_)));
    assert_eq!(same + refused, cases.len(), "{:?}", different.collect::<Vec<_>>());
    assert!(same > 10 && refused > 10, "{same} {refused}");
}

/// A dock with an archive of one file and so many before it, that is cut off.
fn cut_off(before: u8, cut: usize) -> Case {
    let member = |name: u8, text: &[u8]| archive::Member {
        name: vec![name],
        kind: tar::EntryType::Regular,
        target: vec![],
        mode: 0o644,
        owner: (0, 0),
        text: text.to_vec(),
        pax: false,
        record: None,
    };
    let members = (0..before).map(|n| member(b'a' + n, b"text")).chain([member(b'z', b"the last")]);
    let archive = case::What::Archive { members: members.collect(), cut };
    let file = case::File {
        path: b"x.tar".into(),
        what: archive,
        mode: 0o644,
        owner: 0,
        attribute: false,
    };
    Case {
        name: format!("c{before}-{cut}"),
        lines: vec!["FROM scratch".into(), "ADD x.tar /d/".into()],
        files: vec![file],
        ..Case::default()
    }
}

/// One batch.
fn run(seed: u64, size: usize, tally: &mut Tally) -> Room {
    let room = Room::with_engine();
    let cases = batch(seed, size);
    let outcomes = both::build(&room, &cases);
    for case in &cases {
        match &outcomes[&case.name] {
            Outcome::Same(None) => tally.count("assembled"),
            Outcome::Same(Some(why)) => tally.count(format!("by the engine: {}", kind(why))),
            Outcome::Refused(_) if case.fault.is_some() => tally.count("wrong on purpose, refused"),
            Outcome::Refused(why) => tally.count(format!("refused: {}", last(why))),
            Outcome::Theirs(what) => {
                tally.count(format!("refused by the classic builder alone: {what}"));
            }
            Outcome::Skipped => tally.count("built on one that is not there"),
            Outcome::Different(difference) => {
                let told = told(
                    &cases,
                    case,
                    difference,
                    (tally.different.len() as u64) < number("ASSEMBLED_SHRUNK", SHRUNK),
                );
                let again = format!("ASSEMBLED_SEED={seed} ASSEMBLED_COUNT={size}");
                tally.different.push(format!("{again} {}: {told}", case.name));
            }
        }
    }
    room
}

/// What the engine's client ends with.
fn last(said: &str) -> &str {
    said.trim_end().lines().next_back().unwrap_or_default()
}

/// A reason without the names in it.
fn kind(why: &str) -> String {
    why.split('`').step_by(2).collect::<Vec<_>>().join("…")
}

/// A difference and the case that shows it, made smaller if there is time.
fn told(all: &[Case], case: &Case, difference: &Difference, shrink: bool) -> String {
    let whole = (case.clone(), difference.clone());
    let (case, difference) = if shrink { smallest(all, whole) } else { whole };
    let wrong = case.fault.map_or(String::new(), |line| format!(" (wrong on purpose: {line:?})"));
    format!("{difference}{wrong}\n{}", case.shown())
}

/// Leaves out one thing after the other, as long as the difference stays.
fn smallest(all: &[Case], whole: (Case, Difference)) -> (Case, Difference) {
    let room = Room::with_engine();
    let parents = all.iter().filter(|case| whole.0.parents.contains(&case.name)).cloned();
    both::build(&room, &parents.collect::<Vec<_>>());
    let (mut best, mut attempts, mut found) = (whole, 0, true);
    while std::mem::take(&mut found) {
        for less in best.0.less() {
            let Some(mut case) = best.0.without(less).filter(|_| attempts < ATTEMPTS) else {
                continue;
            };
            attempts += 1;
            case.name = format!("s{attempts}");
            if let Some(difference) = still(&room, &case, &best.1) {
                best = (case, difference);
                found = true;
            }
        }
    }
    best
}

/// The difference that a case shows, if it is one like that.
fn still(room: &Room, case: &Case, like: &Difference) -> Option<Difference> {
    let outcome = both::build(room, std::slice::from_ref(case)).remove(&case.name);
    let dock = format!("bb-dock/{}", case.name);
    if room.exists(&dock) {
        room.remove(&dock);
    }
    match outcome {
        Some(Outcome::Different(difference)) if difference.is_like(like) => Some(difference),
        _ => None,
    }
}

/// Takes the images of a room from the engine.
fn forget(room: &Room) {
    let filter = format!("reference={}/*", room.namespace);
    let images = room.engine().docker(&[
        "images",
        "--format",
        "{{.Repository}}:{{.Tag}}",
        "--filter",
        &filter,
    ]);
    let images = images.lines().collect::<Vec<_>>();
    if !images.is_empty() {
        room.engine().try_docker(&[&["rmi", "-f"], images.as_slice()].concat());
    }
}
