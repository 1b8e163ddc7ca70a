//! What a rootfs step would install, asked of Portage in a builder, without compiling anything.
//!
//! Knows nothing of locks: whoever calls it says which builder, and where the parents' answers are.

use std::path::Path;

use serde::Deserialize;
use tokio::sync::mpsc::unbounded_channel;

use crate::base::error::{Error, Result};
use crate::base::limits::Limit;
use crate::base::read as read_file;
use crate::exec::action::{Boxes, Broken, Log, container, dock};
use crate::exec::work::Context;
use crate::image::archive;
use crate::image::archive::Entry;
use crate::image::contents::Package;
use crate::plan::expand::{PACKAGES, SYSROOT};
use crate::plan::step::{RootfsWork, Step};
use crate::state::store;

/// The builder has the modules that these use; they themselves are no part of it.
const FILES: [(&str, &str); 2] = [
    ("bb/outdated/run", include_str!("../../bob/outdated/run")),
    ("bb/outdated/__main__.py", include_str!("../../bob/outdated/__main__.py")),
];
const COMPILED: &str = "compiled.json";

/// One package of an image.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Listed {
    /// The package.
    #[serde(flatten)]
    pub package: Package,
    /// The image that brings it: this one, or one below.
    pub image: String,
}

/// What would be compiled, because no binary package fits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Compiled {
    /// `category/name-version` of what is for the image itself.
    pub for_image: Vec<String>,
    /// How many packages that are, with those that are needed in the builder only.
    pub in_all: usize,
}

/// What a step would install.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Foreseen {
    /// All packages of the image.
    pub packages: Vec<Listed>,
    /// What of it would be compiled.
    pub compiled: Compiled,
}

/// Asks a builder. `last` is the folder of what the last build of the image has left. What is found is also
/// put into the step's own folder, where those of the images on it look for it.
///
/// # Errors
/// The engine does not answer, or Portage finds no solution.
pub async fn foresee(
    step: &Step,
    work: &RootfsWork,
    last: &Path,
    context: &Context,
) -> Result<Foreseen> {
    context.store.age_logs(&step.id)?;
    let (events, _nobody_listens) = unbounded_channel();
    let mut log = Log::new(&step.id, &context.store, context.settings.limits, events);
    let mut boxes = Boxes::new(container(&step.id, &work.bob, context));
    let found = ask(step, work, last, &mut boxes, &mut log, context).await;
    boxes.close(None, context).await?;
    found
}

async fn ask(
    step: &Step,
    work: &RootfsWork,
    last: &Path,
    boxes: &mut Boxes,
    log: &mut Log,
    context: &Context,
) -> Result<Foreseen> {
    let unclear = |error: Error| {
        let log_path = context.store.log_path(&step.id);
        error
            .detail(format!("  log: {}", log_path.display()))
            .hint("so an update would fail here; the rest of what Portage says is in the log")
    };
    let (container, asked) = match boxes.ready(work, &step.files, context, log).await {
        Ok(ready) => ready,
        Err(Broken::Builder(error)) => return Err(unclear(error)),
        Err(Broken::Other(error)) => return Err(error),
    };
    context.engine.upload(&container, "/", dock(work, &step.files, &asked)).await?;
    context.engine.upload(&container, "/", archive::stream(entries(last), work.epoch)).await?;
    let mut sink = |data: &[u8]| log.write(data);
    let status = context.engine.exec(&container, &["bash", "/bb/outdated/run"], &mut sink).await?;
    log.check()?;
    if status != 0 {
        let name = &work.name;
        return Err(unclear(
            log.failed(format!("Portage cannot tell what `{name}` would install")),
        ));
    }
    store::make_dir(&work.dir)?;
    let names =
        [(PACKAGES, Limit::ListSize), (COMPILED, Limit::ListSize), (SYSROOT, Limit::ResultSize)];
    let wanted = names.map(|(name, limit)| (format!("out/{name}"), (work.dir.join(name), limit)));
    let download = context.engine.download(&container, "/bb/out");
    archive::take(download, wanted.into(), &context.settings.limits).await?;
    let missing = || Error::bug("the builder has found nothing out");
    Ok(Foreseen {
        packages: listed(&work.dir)?.ok_or_else(missing)?,
        compiled: read(&work.dir.join(COMPILED))?.ok_or_else(missing)?,
    })
}

fn entries(last: &Path) -> Vec<Entry> {
    let folders = ["bb/outdated", "bb/last"].map(|name| Entry::Folder(name.into(), 0o755));
    let mut entries = Vec::from(folders);
    let text = |(name, text): (&str, &str)| Entry::Text(name.into(), text.as_bytes().to_vec());
    entries.extend(FILES.map(text));
    let sysroot = last.join(SYSROOT);
    if sysroot.is_file() {
        entries.push(Entry::File(Path::new("bb/last").join(SYSROOT), sysroot));
    }
    entries
}

/// The list of packages in a folder of results, if there is one.
///
/// # Errors
/// It is malformed.
pub fn listed(dir: &Path) -> Result<Option<Vec<Listed>>> {
    read(&dir.join(PACKAGES))
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    if !path.exists() {
        return Ok(None);
    }
    let text = read_file::state(path, Limit::StateSize)?;
    serde_json::from_slice(&text).map(Some).map_err(|e| {
        Error::step(format!("`{}` is malformed: {e}", path.display()))
            .hint("remove it, and `bb build` makes it anew")
    })
}
