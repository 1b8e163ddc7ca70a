//! `bb build`: bring images up to date.

use crate::cli::call::Call;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::base::error::{Exit, Result};
use crate::base::given;
use crate::base::ids::StepId;
use crate::cli::args::complete;
use crate::cli::args::sources::Sources;
use crate::cli::args::switches::Switches;
use crate::cli::io::message::{Messages, tell};
use crate::cli::io::output::Output;
use crate::cli::verbs::{logs, notes, status};
use crate::cli::{Look, entered, say};
use crate::exec::event::Event;
use crate::exec::history::{Recorder, Run};
use crate::report::trace::trace;
use crate::report::{Fancy, Json, Message, Plain, Report};
use crate::session::{Built, Options, Project};
use crate::state::store::Store;

/// Build images and all that they need.
#[derive(Debug, Default, Clone, clap::Args)]
#[command(after_help = "Examples:
  bb build                      # everything
  bb build --exclude nginx      # everything but nginx
  bb build --affected HEAD      # what a change has touched
  bb build -f busybox           # its image again, although nothing has changed
  bb build -nF busybox          # compile it again, on its parents as they are
  bb build --trace trace.json   # what ran when, for Perfetto or chrome://tracing
  bb build -C --dry-run         # what starting over from the stage3 would do")]
pub(in crate::cli) struct Args {
    /// Names of images, or ids of steps (default: all but the excluded ones)
    #[arg(add = complete::images_and_steps())]
    images: Vec<String>,
    /// Only what has changed since a commit, and what stands on it
    #[arg(long, value_name = "COMMIT", conflicts_with = "images")]
    affected: Option<String>,
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

    /// The same for the session.
    fn options(&self) -> Options {
        let again = self.switches.again();
        let (images, tests, no_deps) = (self.images.clone(), self.tests, self.switches.no_deps());
        Options { images, tests, again, no_deps, ..self.how.options() }
    }
}

/// How to go about it, whatever is built.
#[derive(Debug, Default, Clone, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(in crate::cli) struct How {
    /// How many jobs at the same time, compilers and steps together (default: as many as there are cores)
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Begin no other job while more than so many processes of this machine want a core
    #[arg(short, long, value_name = "N")]
    load: Option<NonZeroUsize>,
    /// Go on with what does not depend on a failed step
    #[arg(short, long)]
    keep_going: bool,
    /// Images to leave out of everything, instead of those in the settings
    #[arg(long, value_name = "IMAGE,…", value_delimiter = ',', add = complete::images())]
    exclude: Option<Vec<String>>,
    #[command(flatten)]
    sources: Sources,
    /// Use no network
    #[arg(long)]
    pub(in crate::cli) offline: bool,
    /// Check no signature: whatever the mirrors serve is built into the images
    #[arg(short, long)]
    skip_verify: bool,
    /// Print how every step stands and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    /// Write what ran when, for chrome://tracing or Perfetto
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    #[command(flatten)]
    messages: Messages,
}

impl How {
    /// Whether messages are for a program.
    pub(in crate::cli) fn json(&self) -> bool {
        self.messages.json()
    }

    /// The same for the session, of everything.
    pub(in crate::cli) fn options(&self) -> Options {
        let How { jobs, load, keep_going, offline, .. } = *self;
        Options { jobs, load, keep_going, offline, ..Options::default() }
    }

    /// The project with its settings as the command line wants them.
    pub(in crate::cli) fn project(&self, call: &Call) -> Result<Project> {
        let mut project = entered::project(&call.state)?;
        self.sources.apply(&mut project, &call.here)?;
        project.settings.skip_verify |= self.skip_verify;
        if let Some(exclude) = &self.exclude {
            let named = exclude.iter().filter(|name| !name.is_empty());
            project.settings.exclude = named.cloned().collect();
        }
        Ok(project)
    }
}

/// That nothing has changed.
pub(in crate::cli) fn untouched(since: &str) -> String {
    format!("nothing here is touched by what has changed since `{since}`\n")
}

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let begun = Instant::now();
    let project = args.how.project(call)?;
    let mut options = args.options();
    if let Some(since) = &args.affected {
        options.images = project.affected(since)?;
        if options.images.is_empty() {
            say(&untouched(since));
            return Ok(0);
        }
    }
    if args.how.dry_run {
        status::planned(&project.judge(&options).await?, call.look);
        return Ok(0);
    }
    notes::begin(&project.settings, call.look);
    let trace = args.how.trace.as_ref();
    let mut tracing = trace.map(|file| Tracing::begin(&call.here.join(file))).transpose()?;
    let mut shown = Shown::new(call.look, project.store());
    let mut told = |message: &Message<'_>| {
        shown.message(message);
        if let (Some(tracing), Message::Event(event)) = (&mut tracing, message) {
            tracing.recorder.event(event);
        }
    };
    let built = project.build(&options, &mut told).await;
    shown.finish();
    tracing.map_or(Ok(()), Tracing::end)?;
    Ok(end(&built?, begun, &project.store(), call.look))
}

/// Whether there is nothing to do, as far as that can be told without an engine: what it has is as recorded.
pub(super) fn is_done(args: &Args, project: &Project) -> Result<bool> {
    Ok(project.judge_recorded(&args.options())?.is_fresh())
}

/// Says what came of it.
pub(in crate::cli) fn end(built: &Built, begun: Instant, store: &Store, look: Look) -> u8 {
    let Built { summary, exit } = built;
    tell(look, &Message::Summary { summary, took: begun.elapsed(), exit: *exit });
    notes::end(store, look);
    exit.map_or(0, Exit::code)
}

/// What happens, for a file.
struct Tracing {
    file: PathBuf,
    recorder: Recorder,
}

impl Tracing {
    /// Before the work: nobody is to learn after hours that the file cannot be written.
    fn begin(file: &Path) -> Result<Self> {
        given::put(file, trace(&Run::default()).as_bytes())?;
        Ok(Self { file: file.to_owned(), recorder: Recorder::begin() })
    }

    fn end(self) -> Result<()> {
        given::put(&self.file, trace(&self.recorder.end()).as_bytes())
    }
}

/// Shows what happens, and remembers what failed.
pub(in crate::cli) struct Shown {
    report: Box<dyn Report>,
    look: Look,
    failures: Vec<String>,
    /// Whether something else was said after the last failure.
    buried: bool,
}

impl Shown {
    pub(in crate::cli) fn new(look: Look, store: Store) -> Self {
        let report: Box<dyn Report> = match (look.json, look.terminal) {
            (true, _) => Box::new(Json::new(Output)),
            (false, true) => Box::new(Fancy::new(
                move |step: &StepId| logs::end(&store.log_path(step)),
                look.color,
            )),
            (false, false) => Box::new(Plain::new(std::io::stderr(), look.color)),
        };
        Self { report, look, failures: vec![], buried: false }
    }

    pub(in crate::cli) fn message(&mut self, message: &Message<'_>) {
        match message {
            Message::Event(event) => self.event(event),
            message => {
                // Nothing is said over what moves.
                self.report.finish();
                tell(self.look, message);
            }
        }
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Failed { step, error, .. } => {
                let first = error.shown_details(true).next();
                let why = first.as_deref().map_or(error.message(), str::trim);
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
        if self.look.terminal && self.buried {
            say(&self.failures.concat());
        }
    }
}
