//! Files from mirrors: over HTTP or out of a local folder.
//!
//! Limits the size of everything, resumes what broke, tries the mirrors in order. `--offline` is enforced here, so
//! no caller can forget it. Knows digests only as something to compare; whether a file is signed is not asked here.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, IF_RANGE, LAST_MODIFIED, LOCATION,
    RANGE,
};
use reqwest::{Response, StatusCode, Url, redirect};
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, timeout_at};

use self::fault::{Fault, Faults, failure};
use self::job::Job;
use self::pace::Pace;
use self::part::Origin;
use self::reach::Guard;
use crate::base::error::{Error, Result, io_reason};
use crate::net::names::Names;
use crate::net::{client, unnamed};

mod fault;
pub use fault::InVain;
mod glance;
pub use glance::Answer;
mod job;
mod mirror;
mod pace;
mod part;
mod reach;
#[cfg(test)]
mod tests;

pub use job::{Downloaded, Expect};
pub use mirror::Mirror;
pub use pace::Least;

const REDIRECTS: usize = 10;
/// Bytes read from a local folder at once.
const CHUNK: usize = 256 * 1024;

/// How long to wait for a mirror.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Until a connection stands.
    pub connect: Duration,
    /// Until the next byte comes.
    pub stall: Duration,
    /// What has to come meanwhile.
    pub least: Least,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            stall: Duration::from_secs(60),
            least: Least::default(),
        }
    }
}

/// Called with the bytes that are there and, if known, all bytes.
pub type Progress<'a> = &'a (dyn Fn(u64, Option<u64>) + Sync);

/// Fetches files. Proxies are taken from the usual environment variables.
#[derive(Debug)]
pub struct Client {
    offline: bool,
    patience: Patience,
    names: Names,
    http: OnceLock<reqwest::Client>,
    /// Asks public addresses only.
    public: OnceLock<(reqwest::Client, Guard)>,
}

impl Client {
    /// A client; an `offline` one uses local folders only.
    pub fn new(offline: bool) -> Self {
        Self::with_patience(offline, Patience::default())
    }

    /// A client that is content with so many bytes a second.
    pub fn with_least_rate(offline: bool, rate: u64) -> Self {
        let least = Least { rate, ..Least::default() };
        Self::with_patience(offline, Patience { least, ..Patience::default() })
    }

    /// The same with other time limits.
    pub fn with_patience(offline: bool, patience: Patience) -> Self {
        let names = Names::default();
        Self { offline, patience, names, http: OnceLock::new(), public: OnceLock::new() }
    }

    /// Fetches `path` (relative, under each mirror) to `dest`.
    ///
    /// The bytes go to `dest.part` first and stay there if the transfer breaks; `dest` appears only
    /// when everything is there, as expected and on the disk.
    ///
    /// # Errors
    /// One line for each mirror. Exit 5 if a mirror gave something else than expected, exit 1 if
    /// none gave anything.
    pub async fn download(
        &self,
        mirrors: &[Mirror],
        path: &str,
        dest: &Path,
        expect: &Expect,
        progress: Progress<'_>,
    ) -> Result<Downloaded> {
        let asked = self.ask_in_turn(mirrors, path, dest, expect, progress).await?;
        asked.map_err(|faults| failure(path, &faults))
    }

    /// The same, for who says himself what it means that all were asked in vain.
    ///
    /// # Errors
    /// A failure of this machine.
    pub async fn try_download(
        &self,
        mirrors: &[Mirror],
        path: &str,
        dest: &Path,
        expect: &Expect,
        progress: Progress<'_>,
    ) -> Result<Result<Downloaded, InVain>> {
        let asked = self.ask_in_turn(mirrors, path, dest, expect, progress).await?;
        Ok(asked.map_err(|faults| InVain::of(path, &faults)))
    }

