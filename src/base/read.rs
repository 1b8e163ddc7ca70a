//! Whole files into memory: only regular ones, and only up to a limit.
//!
//! A named pipe would make the reader wait, a device has no end. Does not know what is in a file, nor whether
//! a link on the way to it may be followed.

use std::fs::File;
use std::io;
use std::io::Read;
use std::path::Path;

use crate::base::error::{Error, Exit, Result};
use crate::base::limits::{Exceeded, Limit, Limits};
use crate::base::open;

/// All bytes of a file.
///
/// # Errors
/// It is no regular file, cannot be read, or is larger than the limit ([`Exceeded`] inside of the error).
pub fn bytes(path: &Path, limits: &Limits, limit: Limit) -> io::Result<Vec<u8>> {
    all(open::regular(path)?, limits, limit)
}

/// All bytes of an open file.
///
/// # Errors
/// It cannot be read, or is larger than the limit.
pub fn all(file: File, limits: &Limits, limit: Limit) -> io::Result<Vec<u8>> {
    let size = file.metadata()?.len();
    limits.check(limit, size)?;
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    // It may grow meanwhile.
    file.take(limits.of(limit).saturating_add(1)).read_to_end(&mut bytes)?;
    limits.check(limit, bytes.len() as u64)?;
    Ok(bytes)
}

/// The text of a file of a project, no larger than any such file may be.
///
/// # Errors
/// As [`bytes()`], or it is not UTF-8.
pub fn text(path: &Path) -> io::Result<String> {
    let bytes = bytes(path, &Limits::default(), Limit::FileSize)?;
    String::from_utf8(bytes).map_err(|_| {
        io::Error::new(io::ErrorKind::InvalidData, "stream did not contain valid UTF-8")
    })
}

/// All bytes of a file of the state folder.
///
/// # Errors
/// As [`bytes()`].
pub fn state(path: &Path, limit: Limit) -> Result<Vec<u8>> {
    bytes(path, &Limits::default(), limit).map_err(|e| failed(path, &e))
}

/// What a file that cannot be read is told as: the limit that it is over by name.
pub fn failed(path: &Path, cause: &io::Error) -> Error {
    match Exceeded::of(cause) {
        Some(exceeded) => exceeded.error(Exit::Step, &format!("`{}`", path.display())),
        None => Error::file("read", path, cause),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "makes the files that are read")]

    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "1234").unwrap();
        let limits = |most| Limits::default().with(Limit::ListSize, most);
        assert_eq!(bytes(&path, &limits(4), Limit::ListSize).unwrap(), b"1234");
        let error = bytes(&path, &limits(3), Limit::ListSize).unwrap_err();
        let message = failed(&path, &error).message().to_owned();
        assert!(message.ends_with(
            "has more than 3 bytes (`list_size`: bytes of a list that a builder hands out)"
        ));
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0)
            .unwrap();
        for path in [path.as_path(), dir.path(), Path::new("/dev/zero")] {
            assert!(state(path, Limit::StateSize).is_err(), "{}", path.display());
        }
    }
}
