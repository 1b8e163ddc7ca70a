//! Why a registry did not do what was asked, as data, and what each is told as.
//!
//! Knows no image: who asks puts in front what could not be done.

use std::error::Error as _;
use std::io::ErrorKind;
use std::time::Duration;

use reqwest::StatusCode;

use crate::base::error::{Error, Exit, io_reason, lower_first};
use crate::base::limits::Exceeded;
use crate::net::unnamed;

/// Why a connection does not stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Away {
    /// Nobody listens there.
    Refused,
    /// No machine has that name.
    Name,
    /// The other end has no certificate that is trusted, or speaks no TLS.
    Tls,
    /// Something else on the way.
    Network,
}

/// What went wrong. `host` is who answered, or did not.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "what each variant says names its fields")]
pub enum Fault {
    /// It wants to know who asks, and nothing is kept for it.
    Unknown { host: String },
    /// It does not take what is kept for it.
    Password { host: String },
    /// It knows who asks, and does not allow it.
    Denied { host: String, words: String },
    /// It does not have it.
    Missing { host: String },
    /// No connection stands.
    Away { host: String, why: Away, reason: String },
    /// Nothing came for so long.
    Stalled { host: String, patience: Duration },
    /// It hung up before it had answered.
    Broken { host: String, reason: String },
    /// A blob ended early.
    Half { host: String, digest: String, got: u64, size: u64 },
    /// Something else than its digest says.
    Mismatch { host: String, digest: String },
    /// It leads to where nobody follows.
    Leads { host: String, to: String, why: &'static str },
    /// It leads elsewhere, and there it is not to be had.
    Elsewhere { host: String, to: String, status: StatusCode },
    /// Too much to do, again and again.
    Busy { host: String, status: StatusCode, times: usize },
    /// Another answer than any that is expected.
    Answered { host: String, status: StatusCode, words: String },
    /// What it says is not what a registry says.
    Malformed { host: String, why: String },
    /// An image in Docker's oldest form.
    Schema1,
    /// An image in a form that is none of those known.
    Form(String),
    /// No image for this machine; those that are there.
    Platform { wanted: String, there: Vec<String> },
    /// More than a limit allows, of what is named.
    Exceeded { what: String, exceeded: Exceeded },
    /// A failure of this machine, which no other registry helps.
    Here(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Here(error)
    }
}

impl Fault {
    /// As an error; `task` is what could not be done: ``cannot push `a` ``.
    #[must_use]
    pub fn error(&self, task: &str) -> Error {
        match self {
            Self::Here(error) => error.clone(),
            Self::Exceeded { what, exceeded } => exceeded.error(Exit::Step, what),
            _ => {
                let error = Error::new(self.exit(), format!("{task}: {}", self.why()));
                self.hint().into_iter().fold(error, Error::hint)
            }
        }
    }

    fn exit(&self) -> Exit {
        if matches!(self, Self::Mismatch { .. }) { Exit::Trust } else { Exit::Step }
    }

    /// Whether the next attempt may fare better.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::Broken { .. } | Self::Half { .. } | Self::Busy { .. })
    }

    /// Whether nobody has answered, or not to the end: nothing is known of what the registry has.
    pub fn is_away(&self) -> bool {
        let away = matches!(self, Self::Away { .. } | Self::Stalled { .. });
        away || self.may_pass()
    }

    /// Whether it says that it does not have what is asked for.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }

