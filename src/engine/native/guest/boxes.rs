//! Boxes in the container's own root, one at a time.
//!
//! A box begins with the first thing that is done in it: one that nothing was done in is as the builder is, and is
//! answered from there. The boxes of one step are together; other steps wait until they are gone.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc::{Sender, channel};

use super::root::{Root, forget};
use super::seen::absolute;
use super::{CACHES, FOLDER, Guest, Own, Place, RUN, failed, is_builder, locked, not_here};
use crate::base::error::{Error, Result};
use crate::dock::checks;
use crate::engine::native::helper::{Helper, unexpected};
use crate::engine::native::inside::files::FOLDER as IS_FOLDER;
use crate::engine::native::spec::{Bounds, CacheName, Command};
use crate::engine::native::wire::{Exec, Files, Job, Word};
use crate::engine::native::{fetch, memory_of_machine, new_id, send, settings, spec};
use crate::engine::{
    Boxes, CacheMount, Change, ContainerSpec, FoundContainer, Owner, RunSpec, Sink,
};
use crate::image::archive::{self, Body, bundle, folder};
use crate::image::tree::Nodes;

/// Pieces of this size travel from a command to whoever reads what it says.
const PIECE: usize = 64 * 1024;
/// As shells tell of one who was killed.
const KILLED: i64 = 137;
/// The label by which boxes are together.
const TOGETHER: &str = "bb.step";

/// A box.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) spec: ContainerSpec,
    name: String,
    /// What its commands have as root.
    pub(super) root: PathBuf,
    /// Variables of its commands, where they begin, and whose they are.
    pub(super) command: Command,
    /// Whether anything was done in it.
    is_begun: bool,
    /// The other end of what its command's process listens to.
    wire: Option<OwnedFd>,
    /// Nothing begins in it any more.
    is_hung_up: bool,
}

impl Standing {
    pub(super) fn new(spec: &ContainerSpec, root: PathBuf, command: Command) -> Self {
        let name = spec.owner.next_name();
        Self {
            spec: spec.clone(),
            name,
            root,
            command,
            is_begun: false,
            wire: None,
            is_hung_up: false,
        }
    }

    fn is_in_place(&self) -> bool {
        self.root == Path::new("/")
    }
}

fn no_box(id: &str) -> Error {
    Error::engine(format!("there is no box `{id}`"))
}

/// Whose turn a box is of.
fn group(spec: &ContainerSpec) -> String {
    spec.labels.get(TOGETHER).cloned().unwrap_or_default()
}

#[async_trait]
impl Boxes for Guest {
    async fn start_container(&self, spec: &ContainerSpec) -> Result<String> {
        if spec.as_its_image_says || !is_builder(spec, &self.own.marker) {
            return Err(not_here("running an image"));
        }
        self.own.wait_for_turn(&group(spec)).await;
        let own = self.own.clone();
        own.builders_box(spec).inspect_err(|_| own.give_turn_up())
    }

    async fn create(&self, _: &RunSpec) -> Result<String> {
        Err(not_here("running an image"))
    }

    async fn start_again(&self, _: &str) -> Result<()> {
        Err(not_here("going back into a box"))
    }

    async fn stop(&self, container: &str, _: i32) -> Result<()> {
        self.own.hang_up(container);
        Ok(())
    }

    async fn halt(&self, container: &str) -> Result<bool> {
        self.own.hang_up(container);
        // It goes with this process.
        Ok(false)
    }

    async fn remove_container(&self, id: &str) -> Result<()> {
        self.own.hang_up(id);
        let id = id.to_owned();
        self.run(move |own| own.remove(&id)).await
    }

    async fn containers_of(
        &self,
        owner: &Owner,
        labels: &[(&str, &str)],
    ) -> Result<Vec<FoundContainer>> {
        let has = |standing: &Standing| {
            let of = &standing.spec.labels;
            let mut all = labels.iter();
            owner.has(&standing.name)
                && all.all(|(name, value)| of.get(*name).is_some_and(|it| it == value))
        };
        let boxes = locked(&self.own.boxes);
        let found = boxes.iter().filter(|(_, standing)| has(standing));
        let found = found.map(|(id, standing)| FoundContainer {
            id: id.clone(),
            labels: standing.spec.labels.clone(),
        });
        Ok(found.collect())
    }

