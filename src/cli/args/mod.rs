//! What several verbs take from the command line, and its completion.
//!
//! Turns words into values; does nothing with them.

pub(in crate::cli) mod complete;
pub(in crate::cli) mod compress;
pub(in crate::cli) mod sources;
pub(in crate::cli) mod switches;
