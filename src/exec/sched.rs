//! The order of work as a state machine: what is ready, what is waiting, what a failure takes with it.
//!
//! Synchronous and without effects: knows the plan's shape, not what steps do or how long they take.

#![deny(clippy::disallowed_methods, reason = "the order is found without the world")]

use std::collections::{BinaryHeap, HashSet};

use crate::plan::graph::{Plan, StepIx};

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing to do.
    Fresh,
    /// Its action ran and ended well.
    Executed,
    /// Its action failed.
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting(usize),
    Running,
    Ended(Outcome),
    Skipped,
}

/// Readiness of every step of a plan.
#[derive(Debug)]
pub struct Sched<'p> {
    plan: &'p Plan,
    states: Vec<State>,
    /// Ready steps by position in the plan's order, first in order first.
    ready: BinaryHeap<std::cmp::Reverse<(usize, StepIx)>>,
    rank: Vec<usize>,
    keep_going: bool,
    stopped: bool,
}

impl<'p> Sched<'p> {
    /// All steps waiting; those without prerequisites ready.
    pub fn new(plan: &'p Plan, keep_going: bool) -> Self {
        let mut rank = vec![0; plan.len()];
        for (position, ix) in plan.order().iter().enumerate() {
            rank[ix.index()] = position;
        }
        let mut sched = Self {
            plan,
            states: vec![State::Waiting(0); plan.len()],
            ready: BinaryHeap::new(),
            rank,
            keep_going,
            stopped: false,
        };
        for ix in plan.order() {
            let before = plan.upstream(*ix).count();
            sched.states[ix.index()] = State::Waiting(before);
            if before == 0 {
                sched.push(*ix);
            }
        }
        sched
    }

    fn push(&mut self, ix: StepIx) {
        self.ready.push(std::cmp::Reverse((self.rank[ix.index()], ix)));
    }

    /// A step whose prerequisites have all ended well; it counts as running from now on.
    pub fn next_ready(&mut self) -> Option<StepIx> {
        if self.stopped {
            return None;
        }
        let std::cmp::Reverse((_, ix)) = self.ready.pop()?;
        self.states[ix.index()] = State::Running;
        Some(ix)
    }

    /// A running step has ended.
    pub fn ended(&mut self, ix: StepIx, outcome: Outcome) {
        self.states[ix.index()] = State::Ended(outcome);
        match outcome {
            Outcome::Failed => self.failed(ix),
            Outcome::Fresh | Outcome::Executed => self.release(ix),
        }
    }

    fn release(&mut self, ix: StepIx) {
        for next in self.plan.downstream(ix).collect::<Vec<_>>() {
            if let State::Waiting(before) = &mut self.states[next.index()] {
                *before -= 1;
                if *before == 0 {
                    self.push(next);
                }
            }
        }
    }

    fn failed(&mut self, ix: StepIx) {
        self.stopped |= !self.keep_going;
        let mut cone = vec![ix];
        let mut seen = HashSet::new();
        while let Some(at) = cone.pop() {
            for next in self.plan.downstream(at) {
                if seen.insert(next) {
                    self.states[next.index()] = State::Skipped;
                    cone.push(next);
                }
            }
        }
    }

    /// Where a step is in the plan's order.
    pub fn rank(&self, ix: StepIx) -> usize {
        self.rank[ix.index()]
    }

    /// Whether nothing becomes of a step any more: it has ended, or does not run because one before it failed.
    pub fn is_over(&self, ix: StepIx) -> bool {
        matches!(self.states[ix.index()], State::Ended(_) | State::Skipped)
    }

    /// Whether nothing new begins any more.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Begins nothing new.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// Steps that did not run because one before them failed.
    pub fn skipped(&self) -> impl Iterator<Item = StepIx> + '_ {
        let skipped = |ix: &&StepIx| self.states[ix.index()] == State::Skipped;
        self.plan.order().iter().filter(skipped).copied()
    }
}

#[cfg(test)]
mod tests {
    use litemap::LiteMap;

    use super::*;
    use crate::base::ids::{Kind, StepId};
    use crate::plan::step::{Need, Step, Work};

    /// Steps named by letters; `b<a` means that b needs a.
    fn plan(text: &str) -> Plan {
        let id = |n: &str| StepId::new(Kind::Fetch, n);
        let step = |word: &str| {
            let (name, needs) = word.split_once('<').unwrap_or((word, ""));
            Step {
                id: id(name),
                files: vec![],
                triggered_files: vec![],
                params: LiteMap::new(),
                needs: needs
                    .split(',')
                    .filter(|n| !n.is_empty())
                    .map(|n| Need::order(id(n)))
                    .collect(),
                outputs: vec![],
                objects: vec![],

                work: Work::Fetch { path: String::new(), dest: name.into(), pinned: None },
            }
        };
        Plan::new(text.split(' ').map(step).collect()).unwrap()
    }

    fn names(plan: &Plan, steps: impl Iterator<Item = StepIx>) -> String {
        let mut names = steps.map(|ix| plan.step(ix).id.name.clone()).collect::<Vec<_>>();
        names.sort();
        names.concat()
    }

    fn drain(sched: &mut Sched<'_>) -> Vec<StepIx> {
        std::iter::from_fn(|| sched.next_ready()).collect()
    }

    fn end(plan: &Plan, sched: &mut Sched<'_>, name: &str, outcome: Outcome) {
        let ix = plan.find(&StepId::new(Kind::Fetch, name)).unwrap();
        sched.ended(ix, outcome);
    }

    #[test]
    fn a_step_is_ready_when_all_before_it_have_ended() {
        let plan = plan("a b c<a,b d<c");
        let mut sched = Sched::new(&plan, false);
        assert_eq!(names(&plan, drain(&mut sched).into_iter()), "ab");
        end(&plan, &mut sched, "a", Outcome::Fresh);
        assert_eq!(sched.next_ready(), None);
        end(&plan, &mut sched, "b", Outcome::Executed);
        assert_eq!(names(&plan, drain(&mut sched).into_iter()), "c");
    }

    #[test]
    fn a_failure_skips_its_cone_and_stops_the_rest() {
        let plan = plan("a b c<a d<c e<b");
        for keep_going in [false, true] {
            let mut sched = Sched::new(&plan, keep_going);
            drain(&mut sched);
            end(&plan, &mut sched, "a", Outcome::Failed);
            end(&plan, &mut sched, "b", Outcome::Executed);
            assert_eq!(names(&plan, sched.skipped()), "cd");
            let rest = drain(&mut sched);
            assert_eq!(names(&plan, rest.into_iter()), if keep_going { "e" } else { "" });
        }
    }
}
