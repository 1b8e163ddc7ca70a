//! The state folder `.bb`: records, stamps, locks, logs, file states. The only file that sets file
//! times.
//!
//! Does not decide anything: `fresh` judges what it reads, `exec` says what to write.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::{fs, io};

use filetime::FileTime;
use sha2::{Digest, Sha256};

use crate::base::error::{Error, Result};
use crate::base::hex::hex;
use crate::base::ids::{Kind, StepId};
use crate::base::limits::Limit;
use crate::base::{open, read};
use crate::fresh::record::{FORMAT, FileState, FileType, Record, Stamp};
use crate::state::held;
use crate::state::held::{Room, Spare, StepLock, Temp};
use crate::state::index::{Index, Mark, Unindexed};

/// Written at the top of the state folder, so that back-ups and indexers pass it over.
/// Source: <https://bford.info/cachedir/>.
const CACHEDIR_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # State of gentoo-bb: stamps, downloads, logs and results. Safe to remove when no bb runs.\n";

/// The index's file in the state folder.
const INDEX: &str = "index";

/// One project's state folder.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    temp: Arc<OnceLock<Temp>>,
    spare: Spare,
    index: Arc<OnceLock<Index>>,
    /// Records that were not in the index.
    unindexed: Arc<Mutex<Unindexed>>,
}

/// The blobs of an OCI layout, below the state folder.
const BLOBS: &str = "oci/blobs";

/// The part of a record that every version of the program understands.
#[derive(serde::Deserialize)]
struct Head {
    format: u32,
}

