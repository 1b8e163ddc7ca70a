//! An image's configuration as Docker writes it.
//!
//! Values only. (`oci-spec` has these types without `HEALTHCHECK`, `ONBUILD` and `SHELL`, which are
//! Docker's own; with them, an image would lose what its Dockerfile says.)
//! Source: <https://github.com/moby/docker-image-spec/blob/v1.3.1/spec.md>.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A whole configuration: its SHA-256 is the image's ID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct ImageConfig {
    /// Gentoo's `amd64` is everybody's; others differ.
    pub architecture: String,
    /// Who made it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// What containers get.
    pub config: Config,
    /// When, in RFC 3339.
    pub created: String,
    /// What it was made by, oldest first.
    pub history: Vec<History>,
    /// Always `linux`.
    pub os: String,
    /// Its layers.
    pub rootfs: Rootfs,
}

/// The layers of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Rootfs {
    /// `sha256:…` of each, not compressed, lowest first.
    pub diff_ids: Vec<String>,
    /// Always `layers`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// One instruction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct History {
    /// When, in RFC 3339.
    pub created: String,
    /// The instruction.
    pub created_by: String,
    /// Did it leave no layer?
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

/// A set as Docker writes it: `{"a":{},"b":{}}`.
mod set {
    use std::collections::{BTreeMap, BTreeSet};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize)]
    struct Nothing {}

    pub(crate) fn serialize<S: Serializer>(
        set: &BTreeSet<String>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_map(set.iter().map(|name| (name, Nothing {})))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeSet<String>, D::Error> {
        let map = BTreeMap::<String, serde_json::Value>::deserialize(from)?;
        Ok(map.into_keys().collect())
    }
}

/// What containers get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
#[allow(missing_docs, reason = "the names are Docker's")]
pub struct Config {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    #[serde(with = "set", skip_serializing_if = "BTreeSet::is_empty")]
    pub exposed_ports: BTreeSet<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    #[serde(with = "set", skip_serializing_if = "BTreeSet::is_empty")]
    pub volumes: BTreeSet<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub on_build: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stop_signal: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shell: Vec<String>,
}

/// `HEALTHCHECK`; times in nanoseconds, 0 for the engine's own default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
#[allow(missing_docs, reason = "the names are Docker's")]
pub struct Healthcheck {
    pub test: Vec<String>,
    #[serde(skip_serializing_if = "is_zero")]
    pub interval: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub timeout: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub start_period: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub start_interval: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub retries: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Where a shell looks for programs, in an image that does not say so.
const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What engines call an architecture, by Gentoo's name of it.
pub fn architecture(arch: &str) -> &str {
    match arch {
        "x86" => "386",
        "ppc" => "ppc64le",
        "riscv" => "riscv64",
        "loong" => "loong64",
        other => other,
    }
}

impl ImageConfig {
    /// What `FROM scratch` begins with. `arch` is Gentoo's name of the architecture.
    pub fn scratch(arch: &str) -> Self {
        let architecture = architecture(arch).to_owned();
        let mut new = Self { architecture, ..Self::default() };
        "linux".clone_into(&mut new.os);
        "layers".clone_into(&mut new.rootfs.kind);
        new.config.default_path();
        new
    }
}

impl Config {
    /// The value of a variable.
    pub fn variable(&self, name: &str) -> Option<&str> {
        let value = |entry: &'_ String| entry.split_once('=').is_some_and(|(n, _)| n == name);
        let entry = self.env.iter().find(|entry| value(entry))?;
        entry.split_once('=').map(|(_, value)| value)
    }

    /// Sets a variable, in its old place if it has one.
    pub fn set_variable(&mut self, name: &str, value: &str) {
        let prefix = format!("{name}=");
        let entry = format!("{name}={value}");
        match self.env.iter_mut().find(|old| old.starts_with(&prefix)) {
            Some(old) => *old = entry,
            None => self.env.push(entry),
        }
    }

    /// All variables of what is started with it: a search path is always there.
    pub fn environment(&self) -> Vec<(String, String)> {
        let mut complete = self.clone();
        complete.default_path();
        let pair = |entry: &String| {
            entry.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
        };
        complete.env.iter().filter_map(pair).collect()
    }

    /// A `PATH`, where there is none.
    pub(super) fn default_path(&mut self) {
        if self.variable("PATH").is_none() {
            self.env.push(DEFAULT_PATH.to_owned());
        }
    }
}

/// A time as RFC 3339 says it: `2010-01-01T00:00:00Z`. `seconds` since 1970.
pub fn rfc3339(seconds: u64) -> String {
    let date = crate::base::time::date(UNIX_EPOCH + Duration::from_secs(seconds));
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{date}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_in_rfc_3339() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(1_262_304_000), "2010-01-01T00:00:00Z");
        assert_eq!(rfc3339(1_709_210_096), "2024-02-29T12:34:56Z");
        assert_eq!(rfc3339(4_102_444_799), "2099-12-31T23:59:59Z");
    }

    #[test]
    fn a_variable_keeps_its_place() {
        let mut config = ImageConfig::scratch("amd64").config;
        config.set_variable("A", "1");
        config.set_variable("PATH", "/bin");
        config.set_variable("A", "x=y");
        assert_eq!(config.env, ["PATH=/bin", "A=x=y"]);
        assert_eq!(config.variable("A"), Some("x=y"));
        assert_eq!(config.variable("P"), None);
    }
}
