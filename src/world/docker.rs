//! The container engine over its socket: images, volumes, containers. With what is below it, the only
//! place that names the client crate.
//!
//! Streams everything over the API: the engine may be on another machine. Does not know steps.

mod about;
mod session;

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, StartExecResults};
use bollard::models::{ContainerCreateBody, HostConfig, Mount, MountType};
use bollard::query_parameters as query;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};

pub use session::{Piece, Port, Process, RunSpec, Session};

use crate::error::{Error, Result, lower_first};

mod inventory;

pub use inventory::{FoundImage, Inventory};

pub mod members;
pub mod push;
mod running;

/// Bytes on their way to or from the engine.
pub type Body = Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>;

/// Takes the output of a build or of a command, piece by piece.
pub type Sink<'a> = &'a mut (dyn FnMut(&[u8]) + Send);

/// A first answer may take this long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A request with all that it makes the engine do may take this long (seconds).
const WORK_TIMEOUT: u64 = 4 * 60 * 60;
/// The label that says what an image was made of, where that alone decides what it is: projects
/// share such images.
const CONTENT_LABEL: &str = "bb.content";

/// One engine that answers.
#[derive(Debug, Clone)]
pub struct Engine {
    docker: bollard::Docker,
    address: String,
}

/// An image to be built.
#[derive(Debug, Clone, Copy)]
pub struct Build<'a> {
    /// What it is called.
    pub references: &'a [String],
    /// What it is, where that decides.
    pub content: Option<&'a str>,
    /// By name.
    pub labels: &'a BTreeMap<String, String>,
    /// Without the engine's cache.
    pub anew: bool,
}

/// A container to work in.
#[derive(Debug, Clone, Default)]
pub struct ContainerSpec {
    /// What it runs on.
    pub image: String,
    /// Whose it is: read back by [`Engine::containers`].
    pub labels: BTreeMap<String, String>,
    /// Volume name → path in the container; `true`: read-only.
    pub volumes: Vec<(String, String, bool)>,
    /// Runs what its image says, and does not wait for commands.
    pub as_its_image_says: bool,
    /// The container whose network it shares; else it has none.
    pub network_of: Option<String>,
}

/// A container of ours that exists in the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundContainer {
    /// The engine's id.
    pub id: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

fn failed(what: &str) -> impl Fn(bollard::errors::Error) -> Error + '_ {
    move |cause| Error::step(format!("the engine could not {what}: {}", reason(&cause)))
}

