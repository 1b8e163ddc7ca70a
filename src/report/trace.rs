//! A run as a trace for `chrome://tracing` or Perfetto: which step ran when, at which package, in which phase, and how
//! many jobs were at work.
//!
//! Source of the format: <https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU>.

use serde::Serialize;
use serde_json::{Value, json};

use crate::exec::history::{Package, Ran, Run};

/// One thing that took its time. The names of the fields are the format's.
#[derive(Debug, Serialize)]
struct Slice<'r> {
    name: &'r str,
    cat: &'static str,
    /// A complete event.
    ph: &'static str,
    /// Microseconds.
    ts: f64,
    /// Microseconds.
    dur: f64,
    pid: u32,
    /// The lane: no two steps that ran at the same time have the same one.
    tid: usize,
    args: Value,
}

/// The whole run, as JSON.
pub fn trace(run: &Run) -> String {
    let mut steps = run.steps.iter().collect::<Vec<_>>();
    steps.sort_by(|a, b| a.from.total_cmp(&b.from));
    // Until when each lane is taken.
    let mut lanes: Vec<f64> = vec![];
    let mut slices = vec![];
    for ran in steps {
        let free = lanes.iter().position(|until| *until <= ran.from);
        let lane = free.unwrap_or_else(|| {
            lanes.push(0.0);
            lanes.len() - 1
        });
        if let Some(until) = lanes.get_mut(lane) {
            *until = ran.from + ran.seconds;
        }
        add(&mut slices, ran, lane);
    }
    let slices = slices.iter().map(|slice| json!(slice));
    let events = slices.chain(run.jobs.iter().map(|(from, jobs)| count(*from, *jobs)));
    let events = events.collect::<Vec<_>>();
    // Its keys are strings, its numbers finite: nothing in it can fail to be written.
    serde_json::to_string(&json!({ "traceEvents": events })).unwrap_or_default() + "\n"
}

/// A counter's event.
fn count(from: f64, jobs: usize) -> Value {
    json!({ "name": "jobs", "ph": "C", "ts": from * 1e6, "pid": 1, "args": { "at work": jobs } })
}

fn add<'r>(slices: &mut Vec<Slice<'r>>, ran: &'r Ran, tid: usize) {
    let mut slice = |name: &'r str, cat: &'static str, from: f64, seconds: f64, args: Value| {
        let (ts, dur) = (from * 1e6, seconds * 1e6);
        slices.push(Slice { name, cat, ph: "X", ts, dur, pid: 1, tid, args });
    };
    let args = json!({ "reason": ran.reason, "end": ran.end, "note": ran.note });
    slice(&ran.step, "step", ran.from, ran.seconds, args);
    for package in &ran.packages {
        let Package { package: name, number, total, phases, until } = package;
        let args = json!({ "number": format!("{number} of {total}") });
        slice(name, "package", package.from(), package.seconds(), args);
        let ends = phases.iter().skip(1).map(|(_, from)| *from).chain([*until]);
        for ((phase, from), end) in phases.iter().zip(ends) {
            slice(phase, "phase", *from, end - from, json!({}));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::history::End;

    fn ran(step: &str, from: f64, seconds: f64, packages: Vec<Package>) -> Ran {
        let (reason, note) = ("why".to_owned(), String::new());
        Ran { step: step.into(), reason, from, seconds, end: End::Done, note, packages }
    }

    #[test]
    fn slices_lie_in_each_other_and_steps_beside_each_other() {
        let phases = vec![("unpack".to_owned(), 2.0), ("compile".to_owned(), 3.0)];
        let one = Package { package: "x/one-1".into(), number: 1, total: 2, phases, until: 7.0 };
        let steps = vec![
            ran("image:b", 1.0, 3.0, vec![]),
            ran("rootfs:a", 0.0, 8.0, vec![one]),
            ran("image:c", 4.0, 5.0, vec![]),
        ];
        let run = Run { steps, ..Run::default() };
        let told: Value = serde_json::from_str(&trace(&run)).unwrap();
        let slices = told["traceEvents"].as_array().unwrap().iter().map(|slice| {
            let (name, lane) = (slice["name"].as_str().unwrap(), &slice["tid"]);
            let seconds = |key: &str| slice[key].as_f64().unwrap() / 1e6;
            format!("{name} {lane} {}+{}", seconds("ts"), seconds("dur"))
        });
        assert_eq!(
            slices.collect::<Vec<_>>(),
            [
                "rootfs:a 0 0+8",
                "x/one-1 0 2+5",
                "unpack 0 2+1",
                "compile 0 3+4",
                "image:b 1 1+3",
                "image:c 1 4+5",
            ]
        );
    }
}
