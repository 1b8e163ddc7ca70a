//! Whether this machine, its engine and the project are fit for a build: facts become findings, each with
//! what to do about it.
//!
//! Pure but for [`here`], which looks at this machine: facts come as values, the time too. Does not know
//! how findings are shown.

pub mod engine;
pub mod here;
pub mod login;
pub mod machine;
pub mod project;
#[cfg(test)]
mod tests;
pub mod trust;

use serde::Serialize;

use crate::base::secret::without_secrets;
use crate::base::words::is_hostile;

/// How a thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Nobody has looked, on purpose.
    Skip,
    /// A build may go well all the same.
    Warn,
    /// A build cannot go well.
    Wrong,
}

impl Verdict {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skip => "skip",
            Self::Warn => "warn",
            Self::Wrong => "wrong",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How it stands.
    pub verdict: Verdict,
    /// What it is, in a word.
    pub subject: &'static str,
    /// What there is to say of it.
    pub text: String,
    /// What to do, unless it is as it should be.
    pub todo: Option<String>,
}

impl Finding {
    fn new(verdict: Verdict, subject: &'static str, text: &str, todo: Option<&str>) -> Self {
        Self { verdict, subject, text: plain(text), todo: todo.map(plain) }
    }

    /// As it should be.
    pub fn ok(subject: &'static str, text: &str) -> Self {
        Self::new(Verdict::Ok, subject, text, None)
    }

    /// Nobody has looked.
    pub fn skip(subject: &'static str, text: &str) -> Self {
        Self::new(Verdict::Skip, subject, text, None)
    }

    /// A build may go well all the same.
    pub fn warn(subject: &'static str, text: &str, todo: &str) -> Self {
        Self::new(Verdict::Warn, subject, text, Some(todo))
    }

    /// A build cannot go well.
    pub fn wrong(subject: &'static str, text: &str, todo: &str) -> Self {
        Self::new(Verdict::Wrong, subject, text, Some(todo))
    }

    /// Nobody has answered in time.
    pub fn silent(subject: &'static str, what: &str) -> Self {
        let todo = "a file system may be away; `--timeout` waits longer";
        Self::warn(subject, &format!("{what} did not answer in time"), todo)
    }
}

/// Whether nothing is wrong.
pub fn is_healthy(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.verdict != Verdict::Wrong)
}

/// No finding has more letters.
const LONGEST: usize = 400;

/// What others have said, on one line, without what moves a terminal's cursor and without secrets of addresses.
fn plain(text: &str) -> String {
    let mut shown = String::new();
    for c in without_secrets(text).chars() {
        if shown.len() >= LONGEST {
            return shown + "…";
        }
        match c {
            c if is_hostile(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}
