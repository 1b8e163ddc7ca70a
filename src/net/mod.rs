//! The network: files from servers, images at registries, and who the user is there.
//!
//! Does not know what is fetched or what it is for.

#![expect(
    clippy::disallowed_methods,
    reason = "what is fetched becomes a file, mirrors are folders too, and helpers know logins"
)]

mod client;
pub mod credentials;
pub mod http;
pub(crate) mod names;
pub mod registry;
mod unnamed;
