//! A folder of blobs, each named by its digest, as `blobs` is in an OCI layout.
//!
//! A blob has its name when it is whole and verified; before that it is a `.part` beside it, which one process
//! writes at a time. Does not know where blobs come from.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::base::error::{Error, Result};
use crate::base::hex::hex;
use crate::base::reference::is_id;
use crate::state::store::make_dir;

/// The one algorithm that is known.
const SHA256: &str = "sha256";

/// The digest of a text, as registries write it.
pub(super) fn digest_of(text: &[u8]) -> String {
    digest_text(Sha256::new_with_prefix(text))
}

/// A finished digest, as registries write it.
pub(super) fn digest_text(state: Sha256) -> String {
    format!("{SHA256}:{}", hex(&state.finalize()))
}

/// A folder of blobs.
#[derive(Debug, Clone)]
pub struct Blobs {
    folder: PathBuf,
}

impl Blobs {
    /// The folder `blobs` of an OCI layout, or another one like it.
    #[must_use]
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.join(SHA256) }
    }

    /// Where the blob of a digest is, if it is there.
    ///
    /// # Errors
    /// It is no digest that blobs are named by.
    pub fn path(&self, digest: &str) -> Result<PathBuf> {
        let name = digest.split_once(':').filter(|(name, _)| *name == SHA256);
        let name = name.map(|(_, hex)| hex).filter(|hex| is_id(hex)).ok_or_else(|| {
            Error::step(format!("`{digest}` is not read: only `sha256:` with 64 digits is"))
        })?;
        Ok(self.folder.join(name))
    }

    /// Whether a blob is there. What has its name has been verified.
    ///
    /// # Errors
    /// As [`Self::path`].
    pub fn has(&self, digest: &str) -> Result<bool> {
        Ok(fs::symlink_metadata(self.path(digest)?).is_ok_and(|meta| meta.is_file()))
    }

    /// A file for a blob on its way, whose path is free until it is kept.
    pub(super) fn temporary(&self) -> Result<tempfile::NamedTempFile> {
        make_dir(&self.folder)?;
        let temp = tempfile::Builder::new().prefix(".").suffix(".part").tempfile_in(&self.folder);
        temp.map_err(|e| Error::file("write in", &self.folder, &e))
    }

    /// Begins a blob, or goes on with what another process has left of it; waits for one that is at it. Nothing,
    /// if it is there meanwhile.
    pub(super) fn begin(&self, digest: &str) -> Result<Option<Part>> {
        make_dir(&self.folder)?;
        let whole = self.path(digest)?;
        let path = whole.with_extension("part");
        let failed = |e: io::Error| Error::file("write", &path, &e);
        loop {
            let mut options = OpenOptions::new();
            options.create(true).read(true).write(true).truncate(false);
            let file = options.open(&path).map_err(failed)?;
            file.lock().map_err(failed)?;
            if self.has(digest)? {
                return Ok(None);
            }
            // Who had the lock may have taken the file away.
            let inode = |meta: fs::Metadata| (meta.dev(), meta.ino());
            let own = file.metadata().map(inode).map_err(failed)?;
            if fs::symlink_metadata(&path).is_ok_and(|meta| inode(meta) == own) {
                return Ok(Some(Part { file, path, whole }));
            }
        }
    }

    /// Writes a small blob as a whole.
    pub(super) fn put(&self, digest: &str, text: &[u8]) -> Result<()> {
        let whole = self.path(digest)?;
        let temp = self.temporary()?;
        fs::write(temp.path(), text).map_err(|e| Error::file("write", temp.path(), &e))?;
        keep(temp, &whole)
    }
}

/// Gives a blob its name. Everybody may read it, as its neighbours.
pub(super) fn keep(temp: tempfile::NamedTempFile, whole: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::Permissions::from_mode(0o644);
    let done = temp.as_file().set_permissions(mode).and_then(|()| temp.as_file().sync_all());
    done.map_err(|e| Error::file("write", whole, &e))?;
    temp.persist(whole).map(drop).map_err(|e| Error::file("write", whole, &e.error))
}

/// A blob on its way, which nobody else writes meanwhile.
#[derive(Debug)]
pub(super) struct Part {
    pub file: File,
    pub path: PathBuf,
    whole: PathBuf,
}

impl Part {
    /// The whole blob is there and verified.
    pub(super) fn finish(self) -> Result<()> {
        let done = self.file.sync_all().and_then(|()| fs::rename(&self.path, &self.whole));
        done.map_err(|e| Error::file("write", &self.whole, &e))
    }

    /// What is there is of no use.
    pub(super) fn remove(self) -> Result<()> {
        fs::remove_file(&self.path).map_err(|e| Error::file("remove", &self.path, &e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_has_its_name_when_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::at(dir.path());
        let digest = digest_of(b"abc");
        let part = blobs.begin(&digest).unwrap().unwrap();
        assert!(!blobs.has(&digest).unwrap());
        // Another one waits, and then has nothing to do.
        let (other, wanted) = (blobs.clone(), digest.clone());
        let waiting = std::thread::spawn(move || other.begin(&wanted).unwrap().is_none());
        part.finish().unwrap();
        assert!(waiting.join().unwrap() && blobs.has(&digest).unwrap());
        let names = ["", "sha512:00", "sha256:../x", "sha256:ABC", "md5:00"];
        assert!(names.iter().all(|name| blobs.path(name).is_err()));
    }

    #[test]
    fn who_waits_for_what_is_taken_away_begins_anew() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::at(dir.path());
        let digest = digest_of(b"abc");
        let part = blobs.begin(&digest).unwrap().unwrap();
        let (other, wanted) = (blobs.clone(), digest.clone());
        let waiting = std::thread::spawn(move || other.begin(&wanted).unwrap().unwrap().finish());
        part.remove().unwrap();
        waiting.join().unwrap().unwrap();
        assert!(blobs.has(&digest).unwrap());
    }
}
