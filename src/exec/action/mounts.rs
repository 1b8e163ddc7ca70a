//! The mounts of a `RUN`: files, empty folders and secrets in a cache that is made for one command, and caches that
//! stay.
//!
//! An engine mounts parts of its caches and nothing else: so it may be on another machine, and what a command writes in
//! a mount is the engine's to forget. Caches are a project's own; who uses one holds its lock.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use crate::base::error::{Error, Result};
use crate::base::limits::{Limit, Limits};
use crate::base::read;
use crate::config::{Hidden, Secret as Source, Settings};
use crate::dockerfile::Sharing;
use crate::dockerfile::{Rendered, template};
use crate::engine::{CacheMount, ContainerSpec};
use crate::exec::action::{Log, blocking};
use crate::exec::work::Context;
use crate::image::Left;
use crate::image::archive;
use crate::image::archive::{Entry, Owned, bundle};
use crate::image::bundle::Blob;
use crate::image::mount::{Cache, Mount, Secret, Seen, What};
use crate::image::tree::{Node, Nodes, join};
use crate::state::store;

/// Names of caches that are made for one command of a dock begin so.
pub const MADE: &str = "mounts-";
/// Names of caches that stay begin so.
pub const KEPT: &str = "cache-";

/// Where a cache is while it is filled.
const FILLED_AT: &str = "/.bb-mounts";
/// What of a cache is mounted: the folder that holds it is nobody's but the engine's.
const DATA: &str = "data";
/// More boxes than this do not use one cache at the same time.
const MOST_PRIVATE: usize = 1000;

/// What a command is to see, and the files that are brought for it.
#[derive(Debug)]
pub(super) struct Mounts {
    seen: Seen,
    /// An archive; none where nothing is brought.
    files: Option<PathBuf>,
    /// What tells commands apart that differ in this only.
    pub key: Option<String>,
}

impl Mounts {
    /// Writes what is to be brought into a folder.
    pub(super) fn of(seen: &Seen, folder: &Path, epoch: u64) -> Result<Self, Left> {
        let mut nodes = Nodes::new();
        for (number, mount) in seen.mounts.iter().enumerate() {
            nodes.extend(brought(&part(number), mount));
        }
        let file = folder.join("mounts.tar");
        let mut files = None;
        if !nodes.is_empty() {
            bundle::write_archive(&file, &nodes, epoch).map_err(Left::failed)?;
            files = Some(file);
        }
        let digest = files.as_deref().map(store::hash_file).transpose().map_err(Left::failed)?;
        let is_plain = seen == &Seen::default();
        let key = (!is_plain).then(|| key(seen, &digest.unwrap_or_default()));
        Ok(Self { seen: seen.clone(), files, key })
    }

    /// Has the engine what the command is to see. `image`: a box of the image that it runs in.
    ///
    /// # Errors
    /// A secret is missing, or the engine fails.
    pub(super) async fn lay(
        &self,
        image: &ContainerSpec,
        dock: &str,
        context: &Context,
        log: &mut Log,
    ) -> Result<Laid> {
        let mut laid = Laid::default();
        // Before anything is left somewhere.
        let secrets = Secrets::of(&self.seen, &context.settings)?;
        laid.env.extend(secrets.variables);
        if self.seen.mounts.is_empty() {
            return Ok(laid);
        }
        let made = context.owner.cache(&format!("{MADE}{dock}"));
        throw_away(&made, context).await?;
        let filling = Filling { image, context };
        if self.files.is_some() || !secrets.files.is_empty() {
            laid.made = Some(made.clone());
        }
        let filled = self.fill(&made, secrets.files, filling).await;
        let done = match filled {
            Ok(there) => self.caches(&made, &there, filling, &mut laid).await,
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            laid.take_away(context, log).await;
            return Err(error);
        }
        if self.seen.mounts.iter().any(|mount| matches!(mount.what, What::Empty(Some(_)))) {
            log.write(b"bb: note: the `size` of a `tmpfs` is not kept to\n");
        }
        Ok(laid)
    }

    /// Brings files and secrets. Whether each of the mounts is there: a secret that nobody has is not.
    async fn fill(
        &self,
        made: &str,
        secrets: BTreeMap<usize, Owned>,
        filling: Filling<'_>,
    ) -> Result<Vec<bool>> {
        let mounts = self.seen.mounts.iter().enumerate();
        let is_there = |(number, mount): (usize, &Mount)| match mount.what {
            What::Secret(_) => secrets.contains_key(&number),
            _ => true,
        };
        let there = mounts.map(is_there).collect();
        if let Some(files) = &self.files {
            filling.fill(made, bundle::stream(files)).await?;
        }
        if !secrets.is_empty() {
            let entry = |(number, secret)| Entry::Owned(part(number).into(), secret);
            let entries = secrets.into_iter().map(entry).collect();
            filling.fill(made, archive::stream(entries, 0)).await?;
        }
        Ok(there)
    }

