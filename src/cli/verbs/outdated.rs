//! `bb outdated`: what would change if the lock moved to what the mirrors offer, and about how long it would
//! take. Changes neither the lock nor anything that a build looks at.

use serde::Serialize;

use crate::cli::call::Call;

use crate::base::error::Result;
use crate::cli::args::complete;
use crate::cli::io::output::print_json;
use crate::cli::verbs::build::Shown;
use crate::cli::verbs::update;
use crate::cli::{entered, print, say};
use crate::exec::outdated::{self, Image, Outdated};
use crate::report;
use crate::session::{Moved, Now, Previewed};

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
    /// Exit 1 if an image would change, or one from elsewhere is another one
    #[arg(long)]
    exit_code: bool,
    /// Use no network
    #[arg(long)]
    offline: bool,
}

/// As JSON, where there is nothing that a stage3 or a snapshot matters for.
#[derive(Default, Serialize)]
struct Nothing {
    stage3: Option<()>,
    snapshot: Option<()>,
    images: [(); 0],
    steps: [(); 0],
}

/// With the images from elsewhere.
#[derive(Serialize)]
struct Whole<'a, T> {
    #[serde(flatten)]
    found: &'a T,
    bases: Vec<Base>,
}

/// An image from elsewhere: its IDs, as far as they are known.
#[derive(Serialize)]
struct Base {
    name: String,
    pinned: Option<String>,
    offered: Option<String>,
}

impl From<&Moved> for Base {
    fn from(moved: &Moved) -> Self {
        let offered = match &moved.now {
            Now::Is(base) => Some(base.id.clone()),
            Now::Unknown(_) | Now::Unused => None,
        };
        let pinned = moved.old.as_ref().map(|base| base.id.clone());
        Self { name: moved.name.to_string(), pinned, offered }
    }
}

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let project = entered::project(&call.state)?;
    let bases = project.offered_bases(args.offline).await?;
    let mut shown = Shown::new(call.look, project.store());
    let found =
        project.preview(&args.images, args.offline, &mut |message| shown.message(message)).await;
    shown.finish();
    let mut changes = bases.iter().any(Moved::moves);
    match found? {
        Previewed::NothingCompiled if args.json => whole(&Nothing::default(), &bases)?,
        Previewed::NothingCompiled if bases.is_empty() => {
            say("nothing is compiled, so an update would change nothing\n");
        }
        Previewed::NothingCompiled => {}
        Previewed::NothingNewer(lock) if args.json => {
            whole(&Outdated::between(&lock, &lock), &bases)?;
        }
        Previewed::NothingNewer(lock) => {
            let (stage3, snapshot) = (&lock.stage3.timestamp, lock.date());
            print(&format!("nothing newer: stage3 {stage3}, snapshot {snapshot}\n"));
        }
        Previewed::Changes(found) => {
            changes |= found.images.iter().any(Image::changes);
            if args.json {
                whole(&found, &bases)?;
            } else {
                print(&told(&found));
            }
        }
    }
    if !args.json {
        print(&update::base_lines(&bases));
    }
    Ok(u8::from(args.exit_code && changes || update::unanswered(&bases, args.offline)))
}

fn whole(found: &impl Serialize, bases: &[Moved]) -> Result<()> {
    print_json(&Whole { found, bases: bases.iter().map(Base::from).collect() })
}

fn told(found: &Outdated) -> String {
    let line = |what, moved: &outdated::Moved| {
        update::compared(what, Some(&moved.pinned), Some(&moved.offered)).0
    };
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
