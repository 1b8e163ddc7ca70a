//! What `bb` and the process that it has started for a box say to each other: one message at a time over a
//! socket pair, with open files where they belong to it. The end of the socket is the end of the other side.
//!
//! Only `bb` and itself speak it: no version, nothing is kept.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::spec::{Bounds, BoxId, BoxSpec, Command, Ended, LayerId, Mount, Network, Process};
use crate::base::error::{Error, Exit, NO_ROOM, io_reason};
use crate::engine::TerminalSize;

/// What `bb` asks of a process that it has just started.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Job {
    /// Become a box.
    Box(BoxJob),
    /// Run a command in a box. With it come the box's first process and, unless it has a terminal, three streams.
    Exec(Exec),
    /// Take who calls at a listening socket to a port of a box, whose first process comes first.
    Forward(u16),
    /// Tell who is in a box, whose first process comes with it.
    Processes,
    /// Do something with files in a box: as it sees them. Its first process comes with it, then the archive.
    Inside(Files),
    /// Do something with files of the store as root of boxes. The archive comes with it.
    Store(Files),
    /// Give folders of the store to root of boxes.
    Give(Vec<String>),
    /// Run a command without a box, with this folder as its root. Three streams come with it; what it leaves running
    /// ends with it.
    Guest(Exec, PathBuf),
    /// Do something with files without a box, with this folder as root. The archive comes with it.
    GuestFiles(Files, PathBuf),
}

impl Job {
    /// Whether it makes a terminal.
    pub(super) fn has_terminal(&self) -> bool {
        matches!(self, Self::Exec(exec) if exec.terminal.is_some())
    }
}

/// A command and the box that it is for.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Exec {
    pub(super) command: Command,
    /// It has a terminal of the box's; this side of it comes back with the word that it runs.
    pub(super) terminal: Option<TerminalSize>,
    pub(super) bounds: Bounds,
    pub(super) no_new_privileges: bool,
    pub(super) network: Network,
}

/// A box as its first processes must know it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct BoxJob {
    pub(super) id: BoxId,
    /// The lowest one first.
    pub(super) layers: Vec<LayerId>,
    pub(super) mounts: Vec<Mount>,
    pub(super) network: Network,
    pub(super) hostname: String,
}

impl BoxJob {
    pub(super) fn of(id: &BoxId, spec: &BoxSpec) -> Self {
        Self {
            id: id.clone(),
            layers: spec.layers.clone(),
            mounts: spec.mounts.clone(),
            network: spec.network.clone(),
            hostname: spec.hostname.clone(),
        }
    }
}

/// Work with files.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Files {
    /// Unpacks an archive into a folder.
    Unpack { into: String, limits: Vec<(String, u64)> },
    /// Unpacks a layer of an image beside its place.
    Layer { into: String, limits: Vec<(String, u64)> },
    /// Moves what was unpacked beside its place there: whoever has sent it says that it was all.
    Whole { path: String },
    /// Packs a file or folder, but nothing that is in these folders of it. `named`: below its own name.
    Pack { from: String, without: Vec<String>, named: bool },
    /// Packs what a box has changed, as a layer.
    Difference { id: BoxId },
    /// Lists what a box has changed.
    Changes { id: BoxId, layers: Vec<LayerId> },
    /// Says how much room each entry of a folder takes.
    Used { folder: String },
    /// Says what is at a path: `folder`, `other`, or nothing.
    Kind { path: String },
    /// Makes a folder, unless it is there.
    Folder { path: String },
    /// Removes a file or folder, if it is there.
    Remove { path: String },
}

/// What `bb` says later.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Order {
    /// The ids are mapped.
    Mapped,
    /// Send the command this signal.
    Signal(i32),
    /// End all processes, and kill what is left after so many milliseconds.
    Halt(u64),
}

