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
use crate::exec::standing::Standing;

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

/// `12 of 25 steps, 2 of 2 jobs, about 3 min 20 s left`.
pub fn progress(standing: &Standing) -> String {
    let Standing { done, all, jobs, left } = standing;
    let jobs = match *jobs {
        (jobs, Some(of)) => format!("{jobs} of {}", counted(of, "job")),
        (jobs, None) => counted(jobs, "job"),
    };
    let left = left.map_or(String::new(), |left| format!(", {} left", about(left)));
    format!("{done} of {}, {jobs}{left}", counted(*all, "step"))
}

/// As exactly as it can be foreseen.
fn about(left: Duration) -> String {
    const MINUTE: u64 = 60;
    let seconds = left.as_secs();
    let unit = match seconds {
        ..MINUTE => 5,
        MINUTE..600 => 10,
        _ => MINUTE,
    };
    let seconds = seconds.next_multiple_of(unit).max(unit);
    match (seconds / MINUTE, seconds % MINUTE) {
        (0, seconds) => format!("about {seconds} s"),
        (minutes @ ..MINUTE, 0) => format!("about {minutes} min"),
        (minutes @ ..MINUTE, seconds) => format!("about {minutes} min {seconds:02} s"),
        (minutes, _) => format!("about {} h {:02} min", minutes / 60, minutes % 60),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_as_exactly_as_it_is_known() {
        let told = |seconds| about(Duration::from_secs(seconds));
        let expected = [
            (0, "about 5 s"),
            (56, "about 1 min"),
            (61, "about 1 min 10 s"),
            (595, "about 10 min"),
            (601, "about 11 min"),
            (3_601, "about 1 h 01 min"),
            (90_000, "about 25 h 00 min"),
        ];
        assert_eq!(expected.map(|(seconds, _)| told(seconds)), expected.map(|(_, text)| text));
    }

    #[test]
    fn where_a_run_stands_is_a_line() {
        let standing = Standing { done: 1, all: 12, jobs: (2, Some(4)), left: None };
        assert_eq!(progress(&standing), "1 of 12 steps, 2 of 4 jobs");
        let left = Some(Duration::from_secs(200));
        let under_make = Standing { jobs: (1, None), left, ..standing };
        assert_eq!(progress(&under_make), "1 of 12 steps, 1 job, about 3 min 20 s left");
    }
}
