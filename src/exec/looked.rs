//! All that the judge looks at for a plan.
//!
//! Looks at nothing itself, and does not know what was found.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::plan::Plan;
use crate::state::store::Store;
use crate::state::trace::Looked;

/// `sources` is what the plan was made from.
pub fn looked<'a>(plan: &'a Plan, sources: BTreeSet<PathBuf>, store: &Store) -> Looked<'a> {
    let files = sources.into_iter().map(Cow::Owned).collect();
    let mut looked = Looked { steps: plan.len(), files, ..Looked::default() };
    for step in plan.order().iter().map(|ix| plan.step(*ix)) {
        let own = [store.stamp_path(&step.id), store.record_path(&step.id)];
        looked.files.extend(own.map(Cow::Owned));
        let files = step.files.iter().chain(&step.triggered_files).chain(&step.outputs);
        looked.files.extend(files.map(|file| Cow::Borrowed(file.as_path())));
        looked.objects.extend(step.objects.iter().cloned());
    }
    looked
}
