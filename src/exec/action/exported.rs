//! An image that the engine's builder has made, taken into the state folder: what the engine has is a copy from then
//! on, as of any other image.
//!
//! Does not know how it was built.

use std::path::Path;

use crate::base::error::{Error, Result};
use crate::base::limits::Limits;
use crate::base::reference::is_same_id;
use crate::exec::action::assemble::name;
use crate::exec::action::pinned::{self, Elsewhere};
use crate::exec::action::{assemble, blocking};
use crate::exec::work::Context;
use crate::image::Left;
use crate::image::archive::bundle::Bundle;
use crate::image::archive::{bundle, listing, save};
use crate::net::registry::Blobs;
use crate::plan::step::ImageWork;

/// An image that was taken in, with what its layers are on top of as far as that is in the state folder as well.
#[derive(Debug, Default)]
pub(super) struct On {
    /// The image's ID.
    pub id: String,
    /// The dock.
    pub base: Option<String>,
    /// The image from elsewhere.
    pub elsewhere: Option<Elsewhere>,
}

/// Takes an image out of the engine, whose id for it is `id`: its archive is then among the step's results. `Left`
/// where the engine does not give it out as it is.
///
/// # Errors
/// The engine or the disk fails.
pub(super) async fn export(
    work: &ImageWork,
    id: &str,
    context: &Context,
) -> Result<Result<On, Left>> {
    let temp = context.store.temp_dir()?;
    let (file, limits) = (temp.path().join("saved.tar"), context.settings.limits);
    save(context.engine.save_image(id), &file, &limits).await?;
    let (work, id) = (work.clone(), id.to_owned());
    let (blobs, epoch) = (Blobs::at(&context.store.blobs()), context.settings.source_date_epoch);
    let taken = move || {
        let image = match opened(&file, &id, &limits) {
            Ok(image) => image,
            Err(left) => return Ok(Err(left)),
        };
        let (below, on) = on(&work, &image, &blobs, &limits)?;
        let on = On { id: image.id(), ..on };
        let own = temp.path().join("image.tar");
        bundle::write_own(&own, &image, below, &work.references, epoch)?;
        let dest = work.dir.join("image.tar");
        std::fs::rename(&own, &dest).map_err(|e| Error::file("write", &dest, &e))?;
        Ok(Ok(on))
    };
    blocking(taken).await
}

/// What an engine has saved, if it is the image of that ID and can be read here.
fn opened(file: &Path, id: &str, limits: &Limits) -> Result<Bundle, Left> {
    let unread = |e: Error| Left::new(e.message());
    let bundle = Bundle::open(file, limits).map_err(unread)?;
    // Some write another configuration than the one that they have.
    let bundle = bundle.filter(|bundle| is_same_id(&bundle.id(), id));
    let bundle =
        bundle.ok_or_else(|| Left::new(format!("the engine does not give it out as `{id}`")))?;
    let chain = std::slice::from_ref(&bundle);
    let diff_ids = &bundle.config.rootfs.diff_ids;
    let layers = bundle::layers(chain).map_err(unread)?;
    if layers.len() != diff_ids.len() {
        return Err(Left::new("the engine gives out another number of layers"));
    }
    for ((_, content), diff_id) in layers.into_iter().zip(diff_ids) {
        let digest = listing::digest(content);
        let digest = digest.map_err(|e| Left::new(format!("a layer cannot be read: {e}")))?;
        if !is_same_id(&digest, diff_id) {
            return Err(Left::new(format!("the engine gives out another layer than `{diff_id}`")));
        }
    }
    bundle::tree(chain).map_err(unread)?;
    Ok(bundle)
}

/// How many of an image's layers are those of what it is built on, and what that is.
fn on(work: &ImageWork, image: &Bundle, blobs: &Blobs, limits: &Limits) -> Result<(usize, On)> {
    let Some(reference) = &work.base else { return Ok((0, On::default())) };
    let (below, on) = match (work.pinned(reference), work.parents.get(reference)) {
        (Some(base), _) => {
            let elsewhere = Elsewhere { name: base.name.to_string(), id: base.id.clone() };
            let on = On { elsewhere: Some(elsewhere), ..On::default() };
            (pinned::open(blobs, &base.id, limits)?, on)
        }
        (None, Some(dir)) => {
            let chain = assemble::chain(dir, limits)?.unwrap_or_default();
            (chain.into_iter().next(), On { base: Some(name(dir)), ..On::default() })
        }
        (None, None) => (None, On::default()),
    };
    let layers = below.as_ref().map_or(&[][..], |bundle| &bundle.config.rootfs.diff_ids);
    let is_below = !layers.is_empty() && image.config.rootfs.diff_ids.starts_with(layers);
    Ok(if is_below { (layers.len(), on) } else { (0, On::default()) })
}
