//! One file per kind of step: how it is done.
//!
//! An action neither judges nor stamps; it leaves its results and says what it made.

mod assemble;
mod below;
mod bom;
mod builder;
mod command;
mod contents;
mod dockerfile;
mod exported;
mod fetch;
mod image;
mod import;
mod ledger;
mod log;
mod mounts;
mod pinned;
mod rootfs;
mod task;
mod test;
mod verify;

use litemap::LiteMap;

pub use log::Log;

pub use assemble::{Summary, chain, summary};
pub use builder::templates_digest;
pub use command::{RAN, RUN_IMAGES};
pub use contents::builds;
pub use ledger::ledgers;
pub use mounts::{KEPT, MADE};
pub use pinned::Elsewhere;
pub(super) use rootfs::{Boxes, Broken, dock};
pub use rootfs::{CACHED_MS, COMPILING_MS, FORMER, caches};
pub use verify::{EXPIRES, SKIPPED};

use crate::base::error::{Error, Result};
use crate::base::ids::StepId;
use crate::base::limits::Limit;
use crate::base::read;
use crate::engine::ContainerSpec;
use crate::exec::tokens::Turn;
use crate::exec::work::{Context, PROJECT_LABEL, RUN_LABEL, STEP_LABEL};
use crate::plan::step::{Object, Step, Work};

/// What an action made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Made {
    /// Values that other steps may depend on.
    pub products: LiteMap<String, String>,
    /// A few words for people.
    pub note: String,
    /// Whether the engine has copies only of what is in the step's files: the record says nothing of them.
    pub copied: bool,
}

impl Made {
    fn product(name: &str, value: impl Into<String>) -> Self {
        let products = LiteMap::from_iter([(name.to_owned(), value.into())]);
        Self { products, ..Self::default() }
    }

    fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }
}

/// Does a step's work. `anew`: what others have made of the same does not do.
///
/// # Errors
/// What its kind of work runs into: a download, a signature, the engine, a file, a command that fails.
pub async fn act(
    step: &Step,
    anew: bool,
    turn: &mut Turn,
    context: &Context,
    log: &mut Log,
) -> Result<Made> {
    match &step.work {
        Work::Fetch { path, dest, pinned } => {
            fetch::fetch(path, dest, pinned.as_ref(), context, log).await
        }
        Work::Verify { pinned, skipped: true, .. } => Ok(verify::skip(pinned)),
        Work::Verify { file, signature, digests, name, pinned, skipped: false } => {
            let files = verify::Files { file, signature, digests: digests.as_deref(), name };
            verify::verify(files, pinned, context).await
        }
        Work::ImportStage3 { file, image, sha512 } => {
            import::stage3(file, import::Target { image, content: sha512, anew }, context, log)
                .await
        }
        Work::ImportPortage { file, image, stage3_image, sha512, content } => {
            let spec = container(&step.id, stage3_image, context);
            let target = import::Target { image, content, anew };
            import::portage(file, sha512, target, &spec, context, log).await
        }
        Work::Builder { portage_image, image, content } => {
            let target = import::Target { image, content, anew };
            let spec = container(&step.id, portage_image, context);
            builder::builder(target, &spec, context, log).await
        }
        Work::Given { product } => {
            let product = product.iter().cloned();
            let products = product.collect();
            Ok(Made { products, ..Made::default() }.note("this container's builder has it"))
        }
        Work::Rootfs(work) => {
            let spec = container(&step.id, &work.bob, context);
            rootfs::rootfs(work, &step.files, spec, turn, context, log).await
        }
        Work::Dockerfile { template, dest, jinja, markers } => {
            dockerfile::dockerfile(template, dest, *jinja, markers, context)
        }
        Work::Image(work) => image::image(work, anew, context, log).await,
        Work::Test(work) => {
            let spec = |image: &str| container(&step.id, image, context);
            test::test(work, &spec, context, log).await
        }
        Work::Task { run, env, outputs } => task::task(run, env, outputs, log).await,
    }
}

/// What an image step keeps beside its image only to compare the next build with.
pub const COMPARED: [&str; 3] = [contents::CONTENTS, contents::PREVIOUS, ledger::PREVIOUS];

/// A container of one step, labelled so that it can be found after a crash.
pub(super) fn container(step: &StepId, image: &str, context: &Context) -> ContainerSpec {
    let labels = [
        (PROJECT_LABEL, context.owner.0.clone()),
        (STEP_LABEL, step.to_string()),
        (RUN_LABEL, context.run.clone()),
    ];
    ContainerSpec {
        image: image.to_owned(),
        owner: context.owner.clone(),
        labels: labels.map(|(k, v)| (k.to_owned(), v)).into(),
        ..ContainerSpec::default()
    }
}

/// Whether the engine has an image that says it is this: another project may have made it. Where it is
/// to be made anew, that does not count.
async fn is_there(target: import::Target<'_>, context: &Context) -> Result<bool> {
    let import::Target { image, content, anew } = target;
    if anew {
        return Ok(false);
    }
    let object = Object::Image(image.to_owned());
    let inventory = context.engine.inventory_of(std::slice::from_ref(&object)).await?;
    Ok(inventory.id(&object).as_deref() == Some(content))
}

/// A list that is kept beside an image; nothing if there is none. `hint` says what to do about one that is
/// malformed.
fn read_json<T: serde::de::DeserializeOwned>(
    path: &std::path::Path,
    hint: &str,
) -> Result<Option<T>> {
    if !path.exists() {
        return Ok(None);
    }
    let text = read::state(path, Limit::StateSize)?;
    let malformed = |e| Error::step(format!("`{}` is malformed: {e}", path.display())).hint(hint);
    serde_json::from_slice(&text).map(Some).map_err(malformed)
}

/// Runs blocking work on a thread of its own: what waits for it may be dropped meanwhile.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| Error::bug(format!("a thread ended: {e}")))?
}
