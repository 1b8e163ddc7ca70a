//! A project with its settings, docks and plan, as a program uses it.

pub mod project;
pub mod watch;
