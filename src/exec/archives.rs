//! Images' archives that were read in this run: each image that stands on others would read all of theirs again.
//!
//! Never older than what is there: what was read counts only for the very file that it was read from. Does not know
//! which image stands on which.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::error::Result;
use crate::base::limits::Limits;
use crate::exec::action::{Summary, summary};
use crate::fresh::record::{FileState, FileType};
use crate::image::archive::bundle::Bundle;
use crate::plan::results::{ARCHIVE, SUMMARY};
use crate::state::store::file_state;

/// So many paths of images are kept, or a little more: some ten megabytes.
const MOST: usize = 40_000;
/// An archive without any takes as much as so many paths: its configuration has the history of all below.
const LEAST: usize = 40;

/// What was read. One that is cloned is the same.
#[derive(Debug, Clone, Default)]
pub struct Archives(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    summaries: HashMap<PathBuf, (FileState, Arc<Summary>)>,
    bundles: HashMap<PathBuf, (FileState, Bundle)>,
    /// In paths.
    weight: usize,
}

impl Archives {
    /// What is said of an image. `dir` is the folder of its results.
    ///
    /// # Errors
    /// As [`summary`].
    pub fn summary(&self, dir: &Path) -> Result<Arc<Summary>> {
        let state = file_state(&dir.join(SUMMARY));
        if let Some(known) = known(&self.kept().summaries, dir, &state) {
            return Ok(known);
        }
        let read = Arc::new(summary(dir)?);
        self.room_for(0).summaries.insert(dir.to_owned(), (state, read.clone()));
        Ok(read)
    }

    /// An image's archive, opened; nothing where only the engine has it.
    ///
    /// # Errors
    /// As [`Bundle::open`].
    pub fn open(&self, dir: &Path, limits: &Limits) -> Result<Option<Bundle>> {
        let path = dir.join(ARCHIVE);
        let state = file_state(&path);
        if let Some(known) = known(&self.kept().bundles, dir, &state) {
            return Ok(Some(known));
        }
        let Some(bundle) = Bundle::open(&path, limits)? else { return Ok(None) };
        let paths = bundle.paths();
        self.room_for(paths).bundles.insert(dir.to_owned(), (state, bundle.clone()));
        Ok(Some(bundle))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins anew where it would be too much: what is needed again is read again.
    fn room_for(&self, paths: usize) -> MutexGuard<'_, Kept> {
        let mut kept = self.kept();
        if kept.weight > MOST {
            *kept = Kept::default();
        }
        kept.weight += paths + LEAST;
        kept
    }
}

/// What was read of a file that is as it was then. Where a link is, nobody knows whether what it leads to is.
fn known<T: Clone>(
    kept: &HashMap<PathBuf, (FileState, T)>,
    dir: &Path,
    state: &FileState,
) -> Option<T> {
    let (then, read) = kept.get(dir).filter(|_| state.kind == FileType::File)?;
    (then == state).then(|| read.clone())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "makes the files that are read")]

    use super::*;

    fn written(dir: &Path, id: &str) {
        let text = format!(
            r#"{{"id":"{id}","references":[],"size":1,"layers":0,"built_by_engine":null,"base":null}}"#
        );
        let new = dir.join("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, dir.join(SUMMARY)).unwrap();
    }

    #[test]
    fn what_was_read_counts_for_its_own_file_only() {
        let dir = tempfile::tempdir().unwrap();
        let archives = Archives::default();
        assert!(archives.summary(dir.path()).is_err());
        written(dir.path(), "one");
        let one = archives.summary(dir.path()).unwrap();
        assert!(Arc::ptr_eq(&one, &archives.summary(dir.path()).unwrap()));
        written(dir.path(), "two");
        assert_eq!(
            (one.id.as_str(), archives.summary(dir.path()).unwrap().id.as_str()),
            ("one", "two")
        );
        std::fs::remove_file(dir.path().join(SUMMARY)).unwrap();
        assert!(archives.summary(dir.path()).is_err());
    }

    #[test]
    fn no_more_is_kept_than_has_room() {
        let dir = tempfile::tempdir().unwrap();
        let archives = Archives::default();
        for n in 0..=2 * MOST / LEAST {
            let kept = archives.room_for(0).weight;
            assert!(kept <= MOST + LEAST, "{n}: {kept}");
        }
        written(dir.path(), "one");
        drop(archives.summary(dir.path()).unwrap());
        drop(archives.room_for(MOST));
        drop(archives.room_for(0));
        assert!(archives.kept().summaries.is_empty());
    }
}
