//! Who the user is at a registry, as `docker login` has kept it: docker's settings and its helpers.
//!
//! The crate `docker_credential` 1.4 takes an empty `auth` or `identitytoken` for one, and does not find a key
//! with a path. Does not know what is pushed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

use crate::base::error::{Error, Result, io_reason};
use crate::base::limits::{Limit, Limits};
use crate::base::read;

/// How a registry is told who asks.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A name and a password.
    Password(String, String),
    /// A token to get others with.
    Token(String),
    /// A token that the registry takes as it is.
    RegistryToken(String),
}

/// Docker's own registry, as its settings call it.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// What docker's settings keep for a registry, `HOST[:PORT]`; nothing for it, or no registry's name for
/// Docker's own: everybody may ask. The settings are read and helpers are asked as docker itself does it.
/// Source: <https://github.com/docker/cli/tree/v20.10.27/cli/config>.
///
/// # Errors
/// The settings or a helper cannot be used.
pub fn of(folder: Option<&Path>, registry: Option<&str>) -> Result<Option<Credentials>> {
    let server = registry.unwrap_or(DOCKER_HUB);
    let Some(file) = folder.map(|folder| folder.join("config.json")) else { return Ok(None) };
    let failed = |why: String| {
        Error::step(format!("cannot tell who you are at `{server}`: {why}"))
            .hint("`docker login` keeps it in docker's `config.json`, or with a helper")
    };
    let config = config(&file).map_err(|why| failed(format!("`{}`: {why}", file.display())))?;
    let Some(config) = config else { return Ok(None) };
    let helper = config.cred_helpers.as_ref().and_then(|helpers| helpers.get(server));
    let helper = helper.or(config.creds_store.as_ref()).filter(|helper| !helper.is_empty());
    match helper {
        Some(helper) => ask(helper, server).map_err(failed),
        None => config.login(server).map_or(Ok(None), Login::credentials).map_err(failed),
    }
}

/// No helper's answer is longer (bytes).
const LONGEST_ANSWER: u64 = 1 << 20;

/// Asks a helper for a server. One that knows nobody there says so by failing.
/// Source: <https://github.com/docker/docker-credential-helpers>, `get`.
fn ask(helper: &str, server: &str) -> std::result::Result<Option<Credentials>, String> {
    let program = format!("docker-credential-{helper}");
    if helper.contains('/') {
        return Err(format!("`{program}` cannot be a helper's name"));
    }
    let failed = |e: &std::io::Error| format!("`{program}`: {}", io_reason(e));
    let mut command = Command::new(&program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|e| failed(&e))?;
    if let Some(mut input) = child.stdin.take() {
        // Who does not listen may answer all the same.
        let _ = input.write_all(server.as_bytes());
    }
    let mut answer = vec![];
    if let Some(output) = child.stdout.take() {
        output.take(LONGEST_ANSWER).read_to_end(&mut answer).map_err(|e| failed(&e))?;
    }
    let status = child.wait().map_err(|e| failed(&e))?;
    if !status.success() {
        let answer = String::from_utf8_lossy(&answer);
        let nobody = ["credentials not found", "not found in native keychain"];
        if nobody.iter().any(|words| answer.contains(words)) {
            return Ok(None);
        }
        return Err(format!("`{program}` failed: {}", answer.trim()));
    }
    let answer = serde_json::from_slice::<Answer>(&answer);
    // The parser's own message could quote a secret.
    let Answer { username, secret } =
        answer.map_err(|_| format!("`{program}` has answered with something else"))?;
    Ok(match (username.as_str(), secret.is_empty()) {
        ("", _) | (_, true) => None,
        ("<token>", _) => Some(Credentials::Token(secret)),
        _ => Some(Credentials::Password(username, secret)),
    })
}

/// What a helper answers.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Answer {
    username: String,
    secret: String,
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

/// What is kept for one server.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Login {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

impl Login {
    fn is_kept(&self) -> bool {
        let all = [&self.auth, &self.username, &self.identitytoken, &self.registrytoken];
        all.into_iter().flatten().any(|text| !text.is_empty())
    }

    /// Tokens are before passwords, as registries take them.
    fn credentials(&self) -> std::result::Result<Option<Credentials>, String> {
        let some = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(token) = some(&self.registrytoken) {
            return Ok(Some(Credentials::RegistryToken(token)));
        }
        if let Some(token) = some(&self.identitytoken) {
            return Ok(Some(Credentials::Token(token)));
        }
        if let Some(auth) = some(&self.auth) {
            return decoded(&auth).map(Some);
        }
        let both = some(&self.username).zip(some(&self.password));
        Ok(both.map(|(name, password)| Credentials::Password(name, password)))
    }
}

/// `NAME:PASSWORD` in base64; some write zero bytes after it.
fn decoded(auth: &str) -> std::result::Result<Credentials, String> {
    let malformed = || "its `auth` is not `NAME:PASSWORD` in base64".to_owned();
    let bytes = BASE64_STANDARD.decode(auth).map_err(|_| malformed())?;
    let text = String::from_utf8(bytes).map_err(|_| malformed())?;
    let (name, password) = text.split_once(':').ok_or_else(malformed)?;
    if name.is_empty() {
        return Err(malformed());
    }
    Ok(Credentials::Password(name.to_owned(), password.trim_matches('\0').to_owned()))
}

