//! Certificates of this machine and this user: the keyring file of the settings, and a folder of
//! those that were imported or fetched.
//!
//! Whatever the source, a certificate counts only if its primary fingerprint is pinned. In the folder
//! each has a file `FINGERPRINT.asc` whose first line says where it came from.

#![expect(clippy::disallowed_methods, reason = "certificates are files of this user")]

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::base::error::{Error, Exit, Result, io_reason};
use crate::base::limits::{Limit, Limits};
use crate::base::open::Refused;
use crate::base::secret::without_secrets;
use crate::base::time::date;
use crate::base::{open, read};
use crate::config::{INSTALLED_KEYRING, Settings};
use crate::gentoo::Fingerprint;
use crate::gentoo::openpgp::{KeyInfo, Keyring};
use crate::net::http::Client;
use crate::state::store;

const FROM: &str = "From ";

/// The pinned fingerprints of the settings.
///
/// # Errors
/// Exit 3: one of them is none.
pub fn pinned(settings: &Settings) -> Result<Vec<Fingerprint>> {
    settings.fingerprints.iter().map(|text| text.parse()).collect()
}

/// The file that a pinned certificate has in the user's folder.
pub fn own_file(settings: &Settings, fingerprint: &str) -> Option<PathBuf> {
    Some(settings.own_keys.as_ref()?.join(format!("{fingerprint}.asc")))
}

/// The files that certificates come from. Those of the user's folder only where they are there:
/// what another user, with another folder, did not import is no difference.
pub fn files(settings: &Settings) -> Vec<PathBuf> {
    let own = own_files(settings).into_iter().filter(|file| file.exists());
    [settings.keyring.clone()].into_iter().chain(own).collect()
}

/// The files that the pinned certificates have in the user's folder, or would have.
pub fn own_files(settings: &Settings) -> Vec<PathBuf> {
    let fingerprints = settings.fingerprints.iter().filter_map(|text| text.parse().ok());
    let file = |fingerprint: Fingerprint| own_file(settings, &fingerprint.to_string());
    fingerprints.filter_map(file).collect()
}

