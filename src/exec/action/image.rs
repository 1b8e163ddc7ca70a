//! `image:NAME`: the rendered Dockerfile, the rootfs and the dock's files become an image.
//!
//! Put together here and loaded, with what its commands change; else built by the engine, from
//! only what the Dockerfile needs, with constant times and owners.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::base::label;
use crate::base::label::Labels;
use crate::base::reference::spelling;
use crate::base::words::{counted, megabytes};
use crate::dockerfile::plain::{Plain, Shell, What};
use crate::dockerfile::{Markers, ParentKind, Rendered, plain, template};
use crate::engine::HeldImage;
use crate::engine::docker::{Build, Docker};
use crate::exec::action::assemble::{Seen, Summary, Written};
use crate::exec::action::bom::Documents;
use crate::exec::action::exported::{self, On};
use crate::exec::action::pinned::{self, Images, with_images};
use crate::exec::action::{
    Log, Made, assemble, below, blocking, command, contents, ledger, mounts,
};
use crate::exec::put::{self, Given};
use crate::exec::work::Context;
use crate::image::Left;
use crate::image::archive;
use crate::image::archive::Entry;
use crate::image::below::Undone;
use crate::image::bundle::Blob;
use crate::plan::step::{IMAGE_ID, ImageWork, WHOLE_CONTEXT};

pub(super) async fn image(
    work: &ImageWork,
    anew: bool,
    context: &Context,
    log: &mut Log,
) -> Result<Made> {
    let temp = context.store.temp_dir()?;
    if anew {
        command::keep_only(&BTreeSet::new(), work)?;
    }
    let dockerfile = Arc::new(assemble::dockerfile(work)?);
    mounts::required(&dockerfile, &context.settings)?;
    let documents = Documents::of(work, context.settings.source_date_epoch)?;
    let (folder, settings) = (temp.path().to_owned(), context.settings.clone());
    let (text, told) = (dockerfile.clone(), documents.clone());
    let write = move |images: &Images| assemble::write(images, &text, &told, &settings, &folder);
    let written = with_images(work, context, log, write).await?;
    note_syntax(&dockerfile, log)?;
    let there = match written {
        Ok(written) => assembled(work, written, context, log).await?,
        Err(left) => {
            let folder = temp.path();
            by_engine(&left, Order { work, documents: &documents, anew, folder }, context, log)
                .await?
        }
    };
    let There { held, copied, why, made: On { id, base, elsewhere }, undone } = there;
    log.check()?;
    let (size, layers) = (held.size, held.layers);
    let how = why.as_ref().map_or("assembled".to_owned(), |why| format!("by the engine: {why}"));
    let references = work.references.clone();
    let (id_of, built_by_engine) = (id.clone(), why);
    let summary =
        Summary { id: id_of, references, size, layers, built_by_engine, base, elsewhere, undone };
    let text = serde_json::to_vec_pretty(&summary);
    let text = text.map_err(|e| Error::bug(format!("cannot write image.json: {e}")))?;
    documents.write(&context.store, &work.dir)?;
    context.store.replace(&work.dir.join("image.json"), &text)?;
    let (dir, store, limits) = (work.dir.clone(), context.store.clone(), context.settings.limits);
    let archives = context.archives.clone();
    let keep = move || {
        let seen = Seen::of(&dir, &archives, &limits)?;
        contents::keep(&summary, &dir, &seen, &store)?;
        ledger::keep(&summary, &dir, &seen, &store, &limits)
    };
    blocking(keep).await?;
    temp.give_back();
    let size = megabytes(u64::try_from(size).unwrap_or(0));
    let mut made = Made { copied, ..Made::product(IMAGE_ID, id) }.note(format!("{size}, {how}"));
    if sees_all(work, context).await? {
        made.products.insert(WHOLE_CONTEXT.to_owned(), "copied by the base".to_owned());
    }
    Ok(made)
}

/// An image that the engine has been given, or has built.
struct There {
    /// What the engine says of it.
    held: HeldImage,
    /// Whether that is a copy of what the state folder has.
    copied: bool,
    /// Why the engine has built it, if so.
    why: Option<String>,
    made: On,
    /// What Dockerfiles had made, and its rootfs has undone.
    undone: Vec<Undone>,
}

