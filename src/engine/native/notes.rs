//! What the boxes of the engine are, as files: whoever comes later finds them by their names and labels, after the
//! process that had them is gone.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::spec::{BoxId, BoxSpec, Mount};
use super::store::{Store, put_json};
use crate::base::error::{Error, Result};
use crate::base::limits::Limit;
use crate::base::read;

/// One box.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Note {
    /// Whose it is, as [`Owner`](crate::engine::Owner) names boxes.
    pub(super) name: String,
    /// The ID of the image that it stands on.
    pub(super) image: String,
    pub(super) spec: BoxSpec,
    /// What its commands begin with, as its image says.
    pub(super) env: Vec<(String, String)>,
    pub(super) cwd: String,
    pub(super) user: String,
}

impl Note {
    /// Whether it has this cache.
    pub(super) fn has_cache(&self, cache: &str) -> bool {
        let is_it =
            |mount: &Mount| matches!(mount, Mount::Cache { name, .. } if name.as_str() == cache);
        self.spec.mounts.iter().any(is_it)
    }
}

fn path(store: &Store, id: &BoxId) -> PathBuf {
    store.path("notes").join(id.as_str())
}

/// Writes down what a box is.
pub(super) fn write(store: &Store, id: &BoxId, note: &Note) -> Result<()> {
    put_json(&path(store, id), note)
}

/// What a box is; nothing if there is none.
pub(super) fn read(store: &Store, id: &BoxId) -> Result<Option<Note>> {
    let path = path(store, id);
    let text = match read::state(&path, Limit::StateSize) {
        // It may have gone this moment.
        Err(_) if !path.exists() => return Ok(None),
        text => text?,
    };
    // Half a note is of one who was killed at it, before there was a box.
    Ok(serde_json::from_slice(&text).ok())
}

/// All boxes.
pub(super) fn all(store: &Store) -> Result<Vec<(BoxId, Note)>> {
    let folder = store.path("notes");
    let failed = |cause: io::Error| Error::file("read", &folder, &cause);
    let mut found = vec![];
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let Some(id) = name.to_str().and_then(|name| BoxId::new(name).ok()) else { continue };
        // One that goes just now is none.
        found.extend(read(store, &id)?.map(|note| (id, note)));
    }
    Ok(found)
}

/// Forgets a box that is no more.
pub(super) fn remove(store: &Store, id: &BoxId) -> Result<()> {
    let path = path(store, id);
    match fs::remove_file(&path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            Err(Error::file("remove", &path, &cause))
        }
        _ => Ok(()),
    }
}
