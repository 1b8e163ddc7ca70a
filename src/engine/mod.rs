//! Engines: what runs programs in a root file system and keeps images.
//!
//! The only room that names the client of Docker and Podman, and namespaces. Does not know steps.

pub mod address;
mod boxes;
pub mod choice;
pub mod docker;
mod image;
pub mod memory;
pub mod native;
mod talk;
mod traits;
mod usage;

pub use boxes::{
    Account, Bounds, CacheMount, Change, ContainerSpec, FoundContainer, ImageCommand, JOBSERVER,
    Network, Owner, Port, RunSpec,
};
pub use image::{FoundImage, HeldImage, NewImage};
pub use talk::{Piece, Process, Session, Sink, TerminalSize};
pub use traits::{Boxes, Commands, Engine, Images, IsWell, Slowed, Talks};
pub use usage::{Going, Kept, Sort, Wanted};
