//! What is still to run, and for how long, as far as the newest runs tell.

use std::collections::HashSet;
use std::sync::OnceLock;
use std::time::Duration;

use crate::base::ids::Kind;
use crate::exec::expected;
use crate::exec::life::Life;
use crate::exec::past::Past;
use crate::exec::sched::Sched;
use crate::exec::standing::{Fate, Standing, left};
use crate::exec::work::Context;
use crate::plan::graph::{Plan, StepIx};

/// What has to be known of a run for that.
pub(super) struct Foreseen<'r> {
    pub(super) plan: &'r Plan,
    pub(super) sched: &'r Sched<'r>,
    pub(super) context: &'r Context,
    /// Read when it is asked for first: most runs are over by then.
    pub(super) past: &'r OnceLock<Past>,
    pub(super) expected: &'r OnceLock<Vec<Duration>>,
    pub(super) width: usize,
    /// Steps of which nothing becomes.
    pub(super) as_recorded: &'r HashSet<StepIx>,
}

impl Foreseen<'_> {
    /// Of a run in which so many steps have ended.
    pub(super) fn standing(&self, done: usize, life: &Life) -> Standing {
        let (fates, is_known) = self.fates(life);
        let to_run = fates.iter().filter(|fate| **fate != Fate::Over).count();
        let left = is_known.then(|| left(self.plan, &fates, self.width));
        Standing { done, all: done + to_run, jobs: self.context.tokens.at_work(), left }
    }

    /// What becomes of each step, and whether it is known how long the dear ones take. What is stale makes stale what
    /// needs it, as far as anybody can tell before.
    fn fates(&self, life: &Life) -> (Vec<Fate>, bool) {
        let Self { plan, sched, .. } = self;
        let (mut fates, mut is_known) = (vec![Fate::Over; plan.len()], true);
        for ix in plan.order() {
            // What is made on demand runs although the order has passed it; after a failure, nothing else begins.
            let runs = life.of(&plan.step(*ix).id).is_some();
            let begins = !sched.is_over(*ix) && !sched.is_stopped();
            if !runs && (!begins || self.as_recorded.contains(ix)) {
                continue;
            }
            let (fate, known) = self.fate(*ix, life);
            fates[ix.index()] = fate;
            is_known &= known;
        }
        (fates, is_known)
    }

    fn fate(&self, ix: StepIx, life: &Life) -> (Fate, bool) {
        let store = &self.context.store;
        let past = self.past.get_or_init(|| Past::of(store));
        let expected = self.expected.get_or_init(|| expected::expected(self.plan, store));
        let step = &self.plan.step(ix).id;
        let or_usual = |found: Option<Duration>, took: Duration| {
            let is_known = found.is_some() || step.kind != Kind::Rootfs;
            (found.unwrap_or_else(|| expected[ix.index()].saturating_sub(took)), is_known)
        };
        match life.of(step) {
            Some((took, point)) => {
                let (left, known) = or_usual(past.left(step, took, point.as_ref()), took);
                (Fate::Runs(left), known)
            }
            None => {
                let (takes, known) = or_usual(past.takes(step), Duration::ZERO);
                (Fate::Waits(takes), known)
            }
        }
    }
}
