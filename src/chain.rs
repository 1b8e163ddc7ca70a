//! A chain: images that run together, as a Compose file with the markers of a `Dockerfile.template`.
//!
//! Knows text only, and of Compose's format nothing but `services.*.image`: what is wrong with the rest,
//! the compose tool says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;

use serde::Deserialize;
use serde_saphyr::{Location, MessageFormatter, Spanned, UserMessageFormatter};

use crate::dock::{Markers, Rendered};
use crate::error::{Error, Result, lower_first};
use crate::limits::{Limit, Limits};
use crate::plan::select::suggestion;

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

/// A Compose file without markers, and the images that it names.
#[derive(Debug, Clone)]
pub struct Chain {
    rendered: Rendered,
    images: Vec<(String, Range<usize>)>,
}

#[derive(Deserialize)]
struct ComposeFile {
    services: Option<BTreeMap<String, Option<Service>>>,
}

#[derive(Deserialize)]
struct Service {
    image: Option<Spanned<String>>,
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
        let images = services.into_values().flatten().filter_map(|service| service.image);
        let images = images.map(|i| (span(rendered.text(), i.referenced), i.value));
        let images = images.map(|(span, image)| (image, span)).collect();
        Ok(Self { rendered, images })
    }

    /// What the compose tool gets.
    pub fn text(&self) -> &str {
        self.rendered.text()
    }

    /// The docks whose images it names, once each. An image with a tag that no build gives is one from
    /// elsewhere.
    ///
    /// # Errors
    /// It names an image of the namespace that no dock makes.
    pub fn docks(&self, namespace: &str, tag: &str, docks: &[String]) -> Result<Vec<String>> {
        let known = docks.iter().map(String::as_str).collect::<BTreeSet<_>>();
        let mut ours = vec![];
        for (image, span) in &self.images {
            let Some(name) = own_name(image, namespace, tag) else { continue };
            if !known.contains(name) {
                let message = format!("no dock makes the image `{image}`");
                return Err(self.rendered.mistake(message, span).hint(suggestion(name, docks)));
            }
            ours.push(name.to_owned());
        }
        ours.sort();
        ours.dedup();
        Ok(ours)
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

/// The dock of an image that a build tags.
fn own_name<'a>(image: &'a str, namespace: &str, tag: &str) -> Option<&'a str> {
    let rest = image.strip_prefix(namespace)?.strip_prefix('/')?;
    let (name, tagged) = rest.split_once(':').unwrap_or((rest, "latest"));
    let ours = tagged == tag || tagged == "latest";
    (ours && !name.contains(['/', '@', '$'])).then_some(name)
}

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
