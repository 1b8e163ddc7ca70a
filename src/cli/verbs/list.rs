//! `bb list`: every dock with its image, what it stands on, its size and its state. Changes nothing.

use crate::cli::call::Call;
use std::collections::HashMap;
use std::path::Path;

use crate::base::error::Result;
use crate::base::ids::{Kind, StepId};
use crate::base::words::megabytes;
use crate::cli::args::complete;
use crate::cli::{entered, print};
use crate::exec::action::summary;
use crate::exec::job;
use crate::exec::job::Standing;
use crate::fresh::reason::Reason;
use crate::plan::graph::StepIx;
use crate::plan::step::{ImageWork, Work};
use crate::plan::{Plan, select};
use crate::report::table;

/// List docks with their images.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb list
  bb list busybox")]
pub(in crate::cli) struct Args {
    /// Names of images (default: all)
    #[arg(add = complete::images())]
    images: Vec<String>,
}

/// What an image is built on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cli) enum Below {
    /// Nothing.
    Scratch,
    /// Another dock.
    Dock(String),
    /// An image from elsewhere.
    Elsewhere(String),
}

/// One dock as it is shown.
#[derive(Debug)]
pub(in crate::cli) struct Shown {
    pub(in crate::cli) name: String,
    reference: String,
    pub(in crate::cli) below: Below,
    /// Other docks that it takes files from.
    pub(in crate::cli) from: Vec<String>,
    /// Empty, if it is not built.
    pub(in crate::cli) size: String,
    pub(in crate::cli) state: String,
}

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let mut docks = docks(&call.state, &args.images).await?;
    docks.retain(|dock| args.images.is_empty() || args.images.contains(&dock.name));
    let head = ["IMAGE", "PARENT", "SIZE", "STATE"].map(str::to_owned);
    let rows = docks.into_iter().map(|dock| {
        let parent = match dock.below {
            Below::Scratch => "-".to_owned(),
            Below::Dock(name) | Below::Elsewhere(name) => name,
        };
        let size = if dock.size.is_empty() { "-".to_owned() } else { dock.size };
        [dock.reference, parent, size, dock.state]
    });
    print(&table::columns(&[head].into_iter().chain(rows).collect::<Vec<_>>()));
    Ok(0)
}

/// All docks, by name; `names` must be among them.
pub(in crate::cli) async fn docks(state: &Path, names: &[String]) -> Result<Vec<Shown>> {
    let project = entered::project(state)?;
    let plan = project.as_verified(project.shape()?)?.1;
    for name in names {
        select::image(&plan, name)?;
    }
    let inventory = project.engine().await?.inventory().await?;
    let standings = job::standings(&plan, &project.store(), &inventory)?;
    let standings = standings.into_iter().collect::<HashMap<_, _>>();
    let excluded = &project.settings.exclude;
    let mut docks = vec![];
    for ix in plan.order() {
        let Work::Image(work) = &plan.step(*ix).work else { continue };
        docks.push(shown(&plan, work, &standings, excluded));
    }
    docks.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(docks)
}

fn shown(
    plan: &Plan,
    work: &ImageWork,
    standings: &HashMap<StepIx, Standing>,
    excluded: &[String],
) -> Shown {
    let dock = |reference: &String| {
        let dir = work.parents.get(reference)?;
        Some(dir.file_name()?.to_string_lossy().into_owned())
    };
    let below = match &work.base {
        None => Below::Scratch,
        Some(base) => dock(base).map_or_else(|| Below::Elsewhere(base.clone()), Below::Dock),
    };
    let others = work.parents.keys().filter_map(dock);
    let mut from = others.filter(|name| Below::Dock(name.clone()) != below).collect::<Vec<_>>();
    from.sort();
    from.dedup();
    let name = work.name.to_string();
    let mut state = standing(plan, &name, standings);
    let size = if state == NOT_BUILT { None } else { summary(&work.dir).ok() };
    if excluded.contains(&name) {
        state.push_str(", excluded");
    }
    Shown {
        reference: work.references.first().cloned().unwrap_or_default(),
        below,
        from,
        size: size.map_or(String::new(), |s| megabytes(u64::try_from(s.size).unwrap_or(0))),
        state,
        name,
    }
}

const NOT_BUILT: &str = "not built";

/// What there is to say of all of a dock's steps: the first reason for one to run.
fn standing(plan: &Plan, name: &str, standings: &HashMap<StepIx, Standing>) -> String {
    let steps = [Kind::Rootfs, Kind::Dockerfile, Kind::Image];
    let of = |kind| standings.get(&plan.find(&StepId::new(kind, name))?);
    let all = steps.into_iter().filter_map(of).collect::<Vec<_>>();
    if let Some(Standing::Stale(Reason::Never)) = all.last() {
        return NOT_BUILT.to_owned();
    }
    let stale = all.iter().find_map(|standing| match standing {
        Standing::Stale(reason) => Some(format!("stale: {reason}")),
        _ => None,
    });
    let waits = all.iter().find_map(|standing| match standing {
        Standing::Waits(up) => Some(format!("waits for {}", plan.step(*up).id)),
        _ => None,
    });
    stale.or(waits).unwrap_or_else(|| "up to date".to_owned())
}
