//! Where an engine may listen: DOCKER_HOST, docker's current context, the default sockets.
//!
//! What somebody has chosen is the only one; only where nobody has, sockets are tried. Only finds addresses;
//! whether one answers is `engine::docker`'s business.

#![expect(clippy::disallowed_methods, reason = "a socket is a file")]

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::base::error::{Error, Result, io_reason};
use crate::base::hex::hex;
use crate::base::limits::{Limit, Limits};
use crate::base::read;
use crate::base::secret::without_secrets;
use crate::config::Source;
use crate::net::credentials;

/// One place where an engine may be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Address {
    /// As DOCKER_HOST says it: `unix:///run/docker.sock`, `tcp://HOST:PORT`, `ssh://HOST`.
    pub host: String,
    /// How both sides know each other, where it is not a socket.
    pub tls: Option<Tls>,
    /// Docker's context that it is of.
    pub context: Option<String>,
}

/// The files by which engine and client know each other, as PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Who vouches for the engine; nothing: whom this machine trusts.
    pub ca: Option<PathBuf>,
    /// The client's certificate and key.
    pub client: Option<(PathBuf, PathBuf)>,
}

impl Address {
    /// One that only says where.
    pub fn at(host: impl Into<String>) -> Self {
        Self { host: host.into(), ..Self::default() }
    }

    /// As people know it. A user of ssh's is no secret; what else stands before a `@` may be one.
    pub fn shown(&self) -> String {
        let user = self.host.strip_prefix("ssh://").and_then(|rest| Some(rest.split_once('@')?.0));
        match user {
            Some(user) if !user.contains(':') => self.host.clone(),
            _ => without_secrets(&self.host),
        }
    }

    /// The variables that lead another program there.
    pub fn environment(&self) -> Vec<(String, String)> {
        let host = ("DOCKER_HOST".to_owned(), self.host.clone());
        let folder = self.tls.as_ref().and_then(|tls| tls.ca.as_ref()?.parent());
        let tls = folder.map(|folder| {
            let folder = folder.display().to_string();
            [("DOCKER_TLS_VERIFY", "1".to_owned()), ("DOCKER_CERT_PATH", folder)]
        });
        let tls = tls.into_iter().flatten().map(|(name, value)| (name.to_owned(), value));
        std::iter::once(host).chain(tls).collect()
    }
}

/// The address, and docker's context.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.shown())?;
        match &self.context {
            Some(context) => write!(f, ", docker's context `{context}`"),
            None => Ok(()),
        }
    }
}

/// Addresses to try in order, from the environment's variables, and who says so: with `Source::Default`,
/// nobody.
///
/// # Errors
/// Docker's context cannot be used: exit code 4.
pub fn addresses(env: &BTreeMap<String, String>) -> Result<(Vec<Address>, Source)> {
    let get = |name: &str| env.get(name).filter(|v| !v.is_empty());
    if let Some(host) = get("DOCKER_HOST") {
        let address = Address { tls: variables_tls(host, env)?, ..Address::at(host) };
        return Ok((vec![address], Source::Variable("DOCKER_HOST")));
    }
    if let Some(name) = current_context(env)? {
        return Ok((vec![context(&name, env)?], Source::Context));
    }
    if get("DOCKER_TLS_VERIFY").is_some() {
        let host = "tcp://localhost:2376";
        let address = Address { tls: variables_tls(host, env)?, ..Address::at(host) };
        return Ok((vec![address], Source::Variable("DOCKER_TLS_VERIFY")));
    }
    let runtime = get("XDG_RUNTIME_DIR").map(PathBuf::from);
    let sockets = [
        Some(PathBuf::from("/var/run/docker.sock")),
        runtime.as_ref().map(|r| r.join("docker.sock")),
        runtime.as_ref().map(|r| r.join("podman/podman.sock")),
        Some(PathBuf::from("/run/podman/podman.sock")),
    ];
    let sockets = sockets.into_iter().flatten();
    Ok((sockets.map(|s| Address::at(format!("unix://{}", s.display()))).collect(), Source::Default))
}

/// Whether there is a socket at one of the addresses. One on which nobody listens is one: its engine is to be
/// started, and not another to be taken.
pub(super) fn has_socket(addresses: &[Address]) -> bool {
    let mut sockets = addresses.iter().filter_map(|address| address.host.strip_prefix("unix://"));
    sockets.any(|path| Path::new(path).exists())
}

