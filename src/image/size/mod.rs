//! How large an image is, and what of it is so large: by layer, by package, by folder.
//!
//! Pure: layers come as tables of paths, packages as a table of who owns which path. Bytes are counted as
//! engines do: the sizes of all files of all layers, not compressed; a file with several names once.
//! Does not know where ledgers are kept nor how they are shown.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Sum;
use std::sync::Arc;

use bstr::{BStr, ByteSlice};
use serde::{Deserialize, Serialize};

use crate::base::error::Error;
use crate::base::name;
use crate::base::words::megabytes;
use crate::image::audit::contents::Owners;
use crate::image::tree::{Content, Kind, Nodes, Tree};

pub mod difference;
pub mod left_out;

use crate::dock::budget::Budget;

/// One line: what, and how many bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// A package, a folder, …
    pub name: String,
    /// Bytes.
    pub size: u64,
}

/// Bytes of layers on their way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sent {
    /// Compressed by gzip.
    pub gzip: u64,
    /// Compressed by Zstandard.
    pub zstd: u64,
}

impl<'a> Sum<&'a Self> for Sent {
    fn sum<I: Iterator<Item = &'a Self>>(layers: I) -> Self {
        layers.fold(Self::default(), |sum, layer| Self {
            gzip: sum.gzip.saturating_add(layer.gzip),
            zstd: sum.zstd.saturating_add(layer.zstd),
        })
    }
}

/// All of an image, three times.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// The image's name.
    pub image: String,
    /// The engine's id for it.
    pub id: String,
    /// Bytes.
    pub total: u64,
    /// Why the engine has built it, if so: then only the total is known.
    pub built_by_engine: Option<String>,
    /// Lowest first, as `IMAGE: INSTRUCTION`.
    pub layers: Vec<Entry>,
    /// Largest first; with what is of no package, and what a layer above has replaced.
    pub packages: Vec<Entry>,
    /// The folders of the root and the folders in these, by path; each with all that is below it.
    pub folders: Vec<Entry>,
}

/// One layer.
#[derive(Debug, Clone)]
pub struct Layer {
    /// The image whose own it is.
    pub image: String,
    /// What made it.
    pub instruction: String,
    /// What is in it.
    pub nodes: Arc<Nodes>,
}

/// What is in layers and not in the image any more.
const HIDDEN: &str = "(replaced or removed by a layer above)";

impl Ledger {
    /// Of an image whose content is known. `tree` is its layers laid on each other.
    pub fn of(image: &str, id: &str, layers: &[Layer], tree: &Tree, owners: &Owners) -> Self {
        let names = layers.iter().map(|l| Entry {
            name: format!("{}: {}", l.image, l.instruction),
            size: files(&l.nodes).map(|(_, content)| content.size).sum(),
        });
        let mut ledger = Self { image: image.to_owned(), id: id.to_owned(), ..Self::default() };
        ledger.layers = names.collect();
        ledger.total = ledger.layers.iter().map(|layer| layer.size).sum();
        let origins = origins(layers);
        let mut packages = BTreeMap::<String, u64>::new();
        let mut folders = BTreeMap::<String, u64>::new();
        let mut left = ledger.total;
        for (path, content) in files(tree.nodes()) {
            let owner = owners.get(path).cloned().unwrap_or_else(|| {
                let of = origins.get(content).copied().unwrap_or(image);
                format!("(other files of {of})")
            });
            *packages.entry(owner).or_default() += content.size;
            for folder in upper_folders(path) {
                *folders.entry(folder).or_default() += content.size;
            }
            left = left.saturating_sub(content.size);
        }
        packages.insert(HIDDEN.to_owned(), left);
        ledger.packages = entries(packages);
        ledger.packages.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.name.cmp(&b.name)));
        ledger.folders = entries(folders);
        ledger
    }

    /// Of an image that only the engine has.
    pub fn of_engine(image: &str, id: &str, total: u64, why: &str) -> Self {
        Self {
            image: image.to_owned(),
            id: id.to_owned(),
            total,
            built_by_engine: Some(why.to_owned()),
            ..Self::default()
        }
    }
}

fn entries(sizes: BTreeMap<String, u64>) -> Vec<Entry> {
    let entries = sizes.into_iter().filter(|(_, size)| *size > 0);
    entries.map(|(name, size)| Entry { name, size }).collect()
}

/// Regular files, one of several names only by the first of these.
fn files(nodes: &Nodes) -> impl Iterator<Item = (&BStr, &Content)> {
    let mut seen = BTreeSet::new();
    let files = nodes.iter().filter_map(|(path, node)| match &node.kind {
        Kind::File(content) => Some((path.as_bstr(), content)),
        _ => None,
    });
    files.filter(move |(_, content)| !content.linked || seen.insert(*content))
}

/// The image that each file is from.
fn origins(layers: &[Layer]) -> BTreeMap<&Content, &str> {
    fn of(layer: &Layer) -> impl Iterator<Item = (&Content, &str)> {
        files(&layer.nodes).map(|(_, content)| (content, layer.image.as_str()))
    }
    layers.iter().flat_map(of).collect()
}

/// `/usr` and `/usr/lib` of `usr/lib/x/y`; `/` of what is in the root.
fn upper_folders(path: &BStr) -> Vec<String> {
    let ends = path.find_iter("/").take(2);
    let folders = ends.map(|end| format!("/{}", name::text(&path[..end]))).collect::<Vec<_>>();
    if folders.is_empty() { vec!["/".to_owned()] } else { folders }
}

/// How many contributors are named.
const NAMED: usize = 3;

/// The error of an image that is larger than it may be, with what it has the most of.
pub fn over_budget(ledger: &Ledger, budget: Budget) -> Option<Error> {
    let over = ledger.total.checked_sub(budget.0).filter(|over| *over > 0)?;
    let message = format!(
        "the image `{}` is {} large, {} over its budget of {budget}",
        ledger.image,
        megabytes(ledger.total),
        megabytes(over)
    );
    let hint = "slim it, or raise `size_budget` in its `dock.toml`; see `bb size";
    let error = Error::step(message).hint(format!("{hint} {}`", ledger.image));
    let largest = ledger.packages.iter().take(NAMED);
    let line = |entry: &Entry| format!("  {:>10}  {}", megabytes(entry.size), entry.name);
    Some(largest.map(line).fold(error, Error::detail))
}

#[cfg(test)]
mod tests;
