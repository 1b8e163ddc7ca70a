//! Images as an engine has them.
//!
//! Values only. Does not know whose they are.

use crate::fresh::inventory::is_shared;

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
    /// [`Inventory::id`] of it under one of its names.
    pub fn identity(&self, name: &str) -> &str {
        self.content.as_deref().filter(|_| is_shared(name)).unwrap_or(&self.id)
    }
}
