//! Images as OCI layouts: a folder of blobs with an index.
//!
//! Source: <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use super::bundle::{Chain, layer_bytes, layers};
use super::compressed::{Compression, LocalLayer};
use crate::base::error::{Error, Result};
use crate::base::given;
use crate::image::bundle::{self, Blob};
use crate::image::tree::Content;

/// Writes an OCI layout into a folder, and returns the digest of its manifest. Layers are as they are unless it is
/// said how they are to be compressed.
///
/// # Errors
/// There is no archive, a layer is gone or changed while it was read, or the folder cannot be written in.
pub fn write(chain: &Chain, dir: &Path, compression: Option<Compression>) -> Result<String> {
    let Some(top) = chain.first() else { return Err(Error::bug("an image without an archive")) };
    let folder = dir.join("blobs/sha256");
    let layers = layers(chain)?;
    fs::create_dir_all(&folder).map_err(|e| Error::file("create", &folder, &e))?;
    // First, so that a second try finds a layout where the first one has failed.
    save(&dir.join("oci-layout"), bundle::OCI_LAYOUT.as_bytes())?;
    let blobs = layers.into_iter().map(|(name, content)| {
        let digest = name.trim_end_matches(".tar");
        match compression {
            None => copied(name, digest, content, &folder),
            Some(how) => compressed(digest, content, how, &folder),
        }
    });
    let blobs = blobs.collect::<Result<Vec<_>>>()?;
    let config = Blob::of(&top.config_text);
    let manifest = bundle::oci_manifest(&config, &blobs, compression)?;
    let described = Blob::of(&manifest);
    let index = bundle::oci_index(&described, &top.config, top.reference())?;
    save(&folder.join(&config.digest), &top.config_text[..])?;
    save(&folder.join(&described.digest), &manifest[..])?;
    save(&dir.join("index.json"), &index[..])?;
    Ok(format!("sha256:{}", described.digest))
}

fn copied(name: &str, digest: &str, content: &Content, folder: &Path) -> Result<Blob> {
    let data = layer_bytes(name, content).map_err(|e| Error::file("read", &content.file, &e))?;
    save(&folder.join(digest), data)?;
    Ok(Blob { digest: digest.to_owned(), size: content.size })
}

fn compressed(digest: &str, content: &Content, how: Compression, folder: &Path) -> Result<Blob> {
    let layer = LocalLayer { diff_id: format!("sha256:{digest}"), content: content.clone() };
    let made = layer.compressed(how, folder)?;
    let path = folder.join(&made.blob.digest);
    made.file.persist(&path).map_err(|e| Error::file("write", &path, &e.error))?;
    Ok(made.blob)
}

fn save(path: &Path, mut data: impl Read) -> Result<()> {
    given::write(path, |mut out| {
        let copied = io::copy(&mut data, &mut out);
        copied.map(drop).map_err(|e| Error::file("write", path, &e))
    })
}
