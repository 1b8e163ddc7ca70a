//! The files that go with layers: `manifest.json` of an archive for `docker load`, and the manifests of
//! an OCI layout.
//!
//! Text only; `image::archive` puts it beside the layers.

use std::collections::BTreeMap;

use oci_spec::image as oci;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::archive::compressed::Compression;
use super::config::ImageConfig;
use crate::base::error::{Error, Result};
use crate::base::hex::hex;
use crate::base::reference::Reference;

/// The one entry of `manifest.json`.
/// Source: <https://github.com/moby/docker-image-spec/blob/v1.3.1/spec.md#combined-image-json--filesystem-changeset-format>.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ArchiveManifest {
    /// The configuration's file.
    pub config: String,
    /// References.
    #[serde(default)]
    pub repo_tags: Vec<String>,
    /// The layers' files, lowest first. Some may be in another archive.
    pub layers: Vec<String>,
}

/// A file of an image, by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// SHA-256 in hex.
    pub digest: String,
    /// Bytes.
    pub size: u64,
}

impl Blob {
    /// Of some text.
    pub fn of(text: &[u8]) -> Self {
        Self { digest: hex(&Sha256::digest(text)), size: text.len() as u64 }
    }
}

/// The configuration as it is written: its digest is the image's ID.
///
/// # Errors
/// A bug: a configuration that is no JSON.
pub fn config_text(config: &ImageConfig) -> Result<Vec<u8>> {
    serde_json::to_vec(config).map_err(|e| unwritten(&e))
}

/// `manifest.json`. `layers` are digests in hex.
///
/// # Errors
/// A bug: a manifest that is no JSON.
pub fn archive_manifest(
    config: &Blob,
    layers: &[String],
    references: &[String],
) -> Result<Vec<u8>> {
    let manifest = ArchiveManifest {
        config: format!("{}.json", config.digest),
        repo_tags: references.to_vec(),
        layers: layers.iter().map(|digest| layer_file(digest)).collect(),
    };
    serde_json::to_vec(&[manifest]).map_err(|e| unwritten(&e))
}

/// What a layer is called in an archive.
pub fn layer_file(digest: &str) -> String {
    format!("{digest}.tar")
}

/// The manifest of an image whose layers are compressed so, or not at all.
///
/// # Errors
/// A bug: a digest that is none, or a manifest that is no JSON.
pub fn oci_manifest(
    config: &Blob,
    layers: &[Blob],
    compression: Option<Compression>,
) -> Result<Vec<u8>> {
    let kind = match compression {
        None => oci::MediaType::ImageLayer,
        Some(Compression::Gzip) => oci::MediaType::ImageLayerGzip,
        Some(Compression::Zstd) => oci::MediaType::ImageLayerZstd,
    };
    let layers = layers.iter().map(|layer| descriptor(kind.clone(), layer));
    let manifest = oci::ImageManifestBuilder::default()
        .schema_version(oci::SCHEMA_VERSION)
        .media_type(oci::MediaType::ImageManifest)
        .config(descriptor(oci::MediaType::ImageConfig, config)?)
        .layers(layers.collect::<Result<Vec<_>>>()?)
        .build()
        .map_err(|e| unwritten(&e))?;
    in_order(&manifest)
}

/// `index.json` of an OCI layout with one image, under its tag.
///
/// # Errors
/// A bug: a digest that is none, or an index that is no JSON.
pub fn oci_index(manifest: &Blob, config: &ImageConfig, reference: &str) -> Result<Vec<u8>> {
    let parsed = reference.parse::<Reference>().ok();
    let tag = parsed.as_ref().and_then(Reference::tag).unwrap_or("latest");
    let names = [
        ("io.containerd.image.name".to_owned(), reference.to_owned()),
        (oci::ANNOTATION_REF_NAME.to_owned(), tag.to_owned()),
    ];
    let (architecture, os) = (config.architecture.clone(), config.os.clone());
    let (manifest, notes) = (manifest.clone(), names.into());
    oci_index_of([Indexed { manifest, architecture, os, notes }])
}

/// An entry of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indexed {
    /// The image's manifest.
    pub manifest: Blob,
    /// What it runs on, as engines call it.
    pub architecture: String,
    /// The same.
    pub os: String,
    /// Annotations.
    pub notes: BTreeMap<String, String>,
}

/// `index.json` of an OCI layout with any images.
///
/// # Errors
/// A bug: a digest that is none, or an index that is no JSON.
pub fn oci_index_of(entries: impl IntoIterator<Item = Indexed>) -> Result<Vec<u8>> {
    let described = |entry: Indexed| {
        let platform = oci::PlatformBuilder::default()
            .architecture(entry.architecture.as_str())
            .os(entry.os.as_str())
            .build()
            .map_err(|e| unwritten(&e))?;
        let mut described = descriptor(oci::MediaType::ImageManifest, &entry.manifest)?;
        described.set_platform(Some(platform));
        described.set_annotations(Some(entry.notes.into_iter().collect()));
        Ok(described)
    };
    let index = oci::ImageIndexBuilder::default()
        .schema_version(oci::SCHEMA_VERSION)
        .media_type(oci::MediaType::ImageIndex)
        .manifests(entries.into_iter().map(described).collect::<Result<Vec<_>>>()?)
        .build()
        .map_err(|e| unwritten(&e))?;
    in_order(&index)
}

/// JSON with sorted names: `oci-spec` keeps annotations in no order.
fn in_order(value: &impl Serialize) -> Result<Vec<u8>> {
    let sorted = serde_json::to_value(value).and_then(|value| serde_json::to_vec(&value));
    sorted.map_err(|e| unwritten(&e))
}

/// `oci-layout`, which says what the folder is.
pub const OCI_LAYOUT: &str = "{\"imageLayoutVersion\":\"1.0.0\"}";

fn descriptor(kind: oci::MediaType, blob: &Blob) -> Result<oci::Descriptor> {
    let digest = format!("sha256:{}", blob.digest).parse::<oci::Digest>();
    Ok(oci::Descriptor::new(kind, blob.size, digest.map_err(|e| unwritten(&e))?))
}

fn unwritten(cause: &dyn std::fmt::Display) -> Error {
    Error::bug(format!("cannot write an image's manifest: {cause}"))
}
