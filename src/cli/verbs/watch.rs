//! `bb watch`: a build, and another after each change of something that it has read.
//!
//! Which changes matter is the judge's business: here only what no build could ever read is passed over.

use crate::cli::call::Call;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::base::error::{Error, Exit, Result};
use crate::cli::args::complete;
use crate::cli::entered;
use crate::cli::io::message::{Messages, tell};
use crate::cli::io::output::nobody_reads;
use crate::cli::verbs::build;
use crate::report::Message;
use crate::session::project::SETTINGS_FILE;
use crate::session::watch::Watcher;

/// Build, and build again whenever something changes, until Ctrl-C.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  bb watch          # everything\n  bb watch nginx    # one image, and what it needs"
)]
pub(in crate::cli) struct Args {
    /// Names of images, or ids of steps (default: all but the excluded ones)
    #[arg(add = complete::images_and_steps())]
    images: Vec<String>,
    /// How many jobs at the same time, compilers and steps together (default: as many as there are cores)
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Use no network
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    pub(in crate::cli) messages: Messages,
}

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let root = std::env::current_dir();
    let root = root.map_err(|e| Error::config(format!("there is no current folder: {e}")))?;
    let mut interrupts = interrupts()?;
    let mut watcher = Watcher::new()?;
    let mut seen = Seen::new(&call.state);
    let mut first = true;
    loop {
        // Before the build: an edit while it runs leads to another one.
        seen.update();
        watcher.watch(seen.folders(&root))?;
        let built = build::Args::for_images(args.images.clone(), args.jobs, args.offline);
        match build::run(&built, call).await {
            Err(error) if error.exit() == Exit::Interrupted => return Err(error),
            // Later on, a dock may be away only while files are checked out.
            Err(error) if first && error.exit() == Exit::Usage => return Err(error),
            Err(error) => tell(call.look, &Message::Error(&error)),
            Ok(_) => {}
        }
        first = false;
        tell(call.look, &Message::Watching);
        if nobody_reads() {
            return Ok(0);
        }
        let counts = |path: &Path| seen.counts(path.strip_prefix(&root).unwrap_or(path));
        let [int, term] = &mut interrupts;
        let changed = tokio::select! {
            biased;
            _ = int.recv() => return Err(Error::interrupted()),
            _ = term.recv() => return Err(Error::interrupted()),
            changed = watcher.changed(counts) => changed,
        };
        let inside = |path: PathBuf| path.strip_prefix(&root).map(Path::to_owned).unwrap_or(path);
        tell(call.look, &Message::Changed { files: &changed.into_iter().map(inside).collect() });
    }
}

/// While nothing is built, nobody else listens.
fn interrupts() -> Result<[Signal; 2]> {
    let listen = |kind| signal(kind).map_err(|e| Error::bug(format!("cannot listen: {e}")));
    Ok([listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?])
}

/// What builds read: the files, and the folders whose entries matter.
struct Seen<'a> {
    state: &'a Path,
    files: BTreeSet<PathBuf>,
    listed: BTreeSet<PathBuf>,
}

impl<'a> Seen<'a> {
    fn new(state: &'a Path) -> Self {
        let files = BTreeSet::from([PathBuf::from(SETTINGS_FILE)]);
        Self { state, files, listed: BTreeSet::new() }
    }

    /// Looks again. Where a dock is broken, what was known before stays, and all folders of docks are
    /// watched in any case.
    fn update(&mut self) {
        let Ok(project) = entered::project(self.state) else { return };
        let docks = &project.settings.docks;
        let folders = walkdir::WalkDir::new(docks).follow_links(true).into_iter().flatten();
        let folders = folders.filter(|entry| entry.file_type().is_dir());
        let folders = folders.map(walkdir::DirEntry::into_path).collect::<BTreeSet<_>>();
        let Ok((found, plan)) = project.shape() else {
            self.listed.extend(folders);
            return;
        };
        let looked = project.looked_at(&found).into_iter();
        let (looked_folders, files) =
            looked.partition::<BTreeSet<_>, _>(|path| path.ends_with("."));
        let bare = |folder: PathBuf| folder.components().as_path().to_owned();
        self.listed = looked_folders.into_iter().map(bare).chain(folders).collect();
        self.files = files;
        self.files.extend(["bb.lock", SETTINGS_FILE].map(PathBuf::from));
        let steps = plan.order().iter().map(|ix| plan.step(*ix));
        let steps = steps.flat_map(|step| step.files.iter().chain(&step.triggered_files));
        self.files.extend(steps.filter(|file| !file.starts_with(self.state)).cloned());
    }

    /// All folders that something of it is in.
    fn folders(&self, root: &Path) -> BTreeSet<PathBuf> {
        let of_files = self.files.iter().filter_map(|file| file.parent());
        let folders = of_files.chain(self.listed.iter().map(PathBuf::as_path));
        folders.map(|folder| root.join(folder)).collect()
    }

    /// Whether a build could read it.
    fn counts(&self, path: &Path) -> bool {
        let entry = || {
            let folder = path.parent().is_some_and(|folder| self.listed.contains(folder));
            folder && !path.file_name().is_some_and(is_backup)
        };
        path == Path::new("") || self.files.contains(path) || entry()
    }
}

/// What editors leave beside a file while they write it.
fn is_backup(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let between = |a: char| name.starts_with(a) && name.ends_with(a);
    let ends = ["~", ".swp", ".swx", ".swo"].iter().any(|end| name.ends_with(end));
    ends || name.starts_with(".#") || between('#') || name == "4913"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_editors_leave_is_told_from_files() {
        for name in ["file~", ".file.swp", ".#file", "#file#", "4913"] {
            assert!(is_backup(OsStr::new(name)), "{name}");
        }
        for name in ["file", "Dockerfile.template", "file.swap", "#file", ".dockerignore"] {
            assert!(!is_backup(OsStr::new(name)), "{name}");
        }
    }
}
