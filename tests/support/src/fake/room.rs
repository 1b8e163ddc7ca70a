//! One copy of a project with an engine of its own, and the four ways to bring it up to date.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use filetime::{FileTime, set_file_mtime, set_symlink_file_times};

use super::engine::{Engine, World};
use super::mirror::MIRROR;
use super::real::Real;
use crate::{Told, programs, telling};

/// Where make, ninja and the like are.
const SYSTEM: &str = "/usr/local/bin:/usr/bin:/bin";

/// A file or a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    File(String, u32),
    Link(String),
}

impl Node {
    pub fn text(text: impl Into<String>) -> Self {
        Self::File(text.into(), 0o644)
    }
}

/// Who executes the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Executor {
    Bb,
    Make,
    Bmake,
    Ninja,
}

impl Executor {
    pub const ALL: [Self; 4] = [Self::Bb, Self::Make, Self::Bmake, Self::Ninja];

    /// What one types.
    fn words(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Bb => ("bb", &["build"]),
            Self::Make => ("make", &["-j4", "-f", "Makefile.generated"]),
            Self::Bmake => ("bmake", &["-j4", "-f", "Makefile.generated"]),
            Self::Ninja => ("sh", &["-c", "bb sync && ninja -j4"]),
        }
    }
}

/// A project's folder and its engine.
pub struct Room {
    pub engine: Engine,
    /// Used instead where it is there.
    pub real: Option<Real>,
    root: tempfile::TempDir,
    /// The project's folder, below the root.
    folder: String,
    pub env: Vec<(String, String)>,
}

/// What a command said to people, and how it ended.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub text: String,
}

impl From<Output> for Run {
    fn from(out: Output) -> Self {
        let text = [out.stdout, out.stderr].concat();
        Self { code: out.status.code(), text: String::from_utf8_lossy(&text).into_owned() }
    }
}

impl Run {
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.text);
        self
    }
}

/// Exit code and all that was said.
#[track_caller]
pub fn says(run: &Run, code: i32, text: &str) {
    assert_eq!((run.text.as_str(), run.code), (text, Some(code)));
}

/// Files in memory, where there is such a folder. A disk's file system may look long for the number of
/// a new file where many were removed just before: half of all the time, on ext4.
pub fn in_memory() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let usable = tempfile::tempdir_in(&memory).is_ok();
    if usable { memory } else { std::env::temp_dir() }
}

impl Room {
    pub fn new(world: World) -> Self {
        Self::called("p", &std::env::temp_dir(), world)
    }

    /// With a folder of a certain name, somewhere.
    pub fn called(folder: &str, above: &Path, world: World) -> Self {
        let root = tempfile::tempdir_in(above).unwrap();
        fs::create_dir(root.path().join(folder)).unwrap();
        let engine = Engine::start(root.path(), world);
        Self { engine, real: None, root, folder: folder.to_owned(), env: vec![] }
    }

    /// The same files, with their times, and an engine with the same images.
    pub fn copy(&self) -> Self {
        let copy = Self {
            env: self.env.clone(),
            ..Self::called(&self.folder, self.root.path().parent().unwrap(), self.engine.world())
        };
        let from = self.path("").join(".");
        let status = Command::new("cp").arg("-a").args([from, copy.path("")]).status().unwrap();
        assert!(status.success());
        copy
    }

    /// Leaves the folder where it is; for a look at it.
    pub fn keep(self) -> PathBuf {
        self.root.keep()
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(&self.folder).join(path)
    }

    pub fn write(&self, path: &str, text: &str) {
        put(&self.path(path), &Node::text(text));
    }

    /// `b` is built on `a`; exported, and not built.
    pub fn two_docks() -> Self {
        Self::two_docks_in("p")
    }

    /// The same, in a folder of a certain name.
    pub fn two_docks_in(folder: &str) -> Self {
        let room = Self::called(folder, &std::env::temp_dir(), World::default());
        room.dock("a", "FROM scratch\nCOPY f /\n");
        room.dock("b", "FROM ${NAMESPACE}/a\nCOPY f /\n");
        room.write("bb.toml", "namespace = \"ns\"\n");
        room.run("bb", &["makefile"]).ok();
        room.export_ninja();
        room
    }

    /// A dock with a Buildconfig.sh that says nothing, and a file `f`.
    pub fn dock(&self, name: &str, template: &str) {
        self.write(&format!("bb-dock/{name}/Dockerfile.template"), template);
        self.write(&format!("bb-dock/{name}/Buildconfig.sh"), "");
        self.write(&format!("bb-dock/{name}/f"), name);
    }

    /// bb.toml with the fake mirror: `top` goes before the tables, `tables` after those of the mirror.
    pub fn settings(&self, top: &str, tables: &str) {
        let (mirrors, trust) = &MIRROR.settings;
        self.write("bb.toml", &format!("namespace = \"ns\"\n{top}{mirrors}{trust}{tables}"));
    }

    /// Pins what the fake mirror has.
    pub fn pin(&self) {
        self.write("bb.lock", &MIRROR.lock);
    }

