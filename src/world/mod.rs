//! Effects: everything that touches files, the network or the engine.

pub mod digest;
pub mod http;
pub mod openpgp;
pub mod release;
pub mod store;
