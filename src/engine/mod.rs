//! Engines: what runs programs in a root file system and keeps images.
//!
//! The only room that names the client of Docker and Podman. Does not know steps.

pub mod address;
mod boxes;
pub mod docker;
mod image;
mod talk;

pub use boxes::{Bounds, Change, ContainerSpec, FoundContainer, Owner, Port, RunSpec};
pub use image::FoundImage;
pub use talk::{Piece, Process, Session, Sink};
