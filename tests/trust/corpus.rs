//! The corpora of `make fuzz`: what has to hold of any input holds of these.

use std::fs;

#[path = "../../fuzz/src/checks.rs"]
mod checks;
#[path = "../../fuzz/src/parsers.rs"]
mod parsers;

/// A file of up to so many bytes is cut off at each of them.
const CUTS: usize = 1000;
/// So many times each file is changed by chance, unless `CORPUS_MUTATIONS` says otherwise.
const MUTATIONS: usize = 50;

fn replay(target: &str, check: fn(&[u8])) {
    let folder = support::checkout().join("fuzz/corpus").join(target);
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files = files.collect::<Vec<_>>();
    files.sort();
    assert!(files.len() >= 10, "{} has {} files", folder.display(), files.len());
    let files = files.iter().map(|file| fs::read(file).unwrap()).collect::<Vec<_>>();
    let mutations = std::env::var("CORPUS_MUTATIONS").map_or(MUTATIONS, |n| n.parse().unwrap());
    let mut random = fastrand::Rng::with_seed(1);
    for data in &files {
        // Whole, and cut off anywhere: of a large one, at so many places.
        let step = (data.len() / CUTS).max(1);
        for length in (0..data.len()).step_by(step).chain([data.len()]) {
            check(&data[..length]);
        }
        for _ in 0..mutations {
            let mut changed = data.clone();
            for _ in 0..random.usize(1..4) {
                mutate(&mut changed, &files, &mut random);
            }
            check(&changed);
        }
    }
}

/// Changes a byte, takes some away, or puts some of another file in.
fn mutate(data: &mut Vec<u8>, files: &[Vec<u8>], random: &mut fastrand::Rng) {
    let (from, to) = (random.usize(0..=data.len()), random.usize(0..=data.len()));
    let (from, to) = (from.min(to), from.max(to).min(from.min(to) + 64));
    match random.u8(0..4) {
        0 => data.insert(from, random.u8(..)),
        1 => {
            if let Some(byte) = data.get_mut(from) {
                *byte ^= 1 << random.u8(0..8);
            }
        }
        2 => drop(data.drain(from..to)),
        _ => {
            let other = &files[random.usize(0..files.len())];
            let at = random.usize(0..=other.len());
            let piece = other.iter().skip(at).take(random.usize(0..64)).copied();
            drop(data.splice(from..to, piece.collect::<Vec<_>>()));
        }
    }
}

#[test]
fn digests() {
    replay("digests", checks::digests);
}

#[test]
fn pointers() {
    replay("pointer", checks::pointer);
}

#[test]
fn frames() {
    replay("cleartext", checks::cleartext);
}

#[test]
fn of_template() {
    replay("template", parsers::template);
}

#[test]
fn of_glob() {
    replay("glob", parsers::glob);
}

#[test]
fn of_patterns() {
    replay("patterns", parsers::patterns);
}

#[test]
fn of_ignore() {
    replay("ignore", parsers::ignore);
}

#[test]
fn of_dock_settings() {
    replay("dock_settings", parsers::dock_settings);
}

#[test]
fn of_settings_file() {
    replay("settings_file", parsers::settings_file);
}

#[test]
fn of_lock() {
    replay("lock", parsers::lock);
}

#[test]
fn of_chain() {
    replay("chain", parsers::chain);
}

#[test]
fn of_record() {
    replay("record", parsers::record);
}

#[test]
fn of_packages() {
    replay("packages", parsers::packages);
}

#[test]
fn of_tar() {
    replay("tar", parsers::tar);
}

#[test]
fn of_zstd() {
    replay("zstd", parsers::zstd);
}

#[test]
fn of_image() {
    replay("image", parsers::image);
}

#[test]
fn of_signature() {
    replay("signature", parsers::signature);
}

/// A target without a test would be fuzzed once and never again.
#[test]
fn every_target_has_a_corpus_and_a_test() {
    let targets = include_str!("../../fuzz/Cargo.toml").lines();
    let names = targets.filter_map(|line| line.strip_prefix("path = \"fuzz_targets/"));
    let names = names.map(|name| name.trim_end_matches(".rs\"")).collect::<Vec<_>>();
    assert!(names.len() >= 17);
    let this = include_str!("corpus.rs");
    for name in names {
        assert!(this.contains(&format!("replay(\"{name}\", ")), "`{name}` is not replayed");
    }
}
