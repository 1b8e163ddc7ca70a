//! Signs of life: what runs, for how long, and where it is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::base::ids::StepId;
use crate::exec::event::Event;
use crate::exec::packages::At;
use crate::exec::past::Point;

/// How often one is given while nothing ends.
pub(super) const EVERY: Duration = Duration::from_secs(30);
/// How often somebody may want to know how far the run is.
const SECOND: Duration = Duration::from_secs(1);

/// Steps that run, by what has been said of them.
#[derive(Debug)]
pub(super) struct Life {
    running: BTreeMap<StepId, Running>,
    pub(super) seconds: Interval,
}

#[derive(Debug)]
struct Running {
    begun: Instant,
    /// The package that it is at, and since when.
    place: Option<(At, Instant)>,
}

impl Life {
    /// Of a run that begins now.
    pub(super) fn begin() -> Self {
        let mut seconds = interval(SECOND);
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first one is there at once.
        seconds.reset();
        Self { running: BTreeMap::new(), seconds }
    }

    /// Takes note of an event, and hands it on.
    pub(super) fn tell(&mut self, event: Event, report: &mut (dyn FnMut(Event) + Send)) {
        self.note(&event);
        report(event);
    }

    fn note(&mut self, event: &Event) {
        match event {
            Event::Started { step, .. } => {
                let running = Running { begun: Instant::now(), place: None };
                self.running.insert(step.clone(), running);
            }
            Event::Package { step, at } => {
                if let Some(running) = self.running.get_mut(step) {
                    running.is_at(at);
                }
            }
            Event::Done { step, .. } | Event::Failed { step, .. } => {
                self.running.remove(step);
            }
            _ => {}
        }
    }

    /// For how long a step has run, and where it is.
    pub(super) fn of(&self, step: &StepId) -> Option<(Duration, Option<Point>)> {
        let running = self.running.get(step)?;
        let point = running.place.as_ref();
        let point = point.map(|(at, since)| Point { at: at.clone(), since: since.elapsed() });
        Some((running.begun.elapsed(), point))
    }

    /// One for each that runs.
    pub(super) fn signs(&self) -> impl Iterator<Item = Event> + '_ {
        self.running.iter().map(|(step, running)| Event::Still {
            step: step.clone(),
            took: running.begun.elapsed(),
            at: running.place.as_ref().map(|(at, _)| at.clone()),
        })
    }
}

impl Running {
    fn is_at(&mut self, at: &At) {
        let before = self.place.take();
        let since = before.filter(|(before, _)| before.is_with(at)).map(|(_, since)| since);
        self.place = Some((at.clone(), since.unwrap_or_else(Instant::now)));
    }
}
