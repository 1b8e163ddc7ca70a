//! Containers of failed steps, kept as they are until somebody has looked into them: which there are,
//! how many, until when.
//!
//! The engine has the container, a file in the state folder says that it is kept. Without that file it
//! is one that a killed run left behind, and goes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::base::error::{Error, Result};
use crate::base::ids::{Kind, StepId};
use crate::base::read as read_file;
use crate::exec::shell;
use crate::exec::work::Context;
use crate::state::store;
use crate::state::store::Store;

/// More are not kept: each has the work folder of what did not compile.
const MOST: usize = 4;

/// The parts of a rootfs step, each of which may fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The dock says what it wants.
    Settings,
    /// Portage says what that needs.
    Plan,
    /// Packages are compiled.
    Compile,
    /// They are merged, and the dock ends its image.
    Finish,
}

impl Phase {
    const ALL: [Self; 4] = [Self::Settings, Self::Plan, Self::Compile, Self::Finish];

    /// As the builder calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Plan => "plan",
            Self::Compile => "compile",
            Self::Finish => "finish",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == text)
    }
}

/// A container that is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kept {
    /// Since when.
    since: SystemTime,
    /// The step that failed in it.
    pub step: StepId,
    /// The engine's id for it.
    pub container: String,
    /// What failed in it.
    pub phase: Phase,
}

/// All of a project, the newest last.
pub fn all(store: &Store) -> Vec<Kept> {
    let files = fs::read_dir(folder(store)).into_iter().flatten().flatten();
    let mut all = files.filter_map(|file| read(&file.path())).collect::<Vec<_>>();
    all.sort_unstable();
    all
}

/// A file that is none of ours, or just goes away, says nothing.
fn read(path: &Path) -> Option<Kept> {
    let name = path.file_name()?.to_str()?;
    let step = StepId::new(Kind::Rootfs, name);
    let since = fs::metadata(path).and_then(|m| m.modified()).ok()?;
    let text = read_file::text(path).ok()?;
    let (container, phase) = text.trim().split_once(' ')?;
    let phase = Phase::parse(phase)?;
    let is_id = !container.is_empty() && container.bytes().all(|b| b.is_ascii_alphanumeric());
    is_id.then(|| Kept { since, step, container: container.to_owned(), phase })
}

fn folder(store: &Store) -> PathBuf {
    store.root().join("kept").join(Kind::Rootfs.as_str())
}

/// Stops a container and keeps it for its step. Says whether that could be done.
pub(super) async fn keep(
    step: &StepId,
    container: &str,
    phase: Phase,
    context: &Context,
) -> Result<bool> {
    if !context.engine.halt(container).await? {
        return Ok(false);
    }
    let text = format!("{container} {}\n", phase.as_str());
    context.store.replace(&folder(&context.store).join(&step.name), text.as_bytes())?;
    let all = all(&context.store);
    for old in all.iter().rev().skip(MOST) {
        if !shell::is_looked_into(old, &context.store) {
            forget(&context.store, &old.step)?;
            context.engine.remove_container(&old.container).await?;
        }
    }
    Ok(true)
}

/// From now on, the container of a step is as good as any that was left behind.
pub(super) fn forget(store: &Store, step: &StepId) -> Result<()> {
    // Files are called after docks, and another step of the same dock leaves what the builder has left.
    if step.kind != Kind::Rootfs {
        return Ok(());
    }
    store::remove_if_there(&folder(store).join(&step.name))
}

/// The container of a failed step, or of the last one that failed.
///
/// # Errors
/// There is none.
pub fn find(store: &Store, step: Option<&StepId>) -> Result<Kept> {
    let all = all(store);
    let found = all.iter().rev().find(|kept| step.is_none_or(|step| kept.step == *step));
    found.cloned().ok_or_else(|| match step {
        Some(step) => Error::step(format!("`{step}` has not failed in a builder, or not lately"))
            .hint(others(&all)),
        None => Error::step("no rootfs step has failed in a builder lately")
            .hint("`bb shell NAME` opens the builder of an image as its step would begin"),
    })
}

fn others(all: &[Kept]) -> String {
    let names = all.iter().map(|kept| kept.step.name.as_str()).collect::<Vec<_>>();
    match names.as_slice() {
        [] => "`bb shell NAME` opens its builder as the step would begin".to_owned(),
        names => format!("there are: {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_step_of_the_dock_leaves_what_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::at(dir.path().join(".bb"));
        store::make_dir(&folder(&store)).unwrap();
        fs::write(folder(&store).join("a"), "container compile\n").unwrap();
        for (id, kept) in [("dockerfile:a", 1), ("image:a", 1), ("rootfs:b", 1), ("rootfs:a", 0)] {
            forget(&store, &id.parse().unwrap()).unwrap();
            assert_eq!(all(&store).len(), kept, "{id}");
        }
    }
}