/// The pinned certificates of this machine and this user, merged.
///
/// # Errors
/// Exit 5: the keyring file cannot be read, or there is no pinned certificate anywhere.
pub fn read(settings: &Settings) -> Result<Keyring> {
    let pinned = pinned(settings)?;
    let mut all = Keyring::default();
    let mut refused = None;
    for file in files(settings) {
        let found = match read_file(settings, &file) {
            Ok(bytes) => Keyring::from_bytes(&file.display().to_string(), &bytes, &pinned),
            Err(Refused::Io(e))
                if e.kind() == std::io::ErrorKind::NotFound && !is_named(settings, &file) =>
            {
                continue;
            }
            Err(refused) => return Err(refused.or(|e| unreadable(&file, e))),
        };
        match found {
            Ok(found) => all.merge(found),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    if all.is_empty() { Err(refused.unwrap_or_else(|| nowhere(settings))) } else { Ok(all) }
}

/// What is larger is no keyring. One of the project stays in it; where others are, the user has said.
fn read_file(settings: &Settings, file: &Path) -> open::Opened<Vec<u8>> {
    let ground = settings.ground();
    if ground.is_outside(file) {
        read::bytes(file, &Limits::default(), Limit::KeyringSize).map_err(Refused::Io)
    } else {
        ground.read(file, Limit::KeyringSize)
    }
}

/// Whether it is the keyring that bb.toml or the environment names, which has to be there.
fn is_named(settings: &Settings, file: &Path) -> bool {
    file == settings.keyring && file != Path::new(INSTALLED_KEYRING)
}

fn unreadable(file: &Path, cause: &std::io::Error) -> Error {
    let why = io_reason(cause);
    Error::trust(format!("cannot read the keyring `{}`: {why}", file.display()))
        .hint("`keyring` in `[trust]` of bb.toml names a file with the publisher's certificates")
}

fn nowhere(settings: &Settings) -> Error {
    let keyring = settings.keyring.display();
    Error::trust("there are no certificates of the pinned keys")
        .detail(format!("  neither in `{keyring}` nor among those imported"))
        .hint("`bb keys refresh` fetches them, `bb keys import FILE` takes them from a file")
}

/// One key of a pinned certificate, and where the certificate is from.
#[derive(Debug)]
pub struct Listed {
    /// The key; `None` for a pinned certificate that is nowhere.
    pub key: Option<KeyInfo>,
    /// The primary fingerprint.
    pub cert: Fingerprint,
    /// In words.
    pub from: String,
}

/// Every key of every pinned certificate, as they stand at a time.
///
/// # Errors
/// A fingerprint in the settings is none.
pub fn list(settings: &Settings, at: SystemTime) -> Result<Vec<Listed>> {
    let mut rows = Vec::new();
    for cert in pinned(settings)? {
        let (mut ring, mut from) = (Keyring::default(), Vec::new());
        for file in [Some(settings.keyring.clone()), own_file(settings, &cert.to_string())] {
            let Some(file) = file else { continue };
            let Ok(bytes) = read_file(settings, &file) else { continue };
            let pinned = std::slice::from_ref(&cert);
            if let Ok(found) = Keyring::from_bytes(&file.display().to_string(), &bytes, pinned) {
                ring.merge(found);
                from.push(origin(&bytes).unwrap_or_else(|| file.display().to_string()));
            }
        }
        let from = from.join(", ");
        if ring.is_empty() {
            rows.push(Listed { key: None, cert: cert.clone(), from: "missing".to_owned() });
        }
        let keys = ring.keys(at).into_iter();
        rows.extend(keys.map(|key| Listed {
            key: Some(key),
            cert: cert.clone(),
            from: from.clone(),
        }));
    }
    Ok(rows)
}

/// Where a file of the user's folder says that it came from.
fn origin(bytes: &[u8]) -> Option<String> {
    let line = bytes.split(|byte| *byte == b'\n').next()?.strip_prefix(FROM.as_bytes())?;
    let line = String::from_utf8(line.to_vec()).ok();
    line.filter(|line| !line.contains(char::is_control)).map(|line| without_secrets(&line))
}

/// What became of a certificate that was offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Its primary fingerprint.
    pub cert: Fingerprint,
    /// Whether there was something new in it.
    pub new: bool,
    /// When it expires now, if ever.
    pub expires: Option<SystemTime>,
}

/// Keeps the pinned certificates among some bytes; what was known of one stays known. `from` says
/// where they came from.
///
/// # Errors
/// Exit 5: there is no pinned certificate among them.
pub fn import(
    settings: &Settings,
    bytes: &[u8],
    from: &str,
    now: SystemTime,
) -> Result<Vec<Taken>> {
    let pinned = pinned(settings)?;
    let offered = Keyring::from_bytes(from, bytes, &pinned)?;
    let take = |cert| take(settings, &offered, cert, from, now);
    offered.fingerprints().into_iter().map(take).collect()
}

fn take(
    settings: &Settings,
    offered: &Keyring,
    cert: Fingerprint,
    from: &str,
    now: SystemTime,
) -> Result<Taken> {
    let file = own_file(settings, &cert.to_string()).ok_or_else(|| {
        Error::config("there is no folder for certificates").hint("set HOME or XDG_DATA_HOME")
    })?;
    let pinned = std::slice::from_ref(&cert);
    let old = read_file(settings, &file).ok();
    let known = old.and_then(|bytes| Keyring::from_bytes(from, &bytes, pinned).ok());
    let before = known.as_ref().map(|ring| ring.armored(&cert)).transpose()?;
    let mut all = known.unwrap_or_default();
    all.merge(offered.only(&cert));
    let after = all.armored(&cert)?;
    let new = before.as_ref() != Some(&after);
    if new {
        store::make_dir(file.parent().unwrap_or(Path::new(".")))?;
        let text = format!("{FROM}{from}, {}\n\n{after}", date(now));
        store::replace_privately(&file, text.as_bytes())?;
    }
    let expires = all.keys(now).first().and_then(|key| key.expires);
    Ok(Taken { cert, new, expires })
}

/// What fetching certificates came to.
#[derive(Debug, Default)]
pub struct Refreshed {
    /// The address and what it gave.
    pub taken: Vec<(String, Taken)>,
    /// Addresses that gave nothing, with the reason.
    pub failed: Vec<(String, Error)>,
    /// Pinned keys that no address had.
    pub missing: Vec<Fingerprint>,
}

/// Fetches the pinned certificates from the addresses of the settings, in order, until all are there.
///
/// # Errors
/// The user's folder cannot be written.
pub async fn refresh(settings: &Settings, client: &Client, now: SystemTime) -> Result<Refreshed> {
    let mut done = Refreshed { missing: pinned(settings)?, ..Refreshed::default() };
    for url in &settings.key_urls {
        if done.missing.is_empty() {
            break;
        }
        let taken = match client.fetch_address(url, Limit::KeyringSize.fixed()).await {
            Ok(bytes) => import(settings, &bytes, &without_secrets(url), now),
            Err(error) => Err(error),
        };
        match taken {
            Ok(taken) => {
                done.missing.retain(|cert| taken.iter().all(|t| t.cert != *cert));
                done.taken.extend(taken.into_iter().map(|taken| (url.clone(), taken)));
            }
            Err(error) if matches!(error.exit(), Exit::Step | Exit::Trust) => {
                done.failed.push((url.clone(), error));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}
