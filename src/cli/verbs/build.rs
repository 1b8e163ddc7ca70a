//! `bb build`: bring images up to date.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Instant;

use crate::base::error::{Error, Exit, Result};
use crate::cli::args::complete;
use crate::cli::args::scope::Switches;
use crate::cli::io::message::{Messages, tell};
use crate::cli::io::output::Output;
use crate::cli::recall::{Known, Recall, Recalled};
use crate::cli::session::{Asked, Asking};
use crate::cli::verbs::{notes, status};
use crate::cli::{Look, say, session};
use crate::config::Settings;
use crate::exec::event::{Event, Summary};
use crate::exec::job::Standing;
use crate::exec::run::Options;
use crate::exec::{job, run, work};
use crate::fresh::Inventory;
use crate::plan::select::Scope;
use crate::plan::{Plan, select};
use crate::report::{Fancy, Json, Message, Plain, Report};
use crate::session::project::Project;
use crate::state::store::Store;

/// Build images and all that they need.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:
  bb build                      # everything
  bb build --exclude nginx      # everything but nginx
  bb build -f busybox           # its image again, although nothing has changed
  bb build -nF busybox          # compile it again, on its parents as they are
  bb build -C --dry-run         # what starting over from the stage3 would do")]
pub(in crate::cli) struct Args {
    /// Names of images, or ids of steps (default: all but the excluded ones)
    #[arg(add = complete::images_and_steps())]
    images: Vec<String>,
    #[command(flatten)]
    switches: Switches,
    #[command(flatten)]
    how: How,
    /// The images' tests are asked for, too.
    #[arg(skip)]
    tests: bool,
}

impl Args {
    /// That the images pass their tests.
    pub(in crate::cli) fn tested(self) -> Self {
        Self { tests: true, ..self }
    }

    /// As if given so.
    pub(in crate::cli) fn for_images(
        images: Vec<String>,
        jobs: Option<NonZeroUsize>,
        offline: bool,
    ) -> Self {
        Self { images, how: How { jobs, offline, ..How::default() }, ..Self::default() }
    }

    /// Whether messages are for a program.
    pub(in crate::cli) fn json(&self) -> bool {
        self.how.json()
    }

    /// What it is about.
    fn scope(&self, plan: &Plan, settings: &Settings) -> Result<Scope> {
        if !self.tests {
            return self.switches.scope(plan, &self.images, settings);
        }
        let tests = select::tests(plan, &self.images, &settings.exclude)?;
        self.switches.scope(plan, &tests, settings)
    }
}

/// How to go about it, whatever is built.
#[derive(Debug, Default, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(in crate::cli) struct How {
    /// How many steps run at the same time (default: half the cores, at least 2)
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Go on with what does not depend on a failed step
    #[arg(short, long)]
    keep_going: bool,
    /// Images to leave out of everything, instead of those in the settings
    #[arg(long, value_name = "IMAGE,…", value_delimiter = ',', add = complete::images())]
    exclude: Option<Vec<String>>,
    /// Use no network
    #[arg(long)]
    pub(in crate::cli) offline: bool,
    /// Check no signature: whatever the mirrors serve is built into the images
    #[arg(short, long)]
    skip_verify: bool,
    /// Print how every step stands and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    #[command(flatten)]
    messages: Messages,
}

impl How {
    /// Whether messages are for a program.
    pub(in crate::cli) fn json(&self) -> bool {
        self.messages.json()
    }

    /// The project with its settings as the command line wants them.
    pub(in crate::cli) fn project(
        &self,
        env: &BTreeMap<String, String>,
        state: &Path,
    ) -> Result<Project> {
        let mut project = Project::load(env, state)?;
        project.settings.skip_verify |= self.skip_verify;
        if let Some(exclude) = &self.exclude {
            let named = exclude.iter().filter(|name| !name.is_empty());
            project.settings.exclude = named.cloned().collect();
        }
        Ok(project)
    }
}

pub(in crate::cli) async fn build(args: Args, state: &Path, look: Look) -> Result<u8> {
    let begun = Instant::now();
    let env = session::environment();
    let project = args.how.project(&env, state)?;
    if args.how.dry_run {
        return dry_run(&args, &env, &project, look).await;
    }
    notes::begin(&project.settings, look);
    let recall = Recall::new(&project, &format!("build {} {:?}", args.tests, args.images));
    let asking = Asking::begin(&env, &project.store());
    let recalled =
        if args.switches.none() { recall.answer(asking).await? } else { Recalled::Unknown(asking) };
    let ran = match recalled {
        Recalled::Fresh(steps) => (Summary { fresh: steps, ..Summary::default() }, None),
        Recalled::Unknown(asking) => planned(&args, look, &project, &recall, asking).await?,
    };
    Ok(end(&ran, begun, &project.store(), look))
}

