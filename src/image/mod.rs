//! Images without an engine: from a Dockerfile's instructions to an image's configuration and layers.
//!
//! ```text
//! Dockerfile ─► assemble ─┬─► setting: ENV, LABEL, CMD …  ─► config ─┐
//!                         └─► copy: COPY, ADD ─► change ─► layers ───┴─► bundle: manifests
//! ```
//!
//! Pure but for [`archive`], which reads and writes files: no clock, no engine. Contents stay where they
//! are and go by file, offset and size. A Dockerfile that needs a command run, or anything else that is not
//! done here, is [`Left`] to the engine, with the reason: never guessed; one that is wrong is
//! refused.

mod accounts;
pub mod archive;
pub mod assemble;
pub mod audit;
pub mod below;
pub mod bundle;
mod change;
mod chmod;
pub mod config;
pub mod contents;
pub mod copy;
pub mod mount;
pub mod ran;
pub mod run;
pub mod sbom;
mod setting;
pub mod size;
pub mod tree;
mod variables;

use crate::base::error::{Error, Exit};
use crate::base::limits::Exceeded;

/// Why the engine has to build an image, or why nobody can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    why: String,
    beyond: Option<Exceeded>,
    refused: bool,
    failed: Option<Error>,
}

impl Left {
    /// The engine has to build it: a reason in a few words, names in backticks.
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), beyond: None, refused: false, failed: None }
    }

    /// Something that is wrong whoever builds the image.
    pub fn refused(why: impl Into<String>) -> Self {
        Self { refused: true, ..Self::new(why) }
    }

    /// A thing (a name with its backticks) has more than a limit allows: that is left to nobody.
    pub fn beyond(what: impl Into<String>, limit: Exceeded) -> Self {
        Self { beyond: Some(limit), ..Self::new(what) }
    }

    /// Something went wrong that was tried here.
    pub fn failed(error: Error) -> Self {
        let why = error.message().to_owned();
        Self { failed: Some(error), ..Self::new(why) }
    }

    /// Is it wrong whoever builds the image?
    pub fn is_refused(&self) -> bool {
        self.refused
    }

    /// The failure that it is, rather than a reason for the engine to build.
    pub fn failure(&self) -> Option<Error> {
        let beyond = self.beyond.map(|limit| limit.error(Exit::Step, &self.why));
        self.failed.clone().or(beyond).or_else(|| self.refused.then(|| Error::config(&self.why)))
    }

    /// The same about a thing that is called so.
    pub fn named(&self, what: impl Into<String>) -> Option<Error> {
        Some(self.beyond?.error(Exit::Step, &what.into()))
    }

    /// As a failure, where no engine can help.
    pub fn error(&self, message: impl FnOnce(&str) -> String) -> Error {
        self.failure().unwrap_or_else(|| Error::step(message(&self.why)))
    }

    /// The reason.
    pub fn why(&self) -> &str {
        &self.why
    }
}
