//! What is made out of order: a step that comes to run needs something that was up to date, and is lost.
//!
//! Knows how a run goes on; what is lost is found out by `demand`.

use std::sync::Arc;

use crate::base::error::Result;
use crate::exec::demand;
use crate::exec::run::{Run, Task};
use crate::exec::sched::Outcome;
use crate::exec::work::Ended;
use crate::plan::graph::StepIx;

impl Run<'_> {
    /// Whether a step has to wait for something that it needs and that is lost; that comes next. Where that cannot be
    /// made, the step is not done either.
    pub(super) fn waits_for_lost(&mut self, ix: StepIx) -> bool {
        let Self { plan, inventory, context, made, demanded, .. } = self;
        let is_asked = self.options.asked.contains(&ix);
        let mut lost = demand::lost_before(plan, (ix, is_asked), &context.store, inventory);
        // Files that are back are not looked through yet.
        lost.extend(plan.upstream(ix).filter(|up| demanded.contains(up)));
        lost.retain(|up| !made.contains(up));
        if lost.iter().any(|up| self.unmakeable.contains(up)) {
            self.hold_back(ix);
            return true;
        }
        if lost.is_empty() {
            return false;
        }
        self.waiting.push(ix);
        for up in lost {
            if self.demanded.insert(up) {
                self.comes_next(up);
            }
        }
        true
    }

    fn comes_next(&mut self, ix: StepIx) {
        let job = Arc::new(self.job(ix).to_owned());
        self.queue.push_first((ix, Task::Work, job));
    }

    /// What was counted as fresh has been made after all, or could not be. Who waited for it goes on, or does not.
    pub(super) fn ended_on_demand(&mut self, ix: StepIx, ended: Result<Ended>) {
        let released = self.no_longer_waiting(ix);
        match ended {
            Ok(ended) => {
                self.made_on_demand(ix, ended);
                for step in released {
                    self.comes_next(step);
                }
            }
            Err(error) => {
                self.summary.fresh -= 1;
                self.unmakeable.insert(ix);
                self.failed(ix, error);
                if !self.options.keep_going {
                    self.sched.stop();
                }
                for step in released {
                    self.hold_back(step);
                }
            }
        }
    }

    /// Another process may have made it meanwhile.
    fn made_on_demand(&mut self, ix: StepIx, ended: Ended) {
        self.made.insert(ix);
        match ended {
            Ended::Fresh { products, stamp, .. } => self.note(ix, &products, stamp),
            Ended::Executed { products, stamp } => {
                self.note(ix, &products, stamp);
                self.summary.fresh -= 1;
                self.summary.executed.push(self.plan.step(ix).id.clone());
            }
        }
    }

    /// A step cannot run, for what it needs cannot be made.
    fn hold_back(&mut self, ix: StepIx) {
        if self.demanded.remove(&ix) {
            self.unmakeable.insert(ix);
            for step in self.no_longer_waiting(ix) {
                self.hold_back(step);
            }
        } else {
            self.summary.skipped.push(self.plan.step(ix).id.clone());
            self.sched.ended(ix, Outcome::Failed);
        }
    }

    /// The steps that waited for one, and maybe for others.
    fn no_longer_waiting(&mut self, ix: StepIx) -> Vec<StepIx> {
        let plan = self.plan;
        let waits = |step: &StepIx| plan.upstream(*step).any(|up| up == ix);
        let (released, waiting) = std::mem::take(&mut self.waiting).into_iter().partition(waits);
        self.waiting = waiting;
        released
    }
}
