//! All records in one file, so that doing nothing reads one file instead of thousands.
//!
//! Never the truth: an entry counts only for the very stamp file that it was made for, and whatever
//! is wrong with the index, records are read from their own files instead.
//!
//! Format: the table's length (8 bytes, little-endian), the table, the records, all in postcard. A record is read
//! when it is asked for, so that those of ten thousand docks are never in memory together.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::ids::StepId;
use crate::base::limits::{Limit, Limits};
use crate::base::open;
use crate::fresh::record::{FileState, Record};

/// Version of the index and of the records in it.
const FORMAT: u32 = 3;

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

/// Records that are not in the index yet, by step, each for one stamp file.
pub type Unindexed = HashMap<StepId, (Mark, Arc<Record>)>;

/// What the file says of its records, which follow in the same order: each with its length in bytes.
type Table = (u32, Vec<(StepId, Mark, u64)>);

/// Records by step, each for one stamp file.
#[derive(Debug, Default)]
pub struct Index {
    /// None: there is no index that can be read.
    file: Option<File>,
    entries: HashMap<StepId, (Mark, Range<u64>)>,
}

impl Index {
    /// Reads an index; one that cannot be read is empty.
    pub fn read(path: &Path) -> Self {
        Self::open(path).unwrap_or_default()
    }

    fn open(path: &Path) -> Option<Self> {
        let mut file = open::regular(path).ok()?;
        let size = file.metadata().ok()?.len();
        Limits::default().check(Limit::StateSize, size).ok()?;
        let mut length = [0; 8];
        file.read_exact(&mut length).ok()?;
        let length = Some(u64::from_le_bytes(length)).filter(|length| *length <= size)?;
        let mut table = vec![];
        (&file).take(length).read_to_end(&mut table).ok()?;
        let (format, table) = postcard::from_bytes::<Table>(&table).ok()?;
        let mut at = length.checked_add(8)?;
        let mut entries = HashMap::with_capacity(table.len());
        for (id, mark, length) in table {
            let end = at.checked_add(length).filter(|end| *end <= size)?;
            entries.insert(id, (mark, at..end));
            at = end;
        }
        (format == FORMAT).then_some(Self { file: Some(file), entries })
    }

    /// The record of a step whose stamp is this file.
    pub fn get(&self, id: &StepId, mark: Mark) -> Option<Arc<Record>> {
        let (_, place) = self.entries.get(id).filter(|(known, _)| *known == mark)?;
        postcard::from_bytes(&self.bytes(place)?).ok().map(Arc::new)
    }

    fn bytes(&self, place: &Range<u64>) -> Option<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(place.end - place.start).ok()?];
        self.file.as_ref()?.read_exact_at(&mut bytes, place.start).ok()?;
        Some(bytes)
    }

    /// How many records.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// This index with newer records laid over it, as bytes.
    pub fn merged(&self, newer: &Unindexed) -> Option<Vec<u8>> {
        let (mut table, mut records) = (vec![], vec![]);
        for (id, (mark, place)) in self.entries.iter().filter(|(id, _)| !newer.contains_key(*id)) {
            table.push((id, mark, place.end - place.start));
            records.extend(self.bytes(place)?);
        }
        for (id, (mark, record)) in newer {
            let bytes = postcard::to_allocvec(record.as_ref()).ok()?;
            table.push((id, mark, bytes.len() as u64));
            records.extend(bytes);
        }
        let table = postcard::to_allocvec(&(FORMAT, table)).ok()?;
        Some([&(table.len() as u64).to_le_bytes()[..], &table, &records].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::Kind;

    fn mark(inode: u64) -> Mark {
        Mark { mtime: 1, ctime: 2, inode }
    }

    fn record(seen: i64) -> Arc<Record> {
        Arc::new(Record { seen, ..Record::default() })
    }

    fn written(dir: &Path, old: &Index, newer: &Unindexed) -> Index {
        let new = dir.join("new");
        std::fs::write(&new, old.merged(newer).unwrap()).unwrap();
        std::fs::rename(new, dir.join("index")).unwrap();
        Index::read(&dir.join("index"))
    }

    #[test]
    fn an_entry_counts_for_its_own_stamp_only() {
        let dir = tempfile::tempdir().unwrap();
        let id = StepId::new(Kind::Image, "a");
        let newer = Unindexed::from([(id.clone(), (mark(1), record(7)))]);
        let index = written(dir.path(), &Index::default(), &newer);
        assert_eq!(index.get(&id, mark(1)), Some(record(7)));
        assert_eq!(index.get(&id, mark(2)), None);
    }

    #[test]
    fn newer_records_are_laid_over_older_ones() {
        let dir = tempfile::tempdir().unwrap();
        let [a, b, c] = ["a", "b", "c"].map(|name| StepId::new(Kind::Image, name));
        let old =
            Unindexed::from([(a.clone(), (mark(1), record(1))), (b.clone(), (mark(2), record(2)))]);
        let old = written(dir.path(), &Index::default(), &old);
        let newer =
            Unindexed::from([(b.clone(), (mark(3), record(3))), (c.clone(), (mark(4), record(4)))]);
        let index = written(dir.path(), &old, &newer);
        assert_eq!(index.len(), 3);
        assert_eq!(index.get(&a, mark(1)), Some(record(1)));
        assert_eq!((index.get(&b, mark(2)), index.get(&b, mark(3))), (None, Some(record(3))));
        assert_eq!(index.get(&c, mark(4)), Some(record(4)));
        // The file has been replaced; who has the old one open still reads that.
        assert_eq!(old.get(&b, mark(2)), Some(record(2)));
    }

    /// Whatever byte is wrong, there is no record or one that can be read, and never a panic.
    #[test]
    fn what_is_damaged_is_empty_or_less() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index");
        let id = StepId::new(Kind::Image, "a");
        let newer = Unindexed::from([(id.clone(), (mark(1), record(7)))]);
        let whole = Index::default().merged(&newer).unwrap();
        for end in 0..whole.len() {
            std::fs::write(&path, &whole[..end]).unwrap();
            assert_eq!(Index::read(&path).get(&id, mark(1)), None, "{end}");
        }
        for at in 0..whole.len() {
            let mut wrong = whole.clone();
            wrong[at] ^= 0xff;
            std::fs::write(&path, wrong).unwrap();
            Index::read(&path).get(&id, mark(1));
        }
        std::fs::write(&path, b"\xff\xff\xff\xff\xff\xff\xff\xff rubbish").unwrap();
        assert!(Index::read(&path).is_empty());
    }
}