impl Store {
    /// The state folder at a path; nothing is created yet.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            temp: Arc::default(),
            spare: Spare::default(),
            index: Arc::default(),
            unindexed: Arc::default(),
        }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Creates the folder with its tag.
    ///
    /// # Errors
    /// It cannot be written in: said here rather than by the first step that has to.
    pub fn create(&self) -> Result<()> {
        if self.root.is_file() {
            let message = format!("cannot create `{}`: it is a file", self.root.display());
            let hint = "move it away, or name another state folder with `--state`";
            return Err(Error::step(message).hint(hint));
        }
        make_dir(&self.root)?;
        make_dir(&self.root.join("tmp"))?;
        held::remove_abandoned(&self.root.join("tmp"));
        make_dir(&self.root.join("downloads"))?;
        let tag = self.root.join("CACHEDIR.TAG");
        if !tag.exists() {
            self.replace(&tag, CACHEDIR_TAG.as_bytes())?;
        }
        make_dir(&self.root.join("locks"))?;
        held::open_in_folder(&self.stamps_lock()).map_err(|e| self.unwritable(&e)).map(drop)
    }

    fn unwritable(&self, cause: &io::Error) -> Error {
        let forbidden = [io::ErrorKind::ReadOnlyFilesystem, io::ErrorKind::PermissionDenied];
        if !forbidden.contains(&cause.kind()) {
            return Error::file("lock", &self.stamps_lock(), cause);
        }
        let (root, why) = (self.root.display(), crate::base::error::io_reason(cause));
        Error::step(format!("cannot write in the state folder `{root}`: {why}")).hint(
            "make it writable, or name another one with `--state`; `bb status` and `bb why` only read it",
        )
    }

    pub(super) fn of(&self, folder: &str, id: &StepId, suffix: &str) -> PathBuf {
        self.root.join(folder).join(id.kind.as_str()).join(format!("{}{suffix}", id.name))
    }

    /// Where the boxes of a step have their jobserver.
    pub fn jobserver(&self, id: &StepId) -> PathBuf {
        self.of("locks/jobservers", id, "")
    }

    /// Where a step's results arrive that are from elsewhere.
    pub fn arriving(&self, id: &StepId) -> PathBuf {
        self.of("arriving", id, "")
    }

    /// Where a step's stamp is.
    pub fn stamp_path(&self, id: &StepId) -> PathBuf {
        self.of("stamps", id, "")
    }

    /// Where a step's record is.
    pub fn record_path(&self, id: &StepId) -> PathBuf {
        self.of("records", id, ".json")
    }

    /// Where the records of a kind of step are.
    pub fn record_folder(&self, kind: Kind) -> PathBuf {
        self.root.join("records").join(kind.as_str())
    }

    /// Now, on the clock of the file system that holds the state: nanoseconds since 1970.
    ///
    /// # Errors
    /// The state folder cannot be written in.
    pub fn now(&self) -> Result<i64> {
        let temp = self.own_temp()?;
        let meta = temp.now().map_err(|e| Error::file("write in", temp.path(), &e))?;
        Ok(nanoseconds(meta.mtime(), meta.mtime_nsec()))
    }

    /// What the last finished run of a step saw and made, and the state of its stamp. A record that
    /// cannot be read counts as none: the step is done again.
    pub fn load(&self, id: &StepId) -> (Option<Arc<Record>>, Stamp) {
        let (stamp, state) = self.stamp_and_file(id);
        if !matches!(stamp, Stamp::Present(_)) {
            return (self.record(id).map(Arc::new), stamp);
        }
        let mark = Mark::from(&state);
        let index = self.index.get_or_init(|| Index::read(&self.root.join(INDEX)));
        if let Some(record) = index.get(id, mark) {
            return (Some(record), stamp);
        }
        let record = self.record(id).map(Arc::new);
        if let (Some(record), Ok(mut unindexed)) = (&record, self.unindexed.lock()) {
            unindexed.insert(id.clone(), (mark, record.clone()));
        }
        (record, stamp)
    }

    /// What the last finished run of a step saw and made, whatever became of its stamp. Of a record of
    /// another version, its format only: the rest may be anything.
    pub fn record(&self, id: &StepId) -> Option<Record> {
        let text = read::state(&self.record_path(id), Limit::StateSize).ok()?;
        let Head { format } = serde_json::from_slice(&text).ok()?;
        if format == FORMAT {
            serde_json::from_slice(&text).ok()
        } else {
            Some(Record { format, ..Record::default() })
        }
    }

    /// Writes the index anew if reading the records that are not in it costs more. It only saves
    /// time: where it cannot be written, nothing is lost.
    pub fn save_index(&self) {
        let Ok(unindexed) = self.unindexed.lock() else { return };
        let index = self.index.get_or_init(|| Index::read(&self.root.join(INDEX)));
        if unindexed.len() > 16.max(index.len() / 20) {
            let merged = index.merged(&unindexed);
            let _ = merged.map(|bytes| self.replace(&self.root.join(INDEX), &bytes));
        }
    }

    /// The state of a step's stamp.
    pub fn stamp(&self, id: &StepId) -> Stamp {
        self.stamp_and_file(id).0
    }

    /// One that another process is just bringing back is written before its mark goes away: whoever saw
    /// neither looks again.
    fn stamp_and_file(&self, id: &StepId) -> (Stamp, FileState) {
        let (path, mark) = (self.stamp_path(id), self.of("withdrawn", id, ""));
        let mut state = file_state(&path);
        if state.kind != FileType::File && !mark.is_file() {
            state = file_state(&path);
        }
        match state.kind {
            FileType::File => (Stamp::Present(state.mtime), state),
            _ if mark.is_file() => (Stamp::Withdrawn, state),
            _ => (Stamp::Missing, state),
        }
    }

    /// The stamp, and the mark that it was there.
    pub(super) fn marks(&self, id: &StepId) -> [PathBuf; 2] {
        [self.stamp_path(id), self.of("withdrawn", id, "")]
    }

    /// Takes stamp and mark away: whatever happens from here on, the step is not finished.
    ///
    /// # Errors
    /// What is there cannot be removed.
    pub fn forget(&self, id: &StepId) -> Result<()> {
        for path in self.marks(id) {
            remove_whatever(&path)?;
        }
        Ok(())
    }

    /// Takes a stamp away for make to see, and marks that it was there: the record still decides.
    ///
    /// # Errors
    /// The state folder cannot be written in.
    pub fn withdraw(&self, id: &StepId) -> Result<()> {
        let (stamp, mark) = (self.stamp_path(id), self.of("withdrawn", id, ""));
        match file_state(&stamp).kind {
            FileType::File => {}
            FileType::Folder => return remove_whatever(&stamp),
            _ => return Ok(()),
        }
        make_parent(&mark)?;
        let _lock = self.lock_stamps()?;
        match fs::rename(&stamp, &mark) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::file("remove", &stamp, &e)),
            _ => Ok(()),
        }
    }

    /// Writes record and stamp; the stamp's file time is `time` (nanoseconds since 1970).
    ///
    /// # Errors
    /// The state folder cannot be written in.
    pub fn finish(&self, id: &StepId, record: &Record, time: i64) -> Result<()> {
        let text = serde_json::to_vec(record);
        let text = text.map_err(|e| Error::bug(format!("cannot write a record: {e}")))?;
        self.replace(&self.record_path(id), &text)?;
        self.restamp(id, time)
    }

    /// Writes only the stamp, with a file time.
    ///
    /// # Errors
    /// The state folder cannot be written in.
    pub fn restamp(&self, id: &StepId, time: i64) -> Result<()> {
        let path = self.stamp_path(id);
        let temp = self.temp()?;
        Self::date(temp.path(), time)?;
        if file_state(&path).kind == FileType::Folder {
            remove_whatever(&path)?;
        }
        let _lock = self.lock_stamps()?;
        persist(temp, &path)?;
        remove_if_there(&self.of("withdrawn", id, ""))
    }

    /// Held for moments: a stamp that is brought back must not be withdrawn before its mark is gone, or
    /// neither would be left.
    fn lock_stamps(&self) -> Result<File> {
        held::lock_quietly(&self.stamps_lock())
    }

    fn stamps_lock(&self) -> PathBuf {
        self.root.join("locks").join("stamps")
    }

    /// Writes a whole file at once: a reader sees the old one or the new one.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn replace(&self, path: &Path, text: &[u8]) -> Result<()> {
        let mut temp = self.temp()?;
        temp.write_all(text).map_err(|e| Error::file("write", path, &e))?;
        persist(temp, path)
    }

    fn temp(&self) -> Result<tempfile::NamedTempFile> {
        let dir = self.own_temp()?.path();
        temp_in(dir, OPEN).map_err(|e| Error::file("write in", dir, &e))
    }

    /// A folder for results on their way; removed with all in it when dropped.
    ///
    /// # Errors
    /// The state folder cannot be written in.
    pub fn temp_dir(&self) -> Result<Room> {
        let dir = self.own_temp()?.path();
        Room::new(dir, &self.spare).map_err(|e| Error::file("write in", dir, &e))
    }

    fn own_temp(&self) -> Result<&Temp> {
        if self.temp.get().is_none() {
            let made = Temp::new(&self.root.join("tmp"))?;
            // Another thread may have been first: its folder is as good, ours goes away.
            let _ = self.temp.set(made);
        }
        self.temp.get().ok_or_else(|| Error::bug("no folder for temporary files"))
    }

    /// Who works on a step just now.
    pub fn at_work(&self, id: &StepId) -> Option<String> {
        held::holder(&self.of("locks", id, ""))
    }

    /// Who has the one lock of the whole project just now.
    pub fn held_by(&self) -> Option<String> {
        held::holder(&self.root.join("locks").join("project"))
    }

    /// Takes a step's lock if nobody has it, else says who does.
    ///
    /// # Errors
    /// The lock's file cannot be opened or locked.
    pub fn try_lock(&self, id: &StepId) -> Result<std::result::Result<StepLock, String>> {
        held::try_lock(&self.of("locks", id, ""))
    }

    /// Waits for a step's lock. Blocks the thread.
    ///
    /// # Errors
    /// The lock's file cannot be opened or locked.
    pub fn lock(&self, id: &StepId) -> Result<StepLock> {
        held::lock(&self.of("locks", id, ""))
    }

    /// Waits for the one lock of the whole project. Blocks the thread.
    ///
    /// # Errors
    /// The lock's file cannot be opened or locked.
    pub fn lock_all(&self) -> Result<StepLock> {
        held::lock(&self.root.join("locks").join("project"))
    }

    /// Reserves a part of the machine's memory for whoever holds this, if nobody else has it.
    ///
    /// # Errors
    /// The lock's file cannot be opened or locked.
    pub fn try_lock_memory(&self, part: u64) -> Result<Option<File>> {
        held::try_lock_quietly(&self.root.join("locks").join("memory").join(part.to_string()))
    }

    /// Where layers are compressed, with notes of what they came to.
    pub fn compressed(&self) -> PathBuf {
        self.root.join("push")
    }

    /// Where images' blobs are kept, by digest.
    pub fn blobs(&self) -> PathBuf {
        self.root.join(BLOBS)
    }

    /// Waits until nobody else brings an image, by its ID. Blocks the thread.
    ///
    /// # Errors
    /// The lock's file cannot be opened or locked.
    pub fn lock_image(&self, id: &str) -> Result<StepLock> {
        held::lock(&self.root.join("locks").join("brought").join(id))
    }

    fn cache_lock(&self, name: &str) -> PathBuf {
        self.root.join("locks").join("caches").join(name)
    }

    /// Waits until a cache of the project's own may be used, alone or with others who share it. Blocks the thread.
    ///
    /// # Errors
    /// The lock's file cannot be opened or locked.
    pub fn lock_cache(&self, name: &str, alone: bool) -> Result<File> {
        let path = self.cache_lock(name);
        if alone { held::lock_quietly(&path) } else { held::lock_shared(&path) }
    }

    /// Takes a cache of the project's own alone, if nobody uses it.
    ///
    /// # Errors
    /// The lock's file cannot be opened or locked.
    pub fn try_lock_cache(&self, name: &str) -> Result<Option<File>> {
        held::try_lock_quietly(&self.cache_lock(name))
    }

    /// What nobody else knows of this state folder; nothing before it was needed.
    pub fn id(&self) -> Option<String> {
        let id = read::text(&self.id_path()).ok()?;
        Some(id.trim().to_owned()).filter(|id| id.len() == 32)
    }

    /// The same, made where there is none.
    ///
    /// # Errors
    /// It cannot be written, or there are no random bytes to make it of.
    pub fn make_id(&self) -> Result<String> {
        if let Some(id) = self.id() {
            return Ok(id);
        }
        let path = self.id_path();
        // One that is malformed is nobody's.
        remove_whatever(&path)?;
        let mut temp = self.temp()?;
        let id = random_id()?;
        writeln!(temp, "{id}").map_err(|e| Error::file("write", &path, &e))?;
        match temp.persist_noclobber(&path) {
            Ok(_) => Ok(id),
            // Another process was first.
            Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => {
                self.id().ok_or_else(|| Error::file("read", &path, &e.error))
            }
            Err(e) => Err(Error::file("write", &path, &e.error)),
        }
    }

    fn id_path(&self) -> PathBuf {
        self.root.join("id")
    }

    /// Sets a file's modification time: nanoseconds since 1970.
    ///
    /// # Errors
    /// The file is not there, or not this user's.
    pub fn date(path: &Path, time: i64) -> Result<()> {
        let nanos = u32::try_from(time.rem_euclid(1_000_000_000)).unwrap_or(0);
        let time = FileTime::from_unix_time(time.div_euclid(1_000_000_000), nanos);
        filetime::set_file_mtime(path, time).map_err(|e| Error::file("date", path, &e))
    }
}

