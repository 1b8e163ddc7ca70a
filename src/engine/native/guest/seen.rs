//! What the root of this container looks like, by what the kernel tells of each path, and how two looks differ.
//!
//! A time of change cannot be set, so whatever was done to a file shows, whether its bytes are the same or not. Of a
//! folder it changes with what is in it: there its rights and attributes count. Changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::image::archive::folder;

/// What the kernel tells of a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    inode: u64,
    /// Kind and rights.
    mode: u32,
    owner: (u32, u32),
    /// When it was last changed; nothing of a folder.
    changed: Option<(i64, i64)>,
    /// A folder's attributes.
    xattrs: BTreeMap<String, Vec<u8>>,
}

impl Seen {
    fn of(path: &Path, there: &std::fs::Metadata) -> io::Result<Self> {
        let is_folder = there.is_dir();
        Ok(Self {
            // A folder's need not be the same each time: overlayfs makes them up.
            inode: if is_folder { 0 } else { there.ino() },
            mode: there.mode(),
            owner: (there.uid(), there.gid()),
            changed: (!is_folder).then(|| (there.ctime(), there.ctime_nsec())),
            xattrs: if is_folder { folder::all_attributes(path)? } else { BTreeMap::new() },
        })
    }

    pub(super) fn is_folder(&self) -> bool {
        self.changed.is_none()
    }
}

/// All paths, from the root, without a `/` at either end; that itself is empty.
pub(super) type Index = BTreeMap<Vec<u8>, Seen>;

/// How one look differs from the one before.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) new: Vec<Vec<u8>>,
    pub(super) gone: Vec<Vec<u8>>,
    /// There, and not as it was.
    pub(super) other: Vec<Vec<u8>>,
}

impl Changes {
    pub(super) fn between(before: &Index, now: &Index) -> Self {
        let mut changes = Self::default();
        for (path, seen) in now {
            match before.get(path) {
                None => changes.new.push(path.clone()),
                Some(was) if was != seen => changes.other.push(path.clone()),
                Some(_) => {}
            }
        }
        changes.gone = before.keys().filter(|path| !now.contains_key(*path)).cloned().collect();
        changes
    }
}

/// The paths that lead from the root to a path, and that itself.
pub(super) fn absolute(path: &[u8]) -> PathBuf {
    Path::new("/").join(std::ffi::OsStr::from_bytes(path))
}

/// Looks at all that is there, but for these folders and files, and what is mounted.
pub(super) fn look(without: &BTreeSet<PathBuf>) -> io::Result<Index> {
    let mut skipped = mounted(&std::fs::read("/proc/self/mountinfo")?);
    skipped.extend(without.iter().cloned());
    let root = Path::new("/");
    let mut index = Index::new();
    index.insert(vec![], Seen::of(root, &std::fs::symlink_metadata(root)?)?);
    let mut folders = vec![root.to_owned()];
    // No stack: somebody may have made folders as deep as they go.
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            if skipped.contains(&path) {
                continue;
            }
            let there = match std::fs::symlink_metadata(&path) {
                // What runs beside us comes and goes.
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => continue,
                there => there?,
            };
            let seen = match Seen::of(&path, &there) {
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => continue,
                seen => seen?,
            };
            if seen.is_folder() {
                folders.push(path.clone());
            }
            index.insert(path.as_os_str().as_bytes()[1..].to_vec(), seen);
        }
    }
    Ok(index)
}

/// Where something is mounted. Source: proc_pid_mountinfo(5), the fifth field.
fn mounted(table: &[u8]) -> BTreeSet<PathBuf> {
    let fields = table.split(|byte| *byte == b'\n').filter_map(|line| {
        let field = line.split(|byte| *byte == b' ').nth(4)?;
        Some(PathBuf::from(std::ffi::OsString::from_vec(unescaped(field))))
    });
    fields.filter(|path| path != Path::new("/")).collect()
}

/// Blanks and such are three octal digits after a backslash there.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let (mut text, mut rest) = (vec![], field);
    while let Some((byte, after)) = rest.split_first() {
        let digits = (*byte == b'\\').then(|| after.get(..3)).flatten();
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(meant) => {
                text.push(meant);
                rest = &after[3..];
            }
            None => {
                text.push(*byte);
                rest = after;
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_something_is_mounted_is_read_with_its_blanks() {
        let table = b"1 0 0:1 / / rw - overlay overlay rw\n\
                      2 1 0:2 / /proc rw - proc proc rw\n3 1 0:3 /x /a\\040b rw - ext4 /dev/x rw\n";
        let found = mounted(table);
        assert_eq!(found, [PathBuf::from("/proc"), "/a b".into()].into());
    }

    #[test]
    fn what_was_done_to_a_file_shows() {
        let file = |inode, second| Seen {
            inode,
            mode: 0o100_644,
            owner: (0, 0),
            changed: Some((second, 0)),
            xattrs: BTreeMap::new(),
        };
        let folder = Seen { changed: None, mode: 0o40_755, ..file(1, 0) };
        let index = |all: &[(&str, Seen)]| {
            all.iter().map(|(path, seen)| (path.as_bytes().to_vec(), seen.clone())).collect()
        };
        let before: Index = index(&[("a", file(1, 1)), ("b", file(2, 1)), ("d", folder.clone())]);
        assert_eq!(Changes::between(&before, &before), Changes::default());
        let open = Seen { mode: 0o40_777, ..folder };
        let now = index(&[("a", file(1, 2)), ("c", file(3, 1)), ("d", open)]);
        let found = Changes::between(&before, &now);
        let names = |all: &[&str]| all.iter().map(|name| name.as_bytes().to_vec()).collect();
        let expected =
            Changes { new: names(&["c"]), gone: names(&["b"]), other: names(&["a", "d"]) };
        assert_eq!(found, expected);
    }
}
