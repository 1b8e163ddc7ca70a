//! How long each step will take, as far as records tell.
//!
//! Does not know which of them will run.

use std::convert::Infallible;
use std::time::Duration;

use crate::base::ids::Kind;
use crate::base::parallel;
use crate::exec::action::COMPILING_MS;
use crate::fresh::record::{FORMAT, Record};
use crate::plan::graph::{Plan, StepIx};
use crate::state::store::Store;

/// By step: as long as the last time; of one that never ran, as long as those of its kind on average, or what is usual.
pub(super) fn expected(plan: &Plan, store: &Store) -> Vec<Duration> {
    let last = |ix: &StepIx| {
        let record = store.load(&plan.step(*ix).id).0.filter(|record| record.format == FORMAT);
        Ok::<_, Infallible>(record.map(|record| duration(&record)))
    };
    let Ok(known) = parallel::map(plan.order(), last);
    let steps = plan.order().iter().map(|ix| (*ix, plan.step(*ix).id.kind)).zip(known);
    let steps = steps.collect::<Vec<_>>();
    let mut expected = vec![Duration::ZERO; plan.len()];
    for kind in Kind::ALL {
        let of_kind = || steps.iter().filter(|((_, of), _)| *of == kind);
        let others = average(of_kind().filter_map(|(_, took)| *took)).unwrap_or(usual(kind));
        for ((ix, _), took) in of_kind() {
            expected[ix.index()] = took.unwrap_or(others);
        }
    }
    expected
}

fn average(durations: impl Iterator<Item = Duration>) -> Option<Duration> {
    let all = durations.collect::<Vec<_>>();
    all.iter().sum::<Duration>().checked_div(u32::try_from(all.len()).ok()?)
}

/// A rootfs step that only put binary packages together will compile them another time.
fn duration(record: &Record) -> Duration {
    let compiling = record.products.get(COMPILING_MS).and_then(|ms| ms.parse::<u64>().ok());
    Duration::from_millis(compiling.unwrap_or_default().max(record.duration_ms))
}

/// Where nothing is known, what matters is which is the long one.
fn usual(kind: Kind) -> Duration {
    Duration::from_secs(match kind {
        Kind::Rootfs => 60,
        Kind::Import => 20,
        Kind::Fetch | Kind::Builder | Kind::Test => 5,
        Kind::Verify | Kind::Image | Kind::Task => 1,
        Kind::Dockerfile => 0,
    })
}
