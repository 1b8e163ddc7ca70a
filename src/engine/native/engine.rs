//! The native engine: images in an OCI layout, boxes on their unpacked layers, caches as folders. No daemon.
//!
//! A box ends with the process that has started it; its files stay until somebody removes it. What blocks runs on
//! threads of its own. Does not know steps or projects.

mod boxes;
mod images;
mod made;
mod talks;
mod usage;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use self::boxes::Main;
use self::made::Made;
use self::talks::Spoken;
use super::images::{Adding, Image, ImageStore};
use super::notes::{self, Note};
use super::spec::{BoxId, LayerId};
use super::{Native, no_box};
use crate::base::error::{Error, Result};
use crate::base::limits::Limits;
use crate::engine::image::{CONTENT_LABEL, HeldImage};
use crate::engine::{Commands, ContainerSpec, Engine, IsWell, Kept, NewImage, Slowed, Wanted};
use crate::image::archive::Body;

/// Boxes do without overlayfs.
const COPIES: Slowed = Slowed {
    message: "overlayfs cannot be mounted here, so each box stands on a copy of its layers",
    hint: "all works as ever, and takes more time and room; Linux 5.11 or newer with the module `overlay` needs no copies",
};

/// The engine. Copies are the same one.
#[derive(Debug, Clone)]
pub struct NativeEngine {
    own: Arc<Own>,
}

#[derive(Debug)]
struct Own {
    native: Native,
    images: ImageStore,
    limits: Limits,
    /// What runs as its image says, by box.
    mains: Mutex<BTreeMap<BoxId, Arc<Main>>>,
    /// Boxes that were made for a person.
    made: Mutex<BTreeMap<BoxId, Made>>,
    /// Processes that somebody talks to, by the names that they have here.
    talks: Mutex<BTreeMap<String, Spoken>>,
}

impl NativeEngine {
    /// The engine of a store, which is made where it is missing. `program` is what is started again for boxes (see
    /// [`Native::open`]).
    ///
    /// # Errors
    /// As of [`Native::open`].
    pub fn open(program: PathBuf, folder: &Path, limits: Limits) -> Result<Self> {
        let native = Native::open(program, folder)?.within(limits);
        let images = ImageStore::open(&native.store, &limits)?;
        Ok(Self {
            own: Arc::new(Own {
                native,
                images,
                limits,
                mains: Mutex::default(),
                made: Mutex::default(),
                talks: Mutex::default(),
            }),
        })
    }

    /// Does something that blocks.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Own) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let own = self.own.clone();
        let ended = |e| Error::bug(format!("a thread ended: {e}"));
        tokio::task::spawn_blocking(move || work(&own)).await.map_err(ended)?
    }
}

#[async_trait]
impl Engine for NativeEngine {
    async fn usage(&self, wanted: &Wanted) -> Result<Vec<Kept>> {
        let going = wanted.going.clone();
        self.run(move |own| own.usage(&going)).await
    }

    fn sees_files(&self) -> bool {
        true
    }

    fn slowed_by(&self) -> Option<Slowed> {
        self.own.native.copies.load(Ordering::Relaxed).then_some(COPIES)
    }

    fn commands(&self) -> Option<&dyn Commands> {
        Some(self)
    }

    /// Without a box: the archive is the layer.
    async fn extend_image(
        &self,
        base: &ContainerSpec,
        archive: Body,
        is_well: IsWell,
        image: &NewImage<'_>,
    ) -> Result<()> {
        self.extended(base, archive, is_well, image).await
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever panicked has changed one entry, added a piece, or none.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Own {
    /// An image that has to be there.
    fn existing(&self, name: &str) -> Result<Image> {
        let image = self.images.find(name)?;
        image.ok_or_else(|| Error::step(format!("the engine has no image `{name}`")))
    }

    /// The layers of an image, unpacked, the lowest one first.
    fn unpacked(&self, image: &Image, _: &Adding) -> Result<Vec<LayerId>> {
        let layer = |diff_id: &String| {
            let layer = LayerId::new(diff_id.trim_start_matches("sha256:"))?;
            if !self.native.has(&layer) {
                let path = self.images.blobs().path(diff_id)?;
                let file = File::open(&path).map_err(|e| Error::file("read", &path, &e))?;
                // Devices cannot be made, and a box has those that it needs.
                self.native.unpack(&layer, file)?;
            }
            Ok(layer)
        };
        image.config.rootfs.diff_ids.iter().map(layer).collect()
    }

    /// What a box is.
    fn note(&self, id: &BoxId) -> Result<Note> {
        notes::read(&self.native.store, id)?.ok_or_else(|| no_box(id))
    }

    /// Whether a box stands on an image.
    fn is_used(&self, image: &str) -> Result<bool> {
        Ok(notes::all(&self.native.store)?.iter().any(|(_, note)| note.image == image))
    }

    /// Removes what belongs to no image any more, unless somebody is just making one.
    fn sweep(&self) -> Result<()> {
        let Some((kept, _alone)) = self.images.sweep(&self.native.store)? else { return Ok(()) };
        for layer in self.native.store.layers()? {
            if kept.contains(&format!("sha256:{layer}")) {
                continue;
            }
            // Else a box stands on it, and whoever removes an image after that removes it.
            if let Some(_lock) = self.native.store.free_layer(&layer)? {
                self.native.remove_path(format!("layers/{layer}"))?;
            }
        }
        Ok(())
    }
}

fn held(image: Image) -> HeldImage {
    let config = image.config.config;
    HeldImage {
        id: image.id,
        size: i64::try_from(image.size).unwrap_or(i64::MAX),
        layers: image.config.rootfs.diff_ids.len(),
        labels: config.labels,
        triggers: config.on_build,
        shell: config.shell,
        health: config.healthcheck.map(|health| health.test).unwrap_or_default(),
    }
}

fn content(image: &Image) -> Option<String> {
    image.config.config.labels.get(CONTENT_LABEL).cloned()
}
