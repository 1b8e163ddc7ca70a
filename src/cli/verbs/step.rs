//! `bb step ID`: bring one step up to date. This is what recipes call.

use crate::cli::call::Call;

use crate::base::error::{Exit, Result};
use crate::base::ids::StepId;
use crate::cli::args::complete;
use crate::cli::args::sources::Sources;
use crate::cli::entered;
use crate::cli::entered::Question;
use crate::cli::io::message::Messages;
use crate::cli::verbs::build::Shown;

/// Bring one step up to date.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb step dockerfile:nginx
  bb step image:nginx --message-format json")]
pub(in crate::cli) struct Args {
    /// Id of the step, such as `rootfs:nginx`
    #[arg(add = complete::steps())]
    id: String,
    #[command(flatten)]
    sources: Sources,
    /// Use no network
    #[arg(long)]
    offline: bool,
    /// Check no signature (for recipes: BB_SKIP_VERIFY=1)
    #[arg(short, long)]
    skip_verify: bool,
    #[command(flatten)]
    pub(in crate::cli) messages: Messages,
}

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let id: StepId = args.id.parse()?;
    // A recipe with a `+` is run by a make that runs none.
    match entered::makes_question() {
        Some(Question::IsItDone) => return Ok(Exit::Step.code()),
        Some(Question::WhatWouldBeDone) => return Ok(0),
        None => {}
    }
    let mut project = entered::project(&call.state)?;
    project.settings.skip_verify |= args.skip_verify;
    args.sources.apply(&mut project, &call.here)?;
    let mut shown = Shown::new(call.look, project.store());
    let ran = project.step(&id, args.offline, &mut |message| shown.message(message)).await;
    shown.finish();
    Ok(ran?.map_or(0, Exit::code))
}
