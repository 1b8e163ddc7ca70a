//! A project with its settings, docks and plan, as a program uses it.

#![expect(clippy::disallowed_methods, reason = "a project is files")]

pub mod project;
pub mod watch;
