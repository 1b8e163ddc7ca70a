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
//! `exec::sched`, `config` and `dock::template` know no clock, no file and no network.

pub mod audit;
pub mod chain;
pub mod checks;
pub mod cli;
pub mod config;
pub mod contents;
pub mod diag;
pub mod dock;
pub mod doctor;
pub mod error;
pub mod exec;
pub mod export;
pub mod fresh;
pub mod hex;
pub mod ids;
pub mod limits;
pub mod lock;
pub mod name;
pub mod net;
pub mod oci;
pub mod outdated;
pub mod parallel;
pub mod patterns;
pub mod plan;
pub mod project;
pub mod reference;
pub mod report;
pub mod sbom;
pub mod size;
pub mod trust;
pub mod words;
pub mod world;

pub use error::{Error, Exit, Result};
