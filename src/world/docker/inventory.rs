//! What images an engine has: all of them, a few, or as candidates for removal.
//!
//! Does not know whose they are.

use std::collections::HashMap;

use bollard::query_parameters as query;

use super::{CONTENT_LABEL, Engine, failed, is_gone, reason, status, while_others_remove};
use crate::error::Result;
use crate::plan::step::Object;

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
    /// What an object is: the content that its label names, else the engine's id for it.
    pub fn id(&self, object: &Object) -> Option<String> {
        let Object::Image(reference) = object;
        self.id_of(reference).map(str::to_owned)
    }

    /// [`Self::id`] of the image with a reference.
    pub fn id_of(&self, reference: &str) -> Option<&str> {
        self.images.get(reference).map(|held| held.content.as_ref().unwrap_or(&held.id).as_str())
    }

    /// The engine's own id for an object.
    pub fn engine_id(&self, Object::Image(reference): &Object) -> Option<&str> {
        self.images.get(reference).map(|held| held.id.as_str())
    }
}

/// An image as the engine lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundImage {
    /// The engine's id for it.
    pub id: String,
    /// What it is called; nothing, if another one has its name now.
    pub references: Vec<String>,
    /// With what it shares with others, as `docker images` counts.
    pub size: u64,
    /// What its label says that it is.
    pub content: Option<String>,
}

impl Engine {
    /// All images by reference, with what they are.
    pub async fn inventory(&self) -> Result<Inventory> {
        let mut images = HashMap::new();
        for FoundImage { id, references, content, .. } in self.images().await? {
            let held = Held { id, content };
            images.extend(references.into_iter().map(|reference| (reference, held.clone())));
        }
        Ok(Inventory { images })
    }

    /// The same for a few objects: what it costs does not grow with what the engine holds.
    pub async fn inventory_of(&self, objects: &[Object]) -> Result<Inventory> {
        let mut inventory = Inventory::default();
        for Object::Image(reference) in objects {
            match self.docker.inspect_image(reference).await {
                Ok(image) => {
                    let labels = image.config.and_then(|c| c.labels).unwrap_or_default();
                    let content = labels.get(CONTENT_LABEL).cloned();
                    let held = image.id.map(|id| Held { id, content });
                    inventory.images.extend(held.map(|held| (reference.clone(), held)));
                }
                Err(cause) if status(&cause) == Some(404) => {}
                Err(cause) => return Err(failed("look up an image")(cause)),
            }
        }
        Ok(inventory)
    }

    /// All images, those without a name as well.
    pub async fn images(&self) -> Result<Vec<FoundImage>> {
        let list = || self.docker.list_images(None::<query::ListImagesOptions>);
        let listed = while_others_remove(list).await;
        let found = |image: bollard::models::ImageSummary| {
            let named = image.repo_tags.iter().filter(|tag| !tag.starts_with("<none>"));
            FoundImage {
                references: named.map(|tag| without_local_host(tag)).collect(),
                size: u64::try_from(image.size).unwrap_or(0),
                content: image.labels.get(CONTENT_LABEL).cloned(),
                id: image.id,
            }
        };
        Ok(listed.map_err(failed("list its images"))?.into_iter().map(found).collect())
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

/// Podman shows an image without a registry as `localhost/NAME`.
fn without_local_host(tag: &str) -> String {
    tag.strip_prefix("localhost/").unwrap_or(tag).to_owned()
}
