//! `bb missing`: build only the images that the engine does not have.

use std::path::Path;
use std::time::Instant;

use crate::base::error::Result;
use crate::cli::Look;
use crate::cli::args::complete;
use crate::cli::io::message::tell;
use crate::cli::verbs::build::{How, Shown};
use crate::cli::verbs::{build, notes, status};
use crate::report::Message;
use crate::session::Options;

/// Build only the images that the engine does not have; whatever else has changed stays as it is.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb missing            # after the engine has lost images
  bb missing --dry-run  # what would be built")]
pub(in crate::cli) struct Args {
    /// Names of images: those and what they stand on (default: all but the excluded ones)
    #[arg(add = complete::images())]
    images: Vec<String>,
    #[command(flatten)]
    how: How,
}

impl Args {
    /// Whether messages are for a program.
    pub(in crate::cli) fn json(&self) -> bool {
        self.how.json()
    }
}

pub(in crate::cli) async fn missing(args: Args, state: &Path, look: Look) -> Result<u8> {
    let begun = Instant::now();
    let project = args.how.project(state)?;
    let options = Options { images: args.images, ..args.how.options() };
    let missing = if args.how.dry_run {
        project.missing_as_locked(&options).await?
    } else {
        project.missing(&options, &mut |message| tell(look, message)).await?
    };
    if missing.lacking.is_empty() {
        tell(look, &Message::NothingMissing { images: &in_words(missing.images) });
        return Ok(0);
    }
    if args.how.dry_run {
        status::planned(&project.judge_missing(&missing)?, look);
        return Ok(0);
    }
    notes::begin(&project.settings, look);
    let mut shown = Shown::new(look);
    let say = &mut |message: &Message<'_>| shown.message(message);
    let built = project.build_missing(&missing, &options, say).await;
    shown.finish();
    Ok(build::end(&built?, begun, &project.store(), look))
}

/// All that there are.
fn in_words(images: usize) -> String {
    match images {
        1 => "the only image".to_owned(),
        many => format!("all {many} images"),
    }
}