impl ClientConfig {
    /// The login of a server. Older settings have addresses with a path where newer ones have hosts.
    fn login(&self, server: &str) -> Option<&Login> {
        let auths = self.auths.as_ref()?;
        let older =
            || auths.iter().find(|(key, login)| host(key) == host(server) && login.is_kept());
        auths
            .get(server)
            .filter(|login| login.is_kept())
            .or_else(|| older().map(|(_, login)| login))
    }
}

/// What a file of settings says; nothing, if it is not there.
fn config(file: &Path) -> std::result::Result<Option<ClientConfig>, String> {
    let text = match read::bytes(file, &Limits::default(), Limit::DockerSize) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(io_reason(&e)),
    };
    // The parser's own message could quote a secret.
    let wrong = |e: serde_json::Error| {
        format!("not docker's settings, from line {}, column {}", e.line(), e.column())
    };
    let table = serde_json::from_slice::<serde_json::Map<_, _>>(&text).map_err(wrong)?;
    let config = ClientConfig::deserialize(serde_json::Value::Object(table));
    let config = config.map_err(|_| "not docker's settings: something has the wrong type")?;
    Ok(Some(config))
}

/// What a file of settings keeps; nothing, if it is not there. `path` is where helpers are looked for.
///
/// # Errors
/// It cannot be read, in words.
pub fn kept(file: &Path, path: &str) -> std::result::Result<Option<Kept>, String> {
    let Some(config) = config(file)? else { return Ok(None) };
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

/// What docker's settings say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// Registries that a login is kept for.
    pub registries: Vec<String>,
    /// Helpers, and whether their program is there.
    pub helpers: Vec<(String, bool)>,
}

/// Whether there is such a program in one of the folders of PATH.
pub fn has_program(path: &str, name: &str) -> bool {
    // A name with a folder in it would not be looked for there.
    !name.contains('/') && std::env::split_paths(path).any(|folder| is_program(&folder.join(name)))
}

pub(crate) fn is_program(file: &Path) -> bool {
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
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

    /// `me:secret`, and with two zero bytes after it.
    const AUTH: [&str; 2] = ["bWU6c2VjcmV0", "bWU6c2VjcmV0AAA="];

    fn at(text: &str, registry: Option<&str>) -> Result<Option<Credentials>> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), text).unwrap();
        of(Some(folder.path()), registry)
    }

    #[test]
    fn every_way_in_which_settings_keep_a_login() {
        let me = Some(Credentials::Password("me".to_owned(), "secret".to_owned()));
        let auth = format!(r#""auth": "{}""#, AUTH[0]);
        let token = |t: &str| Some(Credentials::Token(t.to_owned()));
        let cases = [
            (format!(r#""r:5000": {{ {auth} }}"#), me.clone()),
            (format!(r#""r:5000": {{ "auth": "{}" }}"#, AUTH[1]), me.clone()),
            (format!(r#""r:5000/path": {{ {auth} }}"#), me.clone()),
            (format!(r#""https://r:5000/v1/": {{ {auth} }}"#), me.clone()),
            (format!(r#""r:5000": {{ {auth}, "identitytoken": "" }}"#), me.clone()),
            (format!(r#""r:5000": {{ {auth}, "email": null, "x": [1] }}"#), me.clone()),
            (format!(r#""r:5000": {{}}, "http://r:5000": {{ {auth} }}"#), me.clone()),
            (r#""r:5000": { "username": "me", "password": "secret", "auth": "" }"#.to_owned(), me),
            (format!(r#""r:5000": {{ {auth}, "identitytoken": "t" }}"#), token("t")),
            (
                r#""r:5000": { "registrytoken": "t" }"#.to_owned(),
                Some(Credentials::RegistryToken("t".to_owned())),
            ),
            (r#""r:5000": { "auth": "" }"#.to_owned(), None),
            (r#""r:5000": { "username": "me" }"#.to_owned(), None),
            (format!(r#""r": {{ {auth} }}, "s:5000": {{ {auth} }}"#), None),
        ];
        for (auths, expected) in cases {
            let text = format!(r#"{{ "auths": {{ {auths} }} }}"#);
            assert!(at(&text, Some("r:5000")).unwrap() == expected, "{text}");
        }
        for key in [DOCKER_HUB, "index.docker.io"] {
            let text = format!(r#"{{ "auths": {{ "{key}": {{ {auth} }} }} }}"#);
            assert!(at(&text, None).unwrap().is_some(), "{text}");
        }
    }

    #[test]
    fn a_malformed_login_is_told_without_its_secret() {
        for auth in ["c2VjcmV0", "secret", "OnNlY3JldA==", "/////w=="] {
            let text = format!(r#"{{ "auths": {{ "r": {{ "auth": "{auth}" }} }} }}"#);
            let error = at(&text, Some("r")).err().unwrap();
            let message =
                "cannot tell who you are at `r`: its `auth` is not `NAME:PASSWORD` in base64";
            assert_eq!(error.message(), message);
        }
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
