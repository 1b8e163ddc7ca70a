//! `make bench`: what a box costs. A command in an image of busybox: `bb run` on the native engine, beside crun and
//! runc on the same files; a `RUN true`: `bb build` on the native engine and on Docker, beside `docker build`.
//!
//! Needs busybox, crun, runc, an engine (`DOCKER_HOST`) and the `docker` client, and root. Prints times; judges
//! nothing.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "measures, and prints what it has measured"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

use support::timed::{median, seconds};

const BB: &str = env!("CARGO_BIN_EXE_bb");
const RUNS: usize = 9;
const NAMESPACE: &str = "bb-bench";
const BASE: &str = "FROM scratch\nCOPY busybox /bin/busybox\nCOPY busybox /bin/sh\nENV PATH=/bin\n";

fn main() {
    let room = tempfile::tempdir_in("/var/tmp").expect("a folder");
    let dir = room.path();
    make(dir);
    native(dir, &["build"]);
    bundle(&dir.join("bundle"));
    println!("a command in a box                  milliseconds");
    let shown = |name: &str, time: f64| println!("{name:36}{:8.1}", time * 1e3);
    if Command::new("crun").arg("--version").output().is_ok() {
        shown("crun run", rounds(|round| seconds(&mut crun(&dir.join("bundle"), round))));
    } else {
        println!("crun run                            (not installed)");
    }
    shown("runc run", rounds(|round| seconds(&mut runc(&dir.join("bundle"), round))));
    let ran = rounds(|_| native(dir, &["run", "base", "busybox", "true"]));
    shown("bb run, with all it looks at", ran);
    println!("\na RUN true                               seconds");
    let docker = rounds(|round| docker_build(dir, round));
    println!("{:36}{docker:8.2}", "docker build");
    let ours = rounds(|round| {
        dock(dir, round);
        native(dir, &["build", "runs"])
    });
    println!("{:36}{ours:8.2}   {:.2} times it", "bb build, native", ours / docker);
    let ours = rounds(|round| {
        dock(dir, round + RUNS + 1);
        seconds(Command::new(BB).args(["build", "runs"]).current_dir(dir))
    });
    println!("{:36}{ours:8.2}   {:.2} times it", "bb build, Docker", ours / docker);
    let images = ["base", "runs", "other"].map(|name| format!("{NAMESPACE}/{name}"));
    let _ = Command::new("docker").args(["rmi", "-f"]).args(images).output();
}

/// The median; the first has warmed up.
fn rounds(mut round: impl FnMut(usize) -> f64) -> f64 {
    let mut times = (0..=RUNS).map(&mut round).skip(1).collect::<Vec<_>>();
    median(&mut times)
}

fn native(dir: &Path, args: &[&str]) -> f64 {
    let mut command = Command::new(BB);
    command.args(["--state", ".native"]).args(args).current_dir(dir);
    seconds(command.env("BB_ENGINE", "native").env("BB_NATIVE_DIR", dir.join("store")))
}

fn make(dir: &Path) {
    fs::create_dir_all(dir.join("bb-dock/base")).expect("a folder");
    fs::write(dir.join("bb.toml"), format!("namespace = \"{NAMESPACE}\"\n")).expect("a file");
    fs::copy("/bin/busybox", dir.join("bb-dock/base/busybox")).expect("busybox is installed");
    for (file, text) in
        [("Dockerfile.template", BASE), ("Dockerfile", BASE), ("Buildconfig.sh", "")]
    {
        fs::write(dir.join("bb-dock/base").join(file), text).expect("a file");
    }
    dock(dir, 0);
}

/// A dock whose command sees another variable in each round, so that it is run.
fn dock(dir: &Path, round: usize) {
    let dock = dir.join("bb-dock/runs");
    fs::create_dir_all(&dock).expect("a folder");
    let text = format!("FROM ${{NAMESPACE}}/base\nENV ROUND={round}\nRUN true\n");
    fs::write(dock.join("Dockerfile.template"), text).expect("a file");
    fs::write(dock.join("Buildconfig.sh"), "").expect("a file");
}

fn docker_build(dir: &Path, round: usize) -> f64 {
    let folder = dir.join("other");
    fs::create_dir_all(&folder).expect("a folder");
    if round == 0 {
        seconds(Command::new(BB).args(["build", "base"]).current_dir(dir));
    }
    let text = format!("FROM {NAMESPACE}/base\nENV ROUND=docker-{round}\nRUN true\n");
    fs::write(folder.join("Dockerfile"), text).expect("a file");
    let mut command = Command::new("docker");
    command.env("DOCKER_BUILDKIT", "0").args(["build", "-q", "-t"]);
    seconds(command.arg(format!("{NAMESPACE}/other")).arg(&folder))
}

/// The same files for runc and crun, and a command in them.
fn bundle(folder: &Path) {
    fs::create_dir_all(folder.join("rootfs/bin")).expect("a folder");
    fs::copy("/bin/busybox", folder.join("rootfs/bin/busybox")).expect("busybox is installed");
    seconds(Command::new("runc").arg("spec").current_dir(folder));
    let file = folder.join("config.json");
    let text = fs::read_to_string(&file).expect("runc has written it");
    let mut config = serde_json::from_str::<serde_json::Value>(&text).expect("JSON");
    config["process"]["terminal"] = false.into();
    config["process"]["args"] = serde_json::json!(["/bin/busybox", "true"]);
    fs::write(&file, config.to_string()).expect("a file");
}

fn runc(bundle: &Path, round: usize) -> Command {
    let mut command = Command::new("runc");
    command.args(["run", &format!("bb-bench-{round}")]).current_dir(bundle);
    command
}

/// Debian's crun does not start where both kinds of cgroups are: it sees none. With the start of the shell that sees to that.
fn crun(bundle: &Path, round: usize) -> Command {
    let script = format!(
        "umount -R /sys/fs/cgroup; mount -t tmpfs none /sys/fs/cgroup; \
         exec crun --cgroup-manager=disabled run bb-bench-{round}"
    );
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", &script]).current_dir(bundle);
    command
}
