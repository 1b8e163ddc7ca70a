//! What the test programs are written in: `bb` itself, rooms to run it in, engines and mirrors of which only
//! the protocol is real.
//!
//! | module | what it is for |
//! |---|---|
//! | `fake` | steps and not images: a fake engine, a mirror of a few bytes |
//! | `sealed` | the real engine and the local mirror |
//! | `help` | what `--help` says |
//! | `signed` | digests and signatures |
//! | `told` | what messages for programs tell: which steps ran |
//!
//! Knows `bb` as a program and the library not at all.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::disallowed_methods, reason = "a test has a whole world of its own")]
#![allow(clippy::print_stderr, reason = "a test that fails already is told more")]
#![allow(
    clippy::missing_errors_doc,
    clippy::new_without_default,
    clippy::return_self_not_must_use,
    reason = "tests alone use it, and assert by it"
)]

/// A stage that only an engine's builder makes, of a dock that has a file `f`; it is of no use. Then that makes the whole
/// image.
pub const LEFT_TO_BUILDER: &str = "FROM scratch AS left\nCOPY \\\\f* /\n";

pub mod fake;
pub mod help;
pub mod registry;
pub mod sealed;
pub mod signed;
pub mod timed;
mod told;

pub use signed::digest;
pub use told::{Outcome, Told};

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The folder of the programs under test: cargo puts them beside the `deps/` that test programs and benches
/// are in, and makes them before.
pub fn programs() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let own = std::env::current_exe().unwrap();
        let folder = own.ancestors().nth(2).unwrap().to_owned();
        assert!(folder.join("bb").is_file(), "no `bb` in `{}`: build it", folder.display());
        folder
    });
    &FOLDER
}

/// Two folders for the front of PATH: the `bb` in the first calls the one in the second so that steps which
/// make or ninja start tell a program what they do.
pub fn telling() -> String {
    let telling = checkout().join("tests/support/telling");
    format!("{}:{}", telling.display(), programs().display())
}

/// The program under test.
pub fn bb() -> &'static Path {
    static BB: LazyLock<PathBuf> = LazyLock::new(|| programs().join("bb"));
    &BB
}

/// The same program with its C library in it. One that was made of other sources than there are fails the test.
pub fn static_bb() -> &'static Path {
    static BB: LazyLock<PathBuf> = LazyLock::new(|| {
        let file = programs().with_file_name("static").join("tests/bb");
        let hint = "`scripts/static.sh tests` makes it";
        let time = |path: &Path| path.metadata().and_then(|meta| meta.modified());
        let made = time(&file).unwrap_or_else(|_| panic!("no `{}`: {hint}", file.display()));
        // What it was made of, as cargo writes it: `FILE: FILE FILE …`.
        let listed = std::fs::read_to_string(file.with_extension("d")).unwrap();
        let sources = listed.split_whitespace().skip(1).map(PathBuf::from);
        let sources = sources.chain([checkout().join("Cargo.lock")]);
        for source in sources {
            let fresh = time(&source).is_ok_and(|changed| changed <= made);
            assert!(fresh, "`{}` is newer than the static `bb`: {hint}", source.display());
        }
        file
    });
    &BB
}

/// A folder below cargo's own, for what outlives a test: `cargo clean` takes it away.
pub fn scratch() -> PathBuf {
    let folder = programs().with_file_name("tmp");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The checkout.
pub fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// A number from the environment.
pub fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}
