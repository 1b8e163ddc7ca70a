//! Artifacts: a text and files under a tag, which are no image.
//!
//! The text is the artifact's configuration, as registries of before artifacts want it. Does not know what is in it.
//! Source: <https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md#guidelines-for-artifact-usage>.

use std::path::PathBuf;

use oci_spec::image as oci;
use serde::Deserialize;
use serde_json::json;

use super::Registry;
use super::blobs::{Blobs, digest_of};
use super::fault::Fault;
use super::manifest::OCI_MANIFEST;
use super::push::Outgoing;
use super::settings::{Endpoint, Settings};
use super::talk::Body;
use crate::base::error::{Error, Result};
use crate::base::reference::Reference;

/// What an artifact is, and its text.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// The form of the whole.
    pub kind: &'static str,
    /// The form of its text.
    pub text_kind: &'static str,
    /// Its text.
    pub text: Vec<u8>,
    /// Its files.
    pub files: Vec<ArtifactFile>,
}

/// A file of an artifact.
#[derive(Debug, Clone)]
pub struct ArtifactFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it is called.
    pub name: String,
    /// `sha256:…`.
    pub digest: String,
    /// Bytes.
    pub size: u64,
}

#[derive(Deserialize)]
struct Manifest {
    config: oci::Descriptor,
}

impl Registry {
    /// The text of the artifact that a tag names, of at most `max` bytes; nothing, if there is no such tag.
    ///
    /// # Errors
    /// The registry does not answer, or what it has is no such artifact, or not what its digest says (exit 5).
    pub async fn artifact_text(
        &self,
        of: &Reference,
        text_kind: &str,
        max: u64,
    ) -> Result<Option<Vec<u8>>> {
        match self.text_at(of, text_kind, max).await {
            Ok(text) => Ok(Some(text)),
            Err(Fault::Missing { .. }) => Ok(None),
            Err(fault) => Err(fault.error(&format!("cannot find `{of}`"))),
        }
    }

    async fn text_at(&self, of: &Reference, text_kind: &str, max: u64) -> Result<Vec<u8>, Fault> {
        let at = self.located(&Settings::origin(of)?).await?;
        let sent = self.manifest(&at, of.tag().unwrap_or_default()).await?;
        let malformed = |why: String| Fault::Malformed { host: at.host(), why };
        let Manifest { config } =
            serde_json::from_slice(&sent.text).map_err(|e| malformed(e.to_string()))?;
        if config.media_type().to_string() != text_kind {
            return Err(Fault::Form(config.media_type().to_string()));
        }
        if config.size() > max {
            return Err(malformed(format!(
                "a text of {} bytes, where {max} are enough",
                config.size()
            )));
        }
        self.small_blob(&at, config.digest().as_ref(), max).await
    }

    async fn small_blob(&self, at: &Endpoint, digest: &str, max: u64) -> Result<Vec<u8>, Fault> {
        let response = self.rest(at, digest, 0).await?;
        let text = self.text(at, response, "its text").await?;
        if text.len() as u64 > max || digest_of(&text) != digest {
            return Err(Fault::Mismatch { host: at.host(), digest: digest.to_owned() });
        }
        Ok(text)
    }

    /// Brings a file of an artifact among the blobs, verified.
    ///
    /// # Errors
    /// It is not to be had, or not what its digest says (exit 5).
    pub async fn artifact_file(
        &self,
        of: &Reference,
        digest: &str,
        size: u64,
        blobs: &Blobs,
    ) -> Result<()> {
        let brought = async {
            let at = self.located(&Settings::origin(of)?).await?;
            self.blob(&at, digest, size, blobs).await
        };
        let brought: Result<bool, Fault> = brought.await;
        brought.map(drop).map_err(|fault| fault.error(&format!("cannot pull `{digest}` of `{of}`")))
    }

    /// Whether a repository has a file.
    ///
    /// # Errors
    /// The registry does not answer.
    pub async fn has_file(&self, of: &Reference, digest: &str) -> Result<bool> {
        let there = async {
            let at = self.located(&Settings::origin(of)?).await?;
            self.has(&at, digest).await
        };
        let there: Result<bool, Fault> = there.await;
        there.map_err(|fault| fault.error(&format!("cannot find `{digest}` of `{of}`")))
    }

    /// Sends an artifact: its files, its text, and at last what makes it seen under its tag.
    ///
    /// # Errors
    /// The registry does not take it.
    pub async fn push_artifact(&self, artifact: &Artifact, to: &Reference) -> Result<()> {
        self.send_artifact(artifact, to)
            .await
            .map_err(|fault| fault.error(&format!("cannot push `{to}`")))
    }

    async fn send_artifact(&self, artifact: &Artifact, to: &Reference) -> Result<(), Fault> {
        let at = self.located(&Settings::origin(to)?).await?;
        for file in &artifact.files {
            let body = Body::File { path: file.path.clone(), offset: 0, size: file.size };
            self.blob_unless_there(&at, &Outgoing { digest: file.digest.clone(), body }).await?;
        }
        let digest = digest_of(&artifact.text);
        let body = Body::Text(artifact.text.clone().into());
        self.blob_unless_there(&at, &Outgoing { digest: digest.clone(), body }).await?;
        let text =
            manifest(artifact, &digest).map_err(|e| Error::bug(format!("a manifest: {e}")))?;
        self.put_manifest(&at, to.tag().unwrap_or_default(), &digest_of(&text), text).await
    }
}

fn manifest(artifact: &Artifact, digest: &str) -> serde_json::Result<Vec<u8>> {
    let layer = |file: &ArtifactFile| {
        json!({
            "mediaType": "application/octet-stream",
            "digest": file.digest,
            "size": file.size,
            "annotations": { "org.opencontainers.image.title": file.name },
        })
    };
    serde_json::to_vec(&json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": artifact.kind,
        "config": { "mediaType": artifact.text_kind, "digest": digest, "size": artifact.text.len() },
        "layers": artifact.files.iter().map(layer).collect::<Vec<_>>(),
    }))
}
