//! Where a command is run: the environment, and the project in the current folder.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::base::error::Result;
use crate::exec::tokens::Upstream;
use crate::session::{Project, Surroundings};

/// This program, whatever its file is called meanwhile.
pub(in crate::cli) const PROGRAM: &str = "/proc/self/exe";

/// The environment's variables; those that are not UTF-8 are none of ours.
pub(in crate::cli) fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
        .collect()
}

/// The jobserver of the make that has started this process.
static JOBSERVER: OnceLock<Option<Arc<Upstream>>> = OnceLock::new();

/// Opens what make has left open for us. To be called before this process opens anything else.
pub(in crate::cli) fn inherit_jobserver() {
    let makeflags = std::env::var("MAKEFLAGS").unwrap_or_default();
    let _ = JOBSERVER.set(Upstream::inherited(&makeflags).map(Arc::new));
}

/// What a make asks that runs no recipes, but those that it has to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Question {
    /// `make -n`, and `make -t`, which would say what is not so.
    WhatWouldBeDone,
    /// `make -q`.
    IsItDone,
}

/// What the make asks that has started this process.
pub(in crate::cli) fn makes_question() -> Option<Question> {
    question(&std::env::var("MAKEFLAGS").unwrap_or_default())
}

/// GNU make's options of one letter are the first word, without a dash; without any, a blank comes first. Those of bmake are
/// words of their own. Behind `--` are variables.
fn question(makeflags: &str) -> Option<Question> {
    let letters = makeflags.split(' ').next().unwrap_or_default();
    let is_first = !letters.starts_with('-') && !letters.contains('=');
    let has = |letter: char| {
        let mut words = makeflags.split(' ').take_while(|word| *word != "--");
        is_first && letters.contains(letter) || words.any(|word| word == format!("-{letter}"))
    };
    if has('q') {
        return Some(Question::IsItDone);
    }
    (has('n') || has('t')).then_some(Question::WhatWouldBeDone)
}

/// The project that was entered, with its state folder.
pub(in crate::cli) fn project(state: &Path) -> Result<Project> {
    let (environment, state) = (environment(), state.to_owned());
    let program = Some(PROGRAM.into());
    let jobserver = JOBSERVER.get().cloned().flatten();
    let (signals, engine) = (true, None);
    let surroundings = Surroundings { environment, state, signals, engine, program, jobserver };
    Project::open(Path::new("."), surroundings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_letters_ask() {
        use Question::{IsItDone, WhatWouldBeDone};
        for (flags, expected) in [
            ("", None),
            ("k -j4 --jobserver-auth=3,4", None),
            (" -j4 -- X=n", None),
            ("--no-print-directory", None),
            ("X=qnt", None),
            ("n", Some(WhatWouldBeDone)),
            ("kn -j2", Some(WhatWouldBeDone)),
            ("t -j", Some(WhatWouldBeDone)),
            (" -n -J 15,16", Some(WhatWouldBeDone)),
            (" -q", Some(IsItDone)),
            (" -- -n=1 -q", None),
            (" -n -J 15,16", Some(WhatWouldBeDone)),
            (" -q", Some(IsItDone)),
            (" -- -n=1 -q", None),
            ("qs", Some(IsItDone)),
        ] {
            assert_eq!(question(flags), expected, "{flags}");
        }
    }
}
