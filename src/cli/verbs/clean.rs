//! `bb clean`: results go, so that they are made anew.

use crate::cli::call::Call;

use crate::base::error::Result;
use crate::cli::args::complete;
use crate::cli::entered;
use crate::cli::verbs::tidy::tidy;

/// Remove what steps have made: files, images, records and logs. Nothing that bb has not made.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb clean --dry-run           # what would go
  bb clean                     # results of all docks and tasks, and what is left of others
  bb clean busybox             # results of one dock
  bb clean image --dry-run     # all images
  bb clean fetch verify        # downloads
  bb clean import builder      # the builder, which projects share")]
pub(in crate::cli) struct Args {
    /// Names of images, ids of steps, or kinds of steps (default: rootfs, dockerfile, image, test and task, and
    /// what `bb gc --keep-builders` removes)
    #[arg(value_name = "KIND|NAME|STEP", add = complete::kinds_images_and_steps())]
    what: Vec<String>,
    /// Say what would go and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let found = entered::project(&call.state)?.results(&args.what).await?;
    let kept = tidy(&found, args.dry_run).await?;
    Ok(u8::from(kept > 0))
}
