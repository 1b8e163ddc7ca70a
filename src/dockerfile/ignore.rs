//! `.dockerignore`, by the rules of Docker's `patternmatcher`.
//!
//! Knows no file and no Dockerfile: a path in, excluded or not out.

use std::path::Path;

use crate::base::error::{Error, Place, Result};
use crate::base::limits::{Limit, Limits};
use crate::dockerfile::glob::{BAD_PATTERN_HINT, Glob, clean};

/// The patterns of a `.dockerignore`, the last that matches decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ignore {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    keep: bool,
    glob: Glob,
}

impl Ignore {
    /// Reads the text of a `.dockerignore`.
    ///
    /// # Errors
    /// A line is no pattern, or there are too many of them: with its place.
    pub fn parse(file: &Path, text: &str) -> Result<Self> {
        let mut rules = vec![];
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let content = line.trim_start_matches('\u{feff}');
            let skip = content.starts_with('#') || content.trim().is_empty();
            if !skip {
                let span = at..at + line.trim_end().len();
                let rule = rule(content.trim()).and_then(|rule| {
                    let few = Limits::default().check(Limit::Rules, rules.len() as u64 + 1);
                    few.map(|()| rule).map_err(|e| Error::config(format!("it has {e}")))
                });
                rules.push(rule.map_err(|error| error.at(Place::new(file, text, span)))?);
            }
            at += line.len();
        }
        Ok(Self { rules })
    }

    /// Is this path, relative to the dock, kept out of the context?
    pub fn excludes(&self, path: impl AsRef<[u8]>) -> bool {
        let path = path.as_ref();
        let decide = |out: bool, rule: &Rule| {
            if rule.keep == out && rule.glob.matches_or_parent(path) { !out } else { out }
        };
        self.rules.iter().fold(false, decide)
    }
}

fn rule(line: &str) -> Result<Rule> {
    let kept = line.strip_prefix('!').map(str::trim);
    let pattern = kept.unwrap_or(line);
    if pattern.is_empty() {
        return Err(Error::config("a `!` needs a pattern"));
    }
    let glob = Glob::new(&clean(pattern), true);
    let bad = || Error::config(format!("`{pattern}` is not a pattern")).hint(BAD_PATTERN_HINT);
    let glob = glob.ok_or_else(bad)?;
    Ok(Rule { keep: kept.is_some(), glob })
}

#[cfg(test)]
mod tests;
