//! The network beyond mirrors: registries. No engine, no command line and no printing.

pub mod registry;
