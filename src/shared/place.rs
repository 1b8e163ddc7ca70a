//! Where entries are: a registry's repository, a folder, a web server that shows such a folder.
//!
//! In a folder, `steps/KEY` is the signed statement and `blobs/sha256/HEX` are the files; each has its name when it is
//! whole, statements last. In a registry an entry is an artifact whose tag is the key. Knows no signature.

#![expect(clippy::disallowed_methods, reason = "a store may be a folder")]

use std::fs;
use std::path::{Path, PathBuf};

use super::entry::{Entry, File};
use crate::base::error::{Error, Result};
use crate::base::reference::Reference;
use crate::net::http::{Client, Expect, Mirror};
use crate::net::registry::{Artifact, ArtifactFile, Blobs, Registry};
use crate::state::store::{hash_file, make_dir};

/// What an entry is in a registry.
const KIND: &str = "application/vnd.gentoo-bb.step.v1";
/// What its statement is.
const STATEMENT_KIND: &str = "application/vnd.dsse.envelope.v1+json";

/// Where entries are.
#[derive(Debug)]
pub enum Place {
    /// In a repository, `HOST/REPOSITORY`.
    Registry {
        /// Asks it.
        registry: Box<Registry>,
        /// Its name.
        repository: String,
    },
    /// In a folder.
    Folder {
        /// Reads it.
        client: Client,
        /// The folder.
        folder: PathBuf,
    },
    /// At a web server; read only.
    Web {
        /// Asks it.
        client: Client,
        /// Its address.
        url: String,
    },
}

/// What became of an entry that was given.
#[derive(Debug)]
pub enum Given {
    /// It is there now.
    New,
    /// One with the same products was there.
    Was,
    /// One with other products is there, and stays.
    Other(Box<Entry>),
}

impl Place {
    /// The signed statement under a key, of at most `max` bytes.
    ///
    /// # Errors
    /// The place does not answer.
    pub(super) async fn statement(&self, key: &str, max: u64) -> Result<Option<Vec<u8>>> {
        if let Self::Registry { registry, repository } = self {
            return registry.artifact_text(&tagged(repository, key)?, STATEMENT_KIND, max).await;
        }
        let (client, mirror) = self.files()?;
        let path = format!("steps/{key}");
        if !client.has(&mirror, &path).await? {
            return Ok(None);
        }
        client.fetch_small(&[mirror], &path, max).await.map(Some)
    }

    /// Brings a file among the blobs, verified.
    ///
    /// # Errors
    /// It does not come, or is something else (exit 5).
    pub(super) async fn bring(&self, file: &File, blobs: &Blobs) -> Result<()> {
        let digest = format!("sha256:{}", file.sha256);
        if let Self::Registry { registry, repository } = self {
            let of = tagged(repository, "blob")?;
            return registry.artifact_file(&of, &digest, file.size, blobs).await;
        }
        if blobs.has(&digest)? {
            return Ok(());
        }
        let (client, mirror) = self.files()?;
        let dest = blobs.path(&digest)?.with_extension("coming");
        if let Some(folder) = dest.parent() {
            make_dir(folder)?;
        }
        let expect = Expect { size: Some(file.size), max: file.size, sha512: None, blake2b: None };
        let path = format!("blobs/sha256/{}", file.sha256);
        client.download(&[mirror], &path, &dest, &expect, &|_, _| {}).await?;
        if hash_file(&dest)? != file.sha256 {
            let _ = fs::remove_file(&dest);
            return Err(Error::trust(format!("`{path}` is not what its digest says")));
        }
        let whole = blobs.path(&digest)?;
        fs::rename(&dest, &whole).map_err(|e| Error::file("write", &whole, &e))
    }

