//! What `COPY` and `ADD` put where, by the rules of Docker's classic builder.
//!
//! Knows no variables and no Dockerfile: words in, changes out. Where `docker build` would say that
//! something is wrong, it is left to it to say so.

use bstr::{BStr, BString};

use super::Left;
use super::below::Below;
use super::change::Change;
use super::chmod::Chmod;
use super::tree::{Content, Kind, Node, Tree, WHITEOUT, base, join, parent, parents};
use crate::base::name;
use crate::dockerfile::glob::{Glob, clean, clean_name, is_pattern};

/// A `COPY` or an `ADD` with its words expanded.
pub(super) struct Copy<'a> {
    /// Where the sources are.
    pub from: &'a Tree,
    /// What only a source of its very name leads to.
    pub hidden: &'a Tree,
    pub sources: &'a [String],
    /// An absolute path; with a `/` at its end it is a folder.
    pub target: &'a str,
    pub manner: Manner,
    /// The archive among them that leaves some of what is below as it is.
    pub rootfs: Option<&'a Below<'a>>,
}

/// What the flags say.
#[derive(Debug, Default)]
pub(super) struct Manner {
    /// Whose the copies are; nobody's: they stay their owners'.
    pub owner: Option<(u64, u64)>,
    /// Another mode for what is copied; the folder that it goes to keeps its own.
    pub mode: Option<Chmod>,
    /// Are archives unpacked?
    pub unpacks: bool,
    /// Do the folders on the way to a source come along?
    pub parents: bool,
    /// What is not copied, counted from a source's folder.
    pub excluded: Vec<Glob>,
}

/// One path in an archive, as it is written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: BString,
    /// What it is.
    pub what: Member,
}

/// What a path in an archive is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Member {
    /// Something by itself.
    Node(Node),
    /// Another name of a file before it.
    HardLink {
        /// The other name.
        to: BString,
        /// What its header says besides: whoever unpacks it says so of the file, and so of all names.
        node: Node,
    },
}

/// What is in an archive, if a file is one.
pub(super) type Unpack<'a> = &'a dyn Fn(&Content) -> Result<Option<Vec<Entry>>, Left>;

/// One source: the name that it was found under, and what that leads to.
struct Found<'a> {
    name: BString,
    real: BString,
    tree: &'a Tree,
}

impl<'a> Copy<'a> {
    /// Makes the changes.
    pub(crate) fn run(&self, change: &mut Change<'_>, unpack: Unpack<'_>) -> Result<(), Left> {
        if self.manner.parents {
            return self.sources.iter().try_for_each(|source| self.with_parents(source, change));
        }
        let mut found = vec![];
        for source in self.sources {
            found.extend(self.find(source)?);
        }
        if found.is_empty() || found.len() > 1 && !self.target.ends_with('/') {
            return Err(Left::new("its sources and its target do not fit"));
        }
        for source in found.iter().filter(|found| !self.excludes(base(&found.name))) {
            let target = change.tree.resolve("", self.target)?;
            self.one(source, &target, change, unpack)?;
        }
        Ok(())
    }

