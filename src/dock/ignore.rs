//! `.dockerignore`, by the rules of Docker's `patternmatcher`.
//!
//! Knows no file and no Dockerfile: a path in, excluded or not out.

use std::path::Path;

use super::glob::{Glob, clean};
use crate::error::{Error, Place, Result};

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
    pub fn parse(file: &Path, text: &str) -> Result<Self> {
        let mut rules = vec![];
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let content = line.trim_start_matches('\u{feff}');
            let skip = content.starts_with('#') || content.trim().is_empty();
            if !skip {
                let span = at..at + line.trim_end().len();
                rules.push(
                    rule(content.trim()).map_err(|message| {
                        Error::config(message).at(Place::new(file, text, span))
                    })?,
                );
            }
            at += line.len();
        }
        Ok(Self { rules })
    }

    /// Is this path, relative to the dock, kept out of the context?
    pub fn excludes(&self, path: &str) -> bool {
        let decide = |out: bool, rule: &Rule| {
            if rule.keep == out && rule.glob.matches_or_parent(path) {
                !out
            } else {
                out
            }
        };
        self.rules.iter().fold(false, decide)
    }
}

fn rule(line: &str) -> Result<Rule, String> {
    let kept = line.strip_prefix('!').map(str::trim);
    let pattern = kept.unwrap_or(line);
    if pattern.is_empty() {
        return Err("a `!` needs a pattern".to_owned());
    }
    let glob = Glob::new(&clean(pattern), true);
    let glob = glob.ok_or_else(|| format!("`{pattern}` is not a pattern"))?;
    Ok(Rule {
        keep: kept.is_some(),
        glob,
    })
}

#[cfg(test)]
mod tests;
