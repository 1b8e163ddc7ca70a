//! `bb sync`: make's and ninja's file times say what the judge says.
//!
//! Run by a Makefile when make starts: prints the path of a file for make to include, and one that
//! does not exist if it failed, for make ignores the exit status. GNU make is stopped by the Makefile
//! unless it is the right one: of a file that is not there it would say "No rule to make target".

use crate::cli::call::Call;
use std::path::{Path, PathBuf};

use crate::base::diag;
use crate::base::error::{Error, Result};
use crate::cli::io::message::tell;
use crate::cli::verbs::notes;
use crate::cli::{Look, entered, print, say};
use crate::export::make;
use crate::session::Asker;

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
    /// The Makefile that asks was written so
    #[arg(long, hide = true)]
    jobserver: bool,
    /// Not empty where the make that asks does not remake its Makefile
    #[arg(long, value_name = "TEXT", default_value = "", hide = true)]
    bmake: String,
}

impl Args {
    /// The same for the session.
    fn asker(&self) -> Asker {
        Asker {
            digest: self.exported.clone(),
            file: self.makefile.clone(),
            images: self.images.clone(),
            goes_on: !self.bmake.is_empty(),
            jobserver: self.jobserver,
        }
    }

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

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    match bring_in_line(args, &call.state, call.look).await {
        Ok(()) => {
            print_path(args, SYNCED);
            Ok(0)
        }
        Err(error) if args.exported.is_some() => {
            say(&diag::render(&error, call.look.color));
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
    let project = entered::project(state)?;
    notes::begin(&project.settings, look);
    project.sync(&args.asker(), &mut |message| tell(look, message)).await?;
    let store = project.store();
    notes::end(&store, look);
    store.replace(&state.join(SYNCED), b"# All stamps say what the judge says.\n")
}
