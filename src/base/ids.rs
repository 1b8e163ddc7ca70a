//! Newtypes for the names that run through the program: image names, step ids, digests.
//!
//! Knows only text: what a kind of step does is `plan::expand`'s and `exec::action`'s business.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::base::error::Error;

/// The name of a dock, which is the name of its folder and of its image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DockName(String);

impl DockName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DockName {
    type Err = Error;

    /// Docker's rule for a path component of a repository name: lower-case letters and digits,
    /// with `.`, `_`, `__` or dashes between them.
    fn from_str(text: &str) -> Result<Self, Error> {
        let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let inner = |c: char| edge(c) || matches!(c, '.' | '_' | '-');
        let good = text.starts_with(edge)
            && text.ends_with(edge)
            && text.chars().all(inner)
            && !["..", "._", "_.", ".-", "-.", "___", "_-", "-_"]
                .iter()
                .any(|bad| text.contains(bad));
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::config(format!("`{text}` cannot be the name of an image")).hint(
                "use lower-case letters and digits, with single `.`, `_` or dashes between them",
            ))
        }
    }
}

impl TryFrom<String> for DockName {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<DockName> for String {
    fn from(name: DockName) -> String {
        name.0
    }
}

impl fmt::Display for DockName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a step does; the part of its id before the colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Kind {
    Fetch,
    Verify,
    Import,
    Builder,
    Rootfs,
    Dockerfile,
    Image,
    Test,
    Task,
}

impl Kind {
    /// All kinds, in the order of the flow.
    pub const ALL: [Kind; 9] = [
        Kind::Fetch,
        Kind::Verify,
        Kind::Import,
        Kind::Builder,
        Kind::Rootfs,
        Kind::Dockerfile,
        Kind::Image,
        Kind::Test,
        Kind::Task,
    ];

    /// Whether what such a step makes is made again only when a step that runs needs it: there are other places
    /// where it can be had from, and nothing that people ask for is in it.
    pub fn is_on_demand(self) -> bool {
        matches!(self, Kind::Fetch | Kind::Verify | Kind::Import | Kind::Builder)
    }

    /// The product of a step of this kind that stands for all that it makes; `None` where there is
    /// nothing but the fact that it is done.
    pub fn main_product(self) -> Option<&'static str> {
        match self {
            Kind::Fetch | Kind::Test => None,
            Kind::Verify => Some("sha512"),
            Kind::Import | Kind::Builder => Some("content"),
            Kind::Rootfs => Some("tar"),
            Kind::Dockerfile => Some("text"),
            Kind::Image => Some("id"),
            Kind::Task => Some("outputs"),
        }
    }

    /// The text before the colon.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Fetch => "fetch",
            Kind::Verify => "verify",
            Kind::Import => "import",
            Kind::Builder => "builder",
            Kind::Rootfs => "rootfs",
            Kind::Dockerfile => "dockerfile",
            Kind::Image => "image",
            Kind::Test => "test",
            Kind::Task => "task",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A step's id, `kind:name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StepId {
    /// What it does.
    pub kind: Kind,
    /// To what: an image, a file, `stage3`, `portage` or `bob`.
    pub name: String,
}

impl StepId {
    /// An id from its parts.
    pub fn new(kind: Kind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.name)
    }
}

impl FromStr for StepId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let known = || Kind::ALL.map(Kind::as_str).join(", ");
        let hint = || format!("a step is `kind:name`, with one of these kinds: {}", known());
        let bad = || Error::usage(format!("`{text}` is not the id of a step")).hint(hint());
        let (kind, name) = text.split_once(':').ok_or_else(bad)?;
        let kind = Kind::ALL.into_iter().find(|k| k.as_str() == kind).ok_or_else(bad)?;
        let unsafe_name = name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']);
        if unsafe_name { Err(bad()) } else { Ok(Self::new(kind, name)) }
    }
}

impl TryFrom<String> for StepId {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<StepId> for String {
    fn from(id: StepId) -> String {
        id.to_string()
    }
}
