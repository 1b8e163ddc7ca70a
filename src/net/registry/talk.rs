//! One request to a registry, until there is an answer: who asks is told when the registry wants to know it,
//! redirects are followed, and what may pass is tried again.
//!
//! Who asks is told to the registry itself only, never to where it leads. Does not know what is asked for.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use reqwest::header::{
    AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderName, LOCATION, RETRY_AFTER,
};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url, redirect};
use serde::Deserialize;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::time::timeout;

use super::Registry;
use super::auth::Scope;
use super::fault::{self, Fault};
use super::settings::{Endpoint, authority, is_loopback};
use crate::base::error::{Error, lower_first};
use crate::base::limits::Limit;
use crate::net::client;

const REDIRECTS: usize = 10;
/// Bytes of a file that are sent at once.
const CHUNK: usize = 256 * 1024;
/// Longer than this nobody waits because a registry says so.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Bytes of a registry's words that are read where it refuses something.
const WORDS: u64 = 64 * 1024;

/// What goes with a request.
#[derive(Debug, Clone)]
pub(super) enum Body {
    /// Nothing.
    Empty,
    /// A text.
    Text(Bytes),
    /// A part of a file.
    File { path: PathBuf, offset: u64, size: u64 },
}

/// One request.
#[derive(Debug)]
pub(super) struct Ask<'a> {
    pub method: Method,
    pub url: Url,
    pub headers: Vec<(HeaderName, String)>,
    pub body: Body,
    /// What has to be allowed.
    pub scope: &'a Scope,
    /// What may pass is not tried again: the caller has to begin further up.
    pub once: bool,
}

impl<'a> Ask<'a> {
    /// A request without more than its address.
    pub(super) fn new(method: Method, url: Url, scope: &'a Scope) -> Self {
        Self { method, url, headers: vec![], body: Body::Empty, scope, once: false }
    }

    /// Wants the answer in certain forms.
    #[must_use]
    pub(super) fn header(mut self, name: HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    fn may_be_led(&self) -> bool {
        [Method::GET, Method::HEAD].contains(&self.method)
    }
}

/// An answer, and who has sent it.
struct Answer {
    response: Response,
    /// Where the request was led, if that is another host than the one asked.
    elsewhere: Option<String>,
}

/// The two ways to the network: what is on this machine is not asked for by a proxy.
#[derive(Debug)]
pub(super) struct Clients {
    near: Client,
    far: Client,
}

impl Registry {
    /// Asks until there is an answer.
    pub(super) async fn ask(&self, at: &Endpoint, ask: &Ask<'_>) -> Result<Response, Fault> {
        let mut pauses = self.settings.pauses.iter();
        let mut times = 0;
        loop {
            let (fault, pause) = match self.ask_as_known(at, ask).await {
                Ok(response) if is_busy(response.status()) => {
                    times += 1;
                    let (host, status) = (at.host(), response.status());
                    (Fault::Busy { host, status, times }, told_pause(response.headers()))
                }
                Ok(response) => return Ok(response),
                Err(fault) => (fault, None),
            };
            let next = pauses.next().filter(|_| fault.may_pass() && !ask.once);
            let Some(next) = next else { return Err(fault) };
            tokio::time::sleep(pause.unwrap_or(*next)).await;
        }
    }

    /// Asks, and says who asks where that is wanted.
    async fn ask_as_known(&self, at: &Endpoint, ask: &Ask<'_>) -> Result<Response, Fault> {
        let answer = self.follow(at, ask).await?;
        let Answer { response, elsewhere } = answer;
        if response.status() != StatusCode::UNAUTHORIZED || elsewhere.is_some() {
            return self.judge(at, response, elsewhere).await;
        }
        let has_login = self.authorize(at, ask.scope, response.headers()).await?;
        let Answer { response, elsewhere } = self.follow(at, ask).await?;
        match response.status() {
            StatusCode::UNAUTHORIZED if has_login => Err(Fault::Password { host: at.host() }),
            StatusCode::UNAUTHORIZED => Err(Fault::Unknown { host: at.host() }),
            _ => self.judge(at, response, elsewhere).await,
        }
    }

