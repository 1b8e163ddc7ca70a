//! This side of a conversation with a process in a container: the terminal, or whatever standard input
//! and output are.
//!
//! Does not know what the process is.

use std::io;
use std::io::{IsTerminal, Read, Write};

use futures_util::StreamExt;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{Receiver, channel};

use crate::base::error::{Error, Result, io_reason};
use crate::engine::Engine;
use crate::engine::{Piece, Process, Session, TerminalSize};

/// How much is read at once.
const CHUNK: usize = 16 * 1024;

/// Whether somebody sits at it: both standard input and output are terminals.
pub(in crate::cli) fn is_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// The size of this terminal, if somebody sits at it.
pub(in crate::cli) fn size() -> Option<TerminalSize> {
    is_terminal().then(|| shown().unwrap_or_default())
}

/// The size of what is shown on, if that is a terminal that knows it.
fn shown() -> Option<TerminalSize> {
    let size = tcgetwinsize(io::stdout()).ok()?;
    Some(TerminalSize { width: size.ws_col, height: size.ws_row })
}

/// How wide what is printed may be: as it likes, unless a terminal shows it.
pub(in crate::cli) fn width() -> Option<usize> {
    let size = io::stdout().is_terminal().then(shown).flatten()?;
    Some(usize::from(size.width)).filter(|width| *width > 0)
}

/// The variables that a process with a terminal needs from this side.
pub(in crate::cli) fn environment(tty: bool) -> Vec<String> {
    let term = std::env::var("TERM").ok().filter(|_| tty);
    term.map(|term| format!("TERM={term}")).into_iter().collect()
}

/// Hands on standard input and output until the process ends; returns its exit status.
///
/// # Errors
/// The engine goes away, or nobody takes what the process says.
pub(in crate::cli) async fn talk(engine: &dyn Engine, session: Session, tty: bool) -> Result<i64> {
    let Session { process, mut output, input } = session;
    let raw = if tty { Raw::enter() } else { None };
    let mut resized = signal(SignalKind::window_change())
        .map_err(|e| Error::bug(format!("cannot follow the terminal's size: {e}")))?;
    let feeding = tokio::spawn(feed(input, read_input()));
    fit(engine, &process, tty).await;
    let mut first = true;
    loop {
        tokio::select! {
            piece = output.next() => match piece {
                Some(piece) => write(&piece?)?,
                None => break,
            },
            _ = resized.recv() => fit(engine, &process, tty).await,
        }
        if std::mem::take(&mut first) {
            // Asked before it had begun, the engine may not have listened.
            fit(engine, &process, tty).await;
        }
    }
    feeding.abort();
    drop(raw);
    engine.exit_status(&process).await
}

/// Gives the process's terminal the size of this one.
async fn fit(engine: &dyn Engine, process: &Process, tty: bool) {
    if let (true, Some(size)) = (tty, shown()) {
        // A process that has just ended has no terminal; its end is told by its output.
        let _ = engine.resize(process, size).await;
    }
}

fn write(piece: &Piece) -> Result<()> {
    let written = match piece {
        Piece::Out(bytes) => io::stdout().write_all(bytes).and_then(|()| io::stdout().flush()),
        Piece::Err(bytes) => io::stderr().write_all(bytes),
    };
    written.map_err(|e| Error::step(format!("cannot hand on the output: {}", io_reason(&e))))
}

/// Standard input, piece by piece. A thread of its own reads it: it may wait for ever, and nobody waits
/// for the thread.
fn read_input() -> Receiver<Vec<u8>> {
    let (send, receive) = channel(4);
    std::thread::spawn(move || {
        let mut buffer = vec![0; CHUNK];
        while let Ok(read @ 1..) = io::stdin().read(&mut buffer) {
            let piece = buffer.get(..read).unwrap_or_default().to_vec();
            if send.blocking_send(piece).is_err() {
                return;
            }
        }
    });
    receive
}

async fn feed(mut input: impl AsyncWrite + Unpin, mut pieces: Receiver<Vec<u8>>) {
    while let Some(piece) = pieces.recv().await {
        // A process that does not read any more tells by its end how it went.
        if input.write_all(&piece).await.is_err() || input.flush().await.is_err() {
            return;
        }
    }
    let _ = input.shutdown().await;
}

/// A terminal that hands on each key as it is; put back when dropped.
struct Raw {
    before: Termios,
}

impl Raw {
    fn enter() -> Option<Self> {
        let before = tcgetattr(io::stdin()).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw).ok()?;
        Some(Self { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that is gone needs no care.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// A process's exit status as this one's.
pub(in crate::cli) fn exit_code(status: i64) -> u8 {
    u8::try_from(status).unwrap_or(1)
}