    async fn ask_in_turn<'a>(
        &self,
        mirrors: &'a [Mirror],
        path: &str,
        dest: &Path,
        expect: &Expect,
        progress: Progress<'_>,
    ) -> Result<Result<Downloaded, Faults<'a>>> {
        mirror::check_path(path)?;
        let job = Job::new(self, path, dest, expect, progress);
        let mut faults = Vec::new();
        for mirror in mirrors {
            match job.fetch_from(mirror).await {
                Ok(done) => {
                    let told = |(m, f): &(&Mirror, Fault)| format!("{m}: {}", f.reason());
                    let passed_over = faults.iter().map(told).collect();
                    return Ok(Ok(Downloaded { passed_over, ..done }));
                }
                Err(Fault::Here(error)) => return Err(error),
                Err(fault) => faults.push((mirror, fault)),
            }
        }
        Ok(Err(faults))
    }

    /// Fetches a small file into memory, of at most `max` bytes.
    ///
    /// # Errors
    /// Exit 1 with one line for each mirror.
    pub async fn fetch_small(&self, mirrors: &[Mirror], path: &str, max: u64) -> Result<Vec<u8>> {
        mirror::check_path(path)?;
        let mut faults = Vec::new();
        for mirror in mirrors {
            match self.fetch_into_memory(mirror, path, max).await {
                Ok(bytes) => return Ok(bytes),
                Err(Fault::Here(error)) => return Err(error),
                Err(fault) => faults.push((mirror, fault)),
            }
        }
        Err(failure(path, &faults))
    }

    /// Whether a mirror has a file. Reads nothing of it.
    ///
    /// # Errors
    /// Exit 1: the mirror does not say.
    pub async fn has(&self, mirror: &Mirror, path: &str) -> Result<bool> {
        mirror::check_path(path)?;
        match self.open(mirror, path, None, false).await {
            Ok(_) => Ok(true),
            Err(Fault::Missing) => Ok(false),
            Err(fault) => Err(failure(path, &[(mirror, fault)])),
        }
    }

    /// What a mirror shows of a folder: names of files, in whatever text it wraps them.
    ///
    /// # Errors
    /// Exit 1: the mirror shows nothing.
    pub async fn listing(&self, mirror: &Mirror, folder: &str, max: u64) -> Result<String> {
        mirror::check_path(folder)?;
        let listed = match mirror {
            Mirror::Folder(root) => names(&root.join(folder)).await.map_err(Fault::from),
            Mirror::Web(base) => {
                let address = format!("{}/", mirror::address(base, folder));
                self.read(self.ask(&address).await, max).await
            }
            Mirror::Author(_) => Err(Fault::Other("it has no folders".to_owned())),
        };
        let listed = listed.map_err(|fault| failure(folder, &[(mirror, fault)]))?;
        Ok(String::from_utf8_lossy(&listed).into_owned())
    }

    /// Fetches what is at one address, a file on this machine too, into memory; at most `max` bytes.
    ///
    /// # Errors
    /// Exit 3 if it is no address; exit 1 if there is nothing to have.
    pub async fn fetch_address(&self, address: &str, max: u64) -> Result<Vec<u8>> {
        let place = Mirror::parse(address.split('?').next().unwrap_or_default())?;
        let source = match &place {
            Mirror::Folder(file) => open_file(file).await,
            Mirror::Web(_) | Mirror::Author(_) => self.ask(address).await,
        };
        let bytes = self.read(source, max).await;
        bytes.map_err(|fault| failure(&place.to_string(), &[(&place, fault)]))
    }

    async fn fetch_into_memory(
        &self,
        mirror: &Mirror,
        path: &str,
        max: u64,
    ) -> Result<Vec<u8>, Fault> {
        self.read(self.open(mirror, path, None, false).await, max).await
    }

    async fn read(&self, source: Result<Source, Fault>, max: u64) -> Result<Vec<u8>, Fault> {
        let mut source = source?;
        let mut bytes = Vec::new();
        let mut pace = Pace::new(self.patience.least, Instant::now());
        while let Some(chunk) = source.next(self.patience, &mut pace).await? {
            if bytes.len() as u64 + chunk.len() as u64 > max {
                return Err(Fault::TooLarge(max));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// Opens `path`, from where `half` ends if there is one. `checked`: see [`Origin::if_range`].
    async fn open(
        &self,
        mirror: &Mirror,
        path: &str,
        half: Option<(u64, Origin)>,
        checked: bool,
    ) -> Result<Source, Fault> {
        match mirror {
            Mirror::Folder(folder) => open_file(&folder.join(path)).await,
            Mirror::Web(_) | Mirror::Author(_) if self.offline => Err(Fault::Offline),
            Mirror::Web(_) | Mirror::Author(_) => {
                let address = mirror.address(path);
                let public = Mirror::Web(address.clone()).to_string();
                let request = self.client_of(mirror, &address).await?.get(address);
                let request = request.header(ACCEPT_ENCODING, "identity");
                let asked = half.and_then(|(len, origin)| {
                    let value = origin.if_range(&public, checked)?.to_owned();
                    Some((len, origin, value))
                });
                let request = match &asked {
                    Some((len, _, value)) => {
                        request.header(RANGE, format!("bytes={len}-")).header(IF_RANGE, value)
                    }
                    None => request,
                };
                let response = request.send().await;
                let response = response.map_err(|cause| Fault::Other(self.reason(&cause)))?;
                answered(response, public, asked.map(|(len, origin, _)| (len, origin)))
            }
        }
    }

    /// Opens a web address as it is.
    async fn ask(&self, address: &str) -> Result<Source, Fault> {
        if self.offline {
            return Err(Fault::Offline);
        }
        let mirror = Mirror::Web(address.to_owned());
        let http = self.client_of(&mirror, address).await?;
        let request = http.get(address).header(ACCEPT_ENCODING, "identity");
        let response = request.send().await.map_err(|cause| Fault::Other(self.reason(&cause)))?;
        answered(response, address.to_owned(), None)
    }

    /// What an author's address is asked with leads to public ones only, and so does what a public mirror is.
    async fn client_of(&self, mirror: &Mirror, address: &str) -> Result<&reqwest::Client, Fault> {
        let stranger = matches!(mirror, Mirror::Author(_));
        if !stranger && reach::is_inside(address, &self.names).await {
            return Ok(self.http()?);
        }
        let (client, guard) = self.public()?;
        let url = Url::parse(address).map_err(|e| Fault::Other(format!("is no address: {e}")))?;
        guard.admit(&url).map_err(|why| Fault::Other(format!("is {why}")))?;
        Ok(client)
    }

    fn public(&self) -> Result<&(reqwest::Client, Guard)> {
        if let Some(public) = self.public.get() {
            return Ok(public);
        }
        let guard = Guard::of(&self.names);
        let builder = self.builder().redirect(guard.redirects());
        let client = client::built(builder.dns_resolver(Arc::new(guard.clone())))?;
        Ok(self.public.get_or_init(|| (client, guard)))
    }

    /// The HTTP client, made when first needed: local folders need no certificates of this machine.
    fn http(&self) -> Result<&reqwest::Client> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        let http = client::built(self.builder().redirect(redirect::Policy::custom(redirected)))?;
        Ok(self.http.get_or_init(|| http))
    }

    fn builder(&self) -> reqwest::ClientBuilder {
        client::builder(&self.names)
            .connect_timeout(self.patience.connect)
            .read_timeout(self.patience.stall)
    }

    fn reason(&self, cause: &reqwest::Error) -> String {
        reason(cause, self.patience)
    }
}

/// An open file on a mirror.
struct Source {
    body: Body,
    /// Where in the file the body begins.
    start: u64,
    /// The size of the whole file, if the mirror says it.
    total: Option<u64>,
    /// Set if the file can be recognised later.
    origin: Option<Origin>,
}

enum Body {
    Web(Response),
    File(File),
}

impl Source {
    /// The next piece, if enough comes in time. A folder of this machine may take the time it takes.
    async fn next(&mut self, patience: Patience, pace: &mut Pace) -> Result<Option<Bytes>, Fault> {
        loop {
            let due = pace.due().filter(|_| matches!(self.body, Body::Web(_)));
            let Some(due) = due else { return self.chunk(patience).await };
            let came = timeout_at(due, self.chunk(patience)).await;
            let length = match &came {
                Ok(Ok(Some(chunk))) => chunk.len(),
                Ok(_) => return came.unwrap_or(Ok(None)),
                Err(_) => 0,
            };
            if !pace.is_fast(length, Instant::now()) {
                return Err(Fault::Slow(patience.least.rate));
            }
            if let Ok(chunk) = came {
                return chunk;
            }
        }
    }

    async fn chunk(&mut self, patience: Patience) -> Result<Option<Bytes>, Fault> {
        match &mut self.body {
            Body::Web(response) => {
                let chunk = response.chunk().await;
                chunk.map_err(|cause| Fault::Cut(reason(&cause, patience)))
            }
            Body::File(file) => {
                let mut chunk = Vec::with_capacity(CHUNK);
                let read = file.read_buf(&mut chunk).await;
                read.map_err(|cause| Fault::Other(io_reason(&cause)))?;
                Ok(Some(Bytes::from(chunk)).filter(|chunk| !chunk.is_empty()))
            }
        }
    }
}

async fn open_file(path: &Path) -> Result<Source, Fault> {
    let missing = |cause: std::io::Error| match cause.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => Fault::Missing,
        _ => Fault::Other(io_reason(&cause)),
    };
    // Before it is opened: a FIFO would wait for somebody who writes.
    let meta = tokio::fs::metadata(path).await.map_err(missing)?;
    if !meta.is_file() {
        return Err(Fault::Other("not a file".to_owned()));
    }
    let file = File::open(path).await.map_err(missing)?;
    Ok(Source { body: Body::File(file), start: 0, total: Some(meta.len()), origin: None })
}

