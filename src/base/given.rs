//! Files that a person names: where the path leads is written, and what is there is never another thing
//! afterwards.
//!
//! A device, a FIFO or a descriptor is written through; a link stays, its target is written; a file is
//! replaced at once by one of the same mode and owner. Does not know what is written. The state folder's own
//! files are `store`'s.

#![expect(clippy::disallowed_methods, reason = "the way out to a place that a person names")]

use std::ffi::OsStr;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{BufWriter, ErrorKind, Seek, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::{fs, io};

use tempfile::NamedTempFile;

use crate::base::error::{Error, Result};

/// More links than this in one path are a circle.
const MAX_LINKS: usize = 40;

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// Nothing is there yet.
    Nothing(PathBuf),
    /// A regular file.
    File(PathBuf),
    /// What another process, or whoever started this one, has open: `/dev/stdout`, `/dev/fd/3`.
    Descriptor(PathBuf),
    /// A device, a FIFO, a socket.
    Other(PathBuf),
}

/// Writes a text where a person says.
///
/// # Errors
/// It cannot be written; a regular file that was there is as it was.
pub fn put(path: &Path, text: &[u8]) -> Result<()> {
    write(path, |out| out.write_all(text).map_err(|e| Error::file("write", path, &e)))
}

/// Writes where a person says, piece by piece.
///
/// # Errors
/// It cannot be written, or `fill` fails; a regular file that was there is as it was.
pub fn write(path: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let failed = |e: &io::Error| Error::file("write", path, e);
    match end_of(path).map_err(|e| failed(&e))? {
        End::Nothing(end) => {
            let mut temp = new_beside(&end).map_err(|e| failed(&e))?;
            filled(temp.as_file_mut(), fill, path)?;
            temp.persist(&end).map(drop).map_err(|e| failed(&e.error))
        }
        End::File(end) => over(&end, fill, path),
        End::Descriptor(end) if end == own("1") => filled(&mut io::stdout().lock(), fill, path),
        End::Descriptor(end) if end == own("2") => filled(&mut io::stderr().lock(), fill, path),
        End::Descriptor(end) => {
            // The one who opened it may have written before, and may go on after this.
            let file = OpenOptions::new().append(true).open(end);
            filled(&mut file.map_err(|e| failed(&e))?, fill, path)
        }
        End::Other(end) => {
            let file = OpenOptions::new().write(true).open(end);
            filled(&mut file.map_err(|e| failed(&e))?, fill, path)
        }
    }
}

/// Whether a path leads to a regular file, which has a time and a text of its own.
pub fn is_file(path: &Path) -> bool {
    matches!(end_of(path), Ok(End::File(_)))
}

/// One of this process's descriptors.
fn own(number: &str) -> PathBuf {
    Path::new("/proc").join(std::process::id().to_string()).join("fd").join(number)
}

fn filled(
    out: &mut dyn Write,
    fill: impl FnOnce(&mut dyn Write) -> Result<()>,
    path: &Path,
) -> Result<()> {
    let mut out = BufWriter::new(out);
    fill(&mut out)?;
    out.flush().map_err(|e| Error::file("write", path, &e))
}

/// Follows links to what they lead to, there or not.
fn end_of(path: &Path) -> io::Result<End> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        // `a/..` and `/` are folders, and so is what ends in a slash.
        let is_folder = path.as_os_str().as_encoded_bytes().ends_with(b"/");
        let Some(name) = path.file_name().filter(|_| !is_folder) else {
            return Err(ErrorKind::IsADirectory.into());
        };
        let folder = folder_of(&path).canonicalize()?;
        let end = folder.join(name);
        if is_descriptors(&folder) {
            return Ok(End::Descriptor(end));
        }
        let kind = match end.symlink_metadata() {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(End::Nothing(end)),
            Err(e) => return Err(e),
            Ok(meta) => meta.file_type(),
        };
        if kind.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        if kind.is_file() {
            return Ok(End::File(end));
        }
        if !kind.is_symlink() {
            return Ok(End::Other(end));
        }
        path = folder.join(end.read_link()?);
    }
    Err(rustix::io::Errno::LOOP.into())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

/// `/proc/PID/fd`, and the same of a thread.
fn is_descriptors(folder: &Path) -> bool {
    folder.starts_with("/proc") && folder.file_name() == Some(OsStr::new("fd"))
}

/// With the permissions of any file that a user makes: the umask has the last word.
fn new_beside(path: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.permissions(Permissions::from_mode(0o666)).tempfile_in(folder_of(path))
}

/// Replaces a file's text. Where the file itself must stay (it has other names, or an owner that a new one
/// cannot get), the whole text is there before the first byte of the old one goes.
fn over(end: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<()>, path: &Path) -> Result<()> {
    let failed = |e: &io::Error| Error::file("write", path, e);
    // Who may not write a file may not replace it either, whoever has the folder.
    let old = OpenOptions::new().write(true).open(end).map_err(|e| failed(&e))?;
    let meta = old.metadata().map_err(|e| failed(&e))?;
    let beside = if meta.nlink() == 1 { like(&meta, end).ok() } else { None };
    let Some(mut temp) = beside else {
        let text = tempfile::tempfile_in(folder_of(end)).or_else(|_| tempfile::tempfile());
        let mut text = text.map_err(|e| failed(&e))?;
        filled(&mut text, fill, path)?;
        return in_place(&old, &mut text).map_err(|e| failed(&e));
    };
    filled(temp.as_file_mut(), fill, path)?;
    temp.persist(end).map(drop).map_err(|e| failed(&e.error))
}

/// A new file with the mode and the owner of another.
fn like(meta: &fs::Metadata, end: &Path) -> io::Result<NamedTempFile> {
    let temp = tempfile::Builder::new().tempfile_in(folder_of(end))?;
    let own = temp.as_file().metadata()?;
    if (own.uid(), own.gid()) != (meta.uid(), meta.gid()) {
        std::os::unix::fs::fchown(temp.as_file(), Some(meta.uid()), Some(meta.gid()))?;
    }
    // After the owner: a change of that takes set-user-ID away.
    temp.as_file().set_permissions(Permissions::from_mode(meta.mode() & 0o7777))?;
    Ok(temp)
}

fn in_place(mut old: &File, text: &mut File) -> io::Result<()> {
    let size = text.stream_position()?;
    text.rewind()?;
    // A full disk is told before anything is lost; some file systems cannot say.
    match rustix::fs::fallocate(old, rustix::fs::FallocateFlags::KEEP_SIZE, 0, size.max(1)) {
        Err(e) if e == rustix::io::Errno::NOSPC || e == rustix::io::Errno::DQUOT => {
            return Err(e.into());
        }
        _ => {}
    }
    io::copy(text, &mut old)?;
    old.set_len(size)
}

#[cfg(test)]
mod tests;
