//! What `bb up`, `bb down` and `bb ps` share: where chains are, and how one is read.

use std::path::{Path, PathBuf};

use crate::chain::{Chain, ChainName};
use crate::error::{Error, Result};
use crate::lock::Lock;
use crate::plan::select::suggestion;
use crate::project::Project;
use crate::world::docker::members::Member;
use crate::world::open::{TEXT_LIMIT, unreadable};

/// The folder of the chains' files. Paths in these are relative to it.
pub(super) const FOLDER: &str = "chains";

/// The file that a chain is written in.
pub(super) fn file(name: &ChainName) -> PathBuf {
    Path::new(FOLDER).join(format!("{name}.yaml"))
}

/// The file that the compose tool was given.
pub(super) fn rendered(project: &Project, name: &ChainName) -> PathBuf {
    project.store().root().join(FOLDER).join(format!("{name}.yaml"))
}

/// The chains that are written here, and those that may still be up although their file has gone.
///
/// # Errors
/// Exit 3: their folder is a link that leads out of the project.
pub(super) fn known(project: &Project) -> Result<Vec<ChainName>> {
    project.ground.check(Path::new(FOLDER))?;
    let mut names = [PathBuf::from(FOLDER), project.store().root().join(FOLDER)]
        .iter()
        .flat_map(|folder| in_folder(folder))
        .collect::<Vec<_>>();
    names.sort();
    names.dedup();
    Ok(names)
}

fn in_folder(folder: &Path) -> Vec<ChainName> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter_map(|name| name.strip_suffix(".yaml")?.parse().ok()).collect()
}

/// There is no such chain.
pub(super) fn unknown(project: &Project, name: &ChainName) -> Error {
    let known = match known(project) {
        Ok(known) => known.iter().map(ToString::to_string).collect::<Vec<_>>(),
        Err(error) => return error,
    };
    let hint = if known.is_empty() {
        format!("a chain is a Compose file `{FOLDER}/NAME.yaml`; there is none yet")
    } else {
        suggestion(name.as_str(), &known)
    };
    if known.is_empty() && !Path::new(FOLDER).is_dir() {
        return Error::usage(format!("there is no folder `{FOLDER}`")).hint(hint);
    }
    Error::usage(format!("unknown chain `{name}`")).hint(hint)
}

/// Reads a chain as it is now.
pub(super) fn read(project: &Project, name: &ChainName) -> Result<Chain> {
    let file = file(name);
    if file.symlink_metadata().is_err() {
        return Err(unknown(project, name));
    }
    let text = project.ground.text(&file, TEXT_LIMIT);
    let text = text.map_err(|refused| refused.or(|cause| unreadable(&file, cause)))?;
    let lock = project.lock()?;
    let markers = project.settings.markers(lock.as_ref().map_or("", Lock::date)).into();
    Chain::parse(&file, &text, &markers)
}

/// Puts it where the compose tool finds it.
pub(super) fn write(project: &Project, path: &Path, chain: &Chain) -> Result<()> {
    let store = project.store();
    store.create()?;
    store.replace(path, chain.text().as_bytes())
}

/// How a container is, in a few words.
pub(super) fn state(member: &Member) -> String {
    match (&member.health, member.state.as_str()) {
        (Some(health), "running") => format!("running, {health}"),
        (_, "exited") => format!("exited with {}", member.exit_code),
        (_, state) => state.to_owned(),
    }
}
