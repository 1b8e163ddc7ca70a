//! Images that are in the state folder, as copies in the engine in use: which it lacks, and putting them there.
//!
//! What an image is, the state folder says: one that an engine does not have is not stale, and putting it there runs
//! no step and changes neither record nor stamp. Does not know why it is wanted.

use std::path::Path;

use crate::base::error::{Error, Result};
use crate::engine::{HeldImage, Sink};
use crate::exec::action::{Summary, blocking, chain, summary};
use crate::exec::work::Context;
use crate::fresh::Inventory;
use crate::fresh::record::Record;
use crate::image::archive::bundle;
use crate::image::archive::bundle::Bundle;
use crate::plan::step::{IMAGE_ID, Object, REFERENCES, Step, Work};
use crate::state::store::Store;

/// Whether the engine lacks an image that a finished step has made, or one of its names means another one there. An
/// image that only an engine has is never lacking: its step is stale then.
pub fn lacks(step: &Step, record: &Record, inventory: &Inventory, store: &Store) -> bool {
    let (Work::Image(_), Some(id)) = (&step.work, id_of(record)) else { return false };
    if !inventory.has_copies() {
        return false;
    }
    let there = |object| inventory.engine_id(object).is_some_and(|it| store.is_called(it, id));
    !step.objects.iter().all(there)
}

/// The ID of an image that is kept in the state folder.
fn id_of(record: &Record) -> Option<&String> {
    record.products.get(IMAGE_ID).filter(|_| record.objects.is_empty())
}

/// What a step has left in engines, by its record.
pub fn left_by(record: &Record) -> Vec<Object> {
    let noted = record.objects.keys().filter_map(|object| Object::of_record(object));
    let names = record.params.get(REFERENCES).filter(|_| id_of(record).is_some());
    let names = names.into_iter().flat_map(|names| names.split_whitespace());
    noted.chain(names.map(|name| Object::Image(name.to_owned()))).collect()
}

/// Whether an image of an engine is what a step has left under a name. `identity` is what it is, `engine_id` what the
/// engine calls it.
pub fn is_left(
    record: &Record,
    object: &Object,
    (identity, engine_id): (&str, &str),
    store: &Store,
) -> bool {
    match (record.objects.get(&object.to_string()), id_of(record)) {
        (Some(noted), _) => noted == identity,
        (None, Some(id)) => store.is_called(engine_id, id),
        (None, None) => false,
    }
}

/// An image's own archive, and those of the images below.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given<'a> {
    pub own: &'a Path,
    pub below: &'a [Bundle],
    pub id: &'a str,
    pub names: &'a [String],
}

/// Gives an image to the engine: its own layers, and those below where the engine wants them again. Returns what the
/// engine calls it, and what it says of it.
pub(super) async fn give(
    image: Given<'_>,
    context: &Context,
    say: Sink<'_>,
) -> Result<(String, HeldImage)> {
    let Given { own, below, id, names } = image;
    let (engine, limits) = (&context.engine, context.settings.limits);
    let mut loaded = engine.load_image(bundle::stream(own), names, &mut *say).await;
    if let (Err(error), false) = (&loaded, below.is_empty()) {
        say(format!("bb: {}; sending all layers\n", error.message()).as_bytes());
        let all = Bundle::open(own, &limits)?.into_iter().chain(below.iter().cloned()).collect();
        let body = bundle::full_stream(all, context.settings.source_date_epoch);
        loaded = engine.load_image(body, names, &mut *say).await;
    }
    loaded?;
    if let Some(held) = engine.image(id).await? {
        return Ok((id.to_owned(), held));
    }
    // One that calls images otherwise has just given it the name.
    let first = names.first().map_or("", String::as_str);
    let held = engine
        .image(first)
        .await?
        .ok_or_else(|| Error::step(format!("the engine loaded `{first}` but does not have it")))?;
    context.store.note_called(&held.id, id)?;
    Ok((held.id.clone(), held))
}

