//! Commands of daily use, by what they execute and say: against an engine of which only the wire protocol
//! is real, so that many cases cost little.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(unreachable_pub, reason = "nobody is outside of a test program")]
#![allow(clippy::disallowed_methods, reason = "a test has a whole world of its own")]

mod affected;
mod beside;
mod broken;
mod catalogue;
mod chains;
mod completed;
mod config;
mod doctor;
mod examples;
mod face;
mod family;
mod flags;
mod harness;
mod kubler;
mod limited;
mod links;
mod logs;
mod messages;
mod missing;
mod overview;
mod owner;
mod pages;
mod pure;
mod rooms;
mod secrets;
mod silent;
mod sources;
mod spelled;
mod tidy;
mod unbuilt;
mod unchanged;
mod words;
mod written;
