//! The verbs, one file each: what a person asks for, told in the terms of the rooms above.
//!
//! None of them decides what is fresh or how a step is done.

#![allow(clippy::unused_async, reason = "one signature for all verbs")]

pub(in crate::cli) mod audit;
pub(in crate::cli) mod build;
pub(in crate::cli) mod builder;
pub(in crate::cli) mod catalogue;
pub(in crate::cli) mod chain;
pub(in crate::cli) mod clean;
pub(in crate::cli) mod config;
pub(in crate::cli) mod df;
pub(in crate::cli) mod diff;
pub(in crate::cli) mod doctor;
pub(in crate::cli) mod down;
pub(in crate::cli) mod engine;
pub(in crate::cli) mod export;
pub(in crate::cli) mod gc;
pub(in crate::cli) mod graph;
pub(in crate::cli) mod history;
pub(in crate::cli) mod image;
pub(in crate::cli) mod import;
pub(in crate::cli) mod keys;
pub(in crate::cli) mod list;
pub(in crate::cli) mod logs;
pub(in crate::cli) mod makefile;
pub(in crate::cli) mod man;
pub(in crate::cli) mod missing;
pub(in crate::cli) mod new;
pub(in crate::cli) mod notes;
pub(in crate::cli) mod outdated;
pub(in crate::cli) mod ps;
pub(in crate::cli) mod push;
pub(in crate::cli) mod run;
pub(in crate::cli) mod shell;
pub(in crate::cli) mod size;
pub(in crate::cli) mod status;
pub(in crate::cli) mod step;
pub(in crate::cli) mod store;
pub(in crate::cli) mod sync;
pub(in crate::cli) mod test;
pub(in crate::cli) mod tidy;
pub(in crate::cli) mod tree;
pub(in crate::cli) mod up;
pub(in crate::cli) mod update;
pub(in crate::cli) mod watch;
pub(in crate::cli) mod why;
