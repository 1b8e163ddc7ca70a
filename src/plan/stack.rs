//! How high images stand on each other: no engine stacks more layers than [`Limit::Layers`].
//!
//! Pure. What is counted is what the Dockerfiles show: an image's own layers, one at least, and those of the
//! docks below it. An image from elsewhere may have any number.

use std::collections::HashMap;

use crate::base::ids::DockName;
use crate::base::limits::{Limit, Limits};
use crate::plan::expand::DockFacts;

/// The first dock, by name, that stands on so many layers that it cannot be stacked, and whose base can.
/// Docks that are built on themselves are none: the graph tells of them.
pub fn too_high(docks: &[DockFacts]) -> Option<&DockName> {
    let most = Limits::default().of(Limit::Layers);
    let by_name = docks.iter().map(|d| (&d.name, d)).collect::<HashMap<_, _>>();
    let mut heights = HashMap::<&DockName, u64>::with_capacity(docks.len());
    for dock in docks {
        let mut way = vec![];
        let mut at = Some(dock);
        while let Some(dock) = at.filter(|d| !heights.contains_key(&d.name)) {
            // Seen on this way and not yet measured: a circle ends here.
            heights.insert(&dock.name, 0);
            way.push(dock);
            at = dock.base.as_ref().and_then(|base| by_name.get(base).copied());
        }
        for dock in way.into_iter().rev() {
            let below = dock.base.as_ref().and_then(|base| heights.get(base)).copied();
            let height = below.unwrap_or(0).saturating_add(dock.layers.max(1));
            heights.insert(&dock.name, height);
        }
    }
    let height = |name: &DockName| heights.get(name).copied().unwrap_or(0);
    let fits = |dock: &DockFacts| dock.base.as_ref().is_none_or(|base| height(base) <= most);
    docks.iter().find(|dock| height(&dock.name) > most && fits(dock)).map(|dock| &dock.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::expand::tests::dock;

    fn chain(count: usize, layers: u64) -> Vec<DockFacts> {
        let own = |at: usize| match at {
            0 => dock("d0"),
            at => dock(&format!("d{at}<d{}", at - 1)),
        };
        (0..count).map(|at| DockFacts { layers, ..own(at) }).collect()
    }

    #[test]
    fn what_an_engine_can_stack_is_let_through() {
        assert_eq!(too_high(&chain(127, 0)), None);
        assert_eq!(too_high(&chain(128, 0)).unwrap().as_str(), "d127");
        assert_eq!(too_high(&chain(63, 2)), None);
        assert_eq!(too_high(&chain(200, 2)).unwrap().as_str(), "d63");
    }

    #[test]
    fn fifty_thousand_are_no_more_than_many() {
        let mut docks = chain(50_000, 0);
        docks.reverse();
        assert_eq!(too_high(&docks).unwrap().as_str(), "d127");
    }

    #[test]
    fn a_circle_ends() {
        let docks = ["a<b", "b<c", "c<a"].map(dock);
        assert_eq!(too_high(&docks), None);
    }
}
