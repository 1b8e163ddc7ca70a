//! What a builder tells before anything is compiled: packages, the keys of their binary packages, their sources.
//!
//! Pure. The text comes out of a builder: it is read as input from somebody who means harm, with limits.

use std::collections::BTreeMap;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::base::hex::hex;
use crate::base::limits::{Limit, Limits};

const FORMAT: u32 = 1;
/// As long as web servers take one.
const LONGEST_ADDRESS: usize = 2048;
/// As long as Linux takes one (`NAME_MAX`).
const LONGEST_NAME: usize = 255;
/// In bytes, of what an ebuild says: four times as many as the builder gives characters.
const LONGEST_WORDS: usize = 16_000;
/// Hexadecimal digits of a key, of a BLAKE2b-512 or SHA-512, and of a SHA-256.
const KEY: usize = 32;
const DIGEST: usize = 128;
const SHA256: usize = 64;

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Planned {
    format: u32,
    /// What would be merged, into the image or into the builder.
    pub packages: Vec<Package>,
    /// What those that are to be compiled are made of.
    pub sources: Vec<Source>,
    /// How many are to be compiled.
    pub compile: usize,
    /// Whether the tools of the box can go by a jobserver's tokens, and the box has one.
    #[serde(default)]
    pub jobserver: bool,
}

/// One package.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Package {
    /// `category/name-version`.
    pub cpv: String,
    /// Over all that its content depends on, as the builder knows it.
    pub key: String,
    /// When its binary package was last used, in seconds since 1970; nothing if there is none.
    pub used: Option<i64>,
    /// SHA-256 of that, in hex.
    pub digest: Option<String>,
    /// Whether the image gets it.
    #[serde(rename = "image")]
    _image: bool,
    #[serde(rename = "use")]
    _use: Vec<String>,
}

/// One source archive, by its Manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    /// The file's name.
    pub name: String,
    /// In bytes.
    pub size: u64,
    /// BLAKE2b-512 in hex, if the Manifest has it.
    pub blake2b: Option<String>,
    /// SHA-512 in hex, if the Manifest has it.
    pub sha512: Option<String>,
    /// Where its author publishes it.
    pub uris: Vec<String>,
    /// Whether the cache has it.
    pub there: bool,
    /// Whether our mirrors may not be asked: `RESTRICT` of its ebuild.
    #[serde(default)]
    pub restricted: bool,
    /// Where nobody may fetch it but the user, what its ebuild tells them.
    pub nofetch: Option<String>,
}

impl Planned {
    /// Reads what a builder wrote.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub(crate) fn read(text: &[u8], limits: &Limits) -> Result<Self, String> {
        let planned = serde_json::from_slice::<Self>(text).map_err(|e| e.to_string())?;
        if planned.format != FORMAT {
            return Err(format!("its format is {}, not {FORMAT}", planned.format));
        }
        limited(limits, Limit::Packages, planned.packages.len() as u64, "it")?;
        limited(limits, Limit::Sources, planned.sources.len() as u64, "it")?;
        planned.packages.iter().try_for_each(Package::check)?;
        planned.sources.iter().try_for_each(|source| source.check(limits))?;
        Ok(planned)
    }
}

fn limited(limits: &Limits, limit: Limit, count: u64, what: &str) -> Result<(), String> {
    limits.check(limit, count).map_err(|exceeded| format!("{what} has {exceeded}"))
}

