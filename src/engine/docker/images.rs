//! The images of Docker and Podman.
//!
//! Does not know whose they are.

use std::collections::HashSet;

use async_trait::async_trait;
use bollard::query_parameters as query;
use futures_util::StreamExt;

use super::{Docker, failed, is_gone, reason, split, status, while_others_remove};
use crate::base::error::Result;
use crate::base::reference::{DOCKER_IO, Reference, spelling};
use crate::engine::image::CONTENT_LABEL;
use crate::engine::{FoundImage, HeldImage, Images, NewImage, Sink};
use crate::image::archive::Body;

#[async_trait]
impl Images for Docker {
    async fn images(&self) -> Result<Vec<FoundImage>> {
        let list = || self.client.list_images(None::<query::ListImagesOptions>);
        let listed = self.answer("list its images", while_others_remove(list)).await?;
        let taken = taken(&listed);
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

    async fn image(&self, name: &str) -> Result<Option<HeldImage>> {
        Ok(self.inspect(name).await?.map(held))
    }

    async fn import_image(&self, archive: Body, reference: &str, content: &str) -> Result<()> {
        // Podman 4.3 takes no notice of a tag by itself.
        let options = query::CreateImageOptionsBuilder::default().from_src("-").repo(reference);
        let label = format!("LABEL {CONTENT_LABEL}={content}");
        let options = options.changes(vec![label]).build();
        let body = bollard::body_try_stream(archive);
        let mut answer = self.client.create_image(Some(options), Some(body), None);
        while let Some(info) = answer.next().await {
            info.map_err(failed("import the archive"))?;
        }
        Ok(())
    }

    async fn commit(&self, container: &str, image: &NewImage<'_>) -> Result<()> {
        let (repo, tag) = split(image.reference);
        let options = query::CommitContainerOptionsBuilder::default().container(container);
        // Podman takes all that follows the first name for its value: a line for each.
        let empty = image.without.iter().map(|name| format!("LABEL {name}="));
        let content = std::iter::once(format!("LABEL {CONTENT_LABEL}={}", image.content));
        let env = image.env.iter().map(|variable| format!("ENV {variable}"));
        let changes = content.chain(empty).chain(env).collect::<Vec<_>>().join("\n");
        let options = options.repo(&repo).tag(&tag).pause(false).changes(&changes).build();
        let config = bollard::models::ContainerConfig::default();
        let committed = self.client.commit_container(options, config).await;
        committed.map(drop).map_err(failed("make an image of a container"))
    }

    async fn load_image(&self, archive: Body, names: &[String], log: Sink<'_>) -> Result<()> {
        let options = query::ImportImageOptionsBuilder::default().quiet(true).build();
        let body = bollard::body_try_stream(archive);
        let mut answer = self.client.import_image(options, body, None);
        while let Some(info) = answer.next().await {
            let text = info.map_err(failed("load the image"))?.stream.unwrap_or_default();
            log(text.as_bytes());
        }
        for name in names {
            self.adopt(name).await?;
        }
        Ok(())
    }

    fn save_image(&self, image: &str) -> Body {
        let stream = self.client.export_image(image);
        Box::pin(stream.map(|piece| piece.map_err(|e| std::io::Error::other(reason(&e)))))
    }

    async fn remove_image(&self, reference: &str) -> Result<()> {
        let options = query::RemoveImageOptionsBuilder::default().force(true).build();
        match self.client.remove_image(reference, Some(options), None).await {
            Err(cause) if !is_gone(&cause) => Err(failed("remove an image")(cause)),
            _ => Ok(()),
        }
    }

    async fn remove_unused_image(&self, name: &str) -> Result<Option<String>> {
        match self.client.remove_image(name, None::<query::RemoveImageOptions>, None).await {
            Ok(_) => Ok(None),
            Err(cause) if is_gone(&cause) => Ok(None),
            Err(cause) if status(&cause) == Some(409) => Ok(Some(reason(&cause))),
            Err(cause) => Err(failed("remove an image")(cause)),
        }
    }
}

impl Docker {
    /// What it says of an image, if that is there.
    pub(super) async fn inspect(
        &self,
        reference: &str,
    ) -> Result<Option<bollard::models::ImageInspect>> {
        let asked = async {
            match self.client.inspect_image(reference).await {
                Err(cause) if status(&cause) == Some(404) => Ok(None),
                found => found.map(Some),
            }
        };
        self.answer("look up an image", asked).await
    }

    /// Podman loads an image that is from no registry as `localhost/NAME`, and builds one as `docker.io/NAME`: two
    /// names, of which one would be left behind. What was loaded gets the one that Docker means.
    ///
    /// # Errors
    /// The engine does not answer, or cannot give or take a name.
    async fn adopt(&self, reference: &str) -> Result<()> {
        let Ok(parsed) = reference.parse::<Reference>() else { return Ok(()) };
        // With Docker, `localhost/NAME` is the name of somebody's image in a registry on this machine.
        if parsed.registry() != DOCKER_IO || !self.is_podman().await? {
            return Ok(());
        }
        let local = format!("localhost/{parsed}");
        if self.image_id(&local).await?.is_none() {
            return Ok(());
        }
        let (name, tag) =
            (format!("{DOCKER_IO}/{}", parsed.path()), parsed.tag().unwrap_or_default());
        let options = query::TagImageOptionsBuilder::default().repo(&name).tag(tag).build();
        self.client.tag_image(&local, Some(options)).await.map_err(failed("tag the image"))?;
        self.unname(&local).await
    }

    /// Gives an image another name.
    ///
    /// # Errors
    /// The engine has no such image, or refuses the name.
    pub async fn tag(&self, image: &str, reference: &str) -> Result<()> {
        let (repo, tag) = split(reference);
        let options = query::TagImageOptionsBuilder::default().repo(&repo).tag(&tag).build();
        self.client.tag_image(image, Some(options)).await.map_err(failed("tag the image"))
    }
}

/// A name in its one spelling; one that is from no registry without Podman's `localhost/`, unless an image has
/// that name already.
fn short(name: &str, taken: &HashSet<String>) -> String {
    let Ok(reference) = name.parse::<Reference>() else { return name.to_owned() };
    let short = reference.without_localhost().map(|short| short.to_string());
    short.filter(|short| !taken.contains(short)).unwrap_or_else(|| reference.to_string())
}

/// The names that are not free to be short for others: none where none could be, for every engine but Podman.
fn taken(listed: &[bollard::models::ImageSummary]) -> HashSet<String> {
    let tags = || listed.iter().flat_map(|image| &image.repo_tags);
    if !tags().any(|tag| tag.starts_with("localhost/")) {
        return HashSet::new();
    }
    tags().map(|tag| spelling(tag)).collect()
}

fn held(image: bollard::models::ImageInspect) -> HeldImage {
    let config = image.config.unwrap_or_default();
    HeldImage {
        id: image.id.unwrap_or_default(),
        size: image.size.unwrap_or(0),
        layers: image.root_fs.and_then(|r| r.layers).map_or(0, |layers| layers.len()),
        labels: config.labels.unwrap_or_default().into_iter().collect(),
        triggers: config.on_build.unwrap_or_default(),
        shell: config.shell.unwrap_or_default(),
        health: config.healthcheck.and_then(|health| health.test).unwrap_or_default(),
    }
}