/// What comes back.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Word {
    /// A new user namespace waits for its ids.
    MapMe,
    /// The first process of a box is there, and comes with this.
    First,
    /// The box stands on a copy of its layers.
    Copies,
    /// The box, or the command in it, runs.
    Runs,
    /// The command has ended.
    Ended(Ended),
    /// All is done. What could not be made as it was.
    Done(Vec<String>),
    /// Who is in the box.
    Processes(Vec<Process>),
    /// It did not work.
    Failed(Failure),
}

/// Why something did not work, as it crosses the wire.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Failure {
    pub(super) message: String,
    pub(super) hint: Option<String>,
    /// What was asked for was wrong, and not the engine.
    pub(super) of_step: bool,
}

impl Failure {
    /// The engine cannot do it.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, of_step: false }
    }

    /// It cannot be done here.
    pub(super) fn of_step(message: impl Into<String>) -> Self {
        Self { of_step: true, ..Self::new(message) }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// As an error of ours.
    pub(super) fn error(self) -> Error {
        let exit = if self.of_step { Exit::Step } else { Exit::Engine };
        let error = Error::new(exit, self.message);
        self.hint.into_iter().fold(error, Error::hint)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let hint = error.hint_text().map(str::to_owned);
        Self { message: error.message().to_owned(), hint, of_step: error.exit() == Exit::Step }
    }
}

/// A failed call: `cannot WHAT: REASON`.
pub(super) fn cannot<E: Into<io::Error>>(
    what: impl std::fmt::Display,
) -> impl FnOnce(E) -> Failure {
    move |cause| Failure::new(format!("cannot {what}: {}", io_reason(&cause.into())))
}

/// The same of one that writes: other calls say "no space" of numbers that they run out of.
pub(super) fn cannot_write<E: Into<io::Error>>(
    what: impl std::fmt::Display,
) -> impl FnOnce(E) -> Failure {
    move |cause| {
        let cause = cause.into();
        let failure = Failure::new(format!("cannot {what}: {}", io_reason(&cause)));
        match cause.kind() {
            io::ErrorKind::StorageFull => Failure { of_step: true, ..failure.hint(NO_ROOM) },
            _ => failure,
        }
    }
}

/// One message has at most so many bytes. Linux' own limit for a socket is lower, and is told by name.
const LONGEST: usize = 1 << 20;
/// One message has at most so many open files.
const FILES: usize = 4;

/// One end.
#[derive(Debug)]
pub(super) struct Wire(OwnedFd);

impl Wire {
    /// Both ends.
    pub(super) fn pair() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Self(ours), theirs))
    }

    /// The end that a process was started with as its standard input.
    pub(super) fn inherited() -> io::Result<Self> {
        Ok(Self(rustix::io::fcntl_dupfd_cloexec(std::io::stdin(), 3)?))
    }

    /// The same end for a child.
    pub(super) fn another(&self) -> io::Result<OwnedFd> {
        self.0.try_clone()
    }

    /// Says something.
    pub(super) fn send(
        &self,
        message: &impl Serialize,
        files: &[BorrowedFd<'_>],
    ) -> io::Result<()> {
        let text = serde_json::to_vec(message).map_err(io::Error::other)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !files.is_empty() && !control.push(SendAncillaryMessage::ScmRights(files)) {
            return Err(io::Error::other("too many open files in one message"));
        }
        sendmsg(&self.0, &[IoSlice::new(&text)], &mut control, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// The next message, if there is one more.
    pub(super) fn receive<T: DeserializeOwned>(&self) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
        let mut text = vec![0; LONGEST];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let buffers = &mut [IoSliceMut::new(&mut text)];
        let got = match recvmsg(&self.0, buffers, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Ok(got) if got.bytes > 0 => got,
            Ok(_) | Err(rustix::io::Errno::CONNRESET) => return Ok(None),
            Err(cause) => return Err(cause.into()),
        };
        let files = control.drain().filter_map(|part| match part {
            RecvAncillaryMessage::ScmRights(files) => Some(files),
            _ => None,
        });
        let files = files.flatten().collect();
        let message = text.get(..got.bytes).unwrap_or_default();
        let message = serde_json::from_slice(message).map_err(io::Error::other)?;
        Ok(Some((message, files)))
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
