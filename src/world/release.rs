//! What a mirror offers now: the newest stage3 and snapshot, verified, as pins for the lock.
//!
//! Writes no lock; a command does.

use std::path::Path;

use crate::config::Settings;
use crate::error::{Error, Result};
use crate::lock::{Lock, Pin};
use crate::trust::{digests, pointer};
use crate::world::http::{Client, Expect, Mirror};
use crate::world::openpgp::Keyring;
use crate::world::store;

/// A pointer, a list of digests or a signature is a few kilobytes.
const SMALL: u64 = 1 << 20;
/// No snapshot is larger.
const LARGEST_SNAPSHOT: u64 = 1 << 30;
/// How far back the newest snapshot is looked for, in days. A mirror has one for each day; a local
/// copy may be old.
const DAYS_BACK: u64 = 400;

/// Where releases are looked up.
#[derive(Debug)]
pub struct Release<'a> {
    /// Mirrors, architecture, flavour.
    pub settings: &'a Settings,
    /// Downloads.
    pub client: &'a Client,
    /// Whose signatures count.
    pub keyring: &'a Keyring,
}

impl Release<'_> {
    /// The newest stage3 and the snapshot of a date, or the newest not after `today` (days since
    /// 1970). The snapshot is downloaded to `dest`: its digests are in no signed list.
    pub async fn newest(&self, dest: &Path, today: u64) -> Result<Lock> {
        let stage3 = self.stage3().await?;
        let portage = self.portage(dest, today).await?;
        Ok(Lock { stage3, portage })
    }

    async fn stage3(&self) -> Result<Pin> {
        let Settings { arch, flavour, .. } = self.settings;
        let folder = format!("releases/{arch}/autobuilds");
        let name = format!("latest-stage3-{arch}-{flavour}.txt");
        let signed = self.signed(&format!("{folder}/{name}")).await?;
        let newest = pointer::parse(signed.text()?, arch, flavour, &name)?;
        let path = format!("{folder}/{}", newest.path);
        let list = format!("{path}.DIGESTS");
        let signed = self.signed(&list).await?;
        let listed = digests::parse(signed.text()?, &newest.name, &list)?;
        let missing = |what: &str| Error::trust(format!("`{list}` has no {what} of the stage3"));
        Ok(Pin {
            path,
            timestamp: newest.timestamp.clone(),
            size: newest.size,
            sha512: listed.sha512.ok_or_else(|| missing("SHA-512"))?,
            blake2b: listed.blake2b.ok_or_else(|| missing("BLAKE2b"))?,
            signer: signed.signer().to_string(),
        })
    }

    async fn signed(&self, path: &str) -> Result<crate::world::openpgp::VerifiedBytes> {
        let mirrors = mirrors(self.settings)?;
        let bytes = self.client.fetch_small(&mirrors, path, SMALL).await?;
        self.keyring.verify_cleartext(path, &bytes, None)
    }

    async fn portage(&self, dest: &Path, today: u64) -> Result<Pin> {
        let mirrors = mirrors(self.settings)?;
        let (date, signature) = self.snapshot_date(&mirrors, today).await?;
        let path = format!("snapshots/gentoo-{date}.tar.xz");
        let expect = Expect { size: None, max: LARGEST_SNAPSHOT, sha512: None, blake2b: None };
        store::make_dir(dest.parent().unwrap_or(Path::new(".")))?;
        self.client.download(&mirrors, &path, dest, &expect, &|_, _| {}).await?;
        let file = std::fs::File::open(dest).map_err(|e| Error::file("read", dest, &e))?;
        let verified = self.keyring.verify_detached(&path, file, &signature, None)?;
        Ok(Pin {
            path,
            timestamp: date,
            size: verified.size,
            sha512: verified.sha512,
            blake2b: verified.blake2b,
            signer: verified.signer.to_string(),
        })
    }

    /// The asked or the newest date, and the snapshot's signature.
    async fn snapshot_date(&self, mirrors: &[Mirror], today: u64) -> Result<(String, Vec<u8>)> {
        let dates: Vec<String> = match &self.settings.date {
            Some(date) => vec![date.clone()],
            None => (0..DAYS_BACK).map_while(|back| today.checked_sub(back)).map(compact).collect(),
        };
        let mut failure = Error::step("the mirrors have no snapshot");
        for date in dates {
            let path = format!("snapshots/gentoo-{date}.tar.xz.gpgsig");
            match self.client.fetch_small(mirrors, &path, SMALL).await {
                Ok(signature) => return Ok((date, signature)),
                Err(error) if error.exit() != crate::error::Exit::Step => return Err(error),
                Err(error) => failure = error,
            }
        }
        Err(failure.hint("name a mirror that has `snapshots/` in `mirrors` of bb.toml"))
    }
}

/// The mirrors of the settings, in order.
///
/// # Errors
/// One of them is not a mirror's address.
pub fn mirrors(settings: &Settings) -> Result<Vec<Mirror>> {
    settings.mirrors.iter().map(|m| Mirror::parse(m)).collect()
}

/// `YYYYMMDD` of a day since 1970.
fn compact(day: u64) -> String {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(day * 86_400);
    crate::trust::date(time).replace('-', "")
}
