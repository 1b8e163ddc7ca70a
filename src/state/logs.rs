//! The logs of the state folder: one file for each of a step's last runs.
//!
//! Does not know what is in them.

use std::fs;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::base::error::{Error, Result};
use crate::base::ids::{Kind, StepId};
use crate::state::store::{Store, make_parent, remove_if_there};

/// Of so many runs of a step the logs are kept.
pub const KEPT_LOGS: usize = 3;

impl Store {
    /// Where the log of a step's last run is.
    pub fn log_path(&self, id: &StepId) -> PathBuf {
        self.of("logs", id, ".log")
    }

    /// Where the log of an earlier run is, 0 being the last one. Behind the suffix: `a.log.1` can be the
    /// log of no other step.
    pub fn old_log_path(&self, id: &StepId, age: usize) -> PathBuf {
        let suffix = if age == 0 { ".log".to_owned() } else { format!(".log.{age}") };
        self.of("logs", id, &suffix)
    }

    /// A step runs again: what is there becomes the log of an earlier run, and the oldest one goes.
    ///
    /// # Errors
    /// A log cannot be renamed or removed.
    pub fn age_logs(&self, id: &StepId) -> Result<()> {
        if !self.log_path(id).exists() {
            return Ok(());
        }
        for age in (1..KEPT_LOGS).rev() {
            let (newer, older) = (self.old_log_path(id, age - 1), self.old_log_path(id, age));
            match fs::rename(&newer, &older) {
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => remove_if_there(&older)?,
                Err(e) => return Err(Error::file("rename", &newer, &e)),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// A fresh log for a step.
    ///
    /// # Errors
    /// The file cannot be made, or what has its place cannot be removed.
    pub fn new_log(&self, id: &StepId) -> Result<(File, PathBuf)> {
        let path = self.log_path(id);
        make_parent(&path)?;
        // What is left there may be no file.
        remove_if_there(&path)?;
        let file = File::create(&path).map_err(|e| Error::file("write", &path, &e))?;
        Ok((file, path))
    }

    /// The steps that have a log of their last run, with when something was last written to it; the
    /// newest first.
    pub fn logged(&self) -> Vec<(StepId, SystemTime)> {
        let mut logged = Kind::ALL.into_iter().flat_map(|kind| {
            let entries = fs::read_dir(self.root().join("logs").join(kind.as_str()));
            let entries = entries.into_iter().flatten().flatten();
            entries.filter_map(move |e| of_log(kind, &e.path()))
        });
        let mut logged = logged.by_ref().collect::<Vec<_>>();
        logged.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        logged
    }
}

fn of_log(kind: Kind, path: &Path) -> Option<(StepId, SystemTime)> {
    let name = path.file_name()?.to_str()?.strip_suffix(".log")?;
    let modified = fs::symlink_metadata(path).ok()?.modified().ok()?;
    Some((StepId::new(kind, name), modified))
}
