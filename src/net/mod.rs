//! The network: files from servers, images at registries, and who the user is there.
//!
//! Does not know what is fetched or what it is for.

pub mod credentials;
pub mod http;
pub mod registry;
