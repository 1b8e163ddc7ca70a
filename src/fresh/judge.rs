//! The one judge.
//!
//! Decides from a step, its record and what it may look at. Does not act, and does not know who
//! asks: `build`, `step`, `sync`, `status` and `why` all get their verdict here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::base::error::Result;
use crate::base::ids::StepId;
use crate::fresh::reason::{Change, Reason};
use crate::fresh::record::{FORMAT, FileState, FileType, Record, Stamp};
use crate::plan::step::{BASE_PARAM, Object, Step, WHOLE_CONTEXT};

/// What the judge may look at.
pub trait Look {
    /// The stat of a path, without a hash. Missing is a state.
    fn stat(&mut self, path: &Path) -> FileState;
    /// SHA-256 of a regular file's content.
    ///
    /// # Errors
    /// The file cannot be read.
    fn hash(&mut self, path: &Path) -> Result<String>;
    /// A product of a step upstream, if it has finished.
    fn product(&mut self, step: &StepId, product: &str) -> Option<String>;
    /// The engine's id of an object, if it exists.
    ///
    /// # Errors
    /// The engine does not answer.
    fn object(&mut self, object: &Object) -> Result<Option<String>>;
}

/// Fresh, or stale and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing to do.
    Fresh,
    /// Its action has to run.
    Stale(Reason),
}

/// A verdict, and what was seen on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Fresh or stale.
    pub verdict: Verdict,
    /// States of the files whose stat was not the recorded one although their content is: the
    /// record may be brought up to date with them, so that they need not be read again.
    pub reread: BTreeMap<PathBuf, FileState>,
    /// The latest modification time among the inputs, nanoseconds since 1970.
    pub newest_input: i64,
}

/// Judges one step whose upstream steps have all finished.
///
/// # Errors
/// A file cannot be read, or the engine does not answer.
pub fn judge(
    step: &Step,
    record: Option<&Record>,
    stamp: Stamp,
    look: &mut dyn Look,
) -> Result<Judgement> {
    let mut seen = Seen { reread: BTreeMap::new(), newest: 0 };
    let reason = match record {
        None if stamp == Stamp::Missing => Some(Reason::Never),
        None => Some(Reason::RecordGone),
        Some(_) if stamp == Stamp::Missing => Some(Reason::StampGone),
        Some(r) if r.format != FORMAT => Some(Reason::OtherFormat { old: r.format }),
        Some(r) => differs(step, r, look, &mut seen)?,
    };
    let verdict = reason.map_or(Verdict::Fresh, Verdict::Stale);
    Ok(Judgement { verdict, reread: seen.reread, newest_input: seen.newest })
}

struct Seen {
    reread: BTreeMap<PathBuf, FileState>,
    newest: i64,
}

fn differs(
    step: &Step,
    record: &Record,
    look: &mut dyn Look,
    seen: &mut Seen,
) -> Result<Option<Reason>> {
    // A template that loses a marker loses a setting, too: the file is what was changed.
    if let Some(reason) = files_differ(step, record, look, seen)? {
        return Ok(Some(reason));
    }
    if let Some(reason) = settings_differ(step, record) {
        return Ok(Some(reason));
    }
    // Other settings may lead to other files: the setting is what was changed.
    if let Some(reason) = set_of_files_differs(step, record, look) {
        return Ok(Some(reason));
    }
    if let Some(reason) = upstream_differs(step, record, look) {
        return Ok(Some(reason));
    }
    if let Some(reason) = outputs_differ(step, record, look, seen)? {
        return Ok(Some(reason));
    }
    if let Some(reason) = bases_differ(step, record) {
        return Ok(Some(reason));
    }
    objects_differ(step, record, look)
}

/// Which image from elsewhere a name means is a setting, too: what the lock says.
fn bases_differ(step: &Step, record: &Record) -> Option<Reason> {
    let (param, old, new) = differing(step, record, true)?;
    let name = param.strip_prefix(BASE_PARAM).unwrap_or(param).to_owned();
    match (old, new) {
        (Some(old), Some(new)) => Some(Reason::BaseMoved { name, old, new }),
        (None, _) => Some(Reason::BaseAdded(name)),
        (_, None) => Some(Reason::BaseLeft(name)),
    }
}

fn settings_differ(step: &Step, record: &Record) -> Option<Reason> {
    let (name, old, new) = differing(step, record, false)?;
    Some(Reason::Setting { name: name.to_owned(), old, new })
}

/// The first setting that is another one, with its values. Those that say what a step is built on count by
/// themselves.
fn differing<'a>(
    step: &'a Step,
    record: &'a Record,
    of_bases: bool,
) -> Option<(&'a str, Option<String>, Option<String>)> {
    let names = step.params.keys().chain(record.params.keys());
    let mut counted = names.filter(|name| name.starts_with(BASE_PARAM) == of_bases);
    let name = counted.find(|name| step.params.get(*name) != record.params.get(*name))?;
    Some((name, record.params.get(name).cloned(), step.params.get(name).cloned()))
}

fn files_differ(
    step: &Step,
    record: &Record,
    look: &mut dyn Look,
    seen: &mut Seen,
) -> Result<Option<Reason>> {
    for path in counted(step, record) {
        let Some(old) = record.files.get(path) else { continue };
        // It was looked through when it was there; it is brought again for whoever needs it.
        if step.is_brought(path) && look.stat(path).kind == FileType::Missing {
            continue;
        }
        if let Some(reason) = file_differs(path, old, record.seen, look, seen)? {
            return Ok(Some(reason));
        }
    }
    Ok(None)
}

