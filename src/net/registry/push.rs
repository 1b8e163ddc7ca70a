//! An image to a registry: its layers, its configuration, and at last its manifest under a tag.
//!
//! What the registry has is not sent: it is asked for each blob first, and takes a layer from another of its
//! repositories where this client has sent it there. The configuration goes as it is: its digest is the image's
//! ID. Does not know where images come from.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Method, StatusCode, Url};
use tokio::sync::Semaphore;

use super::Registry;
use super::auth::Scope;
use super::blobs::digest_of;
use super::fault::Fault;
use super::manifest::OCI_MANIFEST;
use super::pull::{DIGEST, blocking, text_of};
use super::settings::{Endpoint, Settings};
use super::talk::{Ask, Body, resolved};
use crate::base::error::{Error, Result};
use crate::base::parallel::cores;
use crate::base::reference::Reference;
use crate::image::archive::compressed::{Compressed, Compression, LocalLayer};
use crate::image::bundle::{Blob, oci_manifest};

/// So many layers of an image at the same time.
const AT_ONCE: usize = 3;

/// An image that is to be sent.
#[derive(Debug, Clone)]
pub struct Image {
    /// The configuration, as it is written.
    pub config: Vec<u8>,
    /// Lowest first.
    pub layers: Vec<LocalLayer>,
    /// How they are compressed on their way.
    pub compression: Compression,
}

/// What has become of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pushed {
    /// The digest of its manifest: `sha256:…`.
    pub digest: String,
    /// Layers that were sent.
    pub sent: usize,
    /// Layers that the registry had.
    pub there: usize,
    /// Whether the configuration was sent.
    pub config_sent: bool,
}

/// In which repository of which registry a blob is, by host and digest.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<HashMap<(String, String), String>>);

/// Compressing takes a core, and by Zstandard a hundred megabytes, whichever image a layer is of.
#[derive(Debug)]
pub(super) struct Compressing(Semaphore);

impl Default for Compressing {
    fn default() -> Self {
        Self(Semaphore::new(cores()))
    }
}

/// A blob on its way out.
pub(super) struct Outgoing {
    pub digest: String,
    pub body: Body,
}

impl Registry {
    /// Sends an image to the registry that a reference names, under its tag. `spool` is a folder for compressed
    /// layers on their way, and for notes about what each is compressed to.
    ///
    /// # Errors
    /// The registry does not take it, or a layer is not what its digest says (exit 5).
    pub async fn push(&self, image: &Image, to: &Reference, spool: &Path) -> Result<Pushed> {
        let task = format!("cannot push `{to}`");
        let Some(tag) = to.tag() else {
            return Err(Error::usage(format!("{task}: a digest is no name to send it to"))
                .hint("name a tag"));
        };
        let sent = self.send(image, to, tag, spool).await;
        sent.map_err(|fault| fault.error(&task))
    }

    async fn send(
        &self,
        image: &Image,
        to: &Reference,
        tag: &str,
        spool: &Path,
    ) -> Result<Pushed, Fault> {
        let at = self.located(&Settings::origin(to)?).await?;
        let layers =
            image.layers.iter().map(|layer| self.layer(&at, layer, image.compression, spool));
        let layers = layers.collect::<Vec<_>>();
        let sent = stream::iter(layers).buffered(AT_ONCE).try_collect::<Vec<_>>().await?;
        let config = Outgoing {
            digest: digest_of(&image.config),
            body: Body::Text(image.config.clone().into()),
        };
        let config_sent = self.blob_unless_there(&at, &config).await?;
        let (layers, sent): (Vec<_>, Vec<_>) = sent.into_iter().unzip();
        let text = oci_manifest(&Blob::of(&image.config), &layers, Some(image.compression))?;
        let digest = digest_of(&text);
        self.put_manifest(&at, tag, &digest, text).await?;
        let there = sent.iter().filter(|sent| !**sent).count();
        Ok(Pushed { digest, sent: sent.len() - there, there, config_sent })
    }

