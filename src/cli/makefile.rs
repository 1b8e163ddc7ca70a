//! `bb makefile`: write `Makefile.generated`, or check that it is what would be written.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::cli::{complete, session};
use crate::dock::Dock;
use crate::error::{Error, Result};
use crate::export::{Exported, make};
use crate::plan::{Plan, select};
use crate::project::Project;
use crate::world::store::{self, Store};

/// Write Makefile.generated.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb makefile           # then: make -f Makefile.generated -j4
  bb makefile -o - busybox
  bb makefile --check   # for CI: 1 if it is not what the docks say now")]
pub(super) struct Args {
    /// The file, in the project's folder
    #[arg(short, long, value_name = "FILE", default_value = "Makefile.generated")]
    output: PathBuf,
    /// Write nothing; exit 1 if the file is not what would be written
    #[arg(long)]
    check: bool,
    /// Names of images, or ids of steps (default: all but the excluded ones)
    #[arg(add = complete::images_and_steps())]
    images: Vec<String>,
}

/// A Makefile's text, the digest of what it says, and the files that it was computed from.
pub(super) struct Makefile {
    text: String,
    pub(super) digest: String,
    sources: BTreeSet<PathBuf>,
}

pub(super) fn makefile(args: &Args, state: &Path) -> Result<u8> {
    let project = Project::load(&session::environment(), state)?;
    let now = compute(&project, &session::shape(&project)?, &args.images, &args.output)?;
    let path = &args.output;
    let same = std::fs::read_to_string(path).is_ok_and(|old| old == now.text);
    if args.check {
        return if same { Ok(0) } else { Err(differs(path)) };
    }
    if !same {
        store::replace_beside(path, now.text.as_bytes())?;
    }
    // Make compares times: the file is not older than what it was made from.
    let newest = now.sources.iter().map(|f| store::file_state(f).mtime).max();
    let own = store::file_state(path).mtime;
    Store::date(path, newest.map_or(own, |n| n.max(own)))?;
    Ok(0)
}

fn differs(path: &Path) -> Error {
    let message = format!("`{}` is not what the docks say now", path.display());
    Error::step(message).hint("run `bb makefile` and commit what it writes")
}

/// The Makefile of some images (none: all but the excluded ones), to be called `output`.
pub(super) fn compute(
    project: &Project,
    (docks, plan): &(Vec<Dock>, Plan),
    images: &[String],
    output: &Path,
) -> Result<Makefile> {
    let plan = select::with_tests(plan, images, &project.settings.exclude)?;
    let sources = project.sources(docks);
    let exported = Exported {
        plan: &plan,
        state: &project.layout.state,
        sources: &sources,
        made_by_make: &project.settings.made_by_make,
    };
    let (text, digest) = make::makefile(exported, &output.to_string_lossy(), images)?;
    Ok(Makefile { text, digest, sources })
}
