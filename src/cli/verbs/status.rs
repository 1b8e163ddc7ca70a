//! `bb status`: how every step stands. Changes nothing.

use std::path::Path;

use crate::base::error::Result;
use crate::cli::args::complete;
use crate::cli::io::message::tell;
use crate::cli::{Look, print, session};
use crate::exec::job;
use crate::exec::job::Standing;
use crate::plan::graph::StepIx;
use crate::plan::{Plan, select};
use crate::report::{Message, table};
use crate::session::project::Project;

/// List every step and whether it is up to date.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb status
  bb status nginx
  bb status rootfs:nginx
  bb status --exit-code   # for CI: 1 if there is anything to do")]
pub(in crate::cli) struct Args {
    /// Names of images, or ids of steps (default: all but the excluded ones)
    #[arg(add = complete::images_and_steps())]
    images: Vec<String>,
    /// Exit 1 if there is anything to do
    #[arg(long)]
    exit_code: bool,
}

pub(in crate::cli) async fn status(args: Args, state: &Path) -> Result<u8> {
    let (plan, standings) = standings(&args.images, state).await?;
    print(&text(&plan, &standings));
    let work = standings.iter().any(|(_, standing)| *standing != Standing::Fresh);
    Ok(u8::from(args.exit_code && work))
}

/// How the steps of some images (none: all but the excluded ones) stand.
pub(in crate::cli) async fn standings(
    images: &[String],
    state: &Path,
) -> Result<(Plan, Vec<(StepIx, Standing)>)> {
    let env = session::environment();
    let project = Project::load(&env, state)?;
    let plan = session::locked_plan(&project)?;
    let plan = select::select(&plan, images, &project.settings.exclude)?;
    let inventory = session::engine(&env).await?.inventory().await?;
    let standings = job::standings(&plan, &project.store(), &inventory)?;
    Ok((plan, standings))
}

/// A line for each step.
fn text(plan: &Plan, standings: &[(StepIx, Standing)]) -> String {
    let rows = standings.iter().map(|(ix, standing)| {
        let (word, why) = worded(plan, standing);
        [word.to_owned(), plan.step(*ix).id.to_string(), why]
    });
    table::columns(&rows.collect::<Vec<_>>())
}

/// What a build would find, as `look` wants it.
pub(in crate::cli) fn planned(plan: &Plan, standings: &[(StepIx, Standing)], look: Look) {
    if !look.json {
        return print(&text(plan, standings));
    }
    for (ix, standing) in standings {
        let (state, reason) = worded(plan, standing);
        tell(look, &Message::Planned { step: plan.step(*ix).id.to_string(), state, reason });
    }
}

/// How a step stands, and why.
fn worded(plan: &Plan, standing: &Standing) -> (&'static str, String) {
    match standing {
        Standing::Fresh => ("fresh", String::new()),
        Standing::Taken => ("taken", "as recorded".to_owned()),
        Standing::Stale(reason) => ("stale", reason.to_string()),
        Standing::Waits(up) => ("waits", format!("for {}", plan.step(*up).id)),
    }
}
