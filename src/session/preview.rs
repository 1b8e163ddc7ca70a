//! What would change if the lock moved to what the mirrors offer, and about how long it would take. Changes
//! neither the lock nor anything that a build looks at.
//!
//! What is looked at is fetched, verified and imported by the same steps as in a build, with the newer
//! lock and with a state folder of their own.

use std::collections::{BTreeMap, HashSet};

use crate::base::error::{Error, Result};
use crate::base::ids::{Kind, StepId};
use crate::config::lock::{Lock, Pins};
use crate::exec::action::{CACHED_MS, COMPILING_MS};
use crate::exec::event::Event;
use crate::exec::outdated::{Image, Outdated, Run};
use crate::exec::preview::Foreseen;
use crate::exec::run::Options;
use crate::exec::work::Context;
use crate::exec::{preview, run, shell, work};
use crate::plan::select::{Scope, Wish};
use crate::plan::step::{Step, Work};
use crate::plan::{Plan, select};
use crate::report::Message;
use crate::session::engine::{Asked, Asking};
use crate::session::project::Project;
use crate::session::{Tell, pin};
use crate::state::store;
use crate::state::store::Store;

/// What a look at an update came to.
#[derive(Debug, Clone)]
pub enum Previewed {
    /// Nothing is pinned, or nothing that was asked for is compiled: there is nothing to update.
    NothingCompiled,
    /// What is pinned is the newest.
    NothingNewer(Box<Lock>),
    /// This would change.
    Changes(Outdated),
}

impl Project {
    /// Tells what an update would change in some images (none: all but the excluded ones) and what they stand on.
    /// Stage3 and snapshot are verified, whatever the settings say.
    ///
    /// # Errors
    /// A dock or the lock is wrong (exit code 3), an unknown image (2), no engine (4), what the mirrors offer does
    /// not verify (5), Portage finds no solution (1), a signal (130).
    pub async fn preview(
        &self,
        images: &[String],
        offline: bool,
        tell: &mut Tell<'_>,
    ) -> Result<Previewed> {
        // What is not verified must not get into a builder that others use.
        let mut project = self.skipping(false);
        let date = project.settings.date.take();
        let plan = asked_for(images, &project)?;
        let builds = plan.order().iter().any(|ix| plan.step(*ix).id.kind == Kind::Rootfs);
        let Pins { gentoo, bases } = project.pins()?;
        let Some(lock) = gentoo.filter(|_| builds) else {
            return Ok(Previewed::NothingCompiled);
        };
        let mut shadow = project.shadow();
        shadow.settings.date = date;
        let offered = pin::offered(&shadow, offline, Some(&lock), tell).await?;
        if offered.stage3 <= lock.stage3.timestamp && offered.snapshot.is_none() {
            return Ok(Previewed::NothingNewer(Box::new(lock)));
        }
        let _held = pin::hold(&shadow).await?;
        let new = pin::preview(&project, &shadow, offline, &lock, tell).await?;
        let newer =
            shadow.plan_of(&shadow.known_docks()?, &Pins { gentoo: Some(new.clone()), bases })?;
        let preview = Preview { project: &project, shadow: &shadow, plan, newer };
        let asked = Asking::begin(&shadow).answer().await?;
        preview.builder(offline, &asked, tell).await?;
        let foreseen = preview.foresee(&asked, tell).await?;
        Ok(Previewed::Changes(preview.compare((&lock, &new), &foreseen)?))
    }
}

/// The part of the plan that is asked for, with the lock as it is.
fn asked_for(images: &[String], project: &Project) -> Result<Plan> {
    let plan = project.plan()?;
    for name in images {
        select::image(&plan, name)?;
    }
    select::select(&plan, images, &project.settings.exclude)
}

/// A project now, and as it would be.
struct Preview<'a> {
    project: &'a Project,
    shadow: &'a Project,
    /// The images that are asked for, and what they need.
    plan: Plan,
    /// All images with the newer lock.
    newer: Plan,
}

