//! What the state folder holds of steps that may be gone, and which images were made for it.
//!
//! Lists and removes what `bb` has put there under names of its own. What else is in the folder it neither
//! sees nor touches.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::base::error::Result;
use crate::base::ids::{Kind, StepId};
use crate::base::read;
use crate::base::reference::is_same_id;
use crate::state::logs::KEPT_LOGS;
use crate::state::store::{Store, make_parent, remove_if_there};

/// Folders with a file for each step, and what its name ends in.
const BY_STEP: [(&str, &str); 4] =
    [("records", ".json"), ("stamps", ""), ("withdrawn", ""), ("logs", ".log")];

impl Store {
    /// All steps that have left anything.
    pub fn known_steps(&self) -> BTreeSet<StepId> {
        let folder = |(folder, suffix): (&'static str, &'static str)| {
            Kind::ALL.into_iter().flat_map(move |kind| {
                let path = self.root().join(folder).join(kind.as_str());
                let own = Some(path).filter(|path| !self.is_behind_link(&path.join(kind.as_str())));
                own.into_iter()
                    .flat_map(|path| names(&path))
                    .filter_map(move |name| step(kind, name.strip_suffix(suffix)?))
            })
        };
        BY_STEP.into_iter().flat_map(folder).collect()
    }

    /// Whether a folder on the way from the state folder to a path is a link: what is there is not ours.
    pub fn is_behind_link(&self, path: &Path) -> bool {
        path.ancestors().skip(1).take_while(|folder| *folder != self.root()).any(Path::is_symlink)
    }

    /// The steps that somebody works on just now.
    pub fn working(&self) -> Vec<StepId> {
        let locked = Kind::ALL.into_iter().flat_map(|kind| {
            let locks = self.root().join("locks").join(kind.as_str());
            names(&locks).filter_map(move |name| step(kind, &name))
        });
        locked.filter(|id| self.at_work(id).is_some()).collect()
    }

    fn logs_and_record(&self, id: &StepId) -> impl Iterator<Item = PathBuf> {
        let logs = (0..KEPT_LOGS).map(|age| self.old_log_path(id, age));
        logs.chain([self.record_path(id)])
    }

    /// The files that go with [`erase`](Self::erase).
    pub fn left_by(&self, id: &StepId) -> Vec<PathBuf> {
        let own = self.logs_and_record(id).chain(self.marks(id));
        own.filter(|path| !self.is_behind_link(path) && path.is_file()).collect()
    }

    /// Removes a step's record and logs, and the folders that are empty then.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn erase(&self, id: &StepId) -> Result<()> {
        if !self.is_behind_link(&self.stamp_path(id)) {
            self.forget(id)?;
        }
        for path in self.logs_and_record(id).filter(|path| !self.is_behind_link(path)) {
            remove_if_there(&path)?;
            remove_empty(path.parent());
        }
        // What the index has of it counts for a stamp that is gone.
        if !self.is_behind_link(&self.stamp_path(id)) {
            remove_empty(self.stamp_path(id).parent());
        }
        Ok(())
    }

    /// Notes an image of the engine as made here, before another one takes its name.
    ///
    /// # Errors
    /// The state folder cannot be written in.
    pub fn note_made(&self, image: &str) -> Result<()> {
        let path = self.made().join(image);
        make_parent(&path)?;
        self.replace(&path, b"")
    }

    /// The images that were noted, by the engine's ids.
    pub fn noted(&self) -> Vec<String> {
        let mut ids = names(&self.made()).filter(|name| is_id(name)).collect::<Vec<_>>();
        ids.sort();
        ids
    }

    /// An image that was noted is gone.
    ///
    /// # Errors
    /// The note cannot be removed.
    pub fn forget_made(&self, image: &str) -> Result<()> {
        remove_if_there(&self.called().join(image))?;
        remove_if_there(&self.made().join(image))
    }

    fn made(&self) -> PathBuf {
        self.root().join("made")
    }

    /// Notes what an engine calls an image that it does not call by its ID. Such a name is a digest of the same
    /// image written otherwise (of its manifest), so it is true for every engine, and none needs to be told apart.
    ///
    /// # Errors
    /// The state folder cannot be written in.
    pub fn note_called(&self, called: &str, id: &str) -> Result<()> {
        let path = self.called().join(called);
        if !is_id(called) || self.is_called(called, id) {
            return Ok(());
        }
        make_parent(&path)?;
        self.replace(&path, id.as_bytes())
    }

    /// Whether what an engine calls so is the image of an ID.
    pub fn is_called(&self, called: &str, id: &str) -> bool {
        let noted = || read::text(&self.called().join(called)).ok();
        is_same_id(called, id) || is_id(called) && noted().is_some_and(|noted| noted.trim() == id)
    }

    /// What engines call images that were noted so.
    pub fn noted_names(&self) -> Vec<String> {
        names(&self.called()).filter(|name| is_id(name)).collect()
    }

    fn called(&self) -> PathBuf {
        self.root().join("called")
    }

    /// Where it is kept what docks that do not change are.
    pub fn docks(&self) -> PathBuf {
        self.root().join("docks")
    }

    /// Kept answers.
    pub fn traces(&self) -> PathBuf {
        self.root().join("traces")
    }
}

fn step(kind: Kind, name: &str) -> Option<StepId> {
    format!("{kind}:{name}").parse().ok()
}

fn is_id(name: &str) -> bool {
    let hex = name.strip_prefix("sha256:").unwrap_or(name);
    hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The names of a folder's files.
fn names(folder: &Path) -> impl Iterator<Item = String> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.filter(|e| e.file_type().is_ok_and(|t| t.is_file()));
    files.filter_map(|e| e.file_name().into_string().ok())
}

/// A folder with something in it stays.
pub fn remove_empty(folder: Option<&Path>) {
    let _ = folder.map(fs::remove_dir);
}
