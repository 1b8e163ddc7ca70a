//! What the folder of blobs has that no pinned image and no finished step needs, and what was noted of layers that no
//! image has any more.
//!
//! Only finds. A name that is no digest is nobody's here, and stays.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::base::error::Result;
use crate::base::limits::{Limit, Limits};
use crate::base::read;
use crate::base::reference::is_id;
use crate::config::lock::Bases;
use crate::exec::tidy::{Group, Thing, file};
use crate::image::archive::bundle::Bundle;
use crate::image::archive::compressed::Compression;
use crate::net::registry::Blobs;
use crate::plan::Plan;
use crate::plan::step::{BASE_PARAM, Work};
use crate::state::store::Store;

/// Blobs that neither the lock nor the record of a step of the plan leads to. None while a step is worked on: it may
/// be bringing some.
///
/// # Errors
/// A configuration that is needed is none.
pub fn unneeded(plan: &Plan, bases: &Bases, store: &Store) -> Result<Group> {
    let mut things = vec![];
    if store.working().is_empty() {
        let needed = needed(plan, bases, store)?;
        let unneeded = digests(&store.blobs()).filter(|(digest, _)| !needed.contains(digest));
        things.extend(unneeded.filter_map(|(_, path)| file(&path)));
        things.sort();
    }
    Ok(Group { step: None, things })
}

fn needed(plan: &Plan, bases: &Bases, store: &Store) -> Result<BTreeSet<String>> {
    let blobs = Blobs::at(&store.blobs());
    let mut images = bases.iter().map(|base| base.id.clone()).collect::<BTreeSet<_>>();
    for record in plan.order().iter().filter_map(|ix| store.record(&plan.step(*ix).id)) {
        let built_on = record.params.iter().filter(|(name, _)| name.starts_with(BASE_PARAM));
        images.extend(built_on.map(|(_, id)| id.clone()));
    }
    let mut needed = bases.iter().filter_map(|base| base.digest.clone()).collect::<BTreeSet<_>>();
    for id in images {
        if blobs.has(&id)? {
            let text = read::state(&blobs.path(&id)?, Limit::ConfigSize)?;
            needed.extend(Bundle::diff_ids(&text)?);
        }
        needed.insert(id);
    }
    Ok(needed)
}

/// Notes of what layers were compressed to: in ways that are no longer used, and of those that no image of the plan has.
///
/// # Errors
/// An image's archive cannot be read.
pub fn notes(plan: &Plan, store: &Store, limits: &Limits) -> Result<Group> {
    let folder = store.compressed();
    let ways = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let ways = ways.map(|entry| entry.path()).filter(|way| way.is_dir() && !way.is_symlink());
    let is_known = |way: &Path| {
        Compression::ALL.iter().any(|how| way.file_name() == Some(OsStr::new(&how.notes())))
    };
    let noted = ways.flat_map(|way| {
        let known = is_known(&way);
        files_of(&way).map(move |(digest, path)| (known.then_some(digest), path))
    });
    let noted = noted.collect::<Vec<_>>();
    if noted.is_empty() {
        return Ok(Group { step: None, things: vec![] });
    }
    let mut layers = BTreeSet::new();
    for ix in plan.order() {
        let Work::Image(work) = &plan.step(*ix).work else { continue };
        let archive = work.dir.join("image.tar");
        let bundle = if archive.is_file() { Bundle::open(&archive, limits)? } else { None };
        layers.extend(bundle.iter().flat_map(|bundle| bundle.config.rootfs.diff_ids.clone()));
    }
    let is_needed = |digest: &Option<String>| digest.as_ref().is_some_and(|d| layers.contains(d));
    let gone = noted.into_iter().filter(|(digest, _)| !is_needed(digest));
    let mut things = gone.filter_map(|(_, path)| file(&path)).collect::<Vec<Thing>>();
    things.sort();
    Ok(Group { step: None, things })
}

/// The blobs of a folder.
fn digests(blobs: &Path) -> impl Iterator<Item = (String, PathBuf)> + use<> {
    files_of(&blobs.join("sha256"))
}

/// Files that are called by a digest.
fn files_of(folder: &Path) -> impl Iterator<Item = (String, PathBuf)> + use<> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok().filter(|name| is_id(name))?;
        Some((format!("sha256:{name}"), entry.path()))
    })
}
