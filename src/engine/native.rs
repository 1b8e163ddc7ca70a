//! The native engine's boxes: a root of layers with its processes, in namespaces of its own. No daemon, no other
//! program but Linux' `newuidmap`, no root needed.
//!
//! ```text
//! bb ── starts itself again ─► waits outside ─► first process of the box      (inside::made, inside::first)
//!  │        over a socket: jobs, words, files (wire)        ▲ its end is the box's end
//!  ├─ once more, for a command ─► joins the namespaces ─► the command         (inside::join)
//!  └─ once more, for files that ids of boxes own                              (inside::files)
//! ```
//!
//! All that decides is in texts and values: [`spec`], `ids`, `mounts`, `filter`. Blocks; whoever must not wait
//! calls it on a thread of its own. Does not know images, steps or projects.

#![expect(
    clippy::disallowed_methods,
    reason = "makes files of the store, starts the program again, and waits"
)]

mod engine;
mod filter;
pub mod guest;
mod helper;
mod ids;
mod images;
pub mod inside;
mod mounts;
mod notes;
pub mod spec;
mod store;
mod talk;
mod tried;
mod wire;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

pub use engine::NativeEngine;
use spec::{BoxId, BoxSpec, CacheName, Command, LayerId, Network, Process};
pub use talk::{Talk, TerminalTalk};
pub use tried::tried;

use crate::base::error::{Error, Result, io_reason};
use crate::base::limits::{Limit, Limits};
use crate::engine::TerminalSize;
use crate::state::disk::{self, Used};
use helper::Helper;
use store::Store;
use wire::{BoxJob, Exec, Files, Job, Order, Word};

/// Boxes, and the store that they stand on.
#[derive(Debug)]
pub struct Native {
    store: Store,
    limits: Limits,
    boxes: Mutex<BTreeMap<BoxId, Held>>,
    /// Whether a box stands on a copy of its layers.
    copies: AtomicBool,
}

/// A box of this process.
#[derive(Debug)]
struct Held {
    spec: BoxSpec,
    /// Nothing if it does not run.
    running: Option<Running>,
    /// Its own, and one for each of its layers: who removes what nobody uses takes them first.
    locks: Vec<File>,
}

#[derive(Debug)]
struct Running {
    helper: Helper,
    first: OwnedFd,
}

/// Counts the boxes that this process makes.
static MADE: AtomicU32 = AtomicU32::new(0);

impl Native {
    /// The boxes of a store, which is made where it is missing. `program` is what is started again: this one,
    /// `/proc/self/exe`, if its `main` begins with [`inside::entered`].
    ///
    /// # Errors
    /// Exit 4: this user has no range of ids, or the store belongs to another one.
    pub fn open(program: PathBuf, folder: &Path) -> Result<Self> {
        let store = Store::open(program, folder)?;
        Ok(Self {
            store,
            limits: Limits::default(),
            boxes: Mutex::default(),
            copies: AtomicBool::new(false),
        })
    }