/// 16 bytes that nobody can guess, in hex.
fn random_id() -> Result<String> {
    let mut bytes = [0; 16];
    let path = Path::new("/dev/urandom");
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|e| Error::file("read", path, &e))?;
    Ok(hex(&bytes))
}

/// Writes a whole file outside of the state folder at once, which is nobody else's business: it may be on
/// another file system.
///
/// # Errors
/// The file or its folder cannot be written.
pub fn replace_privately(path: &Path, text: &[u8]) -> Result<()> {
    let dir = path.parent().filter(|p| *p != Path::new("")).unwrap_or(Path::new("."));
    let mut temp = temp_in(dir, PRIVATE).map_err(|e| Error::file("write", path, &e))?;
    temp.write_all(text).map_err(|e| Error::file("write", path, &e))?;
    persist(temp, path)
}

/// What everybody may read and write, unless the umask says otherwise.
const OPEN: u32 = 0o666;
const PRIVATE: u32 = 0o600;

/// The system takes the umask off the mode.
fn temp_in(dir: &Path, mode: u32) -> io::Result<tempfile::NamedTempFile> {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
    tempfile::Builder::new().permissions(mode).tempfile_in(dir)
}

/// The folder is nearly always there: only one that is not costs a look.
fn persist(temp: tempfile::NamedTempFile, path: &Path) -> Result<()> {
    let persisted = match temp.persist(path) {
        Err(e) if e.error.kind() == io::ErrorKind::NotFound => {
            make_parent(path)?;
            e.file.persist(path)
        }
        persisted => persisted,
    };
    persisted.map(drop).map_err(|e| Error::file("write", path, &e.error))
}