fn reason(cause: &bollard::errors::Error) -> String {
    use bollard::errors::Error as E;
    match cause {
        E::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        E::DockerStreamError { error } => error.trim().to_owned(),
        E::RequestTimeoutError => "it did not answer in time".to_owned(),
        other => innermost(other),
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    lower_first(last.to_string().split(" (os error").next().unwrap_or_default())
}

impl Engine {
    /// Connects to the first of the addresses that answers.
    ///
    /// # Errors
    /// None answers: exit code 4, with one line for each.
    pub async fn connect(addresses: &[String]) -> Result<Self> {
        let mut tried = vec![];
        for address in addresses {
            match Self::try_connect(address).await {
                Ok(engine) => return Ok(engine),
                Err(why) => tried.push(format!("  {address}: {why}")),
            }
        }
        let error = match addresses {
            [one] => Error::engine(format!("no container engine answers at `{one}`")),
            _ => Error::engine("no container engine answers"),
        };
        let error = tried.into_iter().fold(error, Error::detail);
        Err(error.hint("start Docker or Podman, or set DOCKER_HOST to where it listens"))
    }

    /// Connects to one address.
    ///
    /// # Errors
    /// Nobody answers there, in words.
    pub async fn try_connect(address: &str) -> Result<Self, String> {
        let docker = bollard::Docker::connect_with_host(address).map_err(|e| reason(&e))?;
        let docker = docker.with_timeout(Duration::from_secs(WORK_TIMEOUT));
        let answer = tokio::time::timeout(CONNECT_TIMEOUT, docker.negotiate_version()).await;
        match answer {
            Ok(Ok(docker)) => Ok(Self { docker, address: address.to_owned() }),
            Ok(Err(cause)) => Err(reason(&cause)),
            Err(_) => Err(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs())),
        }
    }

    /// Where it answers, as DOCKER_HOST says it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The id of an image, if it is there.
    pub async fn image_id(&self, reference: &str) -> Result<Option<String>> {
        match self.docker.inspect_image(reference).await {
            Ok(image) => Ok(image.id),
            Err(cause) if status(&cause) == Some(404) => Ok(None),
            Err(cause) => Err(failed("look up an image")(cause)),
        }
    }

    /// What an image leaves by `ONBUILD` to those that are built on it; nothing if the engine has no such image.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn image_triggers(&self, reference: &str) -> Result<Option<Vec<String>>> {
        match self.docker.inspect_image(reference).await {
            Ok(image) => Ok(Some(image.config.and_then(|c| c.on_build).unwrap_or_default())),
            Err(cause) if status(&cause) == Some(404) => Ok(None),
            Err(cause) => Err(failed("look up an image")(cause)),
        }
    }

    /// Size in bytes and number of layers of an image.
    pub async fn image_size(&self, reference: &str) -> Result<(i64, usize)> {
        let image = self.docker.inspect_image(reference).await;
        let image = image.map_err(failed("look up an image"))?;
        let layers = image.root_fs.and_then(|r| r.layers).map_or(0, |l| l.len());
        Ok((image.size.unwrap_or(0), layers))
    }

    /// Makes an image of an archive of a root file system (tar, also compressed).
    /// `content` says what it is.
    pub async fn import_image(&self, archive: Body, reference: &str, content: &str) -> Result<()> {
        let (repo, tag) = split(reference);
        let options = query::CreateImageOptionsBuilder::default().from_src("-").repo(repo).tag(tag);
        let label = format!("LABEL {CONTENT_LABEL}={content}");
        let options = options.changes(vec![label]).build();
        let body = bollard::body_try_stream(archive);
        let mut answer = self.docker.create_image(Some(options), Some(body), None);
        while let Some(info) = answer.next().await {
            info.map_err(failed("import the archive"))?;
        }
        Ok(())
    }

    /// Makes an image of a container as it is now. `content` says what it is; of the container's labels
    /// those of these names are empty: what is started from the image would inherit them.
    pub async fn commit(
        &self,
        container: &str,
        reference: &str,
        content: &str,
        without: &[&str],
    ) -> Result<()> {
        let (repo, tag) = split(reference);
        let options = query::CommitContainerOptionsBuilder::default().container(container);
        let without = without.iter().map(|name| format!(" {name}="));
        let without = without.collect::<Vec<_>>().concat();
        let label = format!("LABEL {CONTENT_LABEL}={content}{without}");
        let options = options.repo(repo).tag(tag).pause(false).changes(&label).build();
        let config = bollard::models::ContainerConfig::default();
        let committed = self.docker.commit_container(options, config).await;
        committed.map(drop).map_err(failed("make an image of a container"))
    }

    /// Builds an image of a context with its `Dockerfile`, and tags it. Returns its id.
    pub async fn build_image(
        &self,
        context: Body,
        build: Build<'_>,
        log: Sink<'_>,
    ) -> Result<String> {
        let Build { references, content, labels, anew } = build;
        let first = references.first().map_or("", String::as_str);
        let content = content.map(|c| (CONTENT_LABEL.to_owned(), c.to_owned()));
        let labels = labels.clone().into_iter().chain(content);
        let options = query::BuildImageOptionsBuilder::default()
            .dockerfile("Dockerfile")
            .t(first)
            .labels(&labels.collect())
            .nocache(anew)
            .rm(true)
            .forcerm(true)
            .build();
        let mut answer =
            self.docker.build_image(options, None, Some(bollard::body_try_stream(context)));
        while let Some(info) = answer.next().await {
            let info = info.map_err(failed("build the image"))?;
            log(info.stream.unwrap_or_default().as_bytes());
            if let Some(detail) = info.error_detail {
                let message = detail.message.unwrap_or_default();
                return Err(Error::step(format!(
                    "the engine could not build the image: {message}"
                )));
            }
        }
        for reference in references.iter().skip(1) {
            self.tag(first, reference).await?;
        }
        let id = self.image_id(first).await?;
        id.ok_or_else(|| Error::step(format!("the engine built `{first}` but does not have it")))
    }

    /// Takes an image in from an archive like `docker save`'s. Layers that the engine has may be missing.
    pub async fn load_image(&self, archive: Body, log: Sink<'_>) -> Result<()> {
        let options = query::ImportImageOptionsBuilder::default().quiet(true).build();
        let body = bollard::body_try_stream(archive);
        let mut answer = self.docker.import_image(options, body, None);
        while let Some(info) = answer.next().await {
            let text = info.map_err(failed("load the image"))?.stream.unwrap_or_default();
            log(text.as_bytes());
        }
        Ok(())
    }

    /// Gives an image another name.
    pub async fn tag(&self, image: &str, reference: &str) -> Result<()> {
        let (repo, tag) = split(reference);
        let options = query::TagImageOptionsBuilder::default().repo(repo).tag(tag).build();
        self.docker.tag_image(image, Some(options)).await.map_err(failed("tag the image"))
    }

    /// Removes an image's name; no error if it is not there.
    pub async fn remove_image(&self, reference: &str) -> Result<()> {
        let options = query::RemoveImageOptionsBuilder::default().force(true).build();
        match self.docker.remove_image(reference, Some(options), None).await {
            Err(cause) if status(&cause) != Some(404) => Err(failed("remove an image")(cause)),
            _ => Ok(()),
        }
    }

    /// Starts a container that waits for commands, or runs what its image says; without a network of its
    /// own.
    pub async fn start_container(&self, spec: &ContainerSpec) -> Result<String> {
        let body = container_body(spec);
        let options = None::<query::CreateContainerOptions>;
        let created = self.docker.create_container(options, body).await;
        let id = created.map_err(failed("create a container"))?.id;
        let options = None::<query::StartContainerOptions>;
        match self.docker.start_container(&id, options).await {
            Ok(()) => Ok(id),
            Err(cause) => {
                self.remove_container(&id).await?;
                Err(failed("start a container")(cause))
            }
        }
    }

    /// Kills and removes a container; no error if it is not there.
    pub async fn remove_container(&self, id: &str) -> Result<()> {
        let options = query::RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        match self.docker.remove_container(id, Some(options)).await {
            // 409: somebody else is removing it just now.
            Err(cause) if !matches!(status(&cause), Some(404 | 409)) => {
                Err(failed("remove a container")(cause))
            }
            _ => Ok(()),
        }
    }

    /// Containers, also stopped ones, that carry all the labels.
    pub async fn containers(&self, labels: &[(&str, &str)]) -> Result<Vec<FoundContainer>> {
        let wanted = labels.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>();
        let filters = HashMap::from([("label".to_owned(), wanted)]);
        let options = query::ListContainersOptionsBuilder::default().all(true).filters(&filters);
        let listed = self.docker.list_containers(Some(options.build())).await;
        let listed = listed.map_err(failed("list its containers"))?;
        let found = |c: bollard::models::ContainerSummary| {
            let labels = c.labels.unwrap_or_default().into_iter().collect();
            Some(FoundContainer { id: c.id?, labels })
        };
        Ok(listed.into_iter().filter_map(found).collect())
    }

    /// Unpacks a tar stream into a folder of a container.
    pub async fn upload(&self, container: &str, path: &str, archive: Body) -> Result<()> {
        let options = query::UploadToContainerOptionsBuilder::default().path(path).build();
        let body = bollard::body_try_stream(archive);
        let sent = self.docker.upload_to_container(container, Some(options), body).await;
        sent.map_err(failed("take files into a container"))
    }

    /// A file or folder of a container as a tar stream.
    pub fn download(&self, container: &str, path: &str) -> Body {
        let options = query::DownloadFromContainerOptionsBuilder::default().path(path).build();
        let stream = self.docker.download_from_container(container, Some(options));
        Box::pin(stream.map(|piece| piece.map_err(|e| std::io::Error::other(reason(&e)))))
    }

    /// Runs a command in a container; returns its exit status.
    pub async fn exec(&self, container: &str, command: &[&str], log: Sink<'_>) -> Result<i64> {
        let config = CreateExecOptions {
            cmd: Some(command.to_vec()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            ..Default::default()
        };
        let what = failed("run a command in a container");
        let exec = self.docker.create_exec(container, config).await.map_err(&what)?;
        let started = self.docker.start_exec(&exec.id, None).await.map_err(&what)?;
        if let StartExecResults::Attached { mut output, .. } = started {
            while let Some(piece) = output.next().await {
                log(&text_of(piece.map_err(&what)?));
            }
        }
        let state = self.docker.inspect_exec(&exec.id).await.map_err(&what)?;
        state.exit_code.ok_or_else(|| Error::step("the container was stopped from outside"))
    }
}

