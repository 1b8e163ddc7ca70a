//! Whether the last answer to the same question still holds: then doing nothing takes neither docks
//! nor a plan.
//!
//! The question is the command, the images, and all that decides the plan but is no file of the
//! docks: the settings with their overrides, the lock, the program itself.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::base::error::Result;
use crate::base::hex::hex;
use crate::base::limits::Limit;
use crate::base::open::Refused;
use crate::base::read;
use crate::exec::looked::looked;
use crate::fresh::Inventory;
use crate::plan::Plan;
use crate::session::engine::Asking;
use crate::session::project::{LOCK_FILE, Project};
use crate::state::store::Store;
use crate::state::trace::Trace;

/// More answers than this are not kept.
const KEPT: usize = 8;

/// One question and where its last answer is.
pub(super) struct Recall {
    question: String,
    file: PathBuf,
    store: Store,
}

impl Recall {
    /// `question` is the command with its images.
    pub(super) fn new(project: &Project, question: &str) -> Self {
        let lock = lock(project);
        let parts = [question.to_owned(), program(), format!("{:?}", project.settings)];
        let key = key(parts.iter().map(String::as_bytes).chain([lock.as_slice()]));
        let store = project.store();
        let file = folder(&store).join(&hex(&key)[..16]);
        Self { question: question.to_owned(), file, store }
    }

    /// Looks whether the last answer still holds.
    pub(super) async fn answer(&self, asking: Asking) -> Result<Recalled> {
        let bytes = read::state(&self.file, Limit::StateSize).unwrap_or_default();
        let Some(trace) = Trace::read(&bytes).filter(Trace::files_hold) else {
            return Ok(Recalled::Unknown(asking));
        };
        let asked = asking.answer().await?;
        // A container is one that somebody works in, or left behind.
        if asked.containers.is_empty() && trace.objects_hold(&asked.inventory) {
            return Ok(Recalled::Fresh(trace.steps));
        }
        Ok(Recalled::Unknown(Asking::Answered(Box::new(asked))))
    }

    /// Keeps the answer that all of a plan is fresh. Only to be quick: where it cannot be written,
    /// nothing is lost.
    pub(super) fn keep(&self, project: &Project, known: Known<'_>) {
        // What was pinned on the way is another question: without a lock, something has to be pinned each time.
        if Self::new(project, &self.question).file != self.file {
            return;
        }
        let looked = looked(known.plan, known.sources, &self.store);
        if let Some(trace) = looked.trace(known.inventory, known.seen)
            && self.store.replace(&self.file, &trace).is_ok()
        {
            prune(&folder(&self.store));
        }
    }
}

/// What an answer was found from.
pub(super) struct Known<'a> {
    /// What the plan was made from.
    pub(super) sources: BTreeSet<PathBuf>,
    pub(super) plan: &'a Plan,
    pub(super) inventory: &'a Inventory,
    /// When the first of it was looked at, nanoseconds since 1970.
    pub(super) seen: i64,
}

/// What is known without reading the docks.
pub(super) enum Recalled {
    /// So many steps are up to date, and no other is asked for.
    Fresh(usize),
    /// Nothing.
    Unknown(Asking),
}

/// The lock's text, or what it is instead: none is not one that cannot be read.
fn lock(project: &Project) -> Vec<u8> {
    match project.ground.read(Path::new(LOCK_FILE), Limit::FileSize) {
        Ok(text) => [b"=", &text[..]].concat(),
        Err(Refused::Io(e)) if e.kind() == std::io::ErrorKind::NotFound => vec![],
        Err(_) => b"unreadable".to_vec(),
    }
}

fn folder(store: &Store) -> PathBuf {
    store.traces()
}

/// SHA-256 of what an answer depends on.
pub(super) type Key = [u8; 32];

/// Tells parts from parts that are cut otherwise.
pub(super) fn key<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Key {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Which build of this program runs.
pub(super) fn program() -> String {
    let meta = std::env::current_exe().and_then(fs::metadata);
    let id = meta.map(|m| (m.ino(), m.size(), m.ctime(), m.ctime_nsec())).unwrap_or_default();
    format!("{} {id:?}", env!("CARGO_PKG_VERSION"))
}

/// Removes the oldest answers.
fn prune(folder: &Path) {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path());
    let age = |path: &PathBuf| fs::metadata(path).and_then(|m| m.modified()).ok();
    let mut files = files.collect::<Vec<_>>();
    files.sort_by_cached_key(age);
    for old in files.iter().rev().skip(KEPT) {
        // Somebody else may have been first.
        let _ = fs::remove_file(old);
    }
}
