//! The one way to open what a project brings: a regular file, in the project's folder or in a place that
//! somebody allows, up to a limit.
//!
//! Whoever writes a dock may put a link in the place of a file, to `/etc/shadow`, to a pipe that nobody
//! writes to or to `/dev/zero`. So a link is followed only as long as it stays where files may come from, and
//! what is opened is looked at before anything is read. What is only named and never opened, as a link that
//! `COPY` takes, is nobody's business here. Knows no docks.

#![expect(clippy::disallowed_methods, reason = "the one way to a file that a project brings")]

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{File, FileType, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

use crate::base::error::{Error, Exit, io_reason};
use crate::base::limits::{Exceeded, Limit, Limits};
use crate::base::read;

/// More links than this in one path are a circle, as for Linux (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// Where the files of a project may be: its folder, and what somebody allows beside it.
#[derive(Debug, Clone)]
pub struct Ground {
    /// Without links.
    here: PathBuf,
    /// The same, open: what is opened beneath it cannot be moved out meanwhile.
    folder: Option<Arc<OwnedFd>>,
    /// Without links. A file is a place, too.
    allowed: Vec<PathBuf>,
}

/// Why a file is not opened, or not read.
#[derive(Debug)]
pub enum Refused {
    /// It may not: of what kind exit 3 is.
    Never(Error),
    /// It cannot.
    Io(io::Error),
}

impl Refused {
    /// As an error: the refusal itself, or what `io` makes of a failure.
    pub fn or(self, io: impl FnOnce(&io::Error) -> Error) -> Error {
        match self {
            Self::Never(error) => error,
            Self::Io(cause) => io(&cause),
        }
    }
}

impl From<Errno> for Refused {
    fn from(cause: Errno) -> Self {
        Self::Io(cause.into())
    }
}

/// What reading may end in.
pub type Opened<T> = std::result::Result<T, Refused>;

impl Ground {
    /// The project in `folder`; relative `places` are seen from it. One that is not there allows nothing.
    pub fn of(folder: &Path, places: &[PathBuf]) -> Self {
        let here = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = openat(CWD, &here, flags, Mode::empty()).ok();
        let ground = Self { here, folder: open.map(Arc::new), allowed: vec![] };
        places.iter().fold(ground, |ground, place| ground.with(place))
    }

    /// The same with one more place.
    #[must_use]
    pub fn with(mut self, place: &Path) -> Self {
        self.allowed.extend(self.here.join(place).canonicalize());
        self
    }

    /// The same with a path that the settings name, if it leads out by its own words: that is meant so. One that
    /// leads out by a link is another matter.
    #[must_use]
    pub fn with_named(self, path: &Path) -> Self {
        if self.is_outside(path) { self.with(path) } else { self }
    }

    /// Whether a path leads out by its own words, whatever links there are.
    pub fn is_outside(&self, path: &Path) -> bool {
        !without_dots(&self.here.join(path)).starts_with(&self.here)
    }

    /// Whether a file or folder, and all that leads there, is where it may be. It need not be there.
    ///
    /// # Errors
    /// Exit 3: a link leads out.
    pub fn check(&self, path: &Path) -> crate::Result<()> {
        let end = self.end(path);
        if self.has(&end) { Ok(()) } else { Err(self.leaves(path, &end)) }
    }

    /// Opens a regular file for reading.
    ///
    /// # Errors
    /// It leads out, is no file, or cannot be opened.
    pub fn open(&self, path: &Path) -> Opened<File> {
        let beneath = self.folder.as_ref().zip(self.below(path));
        let flags = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let opened =
            beneath.map(|(folder, path)| openat2(folder, path, READ, Mode::empty(), flags));
        let file = match opened {
            Some(Ok(file)) => File::from(file),
            Some(Err(cause)) if !is_about_links(cause) => return Err(cause.into()),
            // Links that lead back in, and to places that are allowed.
            _ => self.open_end(path)?,
        };
        let meta = file.metadata().map_err(Refused::Io)?;
        if meta.is_file() { Ok(file) } else { Err(no_file(path, &meta)) }
    }

    /// Opens what all links of a path lead to, without any of them: who exchanges one meanwhile gets nothing.
    fn open_end(&self, path: &Path) -> Opened<File> {
        let end = self.end(path);
        if !self.has(&end) {
            return Err(Refused::Never(self.leaves(path, &end)));
        }
        let opened = openat2(CWD, &end, READ, Mode::empty(), ResolveFlags::NO_SYMLINKS);
        match opened {
            // Kernels before 5.6, and sandboxes that do not know the call.
            Err(Errno::NOSYS | Errno::PERM) => {
                Ok(openat(CWD, &end, READ | OFlags::NOFOLLOW, Mode::empty())?.into())
            }
            opened => Ok(opened?.into()),
        }
    }

    /// All of a file of at most so many bytes.
    ///
    /// # Errors
    /// As [`Ground::open`], or it is larger.
    pub fn read(&self, path: &Path, limit: Limit) -> Opened<Vec<u8>> {
        let read = read::all(self.open(path)?, &Limits::default(), limit);
        read.map_err(|cause| match Exceeded::of(&cause) {
            Some(exceeded) => {
                Refused::Never(exceeded.error(Exit::Config, &format!("`{}`", path.display())))
            }
            None => Refused::Io(cause),
        })
    }

    /// All of a text of at most so many bytes.
    ///
    /// # Errors
    /// As [`Ground::read`], or it is no UTF-8.
    pub fn text(&self, path: &Path, limit: Limit) -> Opened<String> {
        String::from_utf8(self.read(path, limit)?).map_err(|cause| {
            let before = &cause.as_bytes()[..cause.utf8_error().valid_up_to()];
            let line = before.split(|byte| *byte == b'\n').count();
            Refused::Never(wrong(path, &format!("is not UTF-8 (line {line})")))
        })
    }

    fn has(&self, end: &Path) -> bool {
        end.starts_with(&self.here) || self.allowed.iter().any(|place| end.starts_with(place))
    }

    /// As seen from the project, if it is below it by its own words.
    fn below<'a>(&self, path: &'a Path) -> Option<&'a Path> {
        let below = if path.is_absolute() { path.strip_prefix(&self.here).ok()? } else { path };
        (!below.as_os_str().is_empty()).then_some(below)
    }

    /// Where a path leads, all links followed; what is not there has no links.
    fn end(&self, path: &Path) -> PathBuf {
        let mut rest = steps(path).collect::<VecDeque<_>>();
        let mut end = self.here.clone();
        let mut links = 0;
        while let Some(step) = rest.pop_front() {
            match Path::new(&step).components().next() {
                Some(Component::RootDir) => end = PathBuf::from("/"),
                Some(Component::ParentDir) => drop(end.pop()),
                Some(Component::Normal(name)) => end.push(name),
                _ => continue,
            }
            if let Ok(target) = end.read_link()
                && links < MAX_LINKS
            {
                links += 1;
                end.pop();
                steps(&target).rev().for_each(|step| rest.push_front(step));
            }
        }
        end
    }

    fn leaves(&self, path: &Path, end: &Path) -> Error {
        let way = path.ancestors().collect::<Vec<_>>();
        let leads_out = |at: &&&Path| at.read_link().is_ok() && !self.has(&self.end(at));
        let (end, shown) = (end.display(), path.display());
        let message = match way.iter().rev().find(leads_out) {
            Some(link) => {
                format!("the link `{}` leads out of the project, to `{end}`", link.display())
            }
            None => format!("`{shown}` is outside of the project"),
        };
        Error::config(message).hint(
            "put a copy in its place, or allow what it leads to: `links = [\"../shared\"]` in `[project]` of bb.toml",
        )
    }
}

