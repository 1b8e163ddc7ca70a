//! Events and results as text for people.
//!
//! Writes to what it is given; knows no engine and no plan, only events.

pub mod difference;
#[cfg(feature = "cli")]
mod fancy;
pub mod findings;
pub mod history;
mod json;
pub mod ledger;
pub mod message;
pub mod outdated;
mod plain;
pub mod table;
pub mod trace;
pub mod usage;

use std::time::Duration;

use crate::base::words::counted;
use crate::config::lock::Origin;
use crate::exec::event::{Event, Summary};

#[cfg(feature = "cli")]
pub use fancy::Fancy;
pub use json::{Json, json};
pub use message::Message;
pub use plain::Plain;

/// Shows events as they come.
pub trait Report: Send {
    /// One event.
    fn event(&mut self, event: &Event);
    /// The run is over: clears what moves.
    fn finish(&mut self);
}

/// `0.4 s`, `12.3 s`, `4 min 05 s`.
pub fn duration(took: Duration) -> String {
    let seconds = took.as_secs();
    match seconds {
        0..=59 => format!("{:.1} s", took.as_secs_f64()),
        60..=3599 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// The last line of a run.
pub fn summary(summary: &Summary, took: Duration) -> String {
    let steps = |n: usize| counted(n, "step");
    let (ran, fresh) = (summary.executed.len(), summary.fresh);
    if !summary.failed.is_empty() {
        let skipped = match summary.skipped.len() {
            0 => String::new(),
            n => format!(", {n} not run because of it"),
        };
        return format!("{} failed{skipped}; {ran} done", steps(summary.failed.len()));
    }
    let taken = match summary.taken {
        0 => String::new(),
        n => format!(", {n} taken as recorded"),
    };
    let put = || counted(summary.put, "image");
    match ran {
        0 if summary.put > 0 => {
            format!("done: {} put into the engine, {} up to date{taken}", put(), steps(fresh))
        }
        0 if fresh + summary.taken == 0 => {
            "nothing to build: there is no dock, or each is excluded; `bb new NAME` makes one"
                .into()
        }
        0 => format!("nothing to do: {} up to date{taken}", steps(fresh)),
        _ => format!("done: {} in {}, {fresh} up to date{taken}", steps(ran), duration(took)),
    }
}

/// Where an image from elsewhere was found, for people.
pub fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Registry => "its registry",
        Origin::Engine => "the engine",
    }
}

/// An image's ID, as short as people compare it.
pub fn short_id(id: &str) -> &str {
    id.get(..SHORT_ID).unwrap_or(id)
}

/// With the algorithm's name, in characters.
const SHORT_ID: usize = "sha256:".len() + 12;
