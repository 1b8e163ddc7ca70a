//! `image:NAME`: the rendered Dockerfile, the rootfs and the dock's files become an image.
//!
//! Sends only what the Dockerfile needs, with constant times and owners.

use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::exec::action::{Log, Made, megabytes};
use crate::exec::work::Context;
use crate::plan::step::ImageWork;
use crate::world::archive::{self, Entry};
use crate::world::docker::VERIFICATION_LABEL;

pub(super) async fn image(work: &ImageWork, context: &Context, log: &mut Log) -> Result<Made> {
    let id = build(work, context, log).await?;
    log.check()?;
    let (size, layers) = context.engine.image_size(&id).await?;
    let json = serde_json::json!({
        "id": id,
        "references": work.references,
        "size": size,
        "layers": layers,
    });
    let text = serde_json::to_vec_pretty(&json);
    let text = text.map_err(|e| Error::bug(format!("cannot write image.json: {e}")))?;
    context.store.replace(&work.dir.join("image.json"), &text)?;
    Ok(Made::product("id", id).note(megabytes(u64::try_from(size).unwrap_or(0))))
}

/// How often a build is tried that the engine's cache tripped up.
const ATTEMPTS: usize = 3;

async fn build(work: &ImageWork, context: &Context, log: &mut Log) -> Result<String> {
    let label = work.unverified.then_some((VERIFICATION_LABEL, "skipped"));
    let mut attempt = 1;
    loop {
        let body = archive::stream(entries(work), context.settings.source_date_epoch);
        let mut sink = |data: &[u8]| log.write(data);
        match context.engine.build_image(body, &work.references, label, &mut sink).await {
            Ok(id) => return Ok(id),
            Err(error) if attempt < ATTEMPTS && cache_vanished(&error) => {
                log.write(format!("bb: {}; trying again\n", error.message()).as_bytes());
                attempt += 1;
            }
            Err(error) => return Err(log.failed(error.message())),
        }
    }
}

/// Docker's classic builder looks for a cached layer among all images, and gives up when one of
/// them is removed at that moment, by whomever.
fn cache_vanished(error: &Error) -> bool {
    error.message().contains("unable to find image \"sha256:")
}

fn entries(work: &ImageWork) -> Vec<Entry> {
    let mut entries = vec![Entry::File("Dockerfile".into(), work.dockerfile.clone())];
    entries.extend(work.rootfs.iter().map(|r| Entry::File("rootfs.tar".into(), r.clone())));
    let file = |f: &PathBuf| Entry::File(f.clone(), work.dock.join(f));
    entries.extend(work.context.iter().map(file));
    entries
}
