//! Doing what the plan says and the judge finds stale.
//!
//! `sched` decides the order without any effect, `run` is the thin loop around it, `action` holds
//! one file per kind of step.

#![expect(clippy::disallowed_methods, reason = "steps change the world, and take time")]

pub mod action;
pub mod alone;
pub mod archives;
pub mod audited;
pub mod caches;
pub mod cause;
mod demand;
pub mod event;
mod expected;
pub mod eyes;
pub mod history;
pub mod interrupt;
pub mod job;
pub mod kept;
pub mod launch;
mod life;
pub mod looked;
mod memory;
pub mod outdated;
pub mod packages;
mod past;
pub mod preview;
pub mod put;
pub mod run;
pub mod sched;
pub mod shell;
pub mod standing;
pub mod stored;
pub mod sync;
pub mod tidy;
pub mod tokens;
mod urgent;
pub mod usage;
pub mod work;
