//! Signs of life: what runs, for how long, and where it is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::base::ids::StepId;
use crate::exec::event::Event;
use crate::exec::packages::At;

/// How often one is given while nothing ends.
pub(super) const EVERY: Duration = Duration::from_secs(30);

/// Steps that run, by what has been said of them.
#[derive(Debug, Default)]
pub(super) struct Life(BTreeMap<StepId, (Instant, Option<At>)>);

impl Life {
    /// Takes note of an event, and hands it on.
    pub(super) fn tell(&mut self, event: Event, report: &mut (dyn FnMut(Event) + Send)) {
        self.note(&event);
        report(event);
    }

    fn note(&mut self, event: &Event) {
        match event {
            Event::Started { step, .. } => {
                self.0.insert(step.clone(), (Instant::now(), None));
            }
            Event::Package { step, at } => {
                if let Some((_, place)) = self.0.get_mut(step) {
                    *place = Some(at.clone());
                }
            }
            Event::Done { step, .. } | Event::Failed { step, .. } => {
                self.0.remove(step);
            }
            _ => {}
        }
    }

    /// One for each that runs.
    pub(super) fn signs(&self) -> impl Iterator<Item = Event> + '_ {
        self.0.iter().map(|(step, (begun, at))| Event::Still {
            step: step.clone(),
            took: begun.elapsed(),
            at: at.clone(),
        })
    }
}
