//! A sealed room: a folder of its own with a project in it, a clean environment, a namespace that no
//! other test has.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use filetime::FileTime;
use sha2::{Digest, Sha256};

use super::engine::Engine;
use super::mirror::Mirror;
use super::reaper;
use super::run::{Run, Running};
use crate::{Told, telling};

/// What this process calls its own in the engine.
static MARK: LazyLock<String> = LazyLock::new(|| format!("bbtest-{}", std::process::id()));
/// The folder that all rooms of this process are in.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(MARK.as_str());
    fs::create_dir_all(&folder).unwrap();
    folder
});
static ROOMS: AtomicUsize = AtomicUsize::new(0);

/// Where an engine never is.
const NO_ENGINE: &str = "unix:///nonexistent/engine.sock";

/// A project in a folder of its own.
#[derive(Debug)]
pub struct Room {
    pub dir: PathBuf,
    pub namespace: String,
    pub engine: Option<Engine>,
}

impl Room {
    /// A project without docks; there is no engine.
    pub fn new() -> Self {
        let number = ROOMS.fetch_add(1, Ordering::Relaxed);
        let dir = FOLDER.join(number.to_string());
        fs::create_dir_all(dir.join("home")).unwrap();
        fs::create_dir_all(dir.join("project/bb-dock")).unwrap();
        let namespace = format!("{}-{number}", *MARK);
        let room = Self { dir, namespace, engine: None };
        room.write("bb.toml", &format!("namespace = \"{}\"\n", room.namespace));
        room
    }

    /// A project without docks, and the engine.
    pub fn with_engine() -> Self {
        let engine = Engine::get();
        reaper::start(&engine, &MARK, &FOLDER);
        let mut room = Self::new();
        room.engine = Some(engine);
        room
    }

    /// A project without docks, and an engine of the test's own: what it leaves there goes with it.
    pub fn with_private_engine(engine: Engine) -> Self {
        let mut room = Self::new();
        room.engine = Some(engine);
        room
    }

    /// Its settings also name the mirror.
    #[must_use]
    pub fn with_mirror(self, mirror: &Mirror) -> Self {
        self.write(
            "bb.toml",
            &format!("namespace = \"{}\"\n{}", self.namespace, mirror.settings()),
        );
        self
    }

    pub fn engine(&self) -> &Engine {
        self.engine.as_ref().expect("this room has no engine")
    }

    /// The label of containers that a test starts itself.
    pub fn label() -> String {
        format!("bb.test={}", *MARK)
    }

    /// What tells the project's containers from those of others, as a filter for `docker ps`.
    pub fn project_filter(&self) -> String {
        format!("label=bb.project={}", self.owner())
    }

    /// What the project calls itself in the engine: its state folder's secret, and where that is.
    pub fn owner(&self) -> String {
        let state = self.path(".bb").canonicalize().unwrap();
        let secret = fs::read_to_string(state.join("id")).unwrap_or_default();
        let mut hasher = Sha256::new_with_prefix(secret.trim());
        hasher.update(state.as_os_str().as_encoded_bytes());
        format!("{:x}", hasher.finalize())[..32].to_owned()
    }

    /// A path in the project.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.dir.join("project").join(path)
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn append(&self, path: &str, text: &str) {
        let old = self.read(path);
        self.write(path, &format!("{old}{text}"));
    }

    #[track_caller]
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    pub fn remove(&self, path: &str) {
        let path = self.path(path);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }

    pub fn exists(&self, path: &str) -> bool {
        self.path(path).symlink_metadata().is_ok()
    }

