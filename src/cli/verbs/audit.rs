//! `bb audit`: what is wrong with built images, and which package brought it. Needs no engine.

use crate::cli::call::Call;

use crate::base::error::{Error, Result};
use crate::base::words::visible;
use crate::cli::args::complete;
use crate::cli::verbs::image;
use crate::cli::{entered, print, say};
use crate::exec::audited::audited;
use crate::plan::step::{TestWork, Work};
use crate::plan::{Plan, select};

/// Look for what does not belong into an image.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb audit
  bb audit nginx")]
pub(in crate::cli) struct Args {
    /// Names of images (default: all but the excluded ones)
    #[arg(add = complete::images())]
    images: Vec<String>,
}

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let project = entered::project(&call.state)?;
    let plan = project.plan()?;
    let tests = select::tests(&plan, &args.images, &project.settings.exclude)?;
    let limits = &project.settings.limits;
    let mut count = 0;
    for id in &tests {
        let test = test(&plan, id)?;
        let name = test.name.as_str();
        let chain = image::archives(name, &image::built(&project, &plan, name)?, limits)?;
        for line in audited(&chain, test, limits)?.lines() {
            count += 1;
            print(&format!("{name}: {}\n", visible(&line)));
        }
    }
    let of = match tests.len() {
        1 => "1 image".to_owned(),
        many => format!("{many} images"),
    };
    match count {
        0 => say(&format!("nothing found in {of}\n")),
        _ => say(&format!("{count} found in {of}; what is meant so goes into its `dock.toml`\n")),
    }
    Ok(u8::from(count > 0))
}

fn test<'a>(plan: &'a Plan, id: &str) -> Result<&'a TestWork> {
    match &plan.step(select::named(plan, id)?).work {
        Work::Test(work) => Ok(work),
        _ => Err(Error::bug(format!("`{id}` is no test"))),
    }
}
