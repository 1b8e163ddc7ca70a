//! `bb export`: the plan for ninja, or as JSON.

use std::io::Read;
use std::path::Path;

use crate::base::error::{Error, Result};
use crate::base::open;
use crate::cli::args::complete;
use crate::cli::io::output::print_exactly;
use crate::cli::session;
use crate::dock::Dock;
use crate::export::{Exported, json, ninja};
use crate::plan::{Plan, select};
use crate::session::project::Project;

/// Write the plan for another executor.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb export ninja >build.ninja   # then: bb sync && ninja
  bb export json nginx")]
pub(in crate::cli) struct Args {
    /// The form
    #[arg(value_enum)]
    form: Form,
    /// Names of images, or ids of steps (default: all but the excluded ones)
    #[arg(add = complete::images_and_steps())]
    images: Vec<String>,
    /// The command that build.ninja calls
    #[arg(long, default_value = "bb", value_name = "COMMAND")]
    bb: String,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Form {
    /// build.ninja, to be run as: bb sync && ninja
    Ninja,
    /// Steps, edges, inputs, outputs, commands
    Json,
}

pub(in crate::cli) fn export(args: &Args, state: &Path) -> Result<u8> {
    let project = Project::load(&session::environment(), state)?;
    let shape = session::shape(&project)?;
    print_exactly(&text(&project, &shape, &args.images, |exported| match args.form {
        Form::Ninja => ninja::ninja(exported, &args.bb, &args.images),
        Form::Json => json::json(exported),
    })?);
    Ok(0)
}

fn text(
    project: &Project,
    (docks, plan): &(Vec<Dock>, Plan),
    images: &[String],
    write: impl FnOnce(Exported<'_>) -> Result<String>,
) -> Result<String> {
    let plan = select::with_tests(plan, images, &project.settings.exclude)?;
    let sources = project.sources(docks);
    let (state, made_by_make) = (&project.layout.state, &project.settings.made_by_make);
    write(Exported { plan: &plan, state, sources: &sources, made_by_make })
}

/// Where ninja looks, and where `bb sync` looks whether ninja would do the right thing.
const NINJA_FILE: &str = "build.ninja";

/// No head is longer, in bytes.
const HEAD_LIMIT: u64 = 1 << 16;

/// The head of the project's build.ninja, if there is one of ours.
pub(in crate::cli) fn written() -> Option<ninja::Head> {
    let mut head = vec![];
    // Of ten thousand docks, it is megabytes.
    let file = open::regular(Path::new(NINJA_FILE)).ok()?;
    file.take(HEAD_LIMIT).read_to_end(&mut head).ok()?;
    ninja::Head::read(&String::from_utf8_lossy(&head))
}

/// Ninja would go on with the steps of old.
///
/// # Errors
/// build.ninja is not what would be written now.
pub(in crate::cli) fn check(
    project: &Project,
    shape: &(Vec<Dock>, Plan),
    old: &ninja::Head,
) -> Result<()> {
    let now = text(project, shape, &old.images, |e| ninja::ninja(e, &old.bb, &old.images))?;
    if ninja::Head::read(&now).as_ref() == Some(old) {
        return Ok(());
    }
    let bb = if old.bb == "bb" { String::new() } else { format!(" --bb '{}'", old.bb) };
    let command = [&[format!("bb export ninja{bb}")], old.images.as_slice()].concat().join(" ");
    let message = format!("`{NINJA_FILE}` is not what the docks say now");
    Err(Error::config(message).hint(format!("run `{command} >{NINJA_FILE}` and start again")))
}
