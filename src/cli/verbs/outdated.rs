//! `bb outdated`: what would change if the lock moved to what the mirrors offer, and about how long it would
//! take. Changes neither the lock nor anything that a build looks at.

use crate::cli::call::Call;

use crate::base::error::Result;
use crate::cli::args::complete;
use crate::cli::io::output::print_json;
use crate::cli::verbs::build::Shown;
use crate::cli::verbs::update;
use crate::cli::{entered, print, say};
use crate::config::lock::Lock;
use crate::exec::outdated::{Image, Moved, Outdated};
use crate::report;
use crate::session::Previewed;

/// Tell what an update would change, without doing it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb outdated            # packages and images that would change, and how long it would take
  bb outdated nginx      # of one image, with what it stands on
  bb outdated --json     # the same for a program")]
pub(in crate::cli) struct Args {
    /// Names of images: those and what they stand on (default: all but the excluded ones)
    #[arg(add = complete::images())]
    images: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Exit 1 if an image would change
    #[arg(long)]
    exit_code: bool,
    /// Use no network
    #[arg(long)]
    offline: bool,
}

/// As JSON, where there is nothing that a stage3 or a snapshot matters for.
const NOTHING: &str =
    "{\n  \"stage3\": null,\n  \"snapshot\": null,\n  \"images\": [],\n  \"steps\": []\n}\n";

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let project = entered::project(&call.state)?;
    let mut shown = Shown::new(call.look);
    let found =
        project.preview(&args.images, args.offline, &mut |message| shown.message(message)).await;
    shown.finish();
    match found? {
        Previewed::NothingCompiled if args.json => print(NOTHING),
        Previewed::NothingCompiled => {
            say("nothing is compiled, so an update would change nothing\n");
        }
        Previewed::NothingNewer(lock) => nothing_newer(args, &lock)?,
        Previewed::Changes(found) => {
            if args.json {
                print_json(&found)?;
            } else {
                print(&told(&found));
            }
            return Ok(u8::from(args.exit_code && found.images.iter().any(Image::changes)));
        }
    }
    Ok(0)
}

fn nothing_newer(args: &Args, lock: &Lock) -> Result<()> {
    let (stage3, snapshot) = (&lock.stage3.timestamp, lock.date());
    if args.json {
        print_json(&Outdated::between(lock, lock))?;
    } else {
        print(&format!("nothing newer: stage3 {stage3}, snapshot {snapshot}\n"));
    }
    Ok(())
}

fn told(found: &Outdated) -> String {
    let line =
        |what, moved: &Moved| update::compared(what, Some(&moved.pinned), Some(&moved.offered)).0;
    let everything = if found.stage3.moves() {
        "everything is compiled again: it depends on the stage3\n"
    } else {
        ""
    };
    line("stage3", &found.stage3)
        + &line("snapshot", &found.snapshot)
        + everything
        + "\n"
        + &report::outdated::text(found)
}
