//! What happens during a run, as data for `report`.
//!
//! Does not know how it is shown.

use std::path::PathBuf;
use std::time::Duration;

use crate::base::error::Error;
use crate::base::ids::StepId;
use crate::exec::packages::At;
use crate::exec::standing::Standing;

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// An action begins, and why.
    Started {
        /// The step.
        step: StepId,
        /// In words.
        reason: String,
    },
    /// Another process works on the step.
    Waiting {
        /// The step.
        step: StepId,
        /// Which process.
        owner: String,
    },
    /// The step waits until other ones have given back so much memory that they have reserved.
    Crowded {
        /// The step.
        step: StepId,
        /// How many bytes it wants to reserve.
        bytes: u64,
    },
    /// Bytes of a transfer.
    Bytes {
        /// The step.
        step: StepId,
        /// So far.
        done: u64,
        /// In all, if known.
        total: Option<u64>,
    },
    /// The newest line of the step's log.
    Line {
        /// The step.
        step: StepId,
        /// Without its newline.
        text: String,
    },
    /// A step is at another package, or in another phase of one.
    Package {
        /// The step.
        step: StepId,
        /// Where it is.
        at: At,
    },
    /// A step still runs: said now and then, while nothing ends.
    Still {
        /// The step.
        step: StepId,
        /// For how long.
        took: Duration,
        /// Where it is, if it is at a package.
        at: Option<At>,
    },
    /// Where the run stands: said each second to whoever shows it.
    Standing {
        /// How far it is.
        standing: Standing,
        /// Whether it comes with the signs of life, for whoever writes a line for each thing that is said.
        is_sign: bool,
    },
    /// An action ended well.
    Done {
        /// The step.
        step: StepId,
        /// How long it took.
        took: Duration,
        /// A few words on the result, such as a size; may be empty.
        note: String,
    },
    /// The engine lacked the image of a step that is up to date, and has it now.
    Put {
        /// The step.
        step: StepId,
        /// What the image is called.
        images: Vec<String>,
    },
    /// What a step has to say though it goes on.
    Warned {
        /// With the step's name.
        message: String,
    },
    /// Ctrl-C: what runs is stopped, what it left is removed.
    Stopping,
    /// An action failed.
    Failed {
        /// The step.
        step: StepId,
        /// Why.
        error: Error,
        /// Its log, if it has one.
        log: Option<PathBuf>,
    },
}

/// What a run came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Steps whose action ran and ended well.
    pub executed: Vec<StepId>,
    /// Steps with nothing to do.
    pub fresh: usize,
    /// How many of these have an image that the engine lacked, and has now.
    pub put: usize,
    /// Steps that were taken as recorded, whatever has changed since.
    pub taken: usize,
    /// Steps that failed.
    pub failed: Vec<StepId>,
    /// Steps that did not run because one before them failed.
    pub skipped: Vec<StepId>,
}
