//! Doing what the plan says and the judge finds stale.
//!
//! `sched` decides the order without any effect, `run` is the thin loop around it, `action` holds
//! one file per kind of step.

pub mod action;
pub mod audited;
pub mod caches;
pub mod event;
pub mod eyes;
pub mod job;
pub mod looked;
pub mod run;
pub mod sched;
pub mod sync;
pub mod tidy;
pub mod work;
