//! One instruction's changes to a file system: the layer that it leaves.
//!
//! Does not know instructions. Has to be exact about what an engine makes of a layer, for it is the
//! layer that counts in the end: each path comes with all folders on its way.

use std::collections::BTreeSet;

use bstr::{BString, ByteSlice};

use super::Left;
use super::tree::{Content, Kind, Node, Nodes, Tree, inside, parent, parents, removed_by};
use crate::base::name;

/// Changes that are being made.
pub(super) struct Change<'a> {
    pub tree: &'a mut Tree,
    layer: Nodes,
    /// Paths of the layers below that this layer takes away.
    gone: BTreeSet<BString>,
    /// Folders of the layers below that are something else in this one.
    replaced: BTreeSet<BString>,
}

impl<'a> Change<'a> {
    /// No changes yet.
    pub(crate) fn of(tree: &'a mut Tree) -> Self {
        Self { tree, layer: Nodes::new(), gone: BTreeSet::new(), replaced: BTreeSet::new() }
    }

    /// What has changed, with the folders on the way to it.
    pub(crate) fn finish(self) -> Nodes {
        self.layer
    }

    /// What this layer has at a path.
    pub(crate) fn own(&self, path: &[u8]) -> Option<&Node> {
        self.layer.get(path)
    }

    /// All names that a file has in this layer; `one` of them is known.
    pub(crate) fn names(&self, content: &Content, one: &[u8]) -> Vec<BString> {
        // Most have no other, and a layer is long.
        if !content.linked {
            return vec![one.into()];
        }
        let same = |node: &Node| match &node.kind {
            Kind::File(own) => own.file == content.file && own.offset == content.offset,
            _ => false,
        };
        self.layer.iter().filter(|(_, node)| same(node)).map(|(name, _)| name.clone()).collect()
    }

    /// Puts something at a path whose folder is there, as unpacking a tar does.
    pub(crate) fn put(&mut self, path: &[u8], node: Node) -> Result<(), Left> {
        if let Some(gone) = removed_by(path)? {
            Self::refuse_twice(self.layer.contains_key(&gone), &gone)?;
            self.tree.remove(&gone);
            self.gone.insert(gone);
        } else {
            let again =
                parents(path).into_iter().chain([path.as_bstr()]).any(|p| self.gone.contains(p));
            let folder = node.kind == Kind::Folder;
            Self::refuse_twice(again || folder && self.replaced.contains(path), path)?;
            if !folder && self.tree.is_folder(path) {
                self.replace(path);
            }
            self.tree.put(path, node.clone());
        }
        with_parents(&mut self.layer, path, self.tree);
        self.layer.insert(path.into(), node);
        Ok(())
    }

    /// An engine would show what is below again, inside of the new folder.
    fn refuse_twice(twice: bool, path: &[u8]) -> Result<(), Left> {
        let message = || format!("`/{}` goes and comes in one instruction", name::text(path));
        if twice { Err(Left::new(message())) } else { Ok(()) }
    }

    /// Something else in the place of a folder.
    fn replace(&mut self, path: &[u8]) {
        let inside = inside(path);
        self.layer.retain(|own, _| !own.starts_with(&inside));
        self.replaced.insert(path.into());
    }

    /// Makes missing folders up to a path.
    pub(crate) fn make_folders(&mut self, path: &[u8], uid: u64, gid: u64) -> Result<(), Left> {
        if self.tree.is_folder(path) {
            return Ok(());
        }
        if self.tree.get(path).is_some() {
            return Err(Left::new(format!("`/{}` is not a folder", name::text(path))));
        }
        self.make_folders(parent(path), uid, gid)?;
        self.put(path, Node::folder(uid, gid))
    }
}

/// Puts the folders on the way to a path into a layer, as the tree that it leads to has them.
pub(super) fn with_parents(layer: &mut Nodes, path: &[u8], tree: &Tree) {
    for folder in parents(path) {
        if let (false, Some(node)) = (layer.contains_key(folder), tree.get(folder)) {
            layer.insert(folder.to_owned(), node.clone());
        }
    }
}
