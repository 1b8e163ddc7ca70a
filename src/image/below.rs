//! What a rootfs archive leaves of the image below it.
//!
//! The rootfs step packs what differs from the parent's ROOT, and cannot know what Dockerfiles have done since. So
//! where its archive is unpacked, folders that are in it only as the way to others keep what they are, tables of
//! accounts are merged three ways, and what else is undone is told. Pure: bytes come and go through functions.
//! Source of the lists' format: `bob/README.md`.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bstr::{BStr, BString};
use serde::{Deserialize, Serialize};

use super::accounts::lists_of;
use super::bundle::Blob;
use super::copy::{Entry, Member, place};
use super::tree::{Content, Kind, Node, Tree, join, removed_by};
use super::{Left, accounts};
use crate::base::name;
use crate::dockerfile::glob::clean_name;

/// What the builder says of a rootfs archive beside it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lists {
    /// Folders that are in it only as the way to others.
    ways: BTreeSet<BString>,
    /// What the parent's ROOT had where the archive has something else or takes it away.
    base: BTreeMap<BString, Had>,
}

/// One path of the parent's ROOT.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Had {
    /// `d`, `f`, `l`, `c`, `b`, `p`; `t` for a table of accounts.
    kind: char,
    mode: u32,
    owner: (u64, u64),
    /// Digest, target or device; a table's text.
    data: Vec<u8>,
}

impl Lists {
    /// Reads `rootfs.ways` and `rootfs.base`.
    ///
    /// # Errors
    /// They are not what the builder writes.
    pub fn parse(ways: &[u8], base: &[u8]) -> Result<Self, Left> {
        let names = strings(ways).map(BString::from);
        let strings = strings(base).collect::<Vec<_>>();
        let triples = strings.chunks(3).map(|triple| match triple {
            [path, what, data] => had(what, data).map(|had| (BString::from(*path), had)),
            _ => None,
        });
        let base = triples.collect::<Option<_>>();
        let base = base.ok_or_else(|| Left::new("`rootfs.base` is malformed"))?;
        Ok(Self { ways: names.collect(), base })
    }
}

/// Strings that end in NUL.
fn strings(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let list = list.strip_suffix(b"\0");
    list.into_iter().flat_map(|list| list.split(|byte| *byte == 0))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `f 644 0 0`: kind, mode in octal, owner, group.
fn had(what: &[u8], data: &[u8]) -> Option<Had> {
    let what = text(what);
    let [kind, mode, uid, gid] = what.split(' ').collect::<Vec<_>>()[..] else { return None };
    let mode = u32::from_str_radix(mode, 8).ok()?;
    let owner = (uid.parse().ok()?, gid.parse().ok()?);
    Some(Had { kind: kind.chars().next()?, mode, owner, data: data.to_vec() })
}

impl Had {
    /// A table of accounts as any file.
    fn digested(&self) -> Self {
        match self.kind {
            't' => {
                Self { kind: 'f', data: Blob::of(&self.data).digest.into_bytes(), ..self.clone() }
            }
            _ => self.clone(),
        }
    }
}

/// Something of the image below that its child's rootfs undoes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Undone {
    /// As text, without `/` at its beginning.
    pub path: String,
    /// In which way.
    pub how: String,
}

/// How a rootfs archive is unpacked, and what has come of it.
pub struct Below<'a> {
    /// The archive.
    pub file: &'a Path,
    /// What the builder says of it.
    pub lists: &'a Lists,
    /// The bytes of a file.
    pub read: &'a dyn Fn(&Content) -> Result<Vec<u8>, Left>,
    /// Bytes that are in no file yet.
    pub keep: &'a dyn Fn(&[u8]) -> Result<Content, Left>,
    /// Its entries as they are unpacked, once they have been.
    pub adjusted: RefCell<Option<Vec<Entry>>>,
    /// What is undone all the same.
    pub undone: RefCell<BTreeSet<Undone>>,
}

impl<'a> Below<'a> {
    /// Nothing unpacked yet.
    pub fn new(
        file: &'a Path,
        lists: &'a Lists,
        read: &'a dyn Fn(&Content) -> Result<Vec<u8>, Left>,
        keep: &'a dyn Fn(&[u8]) -> Result<Content, Left>,
    ) -> Self {
        Self { file, lists, read, keep, adjusted: RefCell::default(), undone: RefCell::default() }
    }

    /// The archive's entries as they are to be unpacked on a tree.
    pub(super) fn adjust(
        &self,
        entries: Vec<Entry>,
        target: &[u8],
        tree: &Tree,
    ) -> Result<Vec<Entry>, Left> {
        let mut adjusted = vec![];
        for entry in entries {
            let name = clean_name(join("/", &entry.name));
            let at = if name.is_empty() { target.into() } else { place(&name, target, tree)? };
            adjusted.extend(self.entry(entry, &name, &at, tree)?);
        }
        *self.adjusted.borrow_mut() = Some(adjusted.clone());
        Ok(adjusted)
    }