    /// Whether it does not tell what it has, or not to this one.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Unknown { .. } | Self::Password { .. } | Self::Denied { .. })
    }

    /// Half a sentence.
    pub fn why(&self) -> String {
        match self {
            Self::Unknown { host } => format!("`{host}` wants to know who asks"),
            Self::Password { host } => {
                format!("`{host}` does not take the name and password that are kept for it")
            }
            Self::Denied { host, words } => with(format!("`{host}` does not allow it"), words),
            Self::Missing { host } => format!("`{host}` does not have it"),
            Self::Away { host, why, reason } => away(host, *why, reason),
            Self::Stalled { host, patience } => {
                format!("nothing came from `{host}` for {patience:?}")
            }
            Self::Broken { host, reason } => format!("`{host}` hung up: {reason}"),
            Self::Half { host, digest, got, size } => {
                format!("`{host}` sent {got} of {size} bytes of `{digest}`")
            }
            Self::Mismatch { host, digest } => {
                format!("`{host}` sent something else than `{digest}`")
            }
            Self::Leads { host, to, why } => format!("`{host}` leads to `{to}`, {why}"),
            Self::Elsewhere { host, to, status } => {
                format!("`{host}` leads to `{to}`, which answered {status}")
            }
            Self::Busy { host, status, times } => {
                format!("`{host}` answered {status}, {times} times")
            }
            Self::Answered { host, status, words } => {
                with(format!("`{host}` answered {status}"), words)
            }
            Self::Malformed { host, why } => {
                format!("what `{host}` sent is not what a registry sends: {why}")
            }
            Self::Schema1 => "it is in Docker's schema 1, which is not read".to_owned(),
            Self::Form(media_type) => format!("`{media_type}` is no form of an image"),
            Self::Platform { wanted, there } => {
                format!("it is not there for {wanted}, but for {}", there.join(", "))
            }
            Self::Exceeded { what, exceeded } => format!("{what} has {exceeded}"),
            Self::Here(error) => error.message().to_owned(),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unknown { host } | Self::Password { host } => {
                return Some(format!("`docker login {}` says who you are", login_name(host)));
            }
            Self::Denied { .. } => "ask who owns the repository, or log in as somebody else",
            Self::Missing { .. } => "look whether the name and the tag are right",
            Self::Away { why: Away::Refused, .. } => "look whether the registry runs there",
            Self::Away { why: Away::Name, .. } => "look whether the registry's name is right",
            Self::Away { why: Away::Tls, .. } => {
                "an authority of your own is named by SSL_CERT_FILE; without TLS only registries of this \
                 machine are asked, and those that are listed as insecure"
            }
            Self::Away { .. } | Self::Stalled { .. } | Self::Broken { .. } | Self::Half { .. } => {
                "run the same command again to go on where it stopped"
            }
            Self::Mismatch { .. } => {
                "the registry, or something on the way to it, is not to be trusted"
            }
            Self::Leads { .. } | Self::Elsewhere { .. } | Self::Malformed { .. } => {
                "ask who runs the registry"
            }
            Self::Busy { .. } => "try again later; who has logged in may ask more often",
            Self::Schema1 => "push it again with a program that is not from before 2016",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// What `docker login` wants to be told.
fn login_name(host: &str) -> &str {
    if host == "registry-1.docker.io" { "docker.io" } else { host }
}

fn with(sentence: String, words: &str) -> String {
    if words.is_empty() { sentence } else { format!("{sentence}: {words}") }
}

fn away(host: &str, why: Away, reason: &str) -> String {
    match why {
        Away::Refused => format!("nobody listens at `{host}`"),
        Away::Name => format!("`{host}` is not known: {reason}"),
        Away::Tls => format!("no TLS with `{host}`: {reason}"),
        Away::Network => format!("`{host}` cannot be reached: {reason}"),
    }
}

/// What a failed request is. `connect` is how long a connection was waited for.
pub(super) fn of_request(host: &str, cause: &reqwest::Error, connect: Duration) -> Fault {
    let host = host.to_owned();
    let chain = chain(cause);
    let reason = chain.last().cloned().unwrap_or_default();
    if !cause.is_connect() {
        return Fault::Broken { host, reason };
    }
    if cause.is_timeout() {
        let reason = format!("no connection within {connect:?}");
        return Fault::Away { host, why: Away::Network, reason };
    }
    if let Some(reason) = unnamed::why(cause) {
        return Fault::Away { host, why: Away::Name, reason };
    }
    let why = match kind(cause) {
        _ if is_tls(cause) => Away::Tls,
        Some(ErrorKind::ConnectionRefused) => Away::Refused,
        _ => Away::Network,
    };
    Fault::Away { host, why, reason }
}

/// The reasons, the innermost last.
fn chain(cause: &reqwest::Error) -> Vec<String> {
    let text = |e: &Cause| lower_first(&io_reason(&std::io::Error::other(e.to_string())));
    std::iter::once(cause.to_string()).chain(sources(cause).map(text)).collect()
}

/// Any reason.
type Cause = dyn std::error::Error + 'static;

/// What is behind a failure. An `io::Error` hides the error that it was made of from `source`.
fn sources(cause: &reqwest::Error) -> impl Iterator<Item = &Cause> {
    std::iter::successors(cause.source(), |e| {
        let inner = e.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        inner.map(|e| e as &Cause).or_else(|| (*e).source())
    })
}

fn kind(cause: &reqwest::Error) -> Option<ErrorKind> {
    sources(cause).find_map(|e| Some(e.downcast_ref::<std::io::Error>()?.kind()))
}

fn is_tls(cause: &reqwest::Error) -> bool {
    sources(cause).any(<Cause>::is::<rustls::Error>)
}
