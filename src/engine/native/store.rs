//! The folder that layers, boxes and caches are in, the ids that own them, and the locks that say who uses what.
//!
//! ```text
//! ids.json         which range of ids owns all this: another one later would mix owners
//! oci/             images
//! notes/           what the boxes of `bb` are
//! locks/           empty files of the user's, locked by whoever uses the layer or box of that name
//! layers/DIGEST/   unpacked, owned by ids of boxes, appears by rename
//! boxes/ID/        changes of one box
//! caches/NAME/
//! ```

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::helper::{self, Helper};
use super::ids::{self, Map, Ranges};
use super::inside::files;
use super::spec::{BoxId, LayerId};
use super::wire::{Job, Order, Word};
use crate::base::error::{Error, Result};

/// How often, and after how long, it is tried again whether a lock is free.
const MOMENTS: u32 = 50;
const MOMENT: Duration = Duration::from_millis(10);

/// Which ids it belongs to.
pub(super) const IDS: &str = "ids.json";
/// What the user owns.
const OWN: [&str; 3] = ["locks", "oci", "notes"];
/// What ids of boxes own.
const THEIRS: [&str; 3] = ["layers", "boxes", "caches"];

/// A folder with other things in it is none to be opened to ids of boxes.
fn is_ours(folder: &Path) -> Result<()> {
    let failed = |cause: io::Error| Error::file("read", folder, &cause);
    let entries = match fs::read_dir(folder) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(failed)?,
    };
    if folder.join(IDS).exists() {
        return Ok(());
    }
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        // Of one that was killed while it made the store.
        if !OWN.iter().chain(&THEIRS).any(|ours| name == *ours) {
            let message = format!("`{}` has other things in it", folder.display());
            return Err(Error::config(message)
                .hint("the native engine wants a folder of its own: `BB_NATIVE_DIR` names it"));
        }
    }
    Ok(())
}

/// A store, and who uses it.
#[derive(Debug)]
pub(super) struct Store {
    program: PathBuf,
    folder: PathBuf,
    /// The user and group of `bb`.
    own: (u32, u32),
    ranges: Ranges,
}

/// File systems on which overlayfs cannot have what a box writes: their numbers (`statfs(2)`, `linux/magic.h`).
const NO_PLACE: [(u64, &str); 7] = [
    (0x794c_7630, "overlayfs"),
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "SMB"),
    (0xfe53_4d42, "SMB"),
    (0x4d44, "FAT"),
    (0x2011_bab0, "exFAT"),
];

/// The name of a file system on which no box can be.
fn no_place(number: u64) -> Option<&'static str> {
    NO_PLACE.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

fn is_a_place(folder: &Path) -> Result<()> {
    let stat = rustix::fs::statfs(folder);
    let stat = stat.map_err(|cause| Error::file("look at", folder, &cause.into()))?;
    match u64::try_from(stat.f_type).ok().and_then(no_place) {
        None => Ok(()),
        Some(name) => Err(Error::engine(format!(
            "the store `{}` is on {name}, and no box can be there",
            folder.display()
        ))
        .hint("`BB_NATIVE_DIR` names a folder on another file system, such as ext4, xfs, btrfs or tmpfs")),
    }
}

impl Store {
    /// Opens or makes it.
    pub(super) fn open(program: PathBuf, folder: &Path) -> Result<Self> {
        is_ours(folder)?;
        // Ids of boxes must pass through it, and see no more of it than that.
        let made = DirBuilder::new().recursive(true).mode(0o711).create(folder);
        // Whatever the user's umask takes away.
        let open = || fs::set_permissions(folder, fs::Permissions::from_mode(0o711));
        made.and_then(|()| open()).map_err(|cause| Error::file("make", folder, &cause))?;
        is_a_place(folder)?;
        for own in OWN {
            let own = folder.join(own);
            let made = DirBuilder::new().recursive(true).mode(0o700).create(&own);
            made.map_err(|cause| Error::file("make", &own, &cause))?;
        }
        let own = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let ranges = ranges(folder, own.0)?;
        let store = Self { program, folder: folder.to_owned(), own, ranges };
        store.give()?;
        Ok(store)
    }

