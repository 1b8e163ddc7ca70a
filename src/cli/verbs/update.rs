//! `bb update`: move the lock to what the mirrors offer now.

use std::path::Path;

use crate::base::error::Result;
use crate::cli::pin::Bound;
use crate::cli::{Look, pin, print, session};
use crate::config::lock::{Lock, Pin};
use crate::session::project::Project;

/// Pin the newest stage3 and snapshot in bb.lock.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb update
  bb update --check   # exit 1 if the mirrors have something newer")]
pub(in crate::cli) struct Args {
    /// Pin nothing; exit 1 if the mirrors have something newer
    #[arg(long)]
    check: bool,
    /// Also take what is older than the pinned one, or old where none is pinned
    #[arg(long, conflicts_with = "check")]
    allow_older: bool,
    /// Use no network
    #[arg(long)]
    offline: bool,
}

pub(in crate::cli) async fn update(args: &Args, state: &Path, look: Look) -> Result<u8> {
    let env = session::environment();
    let mut project = Project::load(&env, state)?;
    if args.check {
        let old = pinned(&mut project)?;
        return check(&project, args.offline, old.as_ref(), look).await;
    }
    let _held = pin::hold(&project).await?;
    let old = pinned(&mut project)?;
    let bound = match &old {
        _ if args.allow_older => Bound::Any,
        Some(old) => Bound::Floor(old),
        None => Bound::First,
    };
    let new = pin::newest(&project, args.offline, bound, look).await?;
    let old = old.as_ref();
    print(&changed("stage3", old.map(|l| &l.stage3), &new.stage3));
    print(&changed("snapshot", old.map(|l| &l.portage), &new.portage));
    Ok(0)
}

/// The lock, whatever date the environment asks for: that is what it is to be moved to.
fn pinned(project: &mut Project) -> Result<Option<Lock>> {
    let date = project.settings.date.take();
    let lock = project.lock();
    project.settings.date = date;
    lock
}

async fn check(project: &Project, offline: bool, old: Option<&Lock>, look: Look) -> Result<u8> {
    let offered = pin::offered(project, offline, old, look).await?;
    let stage3 = old.map(|lock| lock.stage3.timestamp.as_str());
    let (line, newer_stage3) = compared("stage3", stage3, Some(&offered.stage3));
    print(&line);
    let snapshot = old.map(Lock::date);
    let (line, newer_snapshot) = compared("snapshot", snapshot, offered.snapshot.as_deref());
    print(&line);
    Ok(u8::from(newer_stage3 || newer_snapshot))
}

/// A line, and whether what the mirrors offer is newer.
pub(in crate::cli) fn compared(what: &str, old: Option<&str>, new: Option<&str>) -> (String, bool) {
    match (old, new) {
        (Some(old), Some(new)) if new > old => (format!("{what}: {old} -> {new}\n"), true),
        (Some(old), Some(new)) if new < old => {
            (format!("{what}: {old}, the mirrors have only {new}\n"), false)
        }
        (Some(old), _) => (format!("{what}: {old} is the newest\n"), false),
        (None, Some(new)) => (format!("{what}: {new}, none is pinned\n"), true),
        (None, None) => (format!("{what}: the mirrors have none\n"), false),
    }
}

fn changed(what: &str, old: Option<&Pin>, new: &Pin) -> String {
    let time = &new.timestamp;
    let Some(old) = old else { return format!("{what}: {time}, signed by {}\n", new.signer) };
    let mut line = match (old.sha512 == new.sha512, old.timestamp == *time) {
        (true, true) => format!("{what}: {time} as before"),
        (false, true) => format!("{what}: {time} with other content"),
        (_, false) => format!("{what}: {} -> {time}", old.timestamp),
    };
    if old.signer != new.signer {
        line.push_str(&format!(", signed by {} instead of {}", new.signer, old.signer));
    }
    line.push('\n');
    line
}
