//! What is wrong with an image: tools that only the builder needs, libraries that are missing, files that
//! anybody may change.
//!
//! Pure: paths and modes come as a [`Tree`], contents through a function. Does not know docks, packages
//! or how a finding is shown.

use crate::base::name;
use crate::dock::allowance::{Allowance, Rule};
use crate::dockerfile::glob::Glob;
use crate::image::Left;
use crate::image::tree::{Content, Tree};

pub mod contents;
mod elf;
mod files;
mod names;
mod users;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The path as [`name::text`] writes it, without `/` at its beginning.
    pub path: String,
    /// What it is about.
    pub rule: Rule,
    /// More of it, may be empty.
    pub detail: String,
}

impl Finding {
    pub(crate) fn new(rule: Rule, path: impl AsRef<[u8]>, detail: impl Into<String>) -> Self {
        Self { path: name::text(path.as_ref()).into_owned(), rule, detail: detail.into() }
    }
}

/// An allowance whose pattern is compiled.
struct Allowing<'a> {
    allowance: &'a Allowance,
    pattern: Option<Glob>,
}

impl<'a> Allowing<'a> {
    fn all(allowances: &'a [Allowance]) -> Vec<Self> {
        let pattern = |a: &Allowance| Glob::new(a.path.trim_start_matches('/'), true);
        allowances.iter().map(|a| Self { allowance: a, pattern: pattern(a) }).collect()
    }

    fn covers(&self, finding: &Finding) -> bool {
        let matches = |pattern: &Glob| pattern.matches(&finding.path);
        self.allowance.rule == finding.rule && self.pattern.as_ref().is_some_and(matches)
    }
}

/// An image to look at.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// All its files.
    pub tree: &'a Tree,
    /// The bytes of a file, or of a part of one.
    pub read: &'a dyn Fn(&Content) -> Result<Vec<u8>, Left>,
}

impl Subject<'_> {
    /// The first bytes of a file.
    fn start(&self, content: &Content, bytes: u64) -> Result<Vec<u8>, Left> {
        (self.read)(&Content { size: content.size.min(bytes), ..content.clone() })
    }
}

/// All faults, by path.
///
/// # Errors
/// A file cannot be read.
pub fn audit(subject: Subject<'_>) -> Result<Vec<Finding>, Left> {
    let mut findings = names::check(subject.tree);
    findings.extend(files::check(subject)?);
    findings.extend(elf::check(subject)?);
    findings.extend(users::check(subject)?);
    findings.sort();
    Ok(findings)
}

/// Less what is allowed. `own` are the image's own allowances, each of which has to be of use;
/// `inherited` those of the images below.
pub fn less_allowed(
    findings: Vec<Finding>,
    own: &[Allowance],
    inherited: &[Allowance],
) -> Vec<Finding> {
    let (own, inherited) = (Allowing::all(own), Allowing::all(inherited));
    let idle = own.iter().filter(|a| !findings.iter().any(|finding| a.covers(finding)));
    let idle = idle.map(|a| a.allowance).map(|a| {
        let path = a.path.trim_start_matches('/');
        Finding::new(Rule::Allowance, path, format!("nothing there is a {}", a.rule))
    });
    let idle = idle.collect::<Vec<_>>();
    let allowed = |f: &Finding| own.iter().chain(&inherited).any(|a| a.covers(f));
    let left = findings.into_iter().filter(|finding| !allowed(finding));
    left.chain(idle).collect()
}

#[cfg(test)]
mod tests;