impl Package {
    fn check(&self) -> Result<(), String> {
        let part = |part: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || "+_.-".contains(c);
            !part.is_empty() && !part.starts_with(['.', '-']) && part.chars().all(plain)
        };
        let named = self.cpv.split_once('/').is_some_and(|(c, pf)| part(c) && part(pf));
        if !named || self.cpv.len() > LONGEST_NAME {
            return Err(format!("`{}` is no package", self.cpv.escape_debug()));
        }
        if !is_hex(&self.key, KEY) {
            return Err(format!("`{}` is no key", self.key.escape_debug()));
        }
        if self.digest.as_ref().is_some_and(|digest| !is_hex(digest, SHA256)) {
            return Err(format!("`{}` has no digest", self.cpv));
        }
        Ok(())
    }

    /// Where the cache of binary packages has it. What was compiled beside a dock's code is found by those only
    /// that have the same code.
    pub(crate) fn cache_path(&self, code: Option<&str>) -> String {
        let key = match code {
            Some(code) => {
                hex(&Sha256::digest(format!("code {code} {}", self.key)))[..KEY].to_owned()
            }
            None => self.key.clone(),
        };
        format!("{}-{key}.gpkg.tar", self.cpv)
    }
}

impl Source {
    fn check(&self, limits: &Limits) -> Result<(), String> {
        let named = || self.name.escape_debug();
        let odd = |c: char| c == '/' || c == '\\' || c.is_whitespace() || c.is_control();
        let name_ok = !self.name.starts_with(['.', '-']) && !self.name.contains(odd);
        if !name_ok || self.name.is_empty() || self.name.len() > LONGEST_NAME {
            return Err(format!("`{}` is not the name of a source", named()));
        }
        let what = format!("the source `{}`", named());
        limited(limits, Limit::SourceSize, self.size, &what)?;
        limited(limits, Limit::Addresses, self.uris.len() as u64, &what)?;
        let digests = || self.blake2b.iter().chain(&self.sha512);
        if digests().next().is_none() || digests().any(|digest| !is_hex(digest, DIGEST)) {
            return Err(format!("{what} has no digest"));
        }
        self.check_restricted()?;
        self.uris.iter().try_for_each(|uri| self.check_address(uri))
    }

    fn check_restricted(&self) -> Result<(), String> {
        let Some(words) = &self.nofetch else { return Ok(()) };
        let named = self.name.escape_debug();
        if !self.restricted || !self.uris.is_empty() {
            return Err(format!("the source `{named}` is for the user to fetch, and for others"));
        }
        if words.len() > LONGEST_WORDS {
            return Err(format!("it has too much to say of the source `{named}`"));
        }
        Ok(())
    }

    fn check_address(&self, uri: &str) -> Result<(), String> {
        let web = uri.starts_with("https://") || uri.starts_with("http://");
        let odd = |c: char| c.is_whitespace() || c.is_control();
        if web && uri.len() <= LONGEST_ADDRESS && !uri.contains(odd) {
            return Ok(());
        }
        let shown = uri.chars().take(100).collect::<String>();
        let (shown, name) = (shown.escape_debug(), &self.name);
        Err(format!("it asks for the source `{name}` from `{shown}`, which is no web address"))
    }

    /// Where the cache of sources has it: a file of the same name with another content is another file.
    pub(crate) fn cache_path(&self) -> String {
        let digest = self.blake2b.as_ref().or(self.sha512.as_ref());
        format!("{}/{}", digest.map_or("", String::as_str).to_ascii_lowercase(), self.name)
    }
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// What the dock has set in the first box.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// The image's packages, with blanks between them.
    pub packages: String,
    /// What the builder gets besides.
    pub build_packages: String,
}

impl Wishes {
    /// Reads `NAME\0VALUE\0…`.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub(crate) fn read(text: &[u8], limits: &Limits) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|_| "they are not UTF-8".to_owned())?;
        let mut fields = text.split_terminator('\0');
        let mut values = BTreeMap::new();
        while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
            values.insert(name, value);
        }
        let value = |name: &str| words(name, values.get(name).copied().unwrap_or_default(), limits);
        Ok(Self { packages: value("PACKAGES")?, build_packages: value("BUILD_PACKAGES")? })
    }
}

