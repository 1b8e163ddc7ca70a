//! A command in a box, seen from outside: its streams, its end.

use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, fchmod};

use super::failed;
use super::helper::{Helper, unexpected};
use super::spec::Ended;
use super::store::Store;
use super::wire::{Job, Order, Word};
use crate::base::error::{Error, Result};

/// A command that runs. If this is dropped, the command is killed.
#[derive(Debug)]
pub struct Talk {
    /// Its standard input: dropped, it is at its end.
    pub input: Option<PipeWriter>,
    /// Its standard output.
    pub output: PipeReader,
    /// Its standard error.
    pub errors: PipeReader,
    running: Running,
}

/// A command that runs on a terminal of its box. If this is dropped, the command is killed.
#[derive(Debug)]
pub struct TerminalTalk {
    /// This side of the terminal.
    pub terminal: File,
    running: Running,
}

/// A command whose streams are somebody else's.
#[derive(Debug)]
pub(super) struct Running(Helper);

/// Starts a job's command in the box of this first process.
pub(super) fn begin(store: &Store, job: &Job, first: &OwnedFd) -> Result<Talk> {
    let ((input, ours), (output, out), (errors, err)) = (pipe()?, pipe()?, pipe()?);
    let streams = [first.as_fd(), input.as_fd(), out.as_fd(), err.as_fd()];
    let helper = store.helper(job, &streams)?;
    match helper.hear()?.0 {
        Word::Runs => Ok(Talk { input: Some(ours), output, errors, running: Running(helper) }),
        other => Err(unexpected(&other)),
    }
}

/// A pipe that whoever runs in a box may open again, as `/dev/stderr`: services that write their own logs do. It is
/// owned by nobody whom the box knows, and only who has it finds it.
fn pipe() -> Result<(PipeReader, PipeWriter)> {
    let cannot = |cause: std::io::Error| failed("make a pipe", &cause);
    let (reader, writer) = std::io::pipe().map_err(cannot)?;
    fchmod(&reader, Mode::from_raw_mode(0o666)).map_err(|cause| cannot(cause.into()))?;
    Ok((reader, writer))
}

/// The same on a terminal.
pub(super) fn begin_on_terminal(store: &Store, job: &Job, first: &OwnedFd) -> Result<TerminalTalk> {
    let helper = store.helper(job, &[first.as_fd()])?;
    let (word, mut files) = helper.hear()?;
    match (word, files.pop()) {
        (Word::Runs, Some(terminal)) => {
            Ok(TerminalTalk { terminal: terminal.into(), running: Running(helper) })
        }
        (other, _) => Err(unexpected(&other)),
    }
}

impl Running {
    /// Waits for the command's end.
    pub(super) fn wait(self) -> Result<Ended> {
        match self.0.hear()?.0 {
            Word::Ended(ended) => Ok(ended),
            other => Err(unexpected(&other)),
        }
    }
}

impl TerminalTalk {
    /// This side of its terminal, and what is waited for.
    pub(super) fn parts(self) -> (File, Running) {
        (self.terminal, self.running)
    }
}

impl Talk {
    /// Sends it a signal, if it still runs.
    ///
    /// # Errors
    /// Its process cannot be reached.
    pub fn signal(&self, number: i32) -> Result<()> {
        self.running.0.say(&Order::Signal(number))
    }

    /// Waits for its end. Whoever does not read its output before may wait for ever.
    ///
    /// # Errors
    /// The box has ended before.
    pub fn wait(self) -> Result<Ended> {
        self.running.wait()
    }

    /// Its input, output and errors, and what is waited for.
    pub(super) fn parts(self) -> (Option<PipeWriter>, PipeReader, PipeReader, Running) {
        (self.input, self.output, self.errors, self.running)
    }

    /// Ends its input, reads all that it says, and waits for its end.
    ///
    /// # Errors
    /// The box has ended before, or its output cannot be read.
    pub fn all(mut self) -> Result<(Ended, Vec<u8>, Vec<u8>)> {
        self.input = None;
        let (mut output, mut errors) = (vec![], vec![]);
        let (out, err) = (&mut self.output, &mut self.errors);
        // Both at once: a full pipe of one would keep the command from the other.
        let read = std::thread::scope(|scope| {
            let reading = scope.spawn(|| err.read_to_end(&mut errors));
            let read = out.read_to_end(&mut output);
            reading.join().map(|other| read.and(other))
        });
        let read = read.map_err(|_| Error::bug("a reading thread ended"))?;
        read.map_err(|cause| failed("read what a command says", &cause))?;
        Ok((self.wait()?, output, errors))
    }
}
