//! What all clients over HTTP have in common: what they call themselves, who looks names up for them, and what is
//! said where there can be none.
//!
//! Does not know what is asked, nor which addresses are allowed.

use std::sync::Arc;

use reqwest::{Client, ClientBuilder};

use super::names::Names;
use crate::base::error::{Error, Result, lower_first};

/// What the client says when this machine trusts nobody.
/// Source: <https://github.com/rustls/rustls-platform-verifier/blob/v/0.7.1/rustls-platform-verifier/src/verification/others.rs>.
const NOBODY_TRUSTED: &str = "No CA certificates were loaded from the system";

/// One to be made.
pub(super) fn builder(names: &Names) -> ClientBuilder {
    let agent = concat!("gentoo-bb/", env!("CARGO_PKG_VERSION"));
    Client::builder().user_agent(agent).dns_resolver(Arc::new(names.clone()))
}

/// Makes it.
///
/// # Errors
/// Exit 1: there are no certificates, or those there are cannot be used.
pub(super) fn built(builder: ClientBuilder) -> Result<Client> {
    builder.build().map_err(|cause| refused(&innermost(&cause)))
}

fn innermost(cause: &(dyn std::error::Error + 'static)) -> String {
    let root = std::iter::successors(Some(cause), |cause| cause.source()).last();
    root.unwrap_or(cause).to_string()
}

fn refused(why: &str) -> Error {
    if !why.contains(NOBODY_TRUSTED) {
        return Error::step(format!("cannot use HTTP: {}", lower_first(why)));
    }
    Error::step("cannot use HTTP: this machine has no certificates of authorities").hint(
        "`SSL_CERT_FILE` names a PEM file of them; the package `ca-certificates` has those of most systems",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_trusts_nobody_is_told() {
        let error = refused(&format!("unexpected error: {NOBODY_TRUSTED}"));
        assert!(error.message().ends_with("no certificates of authorities"));
        assert!(error.hint_text().is_some_and(|hint| hint.contains("SSL_CERT_FILE")));
        assert_eq!(refused("Other").message(), "cannot use HTTP: other");
    }
}
