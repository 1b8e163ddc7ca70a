//! Images from a registry: which one a name means, and its blobs into a folder.
//!
//! Everything is verified by its digest while it is written. Where a mirror fails, whatever it has sent and is
//! verified stays, and the next place is asked for the rest.

use std::io::{self, Read, Seek, SeekFrom, Write};

use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AsHeaderName, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap,
    RANGE,
};
use reqwest::{Method, Response, StatusCode};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::Registry;
use super::auth::Scope;
use super::blobs::{Blobs, Part, digest_of, digest_text};
use super::fault::Fault;
use super::layer::Layer;
use super::manifest::{self, Document, Manifest};
use super::settings::Endpoint;
use super::talk::Ask;
use crate::base::error::{Error, Result};
use crate::base::limits::Limit;
use crate::base::reference::Reference;

/// What a registry calls a digest in an answer's head.
pub(super) const DIGEST: &str = "docker-content-digest";
/// What is read of half a blob at once, to go on with it.
const CHUNK: usize = 256 * 1024;

/// What a name means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The digest of the image's manifest: `sha256:…`.
    pub digest: String,
    /// In which form it is.
    pub media_type: String,
    /// Its bytes.
    pub size: u64,
    /// The digest of the index in which it was chosen, if it was in one.
    pub index: Option<String>,
}

/// Which image a name means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// The digest of its manifest: `sha256:…`.
    pub manifest: String,
    /// The digest of its configuration: the image's ID.
    pub id: String,
}

/// Why it is not known which image a name means.
#[derive(Debug, Clone)]
pub struct Unknown {
    /// What the registry itself answered, if anything.
    pub fault: Fault,
    /// The same for people, and what was wrong with its mirrors.
    pub error: Error,
}

/// An image whose blobs are there.
#[derive(Debug, Clone)]
pub struct Pulled {
    /// The digest of its manifest.
    pub manifest: String,
    /// The digest of its configuration: the image's ID.
    pub config: String,
    /// Lowest first.
    pub layers: Vec<Layer>,
    /// How many blobs came; the others were there.
    pub fetched: usize,
}

/// A manifest as it was sent.
pub(super) struct Sent {
    digest: String,
    media_type: String,
    pub text: Vec<u8>,
}

/// What is read of a configuration.
#[derive(Deserialize)]
struct Config {
    rootfs: Rootfs,
}

#[derive(Deserialize)]
struct Rootfs {
    diff_ids: Vec<String>,
}

impl Registry {
    /// Which manifest a name means; of an index, the one for this machine.
    ///
    /// # Errors
    /// It is not to be had, or not for this machine: the registry's answer, and those of its mirrors.
    pub async fn resolve(&self, reference: &Reference) -> Result<Resolved> {
        let task = format!("cannot find `{reference}`");
        let mut passed = vec![];
        for place in self.places(reference, &task)? {
            match self.resolve_at(&place, reference).await {
                Ok(resolved) => return Ok(resolved),
                Err(fault) => passed.push((place, fault)),
            }
        }
        Err(failure(&task, passed))
    }

    /// Which image a name means; of an index, the one for this machine. Keeps nothing.
    ///
    /// # Errors
    /// As [`Self::resolve`], with the reason as data.
    pub async fn identify(&self, reference: &Reference) -> Result<Identified, Unknown> {
        let task = format!("cannot find `{reference}`");
        let unknown = |fault: Fault| Unknown { error: fault.error(&task), fault };
        let mut passed = vec![];
        for place in self.settings.places(reference).map_err(unknown)? {
            match self.identify_at(&place, reference).await {
                Ok(identified) => return Ok(identified),
                Err(fault) => passed.push((place, fault)),
            }
        }
        let fault = passed.last().map(|(_, fault)| fault.clone());
        let fault = fault.unwrap_or_else(|| Error::bug("no place to ask").into());
        Err(Unknown { fault, error: failure(&task, passed) })
    }

