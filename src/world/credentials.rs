//! Who the user is at a registry, as `docker login` has kept it: docker's settings and its helpers.
//!
//! The only file that names the client crate. Does not know what is pushed.

use docker_credential::{CredentialRetrievalError as Fault, DockerCredential};

use crate::error::{Error, Result};

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
