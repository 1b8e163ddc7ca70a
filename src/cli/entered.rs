//! Where a command is run: the environment, and the project in the current folder.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::base::error::Result;
use crate::exec::tokens::Upstream;
use crate::session::{Project, Surroundings};

/// This program, whatever its file is called meanwhile.
pub(in crate::cli) const PROGRAM: &str = "/proc/self/exe";

/// The environment's variables; those that are not UTF-8 are none of ours.
pub(in crate::cli) fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
        .collect()
}

/// The jobserver of the make that has started this process.
static JOBSERVER: OnceLock<Option<Arc<Upstream>>> = OnceLock::new();

/// Opens what make has left open for us. To be called before this process opens anything else.
pub(in crate::cli) fn inherit_jobserver() {
    let makeflags = std::env::var("MAKEFLAGS").unwrap_or_default();
    let _ = JOBSERVER.set(Upstream::inherited(&makeflags).map(Arc::new));
}

/// The project that was entered, with its state folder.
pub(in crate::cli) fn project(state: &Path) -> Result<Project> {
    let (environment, state) = (environment(), state.to_owned());
    let program = Some(PROGRAM.into());
    let jobserver = JOBSERVER.get().cloned().flatten();
    let (signals, engine) = (true, None);
    let surroundings = Surroundings { environment, state, signals, engine, program, jobserver };
    Project::open(Path::new("."), surroundings)
}