    pub fn chmod(&self, path: &str, mode: u32) {
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// A dock with a template, a Buildconfig.sh that does nothing, and files. What is FROM scratch
    /// gets a label, or the engine's build cache would share layers among tests that remove them.
    pub fn dock(&self, name: &str, template: &str, files: &[(&str, &str)]) {
        let label = format!("FROM scratch\nLABEL room={}\n", self.namespace);
        let template = match self.engine {
            Some(_) => template.replacen("FROM scratch\n", &label, 1),
            None => template.to_owned(),
        };
        self.write(&format!("bb-dock/{name}/Dockerfile.template"), &template);
        self.write(&format!("bb-dock/{name}/Buildconfig.sh"), "");
        for (file, text) in files {
            self.write(&format!("bb-dock/{name}/{file}"), text);
        }
    }

    /// All files of the docks, the settings and the lock.
    pub fn inputs(&self) -> Vec<PathBuf> {
        let docks = walkdir::WalkDir::new(self.path("bb-dock")).into_iter();
        let docks = docks.map(|e| e.unwrap().into_path()).filter(|p| p.is_file());
        let own = ["bb.toml", "bb.lock"].map(|f| self.path(f)).into_iter().filter(|p| p.is_file());
        docks.chain(own).collect()
    }

    /// Dates all inputs to a time: seconds since 1970.
    pub fn touch_all(&self, seconds: i64) {
        for path in self.inputs() {
            filetime::set_file_mtime(path, FileTime::from_unix_time(seconds, 0)).unwrap();
        }
    }

    /// The steps that count as finished, as `kind:name`, sorted.
    pub fn stamps(&self) -> Vec<String> {
        self.state_files("stamps")
    }

    /// The files of a part of the state folder, as `kind:name`, sorted.
    fn state_files(&self, folder: &str) -> Vec<String> {
        let root = self.path(".bb").join(folder);
        let files = walkdir::WalkDir::new(&root).into_iter().filter_map(Result::ok);
        let files = files.filter(|e| e.file_type().is_file());
        let name = |e: walkdir::DirEntry| {
            let path =
                e.path().strip_prefix(&root).unwrap().to_string_lossy().replacen('/', ":", 1);
            path.clone()
        };
        super::sorted(files.map(name))
    }

    /// Nothing temporary is in the state folder.
    #[track_caller]
    pub fn assert_tidy(&self) {
        let tmp = self.path(".bb/tmp");
        let left = fs::read_dir(&tmp).map_or(0, Iterator::count);
        assert_eq!(left, 0, "left in {}", tmp.display());
    }

    /// `NAMESPACE/NAME:latest`.
    pub fn image(&self, name: &str) -> String {
        format!("{}/{name}:latest", self.namespace)
    }

    /// `bb ARGS` (split at blanks) in the project, with nothing of the caller's environment.
    pub fn command(&self, args: &str) -> Command {
        let mut command = Command::new(crate::bb());
        command.args(args.split_whitespace()).current_dir(self.path(""));
        self.seal(&mut command);
        command
    }

    /// Takes the caller's environment from a command, and gives it the room's.
    pub fn seal(&self, command: &mut Command) {
        let host = self.engine.as_ref().map_or(NO_ENGINE, |e| &e.host);
        command.env_clear().env("HOME", self.dir.join("home")).env("DOCKER_HOST", host);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        // No registry but those of this machine is asked: nobody listens there.
        command.env("HTTPS_PROXY", "http://127.0.0.1:1");
        command.stdin(Stdio::null());
    }

    /// Runs `bb ARGS` to its end.
    pub fn bb(&self, args: &str) -> Run {
        self.bb_with(&[], args)
    }

    /// Runs `bb ARGS` with variables.
    pub fn bb_with(&self, env: &[(&str, &str)], args: &str) -> Run {
        let mut command = self.command(args);
        command.envs(env.iter().copied());
        Run::of(command)
    }

    /// Runs `bb ARGS` to its end: what was executed.
    pub fn told(&self, args: &str) -> Told {
        self.told_with(&[], args)
    }

    /// The same, with variables.
    pub fn told_with(&self, env: &[(&str, &str)], args: &str) -> Told {
        let mut command = self.command(args);
        command.envs(env.iter().copied());
        Told::of(command)
    }

    /// make, with `bb` in its PATH, whose steps tell what they do.
    pub fn telling(&self, make: &str, args: &[&str]) -> Command {
        let mut command = Command::new(make);
        command.args(args).current_dir(self.path(""));
        self.seal(&mut command);
        let system = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{system}", telling()));
        command
    }

    /// Starts `bb ARGS`.
    pub fn start(&self, args: &str) -> Running {
        Running::start(self.command(args))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // The images stay for the reaper: the engine's classic builder trips over images that vanish.
        let _ = fs::remove_dir_all(&self.dir);
    }
}
