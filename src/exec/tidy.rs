//! What `bb` has made and may go: results of steps, and what nothing needs any more.
//!
//! Finds things by records, ids and labels of its own only, and removes what was found. Who asked for it,
//! and how it is told, it does not know.

pub mod blobs;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::Metadata;
use std::path::{Component, Path, PathBuf};

use crate::base::error::Result;
use crate::base::ids::{DockName, Kind, StepId};
use crate::base::limits::Limit;
use crate::base::read;
use crate::engine::Engine;
use crate::engine::{FoundContainer, FoundImage, Owner};
use crate::exec::action::{COMPARED, FORMER, KEPT, MADE, RAN, RUN_IMAGES};
use crate::exec::put;
use crate::exec::work::STEP_LABEL;
use crate::fresh::record::{FileType, Record};
use crate::plan::Plan;
use crate::plan::step::Object;
use crate::state::leftovers::remove_empty;
use crate::state::store::{Store, file_state, remove_folder, remove_if_there};
use crate::state::trace::Trace;

/// Names of the images that all projects of an engine share, from the last to the first.
const SHARED: [&str; 3] = ["gentoo-bb/bob:", "gentoo-bb/portage:", "gentoo-bb/stage3:"];

/// One thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thing {
    /// A file of the state folder.
    File(PathBuf, u64),
    /// A folder of the state folder with all that is in it, and how large that is.
    Folder(PathBuf, u64),
    /// An image of the engine by name, or by id where it has none; and its size.
    Image(String, u64),
    /// A container of the engine by id, and the step that it was for.
    Container(String, StepId),
    /// A file of the engine's caches, and its size.
    Cached(PathBuf, u64),
    /// A volume of the engine.
    Volume(String),
    /// Record, stamp and logs of a step.
    Record(StepId),
}

/// What goes together: under a step's lock, if it is a step's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The step.
    pub step: Option<StepId>,
    /// In the order in which they go.
    pub things: Vec<Thing>,
}

/// What came of a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is gone.
    Removed,
    /// It stays, and why.
    Kept(String),
}

/// The engine's images, by name and by id.
#[derive(Debug, Default)]
pub struct Images {
    all: Vec<FoundImage>,
    by_name: HashMap<String, usize>,
}

impl Images {
    /// As the engine lists them.
    pub fn new(all: Vec<FoundImage>) -> Self {
        let names = all.iter().enumerate();
        let names = names.flat_map(|(at, i)| i.references.iter().map(move |r| (r.clone(), at)));
        Self { by_name: names.collect(), all }
    }

    fn named(&self, name: &str) -> Option<&FoundImage> {
        self.all.get(*self.by_name.get(name)?)
    }
}

/// All that steps have made and left, those that are built on others first.
pub fn of_steps(steps: &[StepId], store: &Store, images: &Images) -> Vec<Group> {
    let mut steps = steps.to_vec();
    steps.sort_by(|a, b| b.kind.cmp(&a.kind).then_with(|| a.name.cmp(&b.name)));
    steps.into_iter().map(|step| of_step(step, store, images)).collect()
}

fn of_step(step: StepId, store: &Store, images: &Images) -> Group {
    let record = store.record(&step).unwrap_or_default();
    // A task's outputs are files of the project: who has written the command knows what becomes of them.
    let files = record.outputs.keys().filter(|path| below(store.root(), path));
    let files = files.flat_map(|path| with_parts(&step, path));
    let files = files.filter(|path| !store.is_behind_link(path)).filter_map(|path| file(&path));
    let mut things = files.collect::<Vec<_>>();
    let objects = put::left_by(&record);
    things.extend(objects.iter().filter_map(|object| left(object, &record, images, store)));
    things.push(Thing::Record(step.clone()));
    Group { step: Some(step), things }
}

/// Whether a path is in a folder and leads nowhere else: a record may say anything.
fn below(folder: &Path, path: &Path) -> bool {
    let inside = path.strip_prefix(folder);
    inside.is_ok_and(|p| p.components().all(|part| matches!(part, Component::Normal(_))))
}

/// A download that was broken off is beside where it was to go, and what is only compared with is beside an
/// image's list.
fn with_parts(step: &StepId, path: &Path) -> Vec<PathBuf> {
    let with = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    if step.kind == Kind::Image && path.ends_with("image.json") {
        let kept = COMPARED.map(|name| path.with_file_name(name));
        let ran = std::fs::read_dir(path.with_file_name(RAN)).into_iter().flatten().flatten();
        let ran = ran.map(|entry| entry.path());
        return std::iter::once(path.to_owned()).chain(kept).chain(ran).collect();
    }
    let parts = if step.kind == Kind::Fetch { &["", ".part", ".part.meta"][..] } else { &[""] };
    parts.iter().map(|suffix| with(suffix)).collect()
}

fn file(path: &Path) -> Option<Thing> {
    let state = file_state(path);
    (state.kind == FileType::File).then(|| Thing::File(path.to_owned(), state.size))
}

