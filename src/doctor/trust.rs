//! The pinned keys and their time, and the clock that they are judged by.

use std::time::{Duration, SystemTime};

use super::{Finding, Verdict};
use crate::base::time::date;

/// A key that expires within this many days is told.
const SOON: u64 = 30;
const DAY: u64 = 86_400;

/// One key of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Not a subkey.
    pub primary: bool,
    /// What it may do, in words; `revoked` or `invalid`.
    pub uses: String,
    /// When it expires, if ever.
    pub expires: Option<SystemTime>,
}

/// A pinned certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cert {
    /// Its primary fingerprint.
    pub fingerprint: String,
    /// None, if the certificate is nowhere.
    pub keys: Vec<Key>,
}

/// What is known of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Every pinned certificate.
    pub certs: Vec<Cert>,
    /// Why certificates cannot be read, and what to do.
    pub refused: Option<(String, Option<String>)>,
    /// Nobody verifies anything.
    pub skipped: bool,
    /// What time it is.
    pub now: SystemTime,
}

const REFRESH: &str = "`bb keys refresh` fetches the pinned certificates again";

/// Of all keys.
pub fn keys(facts: &Facts) -> Vec<Finding> {
    let there = facts.certs.iter().filter(|cert| facts.refused.is_none() || !cert.keys.is_empty());
    let refused = facts
        .refused
        .iter()
        .map(|(why, todo)| Finding::wrong("keys", why, todo.as_deref().unwrap_or(REFRESH)));
    let skipped = facts.skipped.then(|| {
        let todo = "nobody vouches for what goes into the images: unset BB_SKIP_VERIFY";
        Finding::warn("keys", "verification is skipped", todo)
    });
    skipped.into_iter().chain(refused).chain(there.map(|cert| key(cert, facts.now))).collect()
}

/// How long a certificate can be used.
enum Life {
    Missing,
    Revoked,
    CannotSign,
    Ever,
    Until(SystemTime),
}

fn life(keys: &[Key]) -> Life {
    let Some(primary) = keys.iter().find(|key| key.primary) else { return Life::Missing };
    if primary.uses == "revoked" {
        return Life::Revoked;
    }
    let signs = |key: &&Key| key.uses.split('+').any(|word| word == "sign");
    let signing = keys.iter().filter(signs).map(|key| key.expires);
    // The signing key that lasts longest: no end is later than any.
    let last = signing.reduce(|a, b| a.zip(b).map(|(a, b)| a.max(b)));
    let ends = |end: Option<Option<SystemTime>>| end.map(|end| [end, primary.expires]);
    match ends(last).map(|ends| ends.into_iter().flatten().min()) {
        None => Life::CannotSign,
        Some(None) => Life::Ever,
        Some(Some(end)) => Life::Until(end),
    }
}

fn key(Cert { fingerprint, keys }: &Cert, now: SystemTime) -> Finding {
    let wrong = |text: &str| Finding::wrong("keys", &format!("{fingerprint} {text}"), REFRESH);
    let end = match life(keys) {
        Life::Missing => return wrong("is missing"),
        Life::Revoked => return wrong("is revoked by its owner"),
        Life::CannotSign => return wrong("has no key that may sign"),
        Life::Ever => return Finding::ok("keys", &format!("{fingerprint} never expires")),
        Life::Until(end) => end,
    };
    let Ok(left) = end.duration_since(now) else {
        return wrong(&format!("expired on {}", date(end)));
    };
    let days = left.as_secs() / DAY;
    let text = format!("{fingerprint} expires on {}, in {}", date(end), plural(days, "day"));
    if days <= SOON { Finding::warn("keys", &text, REFRESH) } else { Finding::ok("keys", &text) }
}

fn plural(count: u64, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

/// What time somebody else says that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Who.
    pub who: String,
    /// The time there.
    pub says: SystemTime,
    /// The time here, then.
    pub here: SystemTime,
}

impl Witness {
    fn off(&self) -> Duration {
        let apart = self.says.duration_since(self.here);
        apart.unwrap_or_else(|other_way| other_way.duration())
    }
}

/// So far off a clock may be: signatures are dated by others, and stamps by several machines.
const TOLERATED: Duration = Duration::from_secs(300);

/// Of this machine's clock.
pub fn clock(witnesses: &[Witness]) -> Finding {
    let (right, off) = witnesses.iter().partition::<Vec<_>, _>(|w| w.off() <= TOLERATED);
    let names =
        |all: &[&Witness]| all.iter().map(|w| w.who.as_str()).collect::<Vec<_>>().join(" and ");
    let Some(first) = off.iter().max_by_key(|w| w.off()) else {
        return match right.as_slice() {
            [] => Finding::skip("clock", "there is nobody to compare it with"),
            some => Finding::ok("clock", &format!("agrees with {}", names(some))),
        };
    };
    let ahead = if first.says > first.here { "behind" } else { "ahead of" };
    let text = format!("{} {ahead} {}", span(first.off()), first.who);
    if right.is_empty() {
        let todo = "set it (`timedatectl set-ntp true`): signatures and stamps go wrong";
        return Finding::new(Verdict::Wrong, "clock", &text, Some(todo));
    }
    let text = format!("{text}, but agrees with {}", names(&right));
    Finding::warn("clock", &text, &format!("the clock of {} may be wrong", first.who))
}

/// `6 min`, `1 h 05 min`, `40 days`.
fn span(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    match minutes {
        0..60 => format!("{minutes} min"),
        60..2_880 => format!("{} h {:02} min", minutes / 60, minutes % 60),
        _ => plural(minutes / 1_440, "day"),
    }
}
