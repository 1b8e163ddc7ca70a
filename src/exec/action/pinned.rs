//! Images from elsewhere, as the lock pins them: brought into the state folder when an image is put together of one,
//! and given to the engine where that is to build on it.
//!
//! What they are called is not looked up here: what a name means, the lock has said.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::error::{Error, Exit, Result};
use crate::base::limits::{Limit, Limits};
use crate::base::read;
use crate::base::reference::{Reference, is_same_id};
use crate::config::lock::Base;
use crate::exec::action::command::{Asker, asking};
use crate::exec::action::{Log, assemble, blocking};
use crate::exec::archives::Archives;
use crate::exec::work::Context;
use crate::image::archive::bundle::Bundle;
use crate::image::archive::listing::Section;
use crate::image::archive::{bundle, listing, save};
use crate::image::{Left, assemble as image};
use crate::net::registry::{Blobs, Registry, unpack};
use crate::plan::step::ImageWork;
use crate::state::store::remove_if_there;

/// The image from elsewhere that another one's layers go on top of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elsewhere {
    /// Its name.
    pub name: String,
    /// Its ID.
    pub id: String,
}

/// The images that a Dockerfile names, as far as they are here.
pub(super) struct Images {
    pub work: ImageWork,
    limits: Limits,
    blobs: Blobs,
    /// Of images that cannot be brought, by ID: why.
    refused: BTreeMap<String, Left>,
    archives: Archives,
    /// Who runs its commands; nobody, where the engine cannot.
    pub asker: Option<Asker>,
    /// One that is not here yet, and was asked for.
    pub wanted: RefCell<Option<Base>>,
}

impl Images {
    /// One of them, to build on or to copy from.
    pub(super) fn get(&self, reference: &str) -> Result<image::Base, Left> {
        let chain = match self.work.pinned(reference) {
            Some(base) => vec![self.bundle(base)?],
            None => self.docks(reference)?,
        };
        let tree = bundle::tree(&chain).map_err(|e| Left::new(e.message()))?;
        let config = chain.into_iter().next().map(|top| top.config.as_ref().clone());
        let config = config.ok_or_else(|| Left::new("an image without an archive"))?;
        Ok(image::Base { config, tree })
    }

    /// A dock's image.
    fn docks(&self, reference: &str) -> Result<Vec<Bundle>, Left> {
        let dir = self.work.parents.get(reference);
        let dir = dir.ok_or_else(|| Left::new(format!("`{reference}` is from elsewhere")))?;
        let chain = assemble::chain_of(dir, &self.archives, &self.limits);
        let chain = chain.map_err(|e| Left::new(e.message()))?;
        chain.ok_or_else(|| Left::new(format!("only the engine has `{reference}`")))
    }

    /// The archives of the images that an image's own layers go on top of.
    pub(super) fn below(&self, base: Option<&str>) -> crate::Result<Vec<Bundle>> {
        let Some(reference) = base else { return Ok(vec![]) };
        if let Some(base) = self.work.pinned(reference) {
            return Ok(vec![self.bundle(base).map_err(|left| Error::step(left.why()))?]);
        }
        let Some(dir) = self.work.parents.get(reference) else { return Ok(vec![]) };
        Ok(assemble::chain_of(dir, &self.archives, &self.limits)?.unwrap_or_default())
    }

    /// A pinned image; where it is not here, it is wanted.
    pub(super) fn bundle(&self, base: &Base) -> Result<Bundle, Left> {
        if let Some(left) = self.refused.get(&base.id) {
            return Err(left.clone());
        }
        let opened = open(&self.blobs, &base.id, &self.limits);
        opened.map_err(|e| Left::new(e.message()))?.ok_or_else(|| {
            *self.wanted.borrow_mut() = Some(base.clone());
            Left::new(format!("`{}` is not here yet", base.name))
        })
    }
}

/// A pinned image out of the state folder; nothing where not all of it is there.
///
/// # Errors
/// What is there cannot be read.
pub(super) fn open(blobs: &Blobs, id: &str, limits: &Limits) -> Result<Option<Bundle>> {
    let Some(text) = config(blobs, id)? else { return Ok(None) };
    let diff_ids = Bundle::diff_ids(&text)?;
    let many = limits.check(Limit::Layers, diff_ids.len() as u64);
    many.map_err(|e| e.error(Exit::Step, &format!("`{id}`")))?;
    let mut layers = vec![];
    for diff_id in diff_ids {
        let path = blobs.path(&diff_id)?;
        let Ok(meta) = std::fs::symlink_metadata(&path) else { return Ok(None) };
        layers.push(listing::whole(&path, meta.len()));
    }
    Bundle::of_layers(text, layers, limits).map(Some)
}

