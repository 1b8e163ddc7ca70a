//! Whose signatures count: `[trust]` of `bb.toml` and its variables.
//!
//! Knows no certificate.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use super::{Settings, list};
use crate::base::error::Result;

/// Primary fingerprints of the keys that Gentoo signs stages (first) and snapshots (second) with.
/// Source: <https://www.gentoo.org/downloads/signatures/>.
pub const GENTOO_FINGERPRINTS: [&str; 2] =
    ["13EBBDBEDE7A12775DFDB1BABB572E0E2D182910", "DCD05B71EAB94199527F44ACDB6B8C1F96D8BF6D"];

/// Where Gentoo's package sec-keys/openpgp-keys-gentoo-release puts the certificates.
pub const INSTALLED_KEYRING: &str = "/usr/share/openpgp-keys/gentoo-release.asc";

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrustTable {
    keyring: Option<Spanned<PathBuf>>,
    fingerprints: Option<Spanned<Vec<String>>>,
    key_urls: Option<Spanned<Vec<String>>>,
}

impl Settings {
    pub(super) fn apply_trust(&mut self, table: TrustTable) {
        let from = &mut self.sources;
        from.file("trust.keyring", &mut self.keyring, table.keyring);
        from.file("trust.fingerprints", &mut self.fingerprints, table.fingerprints);
        from.file("trust.key_urls", &mut self.key_urls, table.key_urls);
    }

    pub(super) fn apply_trust_env(&mut self, env: &BTreeMap<String, String>) -> Result<()> {
        let from = &mut self.sources;
        from.env((env, "BB_KEYRING"), "trust.keyring", &mut self.keyring, |file| file.into());
        from.env((env, "BB_FINGERPRINTS"), "trust.fingerprints", &mut self.fingerprints, list);
        from.env((env, "BB_KEY_URLS"), "trust.key_urls", &mut self.key_urls, list);
        let skip = from.flag((env, "BB_SKIP_VERIFY"), "skip_verify")?;
        self.skip_verify = skip.unwrap_or(self.skip_verify);
        if let Some((variable, data)) = data_folder(env) {
            from.variable("own_keys", variable);
            self.own_keys = Some(data.join("gentoo-bb/keys"));
        }
        Ok(())
    }
}

/// The user's folder for data, as the XDG Base Directory Specification has it, and the variable that leads
/// there: a relative path does not count.
fn data_folder(env: &BTreeMap<String, String>) -> Option<(&'static str, PathBuf)> {
    let absolute = |name: &str| env.get(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let named = absolute("XDG_DATA_HOME").map(|data| ("XDG_DATA_HOME", data));
    named.or_else(|| Some(("HOME", absolute("HOME")?.join(".local/share"))))
}
