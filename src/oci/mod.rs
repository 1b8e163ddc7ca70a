//! Images without an engine: from a Dockerfile's instructions to an image's configuration and layers.
//!
//! ```text
//! Dockerfile ─► assemble ─┬─► setting: ENV, LABEL, CMD …  ─► config ─┐
//!                         └─► copy: COPY, ADD ─► change ─► layers ───┴─► bundle: manifests
//! ```
//!
//! Pure: no file, no clock, no engine. Contents stay where they are and go by file, offset and size.
//! A Dockerfile that needs a command run, or anything else that is not done here, is [`Left`] to the
//! engine, with the reason: never guessed.

mod accounts;
pub mod assemble;
pub mod below;
pub mod bundle;
mod change;
pub mod config;
pub mod copy;
pub mod label;
mod setting;
pub mod tree;
mod variables;

/// Why the engine has to build an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left(String);

impl Left {
    /// A reason in a few words, names in backticks.
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }

    /// The reason.
    pub fn why(&self) -> &str {
        &self.0
    }
}
