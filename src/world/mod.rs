//! Effects: everything that touches files, the network or the engine. Each client crate is named in
//! exactly one file.

pub mod archive;
pub mod digest;
pub mod docker;
pub mod http;
pub mod openpgp;
pub mod store;
