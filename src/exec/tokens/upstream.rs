//! The jobserver of the make that has started this program: what it writes into `MAKEFLAGS`, and its tokens.
//!
//! Source: <https://www.gnu.org/software/make/manual/html_node/POSIX-Jobserver.html>. Since make 4.4 it is a fifo with a
//! name; before, a pipe that only recipes with a `+` inherit.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// Both ends, as files of our own: whether these wait is nobody else's business.
#[derive(Debug)]
pub struct Upstream {
    reader: File,
    writer: File,
}

/// Where a jobserver is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Auth {
    Fifo(PathBuf),
    Pipe(u32, u32),
}

impl Upstream {
    /// The one that `MAKEFLAGS` names, if it is there: make names also a pipe that it has closed. To be asked before
    /// this program opens anything, for that would get the same numbers.
    pub fn inherited(makeflags: &str) -> Option<Self> {
        let (reader, writer) = match auth(makeflags)? {
            Auth::Fifo(path) => (path.clone(), path),
            Auth::Pipe(reader, writer) => (own(reader), own(writer)),
        };
        let reader = open(&reader, OpenOptions::new().read(true))?;
        let writer = open(&writer, OpenOptions::new().write(true))?;
        Some(Self { reader, writer })
    }

    /// A token, if one is free now.
    pub(super) fn take(&self) -> Option<u8> {
        let mut token = [0];
        matches!((&self.reader).read(&mut token), Ok(1)).then_some(token[0])
    }

    /// Gives back what was taken: make wants the same bytes.
    pub(super) fn give(&self, token: u8) {
        // Where nobody is there any more, nobody misses it.
        let _ = (&self.writer).write(&[token]);
    }
}

fn own(fd: u32) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{fd}"))
}

fn open(path: &Path, options: &mut OpenOptions) -> Option<File> {
    let is_fifo = |path: &Path| path.metadata().is_ok_and(|m| m.file_type().is_fifo());
    // What waits when it is opened, such as a device, is not even opened.
    let options = options.custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    is_fifo(path).then(|| options.open(path).ok()).flatten()
}

/// The last one counts, as for make itself. Before 4.2 it was called otherwise.
fn auth(makeflags: &str) -> Option<Auth> {
    let value = |word: &'_ str| {
        let names = ["--jobserver-auth=", "--jobserver-fds="];
        names.iter().find_map(|name| word.strip_prefix(name)).map(str::to_owned)
    };
    let value = makeflags.split_whitespace().rev().find_map(value)?;
    if let Some(path) = value.strip_prefix("fifo:") {
        return Some(Auth::Fifo(path.into()));
    }
    let (reader, writer) = value.split_once(',')?;
    Some(Auth::Pipe(reader.parse().ok()?, writer.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_flags_name_it() {
        let fifo = |path: &str| Some(Auth::Fifo(path.into()));
        for (flags, expected) in [
            ("", None),
            ("k -j4", None),
            (" -j4 --jobserver-auth=fifo:/tmp/GMfifo1", fifo("/tmp/GMfifo1")),
            ("-j --jobserver-auth=3,4 --jobserver-auth=fifo:/b", fifo("/b")),
            ("ks --jobserver-auth=3,4 -- X=1", Some(Auth::Pipe(3, 4))),
            ("--jobserver-fds=5,6 -j", Some(Auth::Pipe(5, 6))),
            ("-j4 --jobserver-auth=-2,-2", None),
            ("--jobserver-auth=3", None),
            ("--jobserver-auth=", None),
        ] {
            assert_eq!(auth(flags), expected, "{flags}");
        }
    }

    #[test]
    fn what_is_no_fifo_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "++").unwrap();
        for path in [&file, &dir.path().join("none"), &PathBuf::from("/dev/tty")] {
            let flags = format!("--jobserver-auth=fifo:{}", path.display());
            assert!(Upstream::inherited(&flags).is_none(), "{flags}");
        }
        assert!(Upstream::inherited("--jobserver-auth=991,992").is_none());
    }
}