/// A list of packages as it may be given to Portage: no option, no path.
fn words(name: &str, value: &str, limits: &Limits) -> Result<String, String> {
    let all = value.split_whitespace().collect::<Vec<_>>();
    limited(limits, Limit::Atoms, all.len() as u64, &format!("`{name}`"))?;
    match all.iter().find(|word| !is_atom(word)) {
        Some(word) => {
            let shown = word.chars().take(100).collect::<String>();
            Err(format!("`{}` in `{name}` is no package", shown.escape_debug()))
        }
        None => Ok(all.join(" ")),
    }
}

/// `category/name`, `>=category/name-1:2/3::repo[flag,-flag]`, `name`, `@set`.
fn is_atom(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_+./:*~[](),?!=@-".contains(c);
    let begin = word.trim_start_matches(['<', '>', '=', '~', '@']);
    let file = [".ebuild", ".tbz2", ".xpak", ".gpkg.tar"].iter().any(|end| word.ends_with(end));
    let named = begin.starts_with(|c: char| c.is_ascii_alphanumeric() || "_*".contains(c));
    named
        && !file
        && word.len() <= LONGEST_NAME
        && begin.chars().all(plain)
        && !begin.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "0123456789abcdef0123456789abcdef";

    fn read(text: &str) -> Result<Planned, String> {
        Planned::read(text.as_bytes(), &Limits::default())
    }

    fn plan(cpv: &str, key: &str, name: &str, uri: &str) -> String {
        let digest = HEX.repeat(4);
        format!(
            r#"{{"format": 1, "compile": 1, "packages":
                [{{"cpv": "{cpv}", "key": "{key}", "used": null, "digest": null, "image": true, "use": ["a"]}}],
              "sources": [{{"name": "{name}", "size": 7, "blake2b": "{digest}", "uris": ["{uri}"],
                "there": false}}]}}"#
        )
    }

    fn wrong(cpv: &str, key: &str, name: &str, uri: &str) -> String {
        read(&plan(cpv, key, name, uri)).unwrap_err()
    }

    #[test]
    fn a_plan_names_packages_keys_and_sources() {
        let text = plan("sys-libs/zlib-1.3-r1", HEX, "zlib-1.3.tar.xz", "https://zlib.net/z.xz");
        let planned = read(&text).unwrap();
        assert_eq!(
            planned.packages[0].cache_path(None),
            format!("sys-libs/zlib-1.3-r1-{HEX}.gpkg.tar")
        );
        assert_eq!(planned.sources[0].cache_path(), format!("{}/zlib-1.3.tar.xz", HEX.repeat(4)));
    }

    #[test]
    fn code_leads_to_other_keys() {
        let package = Package { cpv: "a/b-1".into(), key: HEX.into(), ..Package::default() };
        let paths = [None, Some("x"), Some("y")].map(|code| package.cache_path(code));
        assert!(paths[0] != paths[1] && paths[1] != paths[2] && paths[0] != paths[2]);
        // The builder looks there by itself: `own_key` of gentoo_bob/keys.py.
        assert_eq!(paths[1], "a/b-1-87bee060fe173cb615bd5f27252792a1.gpkg.tar");
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
        let uri = "https://host/x";
        for name in ["../x", "a/b", ".x", "-x", "", "a b", "a\\u0000b", "a\\nb", &"x".repeat(256)] {
            assert!(
                wrong("a/b-1", HEX, name, uri).contains("is not the name of a source"),
                "{name}"
            );
        }
        for uri in
            ["file:///etc/shadow", "/etc/shadow", "./x", "ftp://h/x", "https://h/a b", "HTTP:x"]
        {
            let said = wrong("a/b-1", HEX, "x", uri);
            assert!(said.ends_with(&format!("from `{uri}`, which is no web address")), "{said}");
        }
        for cpv in ["a", "../b-1", "a/../b", "a/b/c", "/b", "a/", "a/-b", "a/b c", "a/b\\u0000"] {
            assert!(wrong(cpv, HEX, "x", uri).ends_with("is no package"), "{cpv}");
        }
        for key in ["", "x", &HEX[1..], "../../../../../../../../../etc/xx"] {
            assert!(wrong("a/b-1", key, "x", uri).ends_with("is no key"), "{key}");
        }
    }

    #[test]
    fn other_fields_formats_and_texts_are_refused() {
        let text = plan("a/b-1", HEX, "x", "https://h/x");
        for other in [
            text.replace("\"format\": 1", "\"format\": 2"),
            text.replace("\"format\": 1", "\"format\": 1, \"run\": \"id\""),
            text.replace("\"size\": 7", "\"size\": -1"),
            text.replace("\"size\": 7", "\"size\": 99999999999"),
            text.replace("\"blake2b\"", "\"md5\""),
            text.replace(&HEX.repeat(4), "xx"),
            "[".repeat(100_000),
            String::new(),
        ] {
            assert!(read(&other).is_err());
        }
        let many = format!(r#"["{}"]"#, vec!["https://h/x"; 201].join("\",\""));
        let many = text.replace(r#"["https://h/x"]"#, &many);
        assert_eq!(
            read(&many).unwrap_err(),
            "the source `x` has more than 200 (`addresses`: addresses of one source archive)"
        );
        let limits = |limit, value| Limits::default().with(limit, value);
        for limit in [Limit::Packages, Limit::Sources, Limit::SourceSize] {
            let said = Planned::read(text.as_bytes(), &limits(limit, 0)).unwrap_err();
            assert!(said.contains(&format!(
                "more than {} (`{}`",
                limit.shown(0),
                limit.row().name
            )));
        }
    }

    #[test]
    fn what_only_the_user_may_fetch_has_no_address() {
        let text = plan("a/b-1", HEX, "x", "https://h/x");
        let said = |fields: &str| read(&text.replace("\"there\"", &format!("{fields}, \"there\"")));
        assert!(said("\"restricted\": true").unwrap().sources[0].restricted);
        let by_hand = "\"restricted\": true, \"nofetch\": \"get it\"";
        for wrong in [by_hand, "\"nofetch\": \"\""] {
            assert_eq!(
                said(wrong).unwrap_err(),
                "the source `x` is for the user to fetch, and for others"
            );
        }
        let text = text.replace("\"https://h/x\"", "");
        let said = |fields: &str| read(&text.replace("\"there\"", &format!("{fields}, \"there\"")));
        assert_eq!(said(by_hand).unwrap().sources[0].nofetch.as_deref(), Some("get it"));
        let long = by_hand.replace("get it", &"x".repeat(LONGEST_WORDS + 1));
        assert_eq!(said(&long).unwrap_err(), "it has too much to say of the source `x`");
        assert!(said("\"nofetch\": \"\"").is_err());
    }

    #[test]
    fn wishes_are_packages() {
        let limits = Limits::default();
        let read =
            |packages: &str| Wishes::read(format!("PACKAGES\0{packages}\0").as_bytes(), &limits);
        let good = " a/b\n >=a/b-1.2:3/4=::gentoo[x,-y?] b @set  =a/b-1* ~a/b-1 ";
        assert_eq!(
            read(good).unwrap().packages,
            "a/b >=a/b-1.2:3/4=::gentoo[x,-y?] b @set =a/b-1* ~a/b-1"
        );
        for bad in [
            "--root=/",
            "-a",
            "/config/x",
            "./x.ebuild",
            "a/x.ebuild",
            "$(id)",
            "a;b",
            "`id`",
            "é",
            "../a",
        ] {
            assert_eq!(read(bad).unwrap_err(), format!("`{bad}` in `PACKAGES` is no package"));
        }
        assert!(read(&"a ".repeat(10_001)).unwrap_err().contains("more than 10000"));
        assert!(Wishes::read(b"\xff\0", &limits).is_err());
        assert_eq!(Wishes::read(b"", &limits).unwrap(), Wishes::default());
    }
}
