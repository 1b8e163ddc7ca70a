//! Talking to processes in the containers of Docker and Podman.
//!
//! Does not know whether there is a terminal on this side.

use std::pin::Pin;

use async_trait::async_trait;
use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, ResizeExecOptions, StartExecOptions, StartExecResults};
use bollard::query_parameters as query;
use futures_util::{Stream, StreamExt};
use tokio::io::AsyncWrite;

use super::{Docker, failed};
use crate::base::error::{Error, Result};
use crate::engine::{Boxes, Piece, Process, Session, Talks, TerminalSize};

#[async_trait]
impl Talks for Docker {
    async fn talk_in(
        &self,
        container: &str,
        command: &[&str],
        env: &[String],
        tty: Option<TerminalSize>,
    ) -> Result<Session> {
        let tty = tty.is_some();
        let config = CreateExecOptions {
            cmd: Some(command.iter().map(|&word| word.to_owned()).collect()),
            env: Some(env.to_vec()),
            tty: Some(tty),
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            ..Default::default()
        };
        let what = failed("run a command in a container");
        let exec = self.client.create_exec(container, config).await.map_err(&what)?;
        let options = StartExecOptions { tty, ..Default::default() };
        match self.client.start_exec(&exec.id, Some(options)).await.map_err(&what)? {
            StartExecResults::Attached { output, input } => {
                Ok(session(Process::Exec(exec.id), output, input))
            }
            StartExecResults::Detached => Err(Error::bug("a command runs without its streams")),
        }
    }

    async fn talk_to(&self, container: &str) -> Result<Session> {
        let options = query::AttachContainerOptionsBuilder::default();
        let options = options.stream(true).stdin(true).stdout(true).stderr(true).build();
        let attached = self.client.attach_container(container, Some(options)).await;
        let attached = attached.map_err(failed("talk to a container"))?;
        self.start_again(container).await?;
        let process = Process::Container(container.to_owned());
        Ok(session(process, attached.output, attached.input))
    }

    async fn resize(&self, process: &Process, size: TerminalSize) -> Result<()> {
        let TerminalSize { width, height } = size;
        let resized = match process {
            Process::Exec(id) => {
                self.client.resize_exec(id, ResizeExecOptions { height, width }).await
            }
            Process::Container(id) => {
                let options = query::ResizeContainerTTYOptionsBuilder::default();
                let options = options.h(i32::from(height)).w(i32::from(width)).build();
                self.client.resize_container_tty(id, options).await
            }
        };
        resized.map_err(failed("resize a terminal"))
    }

    async fn exit_status(&self, process: &Process) -> Result<i64> {
        let what = failed("tell how a command ended");
        let gone = || Error::step("the container was stopped from outside");
        match process {
            Process::Exec(id) => {
                let state = self.client.inspect_exec(id).await.map_err(&what)?;
                state.exit_code.ok_or_else(gone)
            }
            Process::Container(id) => {
                let options = None::<query::WaitContainerOptions>;
                match self.client.wait_container(id, options).next().await {
                    Some(Ok(answer)) => Ok(answer.status_code),
                    Some(Err(bollard::errors::Error::DockerContainerWaitError {
                        code, ..
                    })) => Ok(code),
                    Some(Err(cause)) => Err(what(cause)),
                    None => Err(gone()),
                }
            }
        }
    }
}

fn session(
    process: Process,
    output: impl Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send + 'static,
    input: Pin<Box<dyn AsyncWrite + Send>>,
) -> Session {
    let piece = |piece: Result<LogOutput, _>| match piece {
        Ok(LogOutput::StdErr { message }) => Ok(Piece::Err(message)),
        Ok(other) => Ok(Piece::Out(other.into_bytes())),
        Err(cause) => Err(failed("hand on what a command says")(cause)),
    };
    Session { process, output: Box::pin(output.map(piece)), input }
}
