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
use crate::plan::select;
use crate::project::Project;
use crate::report::{self, Fancy, Plain, Report};

/// Build images and all that they need.
#[derive(Debug, clap::Args)]
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

pub(super) async fn build(args: Args, state: &Path, look: Look) -> Result<u8> {
    if args.dry_run {
        let (plan, standings) = status::standings(&args.images, state).await?;
        print(&status::text(&plan, &standings));
        return Ok(0);
    }
    let begun = Instant::now();
    let env = session::environment();
    let mut project = Project::load(&env, state)?;
    project.settings.skip_verify |= args.skip_verify;
    notes::begin(&project.settings, look);
    let recall = Recall::new(&project, &format!("build {:?}", args.images));
    let asking = Asking::begin(&env, &project.store());
    let (summary, exit) = match recall.answer(asking).await? {
        Recalled::Fresh(steps) => (Summary { fresh: steps, ..Summary::default() }, None),
        Recalled::Unknown(asking) => run(&args, look, &project, &recall, asking).await?,
    };
    say(&format!("{}\n", report::summary(&summary, begun.elapsed())));
    notes::end(&project.store(), look);
    Ok(exit.map_or(0, Exit::code))
}

async fn run(
    args: &Args,
    look: Look,
    project: &Project,
    recall: &Recall,
    asking: Asking,
) -> Result<(Summary, Option<Exit>)> {
    let seen = project.store().now().ok();
    let (docks, plan) = session::plan(project, args.offline).await?;
    let plan = select::select(&plan, &args.images, &project.settings.exclude)?;
    let Asked { engine, inventory, containers } = asking.answer().await?;
    let cores = std::thread::available_parallelism().map_or(2, NonZeroUsize::get);
    let context = session::context(project, engine, args.offline, cores)?;
    let jobs = args.jobs.map_or_else(|| (cores / 2).max(2), NonZeroUsize::get);
    let options = Options { jobs, keep_going: args.keep_going };
    let mut shown = Shown::new(look);
    work::sweep_all(&context, containers).await?;
    let summary =
        run::run(&plan, context, &inventory, options, &mut |event| shown.event(event)).await;
    shown.finish();
    let summary = summary?;
    if summary.fresh == plan.len() {
        let (docks, plan, inventory) = (&docks, &plan, &inventory);
        recall.keep(project, Known { docks, plan, inventory, seen });
    }
    Ok((summary, shown.exit))
}

/// A report that remembers the first failure's exit code, and what failed.
pub(super) struct Shown {
    pub(super) report: Box<dyn Report>,
    pub(super) exit: Option<Exit>,
    terminal: bool,
    failures: Vec<String>,
    /// Whether something else was said after the last failure.
    buried: bool,
}

impl Shown {
    pub(super) fn new(look: Look) -> Self {
        let report: Box<dyn Report> = if look.terminal {
            Box::new(Fancy::new(look.color))
        } else {
            Box::new(Plain::new(std::io::stderr(), look.color))
        };
        Self { report, exit: None, terminal: look.terminal, failures: vec![], buried: false }
    }

    pub(super) fn event(&mut self, event: Event) {
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
    pub(super) fn finish(&mut self) {
        self.report.finish();
        if self.terminal && self.buried {
            say(&self.failures.concat());
        }
    }
}
