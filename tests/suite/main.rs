//! The integration tests: the real `bb` in sealed rooms, against a real engine and real Portage.
//!
//! | module | what it needs |
//! |---|---|
//! | `errors`, `made` | nothing, or the engine, or the local mirror |
//! | `assembled` | the engine |
//! | `audited` | the engine and a C compiler |
//! | `chaos`, `cheap`, `differs`, `watched` | the engine; images FROM scratch, seconds |
//! | `graphed` | the engine and Chromium |
//! | `repository` | the engine, make and a C compiler |
//! | `slice` | the engine and the local mirror; compiles |
//!
//! A test that lacks its engine or its mirror fails and says how to get it.
#![allow(missing_docs, clippy::unwrap_used)]

mod assembled;
mod audited;
mod chaos;
mod cheap;
mod differs;
mod errors;
mod graphed;
#[path = "../fake/group.rs"]
mod group;
mod made;
mod repository;
mod slice;
mod support;
mod watched;
