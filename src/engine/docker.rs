//! The container engine over its socket: images, volumes, containers. With what is below it, the only
//! place that names the client crate.
//!
//! Streams everything over the API: the engine may be on another machine. Does not know steps.

mod about;
mod boxes;
mod session;
mod transport;

use crate::image::archive::Body;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, StartExecResults};
use bollard::models::{ContainerCreateBody, HostConfig, Mount, MountType};
use bollard::query_parameters as query;
use bytes::Bytes;
use futures_util::StreamExt;

pub use about::{About, Host};
pub use boxes::{Bounds, Change};
pub use session::{Piece, Port, Process, RunSpec, Session};

use crate::base::error::{Error, Result, lower_first};
use crate::base::reference::{DOCKER_IO, Reference};
use crate::engine::address::Address;

mod inventory;

pub use inventory::FoundImage;

pub mod members;
pub mod push;
mod running;

/// Takes the output of a build or of a command, piece by piece.
pub type Sink<'a> = &'a mut (dyn FnMut(&[u8]) + Send);

/// A first answer may take this long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A question that makes the engine do nothing may take this long.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// A request with all that it makes the engine do may take this long (seconds).
const WORK_TIMEOUT: u64 = 4 * 60 * 60;
/// The label that says what an image was made of, where that alone decides what it is: projects
/// share such images.
const CONTENT_LABEL: &str = "bb.content";

/// One engine that answers.
#[derive(Debug, Clone)]
pub struct Engine {
    docker: bollard::Docker,
    address: Address,
    patience: Duration,
}

/// An image to be built.
#[derive(Clone, Copy)]
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
    /// Whose it is: no image can give a container a name.
    pub owner: Owner,
    /// What it is for: read back by [`Engine::containers_of`].
    pub labels: BTreeMap<String, String>,
    /// Volume name → path in the container; `true`: read-only.
    pub volumes: Vec<(String, String, bool)>,
    /// Runs what its image says, and does not wait for commands.
    pub as_its_image_says: bool,
    /// The container whose network it shares; else it has none.
    pub network_of: Option<String>,
    /// What it may use; then no program in it gets more rights than it was started with.
    pub bounds: Option<Bounds>,
}

/// Whose a container is: a project by its random id. It is in the container's name, which only the one who
/// makes a container gives it; labels may come from its image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owner(pub String);

/// Counts the containers that this process makes.
static MADE: AtomicUsize = AtomicUsize::new(0);

impl Owner {
    /// What the names of its containers begin with.
    fn prefix(&self) -> String {
        format!("bb-{}-", self.0)
    }

    /// The name of another container: no two are the same, whichever process makes them.
    #[expect(
        clippy::disallowed_methods,
        reason = "the time is a part of a name, and decides nothing"
    )]
    fn next_name(&self) -> String {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
        format!("{}{}-{now}-{number}", self.prefix(), std::process::id())
    }

    fn has(&self, name: &str) -> bool {
        let name = name.strip_prefix('/').unwrap_or(name);
        !self.0.is_empty() && name.starts_with(&self.prefix())
    }
}

/// A container that exists in the engine.
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

/// A client for an address, and what ssh says where that is the way.
fn client(address: &Address) -> Result<(bollard::Docker, Option<transport::Said>), String> {
    let host = address.host.as_str();
    if host.starts_with("ssh://") {
        let (docker, said) = transport::ssh(host, WORK_TIMEOUT)?;
        return Ok((docker, Some(said)));
    }
    let Some(tls) = &address.tls else {
        let docker = bollard::Docker::connect_with_host(&with_port(host, 2375));
        return Ok((docker.map_err(|e| reason(&e))?, None));
    };
    let host = with_port(host, 2376);
    let place = host.split_once("://").map_or(host.as_str(), |(_, place)| place);
    Ok((transport::tls(place.trim_end_matches('/'), tls, WORK_TIMEOUT)?, None))
}