/// An image that is still what a step has left under this name.
fn left(object: &Object, record: &Record, images: &Images, store: &Store) -> Option<Thing> {
    let Object::Image(reference) = object;
    let image = images.named(reference)?;
    let same = put::is_left(record, object, (image.identity(reference), &image.id), store);
    same.then(|| Thing::Image(reference.clone(), image.size))
}

/// The steps that have left anything and are not in the plan any more.
pub fn gone(plan: &Plan, store: &Store) -> Vec<StepId> {
    store.known_steps().into_iter().filter(|id| plan.find(id).is_none()).collect()
}

/// Images that another one has taken the name of: those that were made here; and where only projects put images, and
/// each puts back what it lacks, all.
pub fn nameless(store: &Store, images: &Images, engine: &dyn Engine) -> Group {
    let noted = store.noted().into_iter().collect::<HashSet<_>>();
    let is_shared = engine.daemon().is_some();
    let nameless = images.all.iter().filter(|i| i.references.is_empty());
    let nameless = nameless.filter(|i| !is_shared || noted.contains(&i.id));
    Group { step: None, things: nameless.map(|i| Thing::Image(i.id.clone(), i.size)).collect() }
}

/// Images that commands ran in: whoever was to take them away was killed.
pub fn run_images(owner: &Owner, store: &Store, images: &Images) -> Group {
    let ours = format!("{RUN_IMAGES}/{}/", owner.0);
    let at_work = |name: &str| {
        let dock = name.strip_prefix(&ours).and_then(|name| name.strip_suffix(":latest"));
        dock.and_then(|dock| format!("image:{dock}").parse::<StepId>().ok())
            .is_none_or(|step| store.at_work(&step).is_some())
    };
    let left =
        images.all.iter().flat_map(|image| image.references.iter().map(|name| (name, image.size)));
    let left = left.filter(|(name, _)| name.starts_with(&ours) && !at_work(name));
    let things = left.map(|(name, size)| Thing::Image(name.clone(), size)).collect();
    Group { step: None, things }
}

/// The caches that commands have mounted: those of one command whose step nobody works on; with `all`, also those that
/// stay, and that nobody uses.
///
/// # Errors
/// The engine does not answer, or a lock cannot be looked at.
pub async fn run_caches(
    owner: &Owner,
    all: bool,
    store: &Store,
    engine: &dyn Engine,
) -> Result<Group> {
    let (made, kept) = (owner.cache(MADE), owner.cache(KEPT));
    let mut things = vec![];
    for name in engine.caches_of(owner).await? {
        let may_go = match name.strip_prefix(&made) {
            Some(dock) => !dock.parse::<DockName>().is_ok_and(|dock| {
                store.at_work(&StepId::new(Kind::Image, dock.as_str())).is_some()
            }),
            None => all && name.starts_with(&kept) && store.try_lock_cache(&name)?.is_some(),
        };
        things.extend(may_go.then(|| Thing::Volume(name.clone())));
    }
    Ok(Group { step: None, things })
}

/// Builders, and what they consist of, that the plan does not need.
pub fn builders(plan: &Plan, images: &Images) -> Group {
    let steps = plan.order().iter().map(|ix| plan.step(*ix));
    let needed = steps.flat_map(|step| &step.objects).map(|Object::Image(name)| name.as_str());
    let needed = needed.collect::<HashSet<_>>();
    let mut found = BTreeMap::new();
    for image in images.all.iter().filter(|image| image.content.is_some()) {
        for name in image.references.iter().filter(|name| !needed.contains(name.as_str())) {
            let rank = SHARED.iter().position(|shared| name.starts_with(shared));
            found.extend(rank.map(|rank| ((rank, name.clone()), image.size)));
        }
    }
    let things = found.into_iter().map(|((_, name), size)| Thing::Image(name, size));
    Group { step: None, things: things.collect() }
}

/// Containers of this project's whose step nobody works on.
pub fn abandoned(containers: &[FoundContainer], store: &Store) -> Vec<Group> {
    let group = |container: &FoundContainer| {
        let step = container.labels.get(STEP_LABEL)?.parse::<StepId>().ok()?;
        let things = vec![Thing::Container(container.id.clone(), step.clone())];
        store.at_work(&step).is_none().then_some(Group { step: Some(step), things })
    };
    containers.iter().filter_map(group).collect()
}

/// Caches of earlier versions, in which any builder could write: nobody uses them any more.
///
/// # Errors
/// The engine does not answer.
pub async fn former_caches(engine: &dyn Engine) -> Result<Group> {
    let found = engine.caches(&FORMER.map(str::to_owned)).await?;
    Ok(Group { step: None, things: found.into_iter().map(Thing::Volume).collect() })
}

