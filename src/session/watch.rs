//! Folders whose entries are watched, by the kernel. The only file that names notify.
//!
//! Does not know what a change means.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{Event, EventKind, RecursiveMode, Watcher as _};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, timeout_at};

use crate::base::error::{Error, Result, lower_first};

/// An editor that saves, and a checkout, touch several files: they are one change if no more than this
/// lies between two of them.
const QUIET: Duration = Duration::from_millis(100);
/// Somebody who never stops writing is not waited for any longer.
const LONGEST: Duration = Duration::from_secs(2);

/// Tells what changes in some folders.
#[derive(Debug)]
pub struct Watcher {
    inner: notify::RecommendedWatcher,
    events: UnboundedReceiver<notify::Result<Event>>,
    folders: BTreeSet<PathBuf>,
}

impl Watcher {
    /// One that watches nothing yet.
    ///
    /// # Errors
    /// The kernel has no more watchers for this user.
    pub fn new() -> Result<Self> {
        let (to, events) = unbounded_channel();
        // Nobody receives any more only when the program ends.
        let inner = notify::recommended_watcher(move |event| drop(to.send(event)));
        let inner = inner.map_err(|e| cannot(Path::new("."), e))?;
        Ok(Self { inner, events, folders: BTreeSet::new() })
    }

    /// Watches the entries of these folders, and of no others. What is not there is left out.
    ///
    /// # Errors
    /// One cannot be watched.
    pub fn watch(&mut self, folders: BTreeSet<PathBuf>) -> Result<()> {
        for gone in self.folders.difference(&folders) {
            // It may have gone with its folder.
            let _ = self.inner.unwatch(gone);
        }
        // Again also those that were: a folder may have been removed and made anew.
        for folder in folders.iter().filter(|folder| folder.is_dir()) {
            match self.inner.watch(folder, RecursiveMode::NonRecursive) {
                Err(e) if folder.is_dir() => return Err(cannot(folder, e)),
                _ => {}
            }
        }
        self.folders = folders;
        Ok(())
    }

    /// Waits for changes that count, and until no more come. An empty path stands for changes that the
    /// kernel has lost count of.
    pub async fn changed(&mut self, counts: impl Fn(&Path) -> bool) -> BTreeSet<PathBuf> {
        let mut changed = BTreeSet::new();
        while changed.is_empty() {
            let Some(event) = self.events.recv().await else { return std::future::pending().await };
            changed.extend(paths(event).filter(|path| counts(path)));
        }
        let end = Instant::now() + LONGEST;
        while let Ok(Some(event)) =
            timeout_at(end.min(Instant::now() + QUIET), self.events.recv()).await
        {
            changed.extend(paths(event).filter(|path| counts(path)));
        }
        changed
    }
}

/// The paths that an event is about; none if something was only read.
fn paths(event: notify::Result<Event>) -> impl Iterator<Item = PathBuf> {
    let paths = match event {
        Ok(event) if event.need_rescan() => vec![PathBuf::new()],
        Ok(Event { kind: EventKind::Access(_), .. }) => vec![],
        Ok(event) => event.paths,
        Err(_) => vec![PathBuf::new()],
    };
    paths.into_iter()
}

fn cannot(folder: &Path, cause: notify::Error) -> Error {
    let folder = folder.display();
    match cause.kind {
        notify::ErrorKind::MaxFilesWatch => Error::step(format!(
            "cannot watch `{folder}`: this user watches too many folders already"
        ))
        .hint("raise it with `sysctl fs.inotify.max_user_watches=524288`"),
        notify::ErrorKind::Io(e) => {
            let why = crate::base::error::io_reason(&e);
            let error = Error::step(format!("cannot watch `{folder}`: {why}"));
            error.hint("`sysctl fs.inotify` shows the limits")
        }
        other => Error::step(format!(
            "cannot watch `{folder}`: {}",
            lower_first(&notify::Error::new(other).to_string())
        )),
    }
}
