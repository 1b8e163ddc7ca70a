//! What a mirror offers now: the newest stage3 and snapshot, verified, as pins for the lock.
//!
//! Writes no lock; a command does. The mirrors are asked in order; what one of them gives and does
//! not count is told, and the next one is asked.

#![expect(
    clippy::disallowed_methods,
    reason = "what was fetched is a file, and an old signature is one by the clock"
)]

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::base::error::{Error, Exit, Result};
use crate::base::limits::Limit;
use crate::base::{digest, time};
use crate::config::Settings;
use crate::config::lock::{Lock, Pin};
use crate::gentoo::openpgp::Keyring;
use crate::gentoo::{cleartext, digests, pointer};
use crate::net::http::{Client, Expect, Mirror};
use crate::state::store;

mod flavours;

/// How far back the newest snapshot is looked for, in days. A mirror has one for each day; a local
/// copy may be old.
const DAYS_BACK: u64 = 400;
/// A snapshot's name is not signed, its content is: an old tree under a new name is one whose signature is
/// much older, or newer, than the name says. Gentoo signs within a day.
const NEAR_ITS_DATE: Duration = Duration::from_secs(7 * 86_400);
/// What is pinned first is not older, for there is nothing that it could be older than. A local copy of a
/// mirror may be some weeks old.
const NEAR_NOW: Duration = Duration::from_secs(90 * 86_400);
/// The signer in a lock whose files nobody verified.
pub const UNVERIFIED: &str = "not verified";

/// Where releases are looked up.
#[derive(Debug)]
pub struct Release<'a> {
    /// Mirrors, architecture, flavour.
    pub settings: &'a Settings,
    /// Downloads.
    pub client: &'a Client,
    /// Whose signatures count; without it nothing is verified.
    pub keyring: Option<&'a Keyring>,
    /// What is pinned: nothing older is taken, for a mirror that offers it may replay old files.
    pub floor: Option<&'a Lock>,
    /// Somebody said that what is old counts, too.
    pub allow_older: bool,
    /// Mirrors that were passed over, and why: one line for each.
    pub complaints: Mutex<Vec<String>>,
}

/// What the mirrors offer, verified.
#[derive(Debug)]
pub struct Newest {
    /// As pins.
    pub lock: Lock,
    /// Where the snapshot is; it had to be read for its digests.
    pub snapshot: PathBuf,
}

/// Who signed a text, and when.
#[derive(Debug)]
struct Signature {
    signer: String,
    at: Option<SystemTime>,
}

/// The times of what the mirrors offer, in the form of the files' names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Times {
    /// `YYYYMMDDThhmmssZ`.
    pub stage3: String,
    /// `YYYYMMDD`; `None`: nothing newer than the pinned one.
    pub snapshot: Option<String>,
}

