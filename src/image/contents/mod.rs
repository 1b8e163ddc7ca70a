//! What an image consists of, file by file and package by package, and what two such lists differ in.
//!
//! Pure: values and their comparison. Where lists are kept, and what bytes a file has, is told by the caller.

mod packages;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

pub use packages::{Package, PackageChange, packages};

use crate::base::name;
use crate::base::words::megabytes;
use crate::image::tree::{Kind, Node};

/// One path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What is there.
    pub what: What,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u64,
    /// Group.
    pub gid: u64,
    /// Extended attributes, by digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xattrs: Option<String>,
}

/// What a path is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// A regular file: its size, and its digest.
    File(u64, String),
    /// A symbolic link, with its target.
    Link(String),
    /// A folder.
    Folder,
    /// A device or a pipe, in words.
    Other(String),
}

impl What {
    /// Of a node of a tree; `digest` is that of a regular file's bytes.
    pub fn of(kind: &Kind, digest: impl FnOnce() -> String) -> Self {
        match kind {
            Kind::File(content) => Self::File(content.size, digest()),
            Kind::Link(target) => Self::Link(name::text(target).into_owned()),
            Kind::Folder => Self::Folder,
            Kind::Device(block, major, minor) => {
                let kind = if *block { "block" } else { "character" };
                Self::Other(format!("{kind} device {major}:{minor}"))
            }
            Kind::Fifo => Self::Other("pipe".to_owned()),
        }
    }
}

impl Item {
    /// Of a node of a tree.
    pub fn of(node: &Node, what: What, xattrs: Option<String>) -> Self {
        Self { what, mode: node.mode, uid: node.uid, gid: node.gid, xattrs }
    }
}

/// Paths as [`name::text`] writes them, and what they are; without a `/` in front.
pub type Files = BTreeMap<String, Item>;

/// All of one image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// The engine's id for it.
    pub id: String,
    /// Bytes, not compressed.
    pub size: u64,
    /// Why the engine has built it, if so: then its files are not known.
    pub built_by_engine: Option<String>,
    /// What is in it.
    pub files: Files,
    /// What of it Portage has installed, in it and in those below.
    pub packages: Vec<Package>,
}

/// What became of something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "change")]
#[allow(missing_docs)]
pub enum FileChange {
    Added { what: String },
    Removed { what: String },
    Changed { how: Vec<String> },
}

/// What differs between two builds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The id before.
    pub before: String,
    /// The id now.
    pub now: String,
    /// Bytes before and now.
    pub sizes: [u64; 2],
    /// Packages by name.
    pub packages: BTreeMap<String, PackageChange>,
    /// Paths, with a `/` in front.
    pub files: BTreeMap<String, FileChange>,
    /// Why nothing is said of files, if so.
    pub unknown: Option<String>,
}

/// From one build to another.
pub fn difference(before: &Contents, now: &Contents) -> Difference {
    let unknown = before.built_by_engine.as_ref().or(now.built_by_engine.as_ref()).cloned();
    let known = unknown.is_none();
    Difference {
        before: before.id.clone(),
        now: now.id.clone(),
        sizes: [before.size, now.size],
        packages: packages(&before.packages, &now.packages),
        files: if known { files(&before.files, &now.files) } else { BTreeMap::new() },
        unknown,
    }
}

fn files(before: &Files, now: &Files) -> BTreeMap<String, FileChange> {
    let paths = before.keys().chain(now.keys()).collect::<BTreeSet<_>>();
    let change = |path: &String| match (before.get(path), now.get(path)) {
        (None, Some(new)) => Some(FileChange::Added { what: new.what.to_string() }),
        (Some(old), None) => Some(FileChange::Removed { what: old.what.to_string() }),
        (Some(old), Some(new)) if old != new => Some(FileChange::Changed { how: how(old, new) }),
        _ => None,
    };
    paths.into_iter().filter_map(|path| Some((format!("/{path}"), change(path)?))).collect()
}

/// What of a path is another than before, in words.
fn how(old: &Item, new: &Item) -> Vec<String> {
    let differs = |what: &str, old: String, new: String| {
        (old != new).then(|| format!("{what}{old} -> {new}"))
    };
    let same_size = match (&old.what, &new.what) {
        (What::File(a, x), What::File(b, y)) if a == b && x != y => {
            Some(format!("{}, other content", megabytes(*a)))
        }
        _ => None,
    };
    let all = [
        differs("", old.what.to_string(), new.what.to_string()).or(same_size),
        differs("mode ", format!("{:04o}", old.mode), format!("{:04o}", new.mode)),
        differs("owner ", old.owner(), new.owner()),
        (old.xattrs != new.xattrs).then(|| "other extended attributes".to_owned()),
    ];
    all.into_iter().flatten().collect()
}

impl Item {
    fn owner(&self) -> String {
        format!("{}:{}", self.uid, self.gid)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(size, _) => f.write_str(&megabytes(*size)),
            Self::Link(target) => write!(f, "link to {target}"),
            Self::Folder => f.write_str("folder"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

#[cfg(test)]
mod tests;
