//! `bb status`: every step with its verdict. Changes nothing.

use std::path::Path;

use crate::cli::{print, session};
use crate::error::Result;
use crate::exec::job;
use crate::plan::select;
use crate::project::Project;
use crate::report::table;

/// List every step and whether it is up to date.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Names of images (default: all but the excluded ones)
    images: Vec<String>,
}

pub(super) async fn status(args: Args, state: &Path) -> Result<u8> {
    let env = session::environment();
    let project = Project::load(&env, state)?;
    let plan =
        select::select(&session::locked_plan(&project)?, &args.images, &project.settings.exclude)?;
    let inventory = session::engine(&env).await?.inventory().await?;
    let verdicts = job::verdicts(&plan, &project.store(), &inventory)?;
    let rows = verdicts.into_iter().map(|(id, verdict)| {
        let (word, why) = verdict.map_or(("fresh", String::new()), |why| ("stale", why));
        [word.to_owned(), id.to_string(), why]
    });
    print(&table::columns(&rows.collect::<Vec<_>>()));
    Ok(0)
}