    /// An answer that is what was asked for, or says that there is too much to do.
    async fn judge(
        &self,
        at: &Endpoint,
        response: Response,
        elsewhere: Option<String>,
    ) -> Result<Response, Fault> {
        let (host, status) = (at.host(), response.status());
        if status.is_success() || is_busy(status) {
            return Ok(response);
        }
        if let Some(to) = elsewhere {
            return Err(Fault::Elsewhere { host, to, status });
        }
        match status {
            StatusCode::NOT_FOUND => Err(Fault::Missing { host }),
            StatusCode::FORBIDDEN => {
                Err(Fault::Denied { host, words: self.words(at, response).await })
            }
            _ => {
                let words = self.words(at, response).await;
                Err(Fault::Answered { host, status, words })
            }
        }
    }

    /// Asks, and goes where the answers lead.
    async fn follow(&self, at: &Endpoint, ask: &Ask<'_>) -> Result<Answer, Fault> {
        let mut url = ask.url.clone();
        let mut has_left = false;
        for _ in 0..=REDIRECTS {
            if !self.settings.admits(&url) {
                return Err(leads(at, &url, "which is not asked without TLS"));
            }
            has_left |= url.origin() != at.base.origin();
            let response = self.once(at, ask, &url, has_left).await?;
            let location = response.headers().get(LOCATION).filter(|_| is_led(response.status()));
            let Some(location) = location else {
                let elsewhere = has_left.then(|| authority(&url));
                return Ok(Answer { response, elsewhere });
            };
            let next = resolved(at, &url, location.to_str().unwrap_or_default())?;
            if !ask.may_be_led() && next.origin() != url.origin() {
                return Err(leads(at, &next, "where nothing is sent"));
            }
            url = next;
        }
        Err(leads(at, &url, "and did so too often"))
    }

    /// One request, and the head of its answer.
    async fn once(
        &self,
        at: &Endpoint,
        ask: &Ask<'_>,
        url: &Url,
        has_left: bool,
    ) -> Result<Response, Fault> {
        let mut request = self.client(url)?.request(ask.method.clone(), url.clone());
        for (name, value) in &ask.headers {
            request = request.header(name, value);
        }
        if let Some(known) = self.known(at, ask.scope).filter(|_| !has_left) {
            request = request.header(AUTHORIZATION, known);
        }
        let sent = Arc::new(AtomicU64::new(0));
        let request = with_body(request, ask, &sent).await?;
        self.head(&authority(url), request, &sent).await
    }

    /// Sends a request and waits for the head of its answer, while something goes on.
    pub(super) async fn head(
        &self,
        host: &str,
        request: RequestBuilder,
        sent: &AtomicU64,
    ) -> Result<Response, Fault> {
        let (patience, connect) = (self.settings.stall, self.settings.connect);
        let mut answer = std::pin::pin!(request.send());
        let mut before = 0;
        loop {
            if let Ok(answer) = timeout(patience, &mut answer).await {
                return answer.map_err(|cause| fault::of_request(host, &cause, connect));
            }
            let now = sent.load(Ordering::Relaxed);
            if now == before {
                return Err(Fault::Stalled { host: host.to_owned(), patience });
            }
            before = now;
        }
    }

    /// The next bytes of an answer.
    pub(super) async fn chunk(
        &self,
        at: &Endpoint,
        response: &mut Response,
    ) -> Result<Option<Bytes>, Fault> {
        let patience = self.settings.stall;
        let Ok(chunk) = timeout(patience, response.chunk()).await else {
            return Err(Fault::Stalled { host: at.host(), patience });
        };
        let connect = self.settings.connect;
        chunk.map_err(|cause| fault::of_request(&at.host(), &cause, connect))
    }

    /// A small answer as a whole; more than the limit allows is an error.
    pub(super) async fn text(
        &self,
        at: &Endpoint,
        mut response: Response,
        what: &str,
    ) -> Result<Vec<u8>, Fault> {
        let mut text = vec![];
        while let Some(chunk) = self.chunk(at, &mut response).await? {
            let size = text.len() as u64 + chunk.len() as u64;
            let within = self.settings.limits.check(Limit::ConfigSize, size);
            within.map_err(|exceeded| Fault::Exceeded { what: what.to_owned(), exceeded })?;
            text.extend_from_slice(&chunk);
        }
        Ok(text)
    }