    /// Gives the folders of boxes to their ids, unless that has been done.
    fn give(&self) -> Result<()> {
        // The user reads what is there. Others do not: a program with its owner's rights would make them that owner.
        let owner = (self.ranges.users.start, self.own.1, files::THEIR_MODE);
        let theirs = |name: &&&str| {
            let there = fs::symlink_metadata(self.folder.join(name));
            let of = |there: fs::Metadata| (there.uid(), there.gid(), there.mode() & 0o7777);
            !there.is_ok_and(|there| there.is_dir() && of(there) == owner)
        };
        let missing = THEIRS.iter().filter(theirs).map(|&name| name.to_owned()).collect::<Vec<_>>();
        if missing.is_empty() {
            return Ok(());
        }
        self.with_ids(&Job::Give(missing), &[], Map::Owner)?.done().map(drop)
    }

    /// A path in it, for this process.
    pub(super) fn path(&self, inside: &str) -> PathBuf {
        self.folder.join(inside)
    }

    /// Starts a process in it.
    pub(super) fn helper(&self, job: &Job, files: &[BorrowedFd<'_>]) -> Result<Helper> {
        Helper::start(&self.program, &self.folder, job, files)
    }

    /// Starts a process in it that is root of boxes.
    pub(super) fn mapped(&self, job: &Job, files: &[BorrowedFd<'_>]) -> Result<Helper> {
        self.with_ids(job, files, Map::Box)
    }

    fn with_ids(&self, job: &Job, files: &[BorrowedFd<'_>], map: Map) -> Result<Helper> {
        let helper = self.helper(job, files)?;
        match helper.hear()?.0 {
            Word::MapMe => {}
            other => return Err(helper::unexpected(&other)),
        }
        helper::map(helper.pid(), self.own, map, self.ranges)?;
        helper.say(&Order::Mapped)?;
        Ok(helper)
    }

    /// The file of a lock.
    pub(super) fn lock_file(&self, name: &str) -> Result<File> {
        let path = self.folder.join("locks").join(name);
        let opened = File::options().create(true).append(true).open(&path);
        opened.map_err(|cause| Error::file("open", &path, &cause))
    }

    /// Holds a box of ours as long as the lock is open.
    pub(super) fn lock_box(&self, id: &BoxId) -> Result<File> {
        let file = self.lock_file(&format!("box-{id}"))?;
        match patiently(&file) {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                Err(Error::engine(format!("another process holds the box `{id}`"))
                    .hint("wait until that `bb` has ended"))
            }
            Err(TryLockError::Error(cause)) => Err(super::failed("lock a box", &cause)),
        }
    }

    /// Holds a layer alone if nobody else does; nothing if somebody does.
    pub(super) fn free_layer(&self, layer: &LayerId) -> Result<Option<File>> {
        let file = self.lock_file(&format!("layer-{layer}"))?;
        Ok(file.try_lock().is_ok().then_some(file))
    }

    /// Is the only one that unpacks a layer; waits for another one who does.
    pub(super) fn lock_unpacking(&self, layer: &LayerId) -> Result<File> {
        let file = self.lock_file(&format!("unpacking-{layer}"))?;
        file.lock().map_err(|cause| super::failed("wait for a layer", &cause))?;
        Ok(file)
    }

    /// The layers that are unpacked.
    pub(super) fn layers(&self) -> Result<Vec<LayerId>> {
        let folder = self.folder.join("layers");
        let failed = |cause: io::Error| Error::file("read", &folder, &cause);
        let names = fs::read_dir(&folder).map_err(failed)?.map(|entry| Ok(entry?.file_name()));
        let names = names.collect::<io::Result<Vec<_>>>().map_err(failed)?;
        Ok(names.iter().filter_map(|name| LayerId::new(name.to_str()?).ok()).collect())
    }

    /// Holds a layer: to stand on it beside others, or alone, to make or remove it.
    pub(super) fn lock_layer(&self, layer: &LayerId, alone: bool) -> Result<File> {
        let file = self.lock_file(&format!("layer-{layer}"))?;
        let locked =
            if alone { patiently(&file) } else { file.lock_shared().map_err(TryLockError::Error) };
        match locked {
            Ok(()) => Ok(file),
            // Somebody unpacks it, and then it is there; or stands on it, and then it stays.
            Err(TryLockError::WouldBlock) if self.path(&format!("layers/{layer}")).is_dir() => {
                Err(Error::engine(format!("the layer `{layer}` is in use"))
                    .hint("remove the boxes that stand on it first"))
            }
            Err(TryLockError::WouldBlock) => {
                file.lock().map_err(|cause| super::failed("wait for a layer", &cause))?;
                Ok(file)
            }
            Err(TryLockError::Error(cause)) => Err(super::failed("lock a layer", &cause)),
        }
    }

    /// The lock of a box that is no more.
    pub(super) fn forget_box(&self, id: &BoxId) {
        // One that stays costs nothing.
        let _ = fs::remove_file(self.folder.join("locks").join(format!("box-{id}")));
    }

    /// Boxes that nobody holds, held now.
    pub(super) fn left_boxes(&self) -> Result<Vec<(BoxId, File)>> {
        let folder = self.folder.join("boxes");
        let failed = |cause: io::Error| Error::file("read", &folder, &cause);
        let mut left = vec![];
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let Some(id) = name.to_str().and_then(|name| BoxId::new(name).ok()) else { continue };
            let file = self.lock_file(&format!("box-{id}"))?;
            if file.try_lock().is_ok() {
                left.push((id, file));
            }
        }
        Ok(left)
    }
}

/// Locks a file that may be held for a moment by a process that has just been started: until it runs its own
/// program, it has all that is open here.
fn patiently(file: &File) -> Result<(), TryLockError> {
    for _ in 0..MOMENTS {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(MOMENT),
            locked => return locked,
        }
    }
    file.try_lock()
}

