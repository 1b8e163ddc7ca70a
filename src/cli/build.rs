//! `bb build`: bring images up to date.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Instant;

use crate::cli::recall::{Known, Recall, Recalled};
use crate::cli::session::{Asked, Asking};
use crate::cli::{Look, notes, print, say, session, status};
use crate::error::{Error, Exit, Result};
use crate::exec::event::{Event, Summary};
use crate::exec::run::{self, Options};
use crate::exec::work;
use crate::plan::{Plan, select};
use crate::project::Project;
use crate::report::{self, Fancy, Plain, Report};

/// Build images and all that they need.
#[derive(Debug, Default, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(super) struct Args {
    /// Names of images, or ids of steps (default: all but the excluded ones)
    images: Vec<String>,
    /// How many steps run at the same time (default: half the cores, at least 2)
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Go on with what does not depend on a failed step
    #[arg(short, long)]
    keep_going: bool,
    /// Use no network
    #[arg(long)]
    offline: bool,
    /// Check no signature: whatever the mirrors serve is built into the images
    #[arg(short, long)]
    skip_verify: bool,
    /// Print how every step stands and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl Args {
    /// As if given so.
    pub(super) fn for_images(images: Vec<String>, offline: bool) -> Self {
        Self { images, offline, ..Self::default() }
    }
}

/// What of the images is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// That they are there.
    Image,
    /// That they pass their tests.
    Test,
}

pub(super) async fn build(args: Args, state: &Path, look: Look) -> Result<u8> {
    run(&args, Goal::Image, state, look).await
}

/// Brings images and all that they need up to date.
pub(super) async fn run(args: &Args, goal: Goal, state: &Path, look: Look) -> Result<u8> {
    if args.dry_run {
        let (plan, standings) = status::standings(&args.images, goal, state).await?;
        print(&status::text(&plan, &standings));
        return Ok(0);
    }
    let begun = Instant::now();
    let env = session::environment();
    let mut project = Project::load(&env, state)?;
    project.settings.skip_verify |= args.skip_verify;
    notes::begin(&project.settings, look);
    let recall = Recall::new(&project, &format!("{goal:?} {:?}", args.images));
    let asking = Asking::begin(&env, &project.store());
    let (summary, exit) = match recall.answer(asking).await? {
        Recalled::Fresh(steps) => (Summary { fresh: steps, ..Summary::default() }, None),
        Recalled::Unknown(asking) => execute(args, goal, look, &project, &recall, asking).await?,
    };
    say(&format!("{}\n", report::summary(&summary, begun.elapsed())));
    notes::end(&project.store(), look);
    Ok(exit.map_or(0, Exit::code))
}

async fn execute(
    args: &Args,
    goal: Goal,
    look: Look,
    project: &Project,
    recall: &Recall,
    asking: Asking,
) -> Result<(Summary, Option<Exit>)> {
    let seen = project.store().now().ok();
    let (docks, plan) = session::plan(project, args.offline).await?;
    let plan = selected(&plan, &args.images, goal, &project.settings.exclude)?;
    let Asked { engine, inventory, containers } = asking.answer().await?;
    let cores = std::thread::available_parallelism().map_or(2, NonZeroUsize::get);
    let context = session::context(project, engine, args.offline, cores)?;
    let jobs = args.jobs.map_or_else(|| (cores / 2).max(2), NonZeroUsize::get);
    let options = Options { jobs, keep_going: args.keep_going };
    let mut shown = Shown::new(look);
    work::sweep_all(&context, containers).await?;
    let summary =
        run::run(&plan, context, &inventory, options, &mut |event| shown.event(event)).await;
    shown.report.finish();
    let summary = summary?;
    if summary.fresh == plan.len() {
        let (docks, plan, inventory) = (&docks, &plan, &inventory);
        recall.keep(project, Known { docks, plan, inventory, seen });
    }
    Ok((summary, shown.exit))
}

/// The part of the plan that is asked for; no images: all but the excluded ones.
pub(super) fn selected(
    plan: &Plan,
    images: &[String],
    goal: Goal,
    exclude: &[String],
) -> Result<Plan> {
    match goal {
        Goal::Image => select::select(plan, images, exclude),
        Goal::Test => select::select(plan, &select::tests(plan, images, exclude)?, exclude),
    }
}

/// A report that remembers the first failure's exit code.
pub(super) struct Shown {
    pub(super) report: Box<dyn Report>,
    pub(super) exit: Option<Exit>,
}

impl Shown {
    pub(super) fn new(look: Look) -> Self {
        let report: Box<dyn Report> = if look.terminal {
            Box::new(Fancy::new(look.color))
        } else {
            Box::new(Plain::new(std::io::stderr(), look.color))
        };
        Self { report, exit: None }
    }

    pub(super) fn event(&mut self, event: Event) {
        if let Event::Failed { error, .. } = &event {
            self.exit.get_or_insert(Error::exit(error));
        }
        self.report.event(event);
    }
}
