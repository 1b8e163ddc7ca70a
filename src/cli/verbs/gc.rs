//! `bb gc`: what nothing of the plan needs any more goes.

use crate::cli::call::Call;

use crate::base::error::Result;
use crate::cli::entered;
use crate::cli::io::message::tell;
use crate::cli::verbs::tidy::tidy;
use crate::session::Unneeded;

/// Remove what is not needed any more: results of docks that are gone, images without a name, builders of
/// other stage3s and snapshots, abandoned containers, old downloads, what `bb outdated` has fetched. Nothing that bb has not made.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb gc --dry-run         # what would go
  bb gc --keep-builders   # other projects of this engine still use them
  bb gc --unused-for 90   # also binary packages and sources
  bb gc")]
pub(in crate::cli) struct Args {
    /// Say what would go and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Leave the builders of other stage3s and snapshots: another project may be pinned to them
    #[arg(long)]
    keep_builders: bool,
    /// Remove binary packages that no builder has used for more than so many days, and sources that came
    /// before that: all projects of the engine share them
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36500))]
    unused_for: Option<u32>,
}

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let Args { dry_run, keep_builders, unused_for } = *args;
    let which = Unneeded { keep_builders, unused_for, dry_run };
    let project = entered::project(&call.state)?;
    let found = project.unneeded(&which, &mut |message| tell(call.look, message)).await?;
    tidy(&found, dry_run).await?;
    Ok(0)
}
