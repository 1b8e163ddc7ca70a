//! Images from elsewhere: which one each name means is looked up once, and goes into `bb.lock`.
//!
//! Its registry is asked first; what that does not have, or where nobody answers, the engine may have.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

use crate::base::error::{Error, Place, Result};
use crate::base::reference::{DOCKER_IO, Reference};
use crate::config::lock::{Base, Bases, Origin, Pins};
use crate::engine::Engine;
use crate::net::registry::fault::Fault;
use crate::net::registry::{Registry, Unknown};
use crate::report::Message;
use crate::session::plan::elsewhere;
use crate::session::project::Project;
use crate::session::{Tell, pin};

/// A name is looked up for so long at most, with all that a registry wants to be asked.
const PATIENCE: Duration = Duration::from_secs(30);

/// What has become of a pinned image, or would.
#[derive(Debug, Clone)]
pub struct Moved {
    /// Its name.
    pub name: Reference,
    /// What was pinned before, if anything.
    pub old: Option<Base>,
    /// What its name means now.
    pub now: Now,
}

/// What an image's name means now.
#[derive(Debug, Clone)]
pub enum Now {
    /// This image; it may be the same.
    Is(Base),
    /// Nobody can tell: what was pinned stays.
    Unknown(Error),
    /// No dock is built on it any more.
    Unused,
}

impl Moved {
    /// Whether it is another image than before.
    pub fn moves(&self) -> bool {
        match &self.now {
            Now::Is(new) => self.old.as_ref().is_none_or(|old| old.id != new.id),
            Now::Unknown(_) | Now::Unused => false,
        }
    }

    /// Whether nobody could tell what its name means now.
    pub fn is_unknown(&self) -> bool {
        matches!(self.now, Now::Unknown(_))
    }
}

/// Pins images that are not pinned yet, unless another process does so meanwhile. `named_at` is where a dock names
/// one.
pub(super) async fn pin(
    project: &Project,
    names: &BTreeSet<String>,
    named_at: impl Fn(&Reference) -> Option<Place>,
    offline: bool,
    tell: &mut Tell<'_>,
) -> Result<Pins> {
    let _held = pin::hold(project).await?;
    let mut pins = project.pins()?;
    let missing = names.iter().filter(|name| pins.bases.get(name).is_none());
    let missing = references(missing);
    let placed = |name: &Reference, error: Error| match named_at(name) {
        Some(place) => error.at(place),
        None => error,
    };
    if let (Some(first), true) = (missing.first(), offline) {
        let message = format!("`{first}` is not pinned yet, and no network is to be used");
        let error = Error::config(message)
            .hint("a build without `--offline` looks up once which image that is, and pins it");
        return Err(placed(first, error));
    }
    let (mut new, mut failed) = (vec![], None);
    for (name, found) in look_up(project, missing, &pins.bases).await {
        match found {
            Ok(base) => new.push((name, base)),
            Err(error) => failed = failed.or_else(|| Some(placed(&name, error))),
        }
    }
    // What was found needs not be looked up again, whatever was not.
    if !new.is_empty() {
        for (_, base) in &new {
            pins.bases.insert(base.clone());
        }
        pin::write(&pins)?;
    }
    for (name, base) in &new {
        tell(&Message::PinnedBase { name: &name.to_string(), base });
    }
    failed.map_or(Ok(pins), Err)
}

fn references<'a>(names: impl Iterator<Item = &'a String>) -> Vec<Reference> {
    let names = names.filter_map(|name| name.parse().ok()).collect::<BTreeSet<_>>();
    names.into_iter().collect()
}

/// Which images names mean now: all registries are asked at the same time, the engine about what is left.
async fn look_up(
    project: &Project,
    names: Vec<Reference>,
    pinned: &Bases,
) -> Vec<(Reference, Result<Base>)> {
    let registry = project.hasty_registry();
    let asked = names.iter().map(|name| at_registry(&registry, name));
    let answers = join_all(asked).await;
    let mut engine = None;
    let mut found = vec![];
    for (name, answer) in names.into_iter().zip(answers) {
        let base = match answer {
            Ok(base) => Ok(base),
            Err(Unknown { fault, error }) if fault.is_away() && is_registrys(&name, pinned) => {
                Err(error)
            }
            Err(unknown) => {
                if engine.is_none() {
                    engine = Some(project.engine().await);
                }
                in_engine(&name, &unknown, engine.as_ref()).await
            }
        };
        found.push((name, base));
    }
    found
}

