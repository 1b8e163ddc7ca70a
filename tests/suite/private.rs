//! An engine of a test's own, to be killed: dockerd with a folder of its own and no network.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use support::sealed::Engine;

/// How often it is asked whether it is there; each question takes the client's start.
const QUESTIONS: usize = 2_000;

/// Runs until it is killed or dropped.
pub struct Private {
    root: tempfile::TempDir,
    dockerd: Child,
}

impl Private {
    pub fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        let dockerd = launch(root.path());
        let private = Self { root, dockerd };
        private.wait();
        private
    }

    pub fn engine(&self) -> Engine {
        Engine { host: format!("unix://{}/docker.sock", self.root.path().display()) }
    }

    /// Kills it as a crash of its machine does, with the containerd that it has started.
    pub fn kill(&mut self) {
        self.dockerd.kill().unwrap();
        self.dockerd.wait().unwrap();
        let note = self.root.path().join("exec/containerd/containerd.pid");
        let containerd = std::fs::read_to_string(&note).unwrap();
        let mut kill = Command::new("kill");
        // It may have gone with its parent.
        let _ = kill.args(["-KILL", containerd.trim()]).stderr(Stdio::null()).status();
        std::fs::remove_file(note).unwrap();
    }

    /// Starts it again, with all that it had.
    pub fn start_again(&mut self) {
        self.dockerd = launch(self.root.path());
        self.wait();
    }

    fn wait(&self) {
        let answers = || self.engine().try_docker(&["version"]);
        let log = self.root.path().join("log");
        assert!((0..QUESTIONS).any(|_| answers()), "{:?}", std::fs::read_to_string(log));
    }
}

fn launch(root: &Path) -> Child {
    let at = |name: &str| root.join(name).display().to_string();
    let log = File::options().create(true).append(true).open(root.join("log")).unwrap();
    let mut dockerd = Command::new("dockerd");
    dockerd.arg(format!("--host=unix://{}", at("docker.sock")));
    for (option, name) in
        [("--data-root", "data"), ("--exec-root", "exec"), ("--pidfile", "docker.pid")]
    {
        dockerd.args([option, &at(name)]);
    }
    dockerd.args(["--bridge", "none", "--iptables=false"]);
    dockerd.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    dockerd.spawn().expect("`dockerd` is not on PATH: install docker.io")
}

impl Drop for Private {
    fn drop(&mut self) {
        // In order, so that what it started ends as well.
        let _ = Command::new("kill").arg(self.dockerd.id().to_string()).status();
        let _ = self.dockerd.wait();
        let mut umount = Command::new("umount");
        umount.arg(self.root.path().join("exec/netns/default")).stderr(Stdio::null());
        let _ = umount.status();
    }
}