fn config(blobs: &Blobs, id: &str) -> Result<Option<Vec<u8>>> {
    if !blobs.has(id)? {
        return Ok(None);
    }
    read::state(&blobs.path(id)?, Limit::ConfigSize).map(Some)
}

/// Does something with the images that a Dockerfile names, again and again until none is wanted that is not here.
///
/// # Errors
/// What is done fails, or an image is not to be had.
pub(super) async fn with_images<T: Send + 'static>(
    work: &ImageWork,
    context: &Context,
    log: &mut Log,
    act: impl Fn(&Images) -> Result<T> + Send + Sync + 'static,
) -> Result<T> {
    let act = Arc::new(act);
    let (mut refused, mut brought) = (BTreeMap::new(), BTreeSet::new());
    loop {
        let (asker, mut asked) = asking(work, &context.owner);
        let images = Images {
            work: work.clone(),
            limits: context.settings.limits,
            blobs: Blobs::at(&context.store.blobs()),
            archives: context.archives.clone(),
            refused: refused.clone(),
            asker: context.engine.commands().map(|_| asker),
            wanted: RefCell::default(),
        };
        let act = act.clone();
        let looked = move || Ok((act(&images)?, images.wanted.take()));
        let mut looking = std::pin::pin!(blocking(looked));
        let (done, wanted) = loop {
            tokio::select! {
                done = &mut looking => break done?,
                Some((asked, tell)) = asked.recv() => {
                    let done = asked.run(work, context, log).await;
                    // Whoever asked may have been told to stop.
                    let _ = tell.send(done);
                }
            }
        };
        let Some(base) = wanted else { return Ok(done) };
        if !brought.insert(base.id.clone()) {
            return Err(Error::bug(format!("`{}` was brought, and is not here", base.name)));
        }
        if let Err(left) = bring(&base, context, log).await? {
            refused.insert(base.id, left);
        }
    }
}

/// Brings a pinned image into the state folder: from its registry, else out of the engine. `Left` where the engine
/// has it, but not as it was made.
async fn bring(base: &Base, context: &Context, log: &mut Log) -> Result<Result<(), Left>> {
    let (store, id) = (context.store.clone(), base.id.clone());
    let _lock = blocking(move || store.lock_image(&id)).await?;
    let (blobs, limits) = (Blobs::at(&context.store.blobs()), context.settings.limits);
    let (of, at) = (base.id.clone(), blobs.clone());
    // Somebody else may have brought it meanwhile.
    if blocking(move || open(&at, &of, &limits)).await?.is_some() {
        return Ok(Ok(()));
    }
    let name = &base.name;
    let pulled = match (&base.digest, &context.registry) {
        (Some(digest), Some(registry)) => {
            log.write(format!("bb: pulling `{name}`, `{digest}`\n").as_bytes());
            pull(base, digest, registry, &blobs, &limits).await
        }
        (Some(_), None) => {
            let message = format!("`{name}` is pinned, but not here, and no network is to be used");
            Err(Error::step(message).hint("run the same once without `--offline`"))
        }
        (None, _) => Err(Error::step(format!("the engine does not have `{name}` any more"))
            .hint(format!("it is pinned as `{}`: load that again, or run `bb update`", base.id))),
    };
    match pulled {
        Err(error) if error.exit() != Exit::Trust => match context.engine.image_id(&base.id).await?
        {
            Some(_) => export(base, context, blobs).await,
            None => Err(error),
        },
        pulled => pulled.map(Ok),
    }
}