    async fn upload(&self, container: &str, path: &str, archive: Body) -> Result<()> {
        let (own, id, path) = (self.own.clone(), container.to_owned(), path.to_owned());
        archive::read_on_thread(archive, move |reader| {
            own.working(&id, |own, root| own.unpack(root, &path, reader))
        })
        .await
    }

    fn download(&self, container: &str, path: &str) -> Body {
        let (own, id, path) = (self.own.clone(), container.to_owned(), path.to_owned());
        archive::write_on_thread(move |mut out| {
            let packed = own.pack(&id, &path, &mut out);
            packed.map_err(|error| io::Error::other(error.message().to_owned()))?;
            out.flush()
        })
    }

    async fn exec(&self, container: &str, command: &[&str], log: Sink<'_>) -> Result<i64> {
        let words = command.iter().map(|&word| word.to_owned()).collect();
        self.exec_command(container, Command { words, ..Command::default() }, log).await
    }

    async fn ended_with(&self, container: &str) -> Result<Option<i64>> {
        let is_there = locked(&self.own.boxes).contains_key(container);
        if is_there { Ok(None) } else { Err(no_box(container)) }
    }

    async fn output(&self, _: &str, _: Sink<'_>) -> Result<()> {
        Ok(())
    }

    async fn processes(&self, _: &str) -> Result<Vec<checks::Process>> {
        Err(not_here("looking at what runs"))
    }

    async fn changes(&self, container: &str) -> Result<Vec<(String, Change)>> {
        let id = container.to_owned();
        self.run(move |own| {
            own.in_place(&id, |_, root| {
                let changes = root.changes()?;
                let path = |path: &Vec<u8>| absolute(path).to_string_lossy().into_owned();
                let all = |paths: &[Vec<u8>], change| {
                    paths.iter().map(|it| (path(it), change)).collect::<Vec<_>>()
                };
                let added = all(&changes.new, Change::Added);
                let rest =
                    [all(&changes.other, Change::Modified), all(&changes.gone, Change::Removed)];
                Ok([added, rest.concat()].concat())
            })
        })
        .await
    }

    async fn is_folder(&self, container: &str, path: &str) -> Result<bool> {
        let (id, path) = (container.to_owned(), path.to_owned());
        self.run(move |own| {
            own.working(&id, |own, root| {
                let mut said = vec![];
                own.fetch(root, Files::Kind { path: path.clone() }, &mut said)?;
                Ok(said == IS_FOLDER.as_bytes())
            })
        })
        .await
    }

    async fn memory(&self) -> Result<Option<u64>> {
        Ok(memory_of_machine())
    }

    async fn fill(&self, spec: &ContainerSpec, path: &str, archive: Body) -> Result<()> {
        let (own, caches, path) = (self.own.clone(), spec.caches.clone(), path.to_owned());
        archive::read_on_thread(archive, move |reader| {
            let cache = caches.iter().find(|cache| cache.at == path);
            let cache = cache.ok_or_else(|| Error::bug(format!("no cache is at `{path}`")))?;
            own.unpack(&folder_of(cache)?, "/", reader)
        })
        .await
    }

    async fn caches(&self, names: &[String]) -> Result<Vec<String>> {
        let there = |name: &&String| Path::new(FOLDER).join(CACHES).join(name).is_dir();
        Ok(names.iter().filter(there).cloned().collect())
    }

    async fn caches_of(&self, owner: &Owner) -> Result<Vec<String>> {
        let folder = Path::new(FOLDER).join(CACHES);
        let entries = std::fs::read_dir(&folder).map_err(|e| Error::file("read", &folder, &e))?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        Ok(names.filter(|name| owner.has(name)).collect())
    }

    async fn remove_cache(&self, name: &str) -> Result<Option<String>> {
        let place = Path::new(FOLDER).join(CACHES).join(CacheName::new(name)?.as_str());
        folder::remove(&place).map_err(|e| failed("remove a cache", &e))?;
        Ok(None)
    }
}

