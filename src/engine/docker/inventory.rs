//! What images an engine has: all of them, a few, or as candidates for removal.
//!
//! Does not know whose they are.

use std::collections::HashSet;

use bollard::query_parameters as query;

use super::{CONTENT_LABEL, Docker, failed, is_gone, reason, status, while_others_remove};
use crate::base::error::Result;
use crate::base::reference::{Reference, spelling};
use crate::engine::FoundImage;
use crate::fresh::Inventory;
use crate::fresh::inventory::Held;
use crate::plan::step::Object;

impl Docker {
    /// All images by reference, with what they are.
    ///
    /// # Errors
    /// The engine cannot list them, or not in time.
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
    ///
    /// # Errors
    /// The engine does not answer in time.
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
    ///
    /// # Errors
    /// The engine cannot list them, or not in time.
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
    ///
    /// # Errors
    /// The engine cannot remove it, and nothing that needs it is why.
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