async fn assembled(
    work: &ImageWork,
    written: Written,
    context: &Context,
    log: &mut Log,
) -> Result<There> {
    let held = load(work, &written, context, log).await?;
    command::keep_only(&written.ran, work)?;
    let Written { id, base, elsewhere, undone, .. } = written;
    Ok(There { held, copied: true, why: None, made: On { id, base, elsewhere }, undone })
}

/// What the engine is to build.
#[derive(Clone, Copy)]
struct Order<'a> {
    work: &'a ImageWork,
    documents: &'a Documents,
    anew: bool,
    /// For what has to be written.
    folder: &'a Path,
}

async fn by_engine(
    left: &Left,
    order: Order<'_>,
    context: &Context,
    log: &mut Log,
) -> Result<There> {
    let Order { work, folder, .. } = order;
    // Told before anything is brought for it.
    let daemon = daemon(context, left)?;
    if template::parse_rendered(&assemble::dockerfile(work)?)?.has_run_flags {
        let message = format!(
            "a `RUN` has flags that the engine's builder does not know, and {}",
            left.why()
        );
        return Err(
            Error::step(message).hint("what needs the engine's builder may be a dock below")
        );
    }
    log.write(format!("bb: built by the engine: {}\n", left.why()).as_bytes());
    command::keep_only(&BTreeSet::new(), work)?;
    give_docks(work, context, log).await?;
    let sent = below::for_engine(work, folder, context, log).await?;
    if let Some(left) = &sent.left {
        log.write(format!("bb: `rootfs.tar` as it is: {}\n", left.why()).as_bytes());
    }
    let rootfs = sent.file.or(work.rootfs.clone());
    let mut seen = ImageWork { rootfs, ..work.clone() };
    let others = pinned::give(work, context, log).await?;
    // What no trigger copies is not sent: a change of it would make the same image another one.
    if !sees_all(work, context).await? {
        seen.context.rest.clear();
    }
    let called = build(Order { work: &seen, ..order }, &others, daemon, context, log).await?;
    let taken = exported::export(work, &called, context).await?;
    if let Err(left) = &taken {
        log.write(format!("bb: it stays in the engine: {}\n", left.why()).as_bytes());
    }
    let copied = taken.is_ok();
    let held = context.engine.existing_image(&called).await?;
    let made = taken.unwrap_or(On { id: called.clone(), ..On::default() });
    Ok(There { held, copied, why: Some(left.why().to_owned()), made, undone: sent.undone })
}

/// Does an image from elsewhere that this one is built on copy from the context, by `ONBUILD`? One of which that
/// is not known may.
async fn sees_all(work: &ImageWork, context: &Context) -> Result<bool> {
    if work.context.rest.is_empty() {
        return Ok(false);
    }
    for reference in &work.context.bases {
        let Some(base) = work.pinned(reference) else { return Ok(true) };
        let triggers = pinned::triggers(base, context).await?;
        if triggers.is_none_or(|triggers| triggers.iter().any(|text| assemble::copies(text))) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Sees to it that the engine has the docks' images that it is to build on or to copy from, by the names that the
/// Dockerfile has for them.
async fn give_docks(work: &ImageWork, context: &Context, log: &mut Log) -> Result<()> {
    for (name, dir) in &work.parents {
        put::ensure_named(dir, name, context, &mut |data| log.write(data)).await?;
    }
    Ok(())
}

/// Gives the image to the engine, and keeps its archive. Returns what the engine says of it.
async fn load(
    work: &ImageWork,
    written: &Written,
    context: &Context,
    log: &mut Log,
) -> Result<HeldImage> {
    let layers = counted(written.layers, "layer");
    log.write(format!("bb: assembled, {layers} of its own\n").as_bytes());
    let Written { id, file, below, .. } = written;
    let image = Given { own: file, below, id, names: &work.references };
    let given = put::give(image, context, &mut |data| log.write(data)).await;
    let (_, held) = given.map_err(|error| log.failed(error.message()))?;
    let dest = work.dir.join("image.tar");
    std::fs::rename(file, &dest).map_err(|e| Error::file("write", &dest, &e))?;
    Ok(held)
}

/// Another frontend than the builders that are used here is not asked for.
fn note_syntax(dockerfile: &Rendered, log: &mut Log) -> Result<()> {
    if let Some(span) = template::parse_rendered(dockerfile)?.syntax {
        let line = dockerfile.text().get(span).unwrap_or_default();
        log.write(format!("bb: note: `{line}` is not obeyed\n").as_bytes());
    }
    Ok(())
}

/// The Dockerfile as the engine's builder understands it, with the texts of its heredocs as files.
async fn plain(dockerfile: &Rendered, context: &Context) -> Result<Plain> {
    let template = template::parse_rendered(dockerfile)?;
    let mut shells = BTreeMap::new();
    for heredoc in &template.heredocs {
        if let What::Run { shell: Shell::Of(image), .. } = &heredoc.what {
            let held = context.engine.image(image).await?;
            shells.insert(image.clone(), held.map_or(vec![], |held| held.shell));
        }
    }
    let plain = plain::write(dockerfile.text(), template.escape, &template.heredocs, &shells);
    plain.map_err(|(message, span, hint)| {
        Error::config(message).at(dockerfile.place(span)).hint(hint)
    })
}

/// What has a builder of its own. `left`: why that is needed.
///
/// # Errors
/// The engine in use has none.
fn daemon<'a>(context: &'a Context, left: &Left) -> Result<&'a Docker> {
    let none = || {
        let why = left.why();
        Error::engine(format!("the engine in use has no builder of its own, and {why}"))
            .hint("`BB_ENGINE=docker` leads to Docker or Podman, which have one")
    };
    context.engine.daemon().ok_or_else(none)
}

