//! What takes how much room: things of the state folder and of an engine, and what of them is to go.
//!
//! Counts, and decides nothing: what goes is told by whoever lets it go.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use crate::base::error::{Error, Result};
use crate::engine::{Going, Kept, Sort};
use crate::exec::tidy::Thing;
use crate::state::disk::{Used, each};
use crate::state::store::Store;

/// What something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    /// Of an engine.
    Engine(Sort),
    /// Files that were fetched.
    Downloads,
    /// What steps have made of docks.
    Results,
    /// Blobs of images from elsewhere.
    Blobs,
    /// What steps have written.
    Logs,
    /// What a look at an update has fetched.
    Preview,
    /// Records, and all else.
    State,
}

/// Folders of the state folder, and what their entries are.
const FOLDERS: [(&str, Type); 5] = [
    ("downloads", Type::Downloads),
    ("images", Type::Results),
    ("oci/blobs/sha256", Type::Blobs),
    ("logs", Type::Logs),
    ("outdated", Type::Preview),
];

impl Type {
    /// What an engine has, in the order in which it is told.
    pub const OF_ENGINE: [Self; 6] = [
        Self::Engine(Sort::Images),
        Self::Engine(Sort::Builders),
        Self::Engine(Sort::Layers),
        Self::Engine(Sort::Boxes),
        Self::Engine(Sort::Caches),
        Self::Engine(Sort::Store),
    ];
    /// What the state folder has.
    pub const OF_STATE: [Self; 6] =
        [Self::Downloads, Self::Results, Self::Blobs, Self::Logs, Self::Preview, Self::State];

    /// What people call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Engine(Sort::Images) => "images",
            Self::Engine(Sort::Builders) => "builders",
            Self::Engine(Sort::Layers) => "layers",
            Self::Engine(Sort::Boxes) => "boxes",
            Self::Engine(Sort::Caches) => "caches",
            Self::Engine(Sort::Store) => "store",
            Self::Downloads => "downloads",
            Self::Results => "results",
            Self::Blobs => "blobs",
            Self::Logs => "logs",
            Self::Preview => "preview",
            Self::State => "state",
        }
    }
}

impl Serialize for Type {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub sort: Type,
    /// What people call it: a path, if it is a file's.
    pub name: String,
    /// Nothing, if the engine does not tell.
    pub used: Option<Used>,
    /// What of it goes.
    pub going: Used,
}

/// Things of an engine.
pub fn of_engine(kept: Vec<Kept>) -> Vec<Item> {
    let item = |Kept { sort, name, used, going }| {
        let sort = Type::Engine(sort);
        Item { sort, name, used, going }
    };
    kept.into_iter().map(item).collect()
}

/// What an engine is to lose.
pub fn going<'a>(things: impl Iterator<Item = &'a Thing>) -> Going {
    let mut going = Going::default();
    for thing in things {
        match thing {
            Thing::Container(id, _) => going.boxes.push(id.clone()),
            Thing::Image(name, _) => going.images.push(name.clone()),
            Thing::Volume(name) => going.caches.push(name.clone()),
            _ => {}
        }
    }
    going
}

/// All that is in the state folder.
///
/// # Errors
/// Something cannot be looked at.
pub fn of_state<'a>(store: &Store, things: impl Iterator<Item = &'a Thing>) -> Result<Vec<Item>> {
    let failed = |cause: io::Error| Error::file("read", store.root(), &cause);
    let going = Leaving::of(store, things).map_err(failed)?;
    let mut items = vec![];
    for (folder, sort) in FOLDERS {
        let folder = store.root().join(folder);
        for (name, used) in each(&folder).map_err(failed)? {
            let path = folder.join(name);
            let going = going.within(&path);
            items.push(Item { sort, name: path.display().to_string(), used: Some(used), going });
        }
    }
    items.extend(rest(store.root(), Path::new(""), &going).map_err(failed)?);
    Ok(items)
}

/// What is in no folder with a type of its own, below one that is on the way to such folders.
fn rest(root: &Path, way: &Path, going: &Leaving) -> io::Result<Vec<Item>> {
    let folder = if way == Path::new("") { root.to_owned() } else { root.join(way) };
    let mut items = vec![state(&folder, Used::one(&folder)?, going.itself(&folder))];
    let entries = match std::fs::read_dir(&folder) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        entries => entries?,
    };
    for entry in entries {
        let inside = way.join(entry?.file_name());
        let path = root.join(&inside);
        if FOLDERS.iter().any(|(told, _)| Path::new(told) == inside) {
            items.push(state(&path, Used::one(&path)?, going.itself(&path)));
        } else if FOLDERS.iter().any(|(told, _)| Path::new(told).starts_with(&inside)) {
            items.extend(rest(root, &inside, going)?);
        } else {
            items.push(state(&path, Used::all(&path)?, going.within(&path)));
        }
    }
    Ok(items)
}

fn state(path: &Path, used: Used, going: Used) -> Item {
    Item { sort: Type::State, name: path.display().to_string(), used: Some(used), going }
}

/// Paths that go, and folders that are empty then.
struct Leaving(BTreeMap<PathBuf, Used>);

impl Leaving {
    fn of<'a>(store: &Store, things: impl Iterator<Item = &'a Thing>) -> io::Result<Self> {
        let mut paths = BTreeSet::new();
        for thing in things {
            match thing {
                Thing::File(path, _) | Thing::Folder(path, _) => drop(paths.insert(path.clone())),
                Thing::Record(step) => paths.extend(store.left_by(step)),
                _ => {}
            }
        }
        let folders = emptied(&paths).into_iter().map(|path| Ok((path.clone(), Used::one(&path)?)));
        let folders = folders.collect::<io::Result<Vec<_>>>()?;
        let files = paths.into_iter().map(|path| Ok((path.clone(), Used::all(&path)?)));
        files.chain(folders.into_iter().map(Ok)).collect::<io::Result<_>>().map(Self)
    }

    /// What goes of a path and of what is in it, which follows it in the order of paths.
    fn within(&self, path: &Path) -> Used {
        let from = self.0.range(path.to_owned()..);
        let mut used = Used::default();
        from.take_while(|(other, _)| other.starts_with(path)).for_each(|(_, one)| used.add(one));
        used
    }

    fn itself(&self, path: &Path) -> Used {
        self.0.get(path).cloned().unwrap_or_default()
    }
}

/// The folders that have nothing else in them: each goes with the last file of its own.
fn emptied(paths: &BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
    let folders = paths.iter().filter_map(|path| path.parent()).collect::<BTreeSet<_>>();
    let mut emptied = BTreeSet::new();
    // What is below another one comes after it in this order.
    for folder in folders.into_iter().rev() {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let goes = |path: &PathBuf| paths.contains(path) || emptied.contains(path);
        if entries.map(|entry| entry.path()).all(|path| goes(&path)) {
            emptied.insert(folder.to_owned());
        }
    }
    emptied
}
