//! The network: files from servers, and who the user is at a registry.
//!
//! Does not know what is fetched or what it is for.

#![expect(
    clippy::disallowed_methods,
    reason = "what is fetched becomes a file, mirrors are folders too, and helpers know logins"
)]

pub mod credentials;
pub mod http;