/// Puts a finished step's image into the engine, under all its names. `dir` is the folder of its results. Returns
/// what the engine calls it.
pub(super) async fn put(dir: &Path, context: &Context, say: Sink<'_>) -> Result<String> {
    let Some((summary, chain)) = kept(dir, context).await? else {
        let gone = format!("the image in `{}` was only in the engine that built it", dir.display());
        return Err(Error::step(gone).hint("`bb build` builds it again"));
    };
    let own = dir.join("image.tar");
    let below = chain.get(1..).unwrap_or_default();
    let image = Given { own: &own, below, id: &summary.id, names: &summary.references };
    Ok(give(image, context, say).await?.0)
}

/// What is said of an image and its archives, if the state folder has it.
async fn kept(dir: &Path, context: &Context) -> Result<Option<(Summary, Vec<Bundle>)>> {
    let (at, limits) = (dir.to_owned(), context.settings.limits);
    let read = move || {
        let summary = summary(&at)?;
        let Some(chain) = chain(&at, &limits)? else { return Ok(None) };
        let id = chain.first().map(Bundle::id).unwrap_or_default();
        if id != summary.id {
            let message = format!("`{}` is not the image `{}`", at.display(), summary.id);
            return Err(Error::step(message).hint("`bb build -f` makes it anew"));
        }
        Ok(Some((summary, chain)))
    };
    blocking(read).await
}

/// What the engine calls an image, under whatever name it has it; nothing, if it does not have it.
async fn called(summary: &Summary, context: &Context) -> Result<Option<String>> {
    let engine = &context.engine;
    if let Some(id) = engine.image_id(&summary.id).await? {
        return Ok(Some(id));
    }
    for name in &summary.references {
        if is_named(name, &summary.id, context).await? {
            return engine.image_id(name).await;
        }
    }
    Ok(None)
}

/// Whether a name means an image in the engine.
async fn is_named(name: &str, id: &str, context: &Context) -> Result<bool> {
    let there = context.engine.image_id(name).await?;
    Ok(there.is_some_and(|it| context.store.is_called(&it, id)))
}

/// Sees to it that the engine has a finished step's image. Returns what the engine calls it.
pub(super) async fn ensure(dir: &Path, context: &Context, say: Sink<'_>) -> Result<String> {
    match called(&summary(dir)?, context).await? {
        Some(called) => Ok(called),
        None => put(dir, context, say).await,
    }
}

/// The same, under the name that somebody calls it by.
pub(super) async fn ensure_named(
    dir: &Path,
    name: &str,
    context: &Context,
    say: Sink<'_>,
) -> Result<()> {
    if !is_named(name, &summary(dir)?.id, context).await? {
        put(dir, context, say).await?;
    }
    Ok(())
}

/// What became of an image that was to be in an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loaded {
    /// It, or a name of it, was put there.
    Put,
    /// It was there, under all its names.
    Was,
}

/// Sees to it that an engine has a finished step's image under all its names.
///
/// # Errors
/// The engine does not answer or does not take it, or the state folder does not have it.
pub async fn load(dir: &Path, context: &Context) -> Result<Loaded> {
    let summary = summary(dir)?;
    for name in &summary.references {
        if !is_named(name, &summary.id, context).await? {
            return put(dir, context, &mut |_| {}).await.map(|_| Loaded::Put);
        }
    }
    Ok(Loaded::Was)
}

/// Brings an image back that the engine does not have under a name of its own. Whether there is one that could be.
///
/// # Errors
/// The engine does not answer or does not take it, or the archive cannot be read.
pub async fn bring_back(dir: &Path, context: &Context) -> Result<bool> {
    if !dir.join("image.json").is_file() || kept(dir, context).await?.is_none() {
        return Ok(false);
    }
    put(dir, context, &mut |_| {}).await.map(|_| true)
}