    /// The same with other limits for what is unpacked.
    #[must_use]
    pub fn within(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Whether a layer is there.
    pub fn has(&self, layer: &LayerId) -> bool {
        self.store.path(&format!("layers/{layer}")).is_dir()
    }

    /// Unpacks a layer, unless it is there. Returns which devices it could not make.
    ///
    /// # Errors
    /// The archive is no layer, is larger than the limits, or there is no room for it.
    pub fn unpack(&self, layer: &LayerId, archive: impl Read) -> Result<Vec<String>> {
        if self.has(layer) {
            return Ok(vec![]);
        }
        // Not the layer's own lock: who stands on it holds that, for as long as a box lives.
        let _lock = self.store.lock_unpacking(layer)?;
        // Whoever had the lock has unpacked it.
        if self.has(layer) {
            return Ok(vec![]);
        }
        let into = format!("layers/{layer}");
        let job = Files::Layer { into: into.clone(), limits: settings(&self.limits) };
        let left = self.send(&Job::Store(job), None, archive).and_then(|left| {
            // Only now it is known that nothing was missing at its end.
            let whole = Job::Store(Files::Whole { path: into.clone() });
            self.store.mapped(&whole, &[])?.done().map(|_| left)
        });
        left.map_err(|error| {
            // The reason is what matters; what stays goes before the next try.
            let _ = self.remove_path(format!("{into}.new"));
            error.detail(format!("  in `{}`", self.store.path(&into).display()))
        })
    }

    /// Removes a layer, unless a box stands on it.
    ///
    /// # Errors
    /// A box does, or a file cannot be removed.
    pub fn remove_layer(&self, layer: &LayerId) -> Result<()> {
        let _lock = self.store.lock_layer(layer, true)?;
        self.remove_path(format!("layers/{layer}"))
    }

    /// Starts a box in which nothing runs yet but its first process.
    ///
    /// # Errors
    /// A layer is missing, or this machine allows no such box.
    pub fn start(&self, spec: &BoxSpec) -> Result<BoxId> {
        let id = new_id()?;
        self.adopt(&id, spec)?;
        match self.resume(&id) {
            Ok(()) => Ok(id),
            Err(error) => {
                // The reason is what matters; a folder without a lock goes with the next tidying.
                let _ = self.remove(&id);
                Err(error)
            }
        }
    }

    /// Holds a box, with its layers, of which nothing runs: a new one, or one that another process has left.
    ///
    /// # Errors
    /// A layer is missing, or another process holds the box.
    fn adopt(&self, id: &BoxId, spec: &BoxSpec) -> Result<()> {
        let mut locks = vec![self.store.lock_box(id)?];
        for layer in &spec.layers {
            locks.push(self.store.lock_layer(layer, false)?);
        }
        // Only now nobody removes one.
        if let Some(missing) = spec.layers.iter().find(|layer| !self.has(layer)) {
            return Err(Error::engine(format!("the layer `{missing}` is not unpacked")));
        }
        let held = Held { spec: spec.clone(), running: None, locks };
        self.held().insert(id.clone(), held);
        Ok(())
    }

    /// Whether a box of this process runs.
    fn runs(&self, id: &BoxId) -> bool {
        self.held().get(id).is_some_and(|held| held.running.is_some())
    }

    /// Whether this process holds a box.
    fn holds(&self, id: &BoxId) -> bool {
        self.held().contains_key(id)
    }

    /// Starts a box again that was halted: its files are as it left them.
    ///
    /// # Errors
    /// There is no such box, or this machine allows none.
    pub fn resume(&self, id: &BoxId) -> Result<()> {
        let spec = self.held().get(id).ok_or_else(|| no_box(id))?.spec.clone();
        let running = self.launch(id, &spec)?;
        if let Some(held) = self.held().get_mut(id) {
            held.running = Some(running);
        }
        Ok(())
    }

    /// Runs a command in a box. It is there when this returns.
    ///
    /// # Errors
    /// The box does not run, or it has no such program, folder or user.
    pub fn exec(&self, id: &BoxId, command: &Command) -> Result<Talk> {
        let (job, first) = self.command(id, command, None)?;
        talk::begin(&self.store, &job, &first)
    }

    /// The same on a terminal of the box's own.
    ///
    /// # Errors
    /// As of [`exec`](Self::exec).
    pub fn exec_on_terminal(
        &self,
        id: &BoxId,
        command: &Command,
        size: TerminalSize,
    ) -> Result<TerminalTalk> {
        let (job, first) = self.command(id, command, Some(size))?;
        talk::begin_on_terminal(&self.store, &job, &first)
    }

    fn command(
        &self,
        id: &BoxId,
        command: &Command,
        terminal: Option<TerminalSize>,
    ) -> Result<(Job, OwnedFd)> {
        let (first, spec) = self.running(id)?;
        let job = Job::Exec(Exec {
            command: command.clone(),
            terminal,
            bounds: spec.bounds,
            no_new_privileges: spec.no_new_privileges,
            network: spec.network,
        });
        Ok((job, first))
    }

    /// Takes whoever calls at a socket to a port of a box, as long as what this returns is there.
    fn forward(&self, id: &BoxId, socket: &TcpListener, port: u16) -> Result<Helper> {
        let (first, _) = self.running(id)?;
        let helper = self.store.helper(&Job::Forward(port), &[first.as_fd(), socket.as_fd()])?;
        match helper.hear()?.0 {
            Word::Runs => Ok(helper),
            other => Err(helper::unexpected(&other)),
        }
    }

    /// Unpacks an archive in a box, at a folder that is made where it is missing.
    ///
    /// # Errors
    /// The box does not run, or the archive does not fit there.
    pub fn upload(&self, id: &BoxId, at: &str, archive: impl Read) -> Result<()> {
        let (first, _) = self.running(id)?;
        let job = Files::Unpack { into: at.to_owned(), limits: settings(&self.limits) };
        match self.send(&Job::Inside(job), Some(&first), archive)?.first() {
            None => Ok(()),
            Some(left) => Err(Error::step(format!("a box cannot make the device `{left}`"))),
        }
    }

    /// Packs a file or folder of a box, with names that begin with its own.
    ///
    /// # Errors
    /// The box does not run, or has no such file.
    pub fn download(&self, id: &BoxId, path: &str, out: impl Write) -> Result<()> {
        let (first, _) = self.running(id)?;
        let job = Files::Pack { from: path.to_owned(), without: vec![], named: true };
        self.fetch(&Job::Inside(job), Some(&first), out)
    }

    /// Packs a box's whole root, without what is mounted in it.
    ///
    /// # Errors
    /// The box does not run, or a file cannot be read.
    pub fn tree(&self, id: &BoxId, out: impl Write) -> Result<()> {
        let (first, spec) = self.running(id)?;
        let own = ["proc", "sys", "dev"].map(str::to_owned);
        let without = spec.mounts.iter().map(|mount| mount.at().to_owned()).chain(own).collect();
        let job = Files::Pack { from: "/".into(), without, named: false };
        self.fetch(&Job::Inside(job), Some(&first), out)
    }

    /// Packs what overlayfs has of a box's changes, as a layer with whiteouts. A file that was opened for writing is
    /// in it even if it is as it was, and so are the places where something is mounted.
    ///
    /// # Errors
    /// There is no such box, or a file cannot be read.
    pub fn difference(&self, id: &BoxId, out: impl Write) -> Result<()> {
        if !self.held().contains_key(id) {
            return Err(no_box(id));
        }
        let job = Files::Difference { id: id.clone() };
        self.fetch(&Job::Store(job), None, out)
    }

    /// What a box has changed, by name and letter (see [`inside::changes`]); also where something is mounted.
    fn changes(&self, id: &BoxId) -> Result<Vec<u8>> {
        let layers = self.held().get(id).ok_or_else(|| no_box(id))?.spec.layers.clone();
        let mut listed = vec![];
        self.fetch(&Job::Store(Files::Changes { id: id.clone(), layers }), None, &mut listed)?;
        Ok(listed)
    }

    /// Whether there is a folder at a path of a box.
    fn is_folder(&self, id: &BoxId, path: &str) -> Result<bool> {
        let (first, _) = self.running(id)?;
        let mut kind = vec![];
        let job = Files::Kind { path: path.to_owned() };
        self.fetch(&Job::Inside(job), Some(&first), &mut kind)?;
        Ok(kind == inside::files::FOLDER.as_bytes())
    }

    /// How much room each entry of a folder of the store takes. What only ids of boxes may read is counted by them.
    fn used(&self, folder: &str) -> Result<BTreeMap<String, Used>> {
        let path = self.store.path(folder);
        match disk::each(&path) {
            Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied => {}
            used => return used.map_err(|cause| Error::file("read", &path, &cause)),
        }
        let mut said = vec![];
        let job = Files::Used { folder: folder.to_owned() };
        self.fetch(&Job::Store(job), None, &mut said)?;
        let bytes = serde_json::from_slice::<BTreeMap<String, u64>>(&said);
        let bytes = bytes.map_err(|cause| failed("see how much room is taken", &cause.into()))?;
        Ok(bytes.into_iter().map(|(name, bytes)| (name, Used::alone(bytes))).collect())
    }

    fn has_cache(&self, name: &CacheName) -> bool {
        self.store.path(&format!("caches/{name}")).is_dir()
    }

    /// The names of all caches.
    fn caches(&self) -> Result<Vec<String>> {
        let folder = self.store.path("caches");
        let failed = |cause: std::io::Error| Error::file("read", &folder, &cause);
        let mut found = vec![];
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            found.extend(entry.map_err(failed)?.file_name().into_string());
        }
        Ok(found)
    }

