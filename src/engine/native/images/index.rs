//! The index of the layout: which names mean which images. All of it in `index.json`, which other programs read, and
//! beside it what has changed since: with very many images, to write all of it for each would be all that is done.
//!
//! ```text
//! index.json      all entries; replaced as a whole
//! index.changes   a line for each change since: entries that went, and entries that came
//! ```
//!
//! What is reported as done is in one of the two. The changes are taken into `index.json` when they are many, by who
//! has made them when it ends, and by who opens the store next if that was killed. Between the two steps of that a change
//! is in both: to make it once more changes nothing.

use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oci_spec::image as oci;
use serde::{Deserialize, Serialize};

use super::{Entry, entry, notes};
use crate::base::error::{Error, Result};
use crate::base::limits::Limit;
use crate::base::read;
use crate::engine::native::failed;
use crate::engine::native::store::put;
use crate::image::bundle::{self, Indexed};

/// So many changes are not many.
const FEW: usize = 64;
/// Of so many entries, one may have changed before all are written again.
const SHARE: usize = 8;

/// The index of one layout.
#[derive(Debug)]
pub(super) struct Index {
    folder: PathBuf,
    /// Held by all who read, alone by who writes.
    lock: PathBuf,
    known: Mutex<Known>,
}

/// What this process has read.
#[derive(Debug, Default)]
struct Known {
    /// Which file `index.json` was.
    file: Option<[i64; 6]>,
    /// How much of the changes is taken in, in bytes and in lines.
    read: u64,
    lines: usize,
    /// Whether this process has made one of them.
    is_own: bool,
    entries: Arc<Vec<Entry>>,
}

/// A change: a line.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Change {
    went: Vec<Entry>,
    came: Vec<Entry>,
}

impl Change {
    /// What makes the one of the other.
    fn between(before: &[Entry], after: &[Entry]) -> Self {
        let not_in = |these: &[Entry], others: &[Entry]| {
            these.iter().filter(|entry| !others.contains(entry)).cloned().collect()
        };
        Self { went: not_in(before, after), came: not_in(after, before) }
    }

    fn make(self, entries: &mut Vec<Entry>) {
        if !self.went.is_empty() {
            entries.retain(|entry| !self.went.contains(entry));
        }
        for came in self.came {
            if !entries.contains(&came) {
                entries.push(came);
            }
        }
    }
}

impl Index {
    /// The index of a layout; `lock` is a file.
    pub(super) fn at(folder: &Path, lock: PathBuf) -> Self {
        Self { folder: folder.to_owned(), lock, known: Mutex::default() }
    }

    /// All entries.
    pub(super) fn entries(&self) -> Result<Arc<Vec<Entry>>> {
        let lock = self.lock_file()?;
        lock.lock_shared().map_err(|cause| failed("lock the images", &cause))?;
        let mut known = self.known();
        self.read(&mut known)?;
        Ok(known.entries.clone())
    }

    /// Changes all entries of the images that have an entry for which `concerns` holds. All of it is done, or nothing.
    pub(super) fn change(
        &self,
        concerns: impl Fn(&Entry) -> bool,
        change: impl FnOnce(&mut Vec<Entry>),
    ) -> Result<()> {
        let lock = self.lock_file()?;
        lock.lock().map_err(|cause| failed("lock the images", &cause))?;
        let mut known = self.known();
        self.read(&mut known)?;
        let found = known.entries.iter().filter(|entry| concerns(entry));
        let ids = found.map(|entry| entry.id.as_str()).collect::<BTreeSet<_>>();
        let before = known.entries.iter().filter(|entry| ids.contains(entry.id.as_str()));
        let before = before.cloned().collect::<Vec<_>>();
        let mut after = before.clone();
        change(&mut after);
        let change = Change::between(&before, &after);
        if change.went.is_empty() && change.came.is_empty() {
            return Ok(());
        }
        self.note(&mut known, &change)?;
        change.make(Arc::make_mut(&mut known.entries));
        if known.lines > FEW.max(known.entries.len() / SHARE) {
            self.merge(&mut known)
        } else {
            Ok(())
        }
    }

