//! `bb diff`: what an image's last change has changed. Needs no engine.

use crate::cli::call::Call;

use crate::base::error::Result;
use crate::cli::args::complete;
use crate::cli::io::output::print_json;
use crate::cli::verbs::image;
use crate::cli::{entered, print};
use crate::exec::action::builds;
use crate::image::contents::difference;
use crate::report;

/// Tell files and packages of an image that differ from the build before.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  bb diff nginx\n  bb diff nginx --json")]
pub(in crate::cli) struct Args {
    /// The image
    #[arg(add = complete::images())]
    image: String,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let project = entered::project(&call.state)?;
    let plan = project.plan()?;
    let name = &args.image;
    let work = image::built(&project, &plan, name)?;
    let (now, before) = builds(&work.dir)?;
    let found = now.zip(before).map(|(now, before)| difference(&before, &now));
    if args.json {
        print_json(&found)?;
    } else if let Some(found) = &found {
        print(&report::difference::difference(name, found));
    } else {
        print(&format!("{name}: nothing to compare with, no build has changed it yet\n"));
    }
    Ok(0)
}
