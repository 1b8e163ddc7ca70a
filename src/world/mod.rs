//! Effects: everything that touches files, the network or the engine. Each client crate is named in
//! exactly one file.

pub mod address;
pub mod archive;
pub mod compose;
pub mod credentials;
pub mod digest;
pub mod docker;
pub mod given;
pub mod held;
pub mod http;
pub mod index;
pub mod keys;
pub mod leftovers;
pub mod logs;
pub mod machine;
pub mod open;
pub mod openpgp;
pub mod read;
pub mod release;
pub mod store;
pub mod trace;
pub mod watch;