    async fn identify_at(&self, at: &Endpoint, reference: &Reference) -> Result<Identified, Fault> {
        let at = &self.located(at).await?;
        let mut version = version(reference).to_owned();
        // An index in an index is none that anybody writes.
        for _ in 0..2 {
            let sent = self.manifest(at, &version).await?;
            match self.read(at, &sent)? {
                Document::Image(manifest) => {
                    let id = manifest.config.digest().to_string();
                    return Ok(Identified { manifest: sent.digest, id });
                }
                Document::Index(entries) => {
                    let chosen = manifest::choose(&entries, &self.settings.architecture)?;
                    version = chosen.digest().to_string();
                }
            }
        }
        let why = "an index in an index".to_owned();
        Err(Fault::Malformed { host: at.host(), why })
    }

    /// Brings an image's manifest, configuration and layers into a folder, by the digest that the reference
    /// names or its tag leads to. What is there is not asked for.
    ///
    /// # Errors
    /// As [`Self::resolve`], or something sent is not what its digest says (exit 5).
    pub async fn pull(&self, reference: &Reference, blobs: &Blobs) -> Result<Pulled> {
        let task = format!("cannot pull `{reference}`");
        let mut passed = vec![];
        for place in self.places(reference, &task)? {
            match self.pull_from(&place, reference, blobs).await {
                Ok(pulled) => return Ok(pulled),
                Err(fault) => passed.push((place, fault)),
            }
        }
        let gone = passed.last().is_some_and(|(_, fault)| fault.is_missing());
        let error = failure(&task, passed);
        Err(match reference.digest() {
            Some(_) if gone => {
                error.hint("it was there once: `bb update` looks up what its name means now")
            }
            _ => error,
        })
    }

    fn places(&self, reference: &Reference, task: &str) -> Result<Vec<Endpoint>> {
        self.settings.places(reference).map_err(|fault| fault.error(task))
    }

    async fn resolve_at(&self, at: &Endpoint, reference: &Reference) -> Result<Resolved, Fault> {
        let at = &self.located(at).await?;
        let version = version(reference);
        let head = self.manifest_head(at, version).await?;
        if let Some(resolved) = head.filter(|head| !manifest::is_index(&head.media_type)) {
            return Ok(resolved);
        }
        let sent = self.manifest(at, version).await?;
        let size = sent.text.len() as u64;
        match self.read(at, &sent)? {
            Document::Image(_) => {
                let Sent { digest, media_type, .. } = sent;
                Ok(Resolved { digest, media_type, size, index: None })
            }
            Document::Index(entries) => {
                let chosen = manifest::choose(&entries, &self.settings.architecture)?;
                Ok(Resolved {
                    digest: chosen.digest().to_string(),
                    media_type: chosen.media_type().to_string(),
                    size: chosen.size(),
                    index: Some(sent.digest),
                })
            }
        }
    }

