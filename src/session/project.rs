//! A project on disk: `bb.toml`, `bb.lock` and the docks become settings, lock and plan.
//!
//! The only reader of `bb.toml` and `bb.lock`. The current folder is the project's; every path is
//! relative to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::error::{Error, Result, io_reason};
use crate::base::limits::{Limit, Limits};
use crate::base::open::{Ground, Refused};
use crate::base::patterns::Pattern;
use crate::config::lock::{Lock, Pins};
use crate::config::{EngineName, Settings, Task, Written, places};
use crate::engine::Engine;
use crate::engine::choice::{BB_ENGINE, name_engine};
use crate::exec::tokens::{Load, Upstream};
use crate::plan::TaskFacts;
use crate::plan::expand::Layout;
use crate::session::build::Options;
use crate::session::facts::followed_on;
use crate::state::store::Store;

/// The settings' file.
pub const SETTINGS_FILE: &str = "bb.toml";
/// The lock's file.
pub const LOCK_FILE: &str = "bb.lock";

/// What a project is opened with that is in none of its files.
#[derive(Clone)]
pub struct Surroundings {
    /// The environment's variables: settings, the engine and who one is at registries are read from them. None
    /// is read from the process.
    pub environment: BTreeMap<String, String>,
    /// The state folder, relative to the project.
    pub state: PathBuf,
    /// Whether what runs steps listens to SIGINT, SIGTERM and SIGHUP of this process, and ends them in order. That
    /// is the whole process's: these signals do not end it any more, once they were listened to.
    pub signals: bool,
    /// The engine that is used; none: the one that the environment leads to.
    pub engine: Option<Arc<dyn Engine>>,
    /// The program that the native engine starts again for its boxes, if the environment leads to that: its `main`
    /// begins with [`inside::entered`](crate::engine::native::inside::entered).
    pub program: Option<PathBuf>,
    /// The jobserver whose tokens are the budget, if there is one: that of the make that has started this process.
    pub jobserver: Option<Arc<Upstream>>,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            environment: BTreeMap::new(),
            state: PathBuf::from(".bb"),
            signals: false,
            engine: None,
            program: None,
            jobserver: None,
        }
    }
}

impl fmt::Debug for Surroundings {
    /// Without the variables' values: some are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.environment.keys();
        f.debug_struct("Surroundings")
            .field("environment", &names.collect::<Vec<_>>())
            .field("state", &self.state)
            .field("signals", &self.signals)
            .field("engine", &self.engine)
            .field("program", &self.program)
            .field("jobserver", &self.jobserver)
            .finish()
    }
}

/// One project, read.
#[derive(Debug, Clone)]
pub struct Project {
    /// Effective settings: what a program wants otherwise than the project's files say, it sets here.
    pub settings: Settings,
    /// Where results go.
    pub layout: Layout,
    /// Where its files may be.
    pub ground: Ground,
    surroundings: Surroundings,
    /// How busy the machine may be when another job begins.
    load: Option<Load>,
}

impl Project {
    /// Opens the project in a folder, which must be the current folder of this process: every path of a plan, of
    /// records and in messages is relative to it. It has to stay the current folder as long as the project is used;
    /// that is not looked at again. So a process works on one project at a time.
    ///
    /// Reads `bb.toml` and the variables that `surroundings` has, and nothing else; writes nothing, and asks no
    /// engine.
    ///
    /// # Errors
    /// The folder is not the current one (exit code 2), or it has no `bb.toml`, or there is something wrong in it
    /// or in a variable (exit code 3).
    pub fn open(path: &Path, mut surroundings: Surroundings) -> Result<Self> {
        is_current(path)?;
        let file = Path::new(SETTINGS_FILE);
        let env = &surroundings.environment;
        let allowed = places(env.get("BB_LINKS").map_or("", String::as_str));
        let text = Ground::of(Path::new("."), &allowed).text(file, Limit::FileSize);
        let text = text.map_err(|refused| {
            refused.or(|e| {
                let error = Error::file("read", file, e);
                Error::config(error.message())
                    .hint("a project is a folder with a `bb.toml` and docks in `bb-dock/`")
            })
        })?;
        let settings = Settings::resolve(file, &text, env)?;
        let ground = settings.ground();
        name_engine(settings.engine, &mut surroundings.environment);
        Ok(Self {
            settings,
            layout: Layout { state: surroundings.state.clone() },
            ground,
            surroundings,
            load: None,
        })
    }