    /// Makes a cache, unless it is there.
    fn make_cache(&self, name: &CacheName) -> Result<()> {
        if self.has_cache(name) {
            return Ok(());
        }
        let job = Files::Folder { path: format!("caches/{name}") };
        self.store.mapped(&Job::Store(job), &[])?.done().map(drop)
    }

    fn remove_cache(&self, name: &CacheName) -> Result<()> {
        self.remove_path(format!("caches/{name}"))
    }

    /// Who is in a box.
    ///
    /// # Errors
    /// It does not run.
    pub fn processes(&self, id: &BoxId) -> Result<Vec<Process>> {
        let (first, _) = self.running(id)?;
        let helper = self.store.helper(&Job::Processes, &[first.as_fd()])?;
        match helper.hear()?.0 {
            Word::Processes(found) => Ok(found),
            other => Err(helper::unexpected(&other)),
        }
    }

    /// Asks all processes of a box to end, kills after some patience who has not, and leaves its files.
    ///
    /// # Errors
    /// There is no such box.
    pub fn halt(&self, id: &BoxId, patience: Duration) -> Result<()> {
        let running = self.held().get_mut(id).ok_or_else(|| no_box(id))?.running.take();
        if let Some(running) = running {
            let patience = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
            // If it has ended meanwhile, all the better.
            let _ = running.helper.say(&Order::Halt(patience));
            running.helper.end();
        }
        Ok(())
    }

