//! Who the user is at a registry, as `docker login` has kept it: docker's settings and its helpers.
//!
//! The only file that names the client crate. Does not know what is pushed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use docker_credential::{CredentialRetrievalError as Fault, DockerCredential};

use serde::Deserialize;

use crate::doctor::login::Kept;
use crate::error::{Error, Result, io_reason};
use crate::world::machine::has_program;

/// How a registry is told who asks.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A name and a password.
    Password(String, String),
    /// A token.
    Token(String),
}

/// Docker's own registry, as its settings call it.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// What is kept for the registry that a reference names; nothing: everybody may ask.
///
/// # Errors
/// The settings or a helper cannot be used.
pub fn of(registry: Option<&str>) -> Result<Option<Credentials>> {
    let server = registry.unwrap_or(DOCKER_HUB);
    match docker_credential::get_credential(server) {
        Ok(DockerCredential::UsernamePassword(name, password)) => {
            Ok(Some(Credentials::Password(name, password)))
        }
        Ok(DockerCredential::IdentityToken(token)) => Ok(Some(Credentials::Token(token))),
        // Settings that are not there are told as such that cannot be read. The registry has the last word.
        Err(Fault::NoCredentialConfigured | Fault::ConfigNotFound | Fault::ConfigReadError) => {
            Ok(None)
        }
        // A helper that knows nobody says so by failing.
        Err(Fault::HelperFailure { stdout, .. }) if stdout.contains("not found") => Ok(None),
        Err(fault) => Err(Error::step(format!("cannot tell who you are at `{server}`: {fault}"))
            .hint("`docker login` keeps it in docker's `config.json`, or with a helper")),
    }
}

/// The folder of docker's settings.
pub fn folder(env: &BTreeMap<String, String>) -> Option<PathBuf> {
    let named = env.get("DOCKER_CONFIG").filter(|named| !named.is_empty()).map(PathBuf::from);
    named.or_else(|| Some(Path::new(env.get("HOME")?).join(".docker")))
}

/// As much of docker's settings as tells who is known where.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ClientConfig {
    auths: Option<BTreeMap<String, Login>>,
    cred_helpers: Option<BTreeMap<String, String>>,
    creds_store: Option<String>,
}

/// Whether something is kept; what, is nobody's business.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Login {
    auth: Option<String>,
    username: Option<String>,
    identitytoken: Option<String>,
}

impl Login {
    fn is_kept(&self) -> bool {
        let all = [&self.auth, &self.username, &self.identitytoken];
        all.into_iter().flatten().any(|text| !text.is_empty())
    }
}

/// Settings are a few kilobytes.
const LARGEST: u64 = 4 << 20;

/// What a file of settings keeps; nothing, if it is not there. `path` is where helpers are looked for.
///
/// # Errors
/// It cannot be read, in words.
pub fn kept(file: &Path, path: &str) -> std::result::Result<Option<Kept>, String> {
    let mut text = vec![];
    let read = std::fs::File::open(file).and_then(|f| f.take(LARGEST + 1).read_to_end(&mut text));
    match read {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(io_reason(&e)),
        Ok(_) if text.len() as u64 > LARGEST => return Err(format!("more than {LARGEST} bytes")),
        Ok(_) => {}
    }
    // The parser's own message could quote a secret.
    let wrong = |e: serde_json::Error| {
        format!("not docker's settings, from line {}, column {}", e.line(), e.column())
    };
    let table = serde_json::from_slice::<serde_json::Map<_, _>>(&text).map_err(wrong)?;
    let config = ClientConfig::deserialize(serde_json::Value::Object(table));
    let config = config.map_err(|_| "not docker's settings: something has the wrong type")?;
    let store = config.creds_store.filter(|store| !store.is_empty());
    let of_helpers = config.cred_helpers.unwrap_or_default();
    let auths = config.auths.unwrap_or_default().into_iter();
    let auths = auths.filter(|(_, auth)| store.is_some() || auth.is_kept());
    let registries = auths.map(|(name, _)| name).chain(of_helpers.keys().cloned());
    let registries = registries.map(|name| host(&name).to_owned()).collect::<BTreeSet<_>>();
    let helpers = of_helpers.into_values().chain(store).collect::<BTreeSet<_>>();
    let is_there = |helper: String| {
        let there = has_program(path, &format!("docker-credential-{helper}"));
        (helper, there)
    };
    let helpers = helpers.into_iter().map(is_there).collect();
    Ok(Some(Kept { registries: registries.into_iter().collect(), helpers }))
}

/// The registry that a key of the settings stands for: `https://index.docker.io/v1/`.
fn host(key: &str) -> &str {
    let name = key.split_once("://").map_or(key, |(_, rest)| rest);
    name.split('/').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> std::result::Result<Option<Kept>, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), text).unwrap();
        kept(&folder.path().join("config.json"), "")
    }

    #[test]
    fn what_a_login_leaves_is_found_without_its_secret() {
        let text = r#"{"auths": {"https://index.docker.io/v1/": {"auth": "bWU6c2VjcmV0"},
            "localhost:5000": {}, "ghcr.io": {"identitytoken": "t"}}, "credHelpers": {"a.b": "c"}}"#;
        let registries = ["a.b", "ghcr.io", "index.docker.io"].map(str::to_owned).into();
        let helpers = vec![("c".to_owned(), false)];
        assert_eq!(read(text), Ok(Some(Kept { registries, helpers })));
        let stored = read(r#"{"auths": {"localhost:5000": {}}, "credsStore": "pass"}"#);
        let registries = vec!["localhost:5000".to_owned()];
        let helpers = vec![("pass".to_owned(), false)];
        assert_eq!(stored, Ok(Some(Kept { registries, helpers })));
    }

    #[test]
    fn settings_that_say_nothing_and_settings_that_are_none() {
        for text in ["{}", r#"{"auths": null, "credsStore": ""}"#, r#"{"psFormat": "x"}"#] {
            assert_eq!(read(text), Ok(Some(Kept::default())), "{text}");
        }
        assert_eq!(kept(Path::new("/nonexistent/config.json"), ""), Ok(None));
        assert_eq!(kept(Path::new("/"), ""), Err("is a directory".to_owned()));
        for text in ["", "[]", r#"{"auths": "secret"}"#, r#"{"credsStore": {}}"#, "\"secret\""] {
            let why = read(text).unwrap_err();
            assert!(why.starts_with("not docker's settings") && !why.contains("secret"), "{why}");
        }
    }
}
