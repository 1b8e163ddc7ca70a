//! Pinning: what the mirrors offer goes into `bb.lock`, verified.
//!
//! Who may move a lock that is there is not decided here.

use std::path::Path;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::cli::Look;
use crate::cli::message::tell;
use crate::error::{Error, Result};
use crate::lock::Lock;
use crate::project::{LOCK_FILE, Project};
use crate::report::Message;
use crate::world::held::StepLock;
use crate::world::http::Client;
use crate::world::keys;
use crate::world::openpgp::Keyring;
use crate::world::release::{Release, Times};
use crate::world::store;

/// Pins what the mirrors offer, unless another process does so meanwhile.
pub(super) async fn once(project: &Project, offline: bool, look: Look) -> Result<Lock> {
    let _held = hold(project).await?;
    match project.lock()? {
        Some(lock) => Ok(lock),
        None => newest(project, offline, None, look).await,
    }
}

/// The lock that keeps other processes from pinning at the same time.
pub(super) async fn hold(project: &Project) -> Result<StepLock> {
    let store = project.store();
    store.create()?;
    let waiting = tokio::task::spawn_blocking(move || store.lock_all()).await;
    waiting.map_err(|e| Error::bug(format!("waiting for a lock ended: {e}")))?
}

/// Looks up what the mirrors offer, verifies it and writes `bb.lock`. Nothing older than what
/// `floor` pins is taken.
pub(super) async fn newest(
    project: &Project,
    offline: bool,
    floor: Option<&Lock>,
    look: Look,
) -> Result<Lock> {
    let keyring = keyring(project)?;
    let client = Client::new(offline);
    let release = release(project, &client, keyring.as_ref(), floor);
    let kept = project.layout.download("portage.tar.xz");
    let folder = kept.parent().unwrap_or(Path::new("."));
    let found = release.newest(folder, &kept, today()).await;
    complain(&release, look);
    let found = found?;
    let lock = found.lock;
    store::replace_beside(Path::new(LOCK_FILE), lock.to_text()?.as_bytes())?;
    // Only now: a lock that could not be written leaves the old download with the old lock.
    store::rename(&found.snapshot, &kept)?;
    tell(look, &Message::Pinned { stage3: &lock.stage3.timestamp, snapshot: lock.date() });
    Ok(lock)
}

/// The times of what the mirrors offer; nothing is written.
pub(super) async fn offered(
    project: &Project,
    offline: bool,
    pinned: Option<&Lock>,
    look: Look,
) -> Result<Times> {
    let keyring = keyring(project)?;
    let client = Client::new(offline);
    let release = release(project, &client, keyring.as_ref(), None);
    let times = release.times(pinned, today()).await;
    complain(&release, look);
    times
}

/// The mirrors' offers, as the project takes them.
fn release<'a>(
    project: &'a Project,
    client: &'a Client,
    keyring: Option<&'a Keyring>,
    floor: Option<&'a Lock>,
) -> Release<'a> {
    let settings = &project.settings;
    Release { settings, client, keyring, floor, complaints: Mutex::default() }
}

/// Whose signatures count; nobody's where verification is skipped.
fn keyring(project: &Project) -> Result<Option<Keyring>> {
    let skipped = project.settings.skip_verify;
    if skipped { Ok(None) } else { keys::read(&project.settings).map(Some) }
}

fn complain(release: &Release<'_>, look: Look) {
    for line in release.complaints.lock().unwrap_or_else(std::sync::PoisonError::into_inner).iter()
    {
        tell(look, &Message::PassedOver { what: line.trim_start() });
    }
}

/// Days since 1970.
fn today() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() / 86_400)
}
