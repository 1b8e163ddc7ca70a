//! Processes in boxes that somebody talks to.
//!
//! Does not know whether there is a terminal on this side.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;
use rustix::termios::Winsize;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWrite;

use crate::base::error::Result;

/// Takes the output of a build or of a command, piece by piece.
pub type Sink<'a> = &'a mut (dyn FnMut(&[u8]) + Send);

/// What a process writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// To its standard output, or to its terminal.
    Out(Bytes),
    /// To its standard error.
    Err(Bytes),
}

/// Columns and rows of a terminal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// Columns; 0 where nobody knows.
    pub width: u16,
    /// Rows; 0 where nobody knows.
    pub height: u16,
}

impl From<TerminalSize> for Winsize {
    fn from(TerminalSize { width, height }: TerminalSize) -> Self {
        Self { ws_row: height, ws_col: width, ws_xpixel: 0, ws_ypixel: 0 }
    }
}

/// A process that is talked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Process {
    /// One more in a container that waits.
    Exec(String),
    /// A container's own.
    Container(String),
}

/// Both directions of a process's streams.
pub struct Session {
    /// Whose they are.
    pub process: Process,
    /// Ends with the process.
    pub output: Pin<Box<dyn Stream<Item = Result<Piece>> + Send>>,
    /// Its standard input: shut down, it is at its end.
    pub input: Pin<Box<dyn AsyncWrite + Send>>,
}