/// The folder of a cache, which is made where it is missing.
fn folder_of(cache: &CacheMount) -> Result<PathBuf> {
    let folder = Path::new(FOLDER).join(CACHES).join(CacheName::new(&cache.name)?.as_str());
    std::fs::create_dir_all(&folder).map_err(|e| Error::file("make", &folder, &e))?;
    Ok(folder)
}

impl Guest {
    /// Runs words in a box, with variables besides the box's own, and hands on what they say.
    pub(super) async fn exec_command(
        &self,
        container: &str,
        asked: Command,
        log: Sink<'_>,
    ) -> Result<i64> {
        let (own, id) = (self.own.clone(), container.to_owned());
        let (sender, mut pieces) = channel(4);
        let running = tokio::task::spawn_blocking(move || own.command(&id, asked, &sender));
        while let Some(piece) = pieces.recv().await {
            log(&piece);
        }
        running.await.map_err(|e| Error::bug(format!("a thread ended: {e}")))?
    }
}

impl Own {
    /// Waits until no other boxes are there than those that belong together with what comes.
    pub(super) async fn wait_for_turn(&self, group: &str) {
        loop {
            let mut free = std::pin::pin!(self.free.notified());
            // Before it is looked: whoever goes in between is heard.
            free.as_mut().enable();
            {
                let mut turn = locked(&self.turn);
                match &mut *turn {
                    None => {
                        *turn = Some((group.to_owned(), 1));
                        return;
                    }
                    Some((whose, boxes)) if whose == group => {
                        *boxes += 1;
                        return;
                    }
                    Some(_) => {}
                }
            }
            free.await;
        }
    }

    pub(super) fn give_turn_up(&self) {
        let mut turn = locked(&self.turn);
        if let Some((_, boxes)) = &mut *turn {
            *boxes -= 1;
            if *boxes == 0 {
                *turn = None;
                self.free.notify_waiters();
            }
        }
    }

    fn builders_box(&self, spec: &ContainerSpec) -> Result<String> {
        let env = self.marker.env.iter().filter_map(|variable| variable.split_once('='));
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let command = Command { env, ..Command::default() };
        self.add(Standing::new(spec, "/".into(), command))
    }

    pub(super) fn add(&self, standing: Standing) -> Result<String> {
        let id = new_id()?.as_str().to_owned();
        locked(&self.boxes).insert(id.clone(), standing);
        Ok(id)
    }

    /// Ends what runs in a box.
    fn hang_up(&self, id: &str) {
        let wire = locked(&self.boxes).get_mut(id).and_then(|standing| {
            standing.is_hung_up = true;
            standing.wire.take()
        });
        if let Some(wire) = wire {
            // Who has ended by itself listens no more.
            let _ = rustix::net::shutdown(wire, rustix::net::Shutdown::Both);
        }
    }

    /// Does something in the root of a box, once it is its turn.
    pub(super) fn working<T>(
        &self,
        id: &str,
        work: impl FnOnce(&Self, &Path) -> Result<T>,
    ) -> Result<T> {
        let (root, in_place) = {
            let boxes = locked(&self.boxes);
            let standing = boxes.get(id).ok_or_else(|| no_box(id))?;
            (standing.root.clone(), standing.is_in_place())
        };
        if in_place { self.in_place(id, |own, _| work(own, &root)) } else { work(self, &root) }
    }

    /// The same with the container's own root.
    fn in_place<T>(&self, id: &str, work: impl FnOnce(&Self, &mut Root) -> Result<T>) -> Result<T> {
        let mut place = locked(&self.place);
        if self.is_spoiled.load(Ordering::SeqCst) {
            return Err(Error::engine("a box has ended the process that was to end it")
                .hint("begin with a fresh container, and look what the dock does"));
        }
        // Only now: it may have waited for long.
        let (was_begun, caches) = {
            let boxes = locked(&self.boxes);
            let standing = boxes.get(id).filter(|standing| !standing.is_hung_up);
            let standing = standing.ok_or_else(|| no_box(id))?;
            (standing.is_begun, standing.spec.caches.clone())
        };
        if place.works.as_deref() != Some(id) {
            place.put_aside()?;
            let root = place.begin(id, self)?;
            if was_begun {
                root.take_up(id)?;
            } else {
                lead_to(&caches)?;
            }
            if let Some(standing) = locked(&self.boxes).get_mut(id) {
                standing.is_begun = true;
            }
        }
        work(self, place.root(self)?)
    }

