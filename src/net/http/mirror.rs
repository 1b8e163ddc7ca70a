//! Where files come from, as the user writes it: a web address or a local folder.
//!
//! Pure: does not look whether a mirror exists.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::base::error::{Error, Result};
use crate::base::secret::without_secrets;

/// A place with Gentoo's folder layout under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mirror {
    /// `http://` or `https://`, without a slash at the end.
    Web(String),
    /// A folder on this machine.
    Folder(PathBuf),
    /// The whole address of one file, as somebody says it whom nobody has configured: public ones only.
    Author(String),
}

impl Mirror {
    /// Where a path is on it; nothing that can be asked for if it is a folder.
    pub(super) fn address(&self, path: &str) -> String {
        match self {
            Self::Web(base) => address(base, path),
            Self::Author(whole) => whole.clone(),
            Self::Folder(_) => String::new(),
        }
    }

    /// Where a path is on it, for people: a whole address without a password, or a file.
    pub(super) fn place(&self, path: &str) -> String {
        match self {
            Self::Folder(folder) => folder.join(path).display().to_string(),
            Self::Web(_) | Self::Author(_) => without_password(&self.address(path)),
        }
    }

    /// Reads `https://…`, `http://…`, `file:///folder`, `/folder` or `./folder`.
    ///
    /// # Errors
    /// Exit 3, naming the text.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |hint: &str| {
            Err(Error::config(format!("`{}` is not a mirror", without_secrets(text))).hint(hint))
        };
        let lower = text.to_ascii_lowercase();
        if lower.starts_with("http://") || lower.starts_with("https://") {
            return web(text).map_or_else(|| wrong("write `https://HOST/FOLDER`"), Ok);
        }
        if lower.starts_with("file:") {
            let folder = text.get(5..).and_then(|rest| rest.strip_prefix("//")).and_then(decode);
            return match folder {
                Some(folder) if folder.starts_with('/') => Ok(Self::Folder(folder.into())),
                _ => wrong("write `file:///FOLDER`, with three slashes"),
            };
        }
        match Path::new(text) {
            _ if text.contains("://") => wrong("a mirror is `https://…`, `http://…` or a folder"),
            folder if folder.is_absolute() || text.starts_with('.') => {
                Ok(Self::Folder(folder.into()))
            }
            _ => wrong("write `https://…` for a web address, or `./…` for a folder"),
        }
    }
}

/// As the user would type it, without a password.
impl fmt::Display for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "{}", folder.display()),
            Self::Web(base) | Self::Author(base) => f.write_str(&without_password(base)),
        }
    }
}

fn web(text: &str) -> Option<Mirror> {
    let (scheme, rest) = text.split_once("://")?;
    let host = rest.split('/').next()?;
    let bad = |c: char| c.is_whitespace() || c.is_control() || "?#\\".contains(c);
    if host.is_empty() || host.ends_with('@') || host.starts_with(':') || rest.contains(bad) {
        return None;
    }
    let scheme = scheme.to_ascii_lowercase();
    Some(Mirror::Web(format!("{scheme}://{}", rest.trim_end_matches('/'))))
}

fn without_password(base: &str) -> String {
    let Some((scheme, rest)) = base.split_once("://") else {
        return base.to_owned();
    };
    let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..host_end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => base.to_owned(),
    }
}

/// Undoes percent encoding; `None` if it is broken or not UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first != b'%' {
            bytes.push(*first);
            rest = tail;
            continue;
        }
        let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

/// The address of a relative path under a base, percent-encoded.
pub(super) fn address(base: &str, path: &str) -> String {
    let mut address = format!("{base}/");
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~+:@".contains(&byte) {
            address.push(char::from(byte));
        } else {
            address.extend(["%", &crate::base::hex::hex(&[byte]).to_ascii_uppercase()]);
        }
    }
    address
}

/// Refuses a path that is not plainly relative.
pub(super) fn check_path(path: &str) -> Result<()> {
    let good = |part: &str| !matches!(part, "" | "." | "..");
    let odd = |c: char| c.is_control() || c == '\\';
    if path.split('/').all(good) && !path.contains(odd) {
        return Ok(());
    }
    Err(Error::trust(format!("`{}` is not a path inside a mirror", path.escape_debug()))
        .hint("such a path could lead anywhere; it is never followed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_mirror() {
        let web = |text: &str| Mirror::Web(text.to_owned());
        let folder = |text: &str| Mirror::Folder(text.into());
        for (text, mirror) in [
            ("https://host/gentoo/", web("https://host/gentoo")),
            ("HTTP://host:8080", web("http://host:8080")),
            ("file:///srv/a%20b", folder("/srv/a b")),
            ("/srv/mirror", folder("/srv/mirror")),
            ("./mirror", folder("./mirror")),
            ("../mirror", folder("../mirror")),
        ] {
            assert_eq!(Mirror::parse(text).unwrap(), mirror, "{text}");
        }
    }

    #[test]
    fn what_is_not() {
        for text in [
            "",
            "host/gentoo",
            "ftp://host/",
            "https://",
            "https:///x",
            "http://h/a b",
            "http://h/?q",
            "http://h/#f",
            "file://host/x",
            "file:x",
            "file:///%zz",
            "file:///%e9",
            "file:é",
            "rsync://h/x",
            "http://u@/x",
        ] {
            let error = Mirror::parse(text).unwrap_err();
            let shown = without_secrets(text);
            assert_eq!(error.message(), format!("`{shown}` is not a mirror"));
            assert!(error.hint_text().is_some());
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        let mirror = Mirror::parse("https://me:secret@host/a@b").unwrap();
        assert_eq!(mirror.to_string(), "https://host/a@b");
        assert_eq!(mirror.place("x y"), "https://host/a@b/x%20y");
        for address in ["https://h/x?a=b@c&d=%2F", "https://h?a@b", "https://h#a@b"] {
            assert_eq!(Mirror::Author(address.to_owned()).place("x"), address);
        }
        assert_eq!(Mirror::Author("https://u:p@h?a@b".to_owned()).place("x"), "https://h?a@b");
        assert_eq!(Mirror::Folder("/m".into()).place("x y"), "/m/x y");
    }

    #[test]
    fn addresses() {
        assert_eq!(address("http://h", "a/b c+1%é.xz"), "http://h/a/b%20c+1%25%C3%A9.xz");
    }

    #[test]
    fn paths() {
        assert!(check_path("releases/amd64/latest-stage3.txt").is_ok());
        for path in ["", "/etc/passwd", "a/../b", "..", "a//b", "a/", "./a", "a\\b", "a\nb", "a\0"]
        {
            assert!(check_path(path).is_err(), "{path:?}");
        }
    }
}
