//! Files whose lock says that a process is at something: steps, containers, and folders for files on
//! their way.
//!
//! The locks are the operating system's and go away with their holder, however it ends. Does not know
//! what is done under them.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fs, io, thread};

use rustix::fs::{Timespec, Timestamps, UTIME_NOW, futimens};

use crate::base::error::{Error, Result};
use crate::state::store::make_parent;

/// How long a lock's holder may take to write down who it is (milliseconds).
const NOTE_PATIENCE_MS: u32 = 1000;
/// A note is `process NUMBER`; whatever is longer is none of ours (bytes).
const LONGEST_NOTE: u64 = 64;
/// Its lock tells that a temporary folder is in use.
const TEMP_LOCK: &str = "in-use";
/// How often a temporary folder is tried that others take for abandoned.
const TEMP_ATTEMPTS: usize = 10;

/// A step's lock, held until dropped (or until the process ends, however it ends).
#[derive(Debug)]
pub struct StepLock {
    file: File,
}

impl Drop for StepLock {
    fn drop(&mut self) {
        // The next holder's name is not there at once: better nobody's than ours.
        let _ = self.file.set_len(0);
    }
}

/// Takes a lock if nobody has it, else says who does. Whoever takes a lock writes that down at once,
/// but may not have come to it yet.
pub(super) fn try_lock(path: &Path) -> Result<std::result::Result<StepLock, String>> {
    let mut file = open(path)?;
    for _ in 0..NOTE_PATIENCE_MS {
        match file.try_lock() {
            Ok(()) => return Ok(Ok(note_owner(file))),
            Err(fs::TryLockError::Error(e)) => return Err(Error::file("lock", path, &e)),
            Err(fs::TryLockError::WouldBlock) => {}
        }
        if let Some(owner) = owner(&mut file) {
            return Ok(Err(owner));
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(Err("another process".to_owned()))
}

/// Who holds a lock. One that nobody has noted is not even touched, so that nobody waits for who asks.
pub(super) fn holder(path: &Path) -> Option<String> {
    // A named pipe would make us wait for whoever writes in it.
    fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?;
    let mut file = File::open(path).ok()?;
    let owner = owner(&mut file)?;
    matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock)).then_some(owner)
}

/// Waits for a lock. Blocks the thread.
pub(super) fn lock(path: &Path) -> Result<StepLock> {
    lock_quietly(path).map(note_owner)
}

/// The same for a lock whose holder nobody asks for.
pub(super) fn lock_quietly(path: &Path) -> Result<File> {
    let file = open(path)?;
    file.lock().map_err(|e| Error::file("lock", path, &e))?;
    Ok(file)
}

/// The same for several at a time, while nobody has it alone.
pub(super) fn lock_shared(path: &Path) -> Result<File> {
    let file = open(path)?;
    file.lock_shared().map_err(|e| Error::file("lock", path, &e))?;
    Ok(file)
}

/// Takes a lock whose holder nobody asks for, if nobody has it.
pub(super) fn try_lock_quietly(path: &Path) -> Result<Option<File>> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(e)) => Err(Error::file("lock", path, &e)),
    }
}

fn open(path: &Path) -> Result<File> {
    let opened = match open_in_folder(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            make_parent(path)?;
            open_in_folder(path)
        }
        opened => opened,
    };
    opened.map_err(|e| Error::file("lock", path, &e))
}

/// What a lock that is no file is: nobody can take it.
fn no_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")
}

/// Opens a lock's file, and makes it if it is not there.
pub(super) fn open_in_folder(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).read(true).write(true).truncate(false).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(no_file()) }
}

/// Who holds a lock, if that is written down. It is a courtesy: an unreadable note is no failure.
fn owner(file: &mut File) -> Option<String> {
    let mut note = String::new();
    file.rewind().and_then(|()| file.take(LONGEST_NOTE).read_to_string(&mut note)).ok()?;
    Some(note.strip_suffix('\n')?.to_owned())
}

/// Where the note cannot be written (a full disk), the lock is held all the same.
fn note_owner(mut file: File) -> StepLock {
    let note = format!("process {}\n", std::process::id());
    let noted = file.set_len(0).and_then(|()| file.rewind());
    let _ = noted.and_then(|()| file.write_all(note.as_bytes()));
    StepLock { file }
}

/// Says that a process uses something, which nobody may clear away. Its file goes with it.
#[derive(Debug)]
pub struct Seat {
    path: PathBuf,
    file: File,
}

impl Seat {
    /// `None`: another process has it.
    ///
    /// # Errors
    /// Its file cannot be made.
    pub fn take(path: &Path) -> Result<Option<Self>> {
        for _ in 0..TEMP_ATTEMPTS {
            let file = open(path)?;
            match file.try_lock() {
                Err(fs::TryLockError::WouldBlock) => return Ok(None),
                Err(fs::TryLockError::Error(e)) => return Err(Error::file("lock", path, &e)),
                Ok(()) => {}
            }
            let seat = Self { path: path.to_owned(), file };
            // The one before may have removed it just now.
            if seat.is_there() {
                return Ok(Some(seat));
            }
        }
        Ok(None)
    }

