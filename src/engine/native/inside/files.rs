//! Work with files that are owned by ids of boxes: from inside the namespace where these are mapped.
//!
//! An archive is a stranger's, too. So before anything of it is unpacked, the folder that it belongs to is made
//! the root of this process: whatever links it brings, they lead nowhere else.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, chmodat, chownat, mkdirat, open, renameat};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};

use super::super::wire::{Failure, Files, cannot, cannot_write};
use super::{Result, changes, copied};
use crate::base::error::{Error, io_reason};
use crate::base::limits::{Limit, Limits};
use crate::image::archive::folder::{self, Marks};
use crate::state::disk;

/// What [`Files::Kind`] says of a folder.
pub(in super::super) const FOLDER: &str = "folder";

/// The first id of a range where the user's own is root.
const FIRST: u32 = 1;
/// The user's own, there.
const OWN: u32 = 0;
/// What ids of boxes own, the user's group reads.
pub(in super::super) const THEIR_MODE: u32 = 0o750;

/// Does one thing with files, of which an archive may be a part. Tells what could not be made as it was.
pub(super) fn run(job: Files, archive: Option<OwnedFd>) -> Result<Vec<String>> {
    let archive = || archive.map(File::from).ok_or_else(|| Failure::new("an archive did not come"));
    match job {
        Files::Unpack { into, limits } => {
            make_folders(&into)?;
            rustix::process::chdir(&into).map_err(cannot(format!("enter `{into}`")))?;
            Ok(folder::unpack(archive()?, Marks::Refused, &of(&limits))?)
        }
        Files::Layer { into, limits } => layer(&into, archive()?, &of(&limits)),
        Files::Whole { path } => {
            renameat(CWD, format!("{path}.new"), CWD, &path)
                .map_err(cannot(format!("move `{path}` to its place")))?;
            Ok(vec![])
        }
        Files::Pack { from, without, named: false } => {
            let archive = archive()?;
            packed(folder::pack(Path::new(&from), &without, Marks::Refused, archive))
        }
        Files::Pack { from, .. } => packed(folder::pack_named(Path::new(&from), archive()?)),
        Files::Difference { id } => {
            let (archive, of) = (archive()?, PathBuf::from(format!("boxes/{id}")));
            packed(match copied::changes(&of) {
                Ok(None) => folder::pack(&of.join("upper"), &[], Marks::Overlay, archive),
                Ok(Some(changes)) => folder::pack_only(&of.join(copied::COPY), &changes, archive),
                Err(cause) => Err(cause),
            })
        }
        Files::Changes { id, layers } => {
            let listed = changes::list(&id, &layers, io::BufWriter::new(archive()?));
            listed.map_err(cannot("list what a box has changed"))?;
            Ok(vec![])
        }
        Files::Used { folder } => used(&folder, archive()?),
        Files::Kind { path } => {
            let kind = match std::fs::symlink_metadata(&path) {
                Ok(there) if there.is_dir() => FOLDER,
                Ok(_) => "other",
                Err(_) => "",
            };
            io::Write::write_all(&mut archive()?, kind.as_bytes())
                .map_err(cannot("say what is in a box"))?;
            Ok(vec![])
        }
        Files::Folder { path } => {
            std::fs::create_dir_all(&path).map_err(cannot(format!("make `{path}`")))?;
            Ok(vec![])
        }
        Files::Remove { path } => {
            let failed = || cannot(format!("remove `{path}`"));
            folder::remove(&aside(&path).map_err(failed())?).map_err(failed())?;
            Ok(vec![])
        }
    }
}

/// How much room each entry of a folder takes. Names of one file are in one entry, so bytes say it all.
fn used(folder: &str, out: File) -> Result<Vec<String>> {
    let what = || format!("see how much room `{folder}` takes");
    let used = disk::each(Path::new(folder)).map_err(cannot(what()))?;
    let bytes = used.iter().map(|(name, used)| (name, used.bytes())).collect::<BTreeMap<_, _>>();
    serde_json::to_writer(out, &bytes)
        .map_err(|cause| cannot(what())(io::Error::from(cause)))
        .map(|()| vec![])
}

/// Where something is removed: half of a layer must not be taken for the whole.
fn aside(path: &str) -> io::Result<PathBuf> {
    if !path.starts_with("layers/") {
        return Ok(path.into());
    }
    let gone = PathBuf::from(format!("{path}.gone"));
    folder::remove(&gone)?;
    match renameat(CWD, path, CWD, &gone) {
        Ok(()) | Err(Errno::NOENT) => Ok(gone),
        Err(cause) => Err(cause.into()),
    }
}

fn packed(done: io::Result<()>) -> Result<Vec<String>> {
    let failed = |cause: io::Error| {
        Failure::from(Error::step(format!("cannot pack: {}", io_reason(&cause))))
    };
    done.map(|()| vec![]).map_err(failed)
}

/// As they are in the settings.
fn of(limits: &[(String, u64)]) -> Limits {
    let named = |(name, value): &(String, u64)| Some((Limit::named(name)?, *value));
    let set = |limits: Limits, (limit, value)| limits.with(limit, value);
    limits.iter().filter_map(named).fold(Limits::default(), set)
}

fn make_folders(path: &str) -> Result<()> {
    std::fs::create_dir_all(path).map_err(cannot(format!("make `{path}` in the box")))
}

/// Unpacks a layer beside its place. An archive that ends between two entries may be whole or cut: that is for whoever
/// sends it to say.
fn layer(into: &str, archive: File, limits: &Limits) -> Result<Vec<String>> {
    let new = format!("{into}.new");
    // Of one who was killed at it. Whoever is at it now has the lock.
    folder::remove(Path::new(&new)).map_err(cannot(format!("remove `{new}`")))?;
    mkdirat(CWD, &new, Mode::from_raw_mode(0o755))
        .map_err(cannot_write(format!("make `{new}`")))?;
    rustix::process::chdir(&new).map_err(cannot(format!("enter `{new}`")))?;
    let outside = held("/").map_err(cannot("open the machine's root"))?;
    rustix::process::chroot(".").map_err(cannot("keep an archive in its folder"))?;
    let left = folder::unpack(archive, Marks::Overlay, limits)?;
    rustix::process::fchdir(&outside).map_err(cannot("leave the folder"))?;
    rustix::process::chroot(".").map_err(cannot("leave the folder"))?;
    Ok(left)
}

/// A folder to come back to, which this process may pass but not read.
fn held(path: &str) -> rustix::io::Result<OwnedFd> {
    open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// Makes folders of the store, where they are missing, and gives them to root of boxes.
pub(super) fn give(folders: &[String]) -> Result<Vec<String>> {
    for path in folders {
        let what = || format!("give `{path}` to the boxes");
        match mkdirat(CWD, path, Mode::from_raw_mode(THEIR_MODE)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(cause) => return Err(cannot(what())(cause)),
        }
        chmodat(CWD, path, Mode::from_raw_mode(THEIR_MODE), AtFlags::empty())
            .map_err(cannot(what()))?;
        let owner = (Some(Uid::from_raw(FIRST)), Some(Gid::from_raw(OWN)));
        chownat(CWD, path, owner.0, owner.1, AtFlags::SYMLINK_NOFOLLOW).map_err(cannot(what()))?;
    }
    Ok(vec![])
}
