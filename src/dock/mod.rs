//! One dock: what its files say.
//!
//! ```text
//! bb-dock/ ─► discover ─► Dock ─► render ─► Rendered ─► template ─► Template ─► context ─► files the image sees
//! ```
//!
//! [`discover`] is the only part that reads files; the others turn text into values. None of them
//! knows of steps, of the engine or of what is up to date. `Buildconfig.sh` is only carried along:
//! it is bash, and the builder is the only place that runs it.

pub mod context;
pub mod discover;
pub mod glob;
pub mod ignore;
pub mod render;
pub(crate) mod scan;
pub mod settings;
pub mod template;
pub(crate) mod words;

pub use context::{Selection, Visible};
pub use discover::{Dock, FileEntry, FileKind, discover};
pub use ignore::Ignore;
pub use render::{Markers, Rendered};
pub use settings::DockSettings;
pub use template::{CopySource, Known, Parent, ParentKind, Role, Source, Template};