/// Docker's own port for an address that names none.
fn with_port(host: &str, port: u16) -> String {
    let Some((scheme @ ("tcp" | "https"), place)) = host.split_once("://") else {
        return host.to_owned();
    };
    let place = place.trim_end_matches('/');
    let has_port = place.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
    if has_port { format!("{scheme}://{place}") } else { format!("{scheme}://{place}:{port}") }
}

impl Engine {
    /// Connects to the first of the addresses that answers.
    ///
    /// # Errors
    /// None answers: exit code 4, with one line for each.
    pub async fn connect(addresses: &[Address]) -> Result<Self> {
        let mut tried = vec![];
        for address in addresses {
            match Self::try_connect(address).await {
                Ok(engine) => return Ok(engine),
                Err(why) => tried.push(format!("  {}: {why}", address.shown())),
            }
        }
        let error = match addresses {
            [one] => Error::engine(format!("no container engine answers at {one}")),
            _ => Error::engine("no container engine answers"),
        };
        let error = tried.into_iter().fold(error, Error::detail);
        Err(error.hint("start Docker or Podman, or set DOCKER_HOST to where it listens"))
    }

    /// Connects to one address.
    ///
    /// # Errors
    /// Nobody answers there, in words.
    pub async fn try_connect(address: &Address) -> Result<Self, String> {
        let (docker, said) = client(address)?;
        let docker = docker.with_timeout(Duration::from_secs(WORK_TIMEOUT));
        let answer = tokio::time::timeout(CONNECT_TIMEOUT, docker.negotiate_version()).await;
        let why = match answer {
            Ok(Ok(docker)) => {
                return Ok(Self { docker, address: address.clone(), patience: ANSWER_TIMEOUT });
            }
            Ok(Err(cause)) => reason(&cause),
            Err(_) => return Err(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs())),
        };
        // Of a connection that breaks off, ssh knows why.
        let said = match said {
            Some(said) => said.last_line().await,
            None => None,
        };
        Err(said.unwrap_or(why))
    }

    /// The same with another patience for what an engine answers at once.
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// What an engine answers at once, whatever it is doing.
    ///
    /// # Errors
    /// It says no, or nothing for so long that it will not: exit code 4.
    async fn answer<T>(
        &self,
        what: &str,
        asked: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T> {
        match tokio::time::timeout(self.patience, asked).await {
            Ok(answer) => answer.map_err(failed(what)),
            Err(_) => {
                let message = format!("the engine did not {what} within {:?}", self.patience);
                let hint = "look into the engine's own log; `bb doctor` asks it again";
                Err(Error::engine(message).hint(hint))
            }
        }
    }

    /// The variables that lead another program to it.
    pub fn environment(&self) -> Vec<(String, String)> {
        self.address.environment()
    }

    /// The id of an image, if it is there.
    ///
    /// # Errors
    /// The engine does not answer in time.
    pub async fn image_id(&self, reference: &str) -> Result<Option<String>> {
        Ok(self.image(reference).await?.and_then(|image| image.id))
    }

    /// What it says of an image, if that is there.
    async fn image(&self, reference: &str) -> Result<Option<bollard::models::ImageInspect>> {
        let asked = async {
            match self.docker.inspect_image(reference).await {
                Err(cause) if status(&cause) == Some(404) => Ok(None),
                found => found.map(Some),
            }
        };
        self.answer("look up an image", asked).await
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
    ///
    /// # Errors
    /// The engine has no such image, or does not answer in time.
    pub async fn image_size(&self, reference: &str) -> Result<(i64, usize)> {
        let image = self.answer("look up an image", self.docker.inspect_image(reference)).await?;
        let layers = image.root_fs.and_then(|r| r.layers).map_or(0, |l| l.len());
        Ok((image.size.unwrap_or(0), layers))
    }

    /// Makes an image of an archive of a root file system (tar, also compressed).
    /// `content` says what it is.
    ///
    /// # Errors
    /// The engine refuses the archive, or cannot read it to its end.
    pub async fn import_image(&self, archive: Body, reference: &str, content: &str) -> Result<()> {
        // Podman 4.3 takes no notice of a tag by itself.
        let options = query::CreateImageOptionsBuilder::default().from_src("-").repo(reference);
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
    ///
    /// # Errors
    /// The engine has no such container, or cannot make the image.
    pub async fn commit(
        &self,
        container: &str,
        reference: &str,
        content: &str,
        without: &[&str],
    ) -> Result<()> {
        let (repo, tag) = split(reference);
        let options = query::CommitContainerOptionsBuilder::default().container(container);
        // Podman takes all that follows the first name for its value: a line for each.
        let empty = without.iter().map(|name| format!("LABEL {name}="));
        let labels = std::iter::once(format!("LABEL {CONTENT_LABEL}={content}")).chain(empty);
        let changes = labels.collect::<Vec<_>>().join("\n");
        let options = options.repo(&repo).tag(&tag).pause(false).changes(&changes).build();
        let config = bollard::models::ContainerConfig::default();
        let committed = self.docker.commit_container(options, config).await;
        committed.map(drop).map_err(failed("make an image of a container"))
    }

    /// Builds an image of a context with its `Dockerfile`, and tags it. Returns its id.
    ///
    /// # Errors
    /// The engine says what of the Dockerfile went wrong or refuses the context; with a hint where a registry
    /// wants a login.
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
        let body = Some(bollard::body_try_stream(context));
        let mut answer = self.docker.build_image(options, None, body);
        while let Some(info) = answer.next().await {
            let info = info.map_err(|e| push::refused(failed("build the image")(e)))?;
            log(info.stream.unwrap_or_default().as_bytes());
            if let Some(detail) = info.error_detail {
                let message = detail.message.unwrap_or_default();
                return Err(push::refused(Error::step(format!(
                    "the engine could not build the image: {message}"
                ))));
            }
        }
        for reference in references.iter().skip(1) {
            self.tag(first, reference).await?;
        }
        let id = self.image_id(first).await?;
        id.ok_or_else(|| Error::step(format!("the engine built `{first}` but does not have it")))
    }

    /// Takes an image in from an archive like `docker save`'s. Layers that the engine has may be missing.
    ///
    /// # Errors
    /// The engine refuses the archive, or cannot read it to its end.
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

    /// Podman loads an image that is from no registry as `localhost/NAME`, and builds one as `docker.io/NAME`: two
    /// names, of which one would be left behind. What was loaded gets the one that Docker means.
    ///
    /// # Errors
    /// The engine does not answer, or cannot give or take a name.
    pub async fn adopt(&self, reference: &str) -> Result<()> {
        let Ok(parsed) = reference.parse::<Reference>() else { return Ok(()) };
        let local = format!("localhost/{parsed}");
        if parsed.registry() != DOCKER_IO || self.image_id(&local).await?.is_none() {
            return Ok(());
        }
        // With Docker, that is the name of somebody's image in a registry on this machine.
        if !self.is_podman().await? {
            return Ok(());
        }
        let (name, tag) =
            (format!("{DOCKER_IO}/{}", parsed.path()), parsed.tag().unwrap_or_default());
        let options = query::TagImageOptionsBuilder::default().repo(&name).tag(tag).build();
        self.docker.tag_image(&local, Some(options)).await.map_err(failed("tag the image"))?;
        self.unname(&local).await
    }

    /// Gives an image another name.
    ///
    /// # Errors
    /// The engine has no such image, or refuses the name.
    pub async fn tag(&self, image: &str, reference: &str) -> Result<()> {
        let (repo, tag) = split(reference);
        let options = query::TagImageOptionsBuilder::default().repo(&repo).tag(&tag).build();
        self.docker.tag_image(image, Some(options)).await.map_err(failed("tag the image"))
    }

    /// Removes an image's name; no error if it is not there.
    ///
    /// # Errors
    /// The engine cannot remove it.
    pub async fn remove_image(&self, reference: &str) -> Result<()> {
        let options = query::RemoveImageOptionsBuilder::default().force(true).build();
        match self.docker.remove_image(reference, Some(options), None).await {
            Err(cause) if !is_gone(&cause) => Err(failed("remove an image")(cause)),
            _ => Ok(()),
        }
    }

    /// Starts a container that waits for commands, or runs what its image says; without a network of its
    /// own.
    ///
    /// # Errors
    /// The engine has no such image, or cannot make or start a container of it; what was made is removed.
    pub async fn start_container(&self, spec: &ContainerSpec) -> Result<String> {
        let body = container_body(spec);
        let created = self.docker.create_container(Some(named(&spec.owner)), body).await;
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
    ///
    /// # Errors
    /// The engine cannot remove it, and nobody else is doing so.
    pub async fn remove_container(&self, id: &str) -> Result<()> {
        let options = query::RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        match self.docker.remove_container(id, Some(options)).await {
            // 409: somebody else is removing it just now.
            Err(cause) if status(&cause) != Some(409) && !is_gone(&cause) => {
                Err(failed("remove a container")(cause))
            }
            _ => Ok(()),
        }
    }

    /// A project's containers, also stopped ones, that carry all the labels.
    ///
    /// # Errors
    /// The engine cannot list them, or not in time.
    pub async fn containers_of(
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
        let list = || self.docker.list_containers(Some(options.clone()));
        self.answer("list its containers", while_others_remove(list)).await
    }

    /// Unpacks a tar stream into a folder of a container.
    ///
    /// # Errors
    /// The engine has no such container or folder, or cannot read the archive to its end.
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
    ///
    /// # Errors
    /// The engine cannot run it, or the container was stopped before it ended.
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

fn found(c: bollard::models::ContainerSummary) -> Option<FoundContainer> {
    Some(FoundContainer { id: c.id?, labels: c.labels.unwrap_or_default().into_iter().collect() })
}

/// The options of a new container.
fn named(owner: &Owner) -> query::CreateContainerOptions {
    query::CreateContainerOptionsBuilder::default().name(&owner.next_name()).build()
}

/// A reference as name, and as tag or digest.
fn split(reference: &str) -> (String, String) {
    match reference.parse::<Reference>() {
        Ok(parsed) => {
            let version = parsed.tag().or(parsed.digest()).unwrap_or_default().to_owned();
            (parsed.name(), version)
        }
        Err(_) => (reference.to_owned(), "latest".to_owned()),
    }
}

fn text_of(piece: LogOutput) -> Bytes {
    piece.into_bytes()
}

/// Whether something is not there any more, or goes just now, as the engine says it. Only Docker's API of
/// its own says so by a status everywhere: where it meets another removal half way, it is an internal error
/// (500) with these words.
/// Source: <https://github.com/moby/moby/blob/v20.10.24/daemon/delete.go>, `errors.go`.
fn is_gone(cause: &bollard::errors::Error) -> bool {
    let bollard::errors::Error::DockerResponseServerError { status_code, message } = cause else {
        return false;
    };
    let message = message.to_lowercase();
    let gone = ["no such container", "no such image", "no such volume", "no such network"];
    *status_code == 404
        || gone.iter().any(|words| message.contains(words))
        || message.contains("already in progress")
}

/// How often a list is asked for that another process's removals trip up.
const LISTINGS: usize = 5;

/// Asks for a list, and again where something of it went while it was made.
async fn while_others_remove<T, F>(list: impl Fn() -> F) -> Result<T, bollard::errors::Error>
where
    F: Future<Output = Result<T, bollard::errors::Error>>,
{
    let mut listed = list().await;
    for _ in 1..LISTINGS {
        if !matches!(&listed, Err(cause) if is_gone(cause)) {
            break;
        }
        listed = list().await;
    }
    listed
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
    let most = |bounds: &Bounds| i64::try_from(bounds.memory).ok().filter(|bytes| *bytes > 0);
    let memory = spec.bounds.as_ref().and_then(most);
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
