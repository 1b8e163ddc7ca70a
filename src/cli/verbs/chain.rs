//! What `bb up`, `bb down` and `bb ps` share: where chains are, and how one is read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::base::error::{Error, Result};
use crate::base::limits::Limit;
use crate::base::open::{Refused, unreadable};
use crate::base::words::suggestion;
use crate::chain::compose::Compose;
use crate::chain::{Chain, ChainName, Ours, env_file};
use crate::cli::entered;
use crate::engine::docker::Docker;
use crate::engine::docker::members::Member;
use crate::session::Project;

/// The folder of the chains' files. Paths in these are relative to it.
pub(in crate::cli) const FOLDER: &str = "chains";

/// So many files of the folder are looked at.
const MOST_FILES: usize = 100_000;

/// The file that a chain is written in.
pub(in crate::cli) fn file(name: &ChainName) -> PathBuf {
    Path::new(FOLDER).join(format!("{name}.yaml"))
}

/// The file that the compose tool was given.
pub(in crate::cli) fn rendered(project: &Project, name: &ChainName) -> PathBuf {
    project.store().root().join(FOLDER).join(format!("{name}.yaml"))
}

/// The chains that are written here, and those that may still be up although their file has gone.
///
/// # Errors
/// Exit 3: their folder is a link that leads out of the project.
pub(in crate::cli) fn known(project: &Project) -> Result<Vec<ChainName>> {
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
    let entries = entries.take(MOST_FILES);
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter_map(|name| name.strip_suffix(".yaml")?.parse().ok()).collect()
}

/// There is no such chain.
pub(in crate::cli) fn unknown(project: &Project, name: &ChainName) -> Error {
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
pub(in crate::cli) fn read(project: &Project, name: &ChainName) -> Result<Chain> {
    let file = file(name);
    if file.symlink_metadata().is_err() {
        return Err(unknown(project, name));
    }
    parse(project, &file)
}

/// Reads a chain's file, or another that it extends.
fn parse(project: &Project, file: &Path) -> Result<Chain> {
    Chain::parse(file, &text(project, file)?, &markers(project)?.into())
}

fn text(project: &Project, file: &Path) -> Result<String> {
    let text = project.ground.text(file, Limit::FileSize);
    text.map_err(|refused| refused.or(|cause| unreadable(file, cause)))
}

fn markers(project: &Project) -> Result<BTreeMap<String, String>> {
    Ok(project.settings.markers(project.pins()?.date()))
}

/// The docks of the images that a chain names.
pub(in crate::cli) fn docks(project: &Project, name: &ChainName) -> Result<Vec<String>> {
    let docks = project.docks()?;
    let docks = docks.iter().map(|dock| dock.name.to_string()).collect::<Vec<_>>();
    let (markers, env) = (markers(project)?, entered::environment());
    let file = own_env(project)?.map(|text| env_file(&text)).unwrap_or_default();
    let values =
        |name: &str| [&markers, &env, &file].into_iter().find_map(|of| of.get(name)).cloned();
    read(project, name)?.docks(&Ours {
        namespace: &project.settings.namespace,
        tag: &project.settings.tag,
        docks: &docks,
        values: &values,
        read: &|file| parse(project, file),
    })
}

/// The values that the compose tool reads beside the chains, where there are any.
///
/// # Errors
/// It leads out of the project, or is no file: then the tool is not started.
fn own_env(project: &Project) -> Result<Option<String>> {
    let file = Path::new(FOLDER).join(".env");
    match project.ground.text(&file, Limit::FileSize) {
        Ok(text) => Ok(Some(text)),
        // The tool itself says what is wrong with one that can be read.
        Err(Refused::Io(cause)) if cause.kind() == std::io::ErrorKind::InvalidData => Ok(None),
        Err(Refused::Io(cause)) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(refused) => Err(refused.or(|cause| unreadable(&file, cause))),
    }
}

/// The daemon that chains run on, whatever engine builds their images.
pub(in crate::cli) async fn daemon(project: &Project) -> Result<Docker> {
    let found = project.socket_engine().await;
    if !project.builds_elsewhere()? {
        return found;
    }
    found.map_err(|error| {
        error.detail("  chains run on Docker or Podman, whatever engine builds their images")
    })
}

/// The compose tool, which finds the engine and replaces markers as `bb` does, in files that a chain extends.
pub(in crate::cli) async fn compose(project: &Project, engine: &Docker) -> Result<Compose> {
    own_env(project)?;
    let env = engine.environment().into_iter().chain(markers(project)?);
    Compose::find(&env.collect::<Vec<_>>()).await
}

/// Puts it where the compose tool finds it.
pub(in crate::cli) fn write(project: &Project, path: &Path, chain: &Chain) -> Result<()> {
    let store = project.store();
    store.create()?;
    store.replace(path, chain.text().as_bytes())
}

/// The compose tool removes whatever carries the project's label.
///
/// # Errors
/// Somebody's container does, for its image says so.
pub(in crate::cli) async fn only_its_own(engine: &Docker, project: &str) -> Result<()> {
    match engine.impostors(project).await?.first() {
        None => Ok(()),
        Some((name, image)) => {
            let message = format!("`{name}` is not of this chain, but its image `{image}` says so");
            Err(Error::step(message).hint(format!(
                "the compose tool would remove it: start it without the label \
                 `com.docker.compose.project`, or remove it first (`docker rm {name}`)"
            )))
        }
    }
}

/// How a container is, in a few words.
pub(in crate::cli) fn state(member: &Member) -> String {
    match (&member.health, member.state.as_str()) {
        (Some(health), "running") => format!("running, {health}"),
        (_, "exited") => format!("exited with {}", member.exit_code),
        (_, state) => state.to_owned(),
    }
}
