//! A file from elsewhere that a dock's hooks get: `[rootfs] fetch` of its `dock.toml`.
//!
//! Pinned by size and digest: where it comes from does not matter. Fetches nothing.

use serde::{Deserialize, Serialize};

/// Hexadecimal digits of a SHA-512.
const DIGITS: usize = 128;
/// As long as Linux takes a name (`NAME_MAX`).
const LONGEST_NAME: usize = 255;

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct Fetched {
    /// What it is called below `/config/fetched`.
    pub name: String,
    /// `http://` or `https://`, anywhere public.
    pub url: String,
    /// SHA-512, in hex.
    pub sha512: String,
    /// In bytes.
    pub size: u64,
}

/// As somebody writes it: the name is the address's last part, if there is none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    url: String,
    sha512: String,
    size: u64,
    name: Option<String>,
}

impl TryFrom<Written> for Fetched {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { url, sha512, size, name } = written;
        let address = ["http://", "https://"].iter().find_map(|scheme| url.strip_prefix(scheme));
        let Some((_, path)) = address.and_then(|rest| rest.split_once('/')) else {
            return Err(format!("`{url}` is not the address of a file: http:// or https://"));
        };
        if sha512.len() != DIGITS || !sha512.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(format!("`sha512` of `{url}` is not {DIGITS} hexadecimal digits"));
        }
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let last = path.rsplit('/').next().unwrap_or_default();
        let name = name.unwrap_or_else(|| last.to_owned());
        if !is_name(&name) {
            return Err(format!("`{name}` is not a file's name: say one with `name`"));
        }
        Ok(Self { name, url, sha512: sha512.to_ascii_lowercase(), size })
    }
}

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._+-~@=".contains(c);
    !name.is_empty()
        && name.len() <= LONGEST_NAME
        && name.chars().all(plain)
        && !name.starts_with(['.', '-'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Fetched, String> {
        toml::from_str(text).map_err(|e| e.message().trim().to_owned())
    }

    fn written(url: &str, rest: &str) -> String {
        format!("url = '{url}'\nsha512 = '{}'\nsize = 7\n{rest}", "aB".repeat(64))
    }

    #[test]
    fn a_name_is_the_addresss_last_part_or_what_is_said() {
        let named = |url: &str, rest: &str| read(&written(url, rest)).unwrap().name;
        assert_eq!(named("https://h/a/x-1.tar.gz?id=/7#y", ""), "x-1.tar.gz");
        assert_eq!(named("http://h/?id=7", "name = 'x.tar'"), "x.tar");
        let fetched = read(&written("https://h/x", "")).unwrap();
        assert_eq!((fetched.size, fetched.sha512), (7, "ab".repeat(64)));
    }

    #[test]
    fn two_files_have_two_names() {
        use crate::dock::settings::parse;
        let one = format!("[[rootfs.fetch]]\n{}", written("https://h/a/x", ""));
        let file = std::path::Path::new("dock.toml");
        let error = parse(file, &format!("{one}\n{}", one.replace("/a/", "/b/"))).unwrap_err();
        let told = "`dock.toml` fetches two files that are called `x`";
        assert_eq!(error.message(), told);
        let other = format!("{one}\n{one}name = 'y'\n");
        assert_eq!(parse(file, &other).unwrap().rootfs.fetch.len(), 2);
    }

    #[test]
    fn what_is_no_file_is_refused() {
        for url in ["https://h", "ftp://h/x", "/etc/shadow", "file:///x"] {
            assert!(read(&written(url, "")).unwrap_err().contains("is not the address"), "{url}");
        }
        for name in ["../x", ".x", "-x", "a/b", "", "a b", "é"] {
            let error = read(&written("https://h/x", &format!("name = '{name}'"))).unwrap_err();
            assert!(error.contains("is not a file's name"), "{error}");
        }
        assert!(read(&written("https://h/", "")).unwrap_err().contains("say one with `name`"));
        let short = written("https://h/x", "").replacen("aB", "", 1);
        assert!(read(&short).unwrap_err().contains("128 hexadecimal digits"));
        assert!(read(&written("https://h/x", "mode = 7")).unwrap_err().contains("unknown field"));
    }
}
