//! What a dock's settings allow that an audit would find.
//!
//! Does not know how it is found.

use std::fmt;

use serde::{Deserialize, Serialize};

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
    /// What a Dockerfile had made, and a rootfs unpacked after it has undone.
    Undone,
    /// Something allowed that is not there.
    Allowance,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
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