/// The files that dirty a step, by what its action said of them.
fn counted<'a>(step: &'a Step, record: &Record) -> impl Iterator<Item = &'a PathBuf> + use<'a> {
    let whole = record.products.contains_key(WHOLE_CONTEXT);
    step.files.iter().chain(step.triggered_files.iter().filter(move |_| whole))
}

fn set_of_files_differs(step: &Step, record: &Record, look: &mut dyn Look) -> Option<Reason> {
    let added = counted(step, record).find(|p| !record.files.contains_key(*p));
    if let Some(added) = added {
        return Some(Reason::FileAdded(added.clone()));
    }
    if record.files.len() == counted(step, record).count() {
        return None;
    }
    let left = |p: &&PathBuf| !counted(step, record).any(|path| path == *p);
    let path = record.files.keys().find(left).cloned()?;
    let gone = look.stat(&path).kind == FileType::Missing;
    Some(if gone { Reason::FileGone(path) } else { Reason::FileLeft(path) })
}

fn file_differs(
    path: &Path,
    old: &FileState,
    recorded: i64,
    look: &mut dyn Look,
    seen: &mut Seen,
) -> Result<Option<Reason>> {
    let mut new = look.stat(path);
    seen.newest = seen.newest.max(new.mtime);
    if new.same_stat(old) && new.is_settled(recorded) {
        return Ok(None);
    }
    if let Some(reason) = shape_differs(path, old, &new) {
        return Ok(Some(reason));
    }
    if new.kind == FileType::File {
        new.hash = Some(look.hash(path)?);
    }
    if new.hash != old.hash {
        let hash = |s: &FileState| s.hash.clone().unwrap_or_default();
        let file = path.to_owned();
        return Ok(Some(Reason::Content { file, old: hash(old), new: hash(&new) }));
    }
    seen.reread.insert(path.to_owned(), new);
    Ok(None)
}

fn shape_differs(path: &Path, old: &FileState, new: &FileState) -> Option<Reason> {
    let file = path.to_owned();
    let link = |s: &FileState| s.link.clone().unwrap_or_default();
    match (old.kind, new.kind) {
        (FileType::Missing, FileType::Missing) => None,
        (FileType::Missing, _) => Some(Reason::FileAppeared(file)),
        (_, FileType::Missing) => Some(Reason::FileGone(file)),
        (a, b) if a != b => Some(Reason::Type { file, old: a, new: b }),
        _ if old.mode != new.mode => Some(Reason::Mode { file, old: old.mode, new: new.mode }),
        _ if old.link != new.link => Some(Reason::Link { file, old: link(old), new: link(new) }),
        _ => None,
    }
}

/// The key under which a product of a step upstream is recorded.
pub fn product_key(step: &StepId, product: &str) -> String {
    format!("{step}/{product}")
}

fn upstream_differs(step: &Step, record: &Record, look: &mut dyn Look) -> Option<Reason> {
    let mut known = 0;
    for need in &step.needs {
        let Some(product) = need.product else {
            continue;
        };
        let key = product_key(&need.step, product);
        let (old, new) = (record.needs.get(&key).cloned(), look.product(&need.step, product));
        known += usize::from(old.is_some());
        if old != new {
            return Some(Reason::Upstream { product: key, old, new });
        }
    }
    let needed = |key: &&String| {
        step.needs.iter().any(|n| n.product.is_some_and(|p| product_key(&n.step, p) == **key))
    };
    if known == record.needs.len() {
        return None;
    }
    let gone = record.needs.iter().find(|(key, _)| !needed(key))?;
    Some(Reason::Upstream { product: gone.0.clone(), old: Some(gone.1.clone()), new: None })
}

/// A fetched file may be changed afterwards without its fetch being stale: it is `verify` that
/// answers for its content, and it must fail rather than quietly get another copy. One that is gone
/// is fetched again when it is needed.
fn outputs_differ(
    step: &Step,
    record: &Record,
    look: &mut dyn Look,
    seen: &mut Seen,
) -> Result<Option<Reason>> {
    if step.id.kind.is_on_demand() {
        return Ok(None);
    }
    let newest = seen.newest;
    for path in &step.outputs {
        let Some(old) = record.outputs.get(path) else {
            return Ok(Some(Reason::OutputGone(path.clone())));
        };
        if look.stat(path).kind == FileType::Missing {
            return Ok(Some(Reason::OutputGone(path.clone())));
        }
        let reason = file_differs(path, old, record.sealed, look, seen)?;
        if let Some(Change { old, new, .. }) = reason.map(|r| r.change()) {
            return Ok(Some(Reason::OutputChanged { file: path.clone(), old, new }));
        }
    }
    seen.newest = newest;
    Ok(None)
}

fn objects_differ(step: &Step, record: &Record, look: &mut dyn Look) -> Result<Option<Reason>> {
    // What the engine has are copies then: one that is lost is put there again. What is made on demand may be lost.
    if record.objects.is_empty() || step.id.kind.is_on_demand() {
        return Ok(None);
    }
    for object in &step.objects {
        let recorded = record.objects.get(&object.to_string());
        match look.object(object)? {
            None => return Ok(Some(Reason::ObjectGone(object.clone()))),
            new if new.as_ref() != recorded => {
                let (object, old) = (object.clone(), recorded.cloned());
                return Ok(Some(Reason::ObjectChanged { object, old, new }));
            }
            Some(_) => {}
        }
    }
    Ok(None)
}
