//! The images of the native engine: an OCI image layout in the store, which other programs can read.
//!
//! ```text
//! oci/index.json      each name of each image, by its manifest (see `index`)
//! oci/blobs/sha256/   manifests, configurations, layers as they are named: not compressed
//! locks/index         held alone while the index changes, with others while it is read
//! locks/blobs         held by all who add blobs, until the index names them; alone by who removes what it does not
//! ```
//!
//! Does not know boxes; which images these stand on is asked of whoever does.

mod index;
mod used;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use oci_spec::image as oci;
use serde::{Deserialize, Serialize};

use self::index::Index;
use super::store::{Store, put};
use crate::base::error::{Error, Result};
use crate::base::limits::{Limit, Limits};
use crate::base::read;
use crate::base::reference::spelling;
use crate::image::archive;
use crate::image::archive::bundle::Bundle;
use crate::image::archive::listing;
use crate::image::bundle::{self, Blob};
use crate::image::config::ImageConfig;
use crate::net::registry::Blobs;

/// In an entry of the index: the image's ID.
const ID: &str = "bb.image";
/// In an entry of the index: the image's name.
const NAME: &str = oci::ANNOTATION_REF_NAME;

/// How often a lock is tried, and how long it takes until the next time.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(5);

/// Takes a lock alone, unless somebody has it. A program that is being started has all that this process has open,
/// for a moment.
fn is_free(lock: &File) -> bool {
    (0..TRIES).any(|before| {
        std::thread::sleep(PAUSE * before.min(1));
        lock.try_lock().is_ok()
    })
}

/// The layout.
#[derive(Debug)]
pub(super) struct ImageStore {
    folder: PathBuf,
    blobs: Blobs,
    index: Index,
    limits: Limits,
}

/// One image that is there.
#[derive(Debug, Clone)]
pub(super) struct Image {
    pub(super) id: String,
    pub(super) names: Vec<String>,
    pub(super) config: ImageConfig,
    /// Bytes of all layers.
    pub(super) size: u64,
}

/// An entry of the index: one name of an image, or an image without any.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    id: String,
    name: Option<String>,
    manifest: Blob,
    platform: [String; 2],
}

/// What images consist of.
#[derive(Debug, Default)]
struct Needed {
    /// By name: manifests, configurations, layers.
    blobs: BTreeSet<String>,
    /// By digest.
    layers: BTreeSet<String>,
}

