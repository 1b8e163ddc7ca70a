//! `bb outdated`: what would change if the lock moved to what the mirrors offer, and about how long it would
//! take. Changes neither the lock nor anything that a build looks at.
//!
//! What is looked at is fetched, verified and imported by the same steps as in a build, with the newer
//! lock and with a state folder of their own.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use crate::base::error::{Error, Result};
use crate::base::ids::{Kind, StepId};
use crate::cli::args::complete;
use crate::cli::io::output::print_json;
use crate::cli::session::{Asked, Asking};
use crate::cli::verbs::build::Shown;
use crate::cli::verbs::update;
use crate::cli::{Look, pin, print, say, session};
use crate::config::lock::Lock;
use crate::exec::action::{CACHED_MS, COMPILING_MS};
use crate::exec::event::Event;
use crate::exec::interrupt::Interrupts;
use crate::exec::outdated::{Image, Moved, Outdated, Run};
use crate::exec::preview::Foreseen;
use crate::exec::run::Options;
use crate::exec::work::Context;
use crate::exec::{preview, run, shell, work};
use crate::plan::expand::Layout;
use crate::plan::select::{Scope, Wish};
use crate::plan::step::{Step, Work};
use crate::plan::{Plan, select};
use crate::report;
use crate::session::project::Project;
use crate::state::store;
use crate::state::store::Store;

/// Tell what an update would change, without doing it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb outdated            # packages and images that would change, and how long it would take
  bb outdated nginx      # of one image, with what it stands on
  bb outdated --json     # the same for a program")]
pub(in crate::cli) struct Args {
    /// Names of images: those and what they stand on (default: all but the excluded ones)
    #[arg(add = complete::images())]
    images: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Exit 1 if an image would change
    #[arg(long)]
    exit_code: bool,
    /// Use no network
    #[arg(long)]
    offline: bool,
}

/// As JSON, where there is nothing that a stage3 or a snapshot matters for.
const NOTHING: &str =
    "{\n  \"stage3\": null,\n  \"snapshot\": null,\n  \"images\": [],\n  \"steps\": []\n}\n";

pub(in crate::cli) async fn outdated(args: &Args, state: &Path, look: Look) -> Result<u8> {
    let env = session::environment();
    // What is not verified must not get into a builder that others use.
    let mut project = Project::load(&env, state)?.skipping(false);
    let date = project.settings.date.take();
    let plan = asked_for(&args.images, &project)?;
    let builds = plan.order().iter().any(|ix| plan.step(*ix).id.kind == Kind::Rootfs);
    let Some(lock) = project.lock()?.filter(|_| builds) else {
        if args.json {
            print(NOTHING);
        } else {
            say("nothing is compiled, so an update would change nothing\n");
        }
        return Ok(0);
    };
    let mut shadow = shadow(&project);
    shadow.settings.date = date;
    let offered = pin::offered(&shadow, args.offline, Some(&lock), look).await?;
    if offered.stage3 <= lock.stage3.timestamp && offered.snapshot.is_none() {
        return nothing_newer(args, &lock);
    }
    let _held = pin::hold(&shadow).await?;
    let new = pin::preview(&project, &shadow, args.offline, &lock, look).await?;
    let preview =
        Preview { project: &project, shadow: &shadow, plan, newer: shadow_plan(&shadow, &new)? };
    let asked = Asking::begin(&env, &shadow.store()).answer().await?;
    preview.builder(args.offline, look, &asked).await?;
    let foreseen = preview.foresee(&asked).await?;
    let found = preview.compare((&lock, &new), &foreseen)?;
    if args.json {
        print_json(&found)?;
    } else {
        print(&told(&found));
    }
    Ok(u8::from(args.exit_code && found.images.iter().any(Image::changes)))
}

/// The part of the plan that is asked for, with the lock as it is.
fn asked_for(images: &[String], project: &Project) -> Result<Plan> {
    let plan = session::locked_plan(project)?;
    for name in images {
        select::image(&plan, name)?;
    }
    select::select(&plan, images, &project.settings.exclude)
}

/// The same project with a state folder of its own.
pub(in crate::cli) fn shadow(project: &Project) -> Project {
    let layout = Layout { state: project.layout.state.join("outdated") };
    Project { layout, ..project.clone() }
}

fn shadow_plan(shadow: &Project, lock: &Lock) -> Result<Plan> {
    shadow.plan(&shadow.docks()?, Some(lock))
}

fn nothing_newer(args: &Args, lock: &Lock) -> Result<u8> {
    let (stage3, snapshot) = (&lock.stage3.timestamp, lock.date());
    if args.json {
        print_json(&Outdated::between(lock, lock))?;
    } else {
        print(&format!("nothing newer: stage3 {stage3}, snapshot {snapshot}\n"));
    }
    Ok(0)
}

fn told(found: &Outdated) -> String {
    let line =
        |what, moved: &Moved| update::compared(what, Some(&moved.pinned), Some(&moved.offered)).0;
    let everything = if found.stage3.moves() {
        "everything is compiled again: it depends on the stage3\n"
    } else {
        ""
    };
    line("stage3", &found.stage3)
        + &line("snapshot", &found.snapshot)
        + everything
        + "\n"
        + &report::outdated::text(found)
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
    async fn builder(&self, offline: bool, look: Look, asked: &Asked) -> Result<()> {
        self.borrow_downloads()?;
        let names = [StepId::new(Kind::Builder, "bob").to_string()];
        let wish = Wish { names: &names, exclude: &[], again: None };
        let scope = Scope::new(&self.newer, wish, |_| false)?;
        let context = session::context(self.shadow, asked.engine.clone(), offline, 1)?;
        work::sweep_all(&context, &asked.containers).await?;
        let options = Options { jobs: 2, ..Options::default() };
        let mut shown = Shown::new(look);
        let mut failed = None;
        // A failure is this command's own: there is no step in the project that could be run again.
        let mut tell = |event| match event {
            Event::Failed { error, .. } => failed = failed.take().or(Some(error)),
            event => shown.event(event),
        };
        run::run(&scope.plan, context, &asked.inventory, options, &mut tell).await?;
        shown.finish();
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
    async fn foresee(&self, asked: &Asked) -> Result<BTreeMap<StepId, Foreseen>> {
        let context = session::context(self.shadow, asked.engine.clone(), true, 1)?;
        let mut interrupts = Interrupts::new();
        let found = tokio::select! {
            found = self.foresee_all(&context) => found,
            () = interrupts.next() => Err(Error::interrupted()),
        };
        shell::remove_own(&context).await?;
        found
    }

    async fn foresee_all(&self, context: &Context) -> Result<BTreeMap<StepId, Foreseen>> {
        let mut found = BTreeMap::new();
        for step in self.plan.order().iter().map(|ix| self.plan.step(*ix)) {
            let newer = self.newer.find(&step.id).map(|ix| self.newer.step(ix));
            let Some((newer, Work::Rootfs(work))) = newer.map(|newer| (newer, &newer.work)) else {
                continue;
            };
            say(&format!("resolve {}\n", step.id));
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
