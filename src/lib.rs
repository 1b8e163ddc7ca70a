//! Slim container base images with Gentoo Portage, busybox and s6.
//!
//! ```text
//! bb.toml, bb.lock ─► config ┐
//! bb-dock/ ─► dock ──────────┴─► plan (graph of steps) ─► exec (scheduler ⇄ tokio loop) ─► action ─► world
//!                                   │                                   │                               │
//!                 stamps + file times ─► fresh ─► verdict ◄─────────────┘        stamps ◄───────────────┘
//! ```
//!
//! `plan` says what exists, `fresh` says what is needed, `exec` does it. `plan`, `fresh`,
//! `exec::sched`, `config` and `dockerfile::template` know no clock, no file and no network.

pub mod base;
pub mod chain;
#[cfg(feature = "cli")]
pub mod cli;
pub mod config;
pub mod dock;
pub mod dockerfile;
pub mod doctor;
pub mod engine;
pub mod exec;
pub mod export;
pub mod fresh;
pub mod gentoo;
pub mod image;
pub mod net;
pub mod plan;
pub mod report;
pub mod session;
pub mod state;

pub use base::error::{Error, Exit, Result};
