//! How much room the images of the layout take, and what of that is free once some have gone.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Entry, ImageStore, id_of, take};
use crate::base::error::{Error, Result};
use crate::fresh::inventory::is_shared;
use crate::state::disk::Used;

/// One image.
#[derive(Debug)]
pub(in super::super) struct UsedImage {
    /// Its names, or its ID.
    pub(in super::super) name: String,
    /// Whether all projects share it.
    pub(in super::super) is_shared: bool,
    pub(in super::super) used: Used,
    pub(in super::super) going: Used,
}

/// All that is in the layout.
#[derive(Debug)]
pub(in super::super) struct UsedImages {
    pub(in super::super) images: Vec<UsedImage>,
    /// Blobs of no image, and what of them goes.
    pub(in super::super) nobodys: (Used, Used),
    /// The layout's own files.
    pub(in super::super) own: Used,
    /// The digests of layers that stay; nothing, if nothing goes.
    pub(in super::super) staying: Option<BTreeSet<String>>,
}

impl ImageStore {
    /// How much room all takes, if these names and IDs go as [`unname`](Self::unname) lets them go.
    pub(in super::super) fn used(
        &self,
        going: &[String],
        in_use: impl Fn(&str) -> bool,
    ) -> Result<UsedImages> {
        let before = self.index.entries()?;
        let mut after = before.to_vec();
        for name in going {
            let_go(&mut after, name, &in_use);
        }
        let staying = self.needed(&after)?;
        let goes = |blob: &String| after != *before && !staying.blobs.contains(blob);
        let ids = before.iter().map(|entry| entry.id.as_str()).collect::<BTreeSet<_>>();
        let images = ids.into_iter().map(|id| self.used_image(id, &before, goes));
        let images = images.collect::<Result<Vec<_>>>()?;
        let known = self.needed(&before)?.blobs;
        let nobodys = self.there()?.into_iter().filter(|blob| !known.contains(blob));
        let nobodys = self.used_blobs(&nobodys.collect(), goes)?;
        let own = self.own_files().map_err(|cause| Error::file("read", &self.folder, &cause))?;
        let staying = (after != *before).then_some(staying.layers);
        Ok(UsedImages { images, nobodys, own, staying })
    }

    fn used_image(
        &self,
        id: &str,
        entries: &[Entry],
        goes: impl Fn(&String) -> bool,
    ) -> Result<UsedImage> {
        let own = entries.iter().filter(|entry| entry.id == id).cloned().collect::<Vec<_>>();
        let (used, going) = self.used_blobs(&self.needed(&own)?.blobs, goes)?;
        let names = own.iter().filter_map(|entry| entry.name.as_deref()).collect::<Vec<_>>();
        let is_shared = names.iter().any(|name| is_shared(name));
        let name = if names.is_empty() { id.to_owned() } else { names.join(" ") };
        Ok(UsedImage { name, is_shared, used, going })
    }

    fn used_blobs(
        &self,
        blobs: &BTreeSet<String>,
        goes: impl Fn(&String) -> bool,
    ) -> Result<(Used, Used)> {
        let (mut all, mut going) = (Used::default(), Used::default());
        for blob in blobs {
            let path = self.blob_folder().join(blob);
            let used = Used::one(&path).map_err(|cause| Error::file("read", &path, &cause))?;
            all.add(&used);
            if goes(blob) {
                going.add(&used);
            }
        }
        Ok((all, going))
    }

    /// The files among the blobs, also those on their way.
    fn there(&self) -> Result<Vec<String>> {
        let folder = self.blob_folder();
        let names = match std::fs::read_dir(&folder) {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
            entries => entries.and_then(|entries| entries.map(|e| Ok(e?.file_name())).collect()),
        };
        let names: Vec<_> = names.map_err(|cause| Error::file("read", &folder, &cause))?;
        Ok(names.iter().filter_map(|name| Some(name.to_str()?.to_owned())).collect())
    }

    fn own_files(&self) -> std::io::Result<Used> {
        let mut own = Used::default();
        let files = ["blobs", "blobs/sha256", "index.json", "index.changes", "oci-layout"];
        for path in files.map(|file| self.folder.join(Path::new(file))) {
            own.add(&Used::one(&path)?);
        }
        Ok(own)
    }

    fn blob_folder(&self) -> std::path::PathBuf {
        self.folder.join("blobs/sha256")
    }
}

/// As [`remove_unused_image`](crate::engine::Images::remove_unused_image) does: one in use keeps its last name.
fn let_go(entries: &mut Vec<Entry>, name: &str, in_use: impl Fn(&str) -> bool) {
    let Some(id) = id_of(entries, name).map(str::to_owned) else { return };
    let names = entries.iter().filter(|entry| entry.id == id && entry.name.is_some()).count();
    let stays = if name == id { names > 0 } else { false };
    if !stays && (names > 1 || !in_use(&id)) {
        take(entries, name, in_use);
    }
}
