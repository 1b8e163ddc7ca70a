//! `bb logs`: what steps have written, as it is, also while they do.
//!
//! Reads the state folder only; needs no engine.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use crate::cli::{complete, session};
use crate::error::{Error, Result};
use crate::fresh::record::Stamp;
use crate::ids::{Kind, StepId};
use crate::plan::select;
use crate::project::Project;
use crate::world::logs::KEPT_LOGS;
use crate::world::store::Store;

/// How often a log that is being followed is looked at.
const PACE: Duration = Duration::from_millis(100);

/// Show what steps have written.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb logs                          # of the step that has failed last
  bb logs busybox                  # of all steps of an image
  bb logs rootfs:busybox           # of one step
  bb logs rootfs:busybox --previous 1
  bb logs rootfs:busybox --follow")]
pub(super) struct Args {
    /// Name of an image, or id of a step (default: the step that has failed last; with --follow, one that
    /// runs)
    #[arg(add = complete::images_and_steps())]
    target: Option<String>,
    /// Go on until the step has ended
    #[arg(short, long)]
    follow: bool,
    /// Of an earlier run: 1 is the one before the last
    #[arg(short, long, value_name = "N", conflicts_with = "follow",
          value_parser = clap::value_parser!(u8).range(1..KEPT_LOGS as i64))]
    previous: Option<u8>,
}

pub(super) async fn logs(args: &Args, state: &Path) -> Result<u8> {
    let project = Project::load(&session::environment(), state)?;
    let store = project.store();
    let steps = match &args.target {
        Some(target) => named(target, &project, &store)?,
        None => vec![last(&store, args.follow)?],
    };
    let age = usize::from(args.previous.unwrap_or(0));
    let shown = |id: &&StepId| {
        store.old_log_path(id, age).is_file() || args.follow && store.at_work(id).is_some()
    };
    let there = steps.iter().filter(shown).collect::<Vec<_>>();
    if there.is_empty() {
        return Err(none(args.target.as_deref().unwrap_or_default(), &steps, age, &store));
    }
    let mut out = std::io::stdout().lock();
    for (number, id) in there.iter().enumerate() {
        let blank = if number > 0 { "\n" } else { "" };
        let head = format!("{blank}==> {id} <==\n");
        let headed = if there.len() > 1 { out.write_all(head.as_bytes()) } else { Ok(()) };
        let path = store.old_log_path(id, age);
        let written = match headed {
            Ok(()) if args.follow => follow(id, &path, &store, &mut out).await,
            Ok(()) => copy(&path, &mut out),
            Err(error) => Err(error),
        };
        match written {
            // Nobody reads any more.
            Err(e) if e.kind() == ErrorKind::BrokenPipe => return Ok(0),
            written => written.map_err(|e| Error::file("read", &path, &e))?,
        }
    }
    Ok(0)
}

/// An image's steps, or the one step. One whose dock is gone may still have its log.
fn named(target: &str, project: &Project, store: &Store) -> Result<Vec<StepId>> {
    if target.contains(':') {
        let id = target.parse::<StepId>()?;
        if store.log_path(&id).is_file() {
            return Ok(vec![id]);
        }
    }
    let (_, plan) = session::shape(project)?;
    let id = plan.step(select::named(&plan, target)?).id.clone();
    if target.contains(':') {
        return Ok(vec![id]);
    }
    let kinds = [Kind::Rootfs, Kind::Dockerfile, Kind::Image];
    let steps = kinds.map(|kind| StepId::new(kind, target)).into_iter();
    Ok(steps.filter(|id| plan.find(id).is_some()).collect())
}

/// The step that has failed last; where it is to be followed, one that runs, else the last that did.
fn last(store: &Store, follow: bool) -> Result<StepId> {
    let working = store.working();
    let failed = |id: &StepId| store.stamp(id) == Stamp::Missing && !working.contains(id);
    let mut logged = store.logged().into_iter().map(|(id, _)| id).collect::<Vec<_>>();
    if follow {
        logged.sort_by_key(|id| !working.contains(id));
        // One that runs may have written nothing yet.
        let silent =
            working.iter().find(|_| !logged.first().is_some_and(|id| working.contains(id)));
        logged.splice(0..0, silent.cloned());
    }
    let found = logged.into_iter().find(|id| follow || failed(id));
    found.ok_or_else(|| {
        let none = if follow { "there are no logs yet" } else { "no step has failed" };
        Error::step(none).hint("name an image or a step: `bb status` lists them")
    })
}

/// Why there is nothing to be shown.
fn none(target: &str, steps: &[StepId], age: usize, store: &Store) -> Error {
    if age > 0 {
        return Error::step(format!("`{target}` has no log of so early a run"));
    }
    let earlier = |id: &StepId| store.old_log_path(id, 1).is_file();
    match steps.iter().find(|id| earlier(id)) {
        Some(id) => Error::step(format!("the last run of `{id}` has written nothing"))
            .hint(format!("`bb logs {id} --previous 1` shows the run before")),
        None => Error::step(format!("`{target}` has no log"))
            .hint("a log is there once a step has run and has written something"),
    }
}

fn copy(path: &Path, out: &mut impl Write) -> std::io::Result<()> {
    if !path.is_file() {
        return Err(std::io::Error::new(ErrorKind::InvalidInput, "not a regular file"));
    }
    std::io::copy(&mut File::open(path)?, out)?;
    out.flush()
}

/// Shows a log as it grows, until nobody works on its step any more. A step that begins to run again puts
/// its log aside.
async fn follow(
    id: &StepId,
    path: &Path,
    store: &Store,
    out: &mut impl Write,
) -> std::io::Result<()> {
    let mut open = None::<File>;
    loop {
        // What is written before it ends is read after it was seen to work.
        let working = store.at_work(id).is_some();
        if let Some(file) = &mut open {
            forward(file, out)?;
        }
        let other = match (&open, std::fs::metadata(path)) {
            (Some(file), Ok(there)) => file.metadata()?.ino() != there.ino(),
            (None, Ok(_)) => true,
            (_, Err(_)) => false,
        };
        if other {
            let mut file = File::open(path)?;
            forward(&mut file, out)?;
            open = Some(file);
        }
        if !working {
            return Ok(());
        }
        tokio::time::sleep(PACE).await;
    }
}

fn forward(file: &mut File, out: &mut impl Write) -> std::io::Result<()> {
    let mut piece = vec![0; 64 * 1024];
    loop {
        match file.read(&mut piece)? {
            0 => return out.flush(),
            n => out.write_all(piece.get(..n).unwrap_or_default())?,
        }
    }
}
