//! The file system of an image as a table of paths.
//!
//! Reads nothing: where a file's bytes are kept is all that it knows of them. Times are no part of it,
//! for all are the same in the end. Paths are bytes, with no `/` at either end; the root is the empty path.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use bstr::{BStr, BString, ByteSlice};

use super::Left;
use crate::base::name;

/// Where a file's bytes are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Content {
    /// A file of this machine.
    pub file: Arc<Path>,
    /// Where in it they begin.
    pub offset: u64,
    /// How many they are.
    pub size: u64,
    /// Has the file other names? Those of one layer with the same bytes stay one file.
    pub linked: bool,
}

/// What a path is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A folder.
    Folder,
    /// A regular file.
    File(Content),
    /// A symbolic link and where it points, byte for byte.
    Link(BString),
    /// A device: is it a block device, and its numbers.
    Device(bool, u32, u32),
    /// A named pipe.
    Fifo,
}

/// One path of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Permission bits with setuid, setgid and the sticky bit.
    pub mode: u32,
    /// Owner.
    pub uid: u64,
    /// Group.
    pub gid: u64,
    /// Extended attributes.
    pub xattrs: BTreeMap<String, Vec<u8>>,
}

impl Node {
    /// A folder that anybody may read.
    pub fn folder(uid: u64, gid: u64) -> Self {
        Self { kind: Kind::Folder, mode: 0o755, uid, gid, xattrs: BTreeMap::new() }
    }

    /// Something of root's without extended attributes.
    pub fn of_root(kind: Kind, mode: u32) -> Self {
        Self { kind, mode, uid: 0, gid: 0, xattrs: BTreeMap::new() }
    }
}

/// Paths and what they are, parents before what is in them.
pub type Nodes = BTreeMap<BString, Node>;

/// What begins so is no file but says that another one of its folder is gone from the layers below.
/// Source: <https://github.com/opencontainers/image-spec/blob/v1.1.0/layer.md#whiteouts>.
pub(super) const WHITEOUT: &[u8] = b".wh.";
/// And this, that nothing of the layers below is in its folder any more.
pub(super) const OPAQUE: &[u8] = b".wh..wh..opq";

/// A whole file system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    nodes: Nodes,
}

/// More links than this in one path are a circle.
const MAX_LINKS: usize = 40;

impl Tree {
    /// What a path is, links not followed.
    pub fn get(&self, path: impl AsRef<[u8]>) -> Option<&Node> {
        self.nodes.get(path.as_ref())
    }

    /// Is it a folder?
    pub fn is_folder(&self, path: impl AsRef<[u8]>) -> bool {
        let path = path.as_ref();
        path.is_empty() || self.get(path).is_some_and(|node| node.kind == Kind::Folder)
    }

    /// All paths.
    pub fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    /// All that is in a folder, with paths counted from it.
    pub fn below(&self, folder: impl AsRef<[u8]>) -> impl Iterator<Item = (&BStr, &Node)> {
        let start = inside(folder.as_ref());
        let range = (Bound::Included(start.as_slice()), Bound::Unbounded);
        let from = self.nodes.range::<[u8], _>(range);
        from.map_while(move |(path, node)| Some((path.strip_prefix(&start[..])?.as_bstr(), node)))
    }

    /// Puts something at a path whose folder is there. What was there goes, unless both are folders.
    pub fn put(&mut self, path: impl AsRef<[u8]>, node: Node) {
        let path = path.as_ref();
        if node.kind != Kind::Folder {
            self.remove(path);
        }
        self.nodes.insert(path.into(), node);
    }

    /// Takes a path away, with all that is in it.
    pub fn remove(&mut self, path: impl AsRef<[u8]>) {
        let path = path.as_ref();
        let below = self.below(path).map(|(name, _)| join(path, name)).collect::<Vec<_>>();
        for gone in below.iter().map(|gone| gone.as_slice()).chain([path]) {
            self.nodes.remove(gone);
        }
    }

    /// Makes missing folders up to a path, root's and readable.
    pub fn make_folders(&mut self, path: impl AsRef<[u8]>) {
        let path = path.as_ref().as_bstr();
        for folder in parents(path).into_iter().chain([path]) {
            if !folder.is_empty() && !self.is_folder(folder) {
                self.put(folder, Node::folder(0, 0));
            }
        }
    }

    /// The path with every link in it followed, where `root` is what an absolute link begins at. What
    /// is not there is taken as it is.
    ///
    /// # Errors
    /// The links go in a circle.
    pub fn resolve(&self, root: impl AsRef<[u8]>, path: impl AsRef<[u8]>) -> Result<BString, Left> {
        let (root, path) = (root.as_ref(), path.as_ref());
        let mut at = BString::from(root);
        let mut rest = reversed(path);
        let mut links = 0;
        while let Some(part) = rest.pop() {
            if part == ".." {
                at = if at == root { at } else { parent(&at).to_owned() };
                continue;
            }
            let next = join(&at, &part);
            let Some(Kind::Link(target)) = self.get(&next).map(|node| &node.kind) else {
                at = next;
                continue;
            };
            links += 1;
            if links > MAX_LINKS {
                let message = format!("the links in `/{}` go in a circle", name::text(path));
                return Err(Left::new(message));
            }
            if target.starts_with(b"/") {
                at = BString::from(root);
            }
            rest.extend(reversed(target));
        }
        Ok(at)
    }