    /// Takes what has changed into `index.json`. `own`: only if this process has changed something.
    pub(super) fn settle(&self, own: bool) -> Result<()> {
        if own && !self.known().is_own || !self.changes().is_file() {
            return Ok(());
        }
        let lock = self.lock_file()?;
        lock.lock().map_err(|cause| failed("lock the images", &cause))?;
        let mut known = self.known();
        self.read(&mut known)?;
        if known.lines > 0 { self.merge(&mut known) } else { Ok(()) }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Whoever panicked has read something, and what was read is read again where it is not all.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_file(&self) -> Result<File> {
        let opened = File::options().create(true).append(true).open(&self.lock);
        opened.map_err(|cause| Error::file("open", &self.lock, &cause))
    }

    fn whole(&self) -> PathBuf {
        self.folder.join("index.json")
    }

    fn changes(&self) -> PathBuf {
        self.folder.join("index.changes")
    }

    /// Reads what is new to this process. Its caller has the lock.
    fn read(&self, known: &mut Known) -> Result<()> {
        let file = self.whole().symlink_metadata().ok().map(|meta| stamp(&meta));
        let length = self.changes().symlink_metadata().map_or(0, |meta| meta.len());
        if file != known.file || length < known.read {
            let entries = if file.is_some() { Arc::new(self.parsed()?) } else { Arc::default() };
            *known = Known { file, entries, is_own: known.is_own, ..Known::default() };
        }
        if length > known.read { self.read_changes(known) } else { Ok(()) }
    }

    fn parsed(&self) -> Result<Vec<Entry>> {
        let text = read::state(&self.whole(), Limit::StateSize)?;
        let index = serde_json::from_slice::<oci::ImageIndex>(&text);
        let broken = |why: &str| broken(&self.whole(), why);
        let index = index.map_err(|cause| broken(&cause.to_string()))?;
        let entries = index.manifests().iter().map(|described| {
            entry(described).ok_or_else(|| broken("an entry is not this engine's"))
        });
        entries.collect()
    }

    fn read_changes(&self, known: &mut Known) -> Result<()> {
        let path = self.changes();
        let read = |from: u64| {
            let mut file = File::open(&path)?;
            file.seek(SeekFrom::Start(from))?;
            let mut text = vec![];
            file.read_to_end(&mut text).map(|_| text)
        };
        let text = read(known.read).map_err(|cause| Error::file("read", &path, &cause))?;
        // What has no end was never reported as done: whoever wrote it was killed at it.
        for line in text.split_inclusive(|byte| *byte == b'\n').filter(|l| l.ends_with(b"\n")) {
            let change = serde_json::from_slice::<Change>(line);
            let change = change.map_err(|cause| broken(&path, &cause.to_string()))?;
            change.make(Arc::make_mut(&mut known.entries));
            known.read += line.len() as u64;
            known.lines += 1;
        }
        Ok(())
    }

    /// Notes a change behind those that are there. Its caller has read them, and has the lock alone.
    fn note(&self, known: &mut Known, change: &Change) -> Result<()> {
        let path = self.changes();
        let failed = |cause: io::Error| Error::file("write", &path, &cause);
        let mut line = serde_json::to_vec(change).map_err(|cause| failed(cause.into()))?;
        line.push(b'\n');
        let options = File::options().create(true).truncate(false).write(true).open(&path);
        let mut file = options.map_err(failed)?;
        // Behind the last whole line.
        file.set_len(known.read).map_err(failed)?;
        file.seek(SeekFrom::Start(known.read)).map_err(failed)?;
        file.write_all(&line).map_err(failed)?;
        known.read += line.len() as u64;
        known.lines += 1;
        known.is_own = true;
        Ok(())
    }

    /// Writes all entries. Its caller has read all, and has the lock alone.
    fn merge(&self, known: &mut Known) -> Result<()> {
        let indexed = known.entries.iter().map(|entry| Indexed {
            manifest: entry.manifest.clone(),
            architecture: entry.platform[0].clone(),
            os: entry.platform[1].clone(),
            notes: notes(entry),
        });
        let whole = self.whole();
        put(&whole, &bundle::oci_index_of(indexed)?)?;
        let failed = |cause: io::Error| Error::file("write", &self.changes(), &cause);
        match std::fs::remove_file(self.changes()) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(failed(cause)),
            _ => {}
        }
        known.file = whole.symlink_metadata().ok().map(|meta| stamp(&meta));
        (known.read, known.lines, known.is_own) = (0, 0, false);
        Ok(())
    }
}