    /// Does not hold a box that does not run any more.
    fn let_go(&self, id: &BoxId) {
        let mut boxes = self.held();
        if boxes.get(id).is_some_and(|held| held.running.is_none()) {
            boxes.remove(id);
        }
    }

    /// Removes a box with its files, whether it runs or not.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn remove(&self, id: &BoxId) -> Result<()> {
        // Its end ends the processes, before the files go.
        let held = self.held().remove(id);
        let locks = held.map(|held| held.locks);
        self.remove_path(format!("boxes/{id}"))?;
        drop(locks);
        self.store.forget_box(id);
        Ok(())
    }

    /// Removes the boxes of processes that are gone, and tells which.
    ///
    /// # Errors
    /// The store cannot be read, or a file cannot be removed.
    pub fn tidy(&self) -> Result<Vec<BoxId>> {
        let left = self.store.left_boxes()?;
        for (id, _lock) in &left {
            self.remove_path(format!("boxes/{id}"))?;
            self.store.forget_box(id);
        }
        Ok(left.into_iter().map(|(id, _)| id).collect())
    }

    fn held(&self) -> std::sync::MutexGuard<'_, BTreeMap<BoxId, Held>> {
        // Whoever panicked has changed one entry or none.
        self.boxes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first process of a box that runs, and what the box is.
    fn running(&self, id: &BoxId) -> Result<(OwnedFd, BoxSpec)> {
        let boxes = self.held();
        let held = boxes.get(id).ok_or_else(|| no_box(id))?;
        let running = held.running.as_ref();
        let running =
            running.ok_or_else(|| Error::engine(format!("the box `{id}` does not run")))?;
        let first = running.first.try_clone().map_err(|cause| failed("reach a box", &cause))?;
        Ok((first, held.spec.clone()))
    }

    fn launch(&self, id: &BoxId, spec: &BoxSpec) -> Result<Running> {
        let job = Job::Box(BoxJob::of(id, spec));
        let helper = match &spec.network {
            // It goes into that box's namespace of users, whose ids are mapped.
            Network::Of(other) => {
                let (other, _) = self.running(other)?;
                self.store.helper(&job, &[other.as_fd()])?
            }
            Network::None | Network::Host => self.store.mapped(&job, &[])?,
        };
        let (mut first, mut runs) = (None, false);
        // Two processes say it, and either may be the quicker one.
        while first.is_none() || !runs {
            match helper.hear()? {
                (Word::Copies, _) => self.copies.store(true, Ordering::Relaxed),
                (Word::First, files) => first = files.into_iter().next(),
                (Word::Runs, _) => runs = true,
                (other, _) => return Err(helper::unexpected(&other)),
            }
        }
        let first = first.ok_or_else(|| Error::bug("a box without a first process"))?;
        Ok(Running { helper, first })
    }

    fn remove_path(&self, path: String) -> Result<()> {
        let helper = self.store.mapped(&Job::Store(Files::Remove { path }), &[])?;
        helper.done().map(drop)
    }

    /// Starts a process for a job with files, in the box of this first process or in the store.
    fn worker(&self, job: &Job, first: Option<&OwnedFd>, archive: impl AsFd) -> Result<Helper> {
        match first {
            Some(first) => self.store.helper(job, &[first.as_fd(), archive.as_fd()]),
            None => self.store.mapped(job, &[archive.as_fd()]),
        }
    }

    fn send(&self, job: &Job, first: Option<&OwnedFd>, archive: impl Read) -> Result<Vec<String>> {
        send(|theirs| self.worker(job, first, theirs), archive)
    }

    fn fetch(&self, job: &Job, first: Option<&OwnedFd>, out: impl Write) -> Result<()> {
        fetch(|theirs| self.worker(job, first, theirs), out)
    }
}

