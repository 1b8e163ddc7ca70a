//! How much room files take on a disk: their blocks, and what has several names once.
//!
//! A file that goes away while it is counted is none. What files are for is not known here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What `st_blocks` counts in, on every file system.
const BLOCK: u64 = 512;

/// What some things take together. What two of them share is known by its key, so it counts once however often they
/// are put together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Used {
    /// Of what nothing else can share.
    alone: u64,
    shared: BTreeMap<String, Shared>,
}

/// One thing that may be shared.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shared {
    bytes: u64,
    /// By how many names it is held in all.
    names: u64,
    /// By which of these it was met.
    met: BTreeSet<Vec<u8>>,
}

impl Used {
    /// So many bytes that nothing shares.
    #[must_use]
    pub fn alone(bytes: u64) -> Self {
        Self { alone: bytes, shared: BTreeMap::new() }
    }

    /// So many bytes that whoever has the same key shares.
    #[must_use]
    pub fn keyed(key: String, bytes: u64) -> Self {
        let shared = Shared { bytes, names: 1, met: BTreeSet::from([key.clone().into_bytes()]) };
        Self { alone: 0, shared: BTreeMap::from([(key, shared)]) }
    }

    /// A file or folder by itself, without what is in it; nothing, if it is not there.
    ///
    /// # Errors
    /// It cannot be looked at.
    pub fn one(path: &Path) -> io::Result<Self> {
        match path.symlink_metadata() {
            Ok(meta) => Ok(Self::of(path, &meta)),
            Err(cause) if is_gone(&cause) => Ok(Self::default()),
            Err(cause) => Err(cause),
        }
    }

    /// A file, or a folder with all that is in it; nothing, if it is not there. Links are not followed.
    ///
    /// # Errors
    /// Something in it cannot be looked at.
    pub fn all(path: &Path) -> io::Result<Self> {
        let mut used = Self::default();
        for entry in walkdir::WalkDir::new(path).follow_root_links(false) {
            let met = entry.and_then(|entry| Ok((entry.metadata()?, entry)));
            match met.map_err(io::Error::from) {
                // Most are so, and there may be very many: their names need not be kept.
                Ok((meta, _)) if meta.is_dir() || meta.nlink() == 1 => used.alone += bytes(&meta),
                Ok((meta, entry)) => used.add(&Self::of(entry.path(), &meta)),
                Err(cause) if is_gone(&cause) => {}
                Err(cause) => return Err(cause),
            }
        }
        Ok(used)
    }

    fn of(path: &Path, meta: &Metadata) -> Self {
        // A folder's names are its own affair: no other can be given to it.
        let names = if meta.is_dir() { 1 } else { meta.nlink() };
        let met = BTreeSet::from([path.as_os_str().as_bytes().to_owned()]);
        let shared = Shared { bytes: bytes(meta), names, met };
        let key = format!("{}:{}", meta.dev(), meta.ino());
        Self { alone: 0, shared: BTreeMap::from([(key, shared)]) }
    }

    /// Puts something else beside it.
    pub fn add(&mut self, other: &Self) {
        self.alone += other.alone;
        for (key, shared) in &other.shared {
            match self.shared.get_mut(key) {
                Some(own) => own.met.extend(shared.met.iter().cloned()),
                None => drop(self.shared.insert(key.clone(), shared.clone())),
            }
        }
    }

    /// Without what something else has as well.
    #[must_use]
    pub fn without(mut self, other: &Self) -> Self {
        self.shared.retain(|key, _| !other.shared.contains_key(key));
        self
    }

    /// Bytes of all of it.
    pub fn bytes(&self) -> u64 {
        self.alone + self.shared.values().map(|shared| shared.bytes).sum::<u64>()
    }

    /// The keys of what may be shared.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.shared.keys().map(String::as_str)
    }

    /// Bytes of what has such a key.
    pub fn bytes_of(&self, counts: impl Fn(&str) -> bool) -> u64 {
        let met = self.shared.iter().filter(|(key, _)| counts(key));
        met.map(|(_, shared)| shared.bytes).sum()
    }

    /// Bytes that are free once all of it has gone: what is held by another name is not.
    pub fn freed(&self) -> u64 {
        let last = |shared: &&Shared| shared.met.len() as u64 >= shared.names;
        self.alone + self.shared.values().filter(last).map(|shared| shared.bytes).sum::<u64>()
    }
}

/// What each entry of a folder takes with all that is in it, by its name; nothing, if the folder is not there.
///
/// # Errors
/// Something in it cannot be looked at.
pub fn each(folder: &Path) -> io::Result<BTreeMap<String, Used>> {
    let entries = match std::fs::read_dir(folder) {
        Err(cause) if is_gone(&cause) => return Ok(BTreeMap::new()),
        entries => entries?,
    };
    let used = |entry: io::Result<std::fs::DirEntry>| {
        let entry = entry?;
        Ok((entry.file_name().to_string_lossy().into_owned(), Used::all(&entry.path())?))
    };
    entries.map(used).collect()
}

fn bytes(meta: &Metadata) -> u64 {
    meta.blocks() * BLOCK
}

fn is_gone(cause: &io::Error) -> bool {
    cause.kind() == io::ErrorKind::NotFound
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(used: &[&Used]) -> Used {
        used.iter().fold(Used::default(), |mut all, one| {
            all.add(one);
            all
        })
    }

    #[test]
    fn a_file_of_two_names_counts_once_and_is_freed_by_its_last() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("a"), vec![1; 100_000]).unwrap();
        std::fs::create_dir(path("in")).unwrap();
        std::fs::hard_link(path("a"), path("in/b")).unwrap();
        let (a, folder) = (Used::all(&path("a")).unwrap(), Used::all(&path("in")).unwrap());
        let own = Used::one(&path("in")).unwrap().bytes();
        assert!(a.bytes() >= 100_000);
        assert_eq!((a.freed(), folder.freed()), (0, own));
        let both = of(&[&a, &folder, &a]);
        assert_eq!((both.bytes(), both.freed()), (a.bytes() + own, a.bytes() + own));
        assert_eq!(both.without(&a).bytes(), own);
    }

    #[test]
    fn room_is_blocks_and_not_length() {
        let dir = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(dir.path().join("hole")).unwrap();
        file.set_len(50_000_000).unwrap();
        assert!(Used::all(dir.path()).unwrap().bytes() < 1_000_000);
        std::os::unix::fs::symlink("/", dir.path().join("link")).unwrap();
        assert!(Used::all(dir.path()).unwrap().bytes() < 1_000_000);
    }

    #[test]
    fn what_is_not_there_takes_nothing() {
        let path = Path::new("/nonexistent/thing");
        assert_eq!(Used::all(path).unwrap().bytes(), 0);
        assert_eq!(Used::one(path).unwrap().bytes(), 0);
    }

    #[test]
    fn what_has_the_same_key_counts_once() {
        let (a, b) = (Used::keyed("x".into(), 5), Used::keyed("y".into(), 7));
        assert_eq!(of(&[&a, &b, &a, &Used::alone(1)]).bytes(), 13);
        assert_eq!(of(&[&a, &b]).freed(), 12);
    }
}