/// Whether an image is pinned as its registry had it: that nobody answers now makes no other image of it.
fn is_registrys(name: &Reference, pinned: &Bases) -> bool {
    pinned.of(name).is_some_and(|base| base.origin() == Origin::Registry)
}

async fn at_registry(registry: &Registry, name: &Reference) -> Result<Base, Unknown> {
    let late = |_| {
        let (host, patience) = (name.registry().to_owned(), PATIENCE);
        let fault = Fault::Stalled { host, patience };
        Unknown { error: fault.error(&format!("cannot find `{name}`")), fault }
    };
    let asked = timeout(PATIENCE, registry.identify(name)).await;
    let found = asked.map_err(late).and_then(|answer| answer)?;
    Ok(Base { name: name.clone(), digest: Some(found.manifest), id: found.id })
}

/// What the engine has under a name of which the registry does not tell.
async fn in_engine(
    name: &Reference,
    unknown: &Unknown,
    engine: Option<&Result<Arc<dyn Engine>>>,
) -> Result<Base> {
    let Unknown { fault, error } = unknown;
    // Docker's own registry tells of a name that nobody has no more than of one that is not to be seen.
    let hidden = fault.is_closed() && name.registry() == DOCKER_IO;
    if !fault.is_away() && !fault.is_missing() && !hidden {
        return Err(error.clone());
    }
    let why = fault.why();
    let engine = match engine {
        Some(Ok(engine)) => engine,
        Some(Err(cause)) => return Err(unasked(name, &why, cause)),
        None => return Err(nowhere(name, &why)),
    };
    let Some(id) = engine.image_id(&name.to_string()).await? else {
        return Err(nowhere(name, &format!("{why}, and the engine does not have it")));
    };
    let id = if id.starts_with("sha256:") { id } else { format!("sha256:{id}") };
    let podmans = name.without_localhost();
    let name = match podmans {
        Some(short) if is_podman(&**engine).await? => short,
        _ => name.clone(),
    };
    Ok(Base { name, digest: None, id })
}

async fn is_podman(engine: &dyn Engine) -> Result<bool> {
    match engine.daemon() {
        Some(daemon) => daemon.is_podman().await,
        None => Ok(false),
    }
}

/// The engine may have it, once it answers.
fn unasked(name: &Reference, why: &str, cause: &Error) -> Error {
    let message =
        format!("cannot find `{name}`, which is built on: {why}, and {}", cause.message());
    let error = Error::new(cause.exit(), message);
    cause.hint_text().map_or(error.clone(), |hint| error.hint(hint))
}

fn nowhere(name: &Reference, why: &str) -> Error {
    Error::config(format!("`{name}`, which is built on, is nowhere: {why}"))
        .hint("look whether the name is right; what only the engine has, it must have first")
}

/// What the names of a project's images from elsewhere mean now, beside what is pinned.
pub(super) async fn compare(project: &Project, pins: &Pins, offline: bool) -> Vec<Moved> {
    let pinned = || pins.bases.iter().map(|base| base.name.clone());
    let names = match project.undated().shape() {
        Ok((_, plan)) => references(elsewhere(&plan).map(|(name, _)| name)),
        // What is wrong with a dock, a build says.
        Err(_) => pinned().collect(),
    };
    let old = |name: &Reference| pins.bases.of(name).cloned();
    // One that Podman has under two names is one.
    let names = names.into_iter().map(|name| old(&name).map_or(name, |base| base.name));
    let names = names.collect::<BTreeSet<_>>();
    let unused = pinned().filter(|name| !names.contains(name)).collect::<Vec<_>>();
    let gone = unused.into_iter().map(|name| Moved { old: old(&name), name, now: Now::Unused });
    let mut all = gone.collect::<Vec<_>>();
    let names = names.into_iter().collect::<Vec<_>>();
    let found = if offline {
        let error = || Error::step("no network is to be used");
        names.into_iter().map(|name| (name, Err(error()))).collect()
    } else {
        look_up(project, names, &pins.bases).await
    };
    all.extend(found.into_iter().map(|(name, found)| {
        let now = found.map_or_else(Now::Unknown, Now::Is);
        Moved { old: old(&name), name, now }
    }));
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// Pins what was looked up.
pub(super) fn apply(bases: &mut Bases, moved: &[Moved]) {
    for Moved { name, now, .. } in moved {
        match now {
            Now::Is(base) => bases.insert(base.clone()),
            Now::Unused => bases.remove(name),
            Now::Unknown(_) => {}
        }
    }
}
