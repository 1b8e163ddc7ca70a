//! The images from elsewhere that a lock pins: which image each name means.
//!
//! All spellings of a name are one entry. Text ↔ values only; who looks a name up is elsewhere.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::HINT;
use crate::base::error::{Error, Result};
use crate::base::reference::{Reference, is_id};
use crate::base::words::visible;

/// Where an image was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The registry that its name begins with.
    Registry,
    /// The engine, which has it under that name.
    Engine,
}

/// Which image a name means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The name, in normal form.
    pub name: Reference,
    /// The digest of its manifest at the registry, `sha256:…`; none of an engine's image.
    pub digest: Option<String>,
    /// The image's ID: the digest of its configuration, `sha256:…`.
    pub id: String,
}

impl Base {
    /// Where it was found.
    pub fn origin(&self) -> Origin {
        if self.digest.is_some() { Origin::Registry } else { Origin::Engine }
    }
}

/// One entry as it is written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    id: String,
    source: Origin,
}

/// Images from elsewhere, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bases(BTreeMap<Reference, Base>);

impl Bases {
    /// The image that a Dockerfile means by a text. Podman's name of an image that is from no registry is found
    /// by its shorter one, where the engine has said so.
    pub fn get(&self, text: &str) -> Option<Base> {
        if let Some(id) = named_id(text) {
            // As a name it is one of those that engines take for the ID.
            return Some(Base { name: id.parse().ok()?, digest: None, id });
        }
        self.of(&text.parse().ok()?).cloned()
    }

