//! `make bench`: what Gentoo costs on the native engine, beside Docker: the imports, the builder, a rootfs that is put
//! together from binary packages; and what doing nothing costs, beside ninja.
//!
//! Needs the local mirror (`BB_MIRROR`), an engine (`DOCKER_HOST`), ninja, and root. Packages that nobody has compiled
//! yet are compiled first. Prints times; judges nothing.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "measures, and prints what it has measured"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use support::timed::{median, seconds};

const BB: &str = env!("CARGO_BIN_EXE_bb");
/// Of what takes seconds.
const ROUNDS: usize = 3;
/// Of what takes milliseconds.
const MANY: usize = 21;
/// What is done again by `-C`, and what of it only by `-F`.
const IMPORTS: [&str; 3] = ["import/stage3", "import/portage", "builder/bob"];
const ROOTFS: &str = "rootfs/busybox";

fn main() {
    let room = tempfile::tempdir_in("/var/tmp").expect("a folder");
    let bench = Bench { dir: room.path().to_owned() };
    bench.make();
    bench.run("docker", &["build", "busybox"]);
    let moved = bench.run("docker", &["engine", "move", "docker", "native"]);
    println!("a step, from its record            Docker    native");
    for step in IMPORTS.into_iter().chain([ROOTFS]) {
        let times = ["docker", "native"].map(|engine| bench.again(engine, step));
        let [docker, native] = times;
        println!("{step:32}{docker:8.2}  {native:8.2} s   {:.2} times it", native / docker);
    }
    println!("{:42}{moved:8.2} s", "all of it from Docker to native");
    bench.idle();
}

struct Bench {
    dir: PathBuf,
}

impl Bench {
    /// The shipped busybox, and the mirror.
    fn make(&self) {
        let home = std::env::var("HOME").expect("a home");
        let mirror = std::env::var("BB_MIRROR");
        let mirror = mirror.unwrap_or_else(|_| format!("{home}/.cache/gentoo-bb/mirror"));
        let fingerprint = fs::read_to_string(Path::new(&mirror).join("fingerprint"));
        let fingerprint = fingerprint.expect("`make mirror` makes the mirror");
        let text = format!(
            "namespace = \"bb-bench\"\nmirrors = [\"file://{mirror}\"]\n[trust]\n\
             keyring = \"{mirror}/key.asc\"\nfingerprints = [\"{}\"]\n",
            fingerprint.trim()
        );
        fs::write(self.dir.join("bb.toml"), text).expect("a file");
        fs::create_dir(self.dir.join("bb-dock")).expect("a folder");
        let dock = Path::new(env!("CARGO_MANIFEST_DIR")).join("bb-dock/busybox");
        seconds(Command::new("cp").arg("-a").arg(dock).arg(self.dir.join("bb-dock")));
    }

    fn command(&self, engine: &str) -> Command {
        let mut command = Command::new(BB);
        command.current_dir(&self.dir).env("BB_ENGINE", engine);
        command.env("BB_NATIVE_DIR", self.dir.join("store"));
        command
    }

    fn run(&self, engine: &str, args: &[&str]) -> f64 {
        seconds(self.command(engine).args(args))
    }

    /// How long a step takes that is done once more, the median.
    fn again(&self, engine: &str, step: &str) -> f64 {
        let switch = if step == ROOTFS { "-F" } else { "-C" };
        let target = if step == ROOTFS { "busybox" } else { "builder:bob" };
        let round = |()| {
            self.run(engine, &["build", switch, target]);
            let record = self.dir.join(".bb/records").join(step).with_extension("json");
            let record = fs::read(record).expect("the step has a record");
            let record = serde_json::from_slice::<Value>(&record).expect("JSON");
            record["duration_ms"].as_f64().expect("a duration") / 1e3
        };
        median(&mut [(); ROUNDS].map(round))
    }

    /// No step has anything to do.
    fn idle(&self) {
        self.run("native", &["build"]);
        let ninja = self.command("native").args(["export", "ninja", "--bb", BB]).output();
        fs::write(self.dir.join("build.ninja"), ninja.expect("an export").stdout).expect("a file");
        self.run("native", &["sync"]);
        // Once for its own log.
        let ninja = || seconds(Command::new("ninja").arg("-C").arg(&self.dir));
        ninja();
        let ninja = median(&mut [(); MANY].map(|()| ninja()));
        println!("\nnothing to do                   milliseconds");
        println!("{:36}{:8.1}", "ninja", ninja * 1e3);
        for engine in ["native", "docker"] {
            let bb = median(&mut [(); MANY].map(|()| self.run(engine, &["build"])));
            let name = format!("bb build, {engine}");
            println!("{name:36}{:8.1}   {:.2} times it", bb * 1e3, bb / ninja);
        }
    }
}

impl Drop for Bench {
    /// Files of mapped ids are removed from inside.
    fn drop(&mut self) {
        let _ = self.command("native").args(["clean", "import", "builder"]).output();
        let _ = Command::new("rm").arg("-rf").arg(self.dir.join("store")).output();
        let _ = Command::new("docker").args(["rmi", "-f", "bb-bench/busybox"]).output();
    }
}
