//! `bb gc`: what nothing of the plan needs any more goes.

use std::collections::BTreeSet;
use std::path::Path;

use crate::base::error::Result;
use crate::base::ids::Kind;
use crate::cli::session::{Asked, Asking};
use crate::cli::verbs::outdated;
use crate::cli::verbs::tidy::tidy;
use crate::cli::{say, session};
use crate::exec::tidy::{Group, Images};
use crate::exec::{caches, tidy};
use crate::plan::graph::StepIx;
use crate::plan::{Object, Plan};
use crate::session::project::Project;
use crate::state::store::Store;

/// Remove what is not needed any more: results of docks that are gone, images without a name, builders of
/// other stage3s and snapshots, abandoned containers, old downloads, what `bb outdated` has fetched. Nothing that bb has not made.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb gc --dry-run         # what would go
  bb gc --keep-builders   # other projects of this engine still use them
  bb gc --unused-for 90   # also binary packages and sources
  bb gc")]
pub(in crate::cli) struct Args {
    /// Say what would go and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Leave the builders of other stage3s and snapshots: another project may be pinned to them
    #[arg(long)]
    keep_builders: bool,
    /// Remove binary packages that no builder has used for more than so many days, and sources that came
    /// before that: all projects of the engine share them
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36500))]
    unused_for: Option<u32>,
}

pub(in crate::cli) async fn gc(args: &Args, state: &Path) -> Result<u8> {
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
    if !args.keep_builders {
        groups.push(tidy::former_caches(&asked.engine).await?);
    }
    groups.push(tidy::traces(&store, false));
    groups.extend(preview(&outdated::shadow(&project).store(), &asked).await?);
    unique(&mut groups);
    groups.extend(unused(args, &project, &plan, &asked).await?);
    tidy(&groups, &store, Some(&asked.engine), args.dry_run).await?;
    if !args.dry_run {
        tidy::forget_gone(&store, &Images::new(asked.engine.images().await?))?;
    }
    Ok(0)
}

/// What is left of looks at what an update would change, unless somebody looks just now.
async fn preview(shadow: &Store, asked: &Asked) -> Result<Vec<Group>> {
    if !shadow.root().is_dir() {
        return Ok(vec![]);
    }
    if let Some(owner) = shadow.held_by() {
        say(&format!("kept    {}: {owner} is at it\n", shadow.root().display()));
        return Ok(vec![]);
    }
    let containers = session::containers(&asked.engine, shadow).await?;
    let mut groups = tidy::abandoned(&containers, shadow);
    groups.push(tidy::preview(shadow));
    Ok(groups)
}

/// A builder may be a gone step's as well.
fn unique(groups: &mut [Group]) {
    let mut seen = BTreeSet::new();
    for group in groups {
        group.things.retain(|thing| seen.insert(thing.clone()));
    }
}

/// What the caches have that nobody has used for long; already gone, if it is to go.
async fn unused(
    args: &Args,
    project: &Project,
    plan: &Plan,
    asked: &Asked,
) -> Result<Option<Group>> {
    let (Some(days), Some(ix)) = (args.unused_for, builder(plan)) else { return Ok(None) };
    let step = plan.step(ix);
    let there = |Object::Image(name): &Object| asked.inventory.id_of(name).map(|_| name.clone());
    let Some(image) = step.objects.iter().find_map(there) else {
        say("kept    the caches: there is no builder that could look into them\n");
        return Ok(None);
    };
    let context = session::context(project, asked.engine.clone(), true, 1)?;
    let lock = match context.store.try_lock(&step.id)? {
        Ok(lock) => lock,
        Err(owner) => {
            say(&format!("kept    the caches: {owner} is at {}\n", step.id));
            return Ok(None);
        }
    };
    let things = caches::unused((&step.id, &image), days, args.dry_run, &context).await?;
    drop(lock);
    Ok(Some(Group { step: None, things }))
}

fn builder(plan: &Plan) -> Option<StepIx> {
    plan.order().iter().copied().find(|ix| plan.step(*ix).id.kind == Kind::Builder)
}
