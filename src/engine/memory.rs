//! An engine of this process alone: it keeps images, and runs nothing.
//!
//! For programs' own tests, and for projects of which nothing has to run: what `bb` assembles is assembled, and can
//! be saved or sent to a registry, with no daemon anywhere. What it has is gone with it.

#![expect(clippy::disallowed_methods, reason = "archives are kept as files")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tempfile::TempDir;

use super::image::CONTENT_LABEL;
use super::{
    Boxes, Change, ContainerSpec, Engine, FoundContainer, FoundImage, HeldImage, Images, NewImage,
    Owner, Process, RunSpec, Session, Sink, Talks,
};
use crate::base::error::{Error, Result, io_reason};
use crate::base::limits::Limits;
use crate::base::reference::spelling;
use crate::dock::checks;
use crate::engine::TerminalSize;
use crate::image::archive;
use crate::image::archive::Body;
use crate::image::archive::bundle::{self, Bundle};

/// The engine.
#[derive(Debug)]
pub struct Memory {
    /// The archives that it was given; their contents stay in files.
    archives: TempDir,
    taken: AtomicUsize,
    kept: Mutex<Kept>,
    limits: Limits,
}

#[derive(Debug, Default)]
struct Kept {
    /// By ID.
    images: BTreeMap<String, Bundle>,
    /// IDs by name, each in its one spelling.
    names: BTreeMap<String, String>,
}

impl Kept {
    fn id(&self, name: &str) -> Option<&str> {
        let named = self.names.get(&spelling(name)).map(String::as_str);
        named.or_else(|| self.images.get_key_value(name).map(|(id, _)| id.as_str()))
    }

    fn image(&self, name: &str) -> Option<(&str, &Bundle)> {
        let id = self.id(name)?;
        self.images.get_key_value(id).map(|(id, image)| (id.as_str(), image))
    }

    /// An image with all that may have its layers.
    fn chain(&self, image: &Bundle) -> Vec<Bundle> {
        std::iter::once(image).chain(self.images.values()).cloned().collect()
    }

    fn size(&self, image: &Bundle) -> u64 {
        let chain = self.chain(image);
        let layers = bundle::layers(&chain).unwrap_or_default();
        layers.iter().map(|(_, content)| content.size).sum()
    }

    fn names_of<'a>(&'a self, id: &'a str) -> impl Iterator<Item = String> + 'a {
        self.names.iter().filter(move |(_, of)| *of == id).map(|(name, _)| name.clone())
    }

    fn remove(&mut self, name: &str) {
        let Some(id) = self.id(name).map(str::to_owned) else { return };
        if name == id {
            self.names.retain(|_, of| *of != id);
        } else {
            self.names.remove(&spelling(name));
        }
        if !self.names.values().any(|of| *of == id) {
            self.images.remove(&id);
        }
    }
}

impl Memory {
    /// One that has nothing.
    ///
    /// # Errors
    /// There is no place for temporary files.
    pub fn new() -> Result<Self> {
        let failed = |e: std::io::Error| {
            Error::step(format!("cannot make a temporary folder: {}", io_reason(&e)))
        };
        let archives = TempDir::new().map_err(failed)?;
        let (taken, kept) = (AtomicUsize::new(0), Mutex::default());
        Ok(Self { archives, taken, kept, limits: Limits::default() })
    }

    /// One that keeps its files in a folder of somebody's, for as long as it is there.
    ///
    /// # Errors
    /// Nothing can be written there.
    pub(super) fn below(folder: &Path, limits: &Limits) -> Result<Self> {
        let archives = TempDir::new_in(folder);
        let archives = archives.map_err(|e| Error::file("write", folder, &e))?;
        let (taken, kept) = (AtomicUsize::new(0), Mutex::default());
        Ok(Self { archives, taken, kept, limits: *limits })
    }

    /// Nothing that changes what is kept can fail half way.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn label(image: &Bundle, name: &str) -> Option<String> {
    image.config.config.labels.get(name).cloned()
}

fn runs_nothing() -> Error {
    Error::engine("an engine in memory runs nothing")
        .hint("what has to run needs another one: `DOCKER_HOST` leads to Docker or Podman")
}

impl Engine for Memory {}

#[async_trait]
impl Images for Memory {
    async fn images(&self) -> Result<Vec<FoundImage>> {
        let kept = self.kept();
        let found = kept.images.iter().map(|(id, image)| FoundImage {
            id: id.clone(),
            references: kept.names_of(id).collect(),
            digests: vec![],
            size: kept.size(image),
            content: label(image, CONTENT_LABEL),
        });
        Ok(found.collect())
    }

