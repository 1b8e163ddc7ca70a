//! Bringing images up to date, and saying how they stand: all that `bb build`, `bb missing`, `bb status` and
//! `bb step` do.
//!
//! What happens is told while it does; how that looks is not decided here.

use std::collections::HashSet;
use std::num::NonZeroUsize;

use crate::base::error::{Error, Exit, Result};
use crate::base::ids::StepId;
use crate::config::Settings;
use crate::engine::{Engine, Slowed};
use crate::exec::event::{Event, Summary};
use crate::exec::history::{Recorder, Run};
use crate::exec::job::Standing;
use crate::exec::{alone, history, job, run, work};
use crate::fresh::Inventory;
use crate::plan::graph::StepIx;
use crate::plan::select::{Again, Scope, Wish};
use crate::plan::{Plan, select};
use crate::report::Message;
use crate::session::Tell;
use crate::session::engine::{Asked, Asking};
use crate::session::project::Project;
use crate::session::recall::{Known, Recall, Recalled};

/// What to build, and how to go about it. The default is what `bb build` does: all images but those that the
/// settings exclude, and all tasks; only what is stale; half the cores; nothing more begins after a failure.
#[allow(clippy::struct_excessive_bools, reason = "each is a wish of its own")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Names of images, or ids of steps. None: everything but what is excluded.
    pub images: Vec<String>,
    /// The images' tests are asked for, too.
    pub tests: bool,
    /// What is done again although it is up to date.
    pub again: Option<Again>,
    /// Docks that are not named are taken as their last build has left them, whatever has changed since.
    pub no_deps: bool,
    /// How many jobs run at the same time, steps and compilers together; unset, as many as there are cores, and
    /// steps for half of them, at least 2.
    pub jobs: Option<NonZeroUsize>,
    /// How many processes of this machine may run when another job begins; unset, nobody looks.
    pub load: Option<NonZeroUsize>,
    /// Go on with what does not depend on a failed step.
    pub keep_going: bool,
    /// Use no network.
    pub offline: bool,
}

impl Options {
    /// Whether only what is stale is built: then an answer to the same question may be known.
    fn only_stale(&self) -> bool {
        self.again.is_none() && !self.no_deps
    }

    /// What it is about.
    fn scope(&self, plan: &Plan, settings: &Settings) -> Result<Scope> {
        if !self.tests {
            return self.scope_of(plan, &self.images, settings);
        }
        let tests = select::tests(plan, &self.images, &settings.exclude)?;
        self.scope_of(plan, &tests, settings)
    }

    fn scope_of(&self, plan: &Plan, names: &[String], settings: &Settings) -> Result<Scope> {
        if self.no_deps && names.is_empty() {
            return Err(Error::usage(
                "-n builds no dependencies, so it needs the name of an image",
            )
            .hint("name what to build: `bb build -n IMAGE`"));
        }
        let own = names.iter().map(|name| select::named(plan, name)).collect::<Result<Vec<_>>>()?;
        let own = own.into_iter().filter_map(|ix| select::dock(&plan.step(ix).id));
        let own = own.collect::<HashSet<_>>();
        let wish = Wish { names, exclude: &settings.exclude, again: self.again };
        Scope::new(plan, wish, |dock| self.no_deps && !own.contains(dock))
    }
}

/// What came of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Built {
    /// The steps, by how they ended.
    pub summary: Summary,
    /// The exit code of the first failure, if there was one.
    pub exit: Option<Exit>,
}

/// How steps stand.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The part of the plan that was asked for.
    pub plan: Plan,
    /// How each of its steps stands, those that others need first.
    pub standings: Vec<(StepIx, Standing)>,
}

impl Judged {
    /// Each step with how it stands, those that others need first.
    pub fn steps(&self) -> impl Iterator<Item = (&StepId, &Standing)> {
        self.standings.iter().map(|(ix, standing)| (&self.plan.step(*ix).id, standing))
    }

