//! What a build says about trust: that verification is skipped, that a key expires soon.
//!
//! Reads what the last verification recorded, and no key.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::base::ids::{Kind, StepId};
use crate::base::time::date;
use crate::cli::Look;
use crate::cli::io::message::tell;
use crate::config::Settings;
use crate::exec::action::{EXPIRES, SKIPPED};
use crate::fresh::record::Record;
use crate::report::Message;
use crate::state::store::Store;

/// A key that expires within this many days is told in every build.
const SOON: u64 = 30;
const DAY: u64 = 86_400;

/// Said before anything is done.
pub(in crate::cli) fn begin(settings: &Settings, look: Look) {
    if settings.skip_verify {
        let message = "verification is skipped: nobody vouches for what goes into the images";
        tell(look, &Message::Alarm { message });
    }
}

/// Said at the end.
pub(in crate::cli) fn end(store: &Store, look: Look) {
    let records = ["stage3", "portage"].map(|name| store.record(&StepId::new(Kind::Verify, name)));
    let records = records.iter().flatten();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut told = records.clone().filter_map(|record| expiry(record, now)).collect::<Vec<_>>();
    told.dedup();
    for message in &told {
        let hint =
            "`bb keys refresh` fetches the keys again: Gentoo extends them about once a year";
        tell(look, &Message::Warning { message, hint });
    }
    if records.clone().any(|record| record.products.contains_key(SKIPPED)) {
        let message = "NOT VERIFIED: stage3 and snapshot; `bb build` without -s verifies them";
        tell(look, &Message::Alarm { message });
    }
}

fn expiry(record: &Record, now: u64) -> Option<String> {
    let end = record.products.get(EXPIRES)?.parse::<u64>().ok()?;
    let key = record.products.get("signer")?;
    let day = date(UNIX_EPOCH + Duration::from_secs(end));
    match end.checked_sub(now).map(|left| left / DAY) {
        None => Some(format!("key `{key}` expired on {day}")),
        Some(days @ 0..=SOON) => Some(format!("key `{key}` expires on {day}, in {days} days")),
        Some(_) => None,
    }
}
