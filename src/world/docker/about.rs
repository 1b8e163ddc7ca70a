//! What an engine says of itself and of where it runs.
//!
//! Does not judge it.

use super::Engine;
use crate::doctor::engine::{About, Host};
use crate::error::Result;

impl Engine {
    /// What it is.
    ///
    /// # Errors
    /// It does not say.
    pub async fn about(&self) -> Result<About> {
        let version = self.answer("tell its version", self.docker.version()).await?;
        Ok(About {
            version: version.version.unwrap_or_default(),
            api: version.api_version.unwrap_or_default(),
            os: version.os.unwrap_or_default(),
            architecture: version.arch.unwrap_or_default(),
        })
    }

    /// Whether it is Podman, which has names of its own for images.
    ///
    /// # Errors
    /// It does not say.
    pub async fn is_podman(&self) -> Result<bool> {
        let version = self.answer("tell its version", self.docker.version()).await?;
        let parts = version.components.unwrap_or_default();
        Ok(parts.iter().any(|part| part.name == "Podman Engine"))
    }

    /// Where it runs.
    ///
    /// # Errors
    /// It does not say.
    pub async fn host(&self) -> Result<Host> {
        let info = self.answer("tell about itself", self.docker.info()).await?;
        let pair = |row: Vec<String>| Some(<[String; 2]>::try_from(row).ok()?.into());
        Ok(Host {
            driver: info.driver.unwrap_or_default(),
            driver_status: info.driver_status.into_iter().flatten().filter_map(pair).collect(),
            root: info.docker_root_dir.unwrap_or_default(),
            security: info.security_options.unwrap_or_default(),
            time: info.system_time.unwrap_or_default(),
        })
    }
}
