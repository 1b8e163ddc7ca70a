//! Processes in containers that somebody talks to: their streams, their terminal, their end.
//!
//! Does not know whether there is a terminal on this side.

use std::collections::HashMap;
use std::pin::Pin;

use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, ResizeExecOptions, StartExecOptions, StartExecResults};
use bollard::models::{ContainerCreateBody, HostConfig, PortBinding};
use bollard::query_parameters as query;
use futures_util::{Stream, StreamExt};
use tokio::io::AsyncWrite;

use super::{Docker, failed, named, status};
use crate::base::error::{Error, Result};
use crate::engine::{Piece, Port, Process, RunSpec, Session};

impl Docker {
    /// Runs a command in a container and talks to it.
    ///
    /// # Errors
    /// The container does not run, or the engine cannot run the command.
    pub async fn talk_in(
        &self,
        container: &str,
        command: &[&str],
        env: &[String],
        tty: bool,
    ) -> Result<Session> {
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
        let exec = self.docker.create_exec(container, config).await.map_err(&what)?;
        let options = StartExecOptions { tty, ..Default::default() };
        match self.docker.start_exec(&exec.id, Some(options)).await.map_err(&what)? {
            StartExecResults::Attached { output, input } => {
                Ok(session(Process::Exec(exec.id), output, input))
            }
            StartExecResults::Detached => Err(Error::bug("a command runs without its streams")),
        }
    }

    /// Makes a container, of which nothing runs yet. Returns its id.
    ///
    /// # Errors
    /// The engine has no such image, or cannot make the container.
    pub async fn create(&self, spec: &RunSpec) -> Result<String> {
        let created = self.docker.create_container(Some(named(&spec.owner)), run_body(spec)).await;
        Ok(created.map_err(failed("create a container"))?.id)
    }

    /// Starts a container that was made, and talks to it from the first byte on.
    ///
    /// # Errors
    /// The engine cannot attach to it, or cannot start it.
    pub async fn talk_to(&self, container: &str) -> Result<Session> {
        let options = query::AttachContainerOptionsBuilder::default();
        let options = options.stream(true).stdin(true).stdout(true).stderr(true).build();
        let attached = self.docker.attach_container(container, Some(options)).await;
        let attached = attached.map_err(failed("talk to a container"))?;
        self.start_again(container).await?;
        let process = Process::Container(container.to_owned());
        Ok(session(process, attached.output, attached.input))
    }

    /// Starts a container that is there and does not run.
    ///
    /// # Errors
    /// The engine has no such container, or cannot start it.
    pub async fn start_again(&self, container: &str) -> Result<()> {
        let options = None::<query::StartContainerOptions>;
        let started = self.docker.start_container(container, options).await;
        started.map_err(failed("start a container"))
    }

    /// Asks a container to end, and kills it after some seconds; no error if it does not run.
    ///
    /// # Errors
    /// The engine cannot stop it.
    pub async fn stop(&self, container: &str, seconds: i32) -> Result<()> {
        let options = query::StopContainerOptionsBuilder::default().t(seconds).build();
        match self.docker.stop_container(container, Some(options)).await {
            Err(cause) if !matches!(status(&cause), Some(304 | 404)) => {
                Err(failed("stop a container")(cause))
            }
            _ => Ok(()),
        }
    }

    /// Whether a container is there. It does not run any more, but is as it was.
    ///
    /// # Errors
    /// The engine cannot kill it although it is there and runs.
    pub async fn halt(&self, container: &str) -> Result<bool> {
        let options = query::KillContainerOptionsBuilder::default().signal("SIGKILL").build();
        match self.docker.kill_container(container, Some(options)).await {
            Err(cause) if status(&cause) == Some(404) => Ok(false),
            // 409: it does not run.
            Err(cause) if status(&cause) != Some(409) => Err(failed("stop a container")(cause)),
            _ => Ok(true),
        }
    }

    /// Tells a process the size of its terminal.
    ///
    /// # Errors
    /// The process has ended, or the engine cannot do it.
    pub async fn resize(&self, process: &Process, width: u16, height: u16) -> Result<()> {
        let resized = match process {
            Process::Exec(id) => {
                self.docker.resize_exec(id, ResizeExecOptions { height, width }).await
            }
            Process::Container(id) => {
                let options = query::ResizeContainerTTYOptionsBuilder::default();
                let options = options.h(i32::from(height)).w(i32::from(width)).build();
                self.docker.resize_container_tty(id, options).await
            }
        };
        resized.map_err(failed("resize a terminal"))
    }

    /// The exit status of a process whose output has ended.
    ///
    /// # Errors
    /// The container was stopped before the process ended, or the engine does not say.
    pub async fn exit_status(&self, process: &Process) -> Result<i64> {
        let what = failed("tell how a command ended");
        let gone = || Error::step("the container was stopped from outside");
        match process {
            Process::Exec(id) => {
                let state = self.docker.inspect_exec(id).await.map_err(&what)?;
                state.exit_code.ok_or_else(gone)
            }
            Process::Container(id) => {
                let options = None::<query::WaitContainerOptions>;
                match self.docker.wait_container(id, options).next().await {
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

fn run_body(spec: &RunSpec) -> ContainerCreateBody {
    let binding = |port: &Port| PortBinding {
        host_ip: Some(port.address.clone()),
        host_port: Some(port.outside.clone()),
    };
    let mut bindings = HashMap::<String, Option<Vec<PortBinding>>>::new();
    for port in &spec.ports {
        let of_port = bindings.entry(port.inside.clone()).or_default();
        of_port.get_or_insert_default().push(binding(port));
    }
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        cmd: Some(spec.command.clone()).filter(|command| !command.is_empty()),
        env: Some(spec.env.clone()),
        labels: Some(spec.labels.clone().into_iter().collect()),
        exposed_ports: Some(spec.ports.iter().map(|port| port.inside.clone()).collect()),
        tty: Some(spec.tty),
        open_stdin: Some(true),
        stdin_once: Some(true),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        host_config: Some(HostConfig { port_bindings: Some(bindings), ..Default::default() }),
        ..Default::default()
    }
}
