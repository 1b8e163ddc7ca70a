//! `bb update`: move the lock to what the mirrors offer now.

use crate::cli::call::Call;

use crate::base::error::Result;
use crate::base::words::visible;
use crate::cli::io::message::tell;
use crate::cli::{entered, print};
use crate::config::lock::{Lock, Pin};
use crate::report::{self, Message, short_id};
use crate::session::{Moved, Now, Offered, Updated};

/// Pin the newest stage3, snapshot and images from elsewhere in bb.lock.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb update
  bb update --check   # exit 1 if there is something newer")]
pub(in crate::cli) struct Args {
    /// Pin nothing; exit 1 if the mirrors have something newer or a registry another image, or one cannot be asked
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
        return Ok(check(&project.offered(args.offline, &mut say).await?, args.offline));
    }
    let Updated { old, new, bases } =
        project.update(args.allow_older, args.offline, &mut say).await?;
    let old = old.as_ref();
    if let Some(new) = &new {
        print(&changed("stage3", old.map(|l| &l.stage3), &new.stage3));
        print(&changed("snapshot", old.map(|l| &l.portage), &new.portage));
    }
    print(&base_lines(&bases));
    Ok(u8::from(unanswered(&bases, args.offline)))
}

/// Whether somebody could not be asked who was to be: who asks for no network knows that registries are not.
pub(in crate::cli) fn unanswered(bases: &[Moved], offline: bool) -> bool {
    !offline && bases.iter().any(Moved::is_unknown)
}

fn check(Offered { pinned, times, bases }: &Offered, offline: bool) -> u8 {
    let pinned = pinned.as_ref();
    let mut newer = bases.iter().any(Moved::moves);
    if let Some(times) = times {
        let stage3 = pinned.map(|lock| lock.stage3.timestamp.as_str());
        let (line, newer_stage3) = compared("stage3", stage3, Some(&times.stage3));
        print(&line);
        let snapshot = pinned.map(Lock::date);
        let (line, newer_snapshot) = compared("snapshot", snapshot, times.snapshot.as_deref());
        print(&line);
        newer |= newer_stage3 || newer_snapshot;
    }
    print(&base_lines(bases));
    u8::from(newer || unanswered(bases, offline))
}

/// What images from elsewhere have come to.
pub(in crate::cli) fn base_lines(bases: &[Moved]) -> String {
    bases.iter().map(base_line).collect()
}

fn base_line(Moved { name, old, now }: &Moved) -> String {
    let name = name.to_string();
    let old = old.as_ref().map(|old| short_id(&old.id));
    let told = match (old, now) {
        (Some(old), Now::Is(new)) if short_id(&new.id) == old => format!("{old} as before"),
        (Some(old), Now::Is(new)) => format!("{old} -> {}", short_id(&new.id)),
        (None, Now::Is(new)) => {
            format!("{}, from {}", short_id(&new.id), report::origin(new.origin()))
        }
        (Some(old), Now::Unknown(why)) => format!("stays {old}: {}", why.message()),
        (None, Now::Unknown(why)) => format!("not pinned: {}", why.message()),
        (_, Now::Unused) => "not used any more".to_owned(),
    };
    format!("base {}: {}\n", visible(&name), visible(&told))
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