pub(super) fn make_parent(path: &Path) -> Result<()> {
    path.parent().map_or(Ok(()), make_dir)
}

/// Creates a folder and its parents.
///
/// # Errors
/// One of them cannot be created.
pub fn make_dir(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|e| Error::file("create", path, &e))
}

/// Removes a folder with all that is in it; what its links lead to stays.
///
/// # Errors
/// The folder is not there, or something in it cannot be removed.
pub fn remove_folder(path: &Path) -> Result<()> {
    fs::remove_dir_all(path).map_err(|e| Error::file("remove", path, &e))
}

/// Removes what has the place of a file of ours; no error if nothing has.
fn remove_whatever(path: &Path) -> Result<()> {
    if file_state(path).kind == FileType::Folder {
        return remove_folder(path);
    }
    remove_if_there(path)
}

/// Makes a file stand for another one, unless there is something already or the other is not there. A link, for
/// a second name of the same file would make the first look changed.
///
/// # Errors
/// The link or its folder cannot be created.
pub fn borrow(from: &Path, to: &Path) -> Result<()> {
    let Ok(from) = from.canonicalize() else { return Ok(()) };
    make_parent(to)?;
    match std::os::unix::fs::symlink(from, to) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(Error::file("create", to, &e)),
        _ => Ok(()),
    }
}