impl Release<'_> {
    /// The newest stage3 and the snapshot of a date, or the newest not after `today` (days since
    /// 1970). The snapshot comes to `folder`, unless one of `kept`, earlier downloads, is the same.
    ///
    /// # Errors
    /// Exit 5 if what the mirrors offer does not verify or is older than the pinned one.
    pub async fn newest(&self, folder: &Path, kept: &[PathBuf], today: u64) -> Result<Newest> {
        self.check_asked_date()?;
        let stage3 = self.stage3().await?;
        let (portage, snapshot) = self.portage(folder, kept, today).await?;
        Ok(Newest { lock: Lock { stage3, portage }, snapshot })
    }

    /// The times of the newest stage3 and of the newest snapshot after the pinned one. Downloads
    /// neither.
    ///
    /// # Errors
    /// Exit 5 if the pointer to the stage3 does not verify.
    pub async fn times(&self, pinned: Option<&Lock>, today: u64) -> Result<Times> {
        let (newest, _) = self.pointer().await?;
        let dates = dates(self.settings, today);
        let newer = |date: &String| pinned.is_none_or(|lock| date.as_str() > lock.date());
        let dates = dates.into_iter().filter(newer).collect::<Vec<_>>();
        let found = self
            .first("a snapshot", async |mirror| self.snapshot_date(mirror, &dates).await)
            .await?;
        Ok(Times { stage3: newest.timestamp, snapshot: found })
    }

    /// A mirror that answers in order but with something that does not count is passed over.
    async fn first<T>(&self, what: &str, each: impl AsyncFn(&Mirror) -> Result<T>) -> Result<T> {
        let mut refused = Vec::new();
        for mirror in mirrors(self.settings)? {
            match each(&mirror).await {
                Ok(found) => {
                    let told = refused.into_iter().map(|(mirror, error)| told(&mirror, &error));
                    self.complaints.lock().unwrap_or_else(PoisonError::into_inner).extend(told);
                    return Ok(found);
                }
                Err(error) if matches!(error.exit(), Exit::Step | Exit::Trust) => {
                    refused.push((mirror, error));
                }
                Err(error) => return Err(error),
            }
        }
        Err(none(what, refused))
    }

    async fn pointer(&self) -> Result<(pointer::Pointer, Signature)> {
        let Settings { arch, flavour, .. } = self.settings;
        let name = format!("latest-stage3-{arch}-{flavour}.txt");
        let path = format!("releases/{arch}/autobuilds/{name}");
        let found = self
            .first(&path, async |mirror| {
                let (text, signature) = self.signed(mirror, &path).await?;
                let newest = pointer::parse(&text, arch, flavour, &name)?;
                self.check_not_older("stage3", &newest.timestamp)?;
                self.check_recent("stage3", signature.at)?;
                Ok((newest, signature))
            })
            .await;
        match found {
            Err(error) if error.exit() == Exit::Step => Err(self.flavours_or(error).await),
            found => found,
        }
    }

    async fn stage3(&self) -> Result<Pin> {
        let (newest, pointer) = self.pointer().await?;
        let path = format!("releases/{}/autobuilds/{}", self.settings.arch, newest.path);
        let list = format!("{path}.DIGESTS");
        let (listed, at) = self
            .first(&list, async |mirror| {
                let (text, signature) = self.signed(mirror, &list).await?;
                let listed = digests::parse(&text, &newest.name, &list)?;
                self.check_not_back("stage3", signature.at, listed.sha512.as_deref())?;
                Ok((listed, signature.at))
            })
            .await?;
        let missing = |what: &str| Error::trust(format!("`{list}` has no {what} of the stage3"));
        Ok(Pin {
            path,
            timestamp: newest.timestamp.clone(),
            size: newest.size,
            sha512: listed.sha512.ok_or_else(|| missing("SHA-512"))?,
            blake2b: listed.blake2b.ok_or_else(|| missing("BLAKE2b"))?,
            signer: pointer.signer,
            signed_at: at.map(time::stamp),
        })
    }

    /// The signed text of a small file, and its signature.
    async fn signed(&self, mirror: &Mirror, path: &str) -> Result<(String, Signature)> {
        let bytes = self.small(mirror, path).await?;
        let Some(keyring) = self.keyring else {
            let text = cleartext::split(path, &bytes).map_or_else(|_| bytes.clone(), |f| f.text());
            let nobody = Signature { signer: UNVERIFIED.to_owned(), at: None };
            return Ok((String::from_utf8_lossy(&text).into_owned(), nobody));
        };
        let signed = keyring.verify_cleartext(path, &bytes, None)?;
        let signature =
            Signature { signer: signed.signer().to_string(), at: Some(signed.signed_at()) };
        Ok((signed.text()?.to_owned(), signature))
    }

    async fn portage(&self, folder: &Path, kept: &[PathBuf], today: u64) -> Result<(Pin, PathBuf)> {
        let dates = dates(self.settings, today);
        let floor = self.floor.map(Lock::date);
        let allowed = |date: &String| floor.is_none_or(|floor| date.as_str() >= floor);
        let dates = dates.into_iter().filter(allowed).collect::<Vec<_>>();
        self.first("a snapshot", async |mirror| match self.snapshot_date(mirror, &dates).await? {
            Some(date) => self.snapshot(mirror, date, folder, kept).await,
            None => Err(self.no_snapshot()),
        })
        .await
    }

    /// The newest of the dates that a mirror has a snapshot of.
    async fn snapshot_date(&self, mirror: &Mirror, dates: &[String]) -> Result<Option<String>> {
        let suffix = if self.keyring.is_some() { ".gpgsig" } else { "" };
        for date in dates {
            if self.client.has(mirror, &format!("{}{suffix}", snapshot_path(date))).await? {
                return Ok(Some(date.clone()));
            }
        }
        Ok(None)
    }

    /// A signature, or a signed list.
    async fn small(&self, mirror: &Mirror, path: &str) -> Result<Vec<u8>> {
        let mirror = std::slice::from_ref(mirror);
        self.client.fetch_small(mirror, path, Limit::SignedSize.fixed()).await
    }

    async fn snapshot(
        &self,
        mirror: &Mirror,
        date: String,
        folder: &Path,
        kept: &[PathBuf],
    ) -> Result<(Pin, PathBuf)> {
        let path = snapshot_path(&date);
        let signature = match self.keyring {
            Some(_) => self.small(mirror, &format!("{path}.gpgsig")).await?,
            None => vec![],
        };
        // The signature tells whether it is the same; where none counts, what the lock calls it.
        let pinned = self.floor.is_some_and(|lock| lock.portage.path == path);
        for kept in kept.iter().filter(|kept| (pinned || self.keyring.is_some()) && kept.exists()) {
            if let Ok(pin) = self.pin_snapshot(&path, &date, kept, &signature) {
                return Ok((pin, kept.clone()));
            }
        }
        let dest = folder.join(format!("portage-{date}.tar.xz"));
        let max = self.settings.limits.of(Limit::SnapshotSize);
        let expect = Expect { size: None, max, sha512: None, blake2b: None };
        let mirror = std::slice::from_ref(mirror);
        self.client.download(mirror, &path, &dest, &expect, &|_, _| {}).await?;
        match self.pin_snapshot(&path, &date, &dest, &signature) {
            Ok(pin) => Ok((pin, dest)),
            Err(error) => {
                store::remove_if_there(&dest)?;
                Err(error)
            }
        }
    }

    fn pin_snapshot(&self, path: &str, date: &str, file: &Path, signature: &[u8]) -> Result<Pin> {
        let unreadable = |e: std::io::Error| Error::file("read", file, &e);
        let open = std::fs::File::open(file).map_err(unreadable)?;
        let pin = |size, sha512, blake2b, signature: Signature| Pin {
            path: path.to_owned(),
            timestamp: date.to_owned(),
            size,
            sha512,
            blake2b,
            signer: signature.signer,
            signed_at: signature.at.map(time::stamp),
        };
        let Some(keyring) = self.keyring else {
            let seen = digest::read_all(open).map_err(unreadable)?;
            let nobody = Signature { signer: UNVERIFIED.to_owned(), at: None };
            return Ok(pin(seen.size, seen.sha512, seen.blake2b, nobody));
        };
        let seen = keyring.verify_detached(path, open, signature, None)?;
        self.check_not_back("snapshot", Some(seen.signed_at), Some(&seen.sha512))?;
        self.check_near_date(date, seen.signed_at)?;
        self.check_recent("snapshot", Some(seen.signed_at))?;
        let signature = Signature { signer: seen.signer.to_string(), at: Some(seen.signed_at) };
        Ok(pin(seen.size, seen.sha512, seen.blake2b, signature))
    }

    /// Nothing that was signed before what is pinned; the same content may be.
    fn check_not_back(
        &self,
        what: &str,
        signed: Option<SystemTime>,
        sha512: Option<&str>,
    ) -> Result<()> {
        let pinned = self.floor.map(|lock| match what {
            "stage3" => &lock.stage3,
            _ => &lock.portage,
        });
        let Some((pinned, signed)) = pinned.zip(signed) else { return Ok(()) };
        let Some(before) = pinned.signed().filter(|_| sha512 != Some(&pinned.sha512)) else {
            return Ok(());
        };
        // The lock has whole seconds.
        if signed + Duration::from_secs(1) > before {
            return Ok(());
        }
        let (signed, before) = (time::stamp(signed), time::stamp(before));
        let message = format!(
            "the {what} was signed at {signed}, before the pinned one, which was at {before}"
        );
        Err(Error::trust(message).hint(BACK))
    }

    /// A snapshot is of the day that its name says.
    fn check_near_date(&self, date: &str, signed: SystemTime) -> Result<()> {
        let of_name = time::parse_compact(date).filter(|_| !self.allow_older);
        let Some(day) = of_name else { return Ok(()) };
        let apart = signed.duration_since(day).or_else(|_| day.duration_since(signed));
        if apart.is_ok_and(|apart| apart <= NEAR_ITS_DATE) {
            return Ok(());
        }
        let signed = crate::base::time::date(signed);
        let message = format!("the snapshot of `{date}` was signed on {signed}");
        Err(Error::trust(message).hint(
            "it may be an old tree under another name; try another mirror, \
             or take it by `bb update --allow-older`",
        ))
    }

    /// What is pinned first, and not by its date, is not old.
    fn check_recent(&self, what: &str, signed: Option<SystemTime>) -> Result<()> {
        let by_date = self.settings.date.is_some();
        let Some(signed) = signed.filter(|_| self.floor.is_none() && !self.allow_older && !by_date)
        else {
            return Ok(());
        };
        match SystemTime::now().duration_since(signed) {
            Ok(age) if age > NEAR_NOW => {
                let (days, signed) = (age.as_secs() / 86_400, crate::base::time::date(signed));
                let message = format!("the newest {what} was signed on {signed}, {days} days ago");
                Err(Error::trust(message).hint(
                    "the mirror may replay old files; try another one, \
                     or take it by `bb update --allow-older`",
                ))
            }
            _ => Ok(()),
        }
    }

    fn check_asked_date(&self) -> Result<()> {
        let asked = self.settings.date.as_ref();
        asked.map_or(Ok(()), |date| self.check_not_older("snapshot", date))
    }

    fn check_not_older(&self, what: &str, time: &str) -> Result<()> {
        let pinned = self.floor.map(|lock| match what {
            "stage3" => &lock.stage3.timestamp,
            _ => &lock.portage.timestamp,
        });
        match pinned {
            Some(pinned) if time < pinned.as_str() => Err(older(what, time, pinned)),
            _ => Ok(()),
        }
    }

    fn no_snapshot(&self) -> Error {
        match (self.floor, &self.settings.date) {
            (_, Some(date)) => Error::step(format!("the mirrors have no snapshot of `{date}`"))
                .hint("mirrors keep the snapshots of some weeks; ask for a newer one"),
            (Some(lock), None) => {
                let pinned = lock.date();
                Error::trust(format!("the mirrors have no snapshot of `{pinned}` or newer"))
                    .hint(format!("`{pinned}` is pinned, and {BACK}"))
            }
            (None, None) => Error::step("the mirrors have no snapshot")
                .hint("name a mirror that has `snapshots/` in `mirrors` of bb.toml"),
        }
    }
}

