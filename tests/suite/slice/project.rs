//! The one project of these tests: the shipped docks, built from the local mirror.

use std::fs;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use support::Told;
use support::sealed::{Mirror, Room};

/// The shipped images, parents first.
pub const IMAGES: [&str; 5] = ["busybox", "s6", "memcached", "openssl", "nginx"];

/// A built project.
#[derive(Debug)]
pub struct Project {
    pub room: Room,
    /// The run that built it.
    pub first: Told,
}

static PROJECT: LazyLock<Mutex<Project>> = LazyLock::new(|| Mutex::new(Project::build()));

impl Project {
    /// The project, built, for one test at a time.
    pub fn get() -> MutexGuard<'static, Self> {
        PROJECT.lock().unwrap_or_else(|poisoned| {
            // A test that failed may have left it half edited.
            let project = PoisonError::into_inner(poisoned);
            project.restore();
            PROJECT.clear_poison();
            project
        })
    }

    /// Another dock, for as long as the result lives.
    pub fn extra(&self, name: &str, template: &str, buildconfig: &str) -> Extra<'_> {
        self.room.dock(name, template, &[]);
        let folder = format!("bb-dock/{name}");
        self.room.write(&format!("{folder}/Buildconfig.sh"), buildconfig);
        Extra { room: &self.room, folder }
    }

    fn build() -> Self {
        let room = Room::with_engine().with_mirror(&Mirror::get());
        copy_docks(&room);
        let first = room.told("build").ok();
        Self { room, first }
    }

    /// The docks as they are shipped, and built: a test before may have edited them.
    pub fn restore(&self) {
        self.room.remove("bb-dock");
        copy_docks(&self.room);
        let run = self.room.bb("build");
        assert_eq!(run.code, Some(0), "{}", run.stderr);
    }
}

/// A dock that one test adds.
#[derive(Debug)]
pub struct Extra<'a> {
    room: &'a Room,
    folder: String,
}

impl Drop for Extra<'_> {
    fn drop(&mut self) {
        self.room.remove(&self.folder);
    }
}

/// The docks of the demo, with their modes and links.
pub fn copy_docks(room: &Room) {
    for name in IMAGES {
        copy_dock(room, name);
    }
}

/// One of the shipped docks.
pub fn copy_dock(room: &Room, name: &str) {
    let from = support::checkout().join("bb-dock").join(name);
    let to = room.path("bb-dock");
    fs::create_dir_all(&to).unwrap();
    let copied = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(copied.unwrap().success());
}
