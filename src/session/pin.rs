//! Pinning: what the mirrors offer goes into `bb.lock`, verified.
//!
//! Who may move a lock that is there is not decided here.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::base::error::{Error, Result};
use crate::base::given;
use crate::config::lock::{Lock, Pins};
use crate::gentoo::keys;
use crate::gentoo::openpgp::Keyring;
use crate::gentoo::release::{Newest, Release, Times};
use crate::net::http::Client;
use crate::plan::expand::stage3_file;
use crate::report::Message;
use crate::session::Tell;
use crate::session::project::{LOCK_FILE, Project};
use crate::state::held::StepLock;
use crate::state::store;

/// A snapshot's name among the downloads.
const SNAPSHOT: &str = "portage.tar.xz";

/// Pins what the mirrors offer, unless another process does so meanwhile.
pub(super) async fn once(project: &Project, offline: bool, tell: &mut Tell<'_>) -> Result<Pins> {
    let _held = hold(project).await?;
    if project.lock()?.is_none() {
        newest(project, offline, Bound::First, tell).await?;
    }
    project.pins()
}

/// The lock that keeps other processes from pinning at the same time.
pub(super) async fn hold(project: &Project) -> Result<StepLock> {
    let store = project.store();
    store.create()?;
    let waiting = tokio::task::spawn_blocking(move || store.lock_all()).await;
    waiting.map_err(|e| Error::bug(format!("waiting for a lock ended: {e}")))?
}

/// How old what is pinned may be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bound<'a> {
    /// Nothing is pinned yet: not old.
    First,
    /// Not older than this.
    Floor(&'a Lock),
    /// As old as it likes.
    Any,
}

/// Looks up what the mirrors offer, verifies it and writes `bb.lock`.
pub(super) async fn newest(
    project: &Project,
    offline: bool,
    bound: Bound<'_>,
    tell: &mut Tell<'_>,
) -> Result<Lock> {
    let shadow = project.shadow();
    let [kept, seen] = [&project.layout, &shadow.layout].map(|layout| layout.download(SNAPSHOT));
    let bases = project.undated().pins()?.bases;
    let known = [kept.clone(), seen];
    let Newest { lock, snapshot } = find(project, offline, bound, &known, tell).await?;
    write(&Pins { gentoo: Some(lock.clone()), bases })?;
    // Only now: a lock that could not be written leaves the old download with the old lock.
    store::rename(&snapshot, &kept)?;
    let old = if let Bound::Floor(old) = bound { Some(old) } else { None };
    take_stage3(project, &shadow, old, &lock)?;
    tell(&Message::Pinned { stage3: &lock.stage3.timestamp, snapshot: lock.date() });
    Ok(lock)
}

/// Writes `bb.lock`.
pub(super) fn write(pins: &Pins) -> Result<()> {
    given::put(Path::new(LOCK_FILE), pins.to_text()?.as_bytes())
}

/// A newer stage3 that is there since somebody has looked at what it would change. Whether it is what is pinned,
/// the step that fetches it looks itself.
fn take_stage3(project: &Project, shadow: &Project, old: Option<&Lock>, new: &Lock) -> Result<()> {
    let name = stage3_file(&project.settings);
    let [kept, seen] = [project, shadow].map(|project| project.layout.download(&name));
    let is_it = |meta: Metadata| meta.is_file() && meta.len() == new.stage3.size;
    let moves = old.is_none_or(|old| old.stage3.sha512 != new.stage3.sha512);
    if (moves || !kept.exists()) && seen.symlink_metadata().is_ok_and(is_it) {
        store::rename(&seen, &kept)?;
    }
    Ok(())
}

/// Looks up what the mirrors offer and verifies it, for a project with a state folder of its own. Pins nothing.
pub(super) async fn preview(
    project: &Project,
    shadow: &Project,
    offline: bool,
    floor: &Lock,
    tell: &mut Tell<'_>,
) -> Result<Lock> {
    let (own, kept) = (shadow.layout.download(SNAPSHOT), project.layout.download(SNAPSHOT));
    let found =
        find(shadow, offline, Bound::Floor(floor), &[own.clone(), kept.clone()], tell).await?;
    if found.snapshot != kept {
        store::rename(&found.snapshot, &own)?;
    }
    Ok(found.lock)
}

/// What the mirrors offer, verified. The snapshot is one of `kept`, or beside the first of them.
async fn find(
    project: &Project,
    offline: bool,
    bound: Bound<'_>,
    kept: &[PathBuf],
    tell: &mut Tell<'_>,
) -> Result<Newest> {
    let keyring = keyring(project)?;
    let client = Client::with_least_rate(offline, project.settings.least_rate);
    let release = release(project, &client, keyring.as_ref(), bound);
    let folder = kept.first().and_then(|kept| kept.parent()).unwrap_or(Path::new("."));
    let found = release.newest(folder, kept, today()).await;
    complain(&release, tell);
    found
}

/// The times of what the mirrors offer; nothing is written.
pub(super) async fn offered(
    project: &Project,
    offline: bool,
    pinned: Option<&Lock>,
    tell: &mut Tell<'_>,
) -> Result<Times> {
    let keyring = keyring(project)?;
    let client = Client::with_least_rate(offline, project.settings.least_rate);
    let release = release(project, &client, keyring.as_ref(), Bound::Any);
    let times = release.times(pinned, today()).await;
    complain(&release, tell);
    times
}

/// The mirrors' offers, as the project takes them.
fn release<'a>(
    project: &'a Project,
    client: &'a Client,
    keyring: Option<&'a Keyring>,
    bound: Bound<'a>,
) -> Release<'a> {
    let settings = &project.settings;
    let (floor, allow_older) = match bound {
        Bound::First => (None, false),
        Bound::Floor(lock) => (Some(lock), false),
        Bound::Any => (None, true),
    };
    Release { settings, client, keyring, floor, allow_older, complaints: Mutex::default() }
}

/// Whose signatures count; nobody's where verification is skipped.
fn keyring(project: &Project) -> Result<Option<Keyring>> {
    let skipped = project.settings.skip_verify;
    if skipped { Ok(None) } else { keys::read(&project.settings).map(Some) }
}

fn complain(release: &Release<'_>, tell: &mut Tell<'_>) {
    for line in release.complaints.lock().unwrap_or_else(std::sync::PoisonError::into_inner).iter()
    {
        tell(&Message::PassedOver { what: line.trim_start() });
    }
}

/// Days since 1970.
fn today() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() / 86_400)
}
