//! The half of a file that has arrived: `NAME.part`, and beside it in `NAME.part.meta` by what a
//! server recognises the file it comes from.
//!
//! Knows no network. A `.part` without a readable `.meta` cannot be resumed and is started over.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio::fs;
use tokio::fs::{File, OpenOptions};

use crate::base::error::{Error, Result};

/// By what a server recognises a file it has served before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin {
    /// The address asked for, without a password.
    pub address: String,
    /// The server's `ETag`, as it is.
    pub etag: Option<String>,
    /// The server's `Last-Modified`, as it is.
    pub last_modified: Option<String>,
}

impl Origin {
    /// The value for `If-Range` when asking `address`: a strong `ETag` means something only to the
    /// server that gave it; a date may be told to another mirror if `checked`, which says that the
    /// result's digest is compared in the end.
    pub(crate) fn if_range(&self, address: &str, checked: bool) -> Option<&str> {
        let same = self.address == address;
        let strong = self.etag.as_deref().filter(|etag| same && !etag.starts_with("W/"));
        strong.or_else(|| self.last_modified.as_deref().filter(|_| same || checked))
    }

    /// Whether an answer with the validators of `other` continues the same file.
    pub(crate) fn continues(&self, other: &Self) -> bool {
        if self.address == other.address && (self.etag.is_some() || other.etag.is_some()) {
            return self.etag == other.etag;
        }
        self.last_modified.is_some() && self.last_modified == other.last_modified
    }
}

/// The two files beside a download's final name.
#[derive(Debug)]
pub(super) struct Part {
    dest: PathBuf,
    file: PathBuf,
    meta: PathBuf,
}

impl Part {
    pub(crate) fn of(dest: &Path) -> Self {
        let with = |suffix: &str| {
            let mut name = dest.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        Self { dest: dest.to_owned(), file: with(".part"), meta: with(".part.meta") }
    }

    /// The path of the half that has arrived.
    pub(crate) fn path(&self) -> &Path {
        &self.file
    }

    /// How many bytes have arrived, 0 if nothing did.
    pub(crate) async fn len(&self) -> u64 {
        fs::metadata(&self.file).await.map_or(0, |meta| meta.len())
    }

    /// Size and origin of what can be resumed.
    pub(crate) async fn resumable(&self) -> Option<(u64, Origin)> {
        let origin = serde_json::from_slice(&fs::read(&self.meta).await.ok()?).ok()?;
        Some((self.len().await, origin)).filter(|(len, _)| *len > 0)
    }

    /// Opens the file for more at its end.
    pub(crate) async fn append(&self) -> Result<File> {
        let opened = OpenOptions::new().append(true).open(&self.file).await;
        opened.map_err(|cause| Error::file("open", &self.file, &cause))
    }

    /// Empties the file and notes where the new content comes from.
    pub(crate) async fn restart(&self, origin: Option<&Origin>) -> Result<File> {
        if let Some(folder) = self.dest.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            let made = fs::create_dir_all(folder).await;
            made.map_err(|cause| Error::file("create", folder, &cause))?;
        }
        // First the old content goes: new content under the old note must never be.
        let file = File::create(&self.file).await;
        let file = file.map_err(|cause| Error::file("create", &self.file, &cause))?;
        let noted = match origin.and_then(|origin| serde_json::to_vec(origin).ok()) {
            Some(note) => fs::write(&self.meta, note).await,
            None => gone(fs::remove_file(&self.meta).await),
        };
        noted.map_err(|cause| Error::file("write", &self.meta, &cause))?;
        Ok(file)
    }

    /// Removes both files.
    pub(crate) async fn discard(&self) -> Result<()> {
        for path in [&self.file, &self.meta] {
            let removed = gone(fs::remove_file(path).await);
            removed.map_err(|cause| Error::file("remove", path, &cause))?;
        }
        Ok(())
    }

    /// Gives the file, whose content is on the disk already, its final name.
    pub(crate) async fn commit(&self) -> Result<()> {
        let renamed = fs::rename(&self.file, &self.dest).await;
        renamed.map_err(|cause| Error::file("write", &self.dest, &cause))?;
        // Both only tidy up; the file itself is complete under its name.
        let _ = fs::remove_file(&self.meta).await;
        let folder = self.dest.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Ok(folder) = File::open(folder.unwrap_or(Path::new("."))).await {
            let _ = folder.sync_all().await;
        }
        Ok(())
    }
}

/// A file that was not there is removed too.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(address: &str, etag: Option<&str>, date: Option<&str>) -> Origin {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Origin { address: address.into(), etag: owned(etag), last_modified: owned(date) }
    }

    #[test]
    fn what_to_ask() {
        let both = origin("a", Some("\"1\""), Some("Mon"));
        assert_eq!(both.if_range("a", false), Some("\"1\""));
        assert_eq!(both.if_range("b", true), Some("Mon"));
        assert_eq!(both.if_range("b", false), None);
        assert_eq!(origin("a", Some("W/\"1\""), Some("Mon")).if_range("a", false), Some("Mon"));
        assert_eq!(origin("a", Some("W/\"1\""), None).if_range("a", true), None);
    }

    #[test]
    fn what_continues() {
        let both = origin("a", Some("1"), Some("Mon"));
        assert!(both.continues(&both));
        assert!(!both.continues(&origin("a", Some("2"), Some("Mon"))));
        assert!(!both.continues(&origin("a", None, Some("Mon"))));
        assert!(both.continues(&origin("b", Some("2"), Some("Mon"))));
        assert!(!both.continues(&origin("b", Some("1"), None)));
        assert!(!origin("a", None, None).continues(&origin("a", None, None)));
    }
}