    fn remove(&self, id: &str) -> Result<()> {
        let Some(standing) = locked(&self.boxes).remove(id) else { return Ok(()) };
        // Whoever works in the root is not waited for.
        if !standing.is_in_place() {
            let folder = standing.root.parent().unwrap_or(&standing.root);
            return folder::remove(folder).map_err(|e| failed("remove a box", &e));
        }
        let mut place = locked(&self.place);
        let ended = if place.works.as_deref() == Some(id) { place.end() } else { Ok(()) };
        self.give_turn_up();
        ended?;
        forget(id)?;
        let in_place = locked(&self.boxes).values().filter(|other| other.is_in_place()).count();
        if in_place == 0 {
            place.lock = None;
        }
        Ok(())
    }

    /// Starts a process for a job, with one end of a pipe.
    fn worker(&self, job: Files, root: &Path, archive: impl AsFd) -> Result<Helper> {
        let job = Job::GuestFiles(job, root.to_owned());
        Helper::start(&self.program, Path::new("/"), &job, &[archive.as_fd()])
    }

    /// Unpacks an archive below a root.
    pub(super) fn unpack(&self, root: &Path, into: &str, archive: impl Read) -> Result<()> {
        let job = Files::Unpack { into: into.to_owned(), limits: settings(&self.limits) };
        match send(|theirs| self.worker(job, root, theirs), archive)?.first() {
            None => Ok(()),
            Some(left) => Err(Error::step(format!("a box cannot make the device `{left}`"))),
        }
    }

    /// Packs something of a box. What nothing was done in is the builder.
    fn pack(&self, id: &str, path: &str, out: &mut impl Write) -> Result<()> {
        let is_new = locked(&self.boxes).get(id).is_some_and(|it| it.is_in_place() && !it.is_begun);
        if is_new {
            return self.pack_of_builder(path, out);
        }
        self.working(id, |own, root| own.pack_root(root, path, out))
    }

    pub(super) fn pack_root(&self, root: &Path, path: &str, out: &mut impl Write) -> Result<()> {
        let own = [FOLDER, RUN, "/proc", "/sys", "/dev"].map(str::to_owned).to_vec();
        let job = match path.trim_matches('/') {
            "" => Files::Pack { from: "/".into(), without: own, named: false },
            _ => Files::Pack { from: path.to_owned(), without: vec![], named: true },
        };
        self.fetch(root, job, out)
    }

    fn pack_of_builder(&self, path: &str, out: &mut impl Write) -> Result<()> {
        let path = path.trim_matches('/');
        let name = path.rsplit('/').next().unwrap_or_default();
        let mut place = locked(&self.place);
        let below = format!("{path}/");
        let named = |(at, node): (&bstr::BString, _)| match at.strip_prefix(below.as_bytes()) {
            Some(rest) => Some(([name.as_bytes(), b"/", rest].concat().into(), node)),
            None if *at == path => Some((name.into(), node)),
            None => None,
        };
        let all = place.root(self)?.builder().iter().map(|(at, node)| (at, node.clone()));
        let nodes = all.filter_map(named).collect::<Nodes>();
        if nodes.is_empty() {
            return Err(Error::step(format!("the builder has no `/{path}`")));
        }
        let file = tempfile::NamedTempFile::new_in(RUN).map_err(|e| failed("pack", &e))?;
        bundle::write_archive(file.path(), &nodes, 0)?;
        let mut file = File::open(file.path()).map_err(|e| failed("pack", &e))?;
        io::copy(&mut file, out).map(drop).map_err(|e| failed("pack", &e))
    }

    fn fetch(&self, root: &Path, job: Files, out: &mut impl Write) -> Result<()> {
        fetch(|theirs| self.worker(job, root, theirs), out)
    }

    fn command(&self, id: &str, asked: Command, to: &Sender<Bytes>) -> Result<i64> {
        let (mut command, bounds) = {
            let boxes = locked(&self.boxes);
            let standing = boxes.get(id).ok_or_else(|| no_box(id))?;
            (standing.command.clone(), standing.spec.bounds)
        };
        command.words = asked.words;
        command.env.extend(asked.env);
        // Root's processes are not counted here: there is no other user whose they are.
        let memory = bounds.map(|bounds| bounds.memory).filter(|memory| *memory > 0);
        let job = Exec {
            command,
            terminal: None,
            bounds: Bounds { memory, ..Bounds::default() },
            no_new_privileges: true,
            network: spec::Network::Host,
        };
        self.working(id, |own, root| own.run_to_end(id, &Job::Guest(job, root.to_owned()), to))
    }

