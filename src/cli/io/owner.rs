//! Whose project it is. A `bb.toml` that was found upwards may be one that somebody else has put there, and its
//! tasks are commands: as git does, one of another user's is taken only where that was said.
//!
//! Knows no settings: what a file says cannot vouch for the file.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::base::error::{Error, Result};

/// Projects of other users that are taken: folders with a `:` between them, or `*` for all.
const SAFE: &str = "BB_SAFE_PROJECTS";

/// Who asks.
#[derive(Debug, Clone, Copy)]
struct Asker {
    uid: u32,
    /// Root for whom somebody else has become root.
    instead_of: Option<u32>,
}

impl Asker {
    /// Root's is everybody's; what belongs to who has called `sudo`, too.
    fn takes(self, owner: u32) -> bool {
        let of_sudo = self.uid == 0 && self.instead_of == Some(owner);
        owner == 0 || owner == self.uid || of_sudo
    }
}

/// Checks a project that nobody has named.
///
/// # Errors
/// Exit 3: the folder or its `bb.toml` belongs to another user.
pub(in crate::cli) fn check(folder: &Path) -> Result<()> {
    let instead_of = std::env::var("SUDO_UID").ok().and_then(|uid| uid.parse().ok());
    let asker = Asker { uid: rustix::process::geteuid().as_raw(), instead_of };
    let settings = folder.join("bb.toml");
    // A link belongs to who has made it, whoever has what it leads to.
    let owner = |meta: std::io::Result<Metadata>| meta.ok().map(|meta| meta.uid());
    let owners = [
        (settings.as_path(), owner(settings.symlink_metadata())),
        (folder, owner(folder.metadata())),
    ];
    let other = |(path, owner): &(&Path, Option<u32>)| {
        owner.filter(|owner| !asker.takes(*owner)).map(|owner| (path.display().to_string(), owner))
    };
    let Some((path, owner)) = owners.iter().find_map(other) else { return Ok(()) };
    let safe = std::env::var_os(SAFE).unwrap_or_default();
    if is_safe(folder, &safe.to_string_lossy()) {
        return Ok(());
    }
    let folder = folder.display();
    Err(Error::config(format!("`{path}` belongs to another user (uid {owner})")).hint(format!(
        "its tasks are commands; if you trust whoever that is: `bb --project {folder} …`, or `{SAFE}={folder}`"
    )))
}

fn is_safe(folder: &Path, safe: &str) -> bool {
    let same = |named: &str| Path::new(named).canonicalize().is_ok_and(|named| named == folder);
    safe.split(':').any(|named| named == "*" || same(named))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_project_is_taken() {
        let user = Asker { uid: 1000, instead_of: Some(7) };
        assert!(user.takes(0) && user.takes(1000) && !user.takes(7) && !user.takes(1001));
        let root = Asker { uid: 0, instead_of: Some(1000) };
        assert!(root.takes(0) && root.takes(1000) && !root.takes(1001));
        assert!(!Asker { uid: 0, instead_of: None }.takes(1000));
    }

    #[test]
    fn what_is_safe_is_named_whole() {
        let room = tempfile::tempdir().unwrap();
        let folder = room.path().canonicalize().unwrap();
        let named = folder.display().to_string();
        assert!(is_safe(&folder, &named) && is_safe(&folder, &format!("/not/there:{named}/")));
        assert!(is_safe(&folder, "*"));
        for other in ["", "/", "/tmp*", ".", &named[..named.len() - 1]] {
            assert!(!is_safe(&folder, other), "{other}");
        }
    }
}