    /// Whether all files of an entry are there, as large as they should be.
    ///
    /// # Errors
    /// The place does not answer.
    pub(super) async fn is_whole(&self, entry: &Entry) -> Result<bool> {
        match self {
            Self::Registry { registry, repository } => {
                let of = tagged(repository, &entry.key)?;
                for file in &entry.files {
                    if !registry.has_file(&of, &format!("sha256:{}", file.sha256)).await? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Folder { folder, .. } => {
                Ok(entry.files.iter().all(|file| is_there(&blob(folder, file), file.size)))
            }
            Self::Web { .. } => Ok(true),
        }
    }

    /// Gives an entry: its files first. One that `is_new` is put over none that came meanwhile.
    ///
    /// # Errors
    /// The place does not take it.
    pub(super) async fn give(
        &self,
        entry: &Entry,
        statement: &[u8],
        folder: &Path,
        is_new: bool,
    ) -> Result<()> {
        match self {
            Self::Registry { registry, repository } => {
                let artifact = artifact(entry, statement, folder);
                registry.push_artifact(&artifact, &tagged(repository, &entry.key)?).await
            }
            Self::Folder { folder: to, .. } => {
                let (entry, statement) = (entry.clone(), statement.to_vec());
                let (from, to) = (folder.to_owned(), to.clone());
                let given = move || write(&entry, &statement, &from, (&to, is_new));
                let done = tokio::task::spawn_blocking(given).await;
                done.map_err(|e| Error::bug(format!("a thread ended: {e}")))?
            }
            Self::Web { url, .. } => Err(Error::config(format!("nothing can be given to `{url}`"))
                .hint("`store.push` goes with `oci://` and `file://`")),
        }
    }

    fn files(&self) -> Result<(&Client, Mirror)> {
        match self {
            Self::Folder { client, folder } => Ok((client, Mirror::Folder(folder.clone()))),
            Self::Web { client, url } => Ok((client, Mirror::Web(url.clone()))),
            Self::Registry { .. } => Err(Error::bug("a registry has no folder")),
        }
    }
}

fn tagged(repository: &str, tag: &str) -> Result<Reference> {
    let name = format!("{repository}:{tag}");
    name.parse().map_err(|why| Error::config(format!("`{name}` is no name in a registry: {why}")))
}

fn artifact(entry: &Entry, statement: &[u8], folder: &Path) -> Artifact {
    let file = |file: &File| ArtifactFile {
        path: folder.join(&file.name),
        name: file.name.clone(),
        digest: format!("sha256:{}", file.sha256),
        size: file.size,
    };
    let files = entry.files.iter().map(file).collect();
    Artifact { kind: KIND, text_kind: STATEMENT_KIND, text: statement.to_vec(), files }
}

fn blob(folder: &Path, file: &File) -> PathBuf {
    folder.join("blobs/sha256").join(&file.sha256)
}

/// Half a file is none. What is in it, whoever takes it looks.
fn is_there(path: &Path, size: u64) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() == size)
}

/// Into a folder that others read and write meanwhile.
fn write(entry: &Entry, statement: &[u8], from: &Path, (to, is_new): (&Path, bool)) -> Result<()> {
    for file in &entry.files {
        let whole = blob(to, file);
        if !is_there(&whole, file.size) {
            put(&whole, false, |temp| copy(&from.join(&file.name), temp, &file.sha256))?;
        }
    }
    put(&to.join("steps").join(&entry.key), is_new, |temp| fs::write(temp, statement))
}

/// Copies a file that may have been changed meanwhile: then nobody would take the copy, and it would stay.
fn copy(from: &Path, to: &Path, sha256: &str) -> std::io::Result<()> {
    fs::copy(from, to)?;
    match hash_file(to) {
        Ok(hash) if hash == sha256 => Ok(()),
        _ => Err(std::io::Error::other(format!("`{}` changed while it was read", from.display()))),
    }
}

/// A file that has its name when it is whole; where it `is_new`, one that came meanwhile stays.
fn put(whole: &Path, is_new: bool, fill: impl FnOnce(&Path) -> std::io::Result<()>) -> Result<()> {
    let failed = |e: &std::io::Error| Error::file("write", whole, e);
    let folder = whole.parent().unwrap_or(Path::new("/"));
    make_dir(folder)?;
    let temp =
        tempfile::Builder::new().prefix(".coming-").tempfile_in(folder).map_err(|e| failed(&e))?;
    fill(temp.path()).and_then(|()| readable(&temp)).map_err(|e| failed(&e))?;
    let kept = if is_new { temp.persist_noclobber(whole) } else { temp.persist(whole) };
    match kept {
        Err(e) if is_new && e.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        kept => kept.map(drop).map_err(|e| failed(&e.error)),
    }
}

/// For everybody, as what a team shares.
fn readable(temp: &tempfile::NamedTempFile) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    temp.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    temp.as_file().sync_all()
}
