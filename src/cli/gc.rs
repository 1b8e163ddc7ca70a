//! `bb gc`: what nothing of the plan needs any more goes.

use std::path::Path;

use crate::cli::session::{self, Asking};
use crate::cli::tidy::tidy;
use crate::error::Result;
use crate::exec::tidy::{self, Group, Images};
use crate::project::Project;

/// Remove what is not needed any more: results of docks that are gone, images without a name, builders of
/// other stage3s and snapshots, abandoned containers, old downloads. Nothing that bb has not made.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb gc --dry-run         # what would go
  bb gc --keep-builders   # other projects of this engine still use them
  bb gc")]
pub(super) struct Args {
    /// Say what would go and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Leave the builders of other stage3s and snapshots: another project may be pinned to them
    #[arg(long)]
    keep_builders: bool,
}

pub(super) async fn gc(args: &Args, state: &Path) -> Result<u8> {
    let env = session::environment();
    let project = Project::load(&env, state)?;
    let store = project.store();
    let (_, plan) = session::shape(&project)?;
    let asked = Asking::begin(&env, &store).answer().await?;
    let images = Images::new(asked.engine.images().await?);
    let mut groups = tidy::abandoned(&asked.containers, &store);
    groups.extend(tidy::of_steps(&tidy::gone(&plan, &store), &store, &images));
    groups.push(tidy::nameless(&store, &images));
    // Without a lock it is not known which builder is needed.
    if !args.keep_builders && project.lock()?.is_some() {
        groups.push(tidy::builders(&plan, &images));
    }
    groups.push(tidy::traces(&store, false));
    unique(&mut groups);
    tidy(&groups, &store, Some(&asked.engine), args.dry_run).await?;
    if !args.dry_run {
        tidy::forget_gone(&store, &Images::new(asked.engine.images().await?))?;
    }
    Ok(0)
}

/// A builder may be a gone step's as well.
fn unique(groups: &mut [Group]) {
    let mut seen = vec![];
    for group in groups {
        group.things.retain(|thing| !seen.contains(thing));
        seen.extend(group.things.iter().cloned());
    }
}
