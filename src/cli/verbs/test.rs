//! `bb test`: images are brought up to date, looked through, and tried where they run.

use crate::cli::call::Call;

use crate::base::error::Result;
use crate::cli::verbs::build;

/// Look images through, and check what they do where they run.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[group(skip)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    build: build::Args,
}

impl Args {
    /// Whether messages are for a program.
    pub(in crate::cli) fn json(&self) -> bool {
        self.build.json()
    }
}

const EXAMPLES: &str = "\
Examples:
  bb test          # all images: audit, HEALTHCHECK, test.sh, and [test] of dock.toml
  bb test nginx    # one of them, built first if it is not up to date";

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    build::run(&args.build.clone().tested(), call).await
}
