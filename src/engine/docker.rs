//! The container engine over its socket: images, volumes, containers. With what is below it, the only
//! place that names the client crate.
//!
//! Streams everything over the API: the engine may be on another machine. Does not know steps.

mod about;
mod boxes;
mod build;
mod commands;
mod images;
pub mod members;
pub mod push;
mod talk;
mod transport;
mod usage;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bollard::container::LogOutput;
use bytes::Bytes;
use tokio::sync::OnceCell;

pub use about::{About, Host};
pub use build::Build;

use crate::base::error::{Error, Result, lower_first};
use crate::base::reference::Reference;
use crate::engine::address::Address;

/// A first answer may take this long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A question that makes the engine do nothing may take this long.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// A request with all that it makes the engine do may take this long (seconds).
const WORK_TIMEOUT: u64 = 4 * 60 * 60;
/// One engine that answers.
#[derive(Debug, Clone)]
pub struct Docker {
    client: bollard::Docker,
    address: Address,
    patience: Duration,
    /// Whether it is Podman, once it was asked.
    is_podman: Arc<OnceCell<bool>>,
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
    if let (Some(socket), None) = (host.strip_prefix("unix://"), &address.tls) {
        return Ok((transport::unix(Path::new(socket), WORK_TIMEOUT)?, None));
    }
    let docker = match &address.tls {
        Some(tls) => transport::tls(place(&with_port(host, 2376)), tls, WORK_TIMEOUT)?,
        None if host.starts_with("tcp://") || host.starts_with("http://") => {
            transport::tcp(place(&with_port(host, 2375)), WORK_TIMEOUT)?
        }
        None => bollard::Docker::connect_with_host(host).map_err(|e| reason(&e))?,
    };
    Ok((docker, None))
}

/// `HOST:PORT` of an address.
fn place(host: &str) -> &str {
    let place = host.split_once("://").map_or(host, |(_, place)| place);
    place.trim_end_matches('/')
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

#[async_trait::async_trait]
impl super::Engine for Docker {
    async fn usage(&self, wanted: &super::Wanted) -> Result<Vec<super::Kept>> {
        self.used(wanted).await
    }

    fn commands(&self) -> Option<&dyn super::Commands> {
        Some(self)
    }

    fn daemon(&self) -> Option<&Docker> {
        Some(self)
    }

    fn sees_files(&self) -> bool {
        self.address.host.starts_with("unix://")
    }
}

impl Docker {
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
            Ok(Ok(client)) => {
                let (address, patience) = (address.clone(), ANSWER_TIMEOUT);
                return Ok(Self { client, address, patience, is_podman: Arc::default() });
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