/// Held while blobs are added and until the index names them.
#[derive(Debug)]
pub(super) struct Adding(#[expect(dead_code, reason = "what counts is that it is open")] File);

impl ImageStore {
    /// The layout of a store, which is made where it is missing.
    pub(super) fn open(store: &Store, limits: &Limits) -> Result<Self> {
        let folder = store.path("oci");
        let (blobs, index) =
            (Blobs::at(&folder.join("blobs")), Index::at(&folder, store.path("locks/index")));
        let images = Self { folder, blobs, index, limits: *limits };
        let layout = images.folder.join("oci-layout");
        if !layout.is_file() {
            put(&layout, bundle::OCI_LAYOUT.as_bytes())?;
        }
        // Of one who was killed. Who may only read has all the same what is there.
        let _ = images.index.settle(false);
        Ok(images)
    }

    /// From now on no blob goes away.
    pub(super) fn adding(store: &Store) -> Result<Adding> {
        let file = store.lock_file("blobs")?;
        file.lock_shared().map_err(|cause| super::failed("lock the images", &cause))?;
        Ok(Adding(file))
    }

    /// The blobs.
    pub(super) fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// Makes an image of a configuration whose layers are there, and calls it so. Whatever had a name loses it.
    pub(super) fn add(&self, _: &Adding, config_text: &[u8], names: &[String]) -> Result<String> {
        let config = archive::bundle::parsed(config_text)?;
        let layers = config.rootfs.diff_ids.iter().map(|diff_id| self.layer(diff_id));
        let layers = layers.collect::<Result<Vec<_>>>()?;
        let (digest, size) = self.blobs.add(config_text)?;
        let hex = digest.trim_start_matches("sha256:").to_owned();
        let manifest = bundle::oci_manifest(&Blob { digest: hex, size }, &layers, None)?;
        let described = Blob::of(&manifest);
        self.blobs.add(manifest.as_slice())?;
        let platform = [config.architecture, config.os];
        let entry = |name| Entry {
            id: digest.clone(),
            name,
            manifest: described.clone(),
            platform: platform.clone(),
        };
        let names = names.iter().map(|name| spelling(name)).collect::<BTreeSet<_>>();
        let concerns = |other: &Entry| {
            other.id == digest || other.name.as_ref().is_some_and(|name| names.contains(name))
        };
        self.index.change(concerns, |entries| {
            for name in &names {
                take_name(entries, name);
                entries.push(entry(Some(name.clone())));
            }
            let is_it = |other: &Entry| other.id == digest;
            if !entries.iter().any(is_it) {
                entries.push(entry(None));
            }
            if entries.iter().any(|other| is_it(other) && other.name.is_some()) {
                entries.retain(|other| !is_it(other) || other.name.is_some());
            }
        })?;
        Ok(digest)
    }

    /// The layer of a configuration.
    fn layer(&self, diff_id: &str) -> Result<Blob> {
        let path = self.blobs.path(diff_id)?;
        let size = match fs::symlink_metadata(&path) {
            Ok(meta) => meta.len(),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                return Err(Error::step(format!("the engine does not have the layer `{diff_id}`")));
            }
            Err(cause) => return Err(Error::file("read", &path, &cause)),
        };
        Ok(Blob { digest: diff_id.trim_start_matches("sha256:").to_owned(), size })
    }

    /// All images.
    pub(super) fn all(&self) -> Result<Vec<Image>> {
        let entries = self.index.entries()?;
        let mut names = BTreeMap::<&str, Vec<String>>::new();
        for entry in entries.iter() {
            names.entry(&entry.id).or_default().extend(entry.name.clone());
        }
        // One that goes just now is none.
        names.into_iter().filter_map(|(id, names)| self.of(id, names).transpose()).collect()
    }

    /// An image by its name or ID.
    pub(super) fn find(&self, name: &str) -> Result<Option<Image>> {
        let entries = self.index.entries()?;
        let Some(id) = id_of(&entries, name) else { return Ok(None) };
        let names = entries.iter().filter(|entry| entry.id == id);
        self.of(id, names.filter_map(|entry| entry.name.clone()).collect())
    }

    fn of(&self, id: &str, names: Vec<String>) -> Result<Option<Image>> {
        let path = self.blobs.path(id)?;
        if !path.is_file() {
            return Ok(None);
        }
        let config = archive::bundle::parsed(&self.config_text(id)?)?;
        let sizes = config.rootfs.diff_ids.iter().map(|layer| Ok(self.layer(layer)?.size));
        let size = sizes.sum::<Result<u64>>()?;
        Ok(Some(Image { id: id.to_owned(), names, config, size }))
    }

    /// An image's configuration as it is written.
    pub(super) fn config_text(&self, id: &str) -> Result<Vec<u8>> {
        read::state(&self.blobs.path(id)?, Limit::ConfigSize)
    }

    /// An image as it is written to an archive.
    pub(super) fn bundle(&self, image: &Image) -> Result<Bundle> {
        let content = |diff_id: &String| {
            let size = self.layer(diff_id)?.size;
            Ok(listing::whole(&self.blobs.path(diff_id)?, size))
        };
        let layers =
            image.config.rootfs.diff_ids.iter().map(content).collect::<Result<Vec<_>>>()?;
        let bundle = Bundle::of_layers(self.config_text(&image.id)?, layers, &self.limits)?;
        Ok(bundle.called(&image.names))
    }

    /// Takes a name from an image, or all names if that is its ID. One that has none afterwards goes, unless it is
    /// in use.
    pub(super) fn unname(&self, name: &str, in_use: impl Fn(&str) -> bool) -> Result<()> {
        let spelled = spelling(name);
        let concerns = |entry: &Entry| entry.id == name || entry.name.as_ref() == Some(&spelled);
        self.index.change(concerns, |entries| take(entries, name, in_use))
    }

    /// Removes blobs that belong to no image, unless somebody is adding some. Returns the layers that belong to
    /// one; nothing if somebody is.
    pub(super) fn sweep(&self, store: &Store) -> Result<Option<(BTreeSet<String>, Adding)>> {
        let lock = store.lock_file("blobs")?;
        if !is_free(&lock) {
            return Ok(None);
        }
        let needed = self.needed(&self.index.entries()?)?;
        let folder = self.folder.join("blobs/sha256");
        let failed = |cause: io::Error| Error::file("read", &folder, &cause);
        for blob in fs::read_dir(&folder).map_err(failed)? {
            let blob = blob.map_err(failed)?;
            if blob.file_name().to_str().is_none_or(|name| !needed.blobs.contains(name)) {
                let path = blob.path();
                fs::remove_file(&path).map_err(|cause| Error::file("remove", &path, &cause))?;
            }
        }
        Ok(Some((needed.layers, Adding(lock))))
    }

    /// What these entries lead to.
    fn needed(&self, entries: &[Entry]) -> Result<Needed> {
        let mut needed = Needed::default();
        for entry in entries {
            let layers = Bundle::diff_ids(&self.config_text(&entry.id)?)?;
            let own = [entry.manifest.digest.as_str(), hex(&entry.id)];
            let blobs = own.into_iter().chain(layers.iter().map(|layer| hex(layer)));
            needed.blobs.extend(blobs.map(str::to_owned));
            needed.layers.extend(layers);
        }
        Ok(needed)
    }
}