    /// What the head of a manifest says, if it says everything. Not every registry answers such a request.
    async fn manifest_head(&self, at: &Endpoint, version: &str) -> Result<Option<Resolved>, Fault> {
        let scope = Scope::pull(at);
        let ask = Ask::new(Method::HEAD, at.address(&format!("manifests/{version}"))?, &scope);
        let response = match self.ask(at, &ask.header(ACCEPT, manifest::accepted())).await {
            Ok(response) => response,
            Err(Fault::Answered { .. }) => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let headers = response.headers();
        let size = text_of(headers, CONTENT_LENGTH).and_then(|size| size.parse().ok());
        let (Some(digest), Some(size)) = (text_of(headers, DIGEST), size) else {
            return Ok(None);
        };
        let media_type = media_type(headers);
        if media_type.is_empty() {
            return Ok(None);
        }
        manifest::check_form(&media_type)?;
        if version.contains(':') && digest != version {
            return Err(Fault::Mismatch { host: at.host(), digest: version.to_owned() });
        }
        Ok(Some(Resolved { digest, media_type, size, index: None }))
    }

    /// A manifest; one that is asked for by its digest is verified.
    pub(super) async fn manifest(&self, at: &Endpoint, version: &str) -> Result<Sent, Fault> {
        let scope = Scope::pull(at);
        let ask = Ask::new(Method::GET, at.address(&format!("manifests/{version}"))?, &scope);
        let ask = ask.header(ACCEPT, manifest::accepted());
        let response = self.ask(at, &ask.header(ACCEPT_ENCODING, "identity".to_owned())).await?;
        let media_type = media_type(response.headers());
        let text = self.text(at, response, "its manifest").await?;
        let digest = digest_of(&text);
        if version.contains(':') && digest != version {
            return Err(Fault::Mismatch { host: at.host(), digest: version.to_owned() });
        }
        Ok(Sent { digest, media_type, text })
    }

    fn read(&self, at: &Endpoint, sent: &Sent) -> Result<Document, Fault> {
        manifest::read(&at.host(), &sent.media_type, &sent.text, &self.settings.limits)
    }

    async fn pull_from(
        &self,
        at: &Endpoint,
        reference: &Reference,
        blobs: &Blobs,
    ) -> Result<Pulled, Fault> {
        let at = &self.located(at).await?;
        let mut fetched = 0;
        let (digest, manifest) = self.image(at, version(reference), blobs, &mut fetched).await?;
        let Manifest { config, layers } = *manifest;
        let id = config.digest().to_string();
        fetched += usize::from(self.blob(at, &id, config.size(), blobs).await?);
        let diff_ids = Self::diff_ids(at, &id, blobs)?;
        if diff_ids.len() != layers.len() {
            let why = "its configuration has another number of layers".to_owned();
            return Err(Fault::Malformed { host: at.host(), why });
        }
        let mut pulled = Pulled { manifest: digest, config: id, layers: vec![], fetched };
        for (layer, diff_id) in layers.iter().zip(diff_ids) {
            let digest = layer.digest().to_string();
            pulled.fetched += usize::from(self.blob(at, &digest, layer.size(), blobs).await?);
            pulled.layers.push(Layer { digest, diff_id, size: layer.size() });
        }
        Ok(pulled)
    }

    /// The manifest that a version means, here or from the registry; of an index, the one for this machine.
    async fn image(
        &self,
        at: &Endpoint,
        version: &str,
        blobs: &Blobs,
        fetched: &mut usize,
    ) -> Result<(String, Box<Manifest>), Fault> {
        let mut version = version.to_owned();
        // An index in an index is none that anybody writes.
        for _ in 0..2 {
            let there = version.contains(':') && blobs.has(&version)?;
            let sent = if there {
                let path = blobs.path(&version)?;
                let text = crate::base::read::state(&path, Limit::ConfigSize)?;
                // Which form it is, it says itself, or what it consists of.
                Sent { digest: version, media_type: manifest::OCI_MANIFEST.to_owned(), text }
            } else {
                self.manifest(at, &version).await?
            };
            match self.read(at, &sent)? {
                Document::Image(manifest) => {
                    if !there {
                        blobs.put(&sent.digest, &sent.text)?;
                        *fetched += 1;
                    }
                    return Ok((sent.digest, manifest));
                }
                Document::Index(entries) => {
                    let chosen = manifest::choose(&entries, &self.settings.architecture)?;
                    version = chosen.digest().to_string();
                }
            }
        }
        let why = "an index in an index".to_owned();
        Err(Fault::Malformed { host: at.host(), why })
    }

    /// The digests of the unpacked layers.
    fn diff_ids(at: &Endpoint, config: &str, blobs: &Blobs) -> Result<Vec<String>, Fault> {
        let text = crate::base::read::state(&blobs.path(config)?, Limit::ConfigSize)?;
        let config = serde_json::from_slice::<Config>(&text);
        let malformed = |e: serde_json::Error| {
            let why = format!("its configuration: {e}");
            Fault::Malformed { host: at.host(), why }
        };
        Ok(config.map_err(malformed)?.rootfs.diff_ids)
    }

    /// Brings a blob, if it is not there; says whether it came. One that breaks off is gone on with.
    pub(super) async fn blob(
        &self,
        at: &Endpoint,
        digest: &str,
        size: u64,
        blobs: &Blobs,
    ) -> Result<bool, Fault> {
        if blobs.has(digest)? {
            return Ok(false);
        }
        let (folder, wanted) = (blobs.clone(), digest.to_owned());
        let Some(mut part) = blocking(move || folder.begin(&wanted)).await? else {
            return Ok(false);
        };
        let mut pauses = self.settings.pauses.iter();
        loop {
            match self.fill(at, digest, size, &mut part).await {
                Ok(()) => break,
                Err(fault @ Fault::Mismatch { .. }) => {
                    part.remove()?;
                    return Err(fault);
                }
                Err(fault) => match pauses.next().filter(|_| fault.may_pass()) {
                    Some(pause) => tokio::time::sleep(*pause).await,
                    None => return Err(fault),
                },
            }
        }
        part.finish()?;
        Ok(true)
    }

    /// Writes the rest of a blob, and looks whether all of it is what its digest says.
    async fn fill(
        &self,
        at: &Endpoint,
        digest: &str,
        size: u64,
        part: &mut Part,
    ) -> Result<(), Fault> {
        let mismatch = || Fault::Mismatch { host: at.host(), digest: digest.to_owned() };
        let failed = |part: &Part, e: io::Error| Error::file("write", &part.path, &e);
        let (mut state, mut got) = begun(part, size).map_err(|e| failed(part, e))?;
        if got < size {
            let mut response = self.rest(at, digest, got).await?;
            if !continues(&response, got) {
                part.file.set_len(0).map_err(|e| failed(part, e))?;
                (state, got) = begun(part, size).map_err(|e| failed(part, e))?;
            }
            loop {
                let chunk = match self.chunk(at, &mut response).await {
                    Ok(Some(chunk)) => chunk,
                    Ok(None) => break,
                    Err(Fault::Broken { host, .. }) => {
                        return Err(Fault::Half { host, digest: digest.to_owned(), got, size });
                    }
                    Err(fault) => return Err(fault),
                };
                got += chunk.len() as u64;
                if got > size {
                    return Err(mismatch());
                }
                state.update(&chunk);
                part.file.write_all(&chunk).map_err(|e| failed(part, e))?;
            }
        }
        if got < size {
            return Err(Fault::Half { host: at.host(), digest: digest.to_owned(), got, size });
        }
        if digest_text(state) == digest { Ok(()) } else { Err(mismatch()) }
    }

    /// Asks for a blob from a byte on.
    pub(super) async fn rest(
        &self,
        at: &Endpoint,
        digest: &str,
        from: u64,
    ) -> Result<Response, Fault> {
        let scope = Scope::pull(at);
        let ask = Ask::new(Method::GET, at.address(&format!("blobs/{digest}"))?, &scope);
        let ask = ask.header(ACCEPT_ENCODING, "identity".to_owned());
        let ask = if from > 0 { ask.header(RANGE, format!("bytes={from}-")) } else { ask };
        self.ask(at, &ask).await
    }
}

/// What is there of a blob already, and where the next byte belongs.
fn begun(part: &mut Part, size: u64) -> io::Result<(Sha256, u64)> {
    if part.file.metadata()?.len() > size {
        part.file.set_len(0)?;
    }
    part.file.seek(SeekFrom::Start(0))?;
    let mut state = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut got = 0;
    loop {
        let n = part.file.read(&mut chunk)?;
        if n == 0 {
            return Ok((state, got));
        }
        state.update(&chunk[..n]);
        got += n as u64;
    }
}

/// Whether an answer goes on where the part ends; else it is the whole blob.
fn continues(response: &Response, from: u64) -> bool {
    let range = text_of(response.headers(), CONTENT_RANGE);
    let starts = range
        .and_then(|range| range.strip_prefix("bytes ")?.split_once('-')?.0.parse::<u64>().ok());
    from > 0 && response.status() == StatusCode::PARTIAL_CONTENT && starts == Some(from)
}

fn version(reference: &Reference) -> &str {
    reference.digest().or(reference.tag()).unwrap_or_default()
}

pub(super) fn text_of(headers: &HeaderMap, name: impl AsHeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Without its parameters.
fn media_type(headers: &HeaderMap) -> String {
    let text = text_of(headers, CONTENT_TYPE).unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().to_owned()
}

/// Does on a thread of its own what may take its time.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    let ended = |e| Error::bug(format!("a thread ended: {e}"));
    Ok(done.map_err(ended)??)
}

/// The registry's own answer, and what was wrong with its mirrors.
fn failure(task: &str, mut passed: Vec<(Endpoint, Fault)>) -> Error {
    let Some((_, last)) = passed.pop() else { return Error::bug("no place to ask") };
    passed.iter().fold(last.error(task), |error, (place, fault)| {
        error.detail(format!("  the mirror `{}`: {}", place.host(), fault.why()))
    })
}
