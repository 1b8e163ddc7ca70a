//! What images an engine has: all of them, a few, or as candidates for removal.
//!
//! Does not know whose they are.

use std::collections::{HashMap, HashSet};

use bollard::query_parameters as query;

use super::{CONTENT_LABEL, Engine, failed, is_gone, reason, status, while_others_remove};
use crate::error::Result;
use crate::fresh::record::Record;
use crate::plan::step::Object;
use crate::reference::{Reference, spelling};

/// What the names of the images begin with that all projects of an engine share.
pub const SHARED: &str = "gentoo-bb/";

/// The engine's images at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    images: HashMap<String, Held>,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    id: String,
    content: Option<String>,
}

impl Inventory {
    /// What an engine had when steps finished, by their records: nothing else is known where none answers.
    pub fn recorded(records: impl Iterator<Item = Record>) -> Self {
        let mut inventory = Self::default();
        for record in records {
            for (object, id) in record.objects.iter().chain(record.bases.iter()) {
                let Some(Object::Image(name)) = Object::of_record(object) else { continue };
                // What a record has of an image is its content, where that is what counts.
                inventory.add(&name, &Held { id: id.clone(), content: Some(id.clone()) });
            }
        }
        inventory
    }

    /// What an object is: the content that its label names, else the engine's id for it.
    pub fn id(&self, object: &Object) -> Option<String> {
        let Object::Image(reference) = object;
        self.id_of(reference).map(str::to_owned)
    }

    /// [`Self::id`] of the image with a reference, in whatever spelling.
    pub fn id_of(&self, reference: &str) -> Option<&str> {
        let name = spelling(reference);
        let held = self.images.get(&name)?;
        // What is built on a builder, or takes its labels otherwise, is not that builder.
        let content = held.content.as_deref().filter(|_| is_shared(&name));
        Some(content.unwrap_or(&held.id))
    }

    /// The engine's own id for an object.
    pub fn engine_id(&self, Object::Image(reference): &Object) -> Option<&str> {
        self.images.get(&spelling(reference)).map(|held| held.id.as_str())
    }

    /// Takes an image in under a name. Podman has those that are from no registry as `localhost/NAME`.
    fn add(&mut self, name: &str, held: &Held) {
        let Ok(reference) = name.parse::<Reference>() else { return };
        if let Some(short) = reference.without_localhost() {
            self.images.entry(short.to_string()).or_insert_with(|| held.clone());
        }
        self.images.insert(reference.to_string(), held.clone());
    }
}

/// An image as the engine lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundImage {
    /// The engine's id for it.
    pub id: String,
    /// What it is called; nothing, if another one has its name now.
    pub references: Vec<String>,
    /// What registries call it: `debian@sha256:…`.
    pub digests: Vec<String>,
    /// With what it shares with others, as `docker images` counts.
    pub size: u64,
    /// What its label says that it is.
    pub content: Option<String>,
}

impl FoundImage {
    /// [`Inventory::id`] of it under one of its names.
    pub fn identity(&self, name: &str) -> &str {
        self.content.as_deref().filter(|_| is_shared(name)).unwrap_or(&self.id)
    }
}

impl Engine {
    /// All images by reference, with what they are.
    pub async fn inventory(&self) -> Result<Inventory> {
        let mut inventory = Inventory::default();
        for image in self.images().await? {
            let held = Held { id: image.id, content: image.content };
            for name in image.references.iter().chain(&image.digests) {
                inventory.add(name, &held);
            }
        }
        Ok(inventory)
    }

    /// The same for a few objects: what it costs does not grow with what the engine holds.
    pub async fn inventory_of(&self, objects: &[Object]) -> Result<Inventory> {
        let mut inventory = Inventory::default();
        for Object::Image(reference) in objects {
            let Some(image) = self.image(reference).await? else { continue };
            let labels = image.config.and_then(|c| c.labels).unwrap_or_default();
            let content = labels.get(CONTENT_LABEL).cloned();
            let held = image.id.map(|id| Held { id, content });
            if let Some(held) = held {
                inventory.add(reference, &held);
            }
        }
        Ok(inventory)
    }

    /// All images, those without a name as well.
    pub async fn images(&self) -> Result<Vec<FoundImage>> {
        let list = || self.docker.list_images(None::<query::ListImagesOptions>);
        let listed = self.answer("list its images", while_others_remove(list)).await?;
        let tags = listed.iter().flat_map(|image| &image.repo_tags);
        let taken = tags.map(|tag| spelling(tag)).collect::<HashSet<_>>();
        let found = |image: bollard::models::ImageSummary| {
            let named = |all: &[String]| {
                let named = all.iter().filter(|name| !name.starts_with("<none>"));
                named.map(|name| short(name, &taken)).collect()
            };
            FoundImage {
                references: named(&image.repo_tags),
                digests: named(&image.repo_digests),
                size: u64::try_from(image.size).unwrap_or(0),
                content: image.labels.get(CONTENT_LABEL).cloned(),
                id: image.id,
            }
        };
        Ok(listed.into_iter().map(found).collect())
    }

    /// Takes a name from an image, and removes the image if that was its last; by its id only if it has no
    /// name. No error if it is not there. Why it stays, if a container or another image needs it.
    pub async fn remove_unused_image(&self, name: &str) -> Result<Option<String>> {
        match self.docker.remove_image(name, None::<query::RemoveImageOptions>, None).await {
            Ok(_) => Ok(None),
            Err(cause) if is_gone(&cause) => Ok(None),
            Err(cause) if status(&cause) == Some(409) => Ok(Some(reason(&cause))),
            Err(cause) => Err(failed("remove an image")(cause)),
        }
    }
}

/// A name in its one spelling; one that is from no registry without Podman's `localhost/`, unless an image has
/// that name already.
fn short(name: &str, taken: &HashSet<String>) -> String {
    let short = name.parse::<Reference>().ok().and_then(|name| name.without_localhost());
    let short = short.map(|short| short.to_string()).filter(|short| !taken.contains(short));
    short.unwrap_or_else(|| spelling(name))
}

/// Whether an image is one that projects share, whose label says what it is.
fn is_shared(name: &str) -> bool {
    name.starts_with(SHARED)
}
