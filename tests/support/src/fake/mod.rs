//! A project in a folder of its own, an engine of which only the wire protocol is real, and a mirror of
//! a few bytes: what tests are written in that are about steps and not about images.

pub mod builder;
pub mod engine;
pub mod faults;
pub mod gate;
pub mod group;
pub mod http;
pub mod mirror;
pub mod real;
pub mod room;