/// Sends an archive to a process that is started with the other end of a pipe. What could not be made as it was.
fn send(
    start: impl FnOnce(&io::PipeReader) -> Result<Helper>,
    mut archive: impl Read,
) -> Result<Vec<String>> {
    let (theirs, mut ours) = io::pipe().map_err(|cause| failed("make a pipe", &cause))?;
    let worker = start(&theirs)?;
    drop(theirs);
    let sent = io::copy(&mut archive, &mut ours);
    drop(ours);
    // What the other side says is the reason, and a pipe that it has closed only the consequence.
    match (worker.done(), sent) {
        (Err(why), _) => Err(why),
        (Ok(_), Err(cause)) => Err(failed("send an archive", &cause)),
        (done, Ok(_)) => done,
    }
}

/// Takes an archive from a process that is started with the other end of a pipe.
fn fetch(start: impl FnOnce(&io::PipeWriter) -> Result<Helper>, mut out: impl Write) -> Result<()> {
    let (mut ours, theirs) = io::pipe().map_err(|cause| failed("make a pipe", &cause))?;
    let worker = start(&theirs)?;
    drop(theirs);
    let fetched = io::copy(&mut ours, &mut out);
    drop(ours);
    match (worker.done(), fetched) {
        (_, Err(cause)) => Err(failed("take an archive", &cause)),
        (done, Ok(_)) => done.map(drop),
    }
}

/// The limits that somebody has set, for the process that unpacks.
fn settings(limits: &Limits) -> Vec<(String, u64)> {
    let row = |limit: Limit| (limit.row().name.to_owned(), limits.of(limit));
    Limit::settable().map(row).collect()
}

/// Where Linux tells of its memory, and the line with all of it.
const MEMORY: (&str, &str) = ("/proc/meminfo", "MemTotal:");

/// How much memory this machine has, in bytes.
fn memory_of_machine() -> Option<u64> {
    let text = crate::base::read::text(Path::new(MEMORY.0)).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(MEMORY.1))?;
    let kib = line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?;
    Some(kib * 1024)
}

/// Whether a folder is a store.
pub fn is_store(folder: &Path) -> bool {
    folder.join(store::IDS).is_file()
}

/// A name that no other box has: letters and digits only.
fn new_id() -> Result<BoxId> {
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    BoxId::new(&format!("{:x}n{number:x}t{:x}", std::process::id(), store::moment()))
}

fn no_box(id: &BoxId) -> Error {
    Error::engine(format!("there is no box `{id}`"))
}

fn failed(what: &str, cause: &io::Error) -> Error {
    Error::engine(format!("cannot {what}: {}", io_reason(cause)))
}