impl Drop for Index {
    /// Other programs read `index.json` alone.
    fn drop(&mut self) {
        // Nothing is lost where that cannot be: whoever opens the store next does it.
        let _ = self.settle(true);
    }
}

fn broken(path: &Path, why: &str) -> Error {
    Error::engine(format!("`{}` is no index of images: {why}", path.display()))
        .hint("remove it: `bb build` puts the images there again")
}

/// No two files that follow each other have the same.
fn stamp(meta: &Metadata) -> [i64; 6] {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let times = [meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec()];
    [number(meta.ino()), number(meta.size()), times[0], times[1], times[2], times[3]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::bundle::Blob;

    fn of(id: &str, name: &str) -> Entry {
        let manifest = Blob { digest: "0".repeat(64), size: 1 };
        let platform = ["amd64", "linux"].map(str::to_owned);
        let name = Some(name.to_owned()).filter(|name| !name.is_empty());
        Entry { id: id.to_owned(), name, manifest, platform }
    }

    fn open(folder: &Path) -> Index {
        Index::at(folder, folder.join("lock"))
    }

    fn add(index: &Index, entry: &Entry) {
        index.change(|other| other.id == entry.id, |all| all.push(entry.clone())).unwrap();
    }

    fn names(index: &Index) -> Vec<String> {
        let entries = index.entries().unwrap();
        let mut names = entries.iter().filter_map(|e| e.name.clone()).collect::<Vec<_>>();
        names.sort();
        names
    }

    #[test]
    fn what_was_done_is_there_for_others_and_after_a_kill() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (open(dir.path()), open(dir.path()));
        for number in 0..300 {
            add(&one, &of(&format!("i{number}"), &format!("n{number:03}")));
            assert_eq!(other.entries().unwrap().len(), number + 1);
        }
        other.change(|e| e.id == "i7", Vec::clear).unwrap();
        assert_eq!((names(&one).len(), names(&one) == names(&other)), (299, true));
        // Killed: nothing is settled.
        let all = names(&one);
        std::mem::forget((one, other));
        assert!(dir.path().join("index.changes").is_file());
        let next = open(dir.path());
        assert_eq!(names(&next), all);
        next.settle(false).unwrap();
        assert!(!dir.path().join("index.changes").exists());
        assert_eq!((names(&next), names(&open(dir.path()))), (all.clone(), all));
    }

    #[test]
    fn half_a_line_is_no_change_and_two_times_the_same_is_one() {
        let dir = tempfile::tempdir().unwrap();
        let index = open(dir.path());
        add(&index, &of("i1", "a"));
        index.change(|e| e.id == "i1", |all| all[0].name = None).unwrap();
        add(&index, &of("i2", "a"));
        let changes = dir.path().join("index.changes");
        let noted = std::fs::read(&changes).unwrap();
        // Killed between the two steps.
        index.settle(false).unwrap();
        std::fs::write(&changes, &noted).unwrap();
        let again = open(dir.path());
        assert_eq!((names(&again), again.entries().unwrap().len()), (vec!["a".to_owned()], 2));
        // Killed while it wrote: the next one writes over it.
        std::fs::write(&changes, [noted.as_slice(), b"{\"went\":[{\"id"].concat()).unwrap();
        let third = open(dir.path());
        assert_eq!(names(&third), ["a"]);
        add(&third, &of("i3", "b"));
        assert_eq!(names(&third), ["a", "b"]);
        assert_eq!(names(&open(dir.path())), ["a", "b"]);
        drop(third);
        assert!(!changes.exists());
    }
}