    /// Whether there is nothing to do.
    pub fn is_fresh(&self) -> bool {
        self.standings
            .iter()
            .map(|(_, standing)| standing)
            .all(|it| matches!(it, Standing::Fresh | Standing::Lacking | Standing::OnDemand))
    }
}

impl Project {
    /// How every step stands that [`build`](Self::build) would look at. Asks the engine what it has; changes
    /// nothing, and takes no lock.
    ///
    /// # Errors
    /// A dock or the lock is wrong, or there is no lock yet though docks need one (exit code 3); an unknown image
    /// (2); no engine answers (4).
    pub async fn judge(&self, options: &Options) -> Result<Judged> {
        let plan = self.plan()?;
        let scope = options.scope(&plan, &self.settings)?;
        let inventory = self.engine().await?.inventory().await?;
        let standings = job::standings_of(&scope, &self.store(), &inventory)?;
        Ok(Judged { plan: scope.plan, standings })
    }

    /// How the same steps stand as far as that can be told without an engine: what it has is as recorded.
    ///
    /// # Errors
    /// As of [`judge`](Self::judge), but that no engine is asked.
    pub fn judge_recorded(&self, options: &Options) -> Result<Judged> {
        let plan = self.plan()?;
        let scope = options.scope(&plan, &self.settings)?;
        let store = self.store();
        let records = plan.order().iter().filter_map(|ix| store.record(&plan.step(*ix).id));
        let standings = job::standings_of(&scope, &store, &Inventory::recorded(records))?;
        Ok(Judged { plan: scope.plan, standings })
    }

    /// Brings images up to date. Where docks need a lock and there is none, what the mirrors offer now is
    /// verified and pinned first; images from elsewhere that are built on are, too.
    ///
    /// A step that fails is no error of this: it is told, and counted in the summary. Where the project was opened
    /// so, signals of this process end what runs and remove its containers. If what this returns is dropped, nothing
    /// more begins, and the next build removes the containers that are left.
    ///
    /// # Errors
    /// What stops the whole run: a dock or the lock is wrong (exit code 3), an unknown image (2), no engine (4),
    /// what the mirrors offer does not verify (5), a signal (130).
    pub async fn build(&self, options: &Options, tell: &mut Tell<'_>) -> Result<Built> {
        let recall = Recall::new(self, &format!("build {} {:?}", options.tests, options.images));
        let asking = Asking::begin(self);
        let recalled = if options.only_stale() {
            recall.answer(asking).await?
        } else {
            Recalled::Unknown(asking)
        };
        match recalled {
            Recalled::Fresh(fresh) => {
                Ok(Built { summary: Summary { fresh, ..Summary::default() }, exit: None })
            }
            Recalled::Unknown(asking) => self.build_planned(options, &recall, asking, tell).await,
        }
    }

    async fn build_planned(
        &self,
        options: &Options,
        recall: &Recall,
        asking: Asking,
        tell: &mut Tell<'_>,
    ) -> Result<Built> {
        let seen = self.store().now().ok();
        let scope = |plan: &Plan| options.scope(plan, &self.settings);
        let (docks, plan) =
            self.pinned_plan(options.offline, tell, |plan| Ok(scope(plan)?.plan)).await?;
        // For steps may take hours.
        let docks = docks.planned();
        let scope = scope(&plan)?;
        drop(plan);
        let asked = asking.answer().await?;
        let built = self.run(options, &asked, &scope, tell).await?;
        let plan = &scope.plan;
        let is_fresh = built.summary.fresh == plan.len() && built.summary.put == 0;
        let is_answer = options.only_stale() && is_fresh;
        if !is_answer && !docks.may_be_kept() {
            return Ok(built);
        }
        // What was built is built, whether the next time is quick or not.
        let (Some(seen), Ok(docks)) = (seen, self.docks_of(docks)) else { return Ok(built) };
        self.keep(&docks, seen);
        if is_answer {
            let sources = self.looked_at(&docks);
            drop(docks);
            recall.keep(self, Known { sources, plan, inventory: &asked.inventory, seen });
        }
        Ok(built)
    }

