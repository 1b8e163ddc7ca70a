//! Whose signatures count: `[trust]` of `bb.toml` and its variables.
//!
//! Knows no certificate.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::{Settings, list, put};

/// Primary fingerprints of the keys that Gentoo signs stages (first) and snapshots (second) with.
/// Source: <https://www.gentoo.org/downloads/signatures/>.
pub const GENTOO_FINGERPRINTS: [&str; 2] =
    ["13EBBDBEDE7A12775DFDB1BABB572E0E2D182910", "DCD05B71EAB94199527F44ACDB6B8C1F96D8BF6D"];

/// Where Gentoo publishes the certificates of these keys: all in one file, and each in the web key
/// directory of its domain (the name is z-base-32 of SHA-1 of the address's local part).
/// Source: <https://www.gentoo.org/downloads/signatures/>.
pub const GENTOO_KEY_URLS: [&str; 3] = [
    "https://qa-reports.gentoo.org/output/service-keys.gpg",
    "https://gentoo.org/.well-known/openpgpkey/hu/wtktzo4gyuhzu8a4z5fdj3fgmr1u6tob?l=releng",
    "https://gentoo.org/.well-known/openpgpkey/hu/gzhmqtt9d5d1y1bw4ufs47npj5wn8pyx?l=infrastructure",
];

/// Where Gentoo's package sec-keys/openpgp-keys-gentoo-release puts the certificates.
pub const INSTALLED_KEYRING: &str = "/usr/share/openpgp-keys/gentoo-release.asc";

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrustTable {
    keyring: Option<PathBuf>,
    fingerprints: Option<Vec<String>>,
    key_urls: Option<Vec<String>>,
}

impl Settings {
    pub(super) fn apply_trust(&mut self, table: TrustTable) {
        put(&mut self.keyring, table.keyring);
        put(&mut self.fingerprints, table.fingerprints);
        put(&mut self.key_urls, table.key_urls);
    }

    pub(super) fn apply_trust_env(&mut self, env: &BTreeMap<String, String>) {
        let get = |name: &str| env.get(name).filter(|v| !v.is_empty()).cloned();
        put(&mut self.keyring, get("BB_KEYRING").map(PathBuf::from));
        put(&mut self.fingerprints, get("BB_FINGERPRINTS").map(|v| list(&v)));
        put(&mut self.key_urls, get("BB_KEY_URLS").map(|v| list(&v)));
        self.skip_verify = get("BB_SKIP_VERIFY").is_some_and(|v| v != "0");
        self.own_keys = data_folder(env).map(|data| data.join("gentoo-bb/keys"));
    }
}

/// The user's folder for data, as the XDG Base Directory Specification has it: a relative path does
/// not count.
fn data_folder(env: &BTreeMap<String, String>) -> Option<PathBuf> {
    let absolute = |name: &str| env.get(name).map(PathBuf::from).filter(|p| p.is_absolute());
    absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")))
}
