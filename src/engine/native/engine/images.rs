//! The images of the native engine.
//!
//! What arrives is kept as it is, under its digest; what is imported or made of a box is unpacked at once, since
//! boxes stand on it.

use std::io::{self, BufReader, Read};

use async_trait::async_trait;

use super::{NativeEngine, Own, content, held};
use crate::base::error::{Error, Result};
use crate::base::label::Labels;
use crate::base::limits::{Limit, Limits};
use crate::base::machine;
use crate::engine::image::CONTENT_LABEL;
use crate::engine::native::failed;
use crate::engine::native::images::{Adding, Image, ImageStore};
use crate::engine::native::spec::BoxId;
use crate::engine::{ContainerSpec, FoundImage, HeldImage, Images, IsWell, NewImage, Sink};
use crate::image::archive::{self, Body, bundle, limited, packed};
use crate::image::bundle::config_text;
use crate::image::config::{History, ImageConfig, rfc3339};

/// What an image's history says of a layer that was not made by a Dockerfile.
const IMPORTED: &str = "bb import";
const COMMITTED: &str = "bb commit";

#[async_trait]
impl Images for NativeEngine {
    async fn images(&self) -> Result<Vec<FoundImage>> {
        let found = |image: Image| FoundImage {
            content: content(&image),
            id: image.id,
            references: image.names,
            digests: vec![],
            size: image.size,
        };
        self.run(move |own| Ok(own.images.all()?.into_iter().map(found).collect())).await
    }

    async fn image(&self, name: &str) -> Result<Option<HeldImage>> {
        let name = name.to_owned();
        self.run(move |own| Ok(own.images.find(&name)?.map(held))).await
    }

    async fn import_image(&self, archive: Body, reference: &str, content: &str) -> Result<()> {
        let (own, reference, content) =
            (self.own.clone(), reference.to_owned(), content.to_owned());
        archive::read_on_thread(archive, move |reader| {
            own.or_swept(own.import(reader, reference, content))
        })
        .await
    }

    async fn commit(&self, container: &str, image: &NewImage<'_>) -> Result<()> {
        let id = BoxId::new(container)?;
        let reference = image.reference.to_owned();
        let added = Added::of(image);
        self.run(move |own| own.or_swept(own.commit(&id, reference, added))).await
    }

    async fn load_image(&self, archive: Body, names: &[String], _: Sink<'_>) -> Result<()> {
        let (own, names) = (self.own.clone(), names.to_vec());
        archive::read_on_thread(archive, move |reader| own.or_swept(own.load(reader, names))).await
    }

    fn save_image(&self, image: &str) -> Body {
        let (own, name) = (self.own.clone(), image.to_owned());
        archive::write_on_thread(move |out| {
            let image = own.existing(&name).and_then(|image| own.images.bundle(&image));
            let written = image.and_then(|image| bundle::write_full(&[image], 0, out));
            written.map_err(|error| io::Error::other(error.message().to_owned()))
        })
    }

    async fn remove_image(&self, reference: &str) -> Result<()> {
        let name = reference.to_owned();
        self.run(move |own| own.unname(&name)).await
    }

    async fn remove_unused_image(&self, name: &str) -> Result<Option<String>> {
        let name = name.to_owned();
        self.run(move |own| {
            let Some(image) = own.images.find(&name)? else { return Ok(None) };
            if name == image.id && !image.names.is_empty() {
                return Ok(Some("it has a name".to_owned()));
            }
            if image.names.len() < 2 && own.is_used(&image.id)? {
                return Ok(Some("a box stands on it".to_owned()));
            }
            own.unname(&name).map(|()| None)
        })
        .await
    }
}

impl NativeEngine {
    /// What is read is kept before it is known whether it is to be; a layer that is not in an image is swept.
    pub(super) async fn extended(
        &self,
        base: &ContainerSpec,
        archive: Body,
        is_well: IsWell,
        image: &NewImage<'_>,
    ) -> Result<()> {
        let (own, base, labels) = (self.own.clone(), base.image.clone(), base.labels.clone());
        let (reference, added) = (image.reference.to_owned(), Added::of(image));
        // On one thread to its end: nobody sweeps what is only begun, whoever stops waiting for it.
        archive::read_on_thread(archive, move |reader| {
            own.or_swept(own.extend(reader, &base, &is_well, |mut config| {
                added.to(&mut config, labels);
                (config, reference)
            }))
        })
        .await
    }
}

/// What an image has besides what it is made of.
struct Added {
    labels: Labels,
    env: Vec<String>,
}

impl Added {
    fn of(image: &NewImage<'_>) -> Self {
        let without = image.without.iter().map(|name| ((*name).to_owned(), String::new()));
        let mut labels = without.collect::<Labels>();
        labels.insert(CONTENT_LABEL.to_owned(), image.content.to_owned());
        Self { labels, env: image.env.iter().map(|&variable| variable.to_owned()).collect() }
    }

    fn to(self, config: &mut ImageConfig, of_box: Labels) {
        config.config.labels.extend(of_box);
        config.config.labels.extend(self.labels);
        for (name, value) in self.env.iter().filter_map(|variable| variable.split_once('=')) {
            config.config.set_variable(name, value);
        }
    }
}

impl Own {
    fn unname(&self, name: &str) -> Result<()> {
        let used = match self.images.find(name)? {
            Some(image) => self.is_used(&image.id)?,
            None => return Ok(()),
        };
        self.images.unname(name, |_| used)?;
        self.sweep()
    }

