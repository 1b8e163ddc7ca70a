//! `bb.lock`: which stage3, which snapshot and which images from elsewhere this project builds from, by name and
//! digest.
//!
//! Text ↔ values only. What a mirror or a registry offers is the business of others; moving the lock is a command's.

use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::base::error::{Error, Result};
use crate::base::hex::is_hex;
use crate::base::time;
use crate::config::toml_error;

mod bases;

pub use bases::{Base, Bases, Origin};

/// All that a project pins: what its `bb.lock` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pins {
    /// Stage3 and snapshot; none where nothing is compiled yet.
    pub gentoo: Option<Lock>,
    /// Images from elsewhere.
    pub bases: Bases,
}

/// The file, as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(skip_serializing_if = "Option::is_none")]
    stage3: Option<Pin>,
    #[serde(skip_serializing_if = "Option::is_none")]
    portage: Option<Pin>,
    #[serde(default, rename = "base", skip_serializing_if = "Vec::is_empty")]
    bases: Vec<bases::Entry>,
}

/// What a malformed lock is to be helped by.
const HINT: &str = "the file is written by `bb update`; remove it to pin anew";

/// The pinned stage3 and snapshot of a project: one does not go without the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// The stage3 that the builder is made of.
    pub stage3: Pin,
    /// The snapshot of the ebuild repository.
    pub portage: Pin,
}

/// One pinned file of a mirror.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Path below the mirror, such as `snapshots/gentoo-20261122.tar.xz`.
    pub path: String,
    /// Date or time in the file's name (`YYYYMMDD` or `YYYYMMDDThhmmssZ`).
    pub timestamp: String,
    /// Bytes.
    pub size: u64,
    /// SHA-512 in lower-case hex.
    pub sha512: String,
    /// BLAKE2b-512 in lower-case hex.
    pub blake2b: String,
    /// Primary fingerprint of the key that signed it.
    pub signer: String,
    /// When the signature says that it was made, `YYYY-MM-DDThh:mm:ssZ`; none where nobody verified it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_at: Option<String>,
}

impl Pin {
    /// The file's name without its folders.
    pub fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// When it was signed, if somebody verified that.
    pub fn signed(&self) -> Option<SystemTime> {
        time::parse(self.signed_at.as_deref()?).ok()
    }

    fn check(&self, table: &str) -> Result<()> {
        let hex = |s: &str, len: usize| s.len() == len && is_hex(s);
        let bad = |key: &str| {
            Err(Error::config(format!(
                "`{key}` of `[{table}]` in `bb.lock` is not what it should be"
            ))
            .hint(HINT))
        };
        let up =
            self.path.starts_with('/') || self.path.split('/').any(|p| p == ".." || p.is_empty());
        match () {
            () if up => bad("path"),
            () if !hex(&self.sha512, 128) => bad("sha512"),
            () if !hex(&self.blake2b, 128) => bad("blake2b"),
            () if self.size == 0 => bad("size"),
            () if self.signed_at.is_some() && self.signed().is_none() => bad("signed_at"),
            () => Ok(()),
        }
    }
}

impl Lock {
    /// Stands for a lock where only the shape of the plan matters, which no pin changes.
    pub fn unpinned() -> Self {
        let pin = Pin {
            path: "unpinned".into(),
            timestamp: "unpinned".into(),
            size: 0,
            sha512: "unpinned".into(),
            blake2b: "unpinned".into(),
            signer: "unpinned".into(),
            signed_at: None,
        };
        Self { stage3: pin.clone(), portage: pin }
    }

    /// The snapshot's date, `YYYYMMDD`: the value of the marker `${DATE}`.
    pub fn date(&self) -> &str {
        &self.portage.timestamp
    }
}

impl Pins {
    /// Stand for pins of which nothing is known: only the shape of the plan matters, which no pin changes.
    pub fn unpinned() -> Self {
        Self { gentoo: Some(Lock::unpinned()), bases: Bases::default() }
    }

    /// The same, where stage3 and snapshot are unknown.
    #[must_use]
    pub fn or_unpinned(self) -> Self {
        Self { gentoo: self.gentoo.or_else(|| Some(Lock::unpinned())), ..self }
    }