    fn find(&self, source: &str) -> Result<Vec<Found<'a>>, Left> {
        if source.contains('\\') {
            return Err(Left::new(format!("the source `{source}` has a `\\`")));
        }
        let path = clean(&format!("/{source}"));
        if is_pattern(&path) {
            let glob = pattern(&path, false)?;
            let matching = self.from.nodes().keys().filter(|path| glob.matches(path));
            let found = |path: &BString| {
                let real = self.from.resolve("", path)?;
                Ok(Found { name: path.clone(), real, tree: self.from })
            };
            return matching.map(found).collect();
        }
        let real = self.from.resolve("", &path)?;
        let there = |tree: &&'a Tree| real.is_empty() || tree.get(&real).is_some();
        match [self.from, self.hidden].into_iter().find(there) {
            Some(tree) => Ok(vec![Found { name: path.into(), real, tree }]),
            None => Err(Left::new(format!("there is no `{source}`"))),
        }
    }

    fn one(
        &self,
        source: &Found<'_>,
        target: &[u8],
        change: &mut Change<'_>,
        unpack: Unpack<'_>,
    ) -> Result<(), Left> {
        if source.tree.is_folder(&source.real) {
            return self.folder(&source.real, target, change);
        }
        let Some(node) = source.tree.get(&source.real) else {
            return Err(Left::new(format!("`{}` leads to nothing", name::text(&source.name))));
        };
        if let (true, Kind::File(content)) = (self.manner.unpacks, &node.kind)
            && let Some(entries) = unpack(content)?
        {
            let entries = match self.rootfs.filter(|rootfs| *rootfs.file == *content.file) {
                Some(rootfs) => rootfs.adjust(entries, target, change.tree)?,
                None => entries,
            };
            return extract(&entries, target, change);
        }
        let into = self.target.ends_with('/') || change.tree.is_folder(target);
        let target = if into { join(target, base(&source.name)) } else { target.into() };
        let (uid, gid) = self.manner.owner.unwrap_or_default();
        change.make_folders(parent(&target), uid, gid)?;
        // The engine copies a single file without its attributes.
        let node = Node { xattrs: [].into(), ..self.owned(alone(node)) };
        put(&target, node, change)
    }

    /// What is in a folder; the folder itself only where there is none.
    fn folder(&self, source: &[u8], target: &[u8], change: &mut Change<'_>) -> Result<(), Left> {
        self.make_target(target, change)?;
        for (path, node) in self.from.below(source).filter(|(path, _)| !self.excludes(path)) {
            put(&join(target, path), self.owned(node.clone()), change)?;
        }
        Ok(())
    }

    fn make_target(&self, target: &[u8], change: &mut Change<'_>) -> Result<(), Left> {
        if change.tree.is_folder(target) {
            return Ok(());
        }
        change.make_folders(parent(target), 0, 0)?;
        let (uid, gid) = self.manner.owner.unwrap_or_default();
        change.make_folders(target, uid, gid)
    }

    /// `--parents`: what a source matches, in the folders that it is in. They are counted from a `/./`
    /// in the source, or from the root.
    fn with_parents(&self, source: &str, change: &mut Change<'_>) -> Result<(), Left> {
        let (pivot, wanted) = source.split_once("/./").unwrap_or(("", source));
        let wanted = clean(&format!("/{wanted}"));
        let root = self.from.resolve("", pivot)?;
        let glob = is_pattern(&wanted).then(|| pattern(&wanted, true)).transpose()?;
        let matches = |path: &BStr| match &glob {
            Some(glob) => glob.matches_or_parent(path),
            None => wanted.is_empty() || path == wanted.as_str() || is_inside(path, &wanted),
        };
        let target = change.tree.resolve("", self.target)?;
        let mut nothing = true;
        for (path, node) in self.from.below(&root).filter(|(path, _)| matches(path)) {
            nothing = false;
            if self.excludes(path) {
                continue;
            }
            self.make_target(&target, change)?;
            for folder in parents(path) {
                let node = self.from.get(join(&root, folder)).cloned();
                let node = node.unwrap_or_else(|| Node::folder(0, 0));
                self.put_new(&join(&target, folder), node, change)?;
            }
            self.put_new(&join(&target, path), node.clone(), change)?;
        }
        if nothing { Err(Left::refused(format!("there is no `{source}`"))) } else { Ok(()) }
    }

    /// A folder that is there stays as it is.
    fn put_new(&self, path: &[u8], node: Node, change: &mut Change<'_>) -> Result<(), Left> {
        let there = node.kind == Kind::Folder && change.tree.is_folder(path);
        if there { Ok(()) } else { put(path, self.owned(node), change) }
    }

    fn excludes(&self, path: &[u8]) -> bool {
        self.manner.excluded.iter().any(|glob| glob.matches_or_parent(path))
    }

    /// The kernel takes setuid, setgid and capabilities from a file that it gives to somebody.
    fn owned(&self, node: Node) -> Node {
        let node = match (self.manner.owner, &node.kind) {
            (Some((uid, gid)), Kind::File(_)) => {
                Node { uid, gid, mode: given(node.mode), xattrs: [].into(), ..node }
            }
            (Some((uid, gid)), _) => Node { uid, gid, xattrs: [].into(), ..node },
            (None, _) => node,
        };
        match (&self.manner.mode, &node.kind) {
            (Some(mode), Kind::File(_)) => Node { mode: mode.of(node.mode, false), ..node },
            (Some(mode), Kind::Folder) => Node { mode: mode.of(node.mode, true), ..node },
            _ => node,
        }
    }
}

