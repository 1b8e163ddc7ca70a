//! All that the judge looks at for a plan.
//!
//! Looks at nothing itself, and does not know what was found.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::plan::Plan;
use crate::state::store::Store;
use crate::state::trace::Looked;

/// `sources` is what the plan was made from.
pub fn looked(plan: &Plan, sources: BTreeSet<PathBuf>, store: &Store) -> Looked {
    let mut looked = Looked { steps: plan.len(), files: sources, ..Looked::default() };
    for step in plan.order().iter().map(|ix| plan.step(*ix)) {
        looked.files.extend([store.stamp_path(&step.id), store.record_path(&step.id)]);
        looked
            .files
            .extend(step.files.iter().chain(&step.triggered_files).chain(&step.outputs).cloned());
        looked.objects.extend(step.objects.iter().cloned());
    }
    looked
}
