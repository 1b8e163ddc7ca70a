//! `bb update`: move the lock to what the mirrors offer now.

use std::path::Path;

use crate::cli::{print, session};
use crate::error::Result;
use crate::lock::Pin;
use crate::project::Project;

/// Pin the newest stage3 and snapshot in bb.lock.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) async fn update(_args: &Args, state: &Path) -> Result<u8> {
    let env = session::environment();
    let mut project = Project::load(&env, state)?;
    let date = project.settings.date.take();
    let old = project.lock()?;
    project.settings.date = date;
    let new = session::pin_newest(&project, false).await?;
    let old = old.as_ref();
    print(&changed("stage3", old.map(|l| &l.stage3), &new.stage3));
    print(&changed("snapshot", old.map(|l| &l.portage), &new.portage));
    Ok(0)
}

fn changed(what: &str, old: Option<&Pin>, new: &Pin) -> String {
    match old {
        Some(old) if old.sha512 == new.sha512 => format!("{what}: {} as before\n", new.timestamp),
        Some(old) => format!("{what}: {} -> {}\n", old.timestamp, new.timestamp),
        None => format!("{what}: {}\n", new.timestamp),
    }
}
