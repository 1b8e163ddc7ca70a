//! The name of an image as people write it: `debian:12`, `localhost:5000/a/b:t`, `a@sha256:…`.
//!
//! One parser and one normal form, by the rules of Docker and Podman: two spellings of one image are one
//! value. Knows text only: no engine, no registry, no dock.
//! Source: <https://github.com/distribution/reference>, `reference.go`, `normalize.go` and `regexp.go`.

use std::fmt;
use std::str::FromStr;

use crate::base::hex::is_hex;

/// Docker's own registry, which a name may leave out.
pub const DOCKER_IO: &str = "docker.io";
/// The older name of it.
const INDEX_DOCKER_IO: &str = "index.docker.io";
/// Where images without an owner are, at Docker's own registry.
const LIBRARY: &str = "library/";
/// Podman's registry of images that are from none.
const LOCALHOST: &str = "localhost";
/// The tag of a name without one.
const LATEST: &str = "latest";
/// A repository's name is not longer, without its registry (bytes).
const LONGEST_PATH: usize = 255;
/// A tag is not longer (bytes).
const LONGEST_TAG: usize = 128;
/// Nothing longer is looked at (bytes): a registry's name of 253 with a port, path, tag and digest.
const LONGEST: usize = 1024;

/// Which version of a repository's image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Version {
    /// By a name that moves.
    Tag(String),
    /// By content, `ALGORITHM:HEX`. A tag beside it says nothing more.
    Digest(String),
}

/// An image's name in normal form: complete, with registry and with tag or digest.
///
/// ```
/// use gentoo_bb::base::reference::Reference;
/// let one = "debian:12".parse::<Reference>().unwrap();
/// assert_eq!(one, "docker.io/library/debian:12".parse().unwrap());
/// assert_eq!(one.to_string(), "debian:12");
/// assert_eq!(one.normal(), "docker.io/library/debian:12");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    registry: String,
    path: String,
    version: Version,
}

/// Why a text is no reference: a sentence's second half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(&'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Malformed {}

impl FromStr for Reference {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if text.len() > LONGEST {
            return Err(Malformed("it is too long"));
        }
        if is_id(text) {
            return Err(Malformed("64 hexadecimal digits are an image's ID"));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        let (registry, rest) = split_registry(rest);
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (rest, None),
        };
        check(registry, path, tag, digest)?;
        let (registry, path) = match registry {
            None | Some(DOCKER_IO | INDEX_DOCKER_IO) if !path.contains('/') => {
                (DOCKER_IO, format!("{LIBRARY}{path}"))
            }
            None | Some(INDEX_DOCKER_IO) => (DOCKER_IO, path.to_owned()),
            Some(registry) => (registry, path.to_owned()),
        };
        let version = match (digest, tag) {
            (Some(digest), _) => Version::Digest(digest.to_owned()),
            (None, tag) => Version::Tag(tag.unwrap_or(LATEST).to_owned()),
        };
        Ok(Self { registry: registry.to_owned(), path, version })
    }
}

fn check(
    registry: Option<&str>,
    path: &str,
    tag: Option<&str>,
    digest: Option<&str>,
) -> Result<(), Malformed> {
    let wrong = |good: bool, why: &'static str| if good { Ok(()) } else { Err(Malformed(why)) };
    wrong(registry.is_none_or(is_registry_name), "its registry has no name that can be one")?;
    wrong(!path.is_empty(), "it names no repository")?;
    wrong(!path.bytes().any(|b| b.is_ascii_uppercase()), "a repository's name is in lower case")?;
    wrong(
        path.split('/').all(is_component),
        "its parts are letters and digits, with `.`, `_`, `__` or dashes between them",
    )?;
    wrong(path.len() <= LONGEST_PATH, "a repository's name has at most 255 bytes")?;
    wrong(tag.is_none_or(is_tag), "its tag is not up to 128 letters, digits, `_`, `.` and `-`")?;
    wrong(digest.is_none_or(is_digest), "its digest is not `sha256:` with 64 digits in lower case")
}

/// The registry, if the part before the first `/` is one by Docker's rule.
fn split_registry(text: &str) -> (Option<&str>, &str) {
    match text.split_once('/') {
        Some((first, rest)) if names_registry(first) => (Some(first), rest),
        _ => (None, text),
    }
}

/// Docker's rule for the first part of a reference: is it a registry? An owner's name has neither dot, colon
/// nor capital letter, and is not `localhost`.
pub fn names_registry(first: &str) -> bool {
    first == LOCALHOST
        || first.contains(['.', ':'])
        || first.bytes().any(|b| b.is_ascii_uppercase())
}

/// A host's name, or its address with an IPv6 one in brackets; and a port.
fn is_registry_name(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    let is_v6 = |inside: &str| {
        !inside.is_empty() && inside.bytes().all(|b| b.is_ascii_hexdigit() || b == b':')
    };
    let is_host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inside) => is_v6(inside),
        None => host.split('.').all(is_label),
    };
    is_host && port.is_none_or(is_port)
}

fn is_label(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_alphanumeric();
    text.starts_with(edge) && text.ends_with(edge) && text.chars().all(|c| edge(c) || c == '-')
}

