//! The engine's caches of binary packages and sources: what nobody has used for long.
//!
//! They are what all builders share and none can write in; a package's note is dated when a step uses it,
//! and the file time of a source is when it came. Whatever goes is compiled or fetched again when it is needed.

use std::path::PathBuf;

use crate::base::error::{Error, Result};
use crate::base::ids::StepId;
use crate::base::limits::Limit;
use crate::engine::ContainerSpec;
use crate::exec::action::caches;
use crate::exec::tidy::Thing;
use crate::exec::work::{Context, PROJECT_LABEL, RUN_LABEL, STEP_LABEL};

/// Finds what was not used for more than so many days, and removes it unless it is only to be told.
///
/// # Errors
/// The engine does not answer, or something cannot be removed.
pub async fn unused(
    builder: (&StepId, &str),
    days: u32,
    dry_run: bool,
    context: &Context,
) -> Result<Vec<Thing>> {
    let (step, image) = builder;
    let labels = [
        (PROJECT_LABEL, context.owner.0.clone()),
        (STEP_LABEL, step.to_string()),
        (RUN_LABEL, context.run.clone()),
    ];
    let spec = ContainerSpec {
        image: image.to_owned(),
        owner: context.owner.clone(),
        labels: labels.map(|(k, v)| (k.to_owned(), v)).into(),
        caches: caches(&context.settings, true),
        ..ContainerSpec::default()
    };
    let container = context.engine.start_container(&spec).await?;
    let found = find(&container, days, dry_run, context).await;
    context.engine.remove_container(&container).await?;
    found
}

async fn find(container: &str, days: u32, dry_run: bool, context: &Context) -> Result<Vec<Thing>> {
    let days = days.to_string();
    let mut command = vec!["python3", "/usr/lib/bob", "unused", days.as_str()];
    command.extend(Some("remove").filter(|_| !dry_run));
    let mut said = vec![];
    let most = usize::try_from(context.settings.limits.of(Limit::ListSize)).unwrap_or(usize::MAX);
    let mut sink = |data: &[u8]| {
        let room = most.saturating_sub(said.len());
        said.extend_from_slice(&data[..data.len().min(room)]);
    };
    let status = context.engine.exec(container, &command, &mut sink).await?;
    let said = String::from_utf8_lossy(&said);
    if status != 0 {
        let last = said.lines().next_back().unwrap_or_default().to_owned();
        return Err(Error::step("the caches cannot be looked through").detail(format!("  {last}")));
    }
    let thing = |line: &str| {
        let (size, path) = line.split_once(' ')?;
        Some(Thing::Cached(PathBuf::from(path.trim_start_matches('/')), size.parse().ok()?))
    };
    let mut things = said.lines().filter_map(thing).collect::<Vec<_>>();
    things.sort();
    Ok(things)
}
