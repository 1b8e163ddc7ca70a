//! The list of what an image consists of: made when the image is there, kept beside it with that of the
//! build before.

use std::path::Path;

use crate::base::error::{Error, Result};
use crate::base::hex::hex;
use crate::base::name;
use crate::exec::action::assemble::{Seen, Summary};
use crate::exec::action::read_json;
use crate::image::archive::listing::Digests;
use crate::image::bundle::Blob;
use crate::image::contents::{Contents, Files, Item, Package, What};
use crate::image::tree::{Content, Kind, Node, Nodes};
use crate::plan::expand::PACKAGES;
use crate::plan::results::ARCHIVE;
use crate::state::store::Store;

pub(super) const CONTENTS: &str = "contents.json";
/// That of the last build that gave another image.
pub(super) const PREVIOUS: &str = "contents.previous.json";

/// Of an image that has just been made. `dir` is the folder of its results.
pub(super) fn keep(summary: &Summary, dir: &Path, seen: &Seen, store: &Store) -> Result<()> {
    let now = contents(summary, dir, seen)?;
    // One that is malformed is nothing to compare with.
    if let Ok(Some(old)) = read(&dir.join(CONTENTS))
        && old.id != now.id
    {
        write(&old, &dir.join(PREVIOUS), store)?;
    }
    write(&now, &dir.join(CONTENTS), store)
}

fn write(contents: &Contents, path: &Path, store: &Store) -> Result<()> {
    let text = serde_json::to_vec(contents);
    let text = text.map_err(|e| Error::bug(format!("cannot write a list of files: {e}")))?;
    store.replace(path, &text)
}

/// What an image consists of, and what the last build that gave another one consisted of.
///
/// # Errors
/// A list is malformed.
pub fn builds(dir: &Path) -> Result<(Option<Contents>, Option<Contents>)> {
    Ok((read(&dir.join(CONTENTS))?, read(&dir.join(PREVIOUS))?))
}

fn read(path: &Path) -> Result<Option<Contents>> {
    read_json(path, "remove it; the next build that changes the image writes it anew")
}

fn contents(summary: &Summary, dir: &Path, seen: &Seen) -> Result<Contents> {
    let (files, built_by_engine) = match &seen.files {
        Some((_, tree)) => {
            let below = summary.base.as_ref().map(|base| dir.with_file_name(base));
            (files(tree.nodes(), dir, below.as_deref())?, None)
        }
        None => (Files::new(), summary.built_by_engine.clone()),
    };
    Ok(Contents {
        id: summary.id.clone(),
        size: u64::try_from(summary.size).unwrap_or(0),
        built_by_engine,
        files,
        packages: packages(seen)?,
    })
}

/// Only what is in the image's own archive is read: of the rest, the list of the image below tells.
fn files(nodes: &Nodes, dir: &Path, below: Option<&Path>) -> Result<Files> {
    let own = dir.join(ARCHIVE);
    let known = below.and_then(|below| read(&below.join(CONTENTS)).ok().flatten());
    let known = known.map(|contents| contents.files).unwrap_or_default();
    let mut digests = Digests::default();
    let mut files = Files::new();
    for (path, node) in nodes {
        let path = name::text(path).into_owned();
        let digest = match (&node.kind, known.get(&path).map(|item| &item.what)) {
            (Kind::File(content), Some(What::File(_, digest))) if *content.file != *own => {
                digest.clone()
            }
            (Kind::File(content), _) => digest(content, &mut digests)?,
            _ => String::new(),
        };
        let what = What::of(&node.kind, || digest);
        files.insert(path, Item::of(node, what, xattrs(node)));
    }
    Ok(files)
}

fn digest(content: &Content, digests: &mut Digests) -> Result<String> {
    digests.of(content).map_err(|e| Error::file("read", &content.file, &e))
}

fn xattrs(node: &Node) -> Option<String> {
    let all = node.xattrs.iter().map(|(name, value)| format!("{name}={}\n", hex(value)));
    (!node.xattrs.is_empty()).then(|| Blob::of(all.collect::<String>().as_bytes()).digest)
}

/// The list of the nearest image with packages of its own has those of all below.
fn packages(seen: &Seen) -> Result<Vec<Package>> {
    for (folder, _) in &seen.stack {
        if let Some(list) = read_json(&folder.join(PACKAGES), "remove it and run `bb build`")? {
            return Ok(list);
        }
    }
    Ok(vec![])
}