    fn run_to_end(&self, id: &str, job: &Job, to: &Sender<Bytes>) -> Result<i64> {
        let pipe = || io::pipe().map_err(|e| failed("make a pipe", &e));
        let ((input, _), (mut output, out), (mut errors, err)) = (pipe()?, pipe()?, pipe()?);
        let streams = [input.as_fd(), out.as_fd(), err.as_fd()];
        let helper = Helper::start(&self.program, Path::new("/"), job, &streams)?;
        match locked(&self.boxes).get_mut(id).filter(|standing| !standing.is_hung_up) {
            Some(standing) => standing.wire = Some(helper.another_end()?),
            None => return Ok(KILLED),
        }
        drop((input, out, err));
        let (first, second) = (to.clone(), to.clone());
        std::thread::spawn(move || hand_on(&mut output, &first));
        std::thread::spawn(move || hand_on(&mut errors, &second));
        match helper.hear()?.0 {
            Word::Runs => {}
            other => return Err(unexpected(&other)),
        }
        let mut has_vanished = false;
        let ended = match helper.hear() {
            Ok((Word::Ended(ended), _)) => i64::from(ended.code()),
            Ok((other, _)) => return Err(unexpected(&other)),
            Err(_) => {
                has_vanished = true;
                KILLED
            }
        };
        let mut boxes = locked(&self.boxes);
        let standing = boxes.get_mut(id);
        let is_ours = standing.as_ref().is_none_or(|standing| standing.is_hung_up);
        if let Some(standing) = standing {
            standing.wire = None;
        }
        // Who has ended the process that would end it may still run.
        if ended == KILLED && !is_ours && has_vanished {
            self.is_spoiled.store(true, Ordering::SeqCst);
        }
        Ok(ended)
    }
}

/// Hands on what a stream says. If nobody listens any more, the command goes on all the same.
fn hand_on(stream: &mut impl Read, to: &Sender<Bytes>) {
    let mut buffer = vec![0; PIECE];
    while let Ok(size @ 1..) = stream.read(&mut buffer) {
        let _ = to.blocking_send(Bytes::copy_from_slice(buffer.get(..size).unwrap_or_default()));
    }
}

/// Where a box has caches, links lead to them.
fn lead_to(caches: &[CacheMount]) -> Result<()> {
    for cache in caches {
        let (folder, at) = (folder_of(cache)?, Path::new(&cache.at));
        let led = folder::remove(at).and_then(|()| std::os::unix::fs::symlink(&folder, at));
        led.map_err(|e| failed("lead a box to its caches", &e))?;
    }
    Ok(())
}

impl Place {
    fn root(&mut self, own: &Own) -> Result<&mut Root> {
        let root = match self.root.take() {
            Some(root) => root,
            None => Root::open(own.program.clone(), &own.limits, self.own.clone())?,
        };
        Ok(self.root.insert(root))
    }

    fn begin(&mut self, id: &str, own: &Own) -> Result<&Root> {
        if self.lock.is_none() {
            let path = Path::new(RUN).join("lock");
            let file = File::options().create(true).append(true).open(&path);
            let file = file.map_err(|e| Error::file("open", &path, &e))?;
            file.lock().map_err(|e| failed("wait for another `bb` of this container", &e))?;
            self.lock = Some(file);
        }
        self.root(own)?.begin()?;
        self.works = Some(id.to_owned());
        Ok(self.root(own)?)
    }

    fn end(&mut self) -> Result<()> {
        self.works = None;
        self.root.as_mut().map_or(Ok(()), Root::end)
    }

    /// Makes room for another box.
    fn put_aside(&mut self) -> Result<()> {
        let Some(works) = self.works.clone() else { return Ok(()) };
        self.root.as_ref().map_or(Ok(()), |root| root.put_aside(&works))?;
        self.end()
    }
}