    async fn image(&self, name: &str) -> Result<Option<HeldImage>> {
        let kept = self.kept();
        let held = |(id, image): (&str, &Bundle)| {
            let config = image.config.config.clone();
            HeldImage {
                id: id.to_owned(),
                size: i64::try_from(kept.size(image)).unwrap_or(i64::MAX),
                layers: image.config.rootfs.diff_ids.len(),
                labels: config.labels,
                triggers: config.on_build,
                shell: config.shell,
                health: config.healthcheck.map(|health| health.test).unwrap_or_default(),
            }
        };
        Ok(kept.image(name).map(held))
    }

    async fn import_image(&self, _: Body, _: &str, _: &str) -> Result<()> {
        Err(runs_nothing())
    }

    async fn commit(&self, _: &str, _: &NewImage<'_>) -> Result<()> {
        Err(runs_nothing())
    }

    async fn load_image(&self, archive: Body, names: &[String], _: Sink<'_>) -> Result<()> {
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        let file = self.archives.path().join(number.to_string());
        archive::save(archive, &file, &self.limits).await?;
        let image = Bundle::open(&file, &self.limits)?;
        let image = image.ok_or_else(|| Error::step("an empty file is not an image's archive"))?;
        let mut kept = self.kept();
        // As Docker does: an image whose layers are not all there is none.
        bundle::layers(&kept.chain(&image))?;
        let id = image.id();
        kept.names.extend(names.iter().map(|name| (spelling(name), id.clone())));
        kept.images.insert(id, image);
        Ok(())
    }

    fn save_image(&self, image: &str) -> Body {
        let kept = self.kept();
        match kept.image(image) {
            Some((_, image)) => bundle::full_stream(kept.chain(image), 0),
            None => {
                let gone = std::io::Error::other(format!("no image `{image}`"));
                Box::pin(futures_util::stream::once(async { Err(gone) }))
            }
        }
    }

    async fn remove_image(&self, reference: &str) -> Result<()> {
        self.kept().remove(reference);
        Ok(())
    }

    async fn remove_unused_image(&self, name: &str) -> Result<Option<String>> {
        self.kept().remove(name);
        Ok(None)
    }
}

#[async_trait]
impl Boxes for Memory {
    async fn start_container(&self, _: &ContainerSpec) -> Result<String> {
        Err(runs_nothing())
    }

    async fn create(&self, _: &RunSpec) -> Result<String> {
        Err(runs_nothing())
    }

    async fn start_again(&self, _: &str) -> Result<()> {
        Err(runs_nothing())
    }

    async fn stop(&self, _: &str, _: i32) -> Result<()> {
        Ok(())
    }

    async fn halt(&self, _: &str) -> Result<bool> {
        Ok(false)
    }

    async fn remove_container(&self, _: &str) -> Result<()> {
        Ok(())
    }

    async fn containers_of(&self, _: &Owner, _: &[(&str, &str)]) -> Result<Vec<FoundContainer>> {
        Ok(vec![])
    }

    async fn upload(&self, _: &str, _: &str, _: Body) -> Result<()> {
        Err(runs_nothing())
    }

    fn download(&self, _: &str, _: &str) -> Body {
        let nothing = std::io::Error::other(runs_nothing().message().to_owned());
        Box::pin(futures_util::stream::once(async { Err(nothing) }))
    }

    async fn exec(&self, _: &str, _: &[&str], _: Sink<'_>) -> Result<i64> {
        Err(runs_nothing())
    }

    async fn ended_with(&self, _: &str) -> Result<Option<i64>> {
        Err(runs_nothing())
    }

    async fn output(&self, _: &str, _: Sink<'_>) -> Result<()> {
        Err(runs_nothing())
    }

    async fn processes(&self, _: &str) -> Result<Vec<checks::Process>> {
        Err(runs_nothing())
    }

    async fn changes(&self, _: &str) -> Result<Vec<(String, Change)>> {
        Err(runs_nothing())
    }

    async fn is_folder(&self, _: &str, _: &str) -> Result<bool> {
        Err(runs_nothing())
    }

    async fn memory(&self) -> Result<Option<u64>> {
        Ok(None)
    }

    async fn fill(&self, _: &ContainerSpec, _: &str, _: Body) -> Result<()> {
        Err(runs_nothing())
    }

    async fn caches(&self, _: &[String]) -> Result<Vec<String>> {
        Ok(vec![])
    }

    async fn caches_of(&self, _: &Owner) -> Result<Vec<String>> {
        Ok(vec![])
    }

    async fn remove_cache(&self, _: &str) -> Result<Option<String>> {
        Ok(None)
    }
}

#[async_trait]
impl Talks for Memory {
    async fn talk_in(
        &self,
        _: &str,
        _: &[&str],
        _: &[String],
        _: Option<TerminalSize>,
    ) -> Result<Session> {
        Err(runs_nothing())
    }

    async fn talk_to(&self, _: &str) -> Result<Session> {
        Err(runs_nothing())
    }

    async fn resize(&self, _: &Process, _: TerminalSize) -> Result<()> {
        Err(runs_nothing())
    }

    async fn exit_status(&self, _: &Process) -> Result<i64> {
        Err(runs_nothing())
    }
}
