//! The boxes of Docker and Podman: containers.
//!
//! Does not know what for.

use std::collections::HashMap;

use async_trait::async_trait;
use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, StartExecResults};
use bollard::models::{ChangeType, ContainerCreateBody, HostConfig, Mount, MountType, PortBinding};
use bollard::query_parameters as query;
use futures_util::StreamExt;

use super::{Docker, failed, is_gone, reason, status, text_of, while_others_remove};
use crate::base::error::{Error, Result};
use crate::dock::checks::Process;
use crate::engine::{
    Bounds, Boxes, CacheMount, Change, ContainerSpec, FoundContainer, JOBSERVER, Network, Owner,
    Port, RunSpec, Sink,
};
use crate::image::archive::Body;

#[async_trait]
impl Boxes for Docker {
    async fn start_container(&self, spec: &ContainerSpec) -> Result<String> {
        let body = container_body(spec);
        let created = self.client.create_container(Some(named(&spec.owner)), body).await;
        let id = created.map_err(failed("create a container"))?.id;
        let options = None::<query::StartContainerOptions>;
        match self.client.start_container(&id, options).await {
            Ok(()) => Ok(id),
            Err(cause) => {
                self.remove_container(&id).await?;
                Err(failed("start a container")(cause))
            }
        }
    }

    async fn create(&self, spec: &RunSpec) -> Result<String> {
        let created = self.client.create_container(Some(named(&spec.owner)), run_body(spec)).await;
        Ok(created.map_err(failed("create a container"))?.id)
    }

    async fn start_again(&self, container: &str) -> Result<()> {
        let options = None::<query::StartContainerOptions>;
        let started = self.client.start_container(container, options).await;
        started.map_err(failed("start a container"))
    }

    async fn stop(&self, container: &str, seconds: i32) -> Result<()> {
        let options = query::StopContainerOptionsBuilder::default().t(seconds).build();
        match self.client.stop_container(container, Some(options)).await {
            Err(cause) if !matches!(status(&cause), Some(304 | 404)) => {
                Err(failed("stop a container")(cause))
            }
            _ => Ok(()),
        }
    }

    async fn halt(&self, container: &str) -> Result<bool> {
        let options = query::KillContainerOptionsBuilder::default().signal("SIGKILL").build();
        match self.client.kill_container(container, Some(options)).await {
            Err(cause) if status(&cause) == Some(404) => Ok(false),
            // 409: it does not run.
            Err(cause) if status(&cause) != Some(409) => Err(failed("stop a container")(cause)),
            _ => Ok(true),
        }
    }

    async fn remove_container(&self, id: &str) -> Result<()> {
        let options = query::RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        match self.client.remove_container(id, Some(options)).await {
            // 409: somebody else is removing it just now.
            Err(cause) if status(&cause) != Some(409) && !is_gone(&cause) => {
                Err(failed("remove a container")(cause))
            }
            _ => Ok(()),
        }
    }

    async fn containers_of(
        &self,
        owner: &Owner,
        labels: &[(&str, &str)],
    ) -> Result<Vec<FoundContainer>> {
        let listed = self.labelled(labels).await?.into_iter();
        let owned = |c: &bollard::models::ContainerSummary| {
            c.names.as_ref().is_some_and(|names| names.iter().any(|name| owner.has(name)))
        };
        Ok(listed.filter(owned).filter_map(found).collect())
    }

    async fn upload(&self, container: &str, path: &str, archive: Body) -> Result<()> {
        let options = query::UploadToContainerOptionsBuilder::default().path(path).build();
        let body = bollard::body_try_stream(archive);
        let sent = self.client.upload_to_container(container, Some(options), body).await;
        sent.map_err(failed("take files into a container"))
    }

    fn download(&self, container: &str, path: &str) -> Body {
        let options = query::DownloadFromContainerOptionsBuilder::default().path(path).build();
        let stream = self.client.download_from_container(container, Some(options));
        Box::pin(stream.map(|piece| piece.map_err(|e| std::io::Error::other(reason(&e)))))
    }

