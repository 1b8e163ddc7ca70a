//! The network: files from servers, and who the user is at a registry.
//!
//! Does not know what is fetched or what it is for.

pub mod credentials;
pub mod http;
