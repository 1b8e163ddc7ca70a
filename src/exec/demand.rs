//! What is made on demand only: downloads, what is in the engine of them, the builder. Whoever has run them once needs
//! them again where a step runs, and nowhere else: another engine, or one that was tidied, imports nothing for images
//! that are up to date.
//!
//! Finds out what has to be made first. Makes nothing, and judges nothing.

use std::path::{Path, PathBuf};

use crate::fresh::Inventory;
use crate::fresh::reason::Reason;
use crate::fresh::record::{FileType, Record};
use crate::plan::graph::{Plan, StepIx};
use crate::plan::step::{Object, Step};
use crate::state::store::{Store, file_state};

/// Why a step that is up to date would have to run for whoever needs what it makes: something of it is not there.
pub(super) fn lost(step: &Step, record: &Record, inventory: &Inventory) -> Option<Reason> {
    if !step.id.kind.is_on_demand() {
        return None;
    }
    if is_unmade(step, record) {
        return Some(Reason::Never);
    }
    let output = step.outputs.iter().find(|path| is_gone(path)).cloned().map(Reason::OutputGone);
    let brought = |path: &&PathBuf| step.is_brought(path) && is_gone(path);
    let brought = || step.files.iter().find(brought).cloned().map(Reason::FileGone);
    let object = |object: &Object| lost_object(object, record, inventory);
    output.or_else(brought).or_else(|| step.objects.iter().find_map(object))
}

/// Whether only its products were noted: nobody has needed it yet.
fn is_unmade(step: &Step, record: &Record) -> bool {
    let is_missing = |path: &PathBuf| record.outputs.get(path).is_none();
    !step.outputs.is_empty() && step.outputs.iter().all(is_missing)
        || !step.objects.is_empty() && record.objects.is_empty()
}

fn lost_object(object: &Object, record: &Record, inventory: &Inventory) -> Option<Reason> {
    let (old, new) = (record.objects.get(&object.to_string()).cloned(), inventory.id(object));
    let object = object.clone();
    match new {
        None => Some(Reason::ObjectGone(object)),
        new if new != old => Some(Reason::ObjectChanged { object, old, new }),
        _ => None,
    }
}

fn is_gone(path: &Path) -> bool {
    file_state(path).kind == FileType::Missing
}

/// Whether a step that is up to date would have to run for whoever needs what it makes.
pub(super) fn is_lost(step: &Step, store: &Store, inventory: &Inventory) -> bool {
    step.id.kind.is_on_demand()
        && store.record(&step.id).is_some_and(|record| lost(step, &record, inventory).is_some())
}

/// The steps right before one that have to be made first if it runs.
pub(super) fn lost_before(
    plan: &Plan,
    (ix, is_asked): (StepIx, bool),
    store: &Store,
    inventory: &Inventory,
) -> Vec<StepIx> {
    if !is_asked && is_there(plan.step(ix), inventory) {
        return vec![];
    }
    plan.upstream(ix).filter(|up| is_lost(plan.step(*up), store, inventory)).collect()
}

/// Whether the engine has what a step makes for others: another project may have made it, so nothing is needed for it.
fn is_there(step: &Step, inventory: &Inventory) -> bool {
    step.made_for_others().is_some_and(|(image, content)| inventory.id_of(image) == Some(content))
}

/// All steps that have to be made first if one runs, each after those that it needs itself.
pub(super) fn all_lost_before(
    plan: &Plan,
    ix: StepIx,
    store: &Store,
    inventory: &Inventory,
) -> Vec<StepIx> {
    let mut found = vec![];
    visit(ix, &|ix| lost_before(plan, (ix, false), store, inventory), &mut found);
    found
}

/// As deep as the longest way from a download to the builder.
fn visit(ix: StepIx, before: &dyn Fn(StepIx) -> Vec<StepIx>, found: &mut Vec<StepIx>) {
    for up in before(ix) {
        if !found.contains(&up) {
            visit(up, before, found);
            found.push(up);
        }
    }
}