    /// Sends a layer, compressed; says what it is compressed, and whether it was sent. What it is compressed to
    /// is known from the last time: then it is compressed only if the registry does not have it.
    async fn layer(
        &self,
        at: &Endpoint,
        layer: &LocalLayer,
        how: Compression,
        spool: &Path,
    ) -> Result<(Blob, bool), Fault> {
        if let Some(noted) = layer.noted(how, spool)
            && self.has(at, &format!("sha256:{}", noted.digest)).await?
        {
            return Ok((noted, false));
        }
        let (of, folder) = (layer.clone(), spool.to_owned());
        let turn = self.compressing.0.acquire().await;
        let Compressed { blob, file } =
            blocking(move || of.compressed_and_noted(how, &folder)).await?;
        drop(turn);
        let digest = format!("sha256:{}", blob.digest);
        let body = Body::File { path: file.path().to_owned(), offset: 0, size: blob.size };
        let sent = self.blob_unless_there(at, &Outgoing { digest, body }).await?;
        Ok((blob, sent))
    }

    /// Whether a repository has a blob.
    pub(super) async fn has(&self, at: &Endpoint, digest: &str) -> Result<bool, Fault> {
        let scope = Scope::push(at);
        let ask = Ask::new(Method::HEAD, at.address(&format!("blobs/{digest}"))?, &scope);
        match self.ask(at, &ask).await {
            Ok(_) => {
                self.note(at, digest);
                Ok(true)
            }
            Err(Fault::Missing { .. }) => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    /// Notes that a repository has a blob.
    fn note(&self, at: &Endpoint, digest: &str) {
        let mut seen = self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert((at.host(), digest.to_owned()), at.repository.clone());
    }

    /// Sends a blob if the registry does not have it; says whether it was sent.
    pub(super) async fn blob_unless_there(
        &self,
        at: &Endpoint,
        blob: &Outgoing,
    ) -> Result<bool, Fault> {
        if self.has(at, &blob.digest).await? {
            return Ok(false);
        }
        let mut pauses = self.settings.pauses.iter();
        // An upload that broke is begun anew: what the registry has of it is forgotten there.
        let sent = loop {
            match self.upload(at, blob).await {
                Ok(sent) => break sent,
                Err(fault) => match pauses.next().filter(|_| fault.may_pass()) {
                    Some(pause) => tokio::time::sleep(*pause).await,
                    None => return Err(fault),
                },
            }
        };
        self.note(at, &blob.digest);
        Ok(sent)
    }

    /// One attempt to send a blob; not needed where the registry takes it from another repository.
    async fn upload(&self, at: &Endpoint, blob: &Outgoing) -> Result<bool, Fault> {
        let Some(place) = self.begin_upload(at, &blob.digest).await? else { return Ok(false) };
        let mut place = place;
        place.query_pairs_mut().append_pair("digest", &blob.digest);
        let scope = Scope::push(at);
        let mut ask = Ask::new(Method::PUT, place, &scope)
            .header(CONTENT_TYPE, "application/octet-stream".to_owned());
        ask.body = blob.body.clone();
        ask.once = true;
        self.ask(at, &ask).await?;
        Ok(true)
    }

    /// Where a blob is to be sent; nothing, if the registry has taken it from another repository.
    async fn begin_upload(&self, at: &Endpoint, digest: &str) -> Result<Option<Url>, Fault> {
        let key = (at.host(), digest.to_owned());
        let takes_from = {
            let seen = self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
            seen.get(&key).filter(|repository| **repository != at.repository).cloned()
        };
        let mut url = at.address("blobs/uploads/")?;
        if let Some(from) = &takes_from {
            url.query_pairs_mut().append_pair("mount", digest).append_pair("from", from);
        }
        let scope = Scope { takes_from, ..Scope::push(at) };
        let response = self.ask(at, &Ask::new(Method::POST, url, &scope)).await?;
        if response.status() == StatusCode::CREATED {
            return Ok(None);
        }
        let location = text_of(response.headers(), LOCATION);
        let why = "it does not say where to send a blob".to_owned();
        let location = location.ok_or(Fault::Malformed { host: at.host(), why })?;
        resolved(at, response.url(), &location).map(Some)
    }

    pub(super) async fn put_manifest(
        &self,
        at: &Endpoint,
        tag: &str,
        digest: &str,
        text: Vec<u8>,
    ) -> Result<(), Fault> {
        let scope = Scope::push(at);
        let mut ask = Ask::new(Method::PUT, at.address(&format!("manifests/{tag}"))?, &scope)
            .header(CONTENT_TYPE, OCI_MANIFEST.to_owned());
        ask.body = Body::Text(Bytes::from(text));
        let response = self.ask(at, &ask).await?;
        match text_of(response.headers(), DIGEST) {
            Some(other) if other != digest => {
                Err(Fault::Mismatch { host: at.host(), digest: digest.to_owned() })
            }
            _ => Ok(()),
        }
    }
}
