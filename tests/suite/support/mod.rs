//! Rooms, runs, images and a proxy: what the tests are written in.

#[allow(dead_code, reason = "one of the test programs uses it")]
mod browser;
mod engine;
mod image;
mod mirror;
#[allow(dead_code, reason = "one of the test programs uses it")]
mod private;
mod proxy;
mod reaper;
mod room;
mod run;

#[allow(unused_imports, reason = "one of the test programs uses it")]
pub use browser::Browser;
pub use engine::Engine;
pub use image::{Image, Kind};
pub use mirror::Mirror;
#[allow(unused_imports, reason = "one of the test programs uses it")]
pub use private::Private;
pub use proxy::Proxy;
pub use room::Room;
#[allow(unused_imports, reason = "one of the test programs uses it")]
pub use run::normal;
pub use run::{Run, Running};

/// Lines of text, sorted, for comparing sets.
pub fn sorted<S: Into<String>>(words: impl IntoIterator<Item = S>) -> Vec<String> {
    let mut words = words.into_iter().map(Into::into).collect::<Vec<_>>();
    words.sort();
    words
}
