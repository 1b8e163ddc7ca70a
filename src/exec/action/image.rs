//! `image:NAME`: the rendered Dockerfile, the rootfs and the dock's files become an image.
//!
//! Put together here and loaded where no command has to run inside of it; else built by the engine, from
//! only what the Dockerfile needs, with constant times and owners.

use std::collections::BTreeSet;
use std::path::Path;

use crate::error::{Error, Result};
use crate::exec::action::assemble::{self, Summary, Written};
use crate::exec::action::bom::Documents;
use crate::exec::action::{Log, Made, blocking};
use crate::exec::action::{contents, ledger};
use crate::exec::work::Context;
use crate::oci::bundle::Blob;
use crate::oci::label::{self, Labels};
use crate::plan::step::{ImageWork, WHOLE_CONTEXT};
use crate::size::megabytes;
use crate::words::counted;
use crate::world::archive::{self, Entry, bundle};
use crate::world::docker::Build;

pub(super) async fn image(
    work: &ImageWork,
    anew: bool,
    context: &Context,
    log: &mut Log,
) -> Result<Made> {
    let temp = context.store.temp_dir()?;
    let documents = Documents::of(work, context.settings.source_date_epoch)?;
    let (folder, of, settings) = (temp.path().to_owned(), work.clone(), context.settings.clone());
    let told = documents.clone();
    let written = blocking(move || assemble::write(&of, &told, &settings, &folder)).await?;
    let (id, why, base) = match written {
        Ok(written) => (load(work, &written, context, log).await?, None, written.base),
        Err(left) => {
            log.write(format!("bb: built by the engine: {}\n", left.why()).as_bytes());
            (build(work, &documents, anew, context, log).await?, Some(left.why().to_owned()), None)
        }
    };
    log.check()?;
    let (size, layers) = context.engine.image_size(&id).await?;
    let how = why.as_ref().map_or("assembled".to_owned(), |why| format!("by the engine: {why}"));
    let references = work.references.clone();
    let summary = Summary { id: id.clone(), references, size, layers, built_by_engine: why, base };
    let text = serde_json::to_vec_pretty(&summary);
    let text = text.map_err(|e| Error::bug(format!("cannot write image.json: {e}")))?;
    documents.write(&context.store, &work.dir)?;
    context.store.replace(&work.dir.join("image.json"), &text)?;
    let (of, store) = (work.clone(), context.store.clone());
    let keep = move || {
        contents::keep(&summary, &of.dir, &store)?;
        ledger::keep(&summary, of.name.as_str(), &of.dir, &store)
    };
    blocking(keep).await?;
    let size = megabytes(u64::try_from(size).unwrap_or(0));
    let mut made = Made::product("id", id).note(format!("{size}, {how}"));
    if sees_all(work, context).await? {
        made.products.insert(WHOLE_CONTEXT.to_owned(), "copied by the base".to_owned());
    }
    Ok(made)
}