    /// Leaves nothing of an image that has not become one.
    fn or_swept(&self, made: Result<()>) -> Result<()> {
        if made.is_err() {
            // The reason is what matters; what stays goes with the next image that is removed.
            let _ = self.sweep();
        }
        made
    }

    fn import(&self, reader: impl Read, reference: String, content: String) -> Result<()> {
        let adding = ImageStore::adding(&self.native.store)?;
        let diff_id = self.read_layer(reader)?;
        let mut config = ImageConfig::scratch(machine::architecture());
        config.config.env.clear();
        config.config.labels.insert(CONTENT_LABEL.to_owned(), content);
        self.named(config, diff_id, IMPORTED, reference, &adding)
    }

    /// Makes an image of another one and an archive; `called` makes of the other's configuration the new one's, and
    /// gives it a name.
    fn extend(
        &self,
        reader: impl Read,
        base: &str,
        is_well: &IsWell,
        called: impl FnOnce(ImageConfig) -> (ImageConfig, String),
    ) -> Result<()> {
        let adding = ImageStore::adding(&self.native.store)?;
        let base = self.existing(base)?.config;
        let diff_id = self.read_layer(reader)?;
        is_well()?;
        let (config, reference) = called(base);
        self.named(config, diff_id, IMPORTED, reference, &adding)
    }

    /// Keeps an archive, unpacked, as a layer; its digest.
    fn read_layer(&self, reader: impl Read) -> Result<String> {
        let mut reader = BufReader::new(reader);
        let diff_id = added(&mut reader, self, &self.limits)?;
        // Only at its end it is known whether all of it is what was verified.
        io::copy(&mut reader, &mut io::sink())
            .map_err(|cause| failed("import the archive", &cause))?;
        Ok(diff_id)
    }

    /// Makes an image of what a box has changed, on top of what it stands on.
    fn commit(&self, id: &BoxId, reference: String, added: Added) -> Result<()> {
        let note = self.note(id)?;
        let adding = ImageStore::adding(&self.native.store)?;
        let mut config = self.existing(&note.image)?.config;
        let diff_id = self.difference(id)?;
        added.to(&mut config, note.spec.labels);
        self.named(config, diff_id, COMMITTED, reference, &adding)
    }

    /// What a box has changed, as a layer.
    fn difference(&self, id: &BoxId) -> Result<String> {
        let (reader, writer) = io::pipe().map_err(|cause| failed("make a pipe", &cause))?;
        let (packed, added) = std::thread::scope(|scope| {
            let packing = scope.spawn(move || self.native.difference(id, writer));
            let added = self.images.blobs().add(reader);
            (packing.join(), added)
        });
        let (diff_id, _) = added?;
        packed.map_err(|_| Error::bug("a packing thread ended"))??;
        Ok(diff_id)
    }

    /// An image with one layer more, unpacked.
    fn named(
        &self,
        mut config: ImageConfig,
        diff_id: String,
        made_by: &str,
        reference: String,
        adding: &Adding,
    ) -> Result<()> {
        config.rootfs.diff_ids.push(diff_id);
        config.created = rfc3339(0);
        let (created, created_by) = (rfc3339(0), made_by.to_owned());
        config.history.push(History { created, created_by, empty_layer: false });
        let text = config_text(&config)?;
        let image = Image { id: String::new(), names: vec![], config, size: 0 };
        self.unpacked(&image, adding)?;
        self.images.add(adding, &text, &[reference]).map(drop)
    }

    /// Takes in an archive like `docker save`'s.
    fn load(&self, reader: impl Read, mut names: Vec<String>) -> Result<()> {
        let adding = ImageStore::adding(&self.native.store)?;
        let what = "the image's archive";
        let broken = |cause: io::Error| {
            limited::error(what, &cause, || failed("read the image's archive", &cause))
        };
        let (mut manifest, mut files) = (vec![], Vec::<(String, String)>::new());
        limited::each(reader, &self.limits, broken, |name, entry, _| {
            if !entry.header().entry_type().is_file() {
                return Ok(());
            }
            if name != bundle::MANIFEST {
                files.push((name.to_owned(), self.images.blobs().add(entry)?.0));
                return Ok(());
            }
            let small = self.limits.check(Limit::ConfigSize, entry.size());
            small.map_err(|exceeded| exceeded.error(crate::base::error::Exit::Step, what))?;
            entry.read_to_end(&mut manifest).map(drop).map_err(broken)
        })?;
        let manifest = bundle::listed(&manifest)?;
        let config = files.iter().find(|(name, _)| *name == manifest.config);
        let config = config.ok_or_else(|| {
            Error::step(format!("an image's archive has no `{}`", manifest.config))
        })?;
        let text = self.images.config_text(&config.1)?;
        names.extend(manifest.repo_tags);
        self.images.add(&adding, &text, &names).map(drop)
    }
}

/// Unpacks an archive of a root into a blob; its digest.
fn added(reader: &mut impl io::BufRead, own: &Own, limits: &Limits) -> Result<String> {
    let cannot = |cause: &io::Error| {
        limited::error("the archive", cause, || failed("import the archive", cause))
    };
    let data = packed::unpacked(reader, limits).map_err(|cause| cannot(&cause))?;
    Ok(own.images.blobs().add(limited::unpacked(data, u64::MAX, limits))?.0)
}
