//! One dock: what its folder says.
//!
//! ```text
//! bb-dock/ ─► discover ─► Dock ─► dockerfile ─► Template ─► context ─► files the image sees
//! ```
//!
//! [`discover`] is the only part that reads files; the others turn text into values. None of them
//! knows of steps, of the engine or of what is up to date. `Buildconfig.sh` is carried along, once its text
//! has been looked at: it is bash, and the builder is the only place that runs it. [`kubler`] makes docks of another
//! program's images.

pub mod allowance;
pub mod budget;
mod buildconfig;
pub mod checks;
pub mod context;
pub mod discover;
pub mod fetched;
pub mod kubler;
pub mod readme;
pub mod settings;

pub use context::{Selection, Visible};
pub use discover::{Dock, FileEntry, FileKind};
pub use settings::DockSettings;
