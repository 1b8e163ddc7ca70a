//! What does not verify does not get in: the real `bb`, mirrors that lie, keys made on the spot.
//!
//! | module | what it shows |
//! |---|---|
//! | `update` | moving the lock: newer, older, replayed, flavours that are gone |
//! | `outdated` | looking at what an update would change: nothing unverified gets near a builder |
//! | `keyring` | `bb keys`, where certificates come from, expiry |
//! | `skip` | `-s`: what it says, what it leaves, how it ends |
//! | `fetch` | downloads that break and go on; real nginx |
//! | `registries` | the client of registries: Debian's own, one that lies, one that is away |
//! | `bomb` | files that unpack to gigabytes where a signature is expected |
//! | `corpus` | the inputs of `make fuzz`, replayed |
//! | `hostile` | a table of broken and hostile inputs, with the exact message of each |
//!
//! Needs Debian's nginx, docker-registry, skopeo and OpenSSL, but no engine and no network: the engine is a fake one. All
//! keys and signatures are dated to fixed times.

#![allow(missing_docs, clippy::unwrap_used)]
#![allow(unreachable_pub, reason = "nobody is outside of a test program")]
#![allow(clippy::disallowed_methods, reason = "a test has a whole world of its own")]

mod bomb;
mod corpus;
mod fetch;
#[allow(clippy::too_many_lines, clippy::semicolon_if_nothing_returned, reason = "tables")]
mod hostile;
mod keyring;
mod keys;
mod mirror;
mod outdated;
#[allow(
    clippy::unnecessary_wraps,
    reason = "as a server's handlers answer, and settings are given"
)]
mod registries;
mod server;
mod skip;
mod update;
