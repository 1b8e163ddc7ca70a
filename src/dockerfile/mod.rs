//! Docker's grammar: what the text of a Dockerfile.template says, and which files of its context an image sees.
//!
//! ```text
//! text ─► render ─► Rendered ─► scan ─► instructions ─► template ─► Template
//! ```
//!
//! Pure: text becomes values. Does not know folders, steps, engines or what is up to date.

pub mod glob;
pub(crate) mod grammar;
pub mod ignore;
mod json;
pub(crate) mod limits;
pub mod plain;
pub mod render;
pub(crate) mod scan;
pub mod template;
pub(crate) mod words;

pub use grammar::mount::Sharing;
pub use ignore::Ignore;
pub use render::{Markers, Rendered};
pub use template::{CopySource, Known, Parent, ParentKind, Role, Source, Template};