    /// A command in the project's folder, with an environment of its own.
    pub fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        let path = format!("{}:{SYSTEM}", programs().display());
        let host = self.real.as_ref().map_or_else(|| self.engine.host(), Real::host);
        command.args(args).current_dir(self.path("")).env_clear().env("PATH", path);
        // No registry is asked: nobody listens there.
        command.env("HTTPS_PROXY", "http://127.0.0.1:1");
        command.env("RUST_BACKTRACE", "1").env("HOME", self.root.path()).env("DOCKER_HOST", host);
        command.envs(self.env.iter().map(|(k, v)| (k, v)));
        command
    }

    pub fn run(&self, program: &str, args: &[&str]) -> Run {
        self.command(program, args).output().unwrap().into()
    }

    /// The same, where each step that is executed tells so to a program, whoever has started it.
    pub fn telling(&self, program: &str, args: &[&str]) -> Command {
        let mut command = self.command(program, args);
        if program == "bb" {
            command.args(["--message-format", "json"]);
        } else {
            command.env("PATH", format!("{}:{SYSTEM}", telling()));
        }
        command
    }

    /// What was executed.
    pub fn told_by(&self, program: &str, args: &[&str]) -> Told {
        self.telling(program, args).output().unwrap().into()
    }

    /// `bb ARGS`, split at blanks: what was executed.
    pub fn told(&self, args: &str) -> Told {
        self.told_by("bb", &args.split_whitespace().collect::<Vec<_>>())
    }

    /// It fails, executes nothing and says something, and not what make says of its own.
    #[track_caller]
    pub fn refuses(&self, program: &str, args: &[&str], text: &str) -> Run {
        self.refused(&self.told_by(program, args), (program, args), text)
    }

    /// The same, of who executes the plan.
    #[track_caller]
    pub fn executor_refuses(&self, executor: Executor, text: &str) -> Run {
        self.refused(&self.execute(executor), executor.words(), text)
    }

    /// What was refused is asked again, as nothing has changed by it, for what people are told.
    #[track_caller]
    fn refused(&self, told: &Told, (program, args): (&str, &[&str]), text: &str) -> Run {
        assert!(told.code != Some(0) && told.executed().is_empty(), "{told}");
        let run = self.run(program, args);
        assert!(run.code != Some(0) && run.text.contains(text), "{:?} {}", run.code, run.text);
        assert!(!run.text.contains("No rule to make target"), "{}", run.text);
        run
    }

    /// Brings everything up to date.
    pub fn execute(&self, executor: Executor) -> Told {
        let (program, args) = executor.words();
        let run = || self.told_by(program, args);
        match executor {
            Executor::Bb | Executor::Make => run(),
            Executor::Bmake => {
                let write = || drop(self.run("bb", &["makefile"]).ok());
                again("Makefile.generated", "bb makefile -o Makefile.generated", run, write)
            }
            Executor::Ninja => {
                if !self.path("build.ninja").exists() {
                    self.export_ninja();
                }
                let command = "bb export ninja >build.ninja";
                again("build.ninja", command, run, || self.export_ninja())
            }
        }
    }

    pub fn export_ninja(&self) {
        self.run("sh", &["-c", "bb export ninja >build.ninja"]).ok();
    }

    /// Cuts the times of all files to whole seconds.
    pub fn truncate_times(&self) {
        for entry in walkdir::WalkDir::new(self.path("")) {
            let entry = entry.unwrap();
            let time = FileTime::from_last_modification_time(&entry.metadata().unwrap());
            date(entry.path(), FileTime::from_unix_time(time.seconds(), 0));
        }
    }

    /// Sets a file's time some seconds back.
    pub fn age(&self, path: &str, seconds: i64) {
        let now = FileTime::now();
        date(&self.path(path), FileTime::from_unix_time(now.seconds() - seconds, 0));
    }
}

/// bmake and ninja do not write their file again: they are stopped, and told how.
fn again(file: &str, command: &str, run: impl Fn() -> Told, write: impl Fn()) -> Told {
    let first = run();
    if !first.beside.contains(&format!("error: `{file}` is not what the docks say now")) {
        return first;
    }
    let hint = format!("hint: run `{command}` and start again\n");
    assert!(first.beside.contains(&hint), "{first}");
    assert!(first.code != Some(0) && first.executed().is_empty(), "{first}");
    write();
    run()
}

fn date(path: &Path, time: FileTime) {
    if path.is_symlink() {
        set_symlink_file_times(path, time, time).unwrap();
    } else {
        set_file_mtime(path, time).unwrap();
    }
}

/// Writes what is to be there: in its place where only the text is another one.
pub fn put(path: &Path, node: &Node) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    match node {
        Node::File(text, mode) => {
            fs::write(path, text).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(*mode)).unwrap();
        }
        Node::Link(target) => {
            if path.is_symlink() {
                fs::remove_file(path).unwrap();
            }
            symlink(target, path).unwrap();
        }
    }
}

/// Removes a file and the folders that are empty then.
pub fn remove(path: &Path) {
    fs::remove_file(path).unwrap();
    for folder in path.ancestors().skip(1) {
        if fs::remove_dir(folder).is_err() {
            return;
        }
    }
}
