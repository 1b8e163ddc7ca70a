//! `build-test.sh`: it becomes `test.sh` as it is; what is another where it runs.
//!
//! Changes nothing.

use super::{Named, Note, Weight};

/// What has to be told of it.
pub(super) fn notes(test: Named<'_>) -> Vec<Note> {
    let mut notes = vec![runs(test)];
    for (at, line) in
        test.text.lines().enumerate().filter(|(_, line)| !line.trim().starts_with('#'))
    {
        if line.contains("/kubler-test") {
            let instead = "the dock's folder is not in the container: put what is needed into the script, or the image";
            notes.push(Note::new(Weight::Hand, (test.name, at + 1), "/kubler-test", instead));
        }
    }
    let first = test.text.lines().next().unwrap_or_default();
    if first.starts_with("#!") && !is_sh(first) {
        let instead = "the image's /bin/sh runs it, whatever its first line says: write it for that, or use \
                       `[[test.command]]` of dock.toml";
        notes.push(Note::new(Weight::Hand, (test.name, 1), first, instead));
    }
    notes
}

fn is_sh(first: &str) -> bool {
    let words = first.trim_start_matches("#!").split_whitespace();
    let program = words.last().unwrap_or_default();
    program.rsplit('/').next() == Some("sh")
}

fn runs(test: Named<'_>) -> Note {
    let instead = "test.sh: the image's /bin/sh runs it beside what the image starts, without a network, for at most \
                   `timeout` of `[test]` in dock.toml (30 s)";
    Note::new(Weight::Differs, (test.name, 0), "runs in the started image", instead)
}