    async fn exec(&self, container: &str, command: &[&str], log: Sink<'_>) -> Result<i64> {
        let config = CreateExecOptions {
            cmd: Some(command.to_vec()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            ..Default::default()
        };
        let what = failed("run a command in a container");
        let exec = self.client.create_exec(container, config).await.map_err(&what)?;
        let started = self.client.start_exec(&exec.id, None).await.map_err(&what)?;
        if let StartExecResults::Attached { mut output, .. } = started {
            while let Some(piece) = output.next().await {
                log(&text_of(piece.map_err(&what)?));
            }
        }
        let state = self.client.inspect_exec(&exec.id).await.map_err(&what)?;
        state.exit_code.ok_or_else(|| Error::step("the container was stopped from outside"))
    }

    async fn ended_with(&self, container: &str) -> Result<Option<i64>> {
        let options = None::<query::InspectContainerOptions>;
        let found = self.client.inspect_container(container, options);
        let state = self.answer("look up a container", found).await?.state.unwrap_or_default();
        let runs = state.running.unwrap_or(false);
        Ok((!runs).then(|| state.exit_code.unwrap_or(0)))
    }

    async fn output(&self, container: &str, log: Sink<'_>) -> Result<()> {
        let options = query::LogsOptionsBuilder::default().stdout(true).stderr(true).build();
        let mut pieces = self.client.logs(container, Some(options));
        while let Some(piece) = pieces.next().await {
            let piece: LogOutput = piece.map_err(failed("read a container's output"))?;
            log(&text_of(piece));
        }
        Ok(())
    }

    async fn processes(&self, container: &str) -> Result<Vec<Process>> {
        // Docker calls the machine's ps and wants the numbers of the processes in it. Podman reads a list of
        // columns itself, and calls the container's ps, which may not be there, for all else.
        let columns = if self.is_podman().await? { "pid,user,comm" } else { "-eo pid,uid,comm" };
        let options = query::TopOptionsBuilder::default().ps_args(columns).build();
        let top = self.client.top_processes(container, Some(options)).await;
        let rows = top.map_err(failed("list a container's processes"))?.processes;
        let process = |row: Vec<String>| match <[String; 3]>::try_from(row) {
            Ok([_, user, name]) => Some(Process { user, name }),
            Err(_) => None,
        };
        Ok(rows.unwrap_or_default().into_iter().filter_map(process).collect())
    }

    async fn changes(&self, container: &str) -> Result<Vec<(String, Change)>> {
        let listed = self.client.container_changes(container).await;
        let listed = listed.map_err(failed("tell what changed in a container"))?;
        let change = |kind: ChangeType| match kind {
            ChangeType::_0 => Change::Modified,
            ChangeType::_1 => Change::Added,
            ChangeType::_2 => Change::Removed,
        };
        Ok(listed.unwrap_or_default().into_iter().map(|c| (c.path, change(c.kind))).collect())
    }

    async fn is_folder(&self, container: &str, path: &str) -> Result<bool> {
        let options = query::ContainerArchiveInfoOptionsBuilder::default().path(path).build();
        match self.client.get_container_archive_info(container, Some(options)).await {
            // Go's way of writing a mode: the highest bit is a folder's.
            Ok(stat) => Ok(stat.file_mode & (1 << 31) != 0),
            Err(cause) if status(&cause) == Some(404) => Ok(false),
            Err(cause) => Err(failed("look up a file of a container")(cause)),
        }
    }

    async fn memory(&self) -> Result<Option<u64>> {
        let info = self.client.info().await.map_err(failed("tell about itself"))?;
        Ok(info.mem_total.and_then(|bytes| u64::try_from(bytes).ok()).filter(|bytes| *bytes > 0))
    }

    async fn fill(&self, spec: &ContainerSpec, path: &str, archive: Body) -> Result<()> {
        // By its name whoever comes later finds it, if this process is killed just now.
        let created = self.client.create_container(Some(named(&spec.owner)), container_body(spec));
        let created = created.await;
        let idle = created.map_err(failed("create a container"))?.id;
        let filled = self.upload(&idle, path, archive).await;
        self.remove_container(&idle).await?;
        filled
    }

    async fn caches(&self, names: &[String]) -> Result<Vec<String>> {
        let listed = self.client.list_volumes(None::<query::ListVolumesOptions>).await;
        let listed = listed.map_err(failed("list its volumes"))?.volumes.unwrap_or_default();
        let found = listed.into_iter().map(|volume| volume.name);
        Ok(found.filter(|name| names.contains(name)).collect())
    }

    async fn caches_of(&self, owner: &Owner) -> Result<Vec<String>> {
        let listed = self.client.list_volumes(None::<query::ListVolumesOptions>).await;
        let listed = listed.map_err(failed("list its volumes"))?.volumes.unwrap_or_default();
        let found = listed.into_iter().map(|volume| volume.name);
        Ok(found.filter(|name| owner.has(name)).collect())
    }

    async fn remove_cache(&self, name: &str) -> Result<Option<String>> {
        match self.client.remove_volume(name, None::<query::RemoveVolumeOptions>).await {
            Ok(()) => Ok(None),
            Err(cause) if status(&cause) == Some(404) => Ok(None),
            Err(cause) if status(&cause) == Some(409) => Ok(Some(super::reason(&cause))),
            Err(cause) => Err(failed("remove a volume")(cause)),
        }
    }
}

impl Docker {
    /// The mounts of a box of one command. Docker 20.10 and Podman 4.3 mount whole volumes only; but they say where
    /// on their machine one is, and what is there can be mounted like any file.
    ///
    /// # Errors
    /// There is no such cache, or the engine does not answer.
    pub(super) async fn mounts(&self, caches: &[CacheMount]) -> Result<Vec<Mount>> {
        let mut mounts = vec![];
        for cache in caches {
            let whole = volume(cache);
            mounts.push(match cache.part.as_str() {
                "" => whole,
                part => {
                    let found = self.client.inspect_volume(&cache.name).await;
                    let at = found.map_err(failed("look up a volume"))?.mountpoint;
                    let source = Some(format!("{at}/{part}"));
                    Mount { source, typ: Some(MountType::BIND), ..whole }
                }
            });
        }
        Ok(mounts)
    }

