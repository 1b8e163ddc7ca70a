//! `bb history`: what earlier builds did, for how long and why. Reads the state folder only.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use crate::base::error::{Error, Result};
use crate::base::given;
use crate::cli::call::Call;
use crate::cli::io::output::print_json;
use crate::cli::{entered, print};
use crate::exec::history;
use crate::report;
use crate::report::trace::trace;

/// Tell what earlier builds did, for how long and why.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb history
  bb history 1          # the last one: its steps, and the slowest packages
  bb history 1 --trace trace.json
  bb history --json")]
pub(in crate::cli) struct Args {
    /// Only this one, with its steps: 1 is the last
    run: Option<NonZeroUsize>,
    /// Write it for chrome://tracing or Perfetto
    #[arg(long, value_name = "FILE", requires = "run")]
    trace: Option<PathBuf>,
    /// As JSON, with all steps
    #[arg(long, conflicts_with = "trace")]
    json: bool,
}

#[allow(clippy::unused_async, reason = "as every verb")]
pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let store = entered::project(&call.state)?.store();
    let Some(number) = args.run.map(NonZeroUsize::get) else {
        let runs = history::runs(&store);
        if args.json {
            print_json(&runs)?;
        } else {
            print(&report::history::runs(&runs));
        }
        return Ok(0);
    };
    let run = history::run(&store, number).ok_or_else(|| none(number))?;
    match &args.trace {
        Some(file) => given::put(&call.here.join(file), trace(&run).as_bytes())?,
        None if args.json => print_json(&run)?,
        None => print(&report::history::run(&run)),
    }
    Ok(0)
}

fn none(number: usize) -> Error {
    Error::usage(format!("there is no run {number}")).hint("`bb history` lists those that are kept")
}
