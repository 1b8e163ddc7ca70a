//! Which images a change touches, by what git says has changed since: those that have one of the files, and all that
//! stand on them.
//!
//! Builds nothing, and does not judge: what is touched may be up to date.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::base::error::{Error, Result};
use crate::base::ids::Kind;
use crate::plan::Plan;
use crate::plan::graph::StepIx;
use crate::plan::step::{Step, Work};
use crate::session::project::{Project, SETTINGS_FILE};

/// Files of the project that all images depend on.
const OF_ALL: [&str; 2] = [SETTINGS_FILE, "bb.lock"];
/// A dock's settings, which are in many of its steps.
const OF_DOCK: &str = "dock.toml";

impl Project {
    /// The images that are touched by what has changed since a commit, in the working tree too; of those that a build
    /// of everything leaves out, none. Those that others need come first.
    ///
    /// # Errors
    /// The project is in no git repository, or that does not know the commit (exit 2); a dock or the lock is wrong.
    pub fn affected(&self, since: &str) -> Result<Vec<String>> {
        let changed = changed(since)?;
        let plan = self.plan()?;
        let touched = touched(&plan, &changed, &|path| path.symlink_metadata().is_ok());
        let images =
            plan.order().iter().filter(|ix| touched.contains(ix)).map(|ix| &plan.step(*ix).id);
        let images = images.filter(|id| id.kind == Kind::Image).map(|id| id.name.clone());
        Ok(images.filter(|name| !self.settings.exclude.contains(name)).collect())
    }
}

/// The steps that depend on one of some files, and those that depend on these.
fn touched(
    plan: &Plan,
    changed: &BTreeSet<PathBuf>,
    is_there: &dyn Fn(&Path) -> bool,
) -> HashSet<StepIx> {
    let of_all = OF_ALL.iter().any(|file| changed.contains(Path::new(file)));
    let mut touched = HashSet::new();
    for ix in plan.order() {
        let step = plan.step(*ix);
        if of_all
            || depends(step, changed, is_there)
            || plan.upstream(*ix).any(|up| touched.contains(&up))
        {
            touched.insert(*ix);
        }
    }
    touched
}

/// A file that is gone is in no step any more: its dock had it.
fn depends(step: &Step, changed: &BTreeSet<PathBuf>, is_there: &dyn Fn(&Path) -> bool) -> bool {
    let own = step.files.iter().chain(&step.triggered_files).any(|file| changed.contains(file));
    let dock = match &step.work {
        Work::Rootfs(work) => &work.dock,
        Work::Image(work) => &work.dock,
        _ => return own,
    };
    let of_dock = |path: &&PathBuf| path.starts_with(dock);
    let counts = |path: &PathBuf| path.ends_with(OF_DOCK) || !is_there(path);
    own || changed.iter().filter(of_dock).any(counts)
}

/// The paths that differ, relative to the project.
fn changed(since: &str) -> Result<BTreeSet<PathBuf>> {
    if since.starts_with('-') {
        return Err(Error::usage(format!("`{since}` is no commit")).hint("such as `origin/main`"));
    }
    let tracked = git(&[
        "diff",
        "--name-only",
        "-z",
        "--relative",
        "--no-ext-diff",
        "--merge-base",
        since,
        "--",
    ])?;
    let new = git(&["ls-files", "-z", "--others", "--exclude-standard"])?;
    let all = [tracked, new].concat();
    let names = all.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(names.map(|name| PathBuf::from(OsStr::from_bytes(name))).collect())
}

/// What git says; a repository's own settings have it start nothing.
fn git(args: &[&str]) -> Result<Vec<u8>> {
    let mut command = Command::new("git");
    command.args(["-c", "core.fsmonitor=false", "-c", "core.quotePath=false"]).args(args);
    let out = command.output().map_err(|e| Error::usage(format!("cannot ask `git`: {e}")))?;
    if out.status.success() {
        return Ok(out.stdout);
    }
    let said = String::from_utf8_lossy(&out.stderr);
    let said = said.lines().next().unwrap_or_default();
    Err(Error::usage(format!(
        "git does not tell what has changed: {}",
        crate::base::words::visible(said)
    ))
    .hint("name a commit of this repository, such as `origin/main`"))
}
