//! Projects on the native engine: the same images as on Docker, as root and as an ordinary user; a build that is
//! killed goes on; what it does not do yet it says.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::Told;
use support::sealed::{Mirror, Room, Run, Running};

/// An account with a range of ids: `scripts/test.sh` makes it.
const USER: &str = "bb-boxes";
/// The state of what is built natively, beside that of what Docker has.
const STATE: &str = ".native";

/// A project with a native engine of its own.
struct Native {
    room: Room,
    store: PathBuf,
}

impl Native {
    fn of(room: Room) -> Self {
        let store = room.dir.join("store");
        Self { room, store }
    }

    fn command(&self, args: &str) -> Command {
        let mut command = self.room.command(&format!("--state {STATE} {args}"));
        command.env("BB_ENGINE", "native").env("BB_NATIVE_DIR", &self.store);
        // Nobody listens there: whatever is done, no daemon does it.
        command.env("DOCKER_HOST", "unix:///nonexistent/engine.sock");
        command
    }

    fn bb(&self, args: &str) -> Run {
        Run::of(self.command(args))
    }

    fn told(&self, args: &str) -> Told {
        Told::of(self.command(args))
    }

    fn id(&self, state: &str, name: &str) -> String {
        id(&self.room.path(format!("{state}/images/{name}/image.json")))
    }

    /// The boxes that have files.
    fn boxes(&self) -> usize {
        std::fs::read_dir(self.store.join("boxes")).map_or(0, Iterator::count)
    }
}

fn id(summary: &Path) -> String {
    let text = std::fs::read(summary).unwrap_or_else(|e| panic!("{}: {e}", summary.display()));
    let summary = serde_json::from_slice::<Value>(&text).unwrap();
    assert!(summary["built_by_engine"].is_null(), "{summary}");
    summary["id"].as_str().unwrap().to_owned()
}

fn copied(room: &Room) {
    room.dock("base", "FROM scratch\nCOPY a /a\n", &[("a", "one\n")]);
    let child = "FROM ${NAMESPACE}/base\nCOPY --chown=7:8 b /b/\nENV C=d\n";
    room.dock("child", child, &[("b", "two\n")]);
}

#[test]
fn what_is_only_copied_is_the_same_image_as_on_docker() {
    let native = Native::of(Room::with_engine());
    let room = &native.room;
    copied(room);
    room.bb("build").ok();
    native.told("build").ran("dockerfile:base dockerfile:child image:base image:child");
    for name in ["base", "child"] {
        assert_eq!(native.id(STATE, name), native.id(".bb", name), "{name}");
    }
    native.bb("build").fails(0, "nothing to do: 4 steps up to date\n");
    // Another program reads what is there.
    let layout = format!("oci:{}:{}", native.store.join("oci").display(), room.image("child"));
    let out = Command::new("skopeo").args(["inspect", "--config", &layout]).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let config = serde_json::from_slice::<Value>(&out.stdout).unwrap();
    assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 2);
    // An image that is gone comes again, and nothing else.
    std::fs::remove_file(native.store.join("oci/index.json")).unwrap();
    native.told("build").ran("image:base image:child");
    room.write("bb-dock/child/b", "three\n");
    native.told("build").ran("image:child");
    // What needs Docker's own builder is told, and is not done by halves.
    room.dock("runs", "FROM ${NAMESPACE}/base\nRUN true\n", &[]);
    let run = native.bb("build runs");
    assert_eq!(run.code, Some(4), "{}", run.stderr);
    assert!(
        run.stderr.contains("error: the engine in use has no builder of its own"),
        "{}",
        run.stderr
    );
}

#[test]
fn an_unknown_engine_is_refused() {
    let room = Room::new();
    copied(&room);
    room.bb_with(&[("BB_ENGINE", "dcoker")], "build").fails(
        3,
        "error: `BB_ENGINE` is `dcoker`, which is no engine\n  hint: `native`, `docker`, or `auto`\n",
    );
}

/// The shipped busybox, with the mirror.
fn shipped() -> Room {
    let room = Room::with_engine().with_mirror(&Mirror::get());
    crate::slice::copy_docks(&room);
    room
}

