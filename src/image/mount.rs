//! What a `RUN` sees besides its image: files, caches, empty folders, secrets; and what of that stays.
//!
//! Does not know how anything is mounted. Nothing of a mount is in the image: what is below it there stays as it was,
//! and a place that was only made for it goes, with the folders on the way to it, unless there is something else in
//! them. So does BuildKit since 0.12; before, it left folders and took files away.

use std::collections::BTreeSet;

use bstr::{BStr, BString, ByteSlice};

use super::Left;
use super::tree::{Kind, Node, Nodes, OPAQUE, Tree, base, join, parent, parents};
use crate::dockerfile::glob::clean;
use crate::dockerfile::grammar::mount::{self, Sharing, is_free};

/// All that a command sees besides its image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// What is mounted, by place.
    pub mounts: Vec<Mount>,
    /// Variables by name, whose values are secrets.
    pub variables: Vec<(String, Secret)>,
}

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where, counted from the root, with no link on the way.
    pub at: String,
    /// May the command write there? What it writes is kept by a cache only.
    pub writable: bool,
    /// What is there.
    pub what: What,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A file, or a folder and all that is in it: by their paths from there, itself without one.
    Files(Nodes),
    /// An empty folder. So many bytes would be its limit.
    Empty(Option<u64>),
    /// A folder that stays.
    Cache(Cache),
    /// A file that only its name is known of.
    Secret(Secret),
}

/// A cache: the same values, the same cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    /// Which one.
    pub id: String,
    /// Who may use it meanwhile.
    pub sharing: Sharing,
    /// Of its folder.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// Something that no image may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// Its name.
    pub id: String,
    /// Nothing is run without it.
    pub required: bool,
    /// Of its file.
    pub mode: u32,
    /// The file's owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

impl What {
    /// Is it a folder?
    pub fn is_folder(&self) -> bool {
        match self {
            Self::Files(nodes) => {
                nodes.get(BStr::new("")).is_some_and(|node| node.kind == Kind::Folder)
            }
            Self::Empty(_) | Self::Cache(_) => true,
            Self::Secret(_) => false,
        }
    }
}

/// What a flag says, with all variables replaced.
pub(super) struct Said {
    /// Where, counted from the root; as a text that tells which cache it is, if nothing else does.
    target: String,
    pub mount: mount::Mount,
}

/// Where secrets are, unless something else is said.
const SECRETS: &str = "/run/secrets";

impl Said {
    /// With paths counted from a working folder.
    pub(super) fn new(mount: mount::Mount, folder: &str) -> Self {
        let target = match text(mount.target.as_ref()) {
            Some(path) if path.starts_with('/') => path,
            Some(path) => format!("/{folder}/{path}"),
            None => format!("{SECRETS}/{}", mount::last(&mount.secret().unwrap_or_default())),
        };
        Self { target: format!("/{}", clean(&target)), mount }
    }

    /// The same with what is there, on the tree that the command sees.
    pub(super) fn on(self, tree: &Tree, what: What) -> Result<Mount, Left> {
        let target = &self.target;
        let at = tree.resolve("", target)?;
        let refused = |why: &str| Err(Left::refused(format!("at `{target}`, {why}")));
        if !is_free(&at) {
            return refused("nothing can be mounted");
        }
        let Ok(at) = String::from_utf8(at.into()) else {
            return refused("a link leads to a name that is no text");
        };
        match tree.get(&at) {
            Some(there) if (there.kind == Kind::Folder) != what.is_folder() => {
                refused("the image has a folder for a file, or a file for a folder")
            }
            None if parents(at.as_bytes()).iter().any(|way| is_no_folder(tree, way)) => {
                refused("a file of the image is in the way")
            }
            _ => Ok(Mount { at, writable: self.mount.writable, what }),
        }
    }

    /// Which cache it is.
    pub(super) fn cache(&self) -> Cache {
        let said = &self.mount;
        let id = text(said.id.as_ref()).unwrap_or_else(|| self.target.clone());
        let (mode, uid, gid) = (said.mode.unwrap_or(0o755), said.uid, said.gid);
        let (uid, gid) = (uid.unwrap_or(0), gid.unwrap_or(0));
        Cache { id, sharing: said.sharing, mode, uid, gid }
    }