/// The ranges that a store has, or gets.
fn ranges(folder: &Path, own: u32) -> Result<Ranges> {
    let path = folder.join(IDS);
    let noted = match fs::read(&path) {
        Ok(text) => Some(serde_json::from_slice::<Ranges>(&text).map_err(|cause| {
            let message = format!("`{}` does not say whose the store is: {cause}", path.display());
            Error::engine(message).hint("remove the store: it is made anew")
        })?),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => None,
        Err(cause) => return Err(Error::file("read", &path, &cause)),
    };
    let found = found(own, noted)?;
    match noted {
        Some(noted) if noted == found => Ok(found),
        Some(noted) => Err(moved(folder, noted, found)),
        None => {
            put_json(&path, &found)?;
            Ok(found)
        }
    }
}

/// The ranges that this user has by the machine's tables.
fn found(own: u32, noted: Option<Ranges>) -> Result<Ranges> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let (passwd, users, groups) = (read("/etc/passwd"), read("/etc/subuid"), read("/etc/subgid"));
    let name = ids::name_of(&passwd, own);
    let set_aside = ids::of_user(&users, name, own).zip(ids::of_user(&groups, name, own));
    let ranges = set_aside.map(|(users, groups)| Ranges { users, groups });
    // Root needs none: what it once took, it keeps.
    let taken = || {
        noted.or_else(|| Some(Ranges { users: ids::free(&users)?, groups: ids::free(&groups)? }))
    };
    let ranges = if own == 0 { ranges.or_else(taken) } else { ranges };
    ranges.ok_or_else(|| no_range(name, own))
}

fn no_range(name: Option<&str>, own: u32) -> Error {
    let user = name.map_or_else(|| own.to_string(), str::to_owned);
    let message =
        format!("the user `{user}` has no range of 65536 ids in `/etc/subuid` and `/etc/subgid`");
    let command = "usermod --add-subuids 200000-265535 --add-subgids 200000-265535";
    Error::engine(message).hint(format!("`{command} {user}` as root gives one, if those are free"))
}

fn moved(folder: &Path, noted: Ranges, found: Ranges) -> Error {
    let (before, now, shown) = (noted.users.start, found.users.start, folder.display());
    let message = format!(
        "the store `{shown}` belongs to ids from {before} on, and this user now has those from {now} on"
    );
    Error::engine(message)
        .hint(format!("`rm -rf {shown}` as root; or give the user the old range again"))
}

/// Writes something as JSON, as a whole or not at all.
pub(super) fn put_json(path: &Path, what: &impl Serialize) -> Result<()> {
    let text =
        serde_json::to_vec(what).map_err(|cause| Error::file("write", path, &cause.into()))?;
    put(path, &text)
}

/// Writes a file as a whole or not at all.
pub(super) fn put(path: &Path, text: &[u8]) -> Result<()> {
    let failed = |cause: io::Error| Error::file("write", path, &cause);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    io::Write::write_all(&mut new, text).map_err(failed)?;
    new.persist(path).map(drop).map_err(|cause| failed(cause.error))
}

/// A part of a name that no other process of this number has had.
pub(super) fn moment() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_file_systems_have_no_place_for_boxes() {
        let table = [
            (0x6969, Some("NFS")),
            (0x794c_7630, Some("overlayfs")),
            (0xfe53_4d42, Some("SMB")),
            // ext4, xfs, btrfs, tmpfs.
            (0xef53, None),
            (0x5846_5342, None),
            (0x9123_683e, None),
            (0x0102_1994, None),
        ];
        for (number, name) in table {
            assert_eq!(no_place(number), name, "{number:x}");
        }
    }
}
