//! The corpora of `make fuzz`: what has to hold of any input holds of these.

use std::fs;
use std::path::Path;

use gentoo_bb::trust;

#[path = "../../fuzz/src/checks.rs"]
mod checks;

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.collect::<Vec<_>>();
    assert!(files.len() >= 10, "{} has {} files", folder.display(), files.len());
    for file in files {
        let data = fs::read(&file).unwrap();
        // Whole, and cut off anywhere.
        for length in 0..=data.len() {
            check(&data[..length]);
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
