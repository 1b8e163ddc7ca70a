//! `bb missing`: build only the images that the engine does not have.

use crate::cli::call::Call;
use std::time::Instant;

use crate::base::error::Result;
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

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let begun = Instant::now();
    let project = args.how.project(call)?;
    let options = Options { images: args.images.clone(), ..args.how.options() };
    let missing = if args.how.dry_run {
        project.missing_as_locked(&options).await?
    } else {
        project.missing(&options, &mut |message| tell(call.look, message)).await?
    };
    if missing.lacking.is_empty() {
        tell(call.look, &Message::NothingMissing { images: &in_words(missing.images) });
        return Ok(0);
    }
    if args.how.dry_run {
        status::planned(&project.judge_missing(&missing)?, call.look);
        return Ok(0);
    }
    notes::begin(&project.settings, call.look);
    let mut shown = Shown::new(call.look, project.store());
    let say = &mut |message: &Message<'_>| shown.message(message);
    let built = project.build_missing(&missing, &options, say).await;
    shown.finish();
    Ok(build::end(&built?, begun, &project.store(), call.look))
}

/// All that there are.
fn in_words(images: usize) -> String {
    match images {
        1 => "the only image".to_owned(),
        many => format!("all {many} images"),
    }
}
