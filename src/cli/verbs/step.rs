//! `bb step ID`: bring one step up to date. This is what recipes call.

use std::num::NonZeroUsize;
use std::path::Path;

use crate::base::error::{Exit, Result};
use crate::base::ids::StepId;
use crate::cli::args::complete;
use crate::cli::io::message::Messages;
use crate::cli::verbs::build::Shown;
use crate::cli::{Look, session};
use crate::exec::run;
use crate::plan::select;
use crate::session::project::Project;

/// Bring one step up to date.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb step dockerfile:nginx
  bb step image:nginx --message-format json")]
pub(in crate::cli) struct Args {
    /// Id of the step, such as `rootfs:nginx`
    #[arg(add = complete::steps())]
    id: String,
    /// Use no network
    #[arg(long)]
    offline: bool,
    /// Check no signature (for recipes: BB_SKIP_VERIFY=1)
    #[arg(short, long)]
    skip_verify: bool,
    #[command(flatten)]
    pub(in crate::cli) messages: Messages,
}

pub(in crate::cli) async fn step(args: &Args, state: &Path, look: Look) -> Result<u8> {
    let id: StepId = args.id.parse()?;
    let env = session::environment();
    let mut project = Project::load(&env, state)?;
    project.settings.skip_verify |= args.skip_verify;
    let (_, plan) =
        session::plan(&project, args.offline, look, |plan| select::step(plan, &id)).await?;
    let ix = select::step(&plan, &id)?;
    let engine = session::engine(&env).await?;
    let cores = std::thread::available_parallelism().map_or(2, NonZeroUsize::get);
    let context = session::context(&project, engine, args.offline, cores)?;
    let mut shown = Shown::new(look);
    let ran = run::step(&plan, ix, context, &mut |event| shown.event(event)).await;
    shown.finish();
    ran?;
    Ok(shown.exit.map_or(0, Exit::code))
}
