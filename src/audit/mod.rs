//! What is wrong with an image: tools that only the builder needs, libraries that are missing, files that
//! anybody may change.
//!
//! Pure: paths and modes come as a [`Tree`], contents through a function. Does not know docks, packages
//! or how a finding is shown.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::dock::glob::Glob;
use crate::name;
use crate::oci::Left;
use crate::oci::tree::{Content, Tree};

pub mod contents;
mod elf;
mod files;
mod names;
mod users;

/// What a finding is about; `dock.toml` allows by these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A compiler, assembler or linker.
    Compiler,
    /// make, autoconf and the like.
    BuildTool,
    /// emerge, apt, pip and the like.
    PackageManager,
    /// Python, Perl and the like.
    Interpreter,
    /// A header.
    Header,
    /// A static library.
    StaticLibrary,
    /// What tells a compiler about libraries.
    Development,
    /// A package manager's records.
    PackageRecords,
    /// A program or library whose library is not there.
    Library,
    /// A program whose loader or script whose interpreter is not there.
    Loader,
    /// A link to nothing.
    DanglingLink,
    /// A setuid or setgid file.
    Setuid,
    /// A file or folder that anybody may change.
    WorldWritable,
    /// An account that needs no password.
    EmptyPassword,
    /// An owner or group without a name.
    UnknownOwner,
    /// Something allowed that is not there.
    Allowance,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

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
    fn new(rule: Rule, path: impl AsRef<[u8]>, detail: impl Into<String>) -> Self {
        Self { path: name::text(path.as_ref()).into_owned(), rule, detail: detail.into() }
    }
}

/// A finding that a dock's settings allow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allowance {
    /// What.
    pub rule: Rule,
    /// Where: an absolute path, or a pattern with `*`, `?`, `[…]`, `**`.
    pub path: String,
    /// Why; for people.
    pub reason: String,
}

impl Allowance {
    fn covers(&self, finding: &Finding) -> bool {
        let pattern = Glob::new(self.path.trim_start_matches('/'), true);
        self.rule == finding.rule && pattern.is_some_and(|p| p.matches(&finding.path))
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
    let of_use = |a: &&Allowance| !findings.iter().any(|finding| a.covers(finding));
    let idle = own.iter().filter(of_use).map(|a| {
        let path = a.path.trim_start_matches('/');
        Finding::new(Rule::Allowance, path, format!("nothing there is a {}", a.rule))
    });
    let idle = idle.collect::<Vec<_>>();
    let allowed = |f: &Finding| own.iter().chain(inherited).any(|a| a.covers(f));
    let left = findings.into_iter().filter(|finding| !allowed(finding));
    left.chain(idle).collect()
}

#[cfg(test)]
mod tests;
