//! A run as a trace for `chrome://tracing` or Perfetto: which step ran when, at which package, in which phase.
//!
//! Source of the format: <https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU>. Knows no
//! clock: who calls it says when something happened.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::base::ids::StepId;
use crate::exec::event::Event;
use crate::exec::packages::{At, PackagePhase};

/// What has happened so far.
#[derive(Debug, Default)]
pub struct Trace {
    slices: Vec<Slice>,
    running: BTreeMap<StepId, Running>,
}

/// One thing that took its time. The names of the fields are the format's.
#[derive(Debug, Serialize)]
struct Slice {
    name: String,
    cat: &'static str,
    /// A complete event.
    ph: &'static str,
    /// Microseconds.
    ts: u128,
    /// Microseconds.
    dur: u128,
    pid: u32,
    /// The lane: no two steps that run at the same time have the same one.
    tid: usize,
    args: BTreeMap<&'static str, String>,
}

#[derive(Debug)]
struct Running {
    lane: usize,
    begun: Duration,
    reason: String,
    /// Since when it is at this package, and in this phase of it.
    at: Option<(At, Duration, Duration)>,
}

impl Trace {
    /// Takes note of an event; `now` is the time since the run began.
    pub fn event(&mut self, event: &Event, now: Duration) {
        match event {
            Event::Started { step, reason } => {
                let lanes = self.running.values().map(|running| running.lane).collect::<Vec<_>>();
                let lane = (0..lanes.len()).find(|lane| !lanes.contains(lane));
                let lane = lane.unwrap_or(lanes.len());
                let running = Running { lane, begun: now, reason: reason.clone(), at: None };
                self.running.insert(step.clone(), running);
            }
            Event::Package { step, at } => self.package(step, at, now),
            Event::Done { step, note, .. } => self.ended(step, note, now),
            Event::Failed { step, error, .. } => self.ended(step, error.message(), now),
            _ => {}
        }
    }

    fn package(&mut self, step: &StepId, at: &At, now: Duration) {
        let Some(running) = self.running.get_mut(step) else { return };
        let before = running.at.take();
        let goes_on = before.as_ref().filter(|(old, ..)| is_same(old, at));
        let since = goes_on.map_or(now, |(_, since, _)| *since);
        running.at = Some((at.clone(), since, now));
        let lane = running.lane;
        if let Some(before) = before {
            let is_left = !is_same(&before.0, at);
            self.left(before, is_left, lane, now);
        }
    }

    /// A phase has ended, and the package with it, or not.
    fn left(&mut self, at: (At, Duration, Duration), is_left: bool, lane: usize, now: Duration) {
        let (At { package, phase, number, total }, since, in_phase) = at;
        self.slice(phase.to_string(), "phase", lane, (in_phase, now), BTreeMap::new());
        if is_left {
            let args = [("number", format!("{number} of {total}"))].into();
            self.slice(package, "package", lane, (since, now), args);
        }
    }

    fn ended(&mut self, step: &StepId, note: &str, now: Duration) {
        let Some(running) = self.running.remove(step) else { return };
        if let Some(at) = running.at {
            self.left(at, true, running.lane, now);
        }
        let args = [("reason", running.reason), ("note", note.to_owned())].into();
        self.slice(step.to_string(), "step", running.lane, (running.begun, now), args);
    }

    fn slice(
        &mut self,
        name: String,
        cat: &'static str,
        tid: usize,
        (from, to): (Duration, Duration),
        args: BTreeMap<&'static str, String>,
    ) {
        let (ts, dur) = (from.as_micros(), to.saturating_sub(from).as_micros());
        self.slices.push(Slice { name, cat, ph: "X", ts, dur, pid: 1, tid, args });
    }

    /// All of it as JSON; what still runs is left where it is by now.
    pub fn end(mut self, now: Duration) -> String {
        for step in self.running.keys().cloned().collect::<Vec<_>>() {
            self.ended(&step, "interrupted", now);
        }
        // Its keys are strings, its numbers whole: nothing in it can fail to be written.
        serde_json::to_string(&serde_json::json!({ "traceEvents": self.slices }))
            .unwrap_or_default()
            + "\n"
    }
}

/// Compiled is one thing, merged another.
fn is_same(old: &At, new: &At) -> bool {
    let merges = |at: &At| at.phase == PackagePhase::Merge;
    old.package == new.package && merges(old) == merges(new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::packages::PackagePhase::{Compile, Merge, Unpack};

    fn step(name: &str) -> StepId {
        name.parse().unwrap()
    }

    fn started(name: &str) -> Event {
        Event::Started { step: step(name), reason: "why".into() }
    }

    fn done(name: &str) -> Event {
        Event::Done { step: step(name), took: Duration::ZERO, note: String::new() }
    }

    fn package(name: &str, package: &str, phase: crate::exec::packages::PackagePhase) -> Event {
        let at = At { package: package.into(), phase, number: 1, total: 2 };
        Event::Package { step: step(name), at }
    }

    #[test]
    fn slices_lie_in_each_other_and_steps_beside_each_other() {
        let mut trace = Trace::default();
        let events = [
            started("rootfs:a"),
            started("image:b"),
            package("rootfs:a", "x/one-1", Unpack),
            package("rootfs:a", "x/one-1", Compile),
            done("image:b"),
            package("rootfs:a", "x/two-1", Merge),
            started("image:c"),
            package("image:unknown", "x/two-1", Merge),
            done("rootfs:a"),
        ];
        for (second, event) in (0..).zip(&events) {
            trace.event(event, Duration::from_secs(second));
        }
        let text = trace.end(Duration::from_secs(9));
        let told: serde_json::Value = serde_json::from_str(&text).unwrap();
        let slices = told["traceEvents"].as_array().unwrap().iter().map(|slice| {
            let (name, lane) = (slice["name"].as_str().unwrap(), &slice["tid"]);
            let seconds = |key: &str| slice[key].as_u64().unwrap() / 1_000_000;
            format!("{name} {lane} {}+{}", seconds("ts"), seconds("dur"))
        });
        assert_eq!(
            slices.collect::<Vec<_>>(),
            [
                "unpack 0 2+1",
                "image:b 1 1+3",
                "compile 0 3+2",
                "x/one-1 0 2+3",
                "merge 0 5+3",
                "x/two-1 0 5+3",
                "rootfs:a 0 0+8",
                "image:c 1 6+3",
            ]
        );
    }
}