/// Letters and digits, with `.`, `_`, `__` or any number of dashes between them.
fn is_component(text: &str) -> bool {
    let inside = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let mut between =
        text.split(|c: char| c.is_ascii() && inside(c as u8)).filter(|s| !s.is_empty());
    let edges = text.bytes().next().is_some_and(inside) && text.bytes().last().is_some_and(inside);
    edges && between.all(|s| matches!(s, "." | "_" | "__") || s.bytes().all(|b| b == b'-'))
}

fn is_tag(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.bytes().next().is_some_and(word)
        && text.len() <= LONGEST_TAG
        && text.bytes().all(|b| word(b) || matches!(b, b'.' | b'-'))
}

/// Whether a text is a digest, `ALGORITHM:HEX`, of the algorithms that Docker knows.
pub(crate) fn is_digest(text: &str) -> bool {
    let length = |name: &str| match name {
        "sha256" => Some(64),
        "sha384" => Some(96),
        "sha512" => Some(128),
        _ => None,
    };
    let parts = text.split_once(':');
    parts.is_some_and(|(name, hex)| length(name) == Some(hex.len()) && is_hex(hex))
}

/// Whether two texts are the same image's ID. Not every engine writes the algorithm.
pub fn is_same_id(one: &str, other: &str) -> bool {
    one.trim_start_matches("sha256:") == other.trim_start_matches("sha256:")
}

/// Whether a text is an image's ID, which engines take in place of a name.
pub fn is_id(text: &str) -> bool {
    text.len() == 64 && is_hex(text)
}

impl Reference {
    /// The registry's host and port.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository's name below its registry: `library/debian`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The tag, unless a digest says which image it is.
    pub fn tag(&self) -> Option<&str> {
        match &self.version {
            Version::Tag(tag) => Some(tag),
            Version::Digest(_) => None,
        }
    }

    /// The digest, if one says which image it is.
    pub fn digest(&self) -> Option<&str> {
        match &self.version {
            Version::Tag(_) => None,
            Version::Digest(digest) => Some(digest),
        }
    }

    /// With everything that may be left out.
    pub fn normal(&self) -> String {
        format!("{}/{}{}", self.registry, self.path, self.suffix())
    }

    /// The same image without a registry, where Podman has put it to those that are from none.
    pub fn without_localhost(&self) -> Option<Self> {
        let short = (self.registry == LOCALHOST).then(|| format!("{}{}", self.path, self.suffix()));
        short.and_then(|short| short.parse().ok())
    }

    /// The name without tag or digest, as the engine's calls want it, short where that is the same.
    pub fn name(&self) -> String {
        let short = self.path.strip_prefix(LIBRARY).filter(|rest| !rest.contains('/'));
        let short = short.unwrap_or(&self.path);
        let first = short.split_once('/').map(|(first, _)| first);
        if self.registry == DOCKER_IO && !first.is_some_and(names_registry) {
            return short.to_owned();
        }
        format!("{}/{}", self.registry, self.path)
    }

    /// The name below a namespace, which may itself name a registry: `x` of `ns/x` and `ns`. An image that
    /// Podman has from no registry is below the same namespaces.
    pub fn below(&self, namespace: &str) -> Option<&str> {
        let (registry, folder) = match split_registry(namespace) {
            (None, registry) if names_registry(registry) => (registry, ""),
            (None | Some(INDEX_DOCKER_IO), folder) => (DOCKER_IO, folder),
            (Some(registry), folder) => (registry, folder),
        };
        let same =
            registry == self.registry || (registry, self.registry()) == (DOCKER_IO, LOCALHOST);
        let rest = self.path.strip_prefix(folder)?;
        let name = if folder.is_empty() { rest } else { rest.strip_prefix('/')? };
        (same && !name.contains('/')).then_some(name)
    }

    /// [`Self::below`], of an image with a tag that a build gives: its own, and `latest`.
    pub fn built(&self, namespace: &str, tag: &str) -> Option<&str> {
        let given = self.tag().is_some_and(|own| own == tag || own == LATEST);
        self.below(namespace).filter(|_| given)
    }

    fn suffix(&self) -> String {
        match &self.version {
            Version::Tag(tag) => format!(":{tag}"),
            Version::Digest(digest) => format!("@{digest}"),
        }
    }
}

/// As engines list it: without Docker's own registry, and always with tag or digest.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name(), self.suffix())
    }
}

/// The registry of a name, unless it is Docker's own.
pub fn registry_of(text: &str) -> Option<String> {
    let registry = text.parse::<Reference>().ok()?.registry;
    (registry != DOCKER_IO).then_some(registry)
}

/// The one spelling of an image's name; a text that is none (an ID) stays as it is.
///
/// ```
/// assert_eq!(gentoo_bb::base::reference::spelling("docker.io/library/debian"), "debian:latest");
/// ```
pub fn spelling(text: &str) -> String {
    text.parse::<Reference>().map_or_else(|_| text.to_owned(), |reference| reference.to_string())
}

#[cfg(test)]
mod tests;
