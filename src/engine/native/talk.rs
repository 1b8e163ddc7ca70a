//! A command in a box, seen from outside: its streams, its end.

use std::io::{PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, OwnedFd};

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
    helper: Helper,
}

/// Starts a job's command in the box of this first process.
pub(super) fn begin(store: &Store, job: &Job, first: &OwnedFd) -> Result<Talk> {
    let pipe = || std::io::pipe().map_err(|cause| failed("make a pipe", &cause));
    let ((input, ours), (output, out), (errors, err)) = (pipe()?, pipe()?, pipe()?);
    let streams = [first.as_fd(), input.as_fd(), out.as_fd(), err.as_fd()];
    let helper = store.helper(job, &streams)?;
    match helper.hear()?.0 {
        Word::Runs => Ok(Talk { input: Some(ours), output, errors, helper }),
        other => Err(unexpected(&other)),
    }
}

impl Talk {
    /// Sends it a signal, if it still runs.
    ///
    /// # Errors
    /// Its process cannot be reached.
    pub fn signal(&self, number: i32) -> Result<()> {
        self.helper.say(&Order::Signal(number))
    }

    /// Waits for its end. Whoever does not read its output before may wait for ever.
    ///
    /// # Errors
    /// The box has ended before.
    pub fn wait(self) -> Result<Ended> {
        match self.helper.hear()?.0 {
            Word::Ended(ended) => Ok(ended),
            other => Err(unexpected(&other)),
        }
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