/// The names in a folder of this machine, one a line.
async fn names(folder: &Path) -> Result<Vec<u8>> {
    let unreadable = |cause: std::io::Error| Error::file("read", folder, &cause);
    let mut entries = tokio::fs::read_dir(folder).await.map_err(unreadable)?;
    let mut names = Vec::new();
    while let Some(entry) = entries.next_entry().await.map_err(unreadable)? {
        names.extend_from_slice(entry.file_name().as_encoded_bytes());
        names.push(b'\n');
    }
    Ok(names)
}

/// Judges an answer; `asked` is the half that the request wanted continued.
fn answered(
    response: Response,
    address: String,
    asked: Option<(u64, Origin)>,
) -> Result<Source, Fault> {
    let headers = response.headers();
    let origin = Origin {
        address,
        etag: text_of(headers, &ETAG),
        last_modified: text_of(headers, &LAST_MODIFIED),
    };
    let (start, total) = match (response.status(), asked) {
        (StatusCode::OK, _) => (0, response.content_length()),
        (StatusCode::PARTIAL_CONTENT, Some((len, half))) => match content_range(headers) {
            Some((start, total)) if start == len && half.continues(&origin) => (start, total),
            _ => return Err(Fault::Restart),
        },
        (StatusCode::RANGE_NOT_SATISFIABLE, Some(_)) => return Err(Fault::Restart),
        (StatusCode::NOT_FOUND | StatusCode::GONE, _) => return Err(Fault::Missing),
        (status, _) => return Err(Fault::Other(refused(status, headers))),
    };
    let known = origin.etag.is_some() || origin.last_modified.is_some();
    let origin = Some(origin).filter(|_| known);
    Ok(Source { body: Body::Web(response), start, total, origin })
}

