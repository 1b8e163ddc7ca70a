//! A chain: images that run together, as a Compose file with the markers of a `Dockerfile.template`.
//!
//! Knows text only, and of Compose's format nothing but which images the services have: what is wrong with
//! the rest, the compose tool says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::{Location, MessageFormatter, Spanned, UserMessageFormatter};

use crate::base::error::{Error, Result, lower_first};
use crate::base::limits::{Limit, Limits};
use crate::base::reference::Reference;
use crate::base::words::suggestion;
use crate::dockerfile::{Markers, Rendered};

pub mod compose;
mod interpolate;

pub use interpolate::env_file;
use interpolate::interpolate;

/// The name of a chain, which is the name of its file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChainName(String);

impl ChainName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What Compose and the engine call the chain: its containers carry that as a label. No two namespaces and
    /// names have the same: `up` and `down` remove what the chain does not have.
    ///
    /// ```
    /// let name = |text: &str| text.parse::<gentoo_bb::chain::ChainName>().unwrap();
    /// assert_eq!(name("web").project("jdoe"), "bb-jdoe_web");
    /// assert_eq!(name("b-c").project("a.b_c"), "bb-a_-b__c_b-c");
    /// ```
    pub fn project(&self, namespace: &str) -> String {
        // The last `_` is the one before the name, which has none. Compose knows no dots.
        let namespace = namespace.replace('_', "__").replace('.', "_-");
        format!("bb-{namespace}_{}", self.0)
    }
}

impl fmt::Display for ChainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ChainName {
    type Err = Error;

    /// What is a name for files and for Compose alike.
    fn from_str(text: &str) -> Result<Self> {
        let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let good = text.starts_with(edge)
            && text.ends_with(edge)
            && text.len() <= 64
            && text.chars().all(|c| edge(c) || c == '-');
        if good {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::usage(format!("`{}` cannot be the name of a chain", text.escape_debug()))
            .hint("use lower-case letters and digits, with dashes between them"))
    }
}

/// A Compose file without markers, and what it says of its services' images.
#[derive(Debug, Clone)]
pub struct Chain {
    file: PathBuf,
    rendered: Rendered,
    services: BTreeMap<String, Service>,
}

/// What decides which of a chain's images are docks'.
pub struct Ours<'a> {
    /// The settings' namespace.
    pub namespace: &'a str,
    /// The settings' tag.
    pub tag: &'a str,
    /// The names of all docks.
    pub docks: &'a [String],
    /// The values of variables, as the compose tool sees them.
    pub values: &'a dyn Fn(&str) -> Option<String>,
    /// Reads another file, by its path from the project.
    pub read: &'a dyn Fn(&Path) -> Result<Chain>,
}

/// A service that extends one of a file that extends one of a file: more than so many are a circle.
const DEEPEST: usize = 16;

#[derive(Deserialize)]
struct ComposeFile {
    services: Option<BTreeMap<String, Option<Service>>>,
}

#[derive(Debug, Clone, Deserialize)]
struct Service {
    image: Option<Spanned<String>>,
    extends: Option<Extends>,
}

/// The service that one is made of where it does not say otherwise: of this file, or of another.
#[derive(Debug, Clone, Default, Deserialize)]
struct Extended {
    service: Option<String>,
    file: Option<Spanned<String>>,
}

/// The same, which may be the service's name alone.
#[derive(Debug, Clone)]
struct Extends(Extended);

// Not derived as `untagged`: what is looked at twice has no place any more.
impl<'de> Deserialize<'de> for Extends {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        from.deserialize_any(ExtendsVisitor)
    }
}

struct ExtendsVisitor;

impl<'de> Visitor<'de> for ExtendsVisitor {
    type Value = Extends;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a service, or `service` and `file`")
    }

    fn visit_str<E>(self, name: &str) -> std::result::Result<Extends, E> {
        Ok(Extends(Extended { service: Some(name.to_owned()), file: None }))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> std::result::Result<Extends, A::Error> {
        Extended::deserialize(MapAccessDeserializer::new(map)).map(Extends)
    }
}

impl Chain {
    /// Reads a chain's text.
    ///
    /// # Errors
    /// It is no YAML, or not shaped as a Compose file: shown at its place in the text.
    pub fn parse(file: &Path, text: &str, markers: &Markers) -> Result<Self> {
        let rendered = Rendered::from_template(file, text, markers);
        let options = options();
        let read = serde_saphyr::from_str_with_options::<ComposeFile>(rendered.text(), options);
        let services = read.map_err(|e| malformed(&rendered, &e))?.services;
        let services = services.ok_or_else(|| {
            Error::config(format!("`{}` has no `services`", file.display())).hint(
                "a chain is a Compose file: `services:`, and below it a name and an `image:` each",
            )
        })?;
        let services = services.into_iter().filter_map(|(name, service)| Some((name, service?)));
        Ok(Self { file: file.to_owned(), services: services.collect(), rendered })
    }