    /// Takes the caches that stay, and says where all is mounted.
    async fn caches(
        &self,
        made: &str,
        there: &[bool],
        filling: Filling<'_>,
        laid: &mut Laid,
    ) -> Result<()> {
        let mut names = BTreeMap::new();
        for (name, cache) in wanted(&self.seen, filling.context) {
            let (taken, lock) = take(&name, cache.sharing, filling.context).await?;
            laid.locks.push(lock);
            let (mode, uid, gid) = (cache.mode, cache.uid, cache.gid);
            let folder = Entry::Owned(DATA.into(), Owned { text: None, mode, uid, gid });
            filling.fill(&taken, archive::stream(vec![folder], 0)).await?;
            names.insert(name, taken);
        }
        let mounts = self.seen.mounts.iter().enumerate().zip(there);
        for ((number, mount), _) in mounts.filter(|(_, is_there)| **is_there) {
            let (name, part) = match &mount.what {
                What::Cache(cache) => {
                    (names[&name(cache, filling.context)].clone(), DATA.to_owned())
                }
                _ => (made.to_owned(), part(number)),
            };
            let (at, writable) = (format!("/{}", mount.at), mount.writable);
            laid.caches.push(CacheMount { name, part, at, writable });
        }
        Ok(())
    }
}

/// What was given to an engine for one command.
#[derive(Debug, Default)]
pub(super) struct Laid {
    pub caches: Vec<CacheMount>,
    /// `NAME=VALUE`.
    pub env: Env,
    /// The cache that is for this command only.
    made: Option<String>,
    locks: Vec<File>,
}

/// Variables that nobody is shown.
#[derive(Default)]
pub(super) struct Env(pub Vec<String>);

impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} variables", self.0.len())
    }
}

impl Env {
    fn extend(&mut self, variables: Vec<String>) {
        self.0.extend(variables);
    }
}

impl Laid {
    /// Takes away what was there for the command only. Where that cannot be done now, the next command of this dock
    /// does it, or `bb gc`.
    pub(super) async fn take_away(self, context: &Context, log: &mut Log) {
        let Some(made) = &self.made else { return };
        if let Err(error) = throw_away(made, context).await {
            log.write(format!("bb: {}\n", error.message()).as_bytes());
        }
    }
}

async fn throw_away(name: &str, context: &Context) -> Result<()> {
    match context.engine.remove_cache(name).await? {
        None => Ok(()),
        Some(why) => Err(Error::engine(format!("what a `RUN` has mounted stays: {why}"))),
    }
}

/// With what caches are filled.
#[derive(Clone, Copy)]
struct Filling<'a> {
    image: &'a ContainerSpec,
    context: &'a Context,
}

impl Filling<'_> {
    async fn fill(self, name: &str, archive: archive::Body) -> Result<()> {
        let (name, at) = (name.to_owned(), FILLED_AT.to_owned());
        let cache = CacheMount { name, part: String::new(), at, writable: true };
        let spec = ContainerSpec { caches: vec![cache], ..self.image.clone() };
        self.context.engine.fill(&spec, FILLED_AT, archive).await
    }
}

/// The name of what a mount shows in the cache of one command.
fn part(number: usize) -> String {
    format!("m{number}")
}

/// What is brought for a mount.
fn brought(part: &str, mount: &Mount) -> Nodes {
    match &mount.what {
        What::Files(nodes) => {
            nodes.iter().map(|(path, node)| (join(part, path), node.clone())).collect()
        }
        What::Empty(_) => [(part.into(), Node { mode: 0o1777, ..Node::folder(0, 0) })].into(),
        What::Cache(_) | What::Secret(_) => Nodes::new(),
    }
}

/// What makes a command another one: which files it sees, and which caches and secrets, but not what is in these.
fn key(seen: &Seen, files: &str) -> String {
    let secret = |s: &Secret| format!("secret {:?} {:o} {} {}", s.id, s.mode, s.uid, s.gid);
    let mut text = format!("{files}\n");
    for Mount { at, writable, what } in &seen.mounts {
        let what = match what {
            What::Files(_) => "files".to_owned(),
            What::Empty(_) => "empty".to_owned(),
            What::Cache(c) => format!("cache {:?} {:o} {} {}", c.id, c.mode, c.uid, c.gid),
            What::Secret(s) => secret(s),
        };
        text.push_str(&format!("{at:?} {writable} {what}\n"));
    }
    for (name, s) in &seen.variables {
        text.push_str(&format!("{name:?} {}\n", secret(s)));
    }
    Blob::of(text.as_bytes()).digest
}

