//! The registries' client, as a project's settings and environment want it.
//!
//! Asks nobody.

use std::time::Duration;

use crate::image::config::architecture;
use crate::net::credentials;
use crate::net::registry::{Registry, Settings};
use crate::session::project::Project;

/// Who only wants to know which image a name means waits so long for a connection, and for each answer: where there
/// is no network, the engine may have the image.
const GLANCE: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(10)];

impl Project {
    /// A client of registries; it asks nobody yet.
    pub fn registry(&self) -> Registry {
        Registry::new(self.registries())
    }

    /// One with little patience.
    pub(super) fn hasty_registry(&self) -> Registry {
        let [connect, stall] = GLANCE;
        Registry::new(Settings { connect, stall, pauses: vec![], ..self.registries() })
    }

    pub(super) fn registries(&self) -> Settings {
        let settings = &self.settings;
        Settings {
            insecure: settings.insecure_registries.iter().cloned().collect(),
            mirrors: settings.registry_mirrors.clone(),
            authorities: settings.authorities.clone(),
            logins: credentials::folder(self.environment()),
            architecture: architecture(&settings.arch).to_owned(),
            limits: settings.limits,
            ..Settings::default()
        }
    }
}
