//! Where a command is run: the environment, and the project in the current folder.

use std::collections::BTreeMap;
use std::path::Path;

use crate::base::error::Result;
use crate::session::{Project, Surroundings};

/// This program, whatever its file is called meanwhile.
pub(in crate::cli) const PROGRAM: &str = "/proc/self/exe";

/// The environment's variables; those that are not UTF-8 are none of ours.
pub(in crate::cli) fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
        .collect()
}

/// The project that was entered, with its state folder.
pub(in crate::cli) fn project(state: &Path) -> Result<Project> {
    let (environment, state) = (environment(), state.to_owned());
    let program = Some(PROGRAM.into());
    let surroundings = Surroundings { environment, state, signals: true, engine: None, program };
    Project::open(Path::new("."), surroundings)
}