    /// The environment that it was opened with.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.surroundings.environment
    }

    /// The same project where another engine is meant: it is asked for by its name.
    #[must_use]
    pub(super) fn on(&self, engine: EngineName) -> Self {
        let mut other = self.clone();
        let environment = &mut other.surroundings.environment;
        environment.insert(BB_ENGINE.to_owned(), engine.as_str().to_owned());
        other
    }

    /// The engine that it was opened with.
    pub(super) fn own_engine(&self) -> Option<Arc<dyn Engine>> {
        self.surroundings.engine.clone()
    }

    /// The same project with what a run says of jobs: who says how many there are to be means it, also under make.
    #[must_use]
    pub(super) fn with_jobs_of(&self, options: &Options) -> Self {
        let mut other = self.clone();
        if options.jobs.is_some() {
            other.surroundings.jobserver = None;
        }
        other.load = options.load.map(|most| Load::at_most(most.get()));
        other
    }

    /// How busy the machine may be when another job begins.
    pub(super) fn load(&self) -> Option<Load> {
        self.load
    }

    /// The jobserver that it was opened with.
    pub(super) fn jobserver(&self) -> Option<Arc<Upstream>> {
        self.surroundings.jobserver.clone()
    }

    /// The program that is started again for boxes.
    pub(super) fn program(&self) -> Option<&Path> {
        self.surroundings.program.as_deref()
    }

    /// Whether signals end what runs.
    pub(super) fn listens(&self) -> bool {
        self.surroundings.signals
    }

    /// The same project with a state folder of its own, to look at what an update would change.
    #[must_use]
    pub(super) fn shadow(&self) -> Self {
        let layout = Layout { state: self.layout.state.join("outdated") };
        Self { layout, ..self.clone() }
    }

    /// The state folder.
    pub fn store(&self) -> Store {
        Store::at(&self.layout.state)
    }

    /// What is pinned; nothing where there is no lock.
    ///
    /// # Errors
    /// The lock is malformed, or the environment's DATE asks for another snapshot.
    pub fn pins(&self) -> Result<Pins> {
        let file = Path::new(LOCK_FILE);
        let text = match self.ground.text(file, Limit::FileSize) {
            Ok(text) => text,
            Err(Refused::Io(e)) if e.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Pins::default());
            }
            Err(refused) => return Err(refused.or(|e| Error::file("read", file, e))),
        };
        let pins = Pins::parse(file, &text)?;
        match (&self.settings.date, &pins.gentoo) {
            (Some(date), Some(lock)) if date != lock.date() => {
                let locked = lock.date();
                Err(Error::config(format!("DATE is `{date}`, but `bb.lock` pins `{locked}`"))
                    .hint(format!("`DATE={date} bb update` moves the lock; a build never does")))
            }
            _ => Ok(pins),
        }
    }

    /// The pinned stage3 and snapshot, if there are any.
    ///
    /// # Errors
    /// As of [`pins`](Self::pins).
    pub fn lock(&self) -> Result<Option<Lock>> {
        Ok(self.pins()?.gentoo)
    }

    /// The same with everything verified, or without.
    #[must_use]
    pub fn skipping(&self, skip_verify: bool) -> Self {
        let mut other = self.clone();
        other.settings.skip_verify = skip_verify;
        other
    }

    pub(super) fn tasks(&self) -> Result<Vec<TaskFacts>> {
        let tasks = self.settings.tasks.iter();
        tasks.map(|t| Ok(TaskFacts { task: t.clone(), inputs: self.inputs(t)? })).collect()
    }

    /// The files that a task's patterns match now. A pattern without wildcards names a file whether
    /// it is there or not.
    fn inputs(&self, task: &Task) -> Result<Vec<PathBuf>> {
        let mut files = BTreeSet::new();
        for input in &task.inputs {
            let ground = self.ground_of(input)?;
            if !is_pattern(&input.text) {
                files.extend(followed_on(&ground, PathBuf::from(&input.text))?);
                continue;
            }
            let pattern = Pattern::new(&input.text)
                .map_err(|why| self.settings.error_at(format!("not a pattern: {why}"), input))?;
            let found = matching(&pattern, &input.text);
            for file in found.map_err(|why| self.settings.error_at(why, input))? {
                files.extend(followed_on(&ground, file)?);
            }
        }
        Ok(files.into_iter().collect())
    }

    /// Where the files may be that one input of a task names: a pattern that begins with `../` is meant so.
    fn ground_of(&self, input: &Written) -> Result<Ground> {
        let base = fixed_path(&input.text);
        let ground = self.ground.clone().with_named(&base);
        // A plain path is checked as the file that it is.
        if is_pattern(&input.text) {
            ground.check(&base)?;
        }
        Ok(ground)
    }
}

