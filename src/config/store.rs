//! `[store]` of `bb.toml` and its variables: where finished steps' results can be had from, and where they go.
//!
//! Asks no store, and reads no key.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::Settings;
use crate::base::error::{Error, Place, Result};

/// Where a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// A repository of an OCI registry, `HOST/REPOSITORY`.
    Registry(String),
    /// A folder, such as one that several machines have mounted.
    Folder(PathBuf),
    /// The same as a web server shows it; nothing can be given there.
    Web(String),
}

impl At {
    /// From its address; what is wrong with it, else.
    fn parse(url: &str) -> std::result::Result<Self, &'static str> {
        let (scheme, rest) =
            url.split_once("://").ok_or("it has no `oci://`, `file://` or `https://`")?;
        match scheme {
            "oci" if format!("{rest}:x").parse::<crate::base::reference::Reference>().is_ok() => {
                Ok(Self::Registry(rest.to_owned()))
            }
            "oci" => Err("what follows `oci://` is no repository of a registry"),
            "file" if rest.starts_with('/') => Ok(Self::Folder(rest.into())),
            "file" => Err("a folder has to be named from the root on: `file:///…`"),
            "https" | "http" if !rest.is_empty() => {
                Ok(Self::Web(url.trim_end_matches('/').to_owned()))
            }
            _ => Err("it is none of `oci://`, `file://` and `https://`"),
        }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(name) => write!(f, "oci://{name}"),
            Self::Folder(path) => write!(f, "file://{}", path.display()),
            Self::Web(url) => f.write_str(url),
        }
    }
}

/// When something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// Each time.
    Yes,
    /// Never.
    No,
    /// Where the variable `CI` is set, as pipelines do.
    Ci,
}

impl When {
    /// As `bb.toml` has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Ci => "ci",
        }
    }
}

/// What is said about the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSettings {
    /// Where it is; none where nothing is shared.
    pub at: Option<At>,
    /// When results are taken from it.
    pub pull: When,
    /// When results are given to it.
    pub push: When,
    /// Files with public keys, relative to the project: what is signed by one of these counts.
    pub trust: Vec<PathBuf>,
    /// The file with the key that is signed with. It is of the environment alone: nobody's project says what a
    /// user's key signs.
    pub key: Option<PathBuf>,
    /// Whether this is a pipeline.
    pub in_ci: bool,
}

impl Default for StoreSettings {
    fn default() -> Self {
        let (pull, push) = (When::Yes, When::No);
        Self { at: None, pull, push, trust: vec![], key: None, in_ci: false }
    }
}

impl StoreSettings {
    fn applies(&self, when: When) -> bool {
        self.at.is_some() && (when == When::Yes || when == When::Ci && self.in_ci)
    }

    /// Whether results are taken from it.
    #[must_use]
    pub fn pulls(&self) -> bool {
        self.applies(self.pull)
    }

    /// Whether results are given to it.
    #[must_use]
    pub fn pushes(&self) -> bool {
        self.applies(self.push)
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoreTable {
    url: Option<Spanned<String>>,
    pull: Option<Spanned<When>>,
    push: Option<Spanned<When>>,
    trust: Option<Spanned<Vec<PathBuf>>>,
}

impl Settings {
    pub(super) fn apply_store(
        &mut self,
        file: &Path,
        text: &str,
        table: &StoreTable,
    ) -> Result<()> {
        let from = &mut self.sources;
        if let Some(url) = &table.url {
            let at = At::parse(url.get_ref()).map_err(|why| {
                malformed("store.url", url.get_ref(), why).at(Place::new(file, text, url.span()))
            })?;
            from.at("store.url".to_owned(), url.span());
            self.store.at = Some(at);
        }
        from.file("store.pull", &mut self.store.pull, table.pull.clone());
        from.file("store.push", &mut self.store.push, table.push.clone());
        from.file("store.trust", &mut self.store.trust, table.trust.clone());
        Ok(())
    }

    pub(super) fn apply_store_env(&mut self, env: &BTreeMap<String, String>) -> Result<()> {
        let from = &mut self.sources;
        let mut url = None;
        from.env((env, "BB_STORE"), "store.url", &mut url, |url| Some(url.to_owned()));
        if let Some(url) = url {
            let at = At::parse(&url).map_err(|why| malformed("BB_STORE", &url, why))?;
            self.store.at = Some(at);
        }
        from.env((env, "BB_STORE_KEY"), "store.key", &mut self.store.key, |file| Some(file.into()));
        // As pipelines set it: `true`, or anything that does not say no.
        self.store.in_ci =
            env.get("CI").is_some_and(|said| !matches!(said.as_str(), "" | "0" | "false"));
        Ok(())
    }
}

fn malformed(name: &str, url: &str, why: &str) -> Error {
    Error::config(format!("`{name}` is `{url}`: {why}"))
        .hint("such as \"oci://registry.example/team/store\", \"file:///net/store\" or \"https://store.example\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_a_repository_a_folder_or_a_web_server() {
        for url in [
            "oci://h/r",
            "oci://localhost:5000/a/b",
            "file:///x/y",
            "https://h/x",
            "http://127.0.0.1:1",
        ] {
            assert_eq!(At::parse(url).unwrap().to_string(), url);
        }
        for url in ["", "h/r", "oci://", "oci://UPPER/X", "file://x", "ftp://h/x", "https://"] {
            assert!(At::parse(url).is_err(), "{url}");
        }
    }
}
