//! Parts of the grammar that can be left out of what is generated, by name.
//!
//! `ASSEMBLED_FEATURES=all` in the environment has them all in; a list of names has those in besides.

use std::sync::LazyLock;

/// A part of the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// `${A:-"}"}`, `${A:-{}}`, `${A:?}`, `${A`.
    Words,
    /// `CMD ["a"] and more`.
    JsonTails,
    /// White space that is not ASCII's.
    Blanks,
    /// What Docker's parser refuses.
    Refusals,
    /// Modes of folders.
    FolderModes,
    /// `.dockerignore` with rules for folders, and for the Dockerfile.
    Ignores,
    /// `ONBUILD` in an image that others are built on.
    Triggers,
    /// Names and targets that are not UTF-8, or not tidy.
    Bytes,
    /// Archives that end too early.
    CutArchives,
}

/// Whether each is in, and if not, what it waits for.
pub const FEATURES: &[(Feature, bool)] = &[
    (Feature::Words, true),
    (Feature::JsonTails, true),
    (Feature::Blanks, true),
    (Feature::Refusals, true),
    (Feature::FolderModes, true),
    (Feature::Ignores, true),
    (Feature::Triggers, true),
    (Feature::Bytes, true),
    (Feature::CutArchives, true),
];

static WANTED: LazyLock<Vec<String>> = LazyLock::new(|| {
    let text = std::env::var("ASSEMBLED_FEATURES").unwrap_or_default();
    text.split(',').map(str::to_owned).collect()
});

/// Is it in?
pub fn on(feature: Feature) -> bool {
    let name = format!("{feature:?}");
    let wanted = WANTED.iter().any(|wanted| wanted == "all" || *wanted == name);
    wanted || FEATURES.iter().any(|(f, on)| *f == feature && *on)
}
