//! `bb history`: what earlier builds did, for how long and why. Reads the state folder only.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use crate::base::error::{Error, Result};
use crate::base::given;
use crate::cli::call::Call;
use crate::cli::io::output::{print_exactly, print_json};
use crate::cli::verbs::logs;
use crate::cli::{entered, print};
use crate::exec::history;
use crate::exec::history::{Ran, Run};
use crate::export::timeline::page;
use crate::report;
use crate::report::trace::trace;
use crate::session::Project;
use crate::state::store::Store;

/// A log may be written a little after its step was told to have ended.
const CLOSED_AFTER: Duration = Duration::from_secs(2);

/// Tell what earlier builds did, for how long and why.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  bb history
  bb history 1          # the last one: its steps, and the slowest packages
  bb history 1 --trace trace.json
  bb history export 1 -o run.html   # a page to send on: timeline, reasons, logs
  bb history --json"
)]
pub(in crate::cli) struct Args {
    /// Only this one, with its steps: 1 is the last
    run: Option<NonZeroUsize>,
    /// Write it for chrome://tracing or Perfetto
    #[arg(long, value_name = "FILE", requires = "run")]
    trace: Option<PathBuf>,
    /// As JSON, with all steps
    #[arg(long, conflicts_with = "trace")]
    json: bool,
    #[command(subcommand)]
    export: Option<Verb>,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Write one as a page that needs nothing else: its timeline, reasons and logs
    #[command(after_help = "Examples:\n  bb history export 1 -o run.html")]
    Export {
        /// Which: 1 is the last
        run: NonZeroUsize,
        /// Write to this file instead of standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[allow(clippy::unused_async, reason = "as every verb")]
pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let project = entered::project(&call.state)?;
    let store = project.store();
    if let Some(Verb::Export { run, output }) = &args.export {
        return export(&project, *run, output.as_deref(), call);
    }
    let Some(number) = args.run else {
        let runs = history::runs(&store);
        if args.json {
            print_json(&runs)?;
        } else {
            print(&report::history::runs(&runs));
        }
        return Ok(0);
    };
    let run = kept(&store, number)?;
    match &args.trace {
        Some(file) => given::put(&call.here.join(file), trace(&run).as_bytes())?,
        None if args.json => print_json(&run)?,
        None => print(&report::history::run(&run)),
    }
    Ok(0)
}

fn kept(store: &Store, number: NonZeroUsize) -> Result<Run> {
    history::run(store, number.get()).ok_or_else(|| {
        Error::usage(format!("there is no run {number}"))
            .hint("`bb history` lists those that are kept")
    })
}

fn export(project: &Project, number: NonZeroUsize, file: Option<&Path>, call: &Call) -> Result<u8> {
    let store = project.store();
    let run = kept(&store, number)?;
    let newer = history::runs(&store).into_iter().take(number.get() - 1);
    let again = newer.flat_map(|run| run.steps).map(|ran| ran.step).collect::<HashSet<_>>();
    let log = |ran: &Ran| (!again.contains(&ran.step)).then(|| log(&store, &run, ran)).flatten();
    let text = page(&run, &project.settings.namespace, log)?;
    match file.filter(|file| *file != Path::new("-")) {
        Some(file) => given::put(&call.here.join(file), text.as_bytes())?,
        None => print_exactly(&text),
    }
    Ok(0)
}

/// The end of a step's log, if nothing has been written to it after the run: a run of one step by itself is not kept.
fn log(store: &Store, run: &Run, ran: &Ran) -> Option<String> {
    let file = store.log_path(&ran.step.parse().ok()?);
    let begun = UNIX_EPOCH + Duration::from_millis(run.begun);
    let end = Duration::try_from_secs_f64(ran.from + ran.seconds).ok()?;
    let written = file.metadata().ok()?.modified().ok()?;
    let is_of_run = written >= begun && written <= begun + end + CLOSED_AFTER;
    is_of_run.then(|| logs::end(&file)).flatten()
}