/// Never waits for a writer, and takes no terminal.
const READ: OFlags =
    OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// Whether the way has to be looked at closer; of the rest, the system has said what is wrong.
fn is_about_links(cause: Errno) -> bool {
    matches!(cause, Errno::XDEV | Errno::LOOP | Errno::NOSYS | Errno::PERM | Errno::AGAIN)
}

fn steps(path: &Path) -> impl DoubleEndedIterator<Item = OsString> {
    path.components().map(|step| step.as_os_str().to_owned())
}

/// The path as its words have it.
fn without_dots(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut done, step| {
        match step {
            Component::ParentDir => drop(done.pop()),
            Component::CurDir => {}
            step => done.push(step),
        }
        done
    })
}

fn wrong(path: &Path, what: &str) -> Error {
    Error::config(format!("`{}` {what}", path.display()))
}

fn no_file(path: &Path, meta: &Metadata) -> Refused {
    if meta.is_dir() {
        return Refused::Io(Errno::ISDIR.into());
    }
    Refused::Never(not_a_file(path, meta.file_type()))
}

/// What something that is neither file nor folder is told as, where a file belongs.
pub fn not_a_file(path: &Path, of: FileType) -> Error {
    wrong(path, &format!("is {}, not a file", kind(of))).hint("put a file in its place")
}

fn kind(kind: FileType) -> &'static str {
    match kind {
        kind if kind.is_fifo() => "a pipe",
        kind if kind.is_char_device() || kind.is_block_device() => "a device",
        kind if kind.is_socket() => "a socket",
        _ => "something else",
    }
}

/// Opens a regular file wherever it is: results of steps, and what the user names. Never waits.
///
/// # Errors
/// It is none, or cannot be opened.
pub fn regular(path: &Path) -> io::Result<File> {
    checked(openat(CWD, path, READ, Mode::empty())?.into())
}

/// The same of a path that is no link itself: one that was a file when it was looked at may be one by now.
///
/// # Errors
/// As [`regular`].
pub fn unlinked(path: &Path) -> io::Result<File> {
    checked(openat(CWD, path, READ | OFlags::NOFOLLOW, Mode::empty())?.into())
}

fn checked(file: File) -> io::Result<File> {
    let meta = file.metadata()?;
    match (meta.is_file(), meta.is_dir()) {
        (true, _) => Ok(file),
        (_, true) => Err(Errno::ISDIR.into()),
        _ => Err(io::Error::other(format!("it is {}, not a file", kind(meta.file_type())))),
    }
}

/// `cannot read `PATH`: REASON`, for what people have written.
pub fn unreadable(path: &Path, cause: &io::Error) -> Error {
    Error::config(format!("cannot read `{}`: {}", path.display(), io_reason(cause)))
}

#[cfg(test)]
mod tests;
