//! What an engine says of itself and of where it runs.
//!
//! Does not judge it.

use super::Docker;
use crate::base::error::Result;

/// What an engine says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// Its version.
    pub version: String,
    /// Its API's version.
    pub api: String,
    /// What its containers run on, as engines call it: `linux`.
    pub os: String,
    /// As engines call it: `amd64`.
    pub architecture: String,
}

/// What it says of where it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Host {
    /// How images are kept.
    pub driver: String,
    /// More of that, as name and value.
    pub driver_status: Vec<(String, String)>,
    /// Where.
    pub root: String,
    /// How containers are shut in: `name=seccomp,profile=default`.
    pub security: Vec<String>,
    /// Its time, as it has written it.
    pub time: String,
}

impl Host {
    pub(crate) fn security(&self, name: &str) -> Option<&str> {
        let named = |option: &&String| option.split(',').any(|part| part == format!("name={name}"));
        self.security.iter().find(named).map(String::as_str)
    }

    /// Whether a user without rights has started it.
    pub fn rootless(&self) -> bool {
        self.security("rootless").is_some()
    }
}

impl Docker {
    /// What it is.
    ///
    /// # Errors
    /// It does not say.
    pub async fn about(&self) -> Result<About> {
        let version = self.answer("tell its version", self.client.version()).await?;
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
        let ask = async || {
            let version = self.answer("tell its version", self.client.version()).await?;
            let parts = version.components.unwrap_or_default();
            Ok(parts.iter().any(|part| part.name == "Podman Engine"))
        };
        self.is_podman.get_or_try_init(ask).await.copied()
    }

    /// Where it runs.
    ///
    /// # Errors
    /// It does not say.
    pub async fn host(&self) -> Result<Host> {
        let info = self.answer("tell about itself", self.client.info()).await?;
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
