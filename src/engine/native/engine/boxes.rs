//! The boxes of the native engine, as steps use them.
//!
//! Bounds: processes are counted over a whole box, memory over each of its processes. What runs as its image says is
//! a process beside the box's first one, not that itself. From a box nothing leads to the network of outside, unless
//! it was asked for; its ports may be called at from there.

use std::collections::BTreeMap;
use std::io::{PipeReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc::channel;
use tokio::time::Instant;

use super::{NativeEngine, Own, locked};
use crate::base::error::{Error, Result};
use crate::base::limits::{Limit, Limits};
use crate::base::read;
use crate::dock::checks;
use crate::engine;
use crate::engine::native::images::{Image, ImageStore};
use crate::engine::native::inside::changes;
use crate::engine::native::notes::{self, Note};
use crate::engine::native::spec::{Bounds, BoxId, BoxSpec, CacheName, Command, Mount, Network};
use crate::engine::native::{Talk, memory_of_machine, new_id};
use crate::engine::{
    Account, Boxes, Change, Commands, ContainerSpec, FoundContainer, ImageCommand, Owner, RunSpec,
    Sink,
};
use crate::image::archive::{self, Body};

/// Pieces of this size travel from a command to whoever reads what it says.
pub(super) const PIECE: usize = 64 * 1024;
/// What a box has mounted besides its caches.
const OWN_MOUNTS: [&str; 3] = ["/dev", "/proc", "/sys"];
/// How long what a command has said is waited for once it has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// As shells tell of one who was killed.
pub(super) const KILLED: i64 = 137;

/// What runs in a box as its image says.
#[derive(Debug, Default)]
pub(super) struct Main {
    said: Mutex<Vec<u8>>,
    ended: Mutex<Option<i64>>,
}

/// So many bytes of what it says are kept in memory.
const MOST_SAID: usize = 16 << 20;

impl Main {
    /// Keeps the beginning of what it says; the rest is taken, that it may go on.
    fn hear(&self, piece: &[u8]) {
        let mut said = locked(&self.said);
        let room = MOST_SAID.saturating_sub(said.len());
        said.extend_from_slice(&piece[..piece.len().min(room)]);
    }
}

#[async_trait]
impl Boxes for NativeEngine {
    async fn start_container(&self, spec: &ContainerSpec) -> Result<String> {
        let spec = spec.clone();
        let weak = Arc::downgrade(&self.own);
        self.run(move |own| own.start(&spec, &weak)).await
    }

    async fn create(&self, spec: &RunSpec) -> Result<String> {
        let spec = spec.clone();
        self.run(move |own| own.create(&spec)).await
    }

    async fn start_again(&self, container: &str) -> Result<()> {
        let id = BoxId::new(container)?;
        self.run(move |own| {
            let note = own.note(&id)?;
            if own.native.runs(&id) {
                return Ok(());
            }
            if !own.native.holds(&id) {
                own.native.adopt(&id, &note.spec)?;
            }
            own.native.resume(&id)
        })
        .await
    }

    async fn stop(&self, container: &str, seconds: i32) -> Result<()> {
        let patience = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        let id = BoxId::new(container)?;
        self.run(move |own| own.halt(&id, patience).map(drop)).await
    }

    async fn halt(&self, container: &str) -> Result<bool> {
        let id = BoxId::new(container)?;
        self.run(move |own| own.halt(&id, Duration::ZERO)).await
    }

    async fn remove_container(&self, id: &str) -> Result<()> {
        let id = BoxId::new(id)?;
        self.run(move |own| own.remove(&id)).await
    }

    async fn containers_of(
        &self,
        owner: &Owner,
        labels: &[(&str, &str)],
    ) -> Result<Vec<FoundContainer>> {
        let owner = owner.clone();
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let labels = labels.collect::<Vec<_>>();
        self.run(move |own| {
            let has = |note: &Note| {
                let all = labels.iter();
                let mut all = all.map(|(name, value)| note.spec.labels.get(name) == Some(value));
                owner.has(&note.name) && all.all(|has| has)
            };
            let found = notes::all(&own.native.store)?.into_iter().filter(|(_, note)| has(note));
            let found = found.map(|(id, note)| FoundContainer {
                id: id.as_str().to_owned(),
                labels: note.spec.labels,
            });
            Ok(found.collect())
        })
        .await
    }

    async fn upload(&self, container: &str, path: &str, archive: Body) -> Result<()> {
        let (own, id, path) = (self.own.clone(), BoxId::new(container)?, path.to_owned());
        archive::read_on_thread(archive, move |reader| own.native.upload(&id, &path, reader)).await
    }

    fn download(&self, container: &str, path: &str) -> Body {
        let (own, id, path) = (self.own.clone(), BoxId::new(container), path.to_owned());
        archive::write_on_thread(move |mut out| {
            let packed = id.and_then(|id| match path.trim_matches('/') {
                "" => own.native.tree(&id, &mut out),
                _ => own.native.download(&id, &path, &mut out),
            });
            packed.map_err(|error| std::io::Error::other(error.message().to_owned()))?;
            out.flush()
        })
    }

    async fn exec(&self, container: &str, command: &[&str], log: Sink<'_>) -> Result<i64> {
        let words = command.iter().map(|&word| word.to_owned()).collect();
        self.exec_with(container, words, &[], log).await
    }

    async fn ended_with(&self, container: &str) -> Result<Option<i64>> {
        let id = BoxId::new(container)?;
        self.run(move |own| {
            own.note(&id)?;
            let main = locked(&own.mains).get(&id).cloned();
            let ended = main.and_then(|main| *locked(&main.ended));
            Ok(ended.or_else(|| (!own.native.runs(&id)).then_some(KILLED)))
        })
        .await
    }

    async fn output(&self, container: &str, log: Sink<'_>) -> Result<()> {
        let id = BoxId::new(container)?;
        let main = locked(&self.own.mains).get(&id).cloned();
        if let Some(main) = main {
            log(&locked(&main.said));
        }
        Ok(())
    }

    async fn processes(&self, container: &str) -> Result<Vec<checks::Process>> {
        let id = BoxId::new(container)?;
        self.run(move |own| {
            let all = own.native.processes(&id)?.into_iter();
            // The first one is ours.
            let all = all.filter(|process| process.pid != 1);
            let shown = |process: crate::engine::native::spec::Process| checks::Process {
                user: process.uid.to_string(),
                name: process.name,
            };
            Ok(all.map(shown).collect())
        })
        .await
    }

    async fn changes(&self, container: &str) -> Result<Vec<(String, Change)>> {
        let id = BoxId::new(container)?;
        self.run(move |own| {
            let listed = own.native.changes(&id)?;
            let note = own.note(&id)?;
            let mounts = note.spec.mounts.iter().map(|mount| mount.at().to_owned());
            let mounts = mounts.chain(OWN_MOUNTS.map(str::to_owned)).collect::<Vec<_>>();
            let records = listed.split(|byte| *byte == 0).filter_map(changes::parsed);
            let changes = records.filter_map(|(letter, path)| {
                let change = match letter {
                    changes::ADDED => Change::Added,
                    changes::MODIFIED => Change::Modified,
                    changes::REMOVED => Change::Removed,
                    _ => return None,
                };
                let path = format!("/{}", String::from_utf8_lossy(path.as_os_str().as_bytes()));
                (!mounts.contains(&path)).then_some((path, change))
            });
            Ok(changes.collect())
        })
        .await
    }

    async fn is_folder(&self, container: &str, path: &str) -> Result<bool> {
        let (id, path) = (BoxId::new(container)?, path.to_owned());
        self.run(move |own| own.native.is_folder(&id, &path)).await
    }

    async fn memory(&self) -> Result<Option<u64>> {
        Ok(memory_of_machine())
    }

    async fn fill(&self, spec: &ContainerSpec, path: &str, archive: Body) -> Result<()> {
        // A box costs some milliseconds, and its mounts are where the archive's links lead.
        let idle = self.start_container(spec).await?;
        let filled = self.upload(&idle, path, archive).await;
        let removed = self.remove_container(&idle).await;
        filled.and(removed)
    }

    async fn caches(&self, names: &[String]) -> Result<Vec<String>> {
        let names = names.to_vec();
        self.run(move |own| {
            let there = names.into_iter().map(|name| {
                let has = own.native.has_cache(&CacheName::new(&name)?);
                Ok(has.then_some(name))
            });
            there.filter_map(Result::transpose).collect()
        })
        .await
    }

    async fn caches_of(&self, owner: &Owner) -> Result<Vec<String>> {
        let owner = owner.clone();
        self.run(move |own| {
            Ok(own.native.caches()?.into_iter().filter(|name| owner.has(name)).collect())
        })
        .await
    }

    async fn remove_cache(&self, name: &str) -> Result<Option<String>> {
        let cache = CacheName::new(name)?;
        self.run(move |own| {
            let all = notes::all(&own.native.store)?;
            if all.iter().any(|(_, note)| note.has_cache(cache.as_str())) {
                return Ok(Some("a box has it".to_owned()));
            }
            own.native.remove_cache(&cache).map(|()| None)
        })
        .await
    }
}

#[async_trait]
impl Commands for NativeEngine {
    async fn box_of(&self, spec: &ContainerSpec, _: &ImageCommand<'_>) -> Result<String> {
        let id = self.start_container(spec).await?;
        if spec.network == engine::Network::Outside
            && let Err(error) = self.tell_who_knows_names(&id).await
        {
            self.remove_container(&id).await?;
            return Err(error);
        }
        Ok(id)
    }

    async fn run(&self, container: &str, command: &ImageCommand<'_>, log: Sink<'_>) -> Result<i64> {
        if !command.folder.is_empty() && !self.is_folder(container, command.folder).await? {
            self.upload(container, command.folder, archive::stream(vec![], 0)).await?;
        }
        self.exec_with(container, command.words.to_vec(), command.env, log).await
    }

    async fn account(&self, container: &str) -> Result<Account> {
        let (own, id) = (self.own.clone(), BoxId::new(container)?);
        Ok(Account::Layer(archive::write_on_thread(move |mut out| {
            let halted = own.native.halt(&id, Duration::ZERO);
            let packed = halted.and_then(|()| own.native.difference(&id, &mut out));
            packed.map_err(|error| std::io::Error::other(error.message().to_owned()))?;
            out.flush()
        })))
    }
}

impl NativeEngine {
    /// Runs a command with variables that are written nowhere.
    async fn exec_with(
        &self,
        container: &str,
        words: Vec<String>,
        env: &[String],
        log: Sink<'_>,
    ) -> Result<i64> {
        let (id, env) = (BoxId::new(container)?, env.to_vec());
        let (sender, mut pieces) = channel(4);
        let own = self.own.clone();
        let running = tokio::task::spawn_blocking(move || {
            let (input, output, errors, running) = own.talk(&id, words, &env)?.parts();
            // Whoever waits for the box's end must not be kept from ending it.
            drop((own, input));
            for mut stream in [output, errors] {
                let sender = sender.clone();
                std::thread::spawn(move || {
                    // If nobody listens any more, the command goes on all the same.
                    each(&mut stream, &|piece| {
                        let _ = sender.blocking_send(Bytes::copy_from_slice(piece));
                    });
                });
            }
            drop(sender);
            running.wait().map(|ended| i64::from(ended.code()))
        });
        let mut running = std::pin::pin!(running);
        let (mut ended, mut until) = (None, Instant::now());
        loop {
            tokio::select! {
                piece = pieces.recv() => match piece {
                    Some(piece) => log(&piece),
                    None => break,
                },
                done = &mut running, if ended.is_none() => {
                    (ended, until) = (Some(done), Instant::now() + LAST_WORDS);
                }
                // What it has left in the background may hold its streams for ever.
                () = tokio::time::sleep_until(until), if ended.is_some() => break,
            }
        }
        let ended = match ended {
            Some(ended) => ended,
            None => running.await,
        };
        ended.map_err(|e| Error::bug(format!("a thread ended: {e}")))?
    }

    /// Takes into a box what this machine has to find hosts by their names. An image without `/etc` finds none.
    async fn tell_who_knows_names(&self, container: &str) -> Result<()> {
        if !self.is_folder(container, "/etc").await? {
            return Ok(());
        }
        let file = Path::new("/etc/resolv.conf");
        let Ok(text) = read::bytes(file, &Limits::default(), Limit::FileSize) else {
            return Ok(());
        };
        let entry = archive::Entry::Text("resolv.conf".into(), text);
        self.upload(container, "/etc", archive::stream(vec![entry], 0)).await
    }
}

/// Something that this engine cannot do so far.
pub(super) fn not_yet(what: &str) -> Error {
    Error::engine(format!("the native engine {what} yet"))
        .hint("with `BB_ENGINE=docker`, Docker or Podman does")
}

impl Own {
    fn start(&self, asked: &ContainerSpec, weak: &Weak<Self>) -> Result<String> {
        for cache in &asked.caches {
            self.native.make_cache(&CacheName::new(&cache.name)?)?;
        }
        let (id, image) = self.box_of(asked, &[])?;
        let begun = self.native.resume(&id).and_then(|()| {
            if asked.as_its_image_says {
                self.begin(&id, words(&image, &[])?, weak)
            } else {
                Ok(())
            }
        });
        self.kept_if(begun, &id)
    }

    /// A box of which nothing runs, with these variables besides those of its image.
    pub(super) fn box_of(
        &self,
        asked: &ContainerSpec,
        env: &[(String, String)],
    ) -> Result<(BoxId, Image)> {
        let adding = ImageStore::adding(&self.native.store)?;
        let image = self.existing(&asked.image)?;
        let layers = self.unpacked(&image, &adding)?;
        let id = new_id()?;
        let config = &image.config.config;
        let note = Note {
            name: asked.owner.next_name(),
            image: image.id.clone(),
            spec: BoxSpec { layers, ..spec(asked, &id, &config.labels)? },
            env: [config.environment().as_slice(), env].concat(),
            cwd: config.working_dir.clone(),
            user: config.user.clone(),
        };
        // First of all the lock: what nobody holds is anybody's to remove.
        self.native.adopt(&id, &note.spec)?;
        drop(adding);
        let written = notes::write(&self.native.store, &id, &note);
        self.kept_if(written, &id).map(|_| (id, image))
    }

    /// The box's name, if what was done with it has worked; else it goes.
    pub(super) fn kept_if(&self, done: Result<()>, id: &BoxId) -> Result<String> {
        match done {
            Ok(()) => Ok(id.as_str().to_owned()),
            Err(error) => {
                // The reason is what matters; what stays the next run removes.
                let _ = self.remove(id);
                Err(error)
            }
        }
    }

    /// Starts what a box's image says.
    fn begin(&self, id: &BoxId, words: Vec<String>, weak: &Weak<Self>) -> Result<()> {
        let mut talk = self.talk(id, words, &[])?;
        let main = Arc::new(Main::default());
        locked(&self.mains).insert(id.clone(), main.clone());
        let (weak, id) = (weak.clone(), id.clone());
        // Its input stays open: a shell ends with it.
        std::thread::spawn(move || {
            read(&mut talk, |piece| main.hear(piece));
            let ended = talk.wait().map_or(KILLED, |ended| i64::from(ended.code()));
            *locked(&main.ended) = Some(ended);
            // With it, all that it has started ends, as with Docker. If the box is gone, so are they.
            if let Some(own) = weak.upgrade() {
                let _ = own.native.halt(&id, Duration::ZERO);
            }
        });
        Ok(())
    }

    /// Begins a command with what the box's image says of all commands, and these variables.
    fn talk(&self, id: &BoxId, words: Vec<String>, variables: &[String]) -> Result<Talk> {
        self.native.exec(id, &self.command(id, words, variables)?)
    }

    /// A command with what the box's image says of all commands, and these variables.
    pub(super) fn command(
        &self,
        id: &BoxId,
        words: Vec<String>,
        variables: &[String],
    ) -> Result<Command> {
        let Note { mut env, cwd, user, .. } = self.note(id)?;
        let variables = variables.iter().filter_map(|variable| variable.split_once('='));
        env.extend(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Ok(Command { words, env, cwd, user })
    }

    /// Whether a box is there. It does not run any more.
    fn halt(&self, id: &BoxId, patience: Duration) -> Result<bool> {
        if self.native.holds(id) {
            self.native.halt(id, patience)?;
            // Kept or removed, by whomever: another process may go on with it.
            self.native.let_go(id);
            return Ok(true);
        }
        // One of another process: it ends with that.
        Ok(notes::read(&self.native.store, id)?.is_some())
    }

    fn remove(&self, id: &BoxId) -> Result<()> {
        let there = notes::read(&self.native.store, id)?.is_some();
        if !there && !self.native.holds(id) {
            return Ok(());
        }
        // One of a process that is gone is nobody's. Of one that is there, it is not ours.
        let _lock =
            if self.native.holds(id) { None } else { Some(self.native.store.lock_box(id)?) };
        self.native.remove(id)?;
        locked(&self.mains).remove(id);
        locked(&self.made).remove(id);
        notes::remove(&self.native.store, id)
    }
}

/// What an image runs, with another command if there is one: what it begins with stays, as with Docker.
pub(super) fn words(image: &Image, command: &[String]) -> Result<Vec<String>> {
    let config = &image.config.config;
    let own = config.cmd.as_deref().unwrap_or_default();
    let command = if command.is_empty() { own } else { command };
    let words = config.entrypoint.iter().flatten().chain(command).cloned().collect::<Vec<_>>();
    if words.is_empty() {
        let name = image.names.first().unwrap_or(&image.id);
        return Err(Error::step(format!("the image `{name}` says no command")));
    }
    Ok(words)
}

/// A box without its layers.
fn spec(
    asked: &ContainerSpec,
    id: &BoxId,
    inherited: &BTreeMap<String, String>,
) -> Result<BoxSpec> {
    let mount = |cache: &crate::engine::CacheMount| {
        let part = Some(cache.part.as_str()).filter(|part| !part.is_empty());
        let (name, part) = (CacheName::new(&cache.name)?, part.map(CacheName::new).transpose()?);
        Ok(Mount::Cache { name, part, at: cache.at.clone(), writable: cache.writable })
    };
    let jobserver = asked.jobserver.iter().map(|path| {
        Ok(Mount::Host { path: path.clone(), at: engine::JOBSERVER.into(), writable: false })
    });
    let network = match &asked.network {
        engine::Network::None => Network::None,
        engine::Network::Of(other) => Network::Of(BoxId::new(other)?),
        engine::Network::Outside => Network::Host,
    };
    let mut labels = inherited.clone();
    labels.extend(asked.labels.clone());
    let bounds = asked.bounds.unwrap_or_default();
    let most = |value: u64| Some(value).filter(|value| *value > 0);
    Ok(BoxSpec {
        layers: vec![],
        mounts: asked.caches.iter().map(mount).chain(jobserver).collect::<Result<_>>()?,
        network,
        hostname: id.as_str().chars().take(12).collect(),
        labels,
        no_new_privileges: asked.bounds.is_some(),
        bounds: Bounds {
            processes: most(bounds.processes),
            memory: most(bounds.memory),
            files: None,
        },
    })
}

/// Hands on all that a command says, from both of its streams as it comes.
fn read(talk: &mut Talk, said: impl Fn(&[u8]) + Sync) {
    let Talk { output, errors, .. } = talk;
    std::thread::scope(|scope| {
        scope.spawn(|| each(output, &said));
        each(errors, &said);
    });
}

/// Until its end. One that cannot be read is at its end.
fn each(stream: &mut PipeReader, said: &impl Fn(&[u8])) {
    let mut piece = vec![0; PIECE];
    while let Ok(size @ 1..) = stream.read(&mut piece) {
        said(piece.get(..size).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_yet_says_so() {
        let error = not_yet("publishes no port");
        assert_eq!(error.message(), "the native engine publishes no port yet");
        assert_eq!(error.exit().code(), 4);
    }

    #[test]
    fn a_box_that_is_asked_for_has_what_was_asked() {
        let caches = vec![crate::engine::CacheMount {
            name: "gentoo-bb-sources".into(),
            part: "x".into(),
            at: "/distfiles".into(),
            writable: true,
        }];
        let bounds = Some(crate::engine::Bounds { processes: 7, memory: 0 });
        let asked = ContainerSpec { caches, bounds, ..ContainerSpec::default() };
        let id = BoxId::new("12345678901234567890").unwrap();
        let inherited = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
        let spec = spec(&asked, &id, &inherited).unwrap();
        assert_eq!((spec.hostname.as_str(), spec.network), ("123456789012", Network::None));
        assert_eq!(spec.bounds, Bounds { processes: Some(7), memory: None, files: None });
        assert!(spec.no_new_privileges && spec.mounts[0].is_writable());
        assert_eq!((spec.mounts[0].at(), spec.labels["a"].as_str()), ("/distfiles", "b"));
    }
}
