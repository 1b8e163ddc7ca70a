//! The state folder `.bb`: records and stamps of steps, what is held in whose hands, traces of answers, logs;
//! and how much room files take.
//!
//! Reads and writes them; what they mean for a step is `fresh`'s business. Knows no network and no engine.

#![expect(clippy::disallowed_methods, reason = "the state is files, and a lock is waited for")]

pub mod disk;
pub mod held;
pub mod index;
pub mod leftovers;
pub mod logs;
pub mod store;
pub mod trace;
