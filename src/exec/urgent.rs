//! Which of the steps that wait begins first: that with the longest way to the end of the run.
//!
//! Pure: is told how long steps take, and does not know what they do.

#![deny(clippy::disallowed_methods, reason = "the order is found without the world")]

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use crate::plan::graph::{Plan, StepIx};

/// For each step, how long it takes with the longest chain of those that wait for it.
pub(super) fn to_come(plan: &Plan, takes: impl Fn(StepIx) -> Duration) -> Vec<Duration> {
    let mut to_come = vec![Duration::ZERO; plan.len()];
    for ix in plan.order().iter().rev() {
        let after = plan.downstream(*ix).map(|next| to_come[next.index()]).max();
        to_come[ix.index()] = takes(*ix) + after.unwrap_or_default();
    }
    to_come
}

/// What waits for its turn.
#[derive(Debug)]
pub(super) struct Queue<T> {
    /// Before all others, the last one first.
    first: Vec<T>,
    /// As they came. Most runs have fewer of them than may run at once, and nobody has to know how long they take.
    new: VecDeque<(StepIx, T)>,
    sorted: BinaryHeap<Waiting<T>>,
    come: usize,
}

#[derive(Debug)]
struct Waiting<T> {
    to_come: Duration,
    /// Of two with the same way before them, who came first.
    came: Reverse<usize>,
    item: T,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { first: vec![], new: VecDeque::new(), sorted: BinaryHeap::new(), come: 0 }
    }
}

impl<T> Queue<T> {
    pub(super) fn push(&mut self, step: StepIx, item: T) {
        self.new.push_back((step, item));
    }

    pub(super) fn push_first(&mut self, item: T) {
        self.first.push(item);
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// What may begin, of which there is room for so many. Where all that wait fit, and where only one runs at a time,
    /// they come in their order.
    pub(super) fn pop<'d>(
        &mut self,
        room: usize,
        is_one_by_one: bool,
        to_come: impl FnOnce() -> &'d [Duration],
    ) -> Option<T> {
        if let Some(item) = self.first.pop() {
            return Some(item);
        }
        if self.sorted.is_empty() && (is_one_by_one || self.new.len() <= room) {
            return self.new.pop_front().map(|(_, item)| item);
        }
        if !self.new.is_empty() {
            self.sort_in(to_come());
        }
        self.sorted.pop().map(|waiting| waiting.item)
    }

    fn sort_in(&mut self, to_come: &[Duration]) {
        for (step, item) in self.new.drain(..) {
            let (to_come, came) = (to_come[step.index()], Reverse(self.come));
            self.come += 1;
            self.sorted.push(Waiting { to_come, came, item });
        }
    }
}

impl<T> Waiting<T> {
    fn key(&self) -> (Duration, Reverse<usize>) {
        (self.to_come, self.came)
    }
}

impl<T> Ord for Waiting<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl<T> PartialOrd for Waiting<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Waiting<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for Waiting<T> {}

#[cfg(test)]
mod tests;
