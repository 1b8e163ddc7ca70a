//! What a box has changed, by name: its own changes compared with the layers that it stands on, as folders of the
//! store. Says of each path what became of it; what a mount has covered is for the caller to know.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::super::spec::{BoxId, LayerId};
use super::copied;
use crate::image::archive::folder::{Became, is_opaque};

/// Letters for what became of a path.
pub(in super::super) const ADDED: u8 = b'A';
pub(in super::super) const MODIFIED: u8 = b'M';
pub(in super::super) const REMOVED: u8 = b'D';

/// Writes a letter, the path, and a zero for each path that a box has changed. The lowest layer is the first.
pub(super) fn list(id: &BoxId, layers: &[LayerId], out: impl Write) -> io::Result<()> {
    let of = PathBuf::from(format!("boxes/{id}"));
    if let Some(changes) = copied::changes(&of)? {
        return listed(&changes, out);
    }
    let below = layers.iter().rev().map(|layer| Path::new("layers").join(layer.as_str()));
    let upper = of.join("upper");
    let mut listing = Listing { upper, below: below.collect(), out };
    listing.folder(Path::new(""), false)?;
    listing.out.flush()
}

/// The same of a box that stands on a copy.
fn listed(changes: &BTreeMap<Vec<u8>, Became>, mut out: impl Write) -> io::Result<()> {
    for (path, became) in changes {
        let letter = match became {
            Became::New => ADDED,
            Became::Other => MODIFIED,
            Became::Nothing => REMOVED,
        };
        out.write_all(&[&[letter], path.as_slice(), &[0]].concat())?;
    }
    out.flush()
}

struct Listing<W> {
    upper: PathBuf,
    /// The layers, the highest one first.
    below: Vec<PathBuf>,
    out: W,
}

impl<W: Write> Listing<W> {
    /// Everything in a folder. `new`: nothing of what is below it is to be seen.
    fn folder(&mut self, folder: &Path, new: bool) -> io::Result<()> {
        let new = new || is_opaque(&self.upper.join(folder))?;
        let entries = std::fs::read_dir(self.upper.join(folder))?;
        let mut names =
            entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
        names.sort();
        for name in names {
            let path = folder.join(name);
            let there = match std::fs::symlink_metadata(self.upper.join(&path)) {
                // In a box that runs, files come and go.
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => continue,
                there => there?,
            };
            let before = !new && self.was(&path)?;
            if is_gone(&there) {
                if before {
                    self.say(REMOVED, &path)?;
                }
                continue;
            }
            let again = before && there.is_dir() && is_opaque(&self.upper.join(&path))?;
            self.say(letter(before, again), &path)?;
            if there.is_dir() {
                self.folder(&path, new || !before)?;
            }
        }
        Ok(())
    }

    fn say(&mut self, letter: u8, path: &Path) -> io::Result<()> {
        self.out.write_all(&[letter])?;
        self.out.write_all(path.as_os_str().as_bytes())?;
        self.out.write_all(&[0])
    }

    /// Whether a path was there before: the highest layer that says anything of it, or of a folder on its way,
    /// decides.
    fn was(&self, path: &Path) -> io::Result<bool> {
        'layers: for layer in &self.below {
            let (mut at, mut parts) = (layer.clone(), path.iter().peekable());
            let mut hides = false;
            while let Some(part) = parts.next() {
                hides = hides || is_opaque(&at)?;
                at.push(part);
                let Some(there) = found(&at)? else {
                    if hides {
                        return Ok(false);
                    }
                    continue 'layers;
                };
                let is_last = parts.peek().is_none();
                if is_last || is_gone(&there) || !there.is_dir() {
                    return Ok(is_last && !is_gone(&there));
                }
            }
        }
        Ok(false)
    }
}

/// What was in a folder that was removed and made again is gone, and the folder stands for it, as in Docker's list.
fn letter(before: bool, again: bool) -> u8 {
    match (before, again) {
        (_, true) => REMOVED,
        (true, false) => MODIFIED,
        (false, false) => ADDED,
    }
}

fn found(path: &Path) -> io::Result<Option<std::fs::Metadata>> {
    match std::fs::symlink_metadata(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        there => there.map(Some),
    }
}

/// Whether it is overlayfs' mark for what is not there any more.
fn is_gone(there: &std::fs::Metadata) -> bool {
    there.file_type().is_char_device() && there.rdev() == 0
}

/// A path of the list, and what became of it.
pub(in super::super) fn parsed(record: &[u8]) -> Option<(u8, PathBuf)> {
    let (letter, path) = record.split_first()?;
    Some((*letter, PathBuf::from(OsStr::from_bytes(path))))
}
