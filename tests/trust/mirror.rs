//! A mirror whose stage3 and snapshot are a few bytes, and a project that is built from it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use support::Told;
use support::fake::engine::{Engine, World};
use support::sealed::{Room, Run};
pub use support::signed::{blake2b, sha512};

use crate::keys;

pub const TIME: &str = "20260301T170104Z";
pub const DATE: &str = "20260301";
pub const BUILDS: &str = "releases/amd64/autobuilds";
pub const POINTER: &str = "releases/amd64/autobuilds/latest-stage3-amd64-nomultilib-openrc.txt";
pub const NAME: &str = "stage3-amd64-nomultilib-openrc-20260301T170104Z.tar.xz";
pub const SNAPSHOT: &str = "snapshots/gentoo-20260301.tar.xz";
pub const STAGE3_BYTES: &[u8] = b"the bytes of a stage3";
pub static SNAPSHOT_BYTES: LazyLock<Vec<u8>> = LazyLock::new(support::fake::mirror::repository);

/// Path of the stage3 or of what is beside it.
pub fn stage3(suffix: &str) -> String {
    format!("{BUILDS}/{TIME}/{NAME}{suffix}")
}

/// The text of a pointer.
pub fn pointer(time: &str) -> String {
    format!(
        "# Latest as of Sun, 01 Mar 2026 17:30:01 +0000\n# ts=1772386201\n\
         {time}/stage3-amd64-nomultilib-openrc-{time}.tar.xz {}\n",
        STAGE3_BYTES.len()
    )
}

/// The text of a list of digests.
pub fn digests(name: &str, data: &[u8]) -> String {
    let (sha512, blake2b) = (sha512(data), blake2b(data));
    format!("# BLAKE2B HASH\n{blake2b}  {name}\n# SHA512 HASH\n{sha512}  {name}\n")
}

/// A folder shaped like a mirror.
#[derive(Debug, Clone)]
pub struct Mirror {
    pub root: PathBuf,
}

impl Mirror {
    /// One on which all is well.
    pub fn make(root: PathBuf) -> Self {
        let mirror = Self { root };
        mirror.stage3_of(TIME);
        mirror.snapshot_of(DATE);
        mirror
    }

    /// Has a stage3 of that time, and points to it.
    pub fn stage3_of(&self, time: &str) {
        let name = format!("stage3-amd64-nomultilib-openrc-{time}.tar.xz");
        let path = format!("{BUILDS}/{time}/{name}");
        self.write(POINTER, keys::clearsigned(&pointer(time)));
        self.write(&path, STAGE3_BYTES);
        self.write(&format!("{path}.asc"), keys::armor(&keys::detached(STAGE3_BYTES)));
        let list = digests(&name, STAGE3_BYTES);
        self.write(&format!("{path}.DIGESTS"), keys::clearsigned(&list));
    }

    /// Has a snapshot of that date.
    pub fn snapshot_of(&self, date: &str) {
        self.snapshot_made_anew(date, &SNAPSHOT_BYTES);
    }

    /// Has another snapshot of that date.
    pub fn snapshot_made_anew(&self, date: &str, bytes: &[u8]) {
        let path = format!("snapshots/gentoo-{date}.tar.xz");
        self.write(&path, bytes);
        self.write(&format!("{path}.gpgsig"), keys::detached(bytes));
    }

    pub fn write(&self, path: &str, data: impl AsRef<[u8]>) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, data).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap()
    }

    pub fn remove(&self, path: &str) {
        fs::remove_file(self.root.join(path)).unwrap();
    }

    pub fn url(&self) -> String {
        format!("file://{}", self.root.display())
    }
}

/// A project with one compiled image, a mirror, and an engine.
pub struct Place {
    pub room: Room,
    pub mirror: Mirror,
    pub engine: Engine,
}

impl Place {
    pub fn new() -> Self {
        let room = Room::new();
        let mirror = Mirror::make(room.dir.join("mirror"));
        room.dock("base", "FROM scratch\nADD rootfs.tar /\n", &[]);
        fs::write(room.dir.join("keys"), &*keys::KEYRING).unwrap();
        let engine = Engine::start(&room.dir, World::default());
        let place = Self { room, mirror, engine };
        place.settings(&format!("mirrors = [\"{}\"]\n", place.mirror.url()), "");
        place
    }

    /// Writes bb.toml: `top` goes before the tables, `trust` into `[trust]`.
    pub fn settings(&self, top: &str, trust: &str) {
        let (namespace, dir) = (&self.room.namespace, self.room.dir.display());
        let pinned = keys::PINNED.replace(',', "\", \"");
        let text = format!(
            "namespace = \"{namespace}\"\n{top}[trust]\nkeyring = \"{dir}/keys\"\n\
             fingerprints = [\"{pinned}\"]\n{trust}"
        );
        self.room.write("bb.toml", &text);
    }

    /// `bb ARGS`; the snapshot is the one of [`DATE`].
    pub fn bb(&self, args: &str) -> Run {
        self.bb_with(&[("DATE", DATE)], args)
    }

    pub fn bb_with(&self, env: &[(&str, &str)], args: &str) -> Run {
        let host = self.engine.host();
        self.room.bb_with(&[env, &[("DOCKER_HOST", &host)]].concat(), args)
    }

    /// `bb ARGS`: what was executed.
    pub fn told(&self, args: &str) -> Told {
        self.told_with(&[("DATE", DATE)], args)
    }

    pub fn told_with(&self, env: &[(&str, &str)], args: &str) -> Told {
        let host = self.engine.host();
        self.room.told_with(&[env, &[("DOCKER_HOST", &host)]].concat(), args)
    }

    /// Every file of the room that is not in the state folder, with its content.
    pub fn outside(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let state = self.room.path(".bb");
        let files = walkdir::WalkDir::new(&self.room.dir).into_iter();
        let files = files.filter_entry(|e| e.path() != state).map(|e| e.unwrap().into_path());
        files.filter(|p| p.is_file()).map(|p| (p.clone(), fs::read(p).unwrap())).collect()
    }

    /// The engine has nothing of ours.
    pub fn nothing_imported(&self) -> bool {
        let stage3 = |image: &str| image.starts_with("gentoo-bb/");
        self.engine.remove(stage3) == 0 && self.engine.built().is_empty()
    }
}