/// Whether there is nothing to do, as far as that can be told without an engine: what it has is as recorded.
pub(super) fn is_done(args: &Args, project: &Project) -> Result<bool> {
    let plan = session::locked_plan(project)?;
    let scope = args.scope(&plan, &project.settings)?;
    let store = project.store();
    let records = plan.order().iter().filter_map(|ix| store.record(&plan.step(*ix).id));
    let standings = job::standings_of(&scope, &store, &Inventory::recorded(records))?;
    Ok(standings.iter().all(|(_, standing)| *standing == Standing::Fresh))
}

async fn dry_run(
    args: &Args,
    env: &BTreeMap<String, String>,
    project: &Project,
    look: Look,
) -> Result<u8> {
    let plan = session::locked_plan(project)?;
    let scope = args.scope(&plan, &project.settings)?;
    let inventory = session::engine(env).await?.inventory().await?;
    let standings = job::standings_of(&scope, &project.store(), &inventory)?;
    status::planned(&scope.plan, &standings, look);
    Ok(0)
}

/// What came of a run, with the exit code of its first failure.
type Ran = (Summary, Option<Exit>);

/// Says what came of it.
pub(in crate::cli) fn end((summary, exit): &Ran, begun: Instant, store: &Store, look: Look) -> u8 {
    tell(look, &Message::Summary { summary, took: begun.elapsed(), exit: *exit });
    notes::end(store, look);
    exit.map_or(0, Exit::code)
}

async fn planned(
    args: &Args,
    look: Look,
    project: &Project,
    recall: &Recall,
    asking: Asking,
) -> Result<Ran> {
    let seen = project.store().now().ok();
    let scope = |plan: &Plan| args.scope(plan, &project.settings);
    let (docks, plan) = session::plan(project, args.how.offline, look, scope).await?;
    let scope = scope(&plan)?;
    let asked = asking.answer().await?;
    let ran = run(&args.how, look, project, &asked, &scope).await?;
    let plan = &scope.plan;
    if args.switches.none() && ran.0.fresh == plan.len() {
        let (docks, inventory) = (&docks, &asked.inventory);
        recall.keep(project, Known { docks, plan, inventory, seen });
    }
    Ok(ran)
}

/// Brings a part of the plan up to date.
pub(in crate::cli) async fn run(
    how: &How,
    look: Look,
    project: &Project,
    asked: &Asked,
    scope: &Scope,
) -> Result<Ran> {
    let cores = std::thread::available_parallelism().map_or(2, NonZeroUsize::get);
    let context = session::context(project, asked.engine.clone(), how.offline, cores)?;
    let options = Options {
        jobs: how.jobs.map_or_else(|| (cores / 2).max(2), NonZeroUsize::get),
        keep_going: how.keep_going,
        asked: scope.asked.clone(),
        as_recorded: scope.as_recorded.clone(),
    };
    let mut shown = Shown::new(look);
    work::sweep_all(&context, &asked.containers).await?;
    let inventory = &asked.inventory;
    let summary =
        run::run(&scope.plan, context, inventory, options, &mut |event| shown.event(event)).await;
    shown.finish();
    Ok((summary?, shown.exit))
}

/// A report that remembers the first failure's exit code, and what failed.
pub(in crate::cli) struct Shown {
    pub(in crate::cli) report: Box<dyn Report>,
    pub(in crate::cli) exit: Option<Exit>,
    terminal: bool,
    failures: Vec<String>,
    /// Whether something else was said after the last failure.
    buried: bool,
}

impl Shown {
    pub(in crate::cli) fn new(look: Look) -> Self {
        let report: Box<dyn Report> = match (look.json, look.terminal) {
            (true, _) => Box::new(Json::new(Output)),
            (false, true) => Box::new(Fancy::new(look.color)),
            (false, false) => Box::new(Plain::new(std::io::stderr(), look.color)),
        };
        Self { report, exit: None, terminal: look.terminal, failures: vec![], buried: false }
    }

    pub(in crate::cli) fn event(&mut self, event: Event) {
        match &event {
            Event::Failed { step, error, .. } => {
                self.exit.get_or_insert(Error::exit(error));
                let why = error.details().first().map_or(error.message(), |line| line.trim());
                self.buried = !self.failures.is_empty();
                self.failures.push(format!("failed  {step}: {why}\n"));
            }
            Event::Done { .. } => self.buried = true,
            _ => {}
        }
        self.report.event(event);
    }

    /// Ends the report. On a terminal a failure that others have pushed up is told again, in a line: it is
    /// what one looks for first.
    pub(in crate::cli) fn finish(&mut self) {
        self.report.finish();
        if self.terminal && self.buried {
            say(&self.failures.concat());
        }
    }
}
