//! What the store has is taken before anything is made for it.
//!
//! Knows how a run goes on; what is there and counts is found out by `stored`.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

use crate::base::error::Result;
use crate::exec::event::Event;
use crate::exec::interrupt::Interrupts;
use crate::exec::job::OwnedJob;
use crate::exec::launch::launch;
use crate::exec::life::Life;
use crate::exec::run::{Came, Run, Task, next_end, stop};
use crate::exec::{stored, work};
use crate::plan::graph::StepIx;

impl Run<'_> {
    /// What is done first about a step that is stale.
    pub(super) fn first(&self, ix: StepIx) -> Task {
        let (step, context) = (self.plan.step(ix), &self.context);
        if self.options.asked.contains(&ix) || self.options.wanted.contains(&ix) {
            Task::Work
        } else if stored::is_asked(step, context) {
            Task::Take
        } else if stored::is_noted(step, context) {
            Task::Note
        } else {
            Task::Work
        }
    }

    /// Whether another machine works on a step. It finds out by itself what it needs, and what is there already.
    pub(super) fn is_launched(&self, ix: StepIx) -> bool {
        !self.options.asked.contains(&ix) && self.context.launcher_of(self.plan.step(ix)).is_some()
    }

    pub(super) fn start_launched(&mut self, ix: StepIx, job: Arc<OwnedJob>) {
        let (context, events) = (self.context.clone(), self.events.clone());
        self.tasks.spawn(async move {
            let ended = launch(&job, &context, &events).await;
            (ix, ended.map(Came::Worked))
        });
    }

    pub(super) fn start_taking(&mut self, ix: StepIx, job: Arc<OwnedJob>) {
        let (context, events) = (self.context.clone(), self.events.clone());
        self.tasks.spawn(async move {
            let taken = stored::take(&job, &context, &events).await;
            (ix, taken.map(|taken| Came::Taken(job, taken)))
        });
    }

    pub(super) fn start_noting(&mut self, ix: StepIx, job: Arc<OwnedJob>) {
        let context = self.context.clone();
        self.tasks.spawn(async move {
            let noted = stored::note_unmade(&job, &context).await;
            (ix, noted.map(|noted| Came::Taken(job, noted)))
        });
    }

    /// What is there, or else that the step has to run.
    pub(super) fn taken(&mut self, ix: StepIx, job: Arc<OwnedJob>, taken: Option<work::Ended>) {
        match taken {
            Some(ended) => self.ended(ix, Ok(ended)),
            None => self.queue.push(ix, (ix, Task::Work, job)),
        }
    }

    /// Waits for what is on its way to the store.
    pub(super) async fn gifts_arrive(
        &mut self,
        received: &mut UnboundedReceiver<Event>,
        life: &mut Life,
        report: &mut (dyn FnMut(Event) + Send),
        interrupts: &mut Interrupts,
    ) -> Result<()> {
        if self.context.gifts.is_empty().await {
            return Ok(());
        }
        let mut gifts = JoinSet::new();
        let context = self.context.clone();
        gifts.spawn(async move { context.gifts.arrive().await });
        let nothing = |_: &Life| None;
        let next = next_end(&mut gifts, received, life, &nothing, report, interrupts).await;
        match next {
            Some(_) => Ok(()),
            None => stop(&mut gifts, &self.context, report, interrupts).await,
        }
    }
}
