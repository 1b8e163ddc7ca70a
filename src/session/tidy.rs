//! What may go: results that are to be made anew, and what nothing of the plan needs any more.
//!
//! Finds first and removes after, so that a program can tell what would go. Removes nothing that `bb` has not made.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::error::Result;
use crate::base::ids::{Kind, StepId};
use crate::engine::Engine;
use crate::exec::tidy::{Group, Images, Outcome, Thing, blobs};
use crate::exec::{caches, tidy};
use crate::plan::graph::StepIx;
use crate::plan::{Object, Plan, select};
use crate::report::Message;
use crate::session::Tell;
use crate::session::engine::{Asked, Asking, ask, containers, owner};
use crate::session::project::Project;
use crate::state::store::Store;

/// What was found that may go.
#[derive(Debug)]
pub struct Tidying {
    groups: Vec<Group>,
    store: Store,
    engine: Option<Arc<dyn Engine>>,
    /// Whether images that are gone by then are to be forgotten.
    forgets: bool,
}

/// What of that which nothing needs any more is to go. The default is what `bb gc` does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unneeded {
    /// Leave the builders of other stage3s and snapshots: another project may be pinned to them.
    pub keep_builders: bool,
    /// Also binary packages and sources that nobody has used for so many days.
    pub unused_for: Option<u32>,
    /// It is only to be told: unlike all else, packages and sources are removed when they are found.
    pub dry_run: bool,
}

/// Downloads take a network to come back, and the builder serves other projects.
const RESULTS: [Kind; 5] = [Kind::Rootfs, Kind::Dockerfile, Kind::Image, Kind::Test, Kind::Task];

impl Tidying {
    /// All that was found, in the order in which it goes.
    pub fn things(&self) -> impl Iterator<Item = &Thing> {
        self.groups.iter().flat_map(|group| &group.things)
    }

    /// Lets it go, and tells of each thing what came of it.
    ///
    /// # Errors
    /// The engine does not answer (exit code 4), or a file cannot be removed (1).
    pub async fn remove(&self, tell: &mut (dyn FnMut(&Thing, &Outcome) + Send)) -> Result<()> {
        for group in self.groups.iter().filter(|group| !group.things.is_empty()) {
            tidy::remove(group, &self.store, self.engine.as_deref(), tell).await?;
        }
        if let Some(engine) = self.engine.as_ref().filter(|_| self.forgets) {
            tidy::forget_gone(&self.store, &Images::new(engine.images().await?))?;
        }
        Ok(())
    }
}

/// Of a project that has never been at work, none.
fn run_images(store: &Store, images: &Images) -> Option<Group> {
    Some(tidy::run_images(&owner(&store.id()?, store), store, images))
}

/// Of a project that has never been at work, none.
async fn run_caches(all: bool, store: &Store, engine: &dyn Engine) -> Result<Option<Group>> {
    let Some(id) = store.id() else { return Ok(None) };
    tidy::run_caches(&owner(&id, store), all, store, engine).await.map(Some)
}

impl Project {
    /// Finds what steps have made: those that are named by image, id or kind; with none named, results of all
    /// docks and tasks, and what is left of others.
    ///
    /// # Errors
    /// A dock or the lock is wrong (exit code 3), an unknown name (2), no engine (4).
    pub async fn results(&self, what: &[String]) -> Result<Tidying> {
        let store = self.store();
        let (_, plan) = self.shape()?;
        let everything = what.is_empty();
        let steps = steps(what, &plan, &store)?;
        if !everything && !tidy::in_engine(&steps, &store) {
            let groups = tidy::of_steps(&steps, &store, &Images::default());
            return Ok(Tidying { groups, store, engine: None, forgets: false });
        }
        let asked = Asking::begin(self).answer().await?;
        let images = Images::new(asked.engine.images().await?);
        let mut groups = tidy::abandoned(&asked.containers, &store);
        groups
            .retain(|group| everything || group.step.as_ref().is_some_and(|id| steps.contains(id)));
        groups.extend(tidy::of_steps(&steps, &store, &images));
        if everything {
            groups.extend(run_images(&store, &images));
            groups.extend(run_caches(true, &store, &*asked.engine).await?);
            groups.extend([
                tidy::nameless(&store, &images, &*asked.engine),
                tidy::traces(&store, true),
            ]);
        }
        Ok(Tidying { groups, store, engine: Some(asked.engine), forgets: false })
    }

    /// Finds what nothing of the plan needs any more: results of docks that are gone, images without a name,
    /// builders of other stage3s and snapshots, abandoned containers, what a look at an update has fetched, blobs of
    /// images from elsewhere that nothing is built on, notes of layers that no image has.
    ///
    /// # Errors
    /// A dock or the lock is wrong (exit code 3), no engine (4).
    pub async fn unneeded(&self, which: &Unneeded, tell: &mut Tell<'_>) -> Result<Tidying> {
        // A dock that is wrong comes before an engine that is not there.
        self.shape()?;
        let engine = self.engine().await?;
        self.unneeded_of(Some(engine), which, tell).await
    }

