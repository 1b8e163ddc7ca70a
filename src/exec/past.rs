//! How long steps took in the newest runs, and where in that time they were at which package.
//!
//! Does not know what will run.

use std::collections::HashMap;
use std::time::Duration;

use crate::base::ids::StepId;
use crate::exec::history;
use crate::exec::history::{End, Package, Ran};
use crate::exec::packages::{At, PackagePhase};
use crate::state::store::Store;

/// So many runs are looked at.
const RUNS: usize = 10;
/// Of one step, so many are kept.
const KEPT: usize = 5;
/// Of one step, an average of so many is taken.
const OF_ONE: usize = 3;

/// What ended well, by step, the newest first.
#[derive(Debug, Default)]
pub(super) struct Past(HashMap<String, Vec<Ran>>);

/// Where a running step is now.
#[derive(Debug, Clone)]
pub(super) struct Point {
    /// At which package.
    pub at: At,
    /// For how long, in whatever phase.
    pub since: Duration,
}

impl Past {
    pub(super) fn of(store: &Store) -> Self {
        Self::new(history::newest(store, RUNS).into_iter().flat_map(|run| run.steps))
    }

    fn new(steps: impl Iterator<Item = Ran>) -> Self {
        let mut past = Self::default();
        for ran in steps.filter(|ran| ran.end == End::Done) {
            let own = past.0.entry(ran.step.clone()).or_default();
            if own.len() < KEPT {
                own.push(ran);
            }
        }
        past
    }

    fn all(&self, step: &StepId) -> &[Ran] {
        self.0.get(&step.to_string()).map_or(&[], Vec::as_slice)
    }

    /// How long a step takes that has not begun: as the last time, and those before it that were of the same sort.
    pub(super) fn takes(&self, step: &StepId) -> Option<Duration> {
        let all = self.all(step);
        let compiled = all.first()?.packages.iter().any(Package::is_compiled);
        let alike =
            all.iter().filter(|ran| ran.packages.iter().any(Package::is_compiled) == compiled);
        average(alike.map(|ran| ran.seconds))
    }

    /// How long a step will still take that has run for so long: from the same package on as long as then.
    pub(super) fn left(
        &self,
        step: &StepId,
        took: Duration,
        point: Option<&Point>,
    ) -> Option<Duration> {
        let from_there = point
            .and_then(|point| average(self.all(step).iter().filter_map(|ran| after(ran, point))));
        from_there.or_else(|| Some(self.takes(step)?.saturating_sub(took)))
    }
}

/// How long a run of a step went on after such a point, in seconds.
fn after(ran: &Ran, point: &Point) -> Option<f64> {
    let merges = point.at.phase == PackagePhase::Merge;
    let same =
        |package: &&Package| package.package == point.at.package && package.is_compiled() != merges;
    let then = ran.packages.iter().find(same)?;
    // One that takes longer this time still has to end, and what is after it is as it was.
    let now = (then.from() + point.since.as_secs_f64()).min(then.until);
    Some(ran.from + ran.seconds - now)
}

fn average(seconds: impl Iterator<Item = f64>) -> Option<Duration> {
    let newest = seconds.take(OF_ONE).collect::<Vec<_>>();
    let count = u32::try_from(newest.len()).ok().filter(|count| *count > 0)?;
    Duration::try_from_secs_f64(newest.iter().sum::<f64>() / f64::from(count)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, phase: &str, from: f64, until: f64) -> Package {
        let phases = vec![(phase.to_owned(), from)];
        Package { package: name.into(), number: 1, total: 1, phases, until }
    }

    fn ran(from: f64, seconds: f64, packages: Vec<Package>) -> Ran {
        let (step, reason, note) = ("rootfs:a".into(), String::new(), String::new());
        Ran { step, reason, from, seconds, end: End::Done, note, packages }
    }

    /// Compiled in 100 s and in 120 s; before that, put together from what was compiled, in 6 s.
    fn past() -> Past {
        let compiled = |from: f64, more: f64| {
            let packages = vec![
                package("x/a-1", "compile", from + 10.0, from + 60.0 + more),
                package("x/b-1", "unpack", from + 60.0 + more, from + 90.0 + more),
                package("x/a-1", "merge", from + 90.0 + more, from + 95.0 + more),
            ];
            ran(from, 100.0 + more, packages)
        };
        let failed = Ran { end: End::Failed, ..ran(0.0, 3.0, vec![]) };
        let merged = ran(0.0, 6.0, vec![package("x/a-1", "merge", 2.0, 5.0)]);
        Past::new([failed, compiled(5.0, 0.0), compiled(7.0, 20.0), merged].into_iter())
    }

    fn left(name: &str, phase: PackagePhase, since: u64) -> Option<u64> {
        let at = At { package: name.into(), phase, number: 1, total: 2 };
        let point = Point { at, since: Duration::from_secs(since) };
        let left = past().left(&step("rootfs:a"), Duration::from_secs(50), Some(&point));
        left.map(|left| left.as_secs())
    }

    fn step(name: &str) -> StepId {
        name.parse().unwrap()
    }

    #[test]
    fn a_step_takes_as_long_as_when_it_last_did_the_same() {
        assert_eq!(past().takes(&step("rootfs:a")), Some(Duration::from_secs(110)));
        assert_eq!(past().takes(&step("rootfs:b")), None);
    }

    #[test]
    fn what_is_left_is_what_came_after_the_same_package() {
        use PackagePhase::{Compile, Merge};
        // 90 s of 100 and 110 s of 120 were left as it began.
        assert_eq!(left("x/a-1", Compile, 0), Some(100));
        assert_eq!(left("x/a-1", Compile, 40), Some(60));
        // It takes longer than ever: all that comes after it is still to be done.
        assert_eq!(left("x/a-1", Compile, 4000), Some(40));
        // Merged: 10 s, 10 s and 4 s.
        assert_eq!(left("x/a-1", Merge, 0), Some(8));
        // Another version: as the whole step.
        assert_eq!(left("x/a-2", Compile, 0), Some(60));
    }
}
