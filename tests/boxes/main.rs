//! Boxes of the native engine: real namespaces, a root of one static busybox, no engine and no network.
//!
//! | module | what it shows |
//! |---|---|
//! | `commands` | codes, signals, streams, users, folders; who is there; the end of a box |
//! | `cage` | what a box does not see, does not reach and may not do |
//! | `tried` | what a program in a box tries by calls of its own, and which error refuses it |
//! | `engine` | the native engine: images in and out, boxes on them, caches, what is left for the next process |
//! | `layers` | unpacking, whiteouts, owners, what a box has changed; hostile archives |
//! | `killed` | a process that is killed at any moment leaves nothing that runs |
//! | `users` | all of this again as an ordinary user; one without ids |
//!
//! Needs Debian's busybox-static, uidmap and util-linux, root, and an account that `scripts/test.sh` makes.

#![allow(missing_docs, clippy::unwrap_used)]
#![allow(unreachable_pub, reason = "nobody is outside of a test program")]
#![allow(clippy::disallowed_methods, reason = "a test has a whole world of its own")]

mod cage;
mod commands;
mod engine;
mod killed;
mod layers;
mod room;
mod tried;
mod users;
