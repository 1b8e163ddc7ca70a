//! The packages of an image, out of the lists that the builder has written.

use std::collections::BTreeMap;
use std::str::FromStr;

use packageurl::PackageUrl;
use serde::{Deserialize, Serialize};

use crate::base::hex::is_hex;

/// One archive that a package was made of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Source {
    /// The file's name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// BLAKE2b-512 in hex, if the Manifest has it.
    #[serde(default)]
    pub blake2b: Option<String>,
    /// SHA-512 in hex, if the Manifest has it.
    #[serde(default)]
    pub sha512: Option<String>,
}

impl Source {
    /// The name as a relative reference: where a mirror keeps it is the mirror's business.
    pub(super) fn file_url(&self) -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let escaped = |byte: u8| {
            if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
        };
        self.name.bytes().map(escaped).collect()
    }
}

/// One package, as in `packages.json`; `bob/README.md` has the fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are Portage's")]
pub struct Package {
    pub category: String,
    pub name: String,
    pub version: String,
    pub slot: String,
    pub repository: String,
    pub r#use: Vec<String>,
    pub license: String,
    pub purl: String,
    pub size: u64,
    /// Which image brought it.
    pub image: String,
    pub sources: Vec<Source>,
}

impl Package {
    /// `category/name-version`.
    pub fn cpv(&self) -> String {
        format!("{}/{}-{}", self.category, self.name, self.version)
    }

    fn check(&self) -> Result<(), String> {
        let cpv = self.cpv();
        let purl = PackageUrl::from_str(&self.purl);
        let purl = purl.map_err(|e| format!("the package URL of `{cpv}`: {e}"))?;
        let same = purl.ty() == "ebuild"
            && purl.namespace() == Some(&self.category)
            && purl.name() == self.name
            && purl.version() == Some(&self.version);
        if !same {
            return Err(format!("the package URL of `{cpv}` is of another package"));
        }
        let long = |hash: &&String| hash.len() != 128 || !is_hex(hash);
        let hashes = self.sources.iter().flat_map(|s| s.blake2b.iter().chain(&s.sha512));
        match hashes.clone().find(long) {
            Some(hash) => Err(format!("`{hash}`, of a source of `{cpv}`, is no digest")),
            None => Ok(()),
        }
    }
}

/// All that goes into a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The image's name.
    pub name: String,
    /// Its tag.
    pub version: String,
    /// Seconds since 1970.
    pub epoch: u64,
    /// The packages, sorted, each once.
    pub packages: Vec<Package>,
    /// Images from elsewhere that it is built on or copies from: what is in them is not known.
    pub externals: Vec<String>,
}

/// How far an image from elsewhere is to be trusted: a pin says that it is the same as before, not whose it is. Which
/// one it is, the labels of those say that are built on it; what is only copied from one counts by its content.
pub(super) const EXTERNAL_TRUST: &str = "pinned, not signed";

/// Reads one `packages.json`.
///
/// # Errors
/// Why it is not one.
pub fn parse(text: &[u8]) -> Result<Vec<Package>, String> {
    let packages = serde_json::from_slice::<Vec<Package>>(text).map_err(|e| e.to_string())?;
    packages.iter().try_for_each(Package::check)?;
    Ok(packages)
}

/// Several lists as one. A package that is in more than one is told as by the first.
pub fn merge(lists: impl IntoIterator<Item = Vec<Package>>) -> Vec<Package> {
    let mut merged = BTreeMap::new();
    for package in lists.into_iter().flatten() {
        merged.entry(package.purl.clone()).or_insert(package);
    }
    let mut packages = merged.into_values().collect::<Vec<_>>();
    packages.sort_by(|a, b| (&a.category, &a.name, &a.purl).cmp(&(&b.category, &b.name, &b.purl)));
    packages
}
