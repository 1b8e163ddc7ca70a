//! The local mirror: real Portage, a signed stage3 and a signed snapshot.

use std::path::{Path, PathBuf};

/// A folder shaped like a Gentoo mirror.
#[derive(Debug, Clone)]
pub struct Mirror {
    pub folder: PathBuf,
}

impl Mirror {
    /// The mirror; without one the test fails.
    pub fn get() -> Self {
        let folder = std::env::var_os("BB_MIRROR").map_or_else(in_cache, PathBuf::from);
        let there = folder.join("key.asc").is_file() && folder.join("snapshots").is_dir();
        assert!(there, "no mirror in `{}`: `tests/mirror/build.sh` makes it", folder.display());
        Self { folder }
    }

    /// One that serves the same, from files of its own where a test wants to change them.
    pub fn copy(&self, to: &Path) -> Self {
        copy_tree(&self.folder, to);
        Self { folder: to.to_owned() }
    }

    /// The lines of `bb.toml` that point to it.
    pub fn settings(&self) -> String {
        let folder = self.folder.display();
        let fingerprint = std::fs::read_to_string(self.folder.join("fingerprint")).unwrap();
        format!(
            "mirrors = [\"file://{folder}\"]\n[trust]\nkeyring = \"{folder}/key.asc\"\n\
             fingerprints = [\"{}\"]\n",
            fingerprint.trim()
        )
    }

    /// The first file below a folder whose name begins and ends so.
    pub fn find(&self, folder: &str, begins: &str, ends: &str) -> PathBuf {
        let files = walkdir::WalkDir::new(self.folder.join(folder)).sort_by_file_name();
        let named = |e: &walkdir::DirEntry| {
            e.file_name().to_str().is_some_and(|n| n.starts_with(begins) && n.ends_with(ends))
        };
        let found = files.into_iter().filter_map(Result::ok).find(named);
        found.unwrap_or_else(|| panic!("no {begins}*{ends} in {folder}")).into_path()
    }
}

fn in_cache() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache
        .unwrap_or_else(|| Path::new(&std::env::var_os("HOME").unwrap_or_default()).join(".cache"));
    cache.join("gentoo-bb/mirror")
}

/// Folders anew, files as links to the originals.
fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let dest = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &dest);
        } else {
            std::os::unix::fs::symlink(entry.path(), dest).unwrap();
        }
    }
}
