//! `bb status`: every step with its verdict. Changes nothing.

use crate::cli::{print, session};
use crate::error::{Error, Result};
use crate::exec::run;
use crate::plan::select;
use crate::project::{LOCK_FILE, Project};
use crate::report::table;

/// List every step and whether it is up to date.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Names of images (default: all but the excluded ones)
    images: Vec<String>,
}

pub(super) async fn status(args: Args) -> Result<u8> {
    let env = session::environment();
    let project = Project::load(&env)?;
    let lock = project.lock()?.ok_or_else(|| {
        Error::config(format!("there is no `{LOCK_FILE}` yet"))
            .hint("`bb build` pins the newest stage3 and snapshot the first time")
    })?;
    let plan = select::select(&project.plan(&lock)?, &args.images, &project.settings.exclude)?;
    let inventory = session::engine(&env).await?.inventory().await?;
    let verdicts = run::verdicts(&plan, &project.store(), &inventory)?;
    let rows = verdicts.into_iter().map(|(id, verdict)| {
        let (word, why) = verdict.map_or(("fresh", String::new()), |why| ("stale", why));
        [word.to_owned(), id.to_string(), why]
    });
    print(&table::columns(&rows.collect::<Vec<_>>()));
    Ok(0)
}
