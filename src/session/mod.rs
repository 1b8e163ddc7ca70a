//! The face of the library: a project that is opened, and all that can be done with it.
//!
//! Knows no command line and no terminal. Prints nothing and reads no environment: what it is to know of those, it
//! is given, and what it has to say goes to whom it is told to. What asks an engine or a mirror needs tokio's runtime
//! around it.
//!
//! The one thing that it takes from the process is the current folder: see [`Project::open`].

#![expect(clippy::disallowed_methods, reason = "a project is files")]

mod affected;
mod bases;
mod build;
mod docks;
mod engine;
mod export;
mod facts;
pub mod guest;
pub mod import;
mod missing;
pub mod moving;
mod pin;
mod plan;
mod preview;
pub mod project;
mod recall;
mod registry;
mod sent;
mod shared;
mod sync;
mod tidy;
mod unchanged;
mod update;
mod usage;
pub mod watch;

pub use crate::exec::event::{Event, Summary};
pub use crate::exec::job::Standing;
pub use crate::exec::outdated::Outdated;
pub use crate::exec::tidy::{Outcome, Thing};
pub use crate::plan::Plan;
pub use crate::plan::select::Again;
pub use crate::report::Message;
pub use bases::{Moved, Now};
pub use build::{Built, Judged, Options};
pub use docks::Docks;
pub use export::{Form, Makefile};
pub use missing::Missing;
pub use preview::Previewed;
pub use project::{Project, Surroundings};
pub use sync::Asker;
pub use tidy::{Tidying, Unneeded};
pub use update::{Offered, Updated};
pub use usage::DiskUsage;

/// Who is told what happens, in the order in which it does: events of steps, and what else people should know.
/// [`Message::text`] and [`json`](crate::report::json()) are two ways to show it.
pub type Tell<'a> = dyn FnMut(&Message<'_>) + Send + 'a;
