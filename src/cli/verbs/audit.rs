//! `bb audit`: what is wrong with built images, and which package brought it. Needs no engine.

use crate::cli::call::Call;

use crate::base::diag;
use crate::base::error::{Error, Result};
use crate::base::words::{counted, visible};
use crate::cli::args::complete;
use crate::cli::verbs::image;
use crate::cli::verbs::image::Found;
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

/// Exits 1 if something is found, or if an image is not built: what was not looked at has not passed.
pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let project = entered::project(&call.state)?;
    let plan = project.plan()?;
    let tests = select::tests(&plan, &args.images, &project.settings.exclude)?;
    let tests = tests.iter().map(|id| test(&plan, id)).collect::<Result<Vec<_>>>()?;
    let names = tests.iter().map(|test| test.name.to_string()).collect::<Vec<_>>();
    let found = Found::of(&project, &plan, &names)?;
    let limits = &project.settings.limits;
    let mut count = 0;
    for (name, work) in &found.built {
        let Some(test) = tests.iter().find(|test| test.name.as_str() == name) else { continue };
        for line in audited(&image::archives(name, work, limits)?, test, limits)?.lines() {
            count += 1;
            print(&format!("{name}: {}\n", visible(&line)));
        }
    }
    say(&summary(count, found.built.len()));
    for error in found.errors() {
        say(&diag::render(&error, call.look.color));
    }
    Ok(u8::from(count > 0 || !found.missing.is_empty()))
}

/// What was found in so many images.
fn summary(found: usize, images: usize) -> String {
    let of = counted(images, "image");
    match (found, images) {
        (_, 0) => String::new(),
        (0, _) => format!("nothing found in {of}\n"),
        _ => format!("{found} found in {of}; what is meant so goes into its `dock.toml`\n"),
    }
}

fn test<'a>(plan: &'a Plan, id: &str) -> Result<&'a TestWork> {
    match &plan.step(select::named(plan, id)?).work {
        Work::Test(work) => Ok(work),
        _ => Err(Error::bug(format!("`{id}` is no test"))),
    }
}
