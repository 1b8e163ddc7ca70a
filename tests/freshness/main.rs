//! Never stale, never needless, never lost: the judge against a model that reads everything, sudden
//! ends, many processes on one project, and state folders and file systems in every condition.
//!
//! `FRESHNESS_SEQUENCES` says how many random sequences of edits, `FRESHNESS_SEED` where to begin;
//! `CHAOS_RUNS` how many runs are killed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(unreachable_pub, reason = "nobody is outside of a test program")]
#![allow(clippy::disallowed_methods, reason = "a test has a whole world of its own")]

mod chaos;
mod clock;
mod crash;
mod crowd;
mod edit;
mod model;
mod project;
mod property;
mod why;
