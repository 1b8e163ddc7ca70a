//! `bb export`: the plan for ninja, or as JSON.

use std::path::Path;

use crate::cli::{print, session};
use crate::error::Result;
use crate::export::{Exported, json, ninja};
use crate::plan::select;
use crate::project::Project;

/// Write the plan for another executor.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The form
    #[arg(value_enum)]
    form: Form,
    /// Names of images, or ids of steps (default: all but the excluded ones)
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

pub(super) fn export(args: &Args, state: &Path) -> Result<u8> {
    let project = Project::load(&session::environment(), state)?;
    let (docks, plan) = session::shape(&project)?;
    let plan = select::select(&plan, &args.images, &project.settings.exclude)?;
    let sources = project.sources(&docks);
    let made_by_make = &project.settings.made_by_make;
    let exported = Exported { plan: &plan, state, sources: &sources, made_by_make };
    print(&match args.form {
        Form::Ninja => ninja::ninja(exported, &args.bb)?,
        Form::Json => json::json(exported)?,
    });
    Ok(0)
}
