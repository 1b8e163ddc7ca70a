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
    // A record is written together with its stamp, and always as a new file: their folder tells of one that is another
    // one or gone, for all of them.
    let kinds = plan.order().iter().map(|ix| plan.step(*ix).id.kind).collect::<BTreeSet<_>>();
    let folders = kinds.into_iter().map(|kind| store.record_folder(kind).join("."));
    looked.files.extend(folders.map(Cow::Owned));
    for step in plan.order().iter().map(|ix| plan.step(*ix)) {
        looked.files.insert(Cow::Owned(store.stamp_path(&step.id)));
        let files = step.files.iter().chain(&step.triggered_files).chain(&step.outputs);
        looked.files.extend(files.map(|file| Cow::Borrowed(file.as_path())));
        looked.objects.extend(step.objects.iter().cloned());
    }
    looked
}