/// Two spellings of one folder are the same.
fn is_current(path: &Path) -> Result<()> {
    let here = Path::new(".");
    let cannot = |e: std::io::Error| {
        let why = io_reason(&e);
        Error::usage(format!("cannot open the project `{}`: {why}", path.display()))
    };
    if path == here
        || path.canonicalize().map_err(cannot)? == here.canonicalize().map_err(cannot)?
    {
        return Ok(());
    }
    Err(Error::usage(format!("the project `{}` is not in the current folder", path.display()))
        .hint("enter it first: all paths of a project are relative to its folder"))
}

const WILDCARDS: [char; 4] = ['*', '?', '[', '{'];

pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(WILDCARDS)
}

/// The part of a pattern's path that has no wildcard.
fn fixed(pattern: &str) -> impl Iterator<Item = &str> {
    pattern.split('/').take_while(|part| !is_pattern(part))
}

/// The path of that part. An absolute one begins with an empty name.
fn fixed_path(pattern: &str) -> PathBuf {
    let base = fixed(pattern).collect::<Vec<_>>().join("/");
    match base.as_str() {
        "" if pattern.starts_with('/') => PathBuf::from("/"),
        "" => PathBuf::from("."),
        base => PathBuf::from(base),
    }
}

/// What is below the fixed part of a pattern, as deep as the pattern goes.
fn below(pattern: &str) -> impl Iterator<Item = walkdir::DirEntry> {
    let deep = pattern.contains("**") || pattern.contains('{');
    let depth = if deep { usize::MAX } else { pattern.split('/').count() - fixed(pattern).count() };
    let walk = walkdir::WalkDir::new(fixed_path(pattern)).max_depth(depth).sort_by_file_name();
    walk.into_iter().filter_map(std::result::Result::ok)
}

/// The path without a leading `./`.
fn plain(entry: walkdir::DirEntry) -> PathBuf {
    let path = entry.into_path();
    path.strip_prefix(".").map_or(path.clone(), PathBuf::from)
}

/// Files that a pattern matches.
fn matching(pattern: &Pattern, text: &str) -> Result<Vec<PathBuf>, String> {
    let limits = Limits::default();
    let mut files = vec![];
    for (at, entry) in below(text).enumerate() {
        let few = limits.check(Limit::Walked, at as u64);
        few.map_err(|e| format!("what `{text}` has to look through is {e}"))?;
        if !entry.file_type().is_dir() {
            files.extend(Some(plain(entry)).filter(|path| pattern.matches(path)));
        }
    }
    Ok(files)
}

/// Folders in which a pattern may match something: another entry in one may be another match.
pub(super) fn folders(pattern: &str) -> impl Iterator<Item = PathBuf> {
    below(pattern).filter(|e| e.file_type().is_dir()).map(walkdir::DirEntry::into_path)
}
