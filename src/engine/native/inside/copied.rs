//! A box where overlayfs cannot be mounted: its layers laid on each other in a folder of its own, and what it has
//! changed there.
//!
//! ```text
//! boxes/ID/copy/     the root
//! boxes/ID/copied    each path of it and how it was: number, and time of the last change
//! ```
//!
//! That time nobody in a box can set. So what is as it was noted has not been touched, and nothing is read twice.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use crate::image::archive::folder::{self, Became};

/// The root, in the box's folder.
pub(super) const COPY: &str = "copy";
/// What it was made of.
const NOTED: &str = "copied";
/// Two changes within one tick of a file system's clock have the same time. The coarsest tick in use by what has
/// parts of a second in its times is half of this.
const TICK: Duration = Duration::from_millis(20);

/// Lays layers on each other, the lowest one first, in the folder of a box, unless that has been done.
pub(super) fn lay(of: &Path, layers: &[String]) -> io::Result<()> {
    let (copy, noted) = (of.join(COPY), of.join(NOTED));
    if noted.is_file() {
        return Ok(());
    }
    // Of one who was killed at it.
    folder::remove(&copy)?;
    for layer in layers {
        // A link of the box's: what it leads to is laid, and not the link.
        folder::lay(&of.join(layer).join("."), &copy)?;
    }
    std::thread::sleep(TICK);
    let mut text = vec![];
    for (path, state) in seen(&copy)? {
        text.extend_from_slice(&[path.as_slice(), b"\0", state.as_bytes(), b"\0"].concat());
    }
    let new = of.join("copied.new");
    std::fs::File::create(&new)?.write_all(&text)?;
    std::fs::rename(new, noted)
}

/// What has become of the paths of a box's root; nothing, if it stands on no copy. A folder with something in it
/// that is another one is told as well.
pub(super) fn changes(of: &Path) -> io::Result<Option<BTreeMap<Vec<u8>, Became>>> {
    let text = match std::fs::read(of.join(NOTED)) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text?,
    };
    let pieces = text.split(|byte| *byte == 0).collect::<Vec<_>>();
    let (noted, _) = pieces.as_chunks::<2>();
    let mut before = noted.iter().map(|[path, state]| (*path, *state)).collect::<BTreeMap<_, _>>();
    let mut changes = BTreeMap::new();
    for (path, state) in seen(&of.join(COPY))? {
        match before.remove(path.as_slice()) {
            Some(was) if was == state.as_bytes() => {}
            Some(_) => drop(changes.insert(path, Became::Other)),
            None => drop(changes.insert(path, Became::New)),
        }
    }
    changes.extend(before.into_keys().map(|path| (path.to_owned(), Became::Nothing)));
    with_folders(&mut changes);
    Ok(Some(changes))
}

/// Adds the folders on the way to each change.
fn with_folders(changes: &mut BTreeMap<Vec<u8>, Became>) {
    for path in changes.keys().cloned().collect::<Vec<_>>() {
        let folders = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        for (end, _) in folders {
            changes.entry(path[..end].to_owned()).or_insert(Became::Other);
        }
    }
}

/// All paths below a folder, with their states.
fn seen(top: &Path) -> io::Result<Vec<(Vec<u8>, String)>> {
    let (mut seen, mut folders) = (vec![], vec![vec![]]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(top.join(OsStr::from_bytes(&folder)))? {
            let entry = entry?;
            let slash = if folder.is_empty() { &b""[..] } else { b"/" };
            let path = [folder.as_slice(), slash, entry.file_name().as_bytes()].concat();
            let meta = match entry.path().symlink_metadata() {
                // In a box that runs, files come and go.
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => continue,
                meta => meta?,
            };
            if meta.is_dir() {
                folders.push(path.clone());
            }
            seen.push((path, state(&meta)));
        }
    }
    Ok(seen)
}

fn state(meta: &Metadata) -> String {
    format!("{}:{}.{}", meta.ino(), meta.ctime(), meta.ctime_nsec())
}