/// A pattern of a source; `deep` gives `**` its meaning.
fn pattern(text: &str, deep: bool) -> Result<Glob, Left> {
    Glob::new(text, deep).ok_or_else(|| Left::new(format!("`{text}` is not a pattern")))
}

fn is_inside(path: &[u8], folder: &str) -> bool {
    path.strip_prefix(folder.as_bytes()).is_some_and(|rest| rest.starts_with(b"/"))
}

/// In a layer such a name would remove what is below instead of being there.
fn put(path: &[u8], node: Node, change: &mut Change<'_>) -> Result<(), Left> {
    if base(path).starts_with(WHITEOUT) {
        let path = name::text(path);
        let message = format!("`/{path}` cannot be in an image: `.wh.` marks what a layer removes");
        return Err(Left::refused(message));
    }
    change.put(path, node)
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
fn extract(entries: &[Entry], target: &[u8], change: &mut Change<'_>) -> Result<(), Left> {
    change.make_folders(target, 0, 0)?;
    let mut folders = vec![];
    for entry in entries {
        let name = clean_name(join("/", &entry.name));
        if name.is_empty() {
            continue;
        }
        if clean_name(&entry.name).starts_with(b"..") {
            let message = format!("`{}` leads out of the archive", name::text(&entry.name));
            return Err(Left::new(message));
        }
        let path = place(&name, target, change.tree)?;
        let has_links = path != join(target, &name);
        if has_links && let Some(link) = dangling(&name, target, change.tree)? {
            let (link, name) = (name::text(&link), name::text(&name));
            return Err(Left::new(format!("`/{link}`, on the way to `{name}`, leads nowhere")));
        }
        change.make_folders(parent(&path), 0, 0)?;
        match &entry.what {
            Member::Node(node) => {
                change.put(&path, node.clone())?;
                folders.extend((node.kind == Kind::Folder).then_some(path));
            }
            Member::HardLink { to, node } => {
                let to = place(&clean_name(join("/", to)), target, change.tree)?;
                link(&to, &path, node, change)?;
            }
        }
    }
    // An engine dates them when all has been unpacked.
    match folders.iter().find(|path| !change.tree.is_folder(path)) {
        Some(path) => Err(Left::new(format!("`/{}` does not stay a folder", name::text(path)))),
        None => Ok(()),
    }
}

/// A link on the way to a name of an archive that leads to nothing: an engine makes no folder through it.
fn dangling(name: &[u8], target: &[u8], tree: &Tree) -> Result<Option<BString>, Left> {
    for folder in parents(name) {
        let path = place(folder, target, tree)?;
        let is_link = matches!(tree.get(&path), Some(Node { kind: Kind::Link(_), .. }));
        let to = tree.resolve(target, folder)?;
        if is_link && !to.is_empty() && tree.get(&to).is_none() {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Where a name of an archive is, with the links on the way to it followed, but not itself.
pub(super) fn place(name: &[u8], target: &[u8], tree: &Tree) -> Result<BString, Left> {
    Ok(join(tree.resolve(target, parent(name))?, base(name)))
}

/// Gives a file of this layer another name, and all its names the mode and the owner of this one.
fn link(to: &[u8], path: &[u8], says: &Node, change: &mut Change<'_>) -> Result<(), Left> {
    let Some(Node { kind: Kind::File(content), .. }) = change.own(to) else {
        let to = name::text(to);
        let why = format!("`/{to}`, which has a hard link, is not in the archive");
        return Err(Left::new(why));
    };
    let content = content.clone();
    let linked = Content { linked: true, ..content.clone() };
    let node = Node { kind: Kind::File(linked), ..says.clone() };
    if change.own(to) != Some(&node) {
        for name in change.names(&content, to) {
            change.put(&name, node.clone())?;
        }
    }
    change.put(path, node)
}
