//! A registry's client: which image a name means, its blobs into a folder, an image to a registry.
//!
//! Speaks HTTP itself, by the OCI distribution specification; no engine is asked. Knows neither projects nor
//! the command line: what a person may say is in [`Settings`]. Failures are [`fault::Fault`]s, told as
//! [`crate::Error`]s by one function.
//! Source: <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md>.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, OnceLock, PoisonError};

use reqwest::StatusCode;

use self::auth::Tokens;
use self::fault::{Away, Fault};
use self::push::{Compressing, Seen};
use self::settings::Endpoint;
use self::talk::Clients;
use crate::base::error::Error;
use crate::net::names::Names;

mod artifact;
mod auth;
mod blobs;
pub mod fault;
mod layer;
mod manifest;
mod pull;
mod push;
mod settings;
mod talk;

pub use artifact::{Artifact, ArtifactFile};
pub use blobs::Blobs;
pub use layer::{Layer, unpack};
pub use pull::{Identified, Pulled, Resolved, Unknown};
pub use push::{Image, Pushed};
pub use settings::Settings;

/// Asks registries, all of them; one is enough for a whole run.
#[derive(Debug, Default)]
pub struct Registry {
    settings: Settings,
    names: Names,
    clients: OnceLock<Clients>,
    tokens: Tokens,
    /// Which hosts are asked without TLS, of those that may be.
    plain: Mutex<HashMap<String, bool>>,
    seen: Seen,
    compressing: Compressing,
}

impl Registry {
    /// A client; it asks nobody yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// The place with the way that leads there: with TLS or, where that may be, without.
    async fn located(&self, at: &Endpoint) -> Result<Endpoint, Fault> {
        let mut plain = at.clone();
        if at.is_mirror || !self.settings.may_be_plain(&at.base) {
            return Ok(plain);
        }
        let impossible = |()| Error::bug("an address without a scheme");
        plain.base.set_scheme("http").map_err(impossible)?;
        let known =
            self.plain.lock().unwrap_or_else(PoisonError::into_inner).get(&at.host()).copied();
        let is_plain = match known {
            Some(known) => known,
            None => self.speaks_plainly(&plain).await?,
        };
        self.plain.lock().unwrap_or_else(PoisonError::into_inner).insert(at.host(), is_plain);
        Ok(if is_plain { plain } else { at.clone() })
    }

    /// Whether somebody answers without TLS; nobody is told anything. Servers that want TLS hang up, or answer
    /// that the request is a bad one.
    async fn speaks_plainly(&self, at: &Endpoint) -> Result<bool, Fault> {
        let request = self.client(&at.base)?.get(at.base.clone());
        match self.head(&at.host(), request, &AtomicU64::new(0)).await {
            Ok(response) => Ok(response.status() != StatusCode::BAD_REQUEST),
            Err(Fault::Broken { .. }) => Ok(false),
            // Without a port, the other way has another one.
            Err(Fault::Away { why: Away::Refused, .. }) if at.base.port().is_none() => Ok(false),
            Err(fault) => Err(fault),
        }
    }
}
