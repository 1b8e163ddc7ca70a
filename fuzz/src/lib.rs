//! The parsers under test, taken from the program's sources: they need none of its dependencies, so
//! fuzzing them need not compile any.

#[path = "../../src/base/error.rs"]
pub mod error;
#[allow(dead_code, reason = "the program uses all of it")]
#[path = "../../src/trust/mod.rs"]
pub mod trust;

pub mod checks;
#[cfg(feature = "library")]
pub mod parsers;