    /// Why a registry refuses something, in its own words, as far as it has any.
    /// Source: <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes>.
    async fn words(&self, at: &Endpoint, mut response: Response) -> String {
        let mut text = vec![];
        while let Ok(Some(chunk)) = self.chunk(at, &mut response).await {
            text.extend_from_slice(&chunk);
            if text.len() as u64 > WORDS {
                return String::new();
            }
        }
        let refusal = serde_json::from_slice::<Refusal>(&text).unwrap_or_default();
        let words = refusal.errors.into_iter().map(|e| e.message.unwrap_or(e.code));
        lower_first(&words.collect::<Vec<_>>().join(", "))
    }

    /// Which way an address is asked.
    pub(super) fn client(&self, url: &Url) -> Result<&Client, Fault> {
        let clients = match self.clients.get() {
            Some(clients) => clients,
            None => {
                let far = self.builder()?;
                let near = self.builder()?.no_proxy();
                let clients = Clients { near: client::built(near)?, far: client::built(far)? };
                self.clients.get_or_init(|| clients)
            }
        };
        Ok(if is_loopback(url) { &clients.near } else { &clients.far })
    }

    fn builder(&self) -> Result<reqwest::ClientBuilder, Fault> {
        let builder = client::builder(&self.names)
            // Each redirect is looked at in `follow`.
            .redirect(redirect::Policy::none())
            .connect_timeout(self.settings.connect);
        let Some(file) = &self.settings.authorities else { return Ok(builder) };
        let text = crate::base::read::state(file, Limit::KeyringSize)?;
        let wrong = |why: String| {
            Error::config(format!("`{}` has no certificates{why}", file.display()))
                .hint("it is a PEM file with the certificates of authorities")
        };
        let found = reqwest::Certificate::from_pem_bundle(&text);
        let found = found.map_err(|e| wrong(format!(": {}", lower_first(&e.to_string()))))?;
        if found.is_empty() {
            return Err(wrong(String::new()).into());
        }
        Ok(builder.tls_certs_merge(found))
    }
}

/// A registry's refusal.
#[derive(Debug, Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    errors: Vec<Reason>,
}

#[derive(Debug, Deserialize)]
struct Reason {
    code: String,
    message: Option<String>,
}

fn leads(at: &Endpoint, to: &Url, why: &'static str) -> Fault {
    let to = format!("{}://{}", to.scheme(), authority(to));
    Fault::Leads { host: at.host(), to, why }
}

/// An address as an answer names it, which may be relative to the one that was asked.
pub(super) fn resolved(at: &Endpoint, asked: &Url, location: &str) -> Result<Url, Fault> {
    let malformed = |e| Fault::Malformed { host: at.host(), why: format!("it leads nowhere: {e}") };
    asked.join(location).map_err(malformed)
}

fn is_busy(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::INTERNAL_SERVER_ERROR
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

fn is_led(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    )
}

/// How long a registry wants nobody to ask again.
fn told_pause(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_PAUSE))
}

/// Adds a body; `sent` counts what has gone of it.
async fn with_body(
    request: RequestBuilder,
    ask: &Ask<'_>,
    sent: &Arc<AtomicU64>,
) -> Result<RequestBuilder, Fault> {
    match &ask.body {
        Body::Empty if ask.may_be_led() => Ok(request),
        // Some servers want to be told that nothing comes.
        Body::Empty => Ok(request.header(CONTENT_LENGTH, 0)),
        Body::Text(text) => Ok(request.body(text.clone())),
        Body::File { path, offset, size } => {
            let failed = |e: std::io::Error| Error::file("read", path, &e);
            let mut file = File::open(path).await.map_err(failed)?;
            file.seek(std::io::SeekFrom::Start(*offset)).await.map_err(failed)?;
            let body = reqwest::Body::wrap_stream(pieces(file, *size, sent.clone()));
            Ok(request.header(CONTENT_LENGTH, *size).body(body))
        }
    }
}

/// A part of a file, piece by piece.
fn pieces(
    file: File,
    size: u64,
    sent: Arc<AtomicU64>,
) -> impl stream::Stream<Item = std::io::Result<Bytes>> {
    stream::try_unfold((file, size), move |(mut file, left)| {
        let sent = sent.clone();
        async move {
            if left == 0 {
                return Ok(None);
            }
            let most = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
            let mut piece = Vec::with_capacity(most);
            let n = (&mut file).take(most as u64).read_buf(&mut piece).await?;
            if n == 0 {
                return Err(std::io::Error::other("the file changed while it was read"));
            }
            sent.fetch_add(n as u64, Ordering::Relaxed);
            Ok(Some((Bytes::from(piece), (file, left - n as u64))))
        }
    })
}
