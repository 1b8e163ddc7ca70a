//! The project and its mirrors.

use super::{Finding, Verdict};
use crate::net::http::Answer;

/// What there is in the current folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Facts {
    /// No `bb.toml`, here or above.
    Outside,
    /// What cannot be read, and what to do.
    Broken(String, Option<String>),
    /// Everything can be read.
    Read {
        /// How many docks there are.
        docks: usize,
        /// The stage3 and the snapshot that are pinned.
        lock: Option<(String, String)>,
        /// Whether a build would have to pin them.
        needs_lock: bool,
    },
}

/// Of the project.
pub fn project(facts: &Facts) -> Finding {
    match facts {
        Facts::Outside => {
            Finding::skip("project", "no `bb.toml`, here or above: defaults are judged below")
        }
        Facts::Broken(what, todo) => {
            let todo = todo.as_deref().unwrap_or("correct it; `bb status` shows the place");
            Finding::wrong("project", what, todo)
        }
        Facts::Read { docks: 0, .. } => {
            Finding::warn("project", "there are no docks", "`bb new NAME` makes one")
        }
        Facts::Read { docks, lock, needs_lock } => {
            let docks = if *docks == 1 { "1 dock".to_owned() } else { format!("{docks} docks") };
            match lock {
                Some((stage3, snapshot)) => Finding::ok(
                    "project",
                    &format!("{docks}; stage3 {stage3}, snapshot {snapshot}"),
                ),
                None if *needs_lock => Finding::warn(
                    "project",
                    &format!("{docks}; nothing is pinned yet"),
                    "`bb build` pins the newest stage3 and snapshot",
                ),
                None => Finding::ok("project", &docks),
            }
        }
    }
}

/// One mirror, without a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// Its address.
    pub name: String,
    /// What it said.
    pub answer: Answer,
}

/// Of all mirrors: one that can be used is enough.
pub fn mirrors(mirrors: &[Mirror]) -> Vec<Finding> {
    let usable =
        mirrors.iter().any(|mirror| matches!(mirror.answer, Answer::Has | Answer::Offline));
    mirrors.iter().map(|one| mirror(one, usable)).collect()
}

fn mirror(Mirror { name, answer }: &Mirror, usable: bool) -> Finding {
    let (text, todo) = match answer {
        Answer::Has => return Finding::ok("mirror", name),
        Answer::Offline => {
            return Finding::skip("mirror", &format!("{name} is not asked, because of --offline"));
        }
        Answer::Lacks(file) => (
            format!("{name} does not have {file}"),
            "`arch` and `flavour` in bb.toml say which stage3; `mirrors` names others",
        ),
        Answer::Failed(why) => (
            format!("{name}: {why}"),
            "`mirrors` in bb.toml or MIRROR names others; a proxy is taken from https_proxy",
        ),
    };
    let verdict = if usable { Verdict::Warn } else { Verdict::Wrong };
    Finding::new(verdict, "mirror", &text, Some(todo))
}