    /// The image that a name means.
    pub fn of(&self, name: &Reference) -> Option<&Base> {
        let podmans = || {
            let base = self.0.get(&name.without_localhost()?)?;
            (base.origin() == Origin::Engine).then_some(base)
        };
        self.0.get(name).or_else(podmans)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Base> {
        self.0.values()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Pins an image by its name.
    pub fn insert(&mut self, base: Base) {
        self.0.insert(base.name.clone(), base);
    }

    /// Pins an image no more.
    pub fn remove(&mut self, name: &Reference) {
        self.0.remove(name);
    }

    pub(super) fn of_entries(entries: Vec<Entry>) -> Result<Self> {
        let mut bases = Self::default();
        for entry in entries {
            let base = entry.read()?;
            if bases.0.contains_key(&base.name) {
                let message = format!("`bb.lock` pins the base `{}` twice", base.name.normal());
                return Err(Error::config(message).hint(HINT));
            }
            bases.insert(base);
        }
        Ok(bases)
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        let entry = |base: &Base| Entry {
            name: base.name.normal(),
            digest: base.digest.clone(),
            id: base.id.clone(),
            source: base.origin(),
        };
        self.0.values().map(entry).collect()
    }
}

impl Entry {
    fn read(self) -> Result<Base> {
        let Self { name, digest, id, source } = self;
        let bad = |key: &str| {
            let shown = name.chars().take(80).collect::<String>();
            let message = format!(
                "`{key}` of the base `{}` in `bb.lock` is not what it should be",
                visible(&shown)
            );
            Err(Error::config(message).hint(HINT))
        };
        let Some(parsed) = name.parse::<Reference>().ok().filter(|parsed| parsed.normal() == name)
        else {
            return bad("name");
        };
        if named_id(&id).as_deref() != Some(id.as_str()) {
            return bad("id");
        }
        let good = match (source, &digest) {
            (Origin::Registry, Some(digest)) => named_id(digest).as_ref() == Some(digest),
            (Origin::Engine, None) => true,
            _ => false,
        };
        if !good {
            return bad(if digest.is_some() { "digest" } else { "source" });
        }
        Ok(Base { name: parsed, digest, id })
    }
}

/// The image's ID that a text is, with the name of its algorithm: that pins itself.
pub(super) fn named_id(text: &str) -> Option<String> {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    is_id(hex).then(|| format!("sha256:{hex}"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Pins;
    use super::*;

    fn id(letter: &str) -> String {
        format!("sha256:{}", letter.repeat(64))
    }

    fn base(name: &str, digest: Option<String>) -> Base {
        Base { name: name.parse().unwrap(), digest, id: id("a") }
    }

    fn parse(text: &str) -> Result<Pins> {
        Pins::parse(Path::new("bb.lock"), text)
    }

    #[test]
    fn a_lock_of_bases_only_is_read_as_it_was_written() {
        let mut pins = Pins::default();
        pins.bases.insert(base("r.example/x:1", Some(id("b"))));
        pins.bases.insert(base("debian:12", None));
        let text = pins.to_text().unwrap();
        let expected = format!(
            "# Written by bb; moved by `bb update` only.\n\
             [[base]]\nname = \"docker.io/library/debian:12\"\nid = \"{}\"\nsource = \"engine\"\n\n\
             [[base]]\nname = \"r.example/x:1\"\ndigest = \"{}\"\nid = \"{}\"\nsource = \"registry\"\n",
            id("a"),
            id("b"),
            id("a")
        );
        assert_eq!(text, expected);
        assert_eq!(parse(&text).unwrap(), pins);
    }

    #[test]
    fn all_spellings_are_one_entry() {
        let mut bases = Bases::default();
        for name in
            ["debian:12", "docker.io/library/debian:12", "index.docker.io/library/debian:12"]
        {
            bases.insert(base(name, Some(id("b"))));
            assert!(bases.get(name).is_some(), "{name}");
        }
        assert_eq!(bases.iter().count(), 1);
        // Podman's name of an image that is from no registry, where it is the engine's.
        assert_eq!(bases.get("localhost/library/debian:12"), None);
        bases.insert(base("x:1", None));
        bases.insert(base("y:1", Some(id("b"))));
        assert_eq!(bases.get("localhost/x:1").unwrap().name.to_string(), "x:1");
        assert_eq!(bases.get("localhost/y:1"), None);
        bases.insert(Base { id: id("c"), ..base("localhost/x:1", Some(id("b"))) });
        assert_eq!(bases.get("localhost/x:1").unwrap().id, id("c"));
    }

    #[test]
    fn an_id_pins_itself() {
        let bases = Bases::default();
        for text in [id("a"), "a".repeat(64)] {
            assert_eq!(bases.get(&text).unwrap().id, id("a"));
        }
    }

    #[test]
    fn what_bb_does_not_write_is_refused() {
        let good = |name: &str| {
            format!("[[base]]\nname = \"{name}\"\nid = \"{}\"\nsource = \"engine\"\n", id("a"))
        };
        assert!(parse(&good("docker.io/library/a:1")).is_ok());
        let twice = good("docker.io/library/a:1").repeat(2);
        let cases = [
            (good("a:1"), "`name` of the base `a:1` in `bb.lock` is not what it should be"),
            (good("../a"), "`name` of the base `../a` in `bb.lock` is not what it should be"),
            (good("\\u001b"), "`name` of the base `\\u{1b}` in `bb.lock` is not what it should be"),
            (twice, "`bb.lock` pins the base `docker.io/library/a:1` twice"),
        ];
        for (text, message) in cases {
            assert_eq!(parse(&text).unwrap_err().message(), message);
        }
        let good = good("docker.io/library/a:1");
        let with = |line: &str| format!("{good}{line}\n");
        let cases = [
            (good.replace(&id("a"), &"a".repeat(64)), "id"),
            (good.replace(&id("a"), &id("A")), "id"),
            (good.replace("engine", "registry"), "source"),
            (with(&format!("digest = \"{}\"", id("b"))), "digest"),
            (with("digest = \"sha256:../x\"").replace("engine", "registry"), "digest"),
        ];
        for (text, key) in cases {
            let message = format!(
                "`{key}` of the base `docker.io/library/a:1` in `bb.lock` is not what it should be"
            );
            assert_eq!(parse(&text).unwrap_err().message(), message);
        }
        for text in [with("tag = \"1\""), good.replace("engine", "mirror"), "[base]\n".to_owned()] {
            assert!(parse(&text).is_err(), "{text}");
        }
    }
}
