//! `bb build`, GNU make, bmake and ninja do the same work: on random projects and after random edits,
//! each executes exactly the steps that a small model says, and after any one of them another has
//! nothing to do. The engine is a fake that speaks Docker's protocol.
//!
//! `PARITY_SEQUENCES` says how many sequences, `PARITY_SEED` where to begin.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(unreachable_pub, reason = "nobody is outside of a test program")]
#![allow(clippy::disallowed_methods, reason = "a test has a whole world of its own")]

mod cases;
mod demand;
mod edit;
mod lost;
mod model;
mod project;
mod property;
mod recall;
mod trouble;
