//! The rootfs archive on the image below it: the builder's lists, and the archive that the engine is sent.
//!
//! What becomes of the archive's entries is `image::below`'s business. Where the engine builds an image, the
//! instructions before the archive is unpacked are gone through here as far as that goes, on the image that the
//! engine has.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::base::error::{Error, Result};
use crate::base::limits::{Limit, Limits};
use crate::base::read;
use crate::exec::action::Log;
use crate::exec::action::assemble::{context, dockerfile};
use crate::exec::action::pinned::{Images, with_images};
use crate::exec::work::Context;
use crate::image::Left;
use crate::image::archive::bundle::Bundle;
use crate::image::archive::{bundle, listing, save};
use crate::image::assemble::{Base, Inputs, look_below};
use crate::image::below::{Below, Lists, Undone};
use crate::image::bundle::Blob;
use crate::image::config::ImageConfig;
use crate::image::tree::{Content, Tree};
use crate::plan::expand::{BASE, WAYS};
use crate::plan::step::ImageWork;

/// What the builder says of an image's rootfs archive; nothing of one that has none.
pub(super) fn lists(work: &ImageWork, limits: &Limits) -> Result<Lists> {
    let Some(rootfs) = &work.rootfs else { return Ok(Lists::default()) };
    let list = |name| {
        let path = rootfs.with_file_name(name);
        read::bytes(&path, limits, Limit::ListSize).map_err(|e| read::failed(&path, &e))
    };
    Lists::parse(&list(WAYS)?, &list(BASE)?).map_err(|left| Error::step(left.why()))
}

/// Bytes that are in no file yet, as one in a folder.
pub(super) fn keep_in(folder: &Path) -> impl Fn(&[u8]) -> std::result::Result<Content, Left> {
    move |bytes| {
        let path = folder.join(format!("{}.merged", Blob::of(bytes).digest));
        let written = std::fs::write(&path, bytes);
        written.map_err(|e| Left::new(format!("cannot write `{}`: {e}", path.display())))?;
        Ok(listing::whole(&path, bytes.len() as u64))
    }
}

/// What is sent to the engine in the place of `rootfs.tar`.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// The archive as it leaves what is below; nothing where it is sent as it is.
    pub file: Option<PathBuf>,
    /// What it undoes all the same.
    pub undone: Vec<Undone>,
    /// Why it is sent as it is, if not because there is no need.
    pub left: Option<Left>,
}

/// Adjusts the rootfs archive of an image that the engine builds. `folder` is for what has to be written.
///
/// # Errors
/// The engine or the disk fails.
pub(super) async fn for_engine(
    work: &ImageWork,
    folder: &Path,
    context: &Context,
    log: &mut Log,
) -> Result<Sent> {
    if work.rootfs.is_none() {
        return Ok(Sent::default());
    }
    let mut saved = BTreeMap::new();
    // One image after the other, until none is missing.
    loop {
        let (to, have) = (folder.to_owned(), saved.clone());
        let epoch = context.settings.source_date_epoch;
        let (arch, limits) = (context.settings.arch.clone(), context.settings.limits);
        let look = move |images: &Images| {
            sent(images, &to, &have, Of { epoch, arch: &arch, limits: &limits })
        };
        let missing = match with_images(work, context, log, look).await? {
            Looked::Done(sent) => return Ok(sent),
            Looked::Missing(reference) => reference,
        };
        let path = folder.join(format!("{}.saved", saved.len()));
        let name = work.pinned(&missing).map_or(missing.as_str(), |base| base.id.as_str());
        let there = context.engine.image_id(name).await?.is_some();
        if there {
            save(context.engine.save_image(name), &path, &context.settings.limits).await?;
        }
        saved.insert(missing, there.then_some(path));
    }
}

/// What all looks have in common.
#[derive(Clone, Copy)]
struct Of<'a> {
    epoch: u64,
    arch: &'a str,
    limits: &'a Limits,
}

enum Looked {
    Done(Sent),
    /// An image that only the engine has.
    Missing(String),
}

fn sent(
    images: &Images,
    folder: &Path,
    saved: &BTreeMap<String, Option<PathBuf>>,
    of: Of<'_>,
) -> Result<Looked> {
    let Of { epoch, arch, limits } = of;
    let work = &images.work;
    let Some(file) = &work.rootfs else { return Ok(Looked::Done(Sent::default())) };
    let (lists, keep) = (lists(work, limits)?, keep_in(folder));
    let read = |content: &Content| listing::read(content, limits);
    let below = Below::new(file, &lists, &read, &keep);
    let (context, hidden) = context(work)?;
    let missing = RefCell::new(None);
    let image = |reference: &str| {
        let not_there = || Left::new(format!("the engine has no `{reference}` yet"));
        if let Some(path) = saved.get(reference) {
            let path = path.as_ref().ok_or_else(not_there)?;
            return engines(path, limits).map_err(|e| Left::new(e.message()));
        }
        let found = images.get(reference).inspect_err(|_| {
            let wanted = images.wanted.borrow().is_some();
            *missing.borrow_mut() = (!wanted).then(|| reference.to_owned());
        });
        let is_elsewhere = work.pinned(reference).is_some();
        found.map(|base| if is_elsewhere { without_triggers(base) } else { base })
    };
    let looked = look_below(Inputs {
        dockerfile: &dockerfile(work)?,
        context: &context,
        hidden: &hidden,
        image: &image,
        unpack: &|content| listing::entries(content, limits),
        read: &read,
        keep: &keep,
        rootfs: Some(&below),
        epoch,
        arch,
        commands: None,
    });
    if let Some(missing) = missing.take() {
        return Ok(Looked::Missing(missing));
    }
    let undone = below.undone.take().into_iter().collect();
    let mut sent = Sent { undone, ..Sent::default() };
    let written = looked.and_then(|()| {
        let Some(entries) = below.adjusted.take() else { return Ok(None) };
        let nodes = listing::nodes(entries)?;
        Ok((!nodes.is_empty()).then_some(nodes))
    });
    match written {
        Ok(Some(nodes)) => {
            let path = folder.join("rootfs.tar");
            bundle::write_archive(&path, &nodes, epoch)?;
            sent.file = Some(path);
        }
        Ok(None) => {}
        Err(left) => sent.left = Some(left),
    }
    Ok(Looked::Done(sent))
}

/// An image as the engine has saved it. Of its settings nothing is needed but where paths begin.
fn engines(path: &Path, limits: &Limits) -> Result<Base> {
    let Some(bundle) = Bundle::open(path, limits)? else {
        return Ok(Base { config: ImageConfig::scratch(""), tree: Tree::default() });
    };
    let tree = bundle::tree(std::slice::from_ref(&bundle))?;
    Ok(without_triggers(Base { config: bundle.config.as_ref().clone(), tree }))
}

/// What they do, the engine does.
fn without_triggers(mut base: Base) -> Base {
    base.config.config.on_build.clear();
    base
}
