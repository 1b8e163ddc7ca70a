//! `make bench`: what doing nothing costs at 100, 1,000 and 10,000 docks, beside ninja, make and a bare
//! stat of the same files, in one run on one machine.
//!
//! The engine is the one of the parity test, which only speaks the wire protocol: a real one would
//! need hours to build 10,000 images, and its answer would be measured with ours. Prints a table,
//! writes JSON to `target/bench.json`; judges nothing.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "measures, and prints what it has measured"
)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use support::fake::engine::{Engine, World};

const BB: &str = env!("CARGO_BIN_EXE_bb");
/// Each figure is the median of so many runs.
const RUNS: usize = 5;
const FILES_PER_DOCK: usize = 8;
/// Asking for it ends when the plan is known.
const UNKNOWN: &str = "no-such-image";

fn main() {
    let sizes = std::env::var("BENCH_SIZES").unwrap_or_else(|_| "100 1000 10000".to_owned());
    let sizes = sizes.split_whitespace().filter_map(|n| n.parse().ok()).collect::<Vec<usize>>();
    // All projects stay until the end: a file system without a journal passes over each inode that was removed lately
    // when it looks for a free one, and the next project would pay for that.
    let rooms = sizes.iter().map(|_| tempfile::tempdir().expect("a temporary folder"));
    let rooms = rooms.collect::<Vec<_>>();
    let rows = sizes.iter().zip(&rooms).map(|(n, room)| measure(*n, room.path()));
    let rows = rows.collect::<Vec<_>>();
    print_table(&rows);
    let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench.json");
    let text = serde_json::to_string_pretty(&rows.iter().map(Row::json).collect::<Vec<_>>());
    fs::write(&out, text.expect("figures are JSON")).expect("target/ can be written");
    println!("\nfigures: target/bench.json");
}

/// Figures of one size: seconds, unless named otherwise.
struct Row {
    docks: usize,
    figures: Vec<(&'static str, f64)>,
}

impl Row {
    fn get(&self, name: &str) -> f64 {
        self.figures.iter().find(|(n, _)| *n == name).map_or(f64::NAN, |(_, v)| *v)
    }

    fn json(&self) -> serde_json::Value {
        let figures = self.figures.iter().map(|(n, v)| ((*n).to_owned(), json!(v)));
        json!({ "docks": self.docks, "figures": figures.collect::<serde_json::Map<_, _>>() })
    }
}

fn measure(docks: usize, room: &Path) -> Row {
    let project = Project { dir: room.join("project"), host: String::new() };
    generate(&project.dir, docks);
    let engine = Engine::start(room, World::default());
    let project = Project { host: engine.host(), ..project };
    eprintln!("{docks} docks: building everything once");
    let build_all = project.time(&["build", "-j", "4"]);
    project.time(&["makefile"]);
    let ninja_file = project.bb(&["export", "ninja", "--bb", BB]).output().expect("bb runs").stdout;
    fs::write(project.dir.join("build.ninja"), ninja_file).expect("build.ninja can be written");
    let paths = paths(&project.dir);
    // Files as young as their record are read again, for their time could not tell of a change; then
    // the stamps are as young.
    for _ in 0..2 {
        std::thread::sleep(Duration::from_secs(3));
        project.time(&["build"]);
        project.time(&["sync"]);
    }
    eprintln!("{docks} docks: measuring");
    let mut figures = vec![
        ("build everything", build_all),
        ("paths", count(paths.len())),
        ("stat of all paths", median(|| stat_all(&paths))),
        ("bb --version", median(|| project.time(&["--version"]))),
        ("reading docks, plan", median(|| project.time(&["status", UNKNOWN]))),
        ("bb build", median(|| project.time(&["build"]))),
        ("bb sync", median(|| project.time(&["sync"]))),
        ("bb makefile", median(|| project.time(&["makefile"]))),
        ("ninja", median(|| project.run(Command::new("ninja").arg("--quiet")))),
    ];
    // A bb that only says that it has synced leaves make's own time.
    let mut make = || {
        project.run(Command::new("make").args([
            "-f",
            "Makefile.generated",
            "BB=echo make/synced.mk; true",
        ]))
    };
    figures.push(("make alone", median(&mut make)));
    figures.push(("engine's own answer", median(|| project.engine_answer())));
    figures.push(("bb build, KB of memory", project.memory()));
    figures.push(("first step after an edit", median(|| project.first_step())));
    figures.push(("bb build after it, KB", project.memory()));
    Row { docks, figures }
}

#[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
fn count(n: usize) -> f64 {
    n as f64
}

fn median(mut run: impl FnMut() -> f64) -> f64 {
    let mut times = (0..RUNS).map(|_| run()).collect::<Vec<_>>();
    times.sort_by(f64::total_cmp);
    times[RUNS / 2]
}

struct Project {
    dir: PathBuf,
    host: String,
}

impl Project {
    fn bb(&self, args: &[&str]) -> Command {
        let mut command = Command::new(BB);
        command.args(args).current_dir(&self.dir).env("DOCKER_HOST", &self.host);
        command
    }

    fn time(&self, args: &[&str]) -> f64 {
        self.run(&mut self.bb(args))
    }

