//! `bb doctor`: whether this machine, its engine and the project are fit for a build, and what to do.
//!
//! Asks everybody at the same time, and nobody for longer than a limit. Facts are gathered in `facts` and
//! judged in `crate::doctor`.

mod facts;

use crate::cli::call::Call;
use std::io::IsTerminal;
use std::time::Duration;

use clap::ColorChoice;
use serde_json::json;

use crate::base::error::Result;
use crate::cli::io::output::print_json;
use crate::cli::io::terminal;
use crate::cli::{entered, print};
use crate::doctor::is_healthy;
use crate::report::findings;

/// Look whether everything is fit for a build, and say what to do if not.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Ask no mirror on the network
    #[arg(long)]
    offline: bool,
    /// Wait so long for each answer
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
    /// As JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Exit code 1 if something is wrong; what is only told (warn) does not count. Nothing is changed.

Examples:
  bb doctor
  bb doctor --offline    # do not ask the mirrors
  bb doctor --json";

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let limit = Duration::from_secs(args.timeout);
    let gathering = facts::Gathering { env: entered::environment(), limit, offline: args.offline };
    let found = gathering.findings(&call.state).await;
    let healthy = is_healthy(&found);
    if args.json {
        print_json(&json!({ "healthy": healthy, "findings": found }))?;
    } else {
        let shown = std::io::stdout().is_terminal();
        let color = call.color == ColorChoice::Always || call.look.color && shown;
        print(&findings::text(&found, color, terminal::width()));
    }
    Ok(u8::from(!healthy))
}