    /// What is no folder on the way to a path.
    fn no_folder_above<'a>(&self, path: &'a [u8]) -> Option<&'a BStr> {
        let above = std::iter::successors(Some(parent(path)), |at| Some(parent(at)));
        let mut above = above.take_while(|at| !at.is_empty());
        above.find(|at| self.get(at).is_some_and(|node| node.kind != Kind::Folder))
    }

    /// Lays a layer on top.
    ///
    /// # Errors
    /// It has a mark that begins with `.wh..wh.` and is not known here, or goes through a link of the layers below,
    /// which engines follow.
    pub fn apply(&mut self, layer: &Nodes) -> Result<(), Left> {
        for path in layer.keys() {
            if base(path) == OPAQUE {
                let inside = self.below(parent(path)).map(|(name, _)| join(parent(path), name));
                for gone in inside.collect::<Vec<_>>() {
                    self.nodes.remove(&gone);
                }
            } else if let Some(gone) = removed_by(path)? {
                self.remove(&gone);
            }
        }
        for (path, node) in layer {
            if base(path) != OPAQUE && removed_by(path)?.is_none() {
                if let Some(way) = self.no_folder_above(path) {
                    let (path, way) = (name::text(path), name::text(way));
                    return Err(Left::new(format!("`/{path}` goes through `/{way}`, no folder")));
                }
                self.make_folders(parent(path));
                self.put(path, node.clone());
            }
        }
        Ok(())
    }
}

/// What the paths of all that is in a folder begin with.
pub(super) fn inside(folder: &[u8]) -> Vec<u8> {
    if folder.is_empty() { vec![] } else { [folder, b"/"].concat() }
}

/// The path that a whiteout takes away, if this is one.
pub(super) fn removed_by(path: impl AsRef<[u8]>) -> Result<Option<BString>, Left> {
    let path = path.as_ref();
    let Some(name) = base(path).strip_prefix(WHITEOUT) else { return Ok(None) };
    if name.starts_with(WHITEOUT) {
        return Err(Left::new(format!("`/{}` empties a whole folder", name::text(path))));
    }
    Ok(Some(join(parent(path), name)))
}

/// A path in a folder.
pub fn join(folder: impl AsRef<[u8]>, name: impl AsRef<[u8]>) -> BString {
    match (folder.as_ref(), name.as_ref()) {
        (b"", name) => name.into(),
        (folder, b"") => folder.into(),
        (folder, name) => [folder, b"/", name].concat().into(),
    }
}

/// The folder of a path.
pub fn parent(path: &[u8]) -> &BStr {
    path.rsplit_once_str("/").map_or(b"".as_bstr(), |(folder, _)| folder.as_bstr())
}

/// The last part of a path.
pub(super) fn base(path: &[u8]) -> &BStr {
    path.rsplit_once_str("/").map_or(path, |(_, name)| name).as_bstr()
}

/// The folders on the way to a path, outermost first, without the root.
pub(super) fn parents(path: &[u8]) -> Vec<&BStr> {
    path.find_iter("/").map(|at| path[..at].as_bstr()).collect()
}

/// The parts of a path, the first one last.
fn reversed(path: &[u8]) -> Vec<BString> {
    let parts = path.split_str("/").filter(|part| !matches!(*part, b"" | b"."));
    let mut parts = parts.map(BString::from).collect::<Vec<_>>();
    parts.reverse();
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let mut tree = Tree::default();
        for path in ["usr", "usr/bin", "opt"] {
            tree.put(path, Node::folder(0, 0));
        }
        let links = [("bin", "usr/bin"), ("opt/abs", "/usr"), ("a", "b"), ("b", "/a")];
        for (path, target) in links {
            tree.put(path, Node::of_root(Kind::Link(target.into()), 0o777));
        }
        tree
    }

    #[test]
    fn links_are_followed_inside_the_root() {
        let tree = tree();
        assert_eq!(tree.resolve("", "/bin/sh").unwrap(), "usr/bin/sh");
        assert_eq!(tree.resolve("", "opt/abs/../x").unwrap(), "x");
        assert_eq!(tree.resolve("", "../../bin").unwrap(), "usr/bin");
        assert_eq!(tree.resolve("opt", "abs/x").unwrap(), "opt/usr/x");
        assert!(tree.resolve("", "a").is_err());
    }

    #[test]
    fn a_file_takes_the_place_of_a_folder_with_all_in_it() {
        let mut tree = tree();
        tree.put("usr", Node::of_root(Kind::Fifo, 0o600));
        assert_eq!(
            tree.nodes.keys().collect::<Vec<_>>(),
            ["a", "b", "bin", "opt", "opt/abs", "usr"]
        );
    }

    #[test]
    fn a_whiteout_takes_away_what_is_below_and_not_what_comes_with_it() {
        let mut tree = tree();
        let file = || Node::of_root(Kind::Fifo, 0o600);
        let layer = [(".wh.usr", file()), ("usr", Node::folder(1, 1)), ("new/x", file())];
        tree.apply(&layer.map(|(path, node)| (path.into(), node)).into()).unwrap();
        assert_eq!(tree.get("usr"), Some(&Node::folder(1, 1)));
        assert!(tree.get("usr/bin").is_none() && tree.is_folder("new"));
    }

    #[test]
    fn an_opaque_folder_has_only_what_its_own_layer_puts_into_it() {
        let mut tree = tree();
        let file = || Node::of_root(Kind::Fifo, 0o600);
        let layer = [("usr/.wh..wh..opq", file()), ("usr/a", file())];
        tree.apply(&layer.map(|(path, node)| (path.into(), node)).into()).unwrap();
        let paths = tree.nodes.keys().collect::<Vec<_>>();
        assert_eq!(paths, ["a", "b", "bin", "opt", "opt/abs", "usr", "usr/a"]);
        // No instruction leaves any other of its kind.
        let other = Nodes::from([("usr/.wh..wh.plnk".into(), file())]);
        assert!(tree.apply(&other).is_err());
    }
}