    /// Anybody's containers that carry all the labels, be it only that their images do.
    ///
    /// # Errors
    /// The engine cannot list them, or not in time.
    pub async fn containers(&self, labels: &[(&str, &str)]) -> Result<Vec<FoundContainer>> {
        Ok(self.labelled(labels).await?.into_iter().filter_map(found).collect())
    }

    async fn labelled(
        &self,
        labels: &[(&str, &str)],
    ) -> Result<Vec<bollard::models::ContainerSummary>> {
        let wanted = labels.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>();
        let filters = HashMap::from([("label".to_owned(), wanted)]);
        let options = query::ListContainersOptionsBuilder::default().all(true).filters(&filters);
        let options = options.build();
        let list = || self.client.list_containers(Some(options.clone()));
        self.answer("list its containers", while_others_remove(list)).await
    }
}

fn found(c: bollard::models::ContainerSummary) -> Option<FoundContainer> {
    Some(FoundContainer { id: c.id?, labels: c.labels.unwrap_or_default().into_iter().collect() })
}

/// The options of a new container.
pub(super) fn named(owner: &Owner) -> query::CreateContainerOptions {
    query::CreateContainerOptionsBuilder::default().name(&owner.next_name()).build()
}

/// All of a cache.
fn volume(cache: &CacheMount) -> Mount {
    Mount {
        source: Some(cache.name.clone()),
        target: Some(cache.at.clone()),
        read_only: Some(!cache.writable),
        typ: Some(MountType::VOLUME),
        ..Default::default()
    }
}

/// The fifo itself, and not its folder. That nobody may write there is said of files: to a fifo, everybody may.
fn jobserver(spec: &ContainerSpec) -> Option<Mount> {
    Some(Mount {
        source: Some(spec.jobserver.as_ref()?.to_str()?.to_owned()),
        target: Some(JOBSERVER.to_owned()),
        read_only: Some(true),
        typ: Some(MountType::BIND),
        ..Default::default()
    })
}

fn container_body(spec: &ContainerSpec) -> ContainerCreateBody {
    let most = |bounds: &Bounds| i64::try_from(bounds.memory).ok().filter(|bytes| *bytes > 0);
    let memory = spec.bounds.as_ref().and_then(most);
    let network = match &spec.network {
        Network::None => Some("none".to_owned()),
        Network::Of(container) => Some(format!("container:{container}")),
        // The one that all get that ask for none.
        Network::Outside => None,
    };
    // PID 1 only waits: commands come in by exec, and killing it ends them all.
    let waits = || vec!["sleep".to_owned(), "infinity".to_owned()];
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        cmd: (!spec.as_its_image_says).then(waits),
        // A shell ends with its input.
        open_stdin: Some(spec.as_its_image_says),
        labels: Some(spec.labels.clone().into_iter().collect()),
        host_config: Some(HostConfig {
            network_mode: network,
            mounts: Some(spec.caches.iter().map(volume).chain(jobserver(spec)).collect()),
            pids_limit: spec.bounds.and_then(|bounds| i64::try_from(bounds.processes).ok()),
            memory,
            // What is in the swap counts as well.
            memory_swap: memory,
            security_opt: spec.bounds.map(|_| vec!["no-new-privileges".to_owned()]),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// A container of one command of its image, which reads nothing.
pub(super) fn command_body(
    spec: &ContainerSpec,
    env: &[String],
    mounts: Vec<Mount>,
) -> ContainerCreateBody {
    let body = container_body(spec);
    let body = ContainerCreateBody {
        host_config: body.host_config.map(|host| HostConfig { mounts: Some(mounts), ..host }),
        ..body
    };
    ContainerCreateBody {
        cmd: None,
        env: Some(env.to_vec()),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        // What a daemon runs first where it is set so would be a file of the image.
        host_config: body.host_config.map(|host| HostConfig { init: Some(false), ..host }),
        ..body
    }
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
        tty: Some(spec.tty.is_some()),
        open_stdin: Some(true),
        stdin_once: Some(true),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        host_config: Some(HostConfig {
            port_bindings: Some(bindings),
            // Docker knows it from 23.0 on; whoever does not is told when it runs.
            console_size: spec.tty.map(|size| vec![size.height.into(), size.width.into()]),
            ..Default::default()
        }),
        ..Default::default()
    }
}
