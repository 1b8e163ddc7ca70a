//! `image:NAME`: the rendered Dockerfile, the rootfs and the dock's files become an image.
//!
//! Put together here and loaded where no command has to run inside of it; else built by the engine, from
//! only what the Dockerfile needs, with constant times and owners.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::dock::plain::{self, Plain, Shell, What};
use crate::dock::{Known, Markers, Rendered, Template, template};
use crate::error::{Error, Result};
use crate::exec::action::assemble::{self, Summary, Written};
use crate::exec::action::bom::Documents;
use crate::exec::action::{Log, Made, blocking};
use crate::exec::action::{contents, ledger};
use crate::exec::work::Context;
use crate::oci::bundle::Blob;
use crate::oci::label::{self, Labels};
use crate::plan::step::ImageWork;
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
    note_syntax(work, log)?;
    let (id, why, base) = match written {
        Err(left) if left.is_refused() => return Err(Error::config(left.why())),
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
    Ok(Made::product("id", id).note(format!("{size}, {how}")))
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

/// Another frontend than the builders that are used here is not asked for.
fn note_syntax(work: &ImageWork, log: &mut Log) -> Result<()> {
    let dockerfile = assemble::dockerfile(work)?;
    if let Some(span) = parsed(&dockerfile)?.syntax {
        let line = dockerfile.text().get(span).unwrap_or_default();
        log.write(format!("bb: note: `{line}` is not obeyed\n").as_bytes());
    }
    Ok(())
}

fn parsed(dockerfile: &Rendered) -> Result<Template> {
    let (markers, docks) = (Markers::default(), BTreeSet::new());
    template::parse(dockerfile, Known { markers: &markers, docks: &docks })
}

/// The Dockerfile as the engine's builder understands it, with the texts of its heredocs as files.
async fn plain(work: &ImageWork, context: &Context) -> Result<Plain> {
    let dockerfile = assemble::dockerfile(work)?;
    let template = parsed(&dockerfile)?;
    let mut shells = BTreeMap::new();
    for heredoc in &template.heredocs {
        if let What::Run { shell: Shell::Of(image), .. } = &heredoc.what {
            shells.insert(image.clone(), context.engine.shell(image).await?);
        }
    }
    let plain = plain::write(dockerfile.text(), template.escape, &template.heredocs, &shells);
    plain.map_err(|(message, span, hint)| {
        Error::config(message).at(dockerfile.place(span)).hint(hint)
    })
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
    context.store.replace(&work.dir.join("image.tar"), b"")?;
    let plain = plain(work, context).await?;
    let labels = labels(work, documents, &plain, context).await?;
    let mut attempt = 1;
    loop {
        let body = archive::stream(entries(work, &plain), context.settings.source_date_epoch);
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
async fn labels(
    work: &ImageWork,
    documents: &Documents,
    plain: &Plain,
    context: &Context,
) -> Result<Labels> {
    let (entries, epoch) = (entries(work, plain), context.settings.source_date_epoch);
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

fn entries(work: &ImageWork, plain: &Plain) -> Vec<Entry> {
    let mut entries = vec![Entry::Text("Dockerfile".into(), plain.text.clone().into_bytes())];
    let text =
        |(path, text): &(String, String)| Entry::Text(path.into(), text.clone().into_bytes());
    entries.extend(plain.files.iter().map(text));
    entries.extend(work.rootfs.iter().map(|r| Entry::File("rootfs.tar".into(), r.clone())));
    let file = |f: &PathBuf| Entry::File(f.clone(), work.dock.join(f));
    entries.extend(work.context.iter().map(file));
    entries
}