/// The engine's name of a cache.
fn name(cache: &Cache, context: &Context) -> String {
    let Cache { id, mode, uid, gid, .. } = cache;
    let digest = Blob::of(format!("{id:?} {mode:o} {uid} {gid}").as_bytes()).digest;
    context.owner.cache(&format!("{KEPT}{}", digest.get(..16).unwrap_or(&digest)))
}

/// The caches that a command wants, each once, in an order that all have: so no two wait for each other.
fn wanted(seen: &Seen, context: &Context) -> BTreeMap<String, Cache> {
    let mut wanted = BTreeMap::<String, Cache>::new();
    for mount in &seen.mounts {
        let What::Cache(cache) = &mount.what else { continue };
        let one = wanted.entry(name(cache, context)).or_insert_with(|| cache.clone());
        one.sharing = one.sharing.max(cache.sharing);
    }
    wanted
}

/// Takes a cache as its mount wants to share it: its name, and what holds it.
async fn take(name: &str, sharing: Sharing, context: &Context) -> Result<(String, File)> {
    let (store, of) = (context.store.clone(), name.to_owned());
    if sharing != Sharing::Private {
        let alone = sharing == Sharing::Locked;
        let lock = blocking(move || store.lock_cache(&of, alone)).await?;
        return Ok((name.to_owned(), lock));
    }
    for number in 0..MOST_PRIVATE {
        let one = if number == 0 { name.to_owned() } else { format!("{name}-{number}") };
        if let Some(lock) = store.try_lock_cache(&one)? {
            return Ok((one, lock));
        }
    }
    Err(Error::step("a private cache is in use too often"))
}

/// The secrets of a command.
struct Secrets {
    /// By the number of the mount.
    files: BTreeMap<usize, Owned>,
    /// `NAME=VALUE`.
    variables: Vec<String>,
}

impl Secrets {
    fn of(seen: &Seen, settings: &Settings) -> Result<Self> {
        let mut secrets = Self { files: BTreeMap::new(), variables: vec![] };
        for (number, mount) in seen.mounts.iter().enumerate() {
            let What::Secret(secret) = &mount.what else { continue };
            let Secret { mode, uid, gid, .. } = *secret;
            let file = |text| Owned { text: Some(text), mode, uid, gid };
            secrets.files.extend(of_one(secret, settings)?.map(|text| (number, file(text))));
        }
        for (name, secret) in &seen.variables {
            let Some(value) = of_one(secret, settings)? else { continue };
            let value = String::from_utf8(value).map_err(|_| {
                Error::step(format!("the secret `{}` is no text for a variable", secret.id))
            })?;
            secrets.variables.push(format!("{name}={value}"));
        }
        Ok(secrets)
    }
}

fn of_one(secret: &Secret, settings: &Settings) -> Result<Option<Vec<u8>>> {
    match value(&secret.id, settings)? {
        None if secret.required => Err(missing(&secret.id, settings)),
        value => Ok(value),
    }
}

/// What a secret is; nothing where there is none.
fn value(id: &str, settings: &Settings) -> Result<Option<Vec<u8>>> {
    match settings.secrets.get(id) {
        None => Ok(None),
        Some(Source::Variable(_, value)) => {
            Ok(value.as_ref().map(|Hidden(value)| value.clone().into_bytes()))
        }
        Some(Source::File(path)) => {
            match read::bytes(path, &Limits::default(), Limit::ConfigSize) {
                Ok(text) => Ok(Some(text)),
                Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(cause) => Err(read::failed(path, &cause)),
            }
        }
    }
}

fn missing(id: &str, settings: &Settings) -> Error {
    match settings.secrets.get(id) {
        None => Error::config(format!("there is no secret `{id}`")).hint(format!(
            "`[secrets]` in `bb.toml` says where it is: `{id} = {{ file = \"PATH\" }}`"
        )),
        Some(source) => {
            Error::config(format!("the secret `{id}` is missing: {source} is not there"))
        }
    }
}

/// Looks for the secrets that a Dockerfile cannot do without, before anything of it is run.
///
/// # Errors
/// One is missing: with its place.
pub(super) fn required(dockerfile: &Rendered, settings: &Settings) -> Result<()> {
    for (id, span) in template::parse_rendered(dockerfile)?.required {
        if value(&id, settings)?.is_none() {
            return Err(missing(&id, settings).at(dockerfile.place(span)));
        }
    }
    Ok(())
}
