//! How far a run is, and how long it will still take if each step takes as long as in the newest runs.
//!
//! Pure: is told what runs and how long things take.

#![deny(clippy::disallowed_methods, reason = "what is left is found without the world")]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::exec::urgent;
use crate::plan::graph::{Plan, StepIx};

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Steps that have ended in it.
    pub done: usize,
    /// With those that are still to run.
    pub all: usize,
    /// How many jobs are at work, and how many may be; not known where make counts them.
    pub jobs: (usize, Option<usize>),
    /// How long it will still take; nobody knows it of a step that is dear and never ran.
    pub left: Option<Duration>,
}

/// What becomes of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It has ended, or nothing is to be done.
    Over,
    /// It runs, or will, for so long.
    Runs(Duration),
    Waits(Duration),
}

/// How long all of it takes, with so many steps at a time, by the order in which they begin.
pub(super) fn left(plan: &Plan, fates: &[Fate], width: usize) -> Duration {
    let fate = |ix: StepIx| fates[ix.index()];
    let to_come = urgent::to_come(plan, |ix| match fate(ix) {
        Fate::Over => Duration::ZERO,
        Fate::Runs(left) | Fate::Waits(left) => left,
    });
    let mut before = vec![0; plan.len()];
    let (mut ready, mut running) = (BinaryHeap::new(), BinaryHeap::new());
    for ix in plan.order() {
        before[ix.index()] = plan.upstream(*ix).filter(|up| fate(*up) != Fate::Over).count();
        match fate(*ix) {
            Fate::Runs(left) => running.push(Reverse((left, *ix))),
            Fate::Waits(_) if before[ix.index()] == 0 => ready.push((to_come[ix.index()], *ix)),
            Fate::Waits(_) | Fate::Over => {}
        }
    }
    let mut now = Duration::ZERO;
    loop {
        while running.len() < width.max(1)
            && let Some((_, ix)) = ready.pop()
        {
            if let Fate::Waits(takes) = fate(ix) {
                running.push(Reverse((now + takes, ix)));
            }
        }
        let Some(Reverse((end, ended))) = running.pop() else { return now };
        now = end;
        for next in plan.downstream(ended) {
            before[next.index()] -= 1;
            if before[next.index()] == 0 && matches!(fate(next), Fate::Waits(_)) {
                ready.push((to_come[next.index()], next));
            }
        }
    }
}
