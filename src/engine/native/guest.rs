//! The engine of a container that is a builder itself: a job of a CI. No namespaces, no mounts, no daemon.
//!
//! The builder's root is this container's own. One box at a time works in it; afterwards all is as it was. A box that has
//! to wait is put aside meanwhile, with what it has changed. Commands of images run in a folder with the image's files
//! as their root. The result is the same image as everywhere else; it is no cage.
//!
//! Does not know steps; which boxes belong together, their labels say.

#![expect(
    clippy::disallowed_methods,
    reason = "brings files of the container back, and starts the program again"
)]

mod boxes;
mod commands;
mod marker;
mod root;
mod seen;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use tokio::sync::Notify;

use self::boxes::Standing;
pub use self::marker::{FILE, FORMAT, Marker, here, is_here};
use self::root::Root;
use crate::base::error::{Error, Result};
use crate::base::limits::Limits;
use crate::engine::image::CONTENT_LABEL;
use crate::engine::memory::Memory;
use crate::engine::{
    Commands, ContainerSpec, Engine, FoundImage, HeldImage, Images, NewImage, Process, Session,
    Sink, Talks, TerminalSize,
};
use crate::fresh::Inventory;
use crate::fresh::inventory::Held;
use crate::image::archive::Body;
use crate::plan::step::Object;

/// What the builder's image has for this engine, and where boxes and caches are.
pub const FOLDER: &str = "/var/lib/gentoo-bb";
/// What is gone with the container's end.
const RUN: &str = "/run/gentoo-bb";
/// In [`FOLDER`].
const BOXES: &str = "boxes";
const CACHES: &str = "caches";
const IMAGES: &str = "images";

/// The engine.
#[derive(Debug)]
pub struct Guest {
    own: Arc<Own>,
    images: Memory,
}

#[derive(Debug)]
struct Own {
    program: PathBuf,
    limits: Limits,
    marker: Marker,
    /// Held by whoever works with the root.
    place: Mutex<Place>,
    boxes: Mutex<BTreeMap<String, Standing>>,
    /// The label of those whose turn it is, and how many boxes they have.
    turn: Mutex<Option<(String, usize)>>,
    free: Notify,
    /// Whether something may run that nobody can end.
    is_spoiled: AtomicBool,
}

/// The root, and who works in it.
#[derive(Debug)]
struct Place {
    /// Known once somebody asks: that takes a moment, and mostly there is nothing to do.
    root: Option<Root>,
    /// Folders in which `bb` works.
    own: BTreeSet<PathBuf>,
    /// Another `bb` of this container waits for it.
    lock: Option<File>,
    works: Option<String>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever failed has told so; what is noted is true of what was done before.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn not_here(what: &str) -> Error {
    Error::engine(format!("{what} needs an engine, and a job's container is none"))
        .hint("it works where Docker, Podman or the native engine do")
}

impl Guest {
    /// The engine of this container. `program` is what is started again for commands; `own` are folders in which `bb`
    /// works.
    ///
    /// # Errors
    /// This is no container of a builder's image, or this user is not its root.
    pub fn open(program: PathBuf, own: BTreeSet<PathBuf>, limits: Limits) -> Result<Self> {
        let marker = here()?;
        if !rustix::process::geteuid().is_root() {
            return Err(Error::engine("only root can build in a builder's container")
                .hint("run the job as root, as its image does by itself"));
        }
        // What runs beside us must not look into us: we have the job's variables, and its credentials.
        set_dumpable_behavior(DumpableBehavior::NotDumpable)
            .map_err(|e| failed("hide from boxes", &e.into()))?;
        make(RUN)?;
        for folder in [BOXES, CACHES, IMAGES] {
            make(&format!("{FOLDER}/{folder}"))?;
        }
        // What is here is none of the boxes' users.
        let closed = std::fs::set_permissions(RUN, Permissions::from_mode(0o700));
        closed.map_err(|e| Error::file("close", Path::new(RUN), &e))?;
        let images = Memory::below(&Path::new(FOLDER).join(IMAGES), &limits)?;
        let own = own.into_iter().chain(said_to()).collect();
        let place = Mutex::new(Place { root: None, own, lock: None, works: None });
        let (boxes, turn, free) = (Mutex::default(), Mutex::default(), Notify::new());
        let is_spoiled = AtomicBool::new(false);
        let own = Own { program, limits, marker, place, boxes, turn, free, is_spoiled };
        let own = Arc::new(own);
        Ok(Self { own, images })
    }

