//! How a verb is called: where, and how what it says looks.
//!
//! One signature for all verbs: `async fn run(args: &Args, call: &Call) -> Result<u8>`, which is the exit code.

use std::path::PathBuf;

use clap::ColorChoice;

/// How messages look.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Look {
    pub(in crate::cli) color: bool,
    pub(in crate::cli) terminal: bool,
    /// As JSON on standard output, for a program.
    pub(in crate::cli) json: bool,
}

/// What every verb is called with besides its own arguments.
#[derive(Debug)]
pub(in crate::cli) struct Call {
    /// The state folder, relative to the project, which is the current folder now.
    pub(in crate::cli) state: PathBuf,
    /// The folder that the command was given in.
    pub(in crate::cli) here: PathBuf,
    pub(in crate::cli) look: Look,
    /// What was asked for, for what goes to standard output.
    pub(in crate::cli) color: ColorChoice,
}
