//! The slice: real Portage compiles the shipped docks in the real engine.
//!
//! The tests share one project, built once. Each has it for itself while it runs; what it adds it takes
//! away, what it changes in the shipped docks stays, built.

mod below;
mod bom;
mod chained;
mod contents;
mod differs;
mod examples;
mod failures;
mod freshness;
mod killed;
mod made;
mod moved;
mod outdated;
pub(crate) mod podman;
mod project;
mod pushed;
mod remote;
mod reproducible;
mod running;
mod shell;
mod slimmed;
mod tested;
mod unverified;

pub use outdated::tomorrow;
pub use project::{IMAGES, Project, copy_dock, copy_docks};
