//! `bb df`: what takes how much room, and what of it `bb gc` would free.

use crate::cli::call::Call;

use crate::base::error::Result;
use crate::cli::io::message::tell;
use crate::cli::io::output::print_json;
use crate::cli::{entered, print, say};
use crate::report::{Message, usage};

/// Tell what takes how much room on the disk: images, layers, boxes and caches of the engine, and the state folder of this
/// project. The native engine's store is counted with what it has for other projects; of Docker's and Podman's
/// things, only this project's are.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb df
  bb df -v      # each thing by itself
  bb df --json")]
pub(in crate::cli) struct Args {
    /// Tell of each thing: its size, what of that another one shares, what would go
    #[arg(short, long)]
    verbose: bool,
    /// As JSON, with each thing
    #[arg(long, conflicts_with = "verbose")]
    json: bool,
}

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let project = entered::project(&call.state)?;
    let found = project.disk_usage(&mut |message| tell(call.look, message)).await?;
    let report = usage::report(&found.items, found.no_plan.is_none() && found.no_engine.is_none());
    if args.json {
        print_json(&report)?;
    } else {
        print(&if args.verbose { usage::all(&report) } else { usage::overview(&report) });
    }
    if found.items.iter().any(|item| item.used.is_none()) {
        say("the engine does not tell what its caches take\n");
    }
    let engine = found.no_engine.map(|why| ("what an engine has is not counted", why));
    let plan = found.no_plan.map(|why| ("what `bb gc` would free is not known", why));
    for (what, why) in engine.into_iter().chain(plan) {
        let message = format!("{what}: {}", why.message());
        let hint = why.hint_text().unwrap_or("`bb doctor` says what is wrong");
        tell(call.look, &Message::Warning { message: &message, hint });
    }
    Ok(0)
}