    /// What the compose tool gets.
    pub fn text(&self) -> &str {
        self.rendered.text()
    }

    /// The docks whose images it names, once each. An image with a tag that no build gives is one from
    /// elsewhere.
    ///
    /// # Errors
    /// It names an image of the namespace that no dock makes, has variables that the compose tool refuses,
    /// or extends what cannot be read.
    pub fn docks(&self, of: &Ours<'_>) -> Result<Vec<String>> {
        let mut found = BTreeSet::new();
        for service in self.services.values() {
            found.extend(self.dock(service, of, 0)?);
        }
        Ok(found.into_iter().collect())
    }

    fn dock(&self, service: &Service, of: &Ours<'_>, depth: usize) -> Result<Option<String>> {
        if let Some(image) = &service.image {
            return self.own(image, of);
        }
        let Some(Extends(Extended { service, file })) = &service.extends else { return Ok(None) };
        match (service, file) {
            (service, Some(file)) => {
                let path = self.file.with_file_name(self.interpolated(file, of)?);
                if depth == DEEPEST {
                    return Err(self.mistake(file, "services extend each other in a circle"));
                }
                let other = (of.read)(&path).map_err(|error| match error.place() {
                    Some(_) => error,
                    None => self.mistake(file, error.message()),
                })?;
                let base = service.as_ref().and_then(|name| other.services.get(name));
                base.map_or(Ok(None), |base| other.dock(base, of, depth + 1))
            }
            (Some(name), None) => {
                let base = self.services.get(name).filter(|_| depth < DEEPEST);
                base.map_or(Ok(None), |base| self.dock(base, of, depth + 1))
            }
            (None, None) => Ok(None),
        }
    }

    /// The dock that makes an image, if one is to.
    fn own(&self, written: &Spanned<String>, of: &Ours<'_>) -> Result<Option<String>> {
        let image = self.interpolated(written, of)?;
        // What is no name of an image, the compose tool says best.
        let Ok(reference) = image.parse::<Reference>() else { return Ok(None) };
        let Some(name) = reference.built(of.namespace, of.tag) else { return Ok(None) };
        if of.docks.iter().any(|dock| dock == name) {
            return Ok(Some(name.to_owned()));
        }
        let error = self.mistake(written, &format!("no dock makes the image `{image}`"));
        Err(error.hint(suggestion(name, of.docks)))
    }

    fn interpolated(&self, text: &Spanned<String>, of: &Ours<'_>) -> Result<String> {
        interpolate(&text.value, of.values).ok_or_else(|| {
            let message = format!("variables in `{}` cannot be replaced", text.value);
            let forms = "`$NAME`, `${NAME}`, `${NAME:-default}` or `${NAME:?message}`";
            self.mistake(text, &message).hint(format!(
                "a variable is {forms}, the last only where it is set; `$$` is a `$`"
            ))
        })
    }

    fn mistake(&self, at: &Spanned<String>, message: &str) -> Error {
        self.rendered.mistake(message, &span(self.rendered.text(), at.referenced))
    }
}

/// What is read of YAML: aliases may make a small text large, and each level of nesting takes some of the
/// stack.
fn options() -> serde_saphyr::Options {
    let nesting = usize::try_from(Limits::default().of(Limit::Nesting)).unwrap_or(usize::MAX);
    let mut aliases = serde_saphyr::options::AliasLimits::default();
    aliases.max_total_replayed_events = MOST_REPLAYED;
    aliases.max_replay_stack_depth = 8;
    aliases.max_alias_expansions_per_anchor = MOST_ALIASES;
    serde_saphyr::options! {
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_depth: nesting,
            flow_nesting_limit: nesting,
            max_aliases: MOST_ALIASES,
            max_anchors: MOST_ALIASES,
            max_documents: 1,
        },
        alias_limits: aliases,
    }
}

/// Aliases and anchors of a Compose file; real ones have a dozen.
const MOST_ALIASES: usize = 1000;
/// Values that aliases stand for, altogether.
const MOST_REPLAYED: usize = 100_000;

fn malformed(rendered: &Rendered, error: &serde_saphyr::Error) -> Error {
    let message = UserMessageFormatter.format_message(error);
    let message = message.lines().next().unwrap_or("not valid YAML").escape_debug().to_string();
    let at = error.location().unwrap_or(Location::UNKNOWN);
    rendered.mistake(lower_first(message.trim()), &span(rendered.text(), at))
}

/// The bytes of a place, on one line of the text.
fn span(text: &str, at: Location) -> Range<usize> {
    let place = at.span();
    let number = |n: Option<u64>| n.and_then(|n| usize::try_from(n).ok());
    let start = number(place.byte_offset()).unwrap_or(0).min(text.len());
    let end = start.saturating_add(number(place.byte_len()).unwrap_or(0)).min(text.len());
    match text.get(start..end) {
        Some(part) => start..start + part.lines().next().unwrap_or_default().len(),
        None => 0..0,
    }
}