    /// Brings a part of the plan up to date.
    ///
    /// # Errors
    /// What stops the whole run.
    pub(super) async fn run(
        &self,
        options: &Options,
        asked: &Asked,
        scope: &Scope,
        tell: &mut Tell<'_>,
    ) -> Result<Built> {
        let cores = cores();
        let tokens = options.jobs.map_or(cores, NonZeroUsize::get);
        let project = self.with_jobs_of(options);
        let context = project.context(asked.engine.clone(), options.offline, tokens)?;
        let how = run::Options {
            jobs: options.jobs.map_or_else(|| (cores / 2).max(2), NonZeroUsize::get),
            keep_going: options.keep_going,
            asked: scope.asked.clone(),
            as_recorded: scope.as_recorded.clone(),
            wanted: scope.wanted.clone(),
        };
        work::sweep_all(&context, &asked.containers).await?;
        let mut exit = None;
        let mut recorder = Recorder::begin();
        let mut noting = noting_failures(&mut exit, tell);
        let mut report = |event: Event| {
            recorder.event(&event);
            noting(event);
        };
        let ran = run::run(&scope.plan, context, &asked.inventory, how, &mut report).await;
        drop(noting);
        let code = ran.as_ref().err().map(Error::exit).or(exit).map_or(0, Exit::code);
        let fresh = ran.as_ref().map_or(0, |summary| summary.fresh);
        let images = options.images.clone();
        self.keep_run(&Run { images, fresh, exit: code, ..recorder.end() }, tell);
        let summary = ran?;
        tell_what_slows(&*asked.engine, tell);
        Ok(Built { summary, exit })
    }

    /// What was built is built, whether that can be told later or not.
    fn keep_run(&self, run: &Run, tell: &mut Tell<'_>) {
        if let Err(error) = history::keep(&self.store(), run) {
            let message = format!("the run is not in the history: {}", error.message());
            let hint = error.hint_text().unwrap_or("`bb history` does not know it");
            tell(&Message::Warning { message: &message, hint });
        }
    }

    /// Brings one step up to date; the steps before it must be. Returns the exit code of its failure, if it
    /// fails: that is told, and no error of this.
    ///
    /// # Errors
    /// As of [`build`](Self::build), and a step before it is not up to date (exit code 1).
    pub async fn step(
        &self,
        id: &StepId,
        offline: bool,
        tell: &mut Tell<'_>,
    ) -> Result<Option<Exit>> {
        let asked = |plan: &Plan| plan.closure(&[select::step(plan, id)?]);
        let (_, plan) = self.pinned_plan(offline, tell, asked).await?;
        let ix = select::step(&plan, id)?;
        let engine = self.engine().await?;
        let context = self.context(engine.clone(), offline, cores())?;
        let mut exit = None;
        alone::step(&plan, ix, context, &mut noting_failures(&mut exit, tell)).await?;
        tell_what_slows(&*engine, tell);
        let step = plan.step(ix);
        if exit.is_none() && alone::is_lost(step, &self.store(), &*engine).await? {
            let message = format!("`{id}` is up to date, but what it made is not there");
            let hint = format!("a step that needs it has it made; so does `bb build {id}`");
            tell(&Message::Warning { message: &message, hint: &hint });
        }
        Ok(exit)
    }
}

/// How many there are on this machine.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, NonZeroUsize::get)
}

/// Once for all steps of a run.
fn tell_what_slows(engine: &dyn Engine, tell: &mut Tell<'_>) {
    if let Some(Slowed { message, hint }) = engine.slowed_by() {
        tell(&Message::Warning { message, hint });
    }
}

/// Hands on events, and remembers the first failure's exit code.
fn noting_failures<'a>(
    exit: &'a mut Option<Exit>,
    tell: &'a mut Tell<'_>,
) -> impl FnMut(Event) + Send + 'a {
    move |event| {
        if let Event::Failed { error, .. } = &event {
            exit.get_or_insert(Error::exit(error));
        }
        tell(&Message::Event(&event));
    }
}