/// Gives a file another name, in place of what has that name.
///
/// # Errors
/// It is not there, or the other name is on another file system or a folder's.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(|e| Error::file("rename", from, &e))
}

/// Removes a file; no error if it is not there.
///
/// # Errors
/// It is there and cannot be removed.
pub fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::file("remove", path, &e)),
        _ => Ok(()),
    }
}

fn nanoseconds(seconds: i64, nanos: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

/// The stat of a path, links not followed. Whatever cannot be seen is missing.
pub fn file_state(path: &Path) -> FileState {
    let Ok(meta) = fs::symlink_metadata(path) else {
        return FileState::default();
    };
    let kind = match meta.file_type() {
        t if t.is_file() => FileType::File,
        t if t.is_symlink() => FileType::Link,
        t if t.is_dir() => FileType::Folder,
        _ => FileType::Other,
    };
    let link = (kind == FileType::Link).then(|| fs::read_link(path).unwrap_or_default());
    FileState {
        kind,
        mode: meta.mode() & 0o7777,
        size: meta.size(),
        mtime: nanoseconds(meta.mtime(), meta.mtime_nsec()),
        ctime: nanoseconds(meta.ctime(), meta.ctime_nsec()),
        inode: meta.ino(),
        link: link.map(|l| crate::base::name::of_path(&l).into_owned()),
        hash: None,
    }
}

/// [`file_state`] with the content hash of a regular file.
///
/// # Errors
/// A regular file cannot be read.
pub fn hashed_state(path: &Path) -> Result<FileState> {
    let mut state = file_state(path);
    if state.kind == FileType::File {
        state.hash = Some(hash_file(path)?);
    }
    Ok(state)
}

/// SHA-256 of a file's content, in lower-case hex.
///
/// # Errors
/// It cannot be read, or is no regular file.
pub fn hash_file(path: &Path) -> Result<String> {
    let failed = |e: io::Error| Error::file("read", path, &e);
    let mut file = open::regular(path).map_err(failed)?;
    let mut hasher = Sha256::new();
    io::copy(&mut file, &mut hasher).map_err(failed)?;
    Ok(hex(&hasher.finalize()))
}
