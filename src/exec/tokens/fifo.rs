//! A fifo of a jobserver, seen from its server: tokens are put in, counted, and taken out again.
//!
//! Each is a byte, as GNU make has it (<https://www.gnu.org/software/make/manual/html_node/POSIX-Jobserver.html>).
//! Whoever has the other side may write what it wants, and as much: it is only ever read.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use rustix::io::Errno;

/// What a token looks like; make does not care.
const TOKEN: &[u8] = b"+";

/// Both ends, none of which waits.
#[derive(Debug)]
pub(super) struct Fifo(File);

impl Fifo {
    /// At a path where nothing is, or one. All users of a box may take part.
    pub(super) fn make(path: &Path) -> io::Result<Self> {
        match mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(cause) => return Err(cause.into()),
        }
        let opened = Self::open(path)?;
        opened.0.set_permissions(Permissions::from_mode(0o666))?;
        Ok(opened)
    }

    /// One that is there: somebody else's, by its name.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        // What waits when it is opened is not even opened.
        if !path.symlink_metadata()?.file_type().is_fifo() {
            return Err(io::Error::other("it is no fifo"));
        }
        let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
        Ok(Self(file))
    }

    /// How many lie there.
    pub(super) fn lying(&self) -> usize {
        let bytes = rustix::io::ioctl_fionread(&self.0).unwrap_or(0);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// Puts one in. Where it is full of what others have written, none is missing.
    pub(super) fn put(&self) {
        let _ = (&self.0).write(TOKEN);
    }

    /// Takes one out, unless somebody was faster.
    pub(super) fn take(&self) -> bool {
        matches!((&self.0).read(&mut [0]), Ok(1))
    }

    /// Takes out so many at most.
    pub(super) fn discard(&self, most: usize) {
        let mut left = most;
        let mut piece = [0; 4096];
        while left > 0
            && let Some(piece) = piece.get_mut(..left.min(4096))
            && let Ok(size @ 1..) = (&self.0).read(piece)
        {
            left -= size;
        }
    }

    /// What is waited at for one to come back.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