fn notes(entry: &Entry) -> BTreeMap<String, String> {
    let name = entry.name.iter().map(|name| (NAME.to_owned(), name.clone()));
    name.chain([(ID.to_owned(), entry.id.clone())]).collect()
}

fn entry(described: &oci::Descriptor) -> Option<Entry> {
    let notes = described.annotations().as_ref()?;
    let platform = described.platform().as_ref()?;
    Some(Entry {
        id: notes.get(ID)?.clone(),
        name: notes.get(NAME).cloned(),
        manifest: Blob {
            digest: hex(described.digest().as_ref()).to_owned(),
            size: described.size(),
        },
        platform: [platform.architecture().to_string(), platform.os().to_string()],
    })
}

fn hex(digest: &str) -> &str {
    digest.trim_start_matches("sha256:")
}

/// The ID of the image of this name, or with this ID.
fn id_of<'a>(entries: &'a [Entry], name: &str) -> Option<&'a str> {
    let spelled = spelling(name);
    let named = entries.iter().find(|entry| entry.name.as_deref() == Some(spelled.as_str()));
    let found = named.or_else(|| entries.iter().find(|entry| entry.id == name));
    found.map(|entry| entry.id.as_str())
}

/// Takes a name from an image, or all names if that is its ID. One that has none afterwards goes, unless it is in use.
fn take(entries: &mut Vec<Entry>, name: &str, in_use: impl Fn(&str) -> bool) {
    let Some(id) = id_of(entries, name).map(str::to_owned) else { return };
    let names = entries.iter().filter(|entry| entry.id == id);
    let names = names.filter_map(|entry| entry.name.clone());
    let names = names.filter(|other| name == id || *other == spelling(name));
    for name in names.collect::<Vec<_>>() {
        take_name(entries, &name);
    }
    if !in_use(&id) {
        entries.retain(|entry| entry.id != id || entry.name.is_some());
    }
}

/// Takes a name away. Its image stays, be it without any.
fn take_name(entries: &mut Vec<Entry>, name: &str) {
    let Some(at) = entries.iter().position(|entry| entry.name.as_deref() == Some(name)) else {
        return;
    };
    let id = entries[at].id.clone();
    if entries.iter().filter(|entry| entry.id == id).count() > 1 {
        entries.remove(at);
    } else {
        entries[at].name = None;
    }
}