/// What was fetched and found out to preview an update: a state folder of its own.
pub fn preview(shadow: &Store) -> Group {
    let files = walkdir::WalkDir::new(shadow.root()).into_iter().filter_map(Result::ok);
    let sizes = files.filter_map(|e| e.metadata().ok()).filter(Metadata::is_file).map(|m| m.len());
    let folder = || Thing::Folder(shadow.root().to_owned(), sizes.sum());
    Group { step: None, things: shadow.root().is_dir().then(folder).into_iter().collect() }
}

/// Answers that do not hold any more, or `all`.
pub fn traces(store: &Store, all: bool) -> Group {
    let folder = Some(store.traces()).filter(|folder| !folder.is_symlink());
    let entries = folder.and_then(|folder| std::fs::read_dir(folder).ok());
    let entries = entries.into_iter().flatten().flatten();
    let mut things = entries.filter_map(|e| trace(&e.path(), all)).collect::<Vec<_>>();
    things.sort_by_key(|thing| match thing {
        Thing::File(path, _) => path.clone(),
        _ => PathBuf::new(),
    });
    Group { step: None, things }
}

/// A file that is a trace, if of what is no longer so.
fn trace(path: &Path, all: bool) -> Option<Thing> {
    let bytes = read::state(path, Limit::StateSize).ok()?;
    let trace = Trace::read(&bytes)?;
    if all || !trace.files_hold() { file(path) } else { None }
}

/// Removes a group, and tells of each thing what came of it.
///
/// # Errors
/// The engine does not answer, or a file cannot be removed.
pub async fn remove(
    group: &Group,
    store: &Store,
    engine: Option<&dyn Engine>,
    tell: &mut dyn FnMut(&Thing, &Outcome),
) -> Result<()> {
    let lock = group.step.as_ref().map(|step| store.try_lock(step)).transpose()?;
    let _lock = match lock.transpose() {
        Ok(lock) => lock,
        Err(owner) => {
            let kept = Outcome::Kept(format!("{owner} is at it"));
            group.things.iter().for_each(|thing| tell(thing, &kept));
            return Ok(());
        }
    };
    let whole = group.things.iter().any(|thing| matches!(thing, Thing::Record(_)));
    // Whatever ends this from here on, the step has not finished; its record goes last.
    let stamp = group.step.as_ref().filter(|step| !store.is_behind_link(&store.stamp_path(step)));
    if let (Some(step), true) = (stamp, whole) {
        store.forget(step)?;
    }
    let mut kept = false;
    for thing in &group.things {
        let outcome = match thing {
            // Without its record, what has stayed would be nobody's.
            Thing::Record(_) if kept => Outcome::Kept("it tells whose the rest is".to_owned()),
            _ => remove_one(thing, store, engine).await?,
        };
        kept |= outcome != Outcome::Removed;
        tell(thing, &outcome);
    }
    Ok(())
}

async fn remove_one(thing: &Thing, store: &Store, engine: Option<&dyn Engine>) -> Result<Outcome> {
    match (thing, engine) {
        // It may have become one just now.
        (Thing::File(path, _) | Thing::Folder(path, _), _) if store.is_behind_link(path) => {
            return Ok(Outcome::Kept("a link leads to it".to_owned()));
        }
        (Thing::File(path, _), _) => {
            remove_if_there(path)?;
            remove_empty(path.parent());
        }
        // Another process may have been first.
        (Thing::Folder(path, _), _) if !path.exists() => {}
        (Thing::Folder(path, _), _) => remove_folder(path)?,
        (Thing::Record(step), _) => store.erase(step)?,
        (Thing::Image(name, _), Some(engine)) => {
            if let Some(why) = engine.remove_unused_image(name).await? {
                return Ok(Outcome::Kept(why));
            }
        }
        (Thing::Container(id, _), Some(engine)) => engine.remove_container(id).await?,
        (Thing::Volume(name), Some(engine)) => {
            if let Some(why) = engine.remove_cache(name).await? {
                return Ok(Outcome::Kept(why));
            }
        }
        // `caches` removes what it finds itself.
        (Thing::Cached(..), _) => {}
        (Thing::Image(..) | Thing::Container(..) | Thing::Volume(_), None) => {
            return Ok(Outcome::Kept("there is no engine".to_owned()));
        }
    }
    Ok(Outcome::Removed)
}

/// Forgets the images that are gone, by whomever; another engine that has one is asked again.
///
/// # Errors
/// A note cannot be removed.
pub fn forget_gone(store: &Store, images: &Images) -> Result<()> {
    let there = images.all.iter().map(|image| image.id.as_str()).collect::<HashSet<_>>();
    let noted = store.noted().into_iter().chain(store.noted_names());
    let mut noted = noted.filter(|id| !there.contains(id.as_str()));
    noted.try_for_each(|id| store.forget_made(&id))
}

/// Whether any of these steps has left something in an engine.
pub fn in_engine(steps: &[StepId], store: &Store) -> bool {
    let has = |record: Record| !put::left_by(&record).is_empty();
    steps.iter().any(|step| store.record(step).is_some_and(has))
}