    /// The same with this engine; without any, what is in the state folder.
    pub(super) async fn unneeded_of(
        &self,
        engine: Option<Arc<dyn Engine>>,
        which: &Unneeded,
        tell: &mut Tell<'_>,
    ) -> Result<Tidying> {
        let (store, (_, plan)) = (self.store(), self.shape()?);
        let asked = match engine {
            Some(engine) => Some(ask(engine, &store).await?),
            None => None,
        };
        let mut groups = match &asked {
            Some(asked) => self.unneeded_there(asked, which, &plan).await?,
            None => tidy::of_steps(&tidy::gone(&plan, &store), &store, &Images::default()),
        };
        groups.push(tidy::traces(&store, false));
        groups.push(blobs::unneeded(&plan, &self.pins()?.bases, &store)?);
        groups.push(blobs::notes(&plan, &store, &self.settings.limits)?);
        groups.extend(of_preview(&self.shadow().store(), asked.as_ref(), tell).await?);
        unique(&mut groups);
        if let Some(asked) = &asked {
            groups.extend(self.unused(which, &plan, asked, tell).await?);
        }
        Ok(Tidying { groups, store, engine: asked.map(|asked| asked.engine), forgets: true })
    }

    /// What steps that are gone have left, and what an engine has that nothing needs.
    async fn unneeded_there(
        &self,
        asked: &Asked,
        which: &Unneeded,
        plan: &Plan,
    ) -> Result<Vec<Group>> {
        let store = self.store();
        let images = Images::new(asked.engine.images().await?);
        let mut groups = tidy::abandoned(&asked.containers, &store);
        groups.extend(tidy::of_steps(&tidy::gone(plan, &store), &store, &images));
        groups.push(tidy::nameless(&store, &images, &*asked.engine));
        groups.extend(run_images(&store, &images));
        groups.extend(run_caches(false, &store, &*asked.engine).await?);
        // Without a lock it is not known which builder is needed.
        if !which.keep_builders && self.lock()?.is_some() {
            groups.push(tidy::builders(plan, &images));
        }
        if !which.keep_builders {
            groups.push(tidy::former_caches(&*asked.engine).await?);
        }
        Ok(groups)
    }

    /// What the caches have that nobody has used for long; already gone, if it is to go.
    async fn unused(
        &self,
        which: &Unneeded,
        plan: &Plan,
        asked: &Asked,
        tell: &mut Tell<'_>,
    ) -> Result<Option<Group>> {
        let (Some(days), Some(ix)) = (which.unused_for, builder(plan)) else { return Ok(None) };
        let mut kept = |why: &str| tell(&Message::Kept { what: "the caches", why });
        let step = plan.step(ix);
        let there =
            |Object::Image(name): &Object| asked.inventory.id_of(name).map(|_| name.clone());
        let Some(image) = step.objects.iter().find_map(there) else {
            kept("there is no builder that could look into them");
            return Ok(None);
        };
        let context = self.context(asked.engine.clone(), true, 1)?;
        let lock = match context.store.try_lock(&step.id)? {
            Ok(lock) => lock,
            Err(owner) => {
                kept(&format!("{owner} is at {}", step.id));
                return Ok(None);
            }
        };
        let things = caches::unused((&step.id, &image), days, which.dry_run, &context).await?;
        drop(lock);
        Ok(Some(Group { step: None, things }))
    }
}

/// The steps that are named, of those that have left anything; those with results, where none is.
fn steps(what: &[String], plan: &Plan, store: &Store) -> Result<Vec<StepId>> {
    let known = store.known_steps().into_iter().collect::<Vec<_>>();
    let mut steps = vec![];
    for what in what {
        steps.extend(meant(what, &known, plan)?);
    }
    if what.is_empty() {
        steps.extend(known.into_iter().filter(|id| RESULTS.contains(&id.kind)));
        steps.extend(tidy::gone(plan, store));
    }
    steps.sort();
    steps.dedup();
    Ok(steps)
}

/// The steps that a word means, of those that have left anything.
fn meant(what: &str, known: &[StepId], plan: &Plan) -> Result<Vec<StepId>> {
    let those = |wanted: &dyn Fn(&StepId) -> bool| {
        known.iter().filter(|id| wanted(id)).cloned().collect::<Vec<_>>()
    };
    if let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.as_str() == what) {
        return Ok(those(&|id| id.kind == kind));
    }
    let found = if what.contains(':') {
        let step = what.parse::<StepId>()?;
        those(&|id| *id == step)
    } else {
        those(&|id| select::dock(id) == Some(what))
    };
    if found.is_empty() {
        // One that has left nothing is no mistake; one that is not there is.
        select::named(plan, what)?;
    }
    Ok(found)
}

/// What is left of looks at what an update would change, unless somebody looks just now.
async fn of_preview(
    shadow: &Store,
    asked: Option<&Asked>,
    tell: &mut Tell<'_>,
) -> Result<Vec<Group>> {
    if !shadow.root().is_dir() {
        return Ok(vec![]);
    }
    if let Some(owner) = shadow.held_by() {
        let (what, why) = (shadow.root().display().to_string(), format!("{owner} is at it"));
        tell(&Message::Kept { what: &what, why: &why });
        return Ok(vec![]);
    }
    let containers = match asked {
        Some(asked) => containers(&*asked.engine, shadow).await?,
        None => vec![],
    };
    let mut groups = tidy::abandoned(&containers, shadow);
    groups.push(tidy::preview(shadow));
    Ok(groups)
}

/// A builder may be a gone step's as well.
fn unique(groups: &mut [Group]) {
    let mut seen = BTreeSet::new();
    for group in groups {
        group.things.retain(|thing| seen.insert(thing.clone()));
    }
}

fn builder(plan: &Plan) -> Option<StepIx> {
    plan.order().iter().copied().find(|ix| plan.step(*ix).id.kind == Kind::Builder)
}