const STEPS: &str = "builder:bob dockerfile:busybox fetch:portage fetch:stage3 image:busybox \
    import:portage import:stage3 rootfs:busybox verify:portage verify:stage3";

#[test]
fn busybox_is_the_same_image_as_on_docker() {
    let native = Native::of(shipped());
    native.room.bb("build busybox").ok();
    // Killed in the middle, whatever it was doing: nothing of it runs, and the next build goes on.
    let running = Running::telling_in_group(native.command("build busybox"));
    let mut running = running;
    running.wait_for_message("started", "rootfs:busybox");
    let until = Instant::now() + Duration::from_secs(60);
    while native.boxes() == 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(native.boxes() > 0, "there was a box");
    running.signal_group("KILL");
    let before = running.told();
    assert!(before.done().contains(&"builder:bob".to_owned()), "{before}");
    native.told("build busybox").ran("dockerfile:busybox image:busybox rootfs:busybox");
    assert_eq!(native.boxes(), 0, "what was left has been removed");
    assert_eq!(native.id(STATE, "busybox"), native.id(".bb", "busybox"));
    native.bb("build busybox").fails(0, "nothing to do: 10 steps up to date\n");
    native.told("test busybox").ran("test:busybox");
    assert_eq!(native.boxes(), 0);
    // Another project of the same store has it all but its own image.
    let other = Native { room: shipped(), store: native.store.clone() };
    other.room.write("bb.lock", &native.room.read("bb.lock"));
    let begun = Instant::now();
    other.told("build busybox").ran(STEPS);
    assert!(begun.elapsed() < Duration::from_secs(600));
}

/// User and group of an account.
fn account(name: &str) -> Option<(u32, u32)> {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = passwd.lines().find(|line| line.starts_with(&format!("{name}:")))?;
    let mut numbers = line.split(':').skip(2).map(|number| number.parse().unwrap());
    Some((numbers.next()?, numbers.next()?))
}

/// Where only that user may look: the program, the mirror, and a project with the docks of a room.
fn home(room: &Room, user: (u32, u32)) -> tempfile::TempDir {
    let home = tempfile::Builder::new().prefix("bb-home-").tempdir_in("/tmp").unwrap();
    let copy = |from: &Path, to: &str| {
        let copied = Command::new("cp").arg("-rL").arg(from).arg(home.path().join(to)).status();
        assert!(copied.unwrap().success());
    };
    copy(Path::new(support::bb()), "bb");
    copy(&Mirror::get().folder, "mirror");
    copy(&room.path(""), "project");
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    for entry in walkdir::WalkDir::new(home.path()) {
        chown(entry.unwrap().path(), Some(user.0), Some(user.1)).unwrap();
    }
    home
}

#[test]
fn an_ordinary_user_builds_the_same_image() {
    let room = shipped();
    room.bb("build busybox").ok();
    let user = account(USER);
    let user = user
        .unwrap_or_else(|| panic!("`useradd {USER}` as root makes the account that this needs"));
    let home = home(&room, user);
    let settings = Mirror { folder: home.path().join("mirror") }.settings();
    let settings = format!("namespace = \"{}\"\n{settings}", room.namespace);
    std::fs::write(home.path().join("project/bb.toml"), settings).unwrap();
    std::fs::remove_dir_all(home.path().join("project/.bb")).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", &user.0.to_string(), "--regid", &user.1.to_string()]);
    command.args(["--clear-groups", "--inh-caps=-all", "--"]).arg(home.path().join("bb"));
    command.args(["build", "busybox"]);
    room.seal(&mut command);
    command.current_dir(home.path().join("project")).env("HOME", home.path()).env("USER", USER);
    command.env("BB_ENGINE", "native").env("DOCKER_HOST", "unix:///nonexistent/engine.sock");
    Run::of(command).ok();
    let own = id(&home.path().join("project/.bb/images/busybox/image.json"));
    assert_eq!(own, id(&room.path(".bb/images/busybox/image.json")));
    let store = home.path().join(".local/share/gentoo-bb/native");
    assert_eq!(std::fs::read_dir(store.join("boxes")).unwrap().count(), 0);
}