    /// The variable that has a secret, and whether there is no file of it.
    pub(super) fn variable(&self) -> Option<(String, bool)> {
        Some((text(self.mount.env.as_ref())?, self.mount.target.is_none()))
    }

    /// Which secret it is.
    pub(super) fn secret(&self) -> Secret {
        let said = &self.mount;
        let id = said.secret().unwrap_or_default();
        let (mode, uid, gid) = (said.mode.unwrap_or(0o400), said.uid, said.gid);
        let (uid, gid) = (uid.unwrap_or(0), gid.unwrap_or(0));
        Secret { id, required: said.required, mode, uid, gid }
    }
}

fn is_no_folder(tree: &Tree, path: &BStr) -> bool {
    tree.get(path).is_some_and(|node| node.kind != Kind::Folder)
}

/// A value; the assembly knows all.
pub(super) fn text(value: Option<&mount::Value>) -> Option<String> {
    value.and_then(|value| value.text.clone())
}

/// A file, or a folder with all in it, out of a tree. Links on the way are followed as far as the tree goes, those in
/// the folder are not.
pub(super) fn files(tree: &Tree, path: &str) -> Result<Option<Nodes>, Left> {
    let from = tree.resolve("", path)?;
    let root = if from.is_empty() { Some(Node::folder(0, 0)) } else { tree.get(&from).cloned() };
    let Some(node) = root else { return Ok(None) };
    let below = tree.below(&from).map(|(path, node)| (path.to_owned(), node.clone()));
    Ok(Some(below.chain([(BString::from(""), node)]).collect()))
}

/// Sees to it that each of the mounts has its place in those around it, which nobody may write in.
pub(super) fn nested(mounts: &mut [Mount]) -> Result<(), Left> {
    mounts.sort_by(|one, other| one.at.cmp(&other.at));
    for number in 0..mounts.len() {
        let (around, rest) = mounts.split_at_mut(number);
        let Some(mount) = rest.first() else { break };
        if around.last().is_some_and(|before| before.at == mount.at) {
            return Err(Left::refused(format!("there are two mounts at `/{}`", mount.at)));
        }
        let inside = |outer: &Mount| {
            let rest = mount.at.strip_prefix(&outer.at)?.strip_prefix('/')?;
            Some(BString::from(rest))
        };
        // The last one that it is in is the innermost.
        let outer = around.iter_mut().rev().find_map(|outer| Some((inside(outer)?, outer)));
        if let Some((path, outer)) = outer {
            give_place(outer, path.as_bstr(), mount)?;
        }
    }
    Ok(())
}

fn give_place(outer: &mut Mount, path: &BStr, mount: &Mount) -> Result<(), Left> {
    let at = &mount.at;
    if !outer.what.is_folder() {
        return Err(Left::refused(format!("`/{at}` would be in a file that is mounted")));
    }
    let What::Files(nodes) = &mut outer.what else { return Ok(()) };
    let fits = |path: &BStr, is_folder: bool| {
        nodes.get(path).is_none_or(|node| match node.kind {
            Kind::Folder => is_folder,
            Kind::File(_) => !is_folder,
            _ => false,
        })
    };
    let way = parents(path);
    if !way.iter().all(|way| fits(way, true)) || !fits(path, mount.what.is_folder()) {
        let message = format!("what is mounted around `/{at}` has something else there");
        return Err(Left::refused(message));
    }
    let folders = way.into_iter().chain(Some(path).filter(|_| mount.what.is_folder()));
    for folder in folders {
        nodes.entry(folder.to_owned()).or_insert_with(|| Node::folder(0, 0));
    }
    Ok(())
}

/// An account of changes without what is only there because of mounts at these paths.
pub(super) fn without(account: &mut Nodes, tree: &Tree, mounts: &[Mount]) {
    let places = mounts.iter().map(|mount| mount.at.as_bytes()).collect::<BTreeSet<_>>();
    // What is in a mount comes after it.
    for place in places.into_iter().rev() {
        let inside = [place, b"/"].concat();
        account.retain(|path, _| path != place && !path.starts_with(&inside));
        let mut way = parent(place);
        while !way.is_empty() && tree.get(way).is_none() && is_empty(account, way) {
            account.remove(way);
            account.remove(&join(way, OPAQUE));
            way = parent(way);
        }
    }
}

