//! `bb clean`: results go, so that they are made anew.

use std::path::Path;

use crate::base::error::Result;
use crate::base::ids::{Kind, StepId};
use crate::cli::args::complete;
use crate::cli::session;
use crate::cli::session::Asking;
use crate::cli::verbs::tidy::tidy;
use crate::exec::tidy;
use crate::exec::tidy::Images;
use crate::plan::select;
use crate::session::project::Project;

/// Remove what steps have made: files, images, records and logs. Nothing that bb has not made.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb clean --dry-run           # what would go
  bb clean                     # results of all docks and tasks, and what is left of others
  bb clean busybox             # results of one dock
  bb clean image --dry-run     # all images
  bb clean fetch verify        # downloads
  bb clean import builder      # the builder, which projects share")]
pub(in crate::cli) struct Args {
    /// Names of images, ids of steps, or kinds of steps (default: rootfs, dockerfile, image, test and task, and
    /// what `bb gc --keep-builders` removes)
    #[arg(value_name = "KIND|NAME|STEP", add = complete::kinds_images_and_steps())]
    what: Vec<String>,
    /// Say what would go and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Downloads take a network to come back, and the builder serves other projects.
const RESULTS: [Kind; 5] = [Kind::Rootfs, Kind::Dockerfile, Kind::Image, Kind::Test, Kind::Task];

pub(in crate::cli) async fn clean(args: &Args, state: &Path) -> Result<u8> {
    let env = session::environment();
    let project = Project::load(&env, state)?;
    let store = project.store();
    let (_, plan) = session::shape(&project)?;
    let known = store.known_steps();
    let everything = args.what.is_empty();
    let mut steps = vec![];
    for what in &args.what {
        steps.extend(meant(what, &known.iter().cloned().collect::<Vec<_>>(), &plan)?);
    }
    if everything {
        steps.extend(known.into_iter().filter(|id| RESULTS.contains(&id.kind)));
        steps.extend(tidy::gone(&plan, &store));
    }
    steps.sort();
    steps.dedup();
    if !everything && !tidy::in_engine(&steps, &store) {
        let groups = tidy::of_steps(&steps, &store, &Images::default());
        let kept = tidy(&groups, &store, None, args.dry_run).await?;
        return Ok(u8::from(kept > 0));
    }
    let asked = Asking::begin(&env, &store).answer().await?;
    let images = Images::new(asked.engine.images().await?);
    let mut groups = tidy::abandoned(&asked.containers, &store);
    groups.retain(|group| everything || group.step.as_ref().is_some_and(|id| steps.contains(id)));
    groups.extend(tidy::of_steps(&steps, &store, &images));
    if everything {
        groups.extend([tidy::nameless(&store, &images), tidy::traces(&store, true)]);
    }
    let kept = tidy(&groups, &store, Some(&asked.engine), args.dry_run).await?;
    Ok(u8::from(kept > 0))
}

/// The steps that a word means, of those that have left anything.
fn meant(what: &str, known: &[StepId], plan: &crate::plan::Plan) -> Result<Vec<StepId>> {
    let those = |wanted: &dyn Fn(&StepId) -> bool| {
        known.iter().filter(|id| wanted(id)).cloned().collect::<Vec<_>>()
    };
    if let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.as_str() == what) {
        return Ok(those(&|id| id.kind == kind));
    }
    let found = if what.contains(':') {
        let step = what.parse::<StepId>()?;
        those(&|id| *id == step)
    } else {
        those(&|id| select::dock(id) == Some(what))
    };
    if found.is_empty() {
        // One that has left nothing is no mistake; one that is not there is.
        select::named(plan, what)?;
    }
    Ok(found)
}