async fn pull(
    base: &Base,
    digest: &str,
    registry: &Registry,
    blobs: &Blobs,
    limits: &Limits,
) -> Result<()> {
    let name = format!("{}@{digest}", base.name.name()).parse::<Reference>();
    let name = name.map_err(|e| Error::bug(format!("`{}` has a digest: {e}", base.name)))?;
    let pulled = registry.pull(&name, blobs).await?;
    if pulled.config != base.id {
        let message = format!("`{name}` is not the image `{}` that `bb.lock` pins", base.id);
        return Err(Error::trust(message)
            .hint("digest and ID in `bb.lock` do not belong together; `bb update` pins anew"));
    }
    let (blobs, limits) = (blobs.clone(), *limits);
    let unpacked = move || {
        for layer in &pulled.layers {
            unpack(&blobs, layer, &limits)?;
            if layer.digest != layer.diff_id {
                remove_if_there(&blobs.path(&layer.digest)?)?;
            }
        }
        Ok(())
    };
    blocking(unpacked).await
}

/// Takes an image out of the engine.
async fn export(base: &Base, context: &Context, blobs: Blobs) -> Result<Result<(), Left>> {
    let temp = context.store.temp_dir()?;
    let (file, limits) = (temp.path().join("image.tar"), context.settings.limits);
    save(context.engine.save_image(&base.id), &file, &limits).await?;
    let base = base.clone();
    let taken = move || {
        let _temp = temp;
        let bundle = match Bundle::open(&file, &limits) {
            Ok(bundle) => bundle,
            Err(unread) => return Ok(Err(Left::new(unread.message()))),
        };
        let Some(bundle) = bundle.filter(|bundle| bundle.id() == base.id) else {
            // Some write another configuration than the one that they have.
            let why = format!("the engine does not give `{}` out as `{}`", base.name, base.id);
            return Ok(Err(Left::new(why)));
        };
        let chain = std::slice::from_ref(&bundle);
        for ((_, content), diff_id) in
            bundle::layers(chain)?.into_iter().zip(&bundle.config.rootfs.diff_ids)
        {
            let data = Section::open(content).map_err(|e| Error::file("read", &file, &e))?;
            blobs.take(diff_id, data)?;
        }
        blobs.take(&base.id, bundle.config_text.as_slice())?;
        Ok(Ok(()))
    };
    blocking(taken).await
}

/// Sees to it that the engine has all images from elsewhere that a Dockerfile names, as they are pinned. Those that
/// it does not have under their names come with what it calls them instead.
///
/// # Errors
/// One is not to be had, or the engine does not take it.
pub(super) async fn give(
    work: &ImageWork,
    context: &Context,
    log: &mut Log,
) -> Result<BTreeMap<String, String>> {
    let mut others = BTreeMap::new();
    for (name, base) in &work.elsewhere {
        let Some(base) = base else { continue };
        let engine = &context.engine;
        if engine.image_id(name).await?.is_some_and(|id| is_same_id(&id, &base.id)) {
            continue;
        }
        if engine.image_id(&base.id).await?.is_none() {
            load(base, context, log).await?;
        }
        others.insert(name.clone(), base.id.trim_start_matches("sha256:").to_owned());
    }
    Ok(others)
}

/// Gives the engine a pinned image, without a name.
async fn load(base: &Base, context: &Context, log: &mut Log) -> Result<()> {
    if let Err(left) = bring(base, context, log).await? {
        return Err(Error::step(left.why()));
    }
    let (blobs, limits) = (Blobs::at(&context.store.blobs()), context.settings.limits);
    let id = base.id.clone();
    let bundle = blocking(move || open(&blobs, &id, &limits)).await?;
    let chain = bundle.into_iter().collect();
    let body = bundle::full_stream(chain, context.settings.source_date_epoch);
    let mut sink = |data: &[u8]| log.write(data);
    let loaded = context.engine.load_image(body, &[], &mut sink).await;
    loaded.map_err(|error| log.failed(error.message()))?;
    if context.engine.image_id(&base.id).await?.is_none() {
        let message = format!("the engine was given `{}`, but has no `{}`", base.name, base.id);
        return Err(Error::step(message));
    }
    Ok(())
}

/// What a pinned image leaves by `ONBUILD`, if that is known.
pub(super) async fn triggers(base: &Base, context: &Context) -> Result<Option<Vec<String>>> {
    let (blobs, limits, id) =
        (Blobs::at(&context.store.blobs()), context.settings.limits, base.id.clone());
    let opened = blocking(move || open(&blobs, &id, &limits)).await?;
    match opened {
        Some(bundle) => Ok(Some(bundle.config.config.on_build.clone())),
        None => Ok(context.engine.image(&base.id).await?.map(|image| image.triggers)),
    }
}
