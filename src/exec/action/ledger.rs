//! The ledger of an image's sizes: made when the image is there, kept beside it with the one before.
//!
//! How bytes are counted is `size`'s business.

use std::path::Path;

use crate::base::error::{Error, Result};
use crate::base::limits::Limits;
use crate::exec::action::assemble::{Seen, Summary, name};
use crate::exec::action::read_json;
use crate::image::archive::{bundle, sysroot};
use crate::image::size::{Layer, Ledger};
use crate::plan::expand::SYSROOT;
use crate::plan::results::SIZE;
use crate::state::store::Store;

/// The ledger of the last build that gave another image.
pub(super) const PREVIOUS: &str = "size.previous.json";

/// Of an image that has just been made. `dir` is the folder of its results.
pub(super) fn keep(
    summary: &Summary,
    dir: &Path,
    seen: &Seen,
    store: &Store,
    limits: &Limits,
) -> Result<()> {
    let ledger = ledger(summary, &name(dir), seen, limits)?;
    let failed = |e| Error::bug(format!("cannot write a ledger: {e}"));
    let text = serde_json::to_vec_pretty(&ledger).map_err(failed)?;
    // One that is malformed is no ledger to compare with.
    if let Ok(Some(old)) = read(&dir.join(SIZE))
        && old.id != ledger.id
    {
        let text = serde_json::to_vec_pretty(&old).map_err(failed)?;
        store.replace(&dir.join(PREVIOUS), &text)?;
    }
    store.replace(&dir.join(SIZE), &text)
}

fn ledger(summary: &Summary, image: &str, seen: &Seen, limits: &Limits) -> Result<Ledger> {
    let Some((chain, tree)) = &seen.files else {
        let total = u64::try_from(summary.size).unwrap_or(0);
        let why = summary.built_by_engine.as_deref().unwrap_or_default();
        return Ok(Ledger::of_engine(image, &summary.id, total, why));
    };
    let stack = &seen.stack;
    let elsewhere = stack.last().and_then(|(_, summary)| summary.elsewhere.as_ref());
    let elsewhere = elsewhere.map_or("", |base| base.name.as_str());
    let folders = stack.iter().map(|(folder, _)| folder).collect::<Vec<_>>();
    let layers = bundle::own_layers(chain)?.into_iter().map(|layer| Layer {
        image: folders.get(layer.bundle).map_or_else(|| elsewhere.to_owned(), |dir| name(dir)),
        instruction: layer.instruction,
        nodes: layer.nodes,
    });
    let layers = layers.collect::<Vec<_>>();
    // A child's has all of its parents'.
    let sysroot = folders.iter().map(|folder| folder.join(SYSROOT)).find(|file| file.is_file());
    let owners = sysroot.map(|file| sysroot::owners(&file, tree, limits)).transpose()?;
    Ok(Ledger::of(image, &summary.id, &layers, tree, &owners.unwrap_or_default()))
}

/// The ledger of an image, and that of the last build that gave another one.
///
/// # Errors
/// There is none, or it is malformed.
pub fn ledgers(dir: &Path) -> Result<(Ledger, Option<Ledger>)> {
    let path = dir.join(SIZE);
    let gone = || Error::step(format!("there is no `{}`", path.display())).hint("run `bb build`");
    Ok((read(&path)?.ok_or_else(gone)?, read(&dir.join(PREVIOUS))?))
}

fn read(path: &Path) -> Result<Option<Ledger>> {
    read_json(path, "remove it and run `bb build`")
}