    /// One entry. `at` is where it goes; links are followed on the way to it, not itself.
    fn entry(
        &self,
        entry: Entry,
        name: &[u8],
        at: &[u8],
        tree: &Tree,
    ) -> Result<Option<Entry>, Left> {
        if let Some(gone) = removed_by(at)? {
            let name = removed_by(name)?.unwrap_or_default();
            self.tell_with_all_below(&name, &gone, None, tree)?;
            return Ok(Some(entry));
        }
        let Member::Node(node) = &entry.what else { return Ok(Some(entry)) };
        if node.kind == Kind::Folder && self.lists.ways.contains(BStr::new(name)) {
            return Ok(way(entry, at, tree));
        }
        match (lists_of(name), tree.get(at)) {
            (Some(fields), Some(below)) => {
                let what = Member::Node(self.table(name, below, node.clone(), fields)?);
                Ok(Some(Entry { what, ..entry }))
            }
            _ => {
                self.tell_with_all_below(name, at, Some(node), tree)?;
                Ok(Some(entry))
            }
        }
    }

    /// A table of accounts with the changes of both sides.
    fn table(
        &self,
        name: &[u8],
        below: &Node,
        mut node: Node,
        lists: &[usize],
    ) -> Result<Node, Left> {
        let (Kind::File(ours), Kind::File(theirs)) = (&below.kind, &node.kind) else {
            self.tell(name, below, Some(&node))?;
            return Ok(node);
        };
        let had = self.lists.base.get(BStr::new(name));
        let base = had.map(|had| had.data.as_slice()).unwrap_or_default();
        let (ours, theirs) = ((self.read)(ours)?, (self.read)(theirs)?);
        let merged = accounts::merge(base, &ours, &theirs, lists);
        if ours != base && merged.text != theirs {
            node.kind = Kind::File((self.keep)(&merged.text)?);
        }
        let told = merged.given_way.iter().map(|line| Undone {
            path: name::text(name).into_owned(),
            how: format!("the line of `{line}` is the rootfs's"),
        });
        self.undone.borrow_mut().extend(told);
        // Of the table itself, too, only what the child has changed.
        if let Some(had) = had {
            if node.mode == had.mode {
                node.mode = below.mode;
            }
            if (node.uid, node.gid) == had.owner {
                (node.uid, node.gid) = (below.uid, below.gid);
            }
        }
        Ok(node)
    }

    /// Tells of what is at a path, and below it unless a folder stays one.
    fn tell_with_all_below(
        &self,
        name: &[u8],
        at: &[u8],
        node: Option<&Node>,
        tree: &Tree,
    ) -> Result<(), Left> {
        let Some(below) = tree.get(at) else { return Ok(()) };
        self.tell(name, below, node)?;
        let stays = node.is_some_and(|node| node.kind == Kind::Folder);
        if below.kind == Kind::Folder && !stays {
            for (path, below) in tree.below(at) {
                self.tell(&join(name, path), below, None)?;
            }
        }
        Ok(())
    }

    /// Tells of something that somebody has made since the parent's ROOT, and that is now something else.
    fn tell(&self, name: &[u8], below: &Node, node: Option<&Node>) -> Result<(), Left> {
        if node.is_some_and(|node| alike(below, node)) {
            return Ok(());
        }
        let is = self.described(below)?;
        let will_be = node.map(|node| self.described(node)).transpose()?;
        if self.lists.base.get(BStr::new(name)).map(Had::digested).as_ref() == Some(&is)
            || will_be.as_ref() == Some(&is)
        {
            return Ok(());
        }
        let how = if node.is_some() { "replaced by the rootfs" } else { "removed by the rootfs" };
        let undone = Undone { path: name::text(name).into_owned(), how: how.to_owned() };
        self.undone.borrow_mut().insert(undone);
        Ok(())
    }

    /// A node as the builder's list describes one.
    fn described(&self, node: &Node) -> Result<Had, Left> {
        let (kind, data) = match &node.kind {
            Kind::Folder => ('d', vec![]),
            Kind::File(content) => ('f', Blob::of(&(self.read)(content)?).digest.into_bytes()),
            Kind::Link(target) => ('l', target.to_vec()),
            Kind::Device(true, major, minor) => ('b', device(*major, *minor)),
            Kind::Device(false, major, minor) => ('c', device(*major, *minor)),
            Kind::Fifo => ('p', vec![]),
        };
        Ok(Had { kind, mode: node.mode, owner: (node.uid, node.gid), data })
    }
}

/// The same without a look at a file's bytes.
fn alike(one: &Node, other: &Node) -> bool {
    !matches!(one.kind, Kind::File(_)) && one == other
}

/// As Python's `st_rdev` has it, on Linux.
fn device(major: u32, minor: u32) -> Vec<u8> {
    let (major, minor) = (u64::from(major), u64::from(minor));
    let number =
        (minor & 0xff) | (major & 0xfff) << 8 | (minor & !0xff) << 12 | (major & !0xfff) << 32;
    number.to_string().into_bytes()
}

/// A folder that is only the way to others is what the image below has; nothing where a link leads to one.
fn way(entry: Entry, at: &[u8], tree: &Tree) -> Option<Entry> {
    match tree.get(at) {
        Some(below) if below.kind == Kind::Folder => {
            Some(Entry { what: Member::Node(below.clone()), ..entry })
        }
        Some(Node { kind: Kind::Link(_), .. })
            if tree.resolve("", at).is_ok_and(|to| tree.is_folder(&to)) =>
        {
            None
        }
        _ => Some(entry),
    }
}

#[cfg(test)]
mod tests;