    /// Whether its path still leads to it.
    fn is_there(&self) -> bool {
        let inode = |meta: io::Result<fs::Metadata>| meta.ok().map(|m| (m.dev(), m.ino()));
        inode(fs::metadata(&self.path)) == inode(self.file.metadata())
    }

    /// Whether a process has the seat. What one that was killed has left is nobody's.
    pub fn is_taken(path: &Path) -> bool {
        let blocks = |file: File| matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock));
        File::open(path).is_ok_and(blocks)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if self.is_there() {
            // Where it cannot be removed, it is an empty file that says nothing.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// This process's folder for files on their way. Its lock tells others that it is in use; what a
/// killed process leaves is removed by the next one.
#[derive(Debug)]
pub(super) struct Temp {
    dir: tempfile::TempDir,
    lock: File,
}

impl Temp {
    pub(super) fn new(parent: &Path) -> Result<Self> {
        remove_abandoned(parent);
        for _ in 0..TEMP_ATTEMPTS {
            let dir = tempfile::TempDir::new_in(parent);
            let dir = dir.map_err(|e| Error::file("write in", parent, &e))?;
            let path = dir.path().join(TEMP_LOCK);
            // Before it has its lock, another process may take it for abandoned.
            match lock_quietly(&path) {
                Ok(lock) if path.exists() => return Ok(Self { dir, lock }),
                Err(error) if dir.path().exists() => return Err(error),
                _ => {}
            }
        }
        Err(Error::bug(format!("others remove what is made in `{}`", parent.display())))
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Now, on the clock of the file system: a file that is written now has this time. It is written: some file systems of
    /// other machines take the time of now from here, where they are told to set it. The lock's file is at hand; to make a
    /// new one for each look is what a file system is slow at.
    pub(super) fn now(&self) -> io::Result<Metadata> {
        const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        if self.lock.write_all_at(b"\n", 0).is_err() {
            // A disk that is full still has a clock; what has to be written there says that it is.
            futimens(&self.lock, &Timestamps { last_access: NOW, last_modification: NOW })?;
        }
        self.lock.metadata()
    }
}

/// A folder for results on their way, removed with all in it when this is dropped.
///
/// Who has ended well gives it back, and the next who needs one gets it: a file system without a journal passes over every
/// inode that was removed lately, one by one, whenever it makes a file, so ten thousand folders that were made and
/// removed would slow all that comes after them. Of who was stopped, a thread may still write in it.
#[derive(Debug)]
pub struct Room {
    dir: tempfile::TempDir,
    spare: Spare,
}

/// Folders that nobody needs just now.
pub(super) type Spare = Arc<Mutex<Vec<tempfile::TempDir>>>;

impl Room {
    /// One of those that nobody needs, or a new one.
    pub(super) fn new(parent: &Path, spare: &Spare) -> io::Result<Self> {
        let found = spare.lock().ok().and_then(|mut spare| spare.pop());
        let dir = found.map_or_else(|| tempfile::TempDir::new_in(parent), Ok)?;
        Ok(Self { dir, spare: spare.clone() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Nobody writes in it any more: somebody else may have it. One that cannot be emptied goes, as far as it can be
    /// removed.
    pub fn give_back(self) {
        if empty(self.path()).is_ok()
            && let Ok(mut spare) = self.spare.lock()
        {
            spare.push(self.dir);
        }
    }
}

fn empty(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Removes the folders of processes that are gone; whatever cannot be removed stays.
pub(super) fn remove_abandoned(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let path = entry.path();
        match File::open(path.join(TEMP_LOCK)) {
            Ok(lock) if lock.try_lock().is_ok() => drop(fs::remove_dir_all(path)),
            Ok(_) => {}
            // Its maker did not come to the lock, or makes the folder again if it just does.
            Err(_) => drop(fs::remove_dir(path)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_empty_whoever_had_it_before() {
        let parent = tempfile::tempdir().unwrap();
        let spare = Spare::default();
        let room = || Room::new(parent.path(), &spare).unwrap();
        let (one, two) = (room(), room());
        assert_ne!(one.path(), two.path());
        let path = one.path().to_owned();
        fs::create_dir_all(path.join("a/b")).unwrap();
        fs::write(path.join("c"), "c").unwrap();
        one.give_back();
        let again = room();
        assert_eq!(again.path(), path);
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
        // What is gone is given to nobody.
        fs::remove_dir(&path).unwrap();
        again.give_back();
        assert!(room().path().is_dir());
    }

    #[test]
    fn a_room_that_was_not_given_back_goes() {
        let parent = tempfile::tempdir().unwrap();
        let room = Room::new(parent.path(), &Spare::default()).unwrap();
        fs::write(room.path().join("c"), "c").unwrap();
        drop(room);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }
}
