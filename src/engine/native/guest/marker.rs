//! What a container says of itself that is a builder: a file of its image. Says nothing of any project.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::FOLDER;
use crate::base::error::{Error, Result};
use crate::base::limits::Limit;
use crate::base::read;

/// The file, in [`FOLDER`].
pub const FILE: &str = "builder.json";

/// What the builder is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// How this is written.
    pub format: u32,
    /// The builder's name, as a project's plan has it.
    pub image: String,
    /// What it is: the digests of stage3, snapshot and of its own files.
    pub content: String,
    /// `NAME=VALUE` that every command in it gets.
    pub env: Vec<String>,
}

/// How it is written here.
pub const FORMAT: u32 = 1;

/// Whether this container is a builder.
pub fn is_here() -> bool {
    Path::new(FOLDER).join(FILE).is_file()
}

/// What builder this container is.
///
/// # Errors
/// It is none, or one of another version of `bb`.
pub fn here() -> Result<Marker> {
    let path = Path::new(FOLDER).join(FILE);
    let none = || {
        Error::engine("this is no container of a builder's image")
            .hint("`bb builder image` makes such an image, for jobs of a CI")
    };
    if !path.is_file() {
        return Err(none());
    }
    let text = read::state(&path, Limit::ConfigSize)?;
    let strange = |why: String| {
        Error::engine(format!("`{}` is not understood: {why}", path.display()))
            .hint("make the builder's image with this version of `bb`")
    };
    let marker = serde_json::from_slice::<Marker>(&text).map_err(|e| strange(e.to_string()))?;
    if marker.format != FORMAT {
        return Err(strange(format!("it is of format {}", marker.format)));
    }
    Ok(marker)
}
