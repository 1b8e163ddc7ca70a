//! `make bench`: what an image costs that `bb` puts together and loads, into Docker and natively, beside `docker build`
//! of the same folder, in turn.
//!
//! A rootfs of 200 MB (`BENCH_BYTES`) in files of many sizes, one of them another one in each round, so that
//! nothing comes from a cache. Needs an engine (`DOCKER_HOST`) and the `docker` client. Prints times and the
//! peak memory; judges nothing.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "measures, and prints what it has measured"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use support::timed::median;

const BB: &str = env!("CARGO_BIN_EXE_bb");
const RUNS: usize = 5;
const NAMESPACE: &str = "bb-bench";
const DOCKERFILE: &str = "FROM scratch\nCOPY root /\n";

fn main() {
    let bytes = std::env::var("BENCH_BYTES").ok().and_then(|n| n.parse().ok());
    let bytes = bytes.unwrap_or(200_000_000_u64);
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let dir = folder.path();
    let files = make(dir, bytes);
    let (mut assembled, mut built, mut native, mut memory) = (vec![], vec![], vec![], 0);
    for round in 0..=RUNS {
        fs::write(dir.join("bb-dock/big/root/round"), format!("{round}\n")).expect("a file");
        let (seconds, kilobytes) = bb(dir, false);
        assembled.push(seconds);
        memory = memory.max(kilobytes);
        fs::write(dir.join("bb-dock/big/root/round"), format!("other {round}\n")).expect("a file");
        built.push(docker_build(dir));
        fs::write(dir.join("bb-dock/big/root/round"), format!("native {round}\n")).expect("a file");
        native.push(bb(dir, true).0);
    }
    // The first of each has warmed up.
    let (bb, docker) = (median(&mut assembled[1..]), median(&mut built[1..]));
    println!("an image of {bytes} bytes in {files} files     seconds");
    println!("docker build                                  {docker:8.2}");
    println!(
        "bb build: judged, assembled, loaded, recorded {bb:8.2}   {:.2} times it",
        bb / docker
    );
    let native = median(&mut native[1..]);
    println!(
        "the same on the native engine                 {native:8.2}   {:.2} times it",
        native / docker
    );
    println!("peak memory of bb                             {memory} KB");
    clean_up();
}

/// Sizes as in a real ROOT: many small files, a few large ones.
fn make(dir: &Path, bytes: u64) -> usize {
    let mut random = fastrand::Rng::with_seed(1);
    let root = dir.join("bb-dock/big/root");
    let mut left = bytes;
    let mut files = 0;
    while left > 0 {
        let size = (1_u64 << random.u64(8..22)).min(left);
        let mut content = vec![0; usize::try_from(size).expect("a size")];
        random.fill(&mut content);
        let folder = root.join(format!("usr/lib/{}", files % 50));
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join(format!("file-{files}")), content).expect("the disk has room");
        (left, files) = (left - size, files + 1);
    }
    let dock = dir.join("bb-dock/big");
    fs::write(dir.join("bb.toml"), format!("namespace = \"{NAMESPACE}\"\n")).expect("a file");
    fs::write(dock.join("Dockerfile.template"), DOCKERFILE).expect("a file");
    fs::write(dock.join("Dockerfile"), DOCKERFILE).expect("a file");
    fs::write(dock.join("Buildconfig.sh"), "").expect("a file");
    files
}

/// Seconds, and kilobytes of memory as GNU time tells them.
fn bb(dir: &Path, is_native: bool) -> (f64, u64) {
    let mut command = Command::new("/usr/bin/time");
    command.args(["-f", "%M", BB]).current_dir(dir);
    if is_native {
        command.args(["--state", ".native"]);
        command.env("BB_ENGINE", "native").env("BB_NATIVE_DIR", dir.join("store"));
    }
    command.arg("build");
    let begun = Instant::now();
    let output = command.output().expect("GNU time is installed");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && text.contains("assembled"), "{text}");
    let seconds = begun.elapsed().as_secs_f64();
    (seconds, text.lines().last().and_then(|line| line.parse().ok()).expect("kilobytes"))
}

fn docker_build(dir: &Path) -> f64 {
    let mut command = Command::new("docker");
    // The context is sent, and the image made, in the same way as `bb` does it where it has to.
    command.env("DOCKER_BUILDKIT", "0").args(["build", "-q", "-t", &format!("{NAMESPACE}/other")]);
    command.arg(dir.join("bb-dock/big")).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let status = command.status().expect("`docker` is installed");
    assert!(status.success(), "docker build failed");
    begun.elapsed().as_secs_f64()
}

fn clean_up() {
    let images = ["big", "other"].map(|name| format!("{NAMESPACE}/{name}"));
    let mut command = Command::new("docker");
    command.args(["rmi", "-f"]).args(images).stdout(Stdio::null()).stderr(Stdio::null());
    // What is left is dangling, and goes with the next `docker image prune`.
    let _ = command.status();
}