    fn run(&self, command: &mut Command) -> f64 {
        command.current_dir(&self.dir).env("DOCKER_HOST", &self.host);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let begun = Instant::now();
        let output = command.output().expect("the command can be run");
        let took = begun.elapsed().as_secs_f64();
        if !output.status.success() && command.get_args().all(|arg| arg != UNKNOWN) {
            eprintln!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        took
    }

    /// From the start of `bb build` to the line that says that the first step begins.
    fn first_step(&self) -> f64 {
        let file = self.dir.join("bb-dock/d00000/etc/f0");
        let text = format!("{:?}", Instant::now());
        fs::write(&file, text).expect("the dock can be written");
        let begun = Instant::now();
        let mut command = self.bb(&["build"]);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("bb runs");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        lines.find(|l| l.as_ref().is_ok_and(|l| l.starts_with("start")));
        let took = begun.elapsed();
        lines.for_each(drop);
        child.wait().expect("bb ends");
        Duration::as_secs_f64(&took)
    }

    /// The two questions of a build, asked one after the other by a client that does nothing else.
    fn engine_answer(&self) -> f64 {
        let socket = self.host.trim_start_matches("unix://");
        let begun = Instant::now();
        let none = "%7B%22label%22%3A%5B%5D%7D";
        for path in ["/images/json".to_owned(), format!("/containers/json?filters={none}")] {
            let mut stream = UnixStream::connect(socket).expect("the engine listens");
            let request = format!("GET {path} HTTP/1.1\r\nHost: engine\r\n\r\n");
            stream.write_all(request.as_bytes()).expect("the engine reads");
            stream.shutdown(Shutdown::Write).expect("an open connection");
            stream.read_to_end(&mut vec![]).expect("the engine answers");
        }
        begun.elapsed().as_secs_f64()
    }

    /// Peak memory of a `bb build` that does nothing, as GNU time tells it.
    fn memory(&self) -> f64 {
        let mut command = Command::new("/usr/bin/time");
        command.args(["-f", "%M", BB, "build"]).current_dir(&self.dir);
        let output = command.env("DOCKER_HOST", &self.host).output();
        let text = output.map(|o| String::from_utf8_lossy(&o.stderr).into_owned());
        text.ok().and_then(|t| t.lines().last()?.parse().ok()).unwrap_or(f64::NAN)
    }
}

/// Docks with 10 files each, on parents that are not far away.
fn generate(root: &Path, docks: usize) {
    let mut random = 1_u64;
    let mut next = move |below: usize| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).unwrap_or(0) % below
    };
    fs::create_dir_all(root).expect("a folder");
    fs::write(root.join("bb.toml"), "namespace = \"bench\"\n").expect("a file");
    for n in 0..docks {
        let dir = root.join(format!("bb-dock/d{n:05}"));
        fs::create_dir_all(dir.join("etc")).expect("a folder");
        let root_image = n == 0 || next(10) == 0;
        let parent = if root_image { "scratch".to_owned() } else { parent(n, next(n.min(200))) };
        let text = format!("FROM {parent}\nLABEL maintainer=\"${{MAINTAINER}}\"\nCOPY etc /etc\n");
        fs::write(dir.join("Dockerfile.template"), text).expect("a file");
        fs::write(dir.join("Buildconfig.sh"), "PACKAGES=\n").expect("a file");
        for file in 0..FILES_PER_DOCK {
            fs::write(dir.join(format!("etc/f{file}")), format!("{n} {file}\n")).expect("a file");
        }
    }
}

fn parent(n: usize, back: usize) -> String {
    format!("${{NAMESPACE}}/d{:05}", n - 1 - back)
}

/// Every file that doing nothing has to look at: the docks' files and the stamps.
fn paths(root: &Path) -> Vec<PathBuf> {
    let below = |dir: &str| walkdir::WalkDir::new(root.join(dir)).into_iter().flatten();
    let all = below("bb-dock").chain(below(".bb/stamps")).chain(below(".bb/images"));
    all.filter(|e| e.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
}

fn stat_all(paths: &[PathBuf]) -> f64 {
    let begun = Instant::now();
    let found = paths.iter().filter(|p| fs::symlink_metadata(p).is_ok()).count();
    assert_eq!(found, paths.len(), "the files are there");
    begun.elapsed().as_secs_f64()
}

fn print_table(rows: &[Row]) {
    let Some(first) = rows.first() else { return };
    print_row("", rows, |r| format!("{} docks", r.docks));
    for (name, _) in &first.figures {
        print_row(name, rows, |r| shown(name, r.get(name)));
    }
    let stat = "stat of all paths";
    for (a, b) in [("bb build", "ninja"), ("bb build", stat), ("bb sync", "ninja"), ("ninja", stat)]
    {
        print_row(&format!("{a} / {b}"), rows, |r| format!("{:.2} x", r.get(a) / r.get(b)));
    }
}

fn print_row(name: &str, rows: &[Row], cell: impl Fn(&Row) -> String) {
    print!("{name:28}");
    for row in rows {
        print!("{:>14}", cell(row));
    }
    println!();
}

fn shown(name: &str, value: f64) -> String {
    if name == "paths" || name.contains("KB") {
        format!("{value:.0}")
    } else if value < 1.0 {
        format!("{:.1} ms", value * 1e3)
    } else {
        format!("{value:.2} s")
    }
}
