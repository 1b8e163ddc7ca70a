//! Images as an engine has them.
//!
//! Values only. Does not know whose they are.

use std::collections::BTreeMap;

use crate::fresh::inventory::is_shared;

/// The label that says what an image was made of, where that alone decides what it is: projects
/// share such images.
pub(super) const CONTENT_LABEL: &str = "bb.content";

/// An image as the engine lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundImage {
    /// The engine's id for it.
    pub id: String,
    /// What it is called; nothing, if another one has its name now.
    pub references: Vec<String>,
    /// What registries call it: `debian@sha256:…`.
    pub digests: Vec<String>,
    /// With what it shares with others, as `docker images` counts.
    pub size: u64,
    /// What its label says that it is.
    pub content: Option<String>,
}

impl FoundImage {
    /// [`Inventory::id`](crate::fresh::Inventory::id) of it under one of its names.
    pub fn identity(&self, name: &str) -> &str {
        self.content.as_deref().filter(|_| is_shared(name)).unwrap_or(&self.id)
    }
}

/// An image as it was looked up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeldImage {
    /// The engine's id for it.
    pub id: String,
    /// Bytes, with what it shares with others.
    pub size: i64,
    /// How many layers it has.
    pub layers: usize,
    /// By name.
    pub labels: BTreeMap<String, String>,
    /// What it leaves by `ONBUILD` to those that are built on it.
    pub triggers: Vec<String>,
    /// The words before a command that is not in the JSON form, as its `SHELL` says; none if it does not say.
    pub shell: Vec<String>,
    /// `HEALTHCHECK` as its configuration has it: how, and the words.
    pub health: Vec<String>,
}

impl HeldImage {
    /// What its label says that it is.
    pub fn content(&self) -> Option<&str> {
        self.labels.get(CONTENT_LABEL).map(String::as_str)
    }

    /// The command of its `HEALTHCHECK`, as words.
    ///
    /// Source: <https://github.com/moby/docker-image-spec/blob/v1.3.1/spec.md>, `Healthcheck`.
    pub fn health_command(&self) -> Option<Vec<String>> {
        let (kind, words) = self.health.split_first()?;
        match (kind.as_str(), words) {
            ("CMD", [_, ..]) => Some(words.to_vec()),
            ("CMD-SHELL", [line, ..]) => {
                Some(vec!["/bin/sh".to_owned(), "-c".to_owned(), line.clone()])
            }
            _ => None,
        }
    }
}

/// An image that is made of a box.
#[derive(Debug, Clone, Copy, Default)]
pub struct NewImage<'a> {
    /// What it is called.
    pub reference: &'a str,
    /// What it is.
    pub content: &'a str,
    /// Labels of the box that are empty in it: what is started from the image would inherit them.
    pub without: &'a [&'a str],
    /// `NAME=VALUE` that what is started from it gets.
    pub env: &'a [&'a str],
}
