//! Rooms and runs with the real engine and the local mirror.

mod engine;
mod mirror;
mod reaper;
mod room;
mod run;

pub use engine::Engine;
pub use mirror::Mirror;
pub use room::Room;
pub use run::{Run, Running, normal};

/// Lines of text, sorted, for comparing sets.
pub fn sorted<S: Into<String>>(words: impl IntoIterator<Item = S>) -> Vec<String> {
    let mut words = words.into_iter().map(Into::into).collect::<Vec<_>>();
    words.sort();
    words
}