/// A new folder may have a mark that it is one.
fn is_empty(account: &Nodes, folder: &BStr) -> bool {
    let inside = [folder.as_bytes(), b"/"].concat();
    !account.keys().any(|path| path.starts_with(&inside) && base(path) != OPAQUE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::tree::Content;

    fn file() -> Node {
        let content =
            Content { file: std::path::Path::new("f").into(), offset: 0, size: 1, linked: false };
        Node::of_root(Kind::File(content), 0o644)
    }

    /// A folder with these in it, all folders but those with a dot.
    fn files(paths: &[&str]) -> What {
        let node = |path: &str| if path.contains('.') { file() } else { Node::folder(0, 0) };
        let all = [""].iter().chain(paths).map(|path| ((*path).into(), node(path)));
        What::Files(all.collect())
    }

    fn at(at: &str, what: What) -> Mount {
        Mount { at: at.to_owned(), writable: false, what }
    }

    fn empty() -> What {
        What::Empty(None)
    }

    /// The places, each with what is in it, or why not.
    fn placed(mut mounts: Vec<Mount>) -> String {
        if let Err(left) = nested(&mut mounts) {
            return left.why().to_owned();
        }
        let shown = |mount: &Mount| {
            let What::Files(nodes) = &mount.what else { return mount.at.clone() };
            let paths = nodes.keys().map(ToString::to_string).collect::<Vec<_>>();
            format!("{}:{}", mount.at, paths.join(","))
        };
        mounts.iter().map(shown).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_mount_in_another_has_its_place_there() {
        assert_eq!(placed(vec![at("b", empty()), at("a", files(&["x"]))]), "a:,x b");
        let inner = || at("a/x/y", empty());
        assert_eq!(placed(vec![inner(), at("a", files(&[]))]), "a:,x,x/y a/x/y");
        // In the innermost, which need not be the one before.
        let outer = [at("a", files(&[])), at("a/x", files(&[])), at("a/x-", empty())];
        assert_eq!(placed([outer.to_vec(), vec![inner()]].concat()), "a:,x,x- a/x:,y a/x- a/x/y");
        // What an engine can write in, it makes a place in.
        assert_eq!(placed(vec![inner(), at("a", empty())]), "a a/x/y");
        let told = "there are two mounts at `/a`";
        assert_eq!(placed(vec![at("a", empty()), at("b", empty()), at("a", empty())]), told);
        let told = "what is mounted around `/a/f.x` has something else there";
        assert_eq!(placed(vec![at("a/f.x", empty()), at("a", files(&["f.x"]))]), told);
        let told = "`/a/x/y` would be in a file that is mounted";
        let single = What::Files([(BString::from(""), file())].into());
        assert_eq!(placed(vec![inner(), at("a", single)]), told);
    }

    #[test]
    fn a_place_is_found_through_the_links_of_the_image() {
        let mut tree = Tree::default();
        tree.apply(
            &[("d", Node::folder(0, 0)), ("f.x", file())].map(|(p, n)| (p.into(), n)).into(),
        )
        .unwrap();
        for (link, target) in [("l", "d"), ("out", "../../../etc"), ("own", "/dev/shm")] {
            tree.put(link, Node::of_root(Kind::Link(target.into()), 0o777));
        }
        let on = |target: &str, what: What| {
            let kind = mount::Type::Bind;
            let said = Said { target: target.to_owned(), mount: mount::Mount::new(kind) };
            said.on(&tree, what).map_or_else(|left| left.why().to_owned(), |mount| mount.at)
        };
        assert_eq!(on("/l/x", empty()), "d/x");
        assert_eq!(on("/out/x", empty()), "etc/x");
        assert_eq!(on("/own", empty()), "at `/own`, nothing can be mounted");
        assert_eq!(on("/out/hosts", empty()), "at `/out/hosts`, nothing can be mounted");
        assert_eq!(on("/f.x/in", empty()), "at `/f.x/in`, a file of the image is in the way");
        let told = "at `/d`, the image has a folder for a file, or a file for a folder";
        assert_eq!(on("/d", What::Files([(BString::from(""), file())].into())), told);
    }
}
