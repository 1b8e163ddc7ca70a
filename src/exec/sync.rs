//! Make's and ninja's file times say what the judge says: stamps of fresh steps are re-timed, those of
//! stale steps and of everything downstream of them are withdrawn.
//!
//! Runs no action.

use std::collections::{HashMap, HashSet};

use crate::base::error::Result;
use crate::base::ids::{Kind, StepId};
use crate::exec::eyes::Products;
use crate::exec::job;
use crate::exec::job::Job;
use crate::fresh::Inventory;
use crate::plan::graph::Plan;
use crate::state::store::Store;

/// Brings all stamps of the plan in line with the judge. Returns how many steps are not
/// fresh, less the tests, which nobody may ever ask for.
///
/// # Errors
/// A file cannot be read or written.
pub fn sync(plan: &Plan, store: &Store, inventory: &Inventory) -> Result<usize> {
    let mut products = Products::new();
    let mut stamps = HashMap::<StepId, i64>::new();
    let mut stale = HashSet::new();
    for ix in plan.order() {
        let id = plan.step(*ix).id.clone();
        let downstream = plan.upstream(*ix).any(|up| stale.contains(&up));
        let settled = if downstream {
            None
        } else {
            job::settle(Job::new(plan.step(*ix), &products, &stamps), store, inventory)?
        };
        if let Some((record, time)) = settled {
            products.insert(id.clone(), record);
            stamps.insert(id, time);
        } else {
            stale.insert(*ix);
            store.withdraw(&id)?;
        }
    }
    store.save_index();
    Ok(stale.iter().filter(|ix| plan.step(**ix).id.kind != Kind::Test).count())
}