/// What DOCKER_TLS_VERIFY and DOCKER_CERT_PATH say of an address.
fn variables_tls(host: &str, env: &BTreeMap<String, String>) -> Result<Option<Tls>> {
    let get = |name: &str| env.get(name).filter(|v| !v.is_empty());
    let wanted = get("DOCKER_TLS_VERIFY").is_some();
    if !wanted && get("DOCKER_TLS").is_some() {
        return Err(Error::engine("`DOCKER_TLS` wants no proof of who the engine is")
            .hint("set DOCKER_TLS_VERIFY instead, or unset it"));
    }
    match host.split_once("://") {
        // What does not leave the machine, or is ssh's.
        Some(("unix" | "ssh" | "npipe", _)) => Ok(None),
        _ if !wanted => Ok(None),
        Some(("tcp" | "https", _)) | None => {
            let folder = get("DOCKER_CERT_PATH").map(PathBuf::from);
            let folder = folder.or_else(|| credentials::folder(env)).unwrap_or_default();
            certificates(&folder, "DOCKER_TLS_VERIFY is set").map(Some)
        }
        Some(_) => {
            let host = without_secrets(host);
            Err(Error::engine(format!("DOCKER_TLS_VERIFY is set, but `{host}` is in clear text"))
                .hint("an engine with TLS is at `tcp://HOST:2376`"))
        }
    }
}

/// The certificates in a folder. Docker takes a client without one of its own, too.
fn certificates(folder: &Path, why: &str) -> Result<Tls> {
    let file = |name: &str| Some(folder.join(name)).filter(|file| file.is_file());
    let Some(ca) = file("ca.pem") else {
        let ca = folder.join("ca.pem");
        return Err(Error::engine(format!("{why}, but there is no `{}`", ca.display()))
            .hint("DOCKER_CERT_PATH is the folder of `ca.pem`, `cert.pem` and `key.pem`"));
    };
    Ok(Tls { ca: Some(ca), client: file("cert.pem").zip(file("key.pem")) })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientConfig {
    current_context: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    #[serde(default)]
    endpoints: BTreeMap<String, Endpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Endpoint {
    host: Option<String>,
    #[serde(default, rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

/// The context that somebody has chosen, unless it is docker's name for none.
fn current_context(env: &BTreeMap<String, String>) -> Result<Option<String>> {
    let named = env.get("DOCKER_CONTEXT").filter(|v| !v.is_empty()).cloned();
    let name = if named.is_some() { named } else { configured_context(env)? };
    Ok(name.filter(|name| !name.is_empty() && name != "default"))
}

fn configured_context(env: &BTreeMap<String, String>) -> Result<Option<String>> {
    let Some(folder) = credentials::folder(env) else { return Ok(None) };
    let config = json::<ClientConfig>(&folder.join("config.json")).map_err(|error| {
        error.hint("its `currentContext` says which engine is meant; DOCKER_HOST names one, too")
    })?;
    Ok(config.and_then(|config| config.current_context))
}

/// A file of docker's; nothing where there is none.
fn json<T: DeserializeOwned>(file: &Path) -> Result<Option<T>> {
    let failed = |why: String| Error::engine(format!("cannot read `{}`: {why}", file.display()));
    let text = match read::bytes(file, &Limits::default(), Limit::DockerSize) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) if e.kind() == std::io::ErrorKind::NotADirectory => return Ok(None),
        Err(e) => return Err(failed(io_reason(&e))),
    };
    // The parser's own message could quote a secret.
    let parsed = serde_json::from_slice(&text);
    parsed.map(Some).map_err(|e| failed(format!("malformed at line {}", e.line())))
}

/// A context by name. Source: the docker client keeps one in `contexts/meta/SHA256(NAME)/meta.json`, and the
/// certificates of its engine in `contexts/tls/SHA256(NAME)/docker/`.
fn context(name: &str, env: &BTreeMap<String, String>) -> Result<Address> {
    let shown = name.escape_debug();
    let hint = "`docker context ls` lists them; DOCKER_HOST or DOCKER_CONTEXT names another engine";
    let unusable =
        |why: &str| Error::engine(format!("docker's context `{shown}` {why}")).hint(hint);
    let contexts = credentials::folder(env).unwrap_or_default().join("contexts");
    let id = hex(&Sha256::digest(name.as_bytes()));
    let meta = json::<Meta>(&contexts.join("meta").join(&id).join("meta.json"));
    let meta = meta.map_err(|error| unusable("cannot be used").detail(format!("  {error}")))?;
    let mut meta = meta.ok_or_else(|| unusable("is not there"))?;
    let endpoint = meta.endpoints.remove("docker").ok_or_else(|| unusable("is no engine's"))?;
    let host = endpoint.host.filter(|host| !host.is_empty());
    let host = host.ok_or_else(|| unusable("names no address"))?;
    let tls = contexts.join("tls").join(id).join("docker");
    let has_tls = tls.symlink_metadata().is_ok();
    let tls = match host.split_once("://") {
        Some(("unix" | "ssh" | "npipe", _)) => None,
        Some(("http", _)) if has_tls => {
            return Err(unusable("has certificates, but its address is in clear text"));
        }
        _ if endpoint.skip_tls_verify => {
            return Err(unusable("wants no proof of who its engine is (`SkipTLSVerify`)"));
        }
        Some(("https", _)) if !has_tls => Some(Tls { ca: None, client: None }),
        _ if has_tls => Some(certificates(&tls, &format!("docker's context `{shown}` is of TLS"))?),
        _ => None,
    };
    Ok(Address { host, tls, context: Some(name.to_owned()) })
}

#[cfg(test)]
mod tests;
