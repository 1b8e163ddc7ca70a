//! The container engine, through its own command line client.

use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// Where the engine listens.
static HOST: LazyLock<Option<String>> = LazyLock::new(find);

/// The engine of the tests.
#[derive(Debug, Clone)]
pub struct Engine {
    pub host: String,
}

/// The caller's DOCKER_HOST, else what the engine's script finds.
fn find() -> Option<String> {
    if let Some(host) = std::env::var("DOCKER_HOST").ok().filter(|h| !h.is_empty()) {
        return Some(host);
    }
    let script = crate::checkout().join("scripts/engine.sh");
    let said = Command::new(script).arg("env").stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(said.stdout).ok()?;
    text.lines().find_map(|l| l.strip_prefix("DOCKER_HOST=")).map(str::to_owned)
}

impl Engine {
    /// The engine; without one the test fails.
    pub fn get() -> Self {
        let host = HOST.clone();
        let host = host.expect("no container engine answers: `scripts/engine.sh start` starts one");
        Self { host }
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.args(args).env("DOCKER_HOST", &self.host).stdin(Stdio::null());
        command
    }

    /// The standard output of a command that must succeed, trimmed.
    pub fn docker(&self, args: &[&str]) -> String {
        let out = self.command(args).output().expect("`docker` is not on PATH: install docker.io");
        let (stdout, stderr) =
            (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(out.status.success(), "docker {}: {stderr}", args.join(" "));
        stdout.trim().to_owned()
    }

    /// Whether a command succeeds.
    pub fn try_docker(&self, args: &[&str]) -> bool {
        self.command(args).output().is_ok_and(|out| out.status.success())
    }

    /// The id of an image.
    pub fn image_id(&self, reference: &str) -> String {
        self.docker(&["image", "inspect", "--format", "{{.Id}}", reference])
    }

    pub fn has_image(&self, reference: &str) -> bool {
        self.try_docker(&["image", "inspect", reference])
    }

    /// The ids of those of these images that it has.
    pub fn those_there(&self, images: &[&str]) -> Vec<String> {
        let inspect = [&["image", "inspect", "--format", "{{.Id}}"], images].concat();
        let out = self.command(&inspect).output().expect("`docker` is not on PATH");
        String::from_utf8_lossy(&out.stdout).lines().map(str::to_owned).collect()
    }

    pub fn image_size(&self, reference: &str) -> u64 {
        self.docker(&["image", "inspect", "--format", "{{.Size}}", reference]).parse().unwrap()
    }
}
