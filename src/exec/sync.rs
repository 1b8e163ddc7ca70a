//! Make's and ninja's file times say what the judge says: stamps of fresh steps are re-timed, those of
//! stale steps and of everything downstream of them are withdrawn.
//!
//! Runs no action.

use std::collections::{HashMap, HashSet};

use std::sync::Arc;

use crate::base::error::Result;
use crate::base::ids::{Kind, StepId};
use crate::exec::eyes::Products;
use crate::exec::job::Job;
use crate::exec::{job, put};
use crate::fresh::Inventory;
use crate::plan::graph::{Plan, StepIx};
use crate::state::store::Store;

/// How the steps stand, stamps and all.
#[derive(Debug, Default)]
pub struct Synced {
    /// How many are not fresh, less the tests, which nobody may ever ask for.
    pub stale: usize,
    /// Those that are, and whose image the engine lacks.
    pub lacking: Vec<StepIx>,
}

/// Brings all stamps of the plan in line with the judge.
///
/// # Errors
/// A file cannot be read or written.
pub fn sync(plan: &Plan, store: &Store, inventory: &Inventory) -> Result<Synced> {
    let mut products = Products::new();
    let mut stamps = HashMap::<StepId, i64>::new();
    let (mut stale, mut lacking) = (HashSet::new(), vec![]);
    for ix in plan.order() {
        let id = plan.step(*ix).id.clone();
        let downstream = plan.upstream(*ix).any(|up| stale.contains(&up));
        let settled = if downstream {
            None
        } else {
            job::settle(Job::new(plan.step(*ix), &products, &stamps), store, inventory)?
        };
        if let Some((record, time)) = settled {
            if put::lacks(plan.step(*ix), &record, inventory, store) {
                lacking.push(*ix);
            }
            products.insert(id.clone(), Arc::new(record.products.clone()));
            stamps.insert(id, time);
        } else {
            stale.insert(*ix);
            store.withdraw(&id)?;
        }
    }
    store.save_index();
    let stale = stale.iter().filter(|ix| plan.step(**ix).id.kind != Kind::Test).count();
    Ok(Synced { stale, lacking })
}
