//! Whether boxes work on this machine: one is started, and goes again.

use std::path::{Path, PathBuf};

use super::spec::BoxSpec;
use super::{Native, failed};
use crate::base::error::Result;

/// Starts an empty box in a folder that is made in `near`, and removes both. If there is a store, it has to be this
/// user's.
///
/// # Errors
/// As of [`Native::open`] and [`Native::start`].
pub fn tried(program: PathBuf, store: &Path, near: &Path) -> Result<()> {
    if super::is_store(store) {
        Native::open(program.clone(), store)?;
    }
    let folder = tempfile::Builder::new().prefix(".bb-tried-").tempdir_in(near);
    let folder = folder.map_err(|cause| failed("make a folder for a box", &cause))?;
    let native = Native::open(program, folder.path())?;
    let id = native.start(&BoxSpec::default())?;
    native.remove(&id)?;
    folder.close().map_err(|cause| failed("remove a box's folder", &cause))
}