/// The Dockerfile with images called otherwise, each in the place of its name.
fn renamed(work: &ImageWork, others: &BTreeMap<String, String>) -> Result<Rendered> {
    let dockerfile = assemble::dockerfile(work)?;
    let parents = template::parse_rendered(&dockerfile)?.parents;
    let mut text = dockerfile.text().to_owned();
    // From the end, so that the places before stay what they are.
    for parent in parents.iter().rev() {
        let is_image = matches!(parent.target, ParentKind::External(_));
        let other = others.get(&spelling(&parent.reference)).filter(|_| is_image);
        if let Some(other) = other {
            text.replace_range(parent.span.clone(), other);
        }
    }
    Ok(Rendered::from_template(&work.dockerfile, &text, &Markers::default()))
}

/// How often a build is tried that the engine's cache tripped up.
const ATTEMPTS: usize = 6;

async fn build(
    order: Order<'_>,
    others: &BTreeMap<String, String>,
    daemon: &Docker,
    context: &Context,
    log: &mut Log,
) -> Result<String> {
    let Order { work, documents, anew, .. } = order;
    refuse_what_the_engine_would_copy(work)?;
    context.store.replace(&work.dir.join("image.tar"), b"")?;
    // What an image is called in this engine makes no other one.
    let told = plain(&assemble::dockerfile(work)?, context).await?;
    let labels = labels(work, documents, &told, context).await?;
    let plain = plain(&renamed(work, others)?, context).await?;
    let mut attempt = 1;
    loop {
        let body = archive::stream(entries(work, &plain), context.settings.source_date_epoch);
        let mut sink = |data: &[u8]| log.write(data);
        let run_network = work.run_network && context.registry.is_some();
        let of = Build { references: &work.references, labels: &labels, anew, run_network };
        match daemon.build_image(body, of, &mut sink).await {
            Ok(id) => return Ok(id),
            Err(error) if attempt < ATTEMPTS && cache_vanished(&error) => {
                log.write(format!("bb: {}; trying again\n", error.message()).as_bytes());
                attempt += 1;
            }
            Err(error) => {
                let told = log.failed(error.message());
                return Err(error.hint_text().map_or(told.clone(), |hint| told.hint(hint)));
            }
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
    let base = match work.base.as_deref().map(|name| (work.pinned(name), work.parents.get(name))) {
        Some((Some(base), _)) => Some(base.id.clone()),
        Some((None, Some(dir))) => Some(assemble::summary(dir)?.id),
        _ => None,
    };
    let mut of = format!("{sent} {}", base.as_deref().unwrap_or_default());
    let pinned = work.elsewhere.values().flatten();
    of.extend(pinned.map(|base| format!(" {}", base.id)));
    let dockerfile = assemble::dockerfile(work)?;
    let mut labels = assemble::labels(work, &dockerfile, documents, base);
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
fn entries(work: &ImageWork, plain: &Plain) -> Vec<Entry> {
    let mut entries = vec![Entry::Text("Dockerfile".into(), plain.text.clone().into_bytes())];
    let text =
        |(path, text): &(String, String)| Entry::Text(path.into(), text.clone().into_bytes());
    entries.extend(plain.files.iter().map(text));
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
