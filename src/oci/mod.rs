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

pub mod assemble;
pub mod bundle;
mod change;
mod chmod;
pub mod config;
pub mod copy;
pub mod label;
mod setting;
pub mod tree;
mod variables;

/// Why the engine has to build an image, or why nobody can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    why: String,
    refused: bool,
}

impl Left {
    /// A reason in a few words, names in backticks.
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), refused: false }
    }

    /// Something that is wrong whoever builds the image.
    pub fn refused(why: impl Into<String>) -> Self {
        Self { why: why.into(), refused: true }
    }

    /// The reason.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// Is it wrong whoever builds the image?
    pub fn is_refused(&self) -> bool {
        self.refused
    }
}
