//! All records in one file, so that doing nothing reads one file instead of thousands.
//!
//! Never the truth: an entry counts only for the very stamp file that it was made for, and whatever
//! is wrong with the index, records are read from their own files instead.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::ids::StepId;
use crate::base::limits::Limit;
use crate::base::read;
use crate::fresh::record::{FORMAT, FileState, Record};

/// Identifies one stamp file: every stamp that is written is a new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    mtime: i64,
    ctime: i64,
    inode: u64,
}

impl From<&FileState> for Mark {
    fn from(stamp: &FileState) -> Self {
        Self { mtime: stamp.mtime, ctime: stamp.ctime, inode: stamp.inode }
    }
}

/// Records by step, each for one stamp file.
#[derive(Debug, Clone, Default)]
pub struct Index {
    entries: HashMap<StepId, (Mark, Arc<Record>)>,
}

impl Index {
    /// Reads an index; one that cannot be read is empty.
    pub fn read(path: &Path) -> Self {
        let read = || {
            let bytes = read::state(path, Limit::StateSize).ok()?;
            let (format, entries) =
                postcard::from_bytes::<(u32, Vec<(StepId, Mark, Record)>)>(&bytes).ok()?;
            (format == FORMAT).then_some(entries)
        };
        let entries = read().unwrap_or_default().into_iter();
        Self { entries: entries.map(|(id, mark, record)| (id, (mark, Arc::new(record)))).collect() }
    }

    /// The record of a step whose stamp is this file.
    pub fn get(&self, id: &StepId, mark: Mark) -> Option<Arc<Record>> {
        let (known, record) = self.entries.get(id)?;
        (*known == mark).then(|| record.clone())
    }

    /// Takes a record in.
    pub fn insert(&mut self, id: StepId, mark: Mark, record: Arc<Record>) {
        self.entries.insert(id, (mark, record));
    }

    /// How many records.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// This index with another's records laid over it, as bytes.
    pub fn merged(&self, newer: &Self) -> Option<Vec<u8>> {
        let old = self.entries.iter().filter(|(id, _)| !newer.entries.contains_key(*id));
        let all = old.chain(&newer.entries).map(|(id, (mark, record))| (id, mark, record.as_ref()));
        postcard::to_allocvec(&(FORMAT, all.collect::<Vec<_>>())).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::Kind;

    fn mark(inode: u64) -> Mark {
        Mark { mtime: 1, ctime: 2, inode }
    }

    #[test]
    fn an_entry_counts_for_its_own_stamp_only() {
        let id = StepId::new(Kind::Image, "a");
        let mut index = Index::default();
        index.insert(id.clone(), mark(1), Arc::new(Record::default()));
        assert!(index.get(&id, mark(1)).is_some());
        assert!(index.get(&id, mark(2)).is_none());
    }

    #[test]
    fn what_is_written_is_read_again_and_rubbish_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index");
        let id = StepId::new(Kind::Image, "a");
        let record = Record { seen: 7, ..Record::default() };
        let mut index = Index::default();
        index.insert(id.clone(), mark(1), Arc::new(record.clone()));
        std::fs::write(&path, Index::default().merged(&index).unwrap()).unwrap();
        assert_eq!(*Index::read(&path).get(&id, mark(1)).unwrap(), record);
        std::fs::write(&path, b"\xff\xff\xff\xff\xff rubbish").unwrap();
        assert!(Index::read(&path).is_empty());
    }
}