impl Preview<'_> {
    /// Brings the newer builder up to date.
    async fn builder(&self, offline: bool, asked: &Asked, tell: &mut Tell<'_>) -> Result<()> {
        self.borrow_downloads()?;
        let names = [StepId::new(Kind::Builder, "bob").to_string()];
        let wish = Wish { names: &names, exclude: &[], again: None };
        let scope = Scope::new(&self.newer, wish, |_| false)?;
        let context = self.shadow.context(asked.engine.clone(), offline, 1)?;
        work::sweep_all(&context, &asked.containers).await?;
        let options = Options { jobs: 2, wanted: scope.wanted.clone(), ..Options::default() };
        let mut failed = None;
        // A failure is this command's own: there is no step in the project that could be run again.
        let mut report = |event| match event {
            Event::Failed { error, .. } => failed = failed.take().or(Some(error)),
            event => tell(&Message::Event(&event)),
        };
        run::run(&scope.plan, context, &asked.inventory, options, &mut report).await?;
        failed.map_or(Ok(()), Err)
    }

    /// What is pinned as before need not be fetched again.
    fn borrow_downloads(&self) -> Result<()> {
        for step in self.plan.order().iter().map(|ix| self.plan.step(*ix)) {
            let Some(newer) = self.newer.find(&step.id).map(|ix| self.newer.step(ix)) else {
                continue;
            };
            if let (
                Work::Fetch { dest: from, pinned: Some(pin), .. },
                Work::Fetch { dest, pinned, .. },
            ) = (&step.work, &newer.work)
                && pinned.as_ref() == Some(pin)
            {
                store::borrow(from, dest)?;
            }
        }
        Ok(())
    }

    /// Asks Portage about every image that is compiled, parents first.
    async fn foresee(
        &self,
        asked: &Asked,
        tell: &mut Tell<'_>,
    ) -> Result<BTreeMap<StepId, Foreseen>> {
        let context = self.shadow.context(asked.engine.clone(), true, 1)?;
        let mut interrupts = context.interrupts();
        let found = tokio::select! {
            found = self.foresee_all(&context, tell) => found,
            () = interrupts.next() => Err(Error::interrupted()),
        };
        shell::remove_own(&context).await?;
        found
    }

    async fn foresee_all(
        &self,
        context: &Context,
        tell: &mut Tell<'_>,
    ) -> Result<BTreeMap<StepId, Foreseen>> {
        let mut found = BTreeMap::new();
        for step in self.plan.order().iter().map(|ix| self.plan.step(*ix)) {
            let newer = self.newer.find(&step.id).map(|ix| self.newer.step(ix));
            let Some((newer, Work::Rootfs(work))) = newer.map(|newer| (newer, &newer.work)) else {
                continue;
            };
            tell(&Message::Resolving { step: &step.id });
            let _lock = context.store.try_lock(&step.id)?;
            let last = self.project.layout.image_dir(&work.name);
            found.insert(step.id.clone(), preview::foresee(newer, work, &last, context).await?);
        }
        Ok(found)
    }

    fn compare(
        &self,
        (old, new): (&Lock, &Lock),
        foreseen: &BTreeMap<StepId, Foreseen>,
    ) -> Result<Outdated> {
        let mut images = Vec::<Image>::new();
        for step in self.plan.order().iter().map(|ix| self.plan.step(*ix)) {
            if step.id.kind == Kind::Image {
                images.push(self.image(step, &images, foreseen)?);
            }
        }
        let steps = self.plan.order().iter().map(|ix| self.plan.step(*ix));
        let store = self.project.store();
        let steps = steps.filter_map(|step| would_run(step, &images, foreseen, &store)).collect();
        Ok(Outdated { images, steps, ..Outdated::between(old, new) })
    }

    /// One image; those before it are known.
    fn image(
        &self,
        step: &Step,
        before: &[Image],
        foreseen: &BTreeMap<StepId, Foreseen>,
    ) -> Result<Image> {
        let name = step.id.name.as_str();
        let mut image = Image { name: name.to_owned(), ..Image::default() };
        if let Some(foreseen) = foreseen.get(&StepId::new(Kind::Rootfs, name)) {
            let Work::Image(work) = &step.work else { return Ok(image) };
            image = Image::compared(name, preview::listed(&work.dir)?.as_deref(), foreseen);
        }
        let below = step.needs.iter().filter(|need| need.step.kind == Kind::Image);
        let below = below.map(|need| need.step.name.as_str()).collect::<HashSet<_>>();
        let changing = before.iter().filter(|i| i.changes() && below.contains(i.name.as_str()));
        image.because_of = changing.map(|i| i.name.clone()).collect();
        let markers = StepId::new(Kind::Dockerfile, name);
        let params = |plan: &Plan| Some(plan.step(plan.find(&markers)?).params.clone());
        image.dated = params(&self.plan) != params(&self.newer);
        Ok(image)
    }
}

/// A step that an update makes run, as far as it can be foreseen: with another builder each rootfs step does.
fn would_run(
    step: &Step,
    images: &[Image],
    foreseen: &BTreeMap<StepId, Foreseen>,
    store: &Store,
) -> Option<Run> {
    let compiles = foreseen.get(&step.id).is_some_and(|f| f.compiled.in_all > 0);
    let changes = || images.iter().any(|i| i.name == step.id.name && i.changes());
    let runs = match step.id.kind {
        Kind::Rootfs => true,
        Kind::Image => changes(),
        _ => false,
    };
    let record = store.record(&step.id);
    let sort = if compiles { COMPILING_MS } else { CACHED_MS };
    let took = match step.id.kind {
        Kind::Rootfs => record.and_then(|r| r.products.get(sort)?.parse().ok()),
        _ => record.map(|record| record.duration_ms),
    };
    runs.then(|| Run {
        step: step.id.clone(),
        took_ms: took,
        from_binary_packages: step.id.kind == Kind::Rootfs && !compiles,
    })
}
