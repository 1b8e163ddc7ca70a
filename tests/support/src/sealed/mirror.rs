//! The local mirror: real Portage, a signed stage3 and a signed snapshot.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sequoia_openpgp::cert::Cert;
use sequoia_openpgp::parse::Parse;

use crate::signed::{clearsigned, detached};

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

    /// Has a snapshot of another date besides: the newest one with an edited tree, signed by the mirror's key.
    pub fn newer(&self, date: &str, edit: impl FnOnce(&Path)) {
        let work = tempfile::tempdir_in(self.folder.parent().unwrap()).unwrap();
        let tree = work.path().join(format!("gentoo-{date}"));
        std::fs::create_dir(&tree).unwrap();
        let tar = |args: &[&str]| {
            let mut tar = std::process::Command::new("tar");
            assert!(tar.current_dir(work.path()).args(args).status().unwrap().success());
        };
        let newest = self.folder.join("snapshots/gentoo-latest.tar.xz");
        let name = format!("gentoo-{date}");
        tar(&["-xJf", newest.to_str().unwrap(), "-C", &name, "--strip-components=1"]);
        edit(&tree);
        let snapshot = self.folder.join(format!("snapshots/{name}.tar.xz"));
        // The same bytes each time: what an engine has of it serves the next run.
        let plain = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"];
        tar(&[&plain[..], &["-cJf", snapshot.to_str().unwrap(), &name]].concat());
        let signature = signed(&std::fs::read(&snapshot).unwrap());
        std::fs::write(snapshot.with_extension("xz.gpgsig"), signature).unwrap();
    }

    /// Has a newer stage3 instead: the same, with another file.
    pub fn newer_stage3(&self, path: &str, text: &str) {
        let autobuilds = self.folder.join("releases/amd64/autobuilds");
        let before = self.find("releases/amd64/autobuilds", "stage3-", ".tar.xz");
        let name = before.file_name().unwrap().to_str().unwrap();
        let built = before.parent().unwrap().file_name().unwrap().to_str().unwrap();
        // A second later, whatever it is.
        let newer = format!(
            "{}Z",
            built.trim_end_matches('Z').replace('T', "").parse::<u64>().unwrap() + 1
        );
        let newer = format!("{}T{}", &newer[..8], &newer[8..]);
        let name = name.replace(built, &newer);
        let folder = autobuilds.join(&newer);
        std::fs::create_dir_all(folder.join("more").join(path).parent().unwrap()).unwrap();
        std::fs::write(folder.join("more").join(path), text).unwrap();
        let script = format!(
            "xz -dc '{}' >all.tar && tar --owner=0 --group=0 -C more -rf all.tar ./{path} && \
             xz -T0 -0 <all.tar >{name} && rm -r all.tar more",
            before.display()
        );
        let mut sh = std::process::Command::new("sh");
        assert!(sh.current_dir(&folder).args(["-c", &script]).status().unwrap().success());
        let stage3 = std::fs::read(folder.join(&name)).unwrap();
        let beside = |end: &str, data: Vec<u8>| {
            std::fs::write(folder.join(format!("{name}{end}")), data).unwrap();
        };
        beside(".asc", signed(&stage3));
        let digests = format!(
            "# BLAKE2B HASH\n{}  {name}\n# SHA512 HASH\n{}  {name}\n",
            crate::signed::blake2b(&stage3),
            crate::signed::sha512(&stage3)
        );
        beside(".DIGESTS", clearly(&digests));
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let pointer = format!("# ts={now}\n{newer}/{name} {}\n", stage3.len());
        let latest = self.find("releases/amd64/autobuilds", "latest-stage3-", ".txt");
        std::fs::remove_file(&latest).unwrap();
        std::fs::write(latest, clearly(&pointer)).unwrap();
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

/// A signature by the mirror's throwaway key, which is kept beside it.
fn signed(data: &[u8]) -> Vec<u8> {
    detached(&cert(), data, SystemTime::now())
}

fn clearly(text: &str) -> Vec<u8> {
    clearsigned(&cert(), text, SystemTime::now())
}

fn cert() -> Cert {
    let key = Mirror::get().folder.with_extension("work").join("secret-key.asc");
    Cert::from_file(&key).unwrap()
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