    /// The builder, and no place for what is built: images are what the state folder has.
    fn inventory(&self) -> Inventory {
        let Marker { image, content, .. } = self.own.marker.clone();
        let mut inventory = Inventory::without_copies();
        inventory.add(&image, &Held { id: image.clone(), content: Some(content) });
        inventory
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

/// The files that `bb` itself writes to while boxes work: what it says.
fn said_to() -> impl Iterator<Item = PathBuf> {
    ["/proc/self/fd/1", "/proc/self/fd/2"].into_iter().filter_map(|fd| std::fs::read_link(fd).ok())
}

fn make(folder: &str) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|e| Error::file("make", Path::new(folder), &e))
}

fn failed(what: &str, cause: &io::Error) -> Error {
    super::failed(what, cause)
}

impl Engine for Guest {
    fn commands(&self) -> Option<&dyn Commands> {
        Some(self)
    }
}

#[async_trait]
impl Images for Guest {
    async fn images(&self) -> Result<Vec<FoundImage>> {
        let Marker { image, content, .. } = self.own.marker.clone();
        let own = FoundImage {
            id: image.clone(),
            references: vec![image],
            digests: vec![],
            size: 0,
            content: Some(content),
        };
        let others = self.images.images().await?;
        Ok(std::iter::once(own).chain(others).collect())
    }

    async fn image(&self, name: &str) -> Result<Option<HeldImage>> {
        let Marker { image, content, .. } = &self.own.marker;
        if image != name {
            return self.images.image(name).await;
        }
        let labels = [(CONTENT_LABEL.to_owned(), content.clone())].into();
        Ok(Some(HeldImage { id: image.clone(), labels, ..HeldImage::default() }))
    }

    async fn import_image(&self, _: Body, _: &str, _: &str) -> Result<()> {
        Err(not_here("importing a stage3"))
    }

    async fn commit(&self, _: &str, _: &NewImage<'_>) -> Result<()> {
        Err(not_here("making a builder"))
    }

    async fn load_image(&self, archive: Body, names: &[String], log: Sink<'_>) -> Result<()> {
        self.images.load_image(archive, names, log).await
    }

    fn save_image(&self, image: &str) -> Body {
        self.images.save_image(image)
    }

    async fn remove_image(&self, reference: &str) -> Result<()> {
        self.images.remove_image(reference).await
    }

    async fn remove_unused_image(&self, name: &str) -> Result<Option<String>> {
        self.images.remove_unused_image(name).await
    }

    async fn inventory(&self) -> Result<Inventory> {
        Ok(self.inventory())
    }

    async fn inventory_of(&self, _: &[Object]) -> Result<Inventory> {
        Ok(self.inventory())
    }
}

#[async_trait]
impl Talks for Guest {
    async fn talk_in(
        &self,
        _: &str,
        _: &[&str],
        _: &[String],
        _: Option<TerminalSize>,
    ) -> Result<Session> {
        Err(not_here("talking to what runs"))
    }

    async fn talk_to(&self, _: &str) -> Result<Session> {
        Err(not_here("running an image"))
    }

    async fn resize(&self, _: &Process, _: TerminalSize) -> Result<()> {
        Err(not_here("talking to what runs"))
    }

    async fn exit_status(&self, _: &Process) -> Result<i64> {
        Err(not_here("talking to what runs"))
    }
}

/// Whether a box stands on the builder.
fn is_builder(spec: &ContainerSpec, marker: &Marker) -> bool {
    spec.image == marker.image
}