/// Does an image from elsewhere that this one is built on copy from the context, by `ONBUILD`? One that
/// the engine does not have may.
async fn sees_all(work: &ImageWork, context: &Context) -> Result<bool> {
    if work.context.rest.is_empty() {
        return Ok(false);
    }
    for reference in &work.context.bases {
        let triggers = context.engine.image_triggers(reference).await?;
        if triggers.is_none_or(|triggers| triggers.iter().any(|text| copies(text))) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// May a trigger read the context?
fn copies(trigger: &str) -> bool {
    let name = trigger.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    ["add", "copy"].contains(&name.as_str()) || name == "run" && trigger.contains("--mount")
}

/// Gives the image to the engine: its own layers, and those below where the engine wants them again.
async fn load(
    work: &ImageWork,
    written: &Written,
    context: &Context,
    log: &mut Log,
) -> Result<String> {
    let layers = counted(written.layers, "layer");
    log.write(format!("bb: assembled, {layers} of its own\n").as_bytes());
    let file = &written.file;
    let epoch = context.settings.source_date_epoch;
    let mut sink = |data: &[u8]| log.write(data);
    let mut loaded = context.engine.load_image(bundle::stream(file), &mut sink).await;
    if let (Err(error), false) = (&loaded, written.below.is_empty()) {
        sink(format!("bb: {}; sending all layers\n", error.message()).as_bytes());
        let top = bundle::Bundle::open(file)?;
        let all = top.into_iter().chain(written.below.iter().cloned()).collect();
        loaded = context.engine.load_image(bundle::full_stream(all, epoch), &mut sink).await;
    }
    loaded.map_err(|error| log.failed(error.message()))?;
    let dest = work.dir.join("image.tar");
    std::fs::rename(file, &dest).map_err(|e| Error::file("write", &dest, &e))?;
    let first = work.references.first().map_or("", String::as_str);
    let id = context.engine.image_id(first).await?;
    id.ok_or_else(|| Error::step(format!("the engine loaded `{first}` but does not have it")))
}

/// How often a build is tried that the engine's cache tripped up.
const ATTEMPTS: usize = 3;

async fn build(
    work: &ImageWork,
    documents: &Documents,
    anew: bool,
    context: &Context,
    log: &mut Log,
) -> Result<String> {
    refuse_what_the_engine_would_copy(work)?;
    context.store.replace(&work.dir.join("image.tar"), b"")?;
    let labels = labels(work, documents, context).await?;
    let mut attempt = 1;
    loop {
        let body = archive::stream(entries(work), context.settings.source_date_epoch);
        let mut sink = |data: &[u8]| log.write(data);
        let of = Build { references: &work.references, content: None, labels: &labels, anew };
        match context.engine.build_image(body, of, &mut sink).await {
            Ok(id) => return Ok(id),
            Err(error) if attempt < ATTEMPTS && cache_vanished(&error) => {
                log.write(format!("bb: {}; trying again\n", error.message()).as_bytes());
                attempt += 1;
            }
            Err(error) => return Err(log.failed(error.message())),
        }
    }
}

/// With a digest of all that the engine gets.
async fn labels(work: &ImageWork, documents: &Documents, context: &Context) -> Result<Labels> {
    let (entries, epoch) = (entries(work), context.settings.source_date_epoch);
    let sent = blocking(move || archive::digest(entries, epoch)).await?;
    let base = match &work.base {
        Some(reference) => context.engine.image_id(reference).await?,
        None => None,
    };
    let of = format!("{sent} {}", base.as_deref().unwrap_or_default());
    let mut labels = assemble::labels(work, documents, base)?;
    labels.insert(label::FINGERPRINT.to_owned(), Blob::of(of.as_bytes()).digest);
    Ok(labels)
}

/// Docker's classic builder looks for a cached layer among all images, and gives up when one of
/// them is removed at that moment, by whomever.
fn cache_vanished(error: &Error) -> bool {
    error.message().contains("unable to find image \"sha256:")
}

/// The engine's builder has no way to see a file by its name only.
fn refuse_what_the_engine_would_copy(work: &ImageWork) -> Result<()> {
    if !work.context.hidden.iter().any(|name| name == "rootfs.tar") {
        return Ok(());
    }
    let file = work.dock.join(IGNORE);
    let message = format!("`{}` keeps `rootfs.tar` out, which `ADD` needs", file.display());
    Err(Error::step(message).hint("only what `bb` assembles itself can have it out of `COPY .`"))
}

const IGNORE: &str = ".dockerignore";

/// The context for the engine: what the image sees, or all where a base may have triggers.
fn entries(work: &ImageWork) -> Vec<Entry> {
    let mut entries = vec![Entry::File("Dockerfile".into(), work.dockerfile.clone())];
    entries.extend(work.rootfs.iter().map(|r| Entry::File("rootfs.tar".into(), r.clone())));
    let of_dock = work.context.files.iter().chain(&work.context.rest).collect::<BTreeSet<_>>();
    // The engine takes the Dockerfile out of the context where this file says so, and then this file, too.
    let hidden = work.context.hidden.iter().any(|name| name == "Dockerfile");
    if hidden && !of_dock.iter().any(|file| *file == Path::new(IGNORE)) {
        entries.push(Entry::File(IGNORE.into(), work.dock.join(IGNORE)));
    }
    let folders = work.context.folders.iter().filter(|folder| !of_dock.contains(folder));
    entries.extend(folders.map(|folder| Entry::Folder(folder.clone(), 0o755)));
    entries.extend(of_dock.into_iter().map(|f| Entry::File(f.clone(), work.dock.join(f))));
    entries
}
