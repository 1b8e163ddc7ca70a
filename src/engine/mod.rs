//! Engines: what runs programs in a root file system and keeps images.
//!
//! The only room that names the client of Docker and Podman. Does not know steps.

pub mod address;
pub mod docker;
pub mod native;
