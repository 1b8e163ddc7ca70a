//! Values that everyone uses: identifiers, references, errors, limits, words.
//!
//! Pure but for [`open`], [`read`] and [`given`]: the one way to a file that a project brings, and the one
//! way out to a place that a person names. Knows nothing of images, docks or steps.

pub mod diag;
pub mod digest;
pub mod error;
pub mod given;
pub mod hex;
pub mod ids;
pub mod label;
pub mod limits;
pub mod machine;
pub mod name;
pub mod open;
pub mod parallel;
pub mod patterns;
pub mod read;
pub mod reference;
pub mod secret;
pub mod table;
pub mod time;
pub mod words;
