//! A step's log: a file, the last lines for a failure's report, the newest line for progress.
//!
//! Does not know what writes into it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use crate::error::{Error, Result};
use crate::exec::event::Event;
use crate::ids::StepId;
use crate::world::store::Store;

/// Lines that a failure repeats.
const TAIL: usize = 15;
/// A progress line at most this often.
const PACE: Duration = Duration::from_millis(100);
/// A line is cut here for the tail; the file has it whole.
const WIDEST: usize = 400;

/// The log of one step, created when the first byte comes.
#[derive(Debug)]
pub struct Log {
    step: StepId,
    store: Store,
    events: UnboundedSender<Event>,
    file: Option<(File, PathBuf)>,
    failure: Option<Error>,
    tail: VecDeque<String>,
    line: Vec<u8>,
    shown: Option<Instant>,
}

impl Log {
    /// A log that nothing was written to.
    pub fn new(step: &StepId, store: &Store, events: UnboundedSender<Event>) -> Self {
        Self {
            step: step.clone(),
            store: store.clone(),
            events,
            file: None,
            failure: None,
            tail: VecDeque::new(),
            line: vec![],
            shown: None,
        }
    }

    /// Appends output. A failure to write is kept for [`Log::check`], so that a stream can be read on.
    pub fn write(&mut self, data: &[u8]) {
        if self.failure.is_none() && !data.is_empty() {
            self.failure = self.try_write(data).err();
        }
        for byte in data {
            match byte {
                b'\n' => self.end_line(),
                b'\r' => self.line.clear(),
                _ if self.line.len() < WIDEST => self.line.push(*byte),
                _ => {}
            }
        }
    }

    fn try_write(&mut self, data: &[u8]) -> Result<()> {
        if self.file.is_none() {
            self.file = Some(self.store.new_log(&self.step)?);
        }
        match &mut self.file {
            Some((file, path)) => file.write_all(data).map_err(|e| Error::file("write", path, &e)),
            None => Ok(()),
        }
    }

    fn end_line(&mut self) {
        let text = clean(&self.line);
        self.line.clear();
        if text.trim().is_empty() {
            return;
        }
        if self.shown.is_none_or(|at| at.elapsed() >= PACE) {
            self.shown = Some(Instant::now());
            let _ = self.events.send(Event::Line { step: self.step.clone(), text: text.clone() });
        }
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(text);
    }

    /// Bytes of a transfer.
    pub fn bytes(&self, done: u64, total: Option<u64>) {
        let _ = self.events.send(Event::Bytes { step: self.step.clone(), done, total });
    }

    /// The error that writing met, if any.
    pub fn check(&mut self) -> Result<()> {
        self.failure.take().map_or(Ok(()), Err)
    }

    /// An error with the last lines of the log.
    pub fn failed(&mut self, message: impl Into<String>) -> Error {
        if !self.line.is_empty() {
            self.end_line();
        }
        self.tail.iter().fold(Error::step(message), |e, line| e.detail(format!("  {line}")))
    }
}

/// Text without colours and control characters: it goes to somebody's terminal.
fn clean(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut clean = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\x1b' {
            skip_escape(&mut chars);
        } else if c == '\t' {
            clean.push(' ');
        } else if !c.is_control() {
            clean.push(c);
        }
    }
    clean
}

fn skip_escape(chars: &mut std::str::Chars<'_>) {
    if chars.next() == Some('[') {
        chars.find(|c| ('@'..='~').contains(c));
    }
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn colours_and_control_characters_go() {
        assert_eq!(clean(b"\x1b[32;01m * \x1b[39;49;00mERROR:\x07 x"), " * ERROR: x");
    }
}