/// A reference of ours as name and tag.
fn split(reference: &str) -> (&str, &str) {
    reference.rsplit_once(':').unwrap_or((reference, "latest"))
}

fn text_of(piece: LogOutput) -> Bytes {
    piece.into_bytes()
}

fn status(cause: &bollard::errors::Error) -> Option<u16> {
    match cause {
        bollard::errors::Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

fn container_body(spec: &ContainerSpec) -> ContainerCreateBody {
    let mount = |(name, path, read_only): &(String, String, bool)| Mount {
        source: Some(name.clone()),
        target: Some(path.clone()),
        read_only: Some(*read_only),
        typ: Some(MountType::VOLUME),
        ..Default::default()
    };
    let network = spec.network_of.as_ref().map(|container| format!("container:{container}"));
    // PID 1 only waits: commands come in by exec, and killing it ends them all.
    let waits = || vec!["sleep".to_owned(), "infinity".to_owned()];
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        cmd: (!spec.as_its_image_says).then(waits),
        // A shell ends with its input.
        open_stdin: Some(spec.as_its_image_says),
        labels: Some(spec.labels.clone().into_iter().collect()),
        host_config: Some(HostConfig {
            network_mode: Some(network.unwrap_or_else(|| "none".to_owned())),
            mounts: Some(spec.volumes.iter().map(mount).collect()),
            ..Default::default()
        }),
        ..Default::default()
    }
}