    /// Reads the text of `bb.lock`.
    ///
    /// # Errors
    /// It is malformed, or a pin is not what `bb update` writes.
    pub fn parse(file: &Path, text: &str) -> Result<Self> {
        let File { stage3, portage, bases } =
            toml::from_str(text).map_err(|e| toml_error(file, text, &e))?;
        let gentoo = match (stage3, portage) {
            (Some(stage3), Some(portage)) => Some(Lock { stage3, portage }),
            (None, None) => None,
            (Some(_), None) => return Err(half("stage3", "portage")),
            (None, Some(_)) => return Err(half("portage", "stage3")),
        };
        if let Some(Lock { stage3, portage }) = &gentoo {
            stage3.check("stage3")?;
            portage.check("portage")?;
        }
        Ok(Self { gentoo, bases: Bases::of_entries(bases)? })
    }

    /// The text of `bb.lock`.
    ///
    /// # Errors
    /// A bug: the lock has no text.
    pub fn to_text(&self) -> Result<String> {
        let (stage3, portage) =
            self.gentoo.clone().map(|Lock { stage3, portage }| (stage3, portage)).unzip();
        let file = File { stage3, portage, bases: self.bases.entries() };
        let body =
            toml::to_string(&file).map_err(|e| Error::bug(format!("cannot write bb.lock: {e}")))?;
        Ok(format!("# Written by bb; moved by `bb update` only.\n{body}"))
    }

    /// The snapshot's date, `YYYYMMDD`; nothing where none is pinned.
    pub fn date(&self) -> &str {
        self.gentoo.as_ref().map_or("", Lock::date)
    }
}

fn half(there: &str, missing: &str) -> Error {
    Error::config(format!("`bb.lock` has `[{there}]`, but no `[{missing}]`")).hint(HINT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> Pins {
        let pin = |path: &str| Pin {
            path: path.into(),
            timestamp: "20261122".into(),
            size: 1,
            sha512: "a".repeat(128),
            blake2b: "b".repeat(128),
            signer: "C".repeat(40),
            signed_at: Some("2026-11-23T01:02:03Z".into()),
        };
        let (stage3, portage) = (pin("releases/x/stage3.tar.xz"), pin("snapshots/gentoo.tar.xz"));
        Pins { gentoo: Some(Lock { stage3, portage }), bases: Bases::default() }
    }

    #[test]
    fn text_and_value_are_the_same() {
        let text = lock().to_text().unwrap();
        assert_eq!(Pins::parse(Path::new("bb.lock"), &text).unwrap(), lock());
        let none = Pins::default();
        assert_eq!(Pins::parse(Path::new("bb.lock"), &none.to_text().unwrap()).unwrap(), none);
    }

    #[test]
    fn a_lock_of_before_has_no_time_of_signing() {
        let text = lock().to_text().unwrap();
        let old = text.lines().filter(|line| !line.starts_with("signed_at")).collect::<Vec<_>>();
        let old = Pins::parse(Path::new("bb.lock"), &old.join("\n")).unwrap().gentoo.unwrap();
        let new = lock().gentoo.unwrap();
        assert_eq!((old.stage3.signed(), new.stage3.signed().is_some()), (None, true));
        let odd = text.replace("2026-11-23T01:02:03Z", "lately");
        let error = Pins::parse(Path::new("bb.lock"), &odd).unwrap_err();
        assert!(error.message().starts_with("`signed_at` of `[stage3]`"), "{error}");
    }

    #[test]
    fn a_path_that_climbs_is_refused() {
        let text = lock().to_text().unwrap().replace("snapshots/", "snapshots/../../");
        let error = Pins::parse(Path::new("bb.lock"), &text).unwrap_err();
        assert_eq!(error.message(), "`path` of `[portage]` in `bb.lock` is not what it should be");
    }

    #[test]
    fn a_stage3_without_a_snapshot_is_half_a_lock() {
        let text = lock().to_text().unwrap();
        let (stage3, portage) = text.split_once("[portage]").unwrap();
        let error = |text: &str| Pins::parse(Path::new("bb.lock"), text).unwrap_err();
        assert_eq!(error(stage3).message(), "`bb.lock` has `[stage3]`, but no `[portage]`");
        let portage = format!("[portage]{portage}");
        assert_eq!(error(&portage).message(), "`bb.lock` has `[portage]`, but no `[stage3]`");
    }
}
