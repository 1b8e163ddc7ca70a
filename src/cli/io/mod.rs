//! The streams and the terminal: the only writers of standard output and error.
//!
//! What is said is decided elsewhere.

pub(in crate::cli) mod message;
pub(in crate::cli) mod output;
pub(in crate::cli) mod owner;
pub(in crate::cli) mod terminal;
