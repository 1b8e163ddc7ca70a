//! Slim container base images with Gentoo Portage, busybox and s6.
//!
//! ```text
//! bb.toml, bb.lock ─► config ┐
//! bb-dock/ ─► dock ──────────┴─► plan (graph of steps) ─► exec (scheduler ⇄ tokio loop) ─► action ─► world
//!     ▲                             │         │                         │                               │
//!     │           stamps + file times ─► fresh ─► verdict ◄─────────────┘        stamps ◄───────────────┘
//!     │                                       │
//! Project::open ──► plan ──► judge ──► build, step, update, preview, results, export: session
//! ```
//!
//! `plan` says what exists, `fresh` says what is needed, `exec` does it. `plan`, `fresh`,
//! `exec::sched`, `config` and `dockerfile::template` know no clock, no file and no network.
//!
//! [`Project`] is the way in; all that it takes and gives is in [`session`]. `bb`, the program, is one that uses it:
//! it is `cli`, which the default feature of that name has. Three others are in `examples/`: one lists what is stale
//! and why, one builds with a progress of its own, one with an engine of its own.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use gentoo_bb::{Message, Options, Project, Surroundings};
//!
//! # async fn build() -> gentoo_bb::Result<()> {
//! let project = Project::open(Path::new("."), Surroundings::default())?;
//! let mut show = |message: &Message<'_>| print!("{}", message.text(false));
//! let built = project.build(&Options::default(), &mut show).await?;
//! assert!(built.summary.failed.is_empty());
//! # Ok(())
//! # }
//! ```

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
pub mod shared;
pub mod state;

pub use base::error::{Error, Exit, Result};
pub use session::{
    Again, Asker, Built, Event, Form, Judged, Makefile, Message, Missing, Offered, Options,
    Outcome, Outdated, Plan, Previewed, Project, Standing, Summary, Surroundings, Tell, Thing,
    Tidying, Unneeded, Updated,
};
