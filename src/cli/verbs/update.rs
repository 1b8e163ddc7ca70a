//! `bb update`: move the lock to what the mirrors offer now.

use crate::cli::call::Call;

use crate::base::error::Result;
use crate::cli::io::message::tell;
use crate::cli::{entered, print};
use crate::config::lock::{Lock, Pin};
use crate::report::Message;
use crate::session::{Offered, Updated};

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

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let project = entered::project(&call.state)?;
    let mut say = |message: &Message<'_>| tell(call.look, message);
    if args.check {
        return Ok(check(&project.offered(args.offline, &mut say).await?));
    }
    let Updated { old, new } = project.update(args.allow_older, args.offline, &mut say).await?;
    let old = old.as_ref();
    print(&changed("stage3", old.map(|l| &l.stage3), &new.stage3));
    print(&changed("snapshot", old.map(|l| &l.portage), &new.portage));
    Ok(0)
}

fn check(Offered { pinned, times }: &Offered) -> u8 {
    let pinned = pinned.as_ref();
    let stage3 = pinned.map(|lock| lock.stage3.timestamp.as_str());
    let (line, newer_stage3) = compared("stage3", stage3, Some(&times.stage3));
    print(&line);
    let snapshot = pinned.map(Lock::date);
    let (line, newer_snapshot) = compared("snapshot", snapshot, times.snapshot.as_deref());
    print(&line);
    u8::from(newer_stage3 || newer_snapshot)
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