/// An answer without the file, in words.
fn refused(status: StatusCode, headers: &HeaderMap) -> String {
    match text_of(headers, &LOCATION).filter(|_| status.is_redirection()) {
        Some(location) => format!("leads to `{location}`, which is not followed"),
        None => format!("answered {status}"),
    }
}

fn text_of(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// First byte and whole size out of `bytes START-END/SIZE`.
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let text = text_of(headers, &CONTENT_RANGE)?;
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let start = range.split_once('-')?.0.parse().ok()?;
    Some((start, total.parse().ok()))
}

/// Follows a redirect to another web address only.
fn redirected(attempt: redirect::Attempt<'_>) -> redirect::Action {
    if attempt.previous().len() > REDIRECTS {
        return attempt.error("redirected too often");
    }
    match attempt.url().scheme() {
        "http" | "https" => attempt.follow(),
        scheme => {
            let refused = format!("leads to a `{scheme}:` address, which is not followed");
            attempt.error(refused)
        }
    }
}

fn reason(cause: &reqwest::Error, patience: Patience) -> String {
    if cause.is_timeout() && cause.is_connect() {
        return format!("no connection within {:?}", patience.connect);
    }
    if cause.is_timeout() {
        return format!("nothing came for {:?}", patience.stall);
    }
    match unnamed::why(cause) {
        Some(why) => format!("its name leads nowhere: {why}"),
        None => root_cause(cause),
    }
}

/// The innermost reason: the outer ones repeat the address.
fn root_cause(cause: &(dyn std::error::Error + 'static)) -> String {
    let root = std::iter::successors(Some(cause), |cause| cause.source()).last();
    io_reason(&std::io::Error::other(root.unwrap_or(cause).to_string()))
}
