//! How somebody talks to what runs in a box of the native engine: over pipes, or on a terminal of the box.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;
use rustix::termios::tcsetwinsize;
use tokio::sync::mpsc::{Sender, channel};
use tokio::sync::watch;

use super::boxes::{KILLED, PIECE};
use super::{NativeEngine, Own, locked};
use crate::base::error::{Error, Result};
use crate::engine::native::failed;
use crate::engine::native::spec::{BoxId, Command};
use crate::engine::native::talk::Running;
use crate::engine::{Piece, Process, Session, Talks, TerminalSize};

/// Counts the commands that this process talks to.
static BEGUN: AtomicUsize = AtomicUsize::new(0);

/// A process that somebody talks to.
#[derive(Debug)]
pub(super) struct Spoken {
    /// This side of its terminal.
    terminal: Option<File>,
    /// How it has ended, if it has.
    ended: watch::Receiver<Option<Result<i64>>>,
}

#[async_trait]
impl Talks for NativeEngine {
    async fn talk_in(
        &self,
        container: &str,
        command: &[&str],
        env: &[String],
        tty: Option<TerminalSize>,
    ) -> Result<Session> {
        let id = BoxId::new(container)?;
        let (words, env) = (command.iter().map(|&word| word.to_owned()).collect(), env.to_vec());
        let own = self.own.clone();
        self.run(move |_| {
            let command = own.command(&id, words, &env)?;
            let process = Process::Exec(BEGUN.fetch_add(1, Ordering::Relaxed).to_string());
            own.converse(&id, &command, tty, process)
        })
        .await
    }

    async fn talk_to(&self, container: &str) -> Result<Session> {
        let id = BoxId::new(container)?;
        let own = self.own.clone();
        self.run(move |_| own.run_made(&id)).await
    }

    async fn resize(&self, process: &Process, size: TerminalSize) -> Result<()> {
        let talks = locked(&self.own.talks);
        let terminal = talks.get(key(process)).and_then(|spoken| spoken.terminal.as_ref());
        let Some(terminal) = terminal else { return Err(no_process()) };
        tcsetwinsize(terminal, size.into())
            .map_err(|cause| failed("tell a terminal its size", &cause.into()))
    }

    async fn exit_status(&self, process: &Process) -> Result<i64> {
        let spoken = locked(&self.own.talks).remove(key(process)).ok_or_else(no_process)?;
        let mut ended = spoken.ended;
        let ended = ended.wait_for(Option::is_some).await.map_err(|_| no_process())?;
        ended.clone().unwrap_or(Ok(KILLED))
    }
}

fn no_process() -> Error {
    Error::engine("nobody talks to such a process")
}

fn key(process: &Process) -> &str {
    let (Process::Exec(key) | Process::Container(key)) = process;
    key
}

impl Own {
    /// Runs what a box was made for, and lets callers at its ports in.
    fn run_made(self: Arc<Self>, id: &BoxId) -> Result<Session> {
        let none = || Error::engine(format!("the box `{id}` was not made to be talked to"));
        let (words, terminal, ports) = {
            let mut all = locked(&self.made);
            let made = all.get_mut(id).ok_or_else(none)?;
            (made.words.clone(), made.terminal, std::mem::take(&mut made.ports))
        };
        self.native.resume(id)?;
        let forwards = ports.iter().map(|port| self.native.forward(id, &port.socket, port.inside));
        let forwards = forwards.collect::<Result<Vec<_>>>()?;
        if let Some(made) = locked(&self.made).get_mut(id) {
            made.forwards = forwards;
        }
        let command = self.command(id, words, &[])?;
        self.converse(id, &command, terminal, Process::Container(id.as_str().to_owned()))
    }

    /// Begins a command. With a box's own, the box ends.
    fn converse(
        self: Arc<Self>,
        id: &BoxId,
        command: &Command,
        tty: Option<TerminalSize>,
        process: Process,
    ) -> Result<Session> {
        let (said, pieces) = channel(4);
        let (input, terminal, running) = if let Some(size) = tty {
            let (terminal, running) = self.native.exec_on_terminal(id, command, size)?.parts();
            let copy = || terminal.try_clone().map_err(|e| failed("copy a terminal", &e));
            hear(copy()?, Piece::Out, said);
            (copy()?, Some(terminal), running)
        } else {
            let (input, output, errors, running) = self.native.exec(id, command)?.parts();
            let input = input.ok_or_else(|| Error::bug("a command without an input"))?;
            hear(output, Piece::Out, said.clone());
            hear(errors, Piece::Err, said);
            (File::from(OwnedFd::from(input)), None, running)
        };
        let ended = await_end(&self, id, running, matches!(process, Process::Container(_)));
        locked(&self.talks).insert(key(&process).to_owned(), Spoken { terminal, ended });
        let output = stream::unfold(pieces, |mut pieces| async move {
            let piece = pieces.recv().await?;
            Some((Ok(piece), pieces))
        });
        let input = Box::pin(tokio::fs::File::from_std(input));
        Ok(Session { process, output: Box::pin(output), input })
    }
}

/// Hands on what a stream says until its end. A terminal of which nobody has the other side cannot be read any more.
fn hear(mut stream: impl Read + Send + 'static, piece: fn(Bytes) -> Piece, to: Sender<Piece>) {
    std::thread::spawn(move || {
        let mut buffer = vec![0; PIECE];
        while let Ok(size @ 1..) = stream.read(&mut buffer) {
            let said = Bytes::copy_from_slice(buffer.get(..size).unwrap_or_default());
            if to.blocking_send(piece(said)).is_err() {
                return;
            }
        }
    });
}

/// Tells how a command ends, once it does. `is_main`: all that it has started ends with it.
fn await_end(
    own: &Arc<Own>,
    id: &BoxId,
    running: Running,
    is_main: bool,
) -> watch::Receiver<Option<Result<i64>>> {
    let (tell, ended) = watch::channel(None);
    let (weak, id) = (Arc::downgrade(own), id.clone());
    std::thread::spawn(move || {
        let status = running.wait().map(|ended| i64::from(ended.code()));
        // Halted, it ends with the box, which says no more.
        let status = if is_main { Ok(status.unwrap_or(KILLED)) } else { status };
        if let (true, Some(own)) = (is_main, weak.upgrade()) {
            let _ = own.native.halt(&id, Duration::ZERO);
        }
        tell.send_replace(Some(status));
    });
    ended
}
