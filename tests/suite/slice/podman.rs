//! Podman in place of Docker: real Portage compiles a chain in an engine of the test's own.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use support::Outcome;
use support::sealed::{Engine, Mirror, Room};

use super::copy_docks;

/// Podman's service with storage and settings of its own.
pub(crate) struct Podman {
    child: Child,
    folder: PathBuf,
    user: Option<User>,
}

/// User and group of somebody who is not root.
type User = (u32, u32);

/// It can do without systemd; with runc, for Debian's crun refuses hybrid cgroups; and within the limits of
/// whoever runs the tests, which may be lower than Podman's own.
const CONTAINERS: &str = "[containers]
default_ulimits = [\"nofile=4096:4096\", \"nproc=4096:4096\"]
[engine]
cgroup_manager = \"cgroupfs\"
events_logger = \"file\"
runtime = \"runc\"
";

impl Podman {
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_as(folder, None)
    }

    /// The same without root: for an account with a range of ids, whose folder it becomes.
    pub(crate) fn start_rootless(folder: &Path, user: User) -> Self {
        Self::start_as(folder, Some(user))
    }

    fn start_as(folder: &Path, user: Option<User>) -> Self {
        let shown = |name: &str| folder.join(name).display().to_string();
        fs::create_dir_all(folder.join("home")).unwrap();
        fs::write(folder.join("containers.conf"), CONTAINERS).unwrap();
        let storage = format!(
            "[storage]\ndriver = \"overlay\"\nrunroot = \"{}\"\ngraphroot = \"{}\"\n",
            shown("run"),
            shown("root")
        );
        fs::write(folder.join("storage.conf"), storage).unwrap();
        for path in user.iter().flat_map(|_| [folder.to_owned(), folder.join("home")]) {
            chown(path, user.map(|user| user.0), user.map(|user| user.1)).unwrap();
        }
        let mut service = Self::command(folder, user);
        service.args(["system", "service", "-t", "0", &format!("unix://{}", shown("socket"))]);
        service.stdin(Stdio::null()).stdout(Stdio::null());
        service.stderr(fs::File::create(folder.join("log")).unwrap());
        let child = service.spawn().expect("Debian's `podman` is needed");
        let podman = Self { child, folder: folder.to_owned(), user };
        podman.wait();
        podman
    }

    fn command(folder: &Path, user: Option<User>) -> Command {
        let mut command = match user {
            None => Command::new("podman"),
            Some((user, group)) => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", &user.to_string(), "--regid", &group.to_string()]);
                command.args(["--clear-groups", "--inh-caps=-all", "--", "podman"]);
                command.current_dir(folder).env("HOME", folder.join("home"));
                command.env("XDG_RUNTIME_DIR", folder.join("home"));
                command
            }
        };
        command.env("CONTAINERS_CONF", folder.join("containers.conf"));
        command.env("CONTAINERS_STORAGE_CONF", folder.join("storage.conf"));
        command
    }

    /// Each look takes the client's own time.
    fn wait(&self) {
        let answers = |_| self.engine().try_docker(&["version"]);
        let log = || fs::read_to_string(self.folder.join("log")).unwrap();
        assert!((0..300).any(answers), "podman does not answer: {}", log());
    }

    pub(crate) fn engine(&self) -> Engine {
        Engine { host: format!("unix://{}", self.folder.join("socket").display()) }
    }

    pub(crate) fn podman(&self, args: &[&str]) -> String {
        let out = Self::command(&self.folder, self.user).args(args).output().unwrap();
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        // Without root it is two processes, of which the first tells the second what it is asked, and not its own end.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
        // It leaves layers mounted, which would keep the folder, and without root a process that holds its namespace.
        for args in [
            &["rm", "-fa"][..],
            &["umount", "-fa"],
            &["system", "reset", "-f"],
            &["system", "migrate"],
        ] {
            let _ = Self::command(&self.folder, self.user).args(args).output();
        }
        let mount = self.folder.join("root/overlay");
        let _ = Command::new("umount").arg(mount).output();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn a_chain_is_built_tested_and_run_on_podman() {
    let folder = tempfile::tempdir().unwrap();
    let podman = Podman::start(&folder.path().join("podman"));
    let room = Room::with_private_engine(podman.engine()).with_mirror(&Mirror::get());
    copy_docks(&room);
    for dock in ["memcached", "nginx", "openssl"] {
        room.remove(&format!("bb-dock/{dock}"));
    }
    let first = room.told("build").ok();
    for step in ["import:stage3", "import:portage", "builder:bob", "rootfs:s6", "image:s6"] {
        assert_eq!(first.executed().get(step), Some(&Outcome::Done), "{step}: {first}");
    }
    room.told("build").ran("");
    // Another project finds what the engine has, by what it says that it is.
    room.remove(".bb/records/import");
    let again = room.bb("build").ok();
    let there = again.stderr.matches("already in the engine").count();
    assert_eq!(there, 2, "{}", again.stderr);
    let said = room.bb("run busybox echo here").ok();
    assert_eq!(said.stdout, "here\n");
    assert_eq!(room.bb("run busybox false").code, Some(1));
    room.bb("test").ok();
    // What is edited is built again, and only that; by the engine, too.
    room.dock("by-engine", "FROM ${NAMESPACE}/busybox\nRUN echo made >/made\n", &[]);
    room.told("build by-engine").ran("dockerfile:by-engine image:by-engine");
    room.told("build").ran("");
    assert_eq!(room.bb("run by-engine cat /made").ok().stdout, "made\n");
    // No container is left, and none is taken from somebody who has started one.
    assert_eq!(podman.podman(&["ps", "-aq"]), "");
    room.bb("gc").ok();
    room.bb("clean").ok();
    let left = podman.podman(&["images", "--format", "{{.Repository}}"]);
    assert!(!left.contains(&room.namespace), "{left}");
}
