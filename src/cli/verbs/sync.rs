//! `bb sync`: make's and ninja's file times say what the judge says.
//!
//! Run by a Makefile when make starts: prints the path of a file for make to include, and one that
//! does not exist if it failed, for make ignores the exit status. GNU make is stopped by the Makefile
//! unless it is the right one: of a file that is not there it would say "No rule to make target".

use std::path::{Path, PathBuf};

use crate::base::diag;
use crate::base::error::{Error, Result};
use crate::cli::recall::{Known, Recall, Recalled};
use crate::cli::session::Asking;
use crate::cli::verbs::{export, makefile, notes};
use crate::cli::{Look, print, say, session};
use crate::dock::Dock;
use crate::exec::sync;
use crate::export::make;
use crate::plan::Plan;
use crate::session::project::Project;
use crate::state::store::Store;

/// Bring file times in line with the judge.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb sync")]
pub(in crate::cli) struct Args {
    /// The digest in the Makefile that asks
    #[arg(long, value_name = "DIGEST", hide = true)]
    exported: Option<String>,
    /// The Makefile that asks
    #[arg(long, value_name = "FILE", requires = "exported", hide = true)]
    makefile: Option<PathBuf>,
    /// The images of the Makefile that asks
    #[arg(long, value_name = "NAMES", default_value = "", hide = true)]
    images: String,
    /// Not empty where the make that asks does not remake its Makefile
    #[arg(long, value_name = "TEXT", default_value = "", hide = true)]
    bmake: String,
}

impl Args {
    /// Refuses folders, as given, that no target of the Makefile that asks can be in.
    ///
    /// # Errors
    /// One has a character in its path that make gives a meaning.
    pub(in crate::cli) fn check_folders(&self, given: [Option<&Path>; 2]) -> Result<()> {
        // bmake expands the value of a variable again where it is a target.
        let dollar = |folder: &Path| {
            !self.bmake.is_empty() && folder.as_os_str().as_encoded_bytes().contains(&b'$')
        };
        let bad = |folder: &&Path| {
            self.exported.is_some() && (dollar(folder) || !make::can_express(folder))
        };
        match given.into_iter().flatten().find(bad) {
            Some(folder) => {
                let message = format!("make cannot express the folder `{}`", folder.display());
                Err(Error::config(message).hint(
                    "start make in the project's folder, or with `make -C`, which take every path",
                ))
            }
            None => Ok(()),
        }
    }
}

/// bmake's own error names this file, which is not there.
const FAILED: &str = "make/see-the-error-above";
const SYNCED: &str = "make/synced.mk";

pub(in crate::cli) async fn sync(args: &Args, state: &Path, look: Look) -> Result<u8> {
    match bring_in_line(args, state, look).await {
        Ok(()) => {
            print_path(args, SYNCED);
            Ok(0)
        }
        Err(error) if args.exported.is_some() => {
            say(&diag::render(&error, look.color));
            print_path(args, FAILED);
            Ok(error.exit().code())
        }
        Err(error) => Err(error),
    }
}

/// Below the state folder: its own path may have characters that make would read its own way.
fn print_path(args: &Args, file: &str) {
    if args.exported.is_some() {
        print(&format!("{file}\n"));
    }
}

async fn bring_in_line(args: &Args, state: &Path, look: Look) -> Result<()> {
    let env = session::environment();
    let project = Project::load(&env, state)?;
    notes::begin(&project.settings, look);
    let store = project.store();
    let ninja = if args.exported.is_none() { export::written() } else { None };
    let question = format!("sync {:?} {:?} {ninja:?}", args.exported, args.images);
    let recall = Recall::new(&project, &question);
    let asking = Asking::begin(&env, &store);
    if let Recalled::Unknown(asking) = recall.answer(asking).await? {
        let seen = store.now().ok();
        let shape = session::shape(&project)?;
        ninja.iter().try_for_each(|head| export::check(&project, &shape, head))?;
        let current = check_makefile(args, &project, &shape)?;
        store.create()?;
        let inventory = asking.answer().await?.inventory;
        let (docks, plan) = &session::asked(&project, shape)?;
        if sync::sync(plan, &store, &inventory)? == 0 && current {
            recall.keep(&project, Known { docks, plan, inventory: &inventory, seen });
        }
    }
    notes::end(&store, look);
    store.replace(&state.join(SYNCED), b"# All stamps say what the judge says.\n")
}

/// A time that is older than every file's.
const LONG_AGO: i64 = 86_400_000_000_000;

/// GNU make remakes its Makefile by itself, if only it is older than a file that it is made from: a
/// dock may come in the same second, or a file be dated back. bmake would go on with the old one.
/// Whether the Makefile is what would be written.
fn check_makefile(args: &Args, project: &Project, shape: &(Vec<Dock>, Plan)) -> Result<bool> {
    let (Some(digest), Some(file)) = (&args.exported, &args.makefile) else { return Ok(true) };
    let images = args.images.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    if makefile::compute(project, shape, &images, file)?.digest == *digest {
        return Ok(true);
    }
    if args.bmake.is_empty() && Store::date(file, LONG_AGO).is_ok() {
        return Ok(false);
    }
    let command = format!("bb makefile -o {} {}", file.display(), args.images);
    Err(Error::config(format!("`{}` is not what the docks say now", file.display()))
        .hint(format!("run `{}` and start again", command.trim_end())))
}