const BACK: &str = "a mirror that lags or replays old files is no reason to go back; \
                    `bb update --allow-older` does";

fn older(what: &str, time: &str, pinned: &str) -> Error {
    Error::trust(format!("the {what} `{time}` is older than the pinned `{pinned}`")).hint(BACK)
}

fn told(mirror: &Mirror, error: &Error) -> String {
    // A transport's error says which mirror in its details.
    match error.details() {
        [detail] if detail.trim_start().starts_with(&mirror.to_string()) => detail.clone(),
        _ => format!("  {mirror}: {}", error.message()),
    }
}

/// The error when no mirror gave what counts: the one mirror's own, or one line for each.
fn none(what: &str, mut refused: Vec<(Mirror, Error)>) -> Error {
    if refused.len() == 1
        && let Some((_, error)) = refused.pop()
    {
        return error;
    }
    let trust = refused.iter().any(|(_, error)| error.exit() == Exit::Trust);
    let exit = if trust { Exit::Trust } else { Exit::Step };
    let error = Error::new(exit, format!("no mirror gives `{what}` as it should be"));
    let error = refused.iter().fold(error, |e, (mirror, why)| e.detail(told(mirror, why)));
    match refused.iter().find_map(|(_, error)| error.hint_text()) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// The mirrors of the settings, in order.
///
/// # Errors
/// One of them is not a mirror's address.
pub fn mirrors(settings: &Settings) -> Result<Vec<Mirror>> {
    settings.mirrors.iter().map(|m| Mirror::parse(m)).collect()
}

fn snapshot_path(date: &str) -> String {
    format!("snapshots/gentoo-{date}.tar.xz")
}

/// The dates of the snapshots that may be taken, the best one first: the asked one alone, or from
/// today (days since 1970) backwards.
fn dates(settings: &Settings, today: u64) -> Vec<String> {
    match &settings.date {
        Some(date) => vec![date.clone()],
        None => (0..DAYS_BACK).map_while(|back| today.checked_sub(back)).map(compact).collect(),
    }
}

/// `YYYYMMDD` of a day since 1970.
fn compact(day: u64) -> String {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(day * 86_400);
    crate::base::time::date(time).replace('-', "")
}
