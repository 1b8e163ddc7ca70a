//! What `COPY` and `ADD` put where, by the rules of Docker's classic builder.
//!
//! Knows no variables and no Dockerfile: words in, changes out. Where `docker build` would say that
//! something is wrong, it is left to it to say so.

use super::Left;
use super::below::Below;
use super::change::Change;
use super::tree::{Content, Kind, Node, Tree, base, join, parent};
use crate::dock::glob::{Glob, clean, is_pattern};

/// A `COPY` or an `ADD` with its words expanded.
pub(super) struct Copy<'a> {
    /// Where the sources are.
    pub from: &'a Tree,
    pub sources: &'a [String],
    /// An absolute path; with a `/` at its end it is a folder.
    pub target: &'a str,
    /// Whose the copies are; nobody's: they stay their owners'.
    pub owner: Option<(u64, u64)>,
    /// Are archives unpacked?
    pub unpacks: bool,
    /// The archive among them that leaves some of what is below as it is.
    pub rootfs: Option<&'a Below<'a>>,
}

/// One path in an archive, as it is written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// What it is.
    pub what: Member,
}

/// What a path in an archive is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Member {
    /// Something by itself.
    Node(Node),
    /// Another name of a file before it.
    HardLink(String),
}

/// What is in an archive, if a file is one.
pub(super) type Unpack<'a> = &'a dyn Fn(&Content) -> Result<Option<Vec<Entry>>, Left>;

/// One source: the name that it was found under, and what that leads to.
struct Found {
    name: String,
    real: String,
}

impl Copy<'_> {
    /// Makes the changes.
    pub fn run(&self, change: &mut Change<'_>, unpack: Unpack<'_>) -> Result<(), Left> {
        let mut found = vec![];
        for source in self.sources {
            found.extend(self.find(source)?);
        }
        if found.is_empty() || found.len() > 1 && !self.target.ends_with('/') {
            return Err(Left::new("its sources and its target do not fit"));
        }
        for source in found {
            let target = change.tree.resolve("", self.target)?;
            self.one(&source, &target, change, unpack)?;
        }
        Ok(())
    }

    fn find(&self, source: &str) -> Result<Vec<Found>, Left> {
        if source.contains('\\') {
            return Err(Left::new(format!("the source `{source}` has a `\\`")));
        }
        let path = clean(&format!("/{source}"));
        if !is_pattern(&path) {
            let real = self.from.resolve("", &path)?;
            return match self.from.get(&real) {
                None if !real.is_empty() => Err(Left::new(format!("there is no `{source}`"))),
                _ => Ok(vec![Found { name: path, real }]),
            };
        }
        let glob = Glob::new(&path, false);
        let glob = glob.ok_or_else(|| Left::new(format!("`{source}` is not a pattern")))?;
        let matching = self.from.nodes().keys().filter(|path| glob.matches(path));
        let found =
            |path: &String| Ok(Found { name: path.clone(), real: self.from.resolve("", path)? });
        matching.map(found).collect()
    }

    fn one(
        &self,
        source: &Found,
        target: &str,
        change: &mut Change<'_>,
        unpack: Unpack<'_>,
    ) -> Result<(), Left> {
        if self.from.is_folder(&source.real) {
            return self.folder(&source.real, target, change);
        }
        let Some(node) = self.from.get(&source.real) else {
            return Err(Left::new(format!("`{}` leads to nothing", source.name)));
        };
        if let (true, Kind::File(content)) = (self.unpacks, &node.kind)
            && let Some(entries) = unpack(content)?
        {
            let entries = match self.rootfs.filter(|rootfs| *rootfs.file == *content.file) {
                Some(rootfs) => rootfs.adjust(entries, target, change.tree)?,
                None => entries,
            };
            return extract(&entries, target, change);
        }
        let into = self.target.ends_with('/') || change.tree.is_folder(target);
        let target = if into { join(target, base(&source.name)) } else { target.to_owned() };
        let (uid, gid) = self.owner.unwrap_or_default();
        change.make_folders(parent(&target), uid, gid)?;
        // The engine copies a single file without its attributes.
        change.put(&target, Node { xattrs: [].into(), ..self.owned(alone(node)) })
    }

    /// What is in a folder; the folder itself only where there is none.
    fn folder(&self, source: &str, target: &str, change: &mut Change<'_>) -> Result<(), Left> {
        if !change.tree.is_folder(target) {
            change.make_folders(parent(target), 0, 0)?;
            let (uid, gid) = self.owner.unwrap_or_default();
            change.make_folders(target, uid, gid)?;
        }
        for (path, node) in self.from.below(source) {
            change.put(&join(target, path), self.owned(node.clone()))?;
        }
        Ok(())
    }

    /// The kernel takes setuid, setgid and capabilities from a file that it gives to somebody.
    fn owned(&self, node: Node) -> Node {
        let Some((uid, gid)) = self.owner else { return node };
        let mode = match node.kind {
            Kind::File(_) => given(node.mode),
            _ => node.mode,
        };
        Node { uid, gid, mode, xattrs: [].into(), ..node }
    }
}

/// The mode of a file that was given to somebody; setgid without the group's x means locking.
fn given(mode: u32) -> u32 {
    let setgid = if mode & 0o010 == 0 { 0 } else { 0o2000 };
    mode & !(0o4000 | setgid)
}

/// A file that no longer has other names.
fn alone(node: &Node) -> Node {
    match &node.kind {
        Kind::File(content) => {
            Node { kind: Kind::File(Content { linked: false, ..content.clone() }), ..node.clone() }
        }
        _ => node.clone(),
    }
}

/// Unpacks an archive into a folder. For the unpacking process that folder is the root.
fn extract(entries: &[Entry], target: &str, change: &mut Change<'_>) -> Result<(), Left> {
    change.make_folders(target, 0, 0)?;
    for entry in entries {
        let name = clean(&format!("/{}", entry.name));
        if name.is_empty() {
            continue;
        }
        if clean(&entry.name).starts_with("..") {
            return Err(Left::new(format!("`{}` leads out of the archive", entry.name)));
        }
        let path = place(&name, target, change.tree)?;
        change.make_folders(parent(&path), 0, 0)?;
        match &entry.what {
            Member::Node(node) => change.put(&path, node.clone())?,
            Member::HardLink(to) => {
                let to = place(&clean(&format!("/{to}")), target, change.tree)?;
                let node = link(&to, change)?;
                change.put(&path, node)?;
            }
        }
    }
    Ok(())
}

/// Where a name of an archive is, with the links on the way to it followed, but not itself.
pub(super) fn place(name: &str, target: &str, tree: &Tree) -> Result<String, Left> {
    Ok(join(&tree.resolve(target, parent(name))?, base(name)))
}

/// A file of this layer as one of several names of it.
fn link(path: &str, change: &mut Change<'_>) -> Result<Node, Left> {
    let left = || Left::new(format!("`/{path}`, which has a hard link, is not in the archive"));
    let mut node = change.own(path).cloned().ok_or_else(left)?;
    match &mut node.kind {
        Kind::File(content) if content.linked => {}
        Kind::File(content) => {
            content.linked = true;
            change.put(path, node.clone())?;
        }
        _ => return Err(left()),
    }
    Ok(node)
}
