//! Images without an engine: from a Dockerfile's instructions to an image's configuration and layers.
//!
//! ```text
//! Dockerfile ─► assemble ─┬─► setting: ENV, LABEL, CMD …  ─► config ─┐
//!                         └─► copy: COPY, ADD ─► change ─► layers ───┴─► bundle: manifests
//! ```
//!
//! Pure: no file, no clock, no engine. Contents stay where they are and go by file, offset and size.
//! A Dockerfile that needs a command run, or anything else that is not done here, is [`Left`] to the
//! engine, with the reason: never guessed; one that is wrong is refused.

pub mod assemble;
pub mod bundle;
mod change;
pub mod config;
pub mod copy;
pub mod label;
mod setting;
pub mod tree;
mod variables;

/// Why an image is not put together here: the engine has to build it, or nobody can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    why: String,
    refused: bool,
}

impl Left {
    /// The engine has to build it: a reason in a few words, names in backticks.
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), refused: false }
    }

    /// Nobody can: the Dockerfile is wrong.
    pub fn refused(why: impl Into<String>) -> Self {
        Self { why: why.into(), refused: true }
    }

    /// The reason.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// Is the Dockerfile wrong, so that the engine need not be asked?
    pub fn is_refused(&self) -> bool {
        self.refused
    }
}
