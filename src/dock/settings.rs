//! `dock.toml`: the few settings that a dock may have of its own.
//!
//! Text → values; knows no file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use crate::base::error::{Error, Place, Result};
use crate::base::label::given;
use crate::dock::allowance::Allowance;
use crate::dock::budget::Budget;
use crate::dock::checks::Checks;
use crate::dock::fetched::Fetched;

/// What `dock.toml` says; all of it is optional.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DockSettings {
    /// For the rootfs step.
    pub rootfs: RootfsSettings,
    /// For `bb audit`.
    pub audit: AuditSettings,
    /// For the commands of its Dockerfile.
    pub run: RunSettings,
    /// What the image has to do where it runs.
    pub test: Checks,
    /// How much memory its compilers need.
    pub memory: Option<Budget>,
    /// How large the image may be.
    pub size_budget: Option<Budget>,
    /// Labels of the image, by short or whole name.
    #[serde(deserialize_with = "given")]
    pub labels: BTreeMap<String, String>,
}

/// The table `[rootfs]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RootfsSettings {
    /// Patterns of further files of the dock that `Buildconfig.sh` reads at `/config`.
    pub inputs: Vec<String>,
    /// Files from elsewhere that its hooks find below `/config/fetched`.
    pub fetch: Vec<Fetched>,
}

/// The table `[audit]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditSettings {
    /// Findings that are meant so.
    pub allow: Vec<Allowance>,
}

/// The table `[run]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunSettings {
    /// Whether a `RUN` has the network: what containers of the engine reach; on the native one, what this machine does.
    /// Then nobody knows that the image is the same each time.
    pub network: bool,
}

/// Reads the text of a `dock.toml`.
///
/// # Errors
/// It is no TOML, or has a setting that there is none of: with its place.
pub fn parse(file: &Path, text: &str) -> Result<DockSettings> {
    let settings = toml::from_str::<DockSettings>(text).map_err(|cause| {
        let place = Place::new(file, text, cause.span().unwrap_or(0..0));
        Error::config(cause.message().trim()).at(place)
    })?;
    match twice(&settings.rootfs.fetch) {
        Some(name) => Err(Error::config(format!(
            "`{}` fetches two files that are called `{name}`",
            file.display()
        ))
        .hint("`name` gives one of them another name")),
        None => Ok(settings),
    }
}

fn twice(fetched: &[Fetched]) -> Option<&str> {
    let mut seen = BTreeSet::new();
    fetched.iter().map(|fetched| fetched.name.as_str()).find(|name| !seen.insert(*name))
}
