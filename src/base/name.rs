//! Names of files as text, where only text can be: records, lists in JSON, messages.
//!
//! A name is bytes. Written as text, a byte that is not UTF-8 becomes `\xNN` and a `\` becomes `\\`, so
//! that the text leads back to the very bytes; any other name is written as it is.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// A name as text.
pub fn text(name: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(name) {
        Ok(plain) if !plain.contains('\\') => Cow::Borrowed(plain),
        _ => Cow::Owned(escaped(name)),
    }
}

fn escaped(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    for chunk in name.utf8_chunks() {
        text.push_str(&chunk.valid().replace('\\', "\\\\"));
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// The name of which this is the text. A `\` before anything else than [`text`] writes is itself.
pub fn bytes(text: &str) -> Vec<u8> {
    let (mut name, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let (byte, length) = match (first, after) {
            (b'\\', [b'\\', ..]) => (b'\\', 2),
            (b'\\', [b'x', high, low, ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => (high * 16 + low, 4),
                _ => (b'\\', 1),
            },
            _ => (*first, 1),
        };
        name.push(byte);
        rest = &rest[length..];
    }
    name
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

/// A path as text.
pub fn of_path(path: &Path) -> Cow<'_, str> {
    text(path.as_os_str().as_bytes())
}

/// The path of which this is the text.
pub fn path(text: String) -> PathBuf {
    if text.contains('\\') { OsString::from_vec(bytes(&text)).into() } else { text.into() }
}

/// A table by path in a record.
pub mod serde_files {
    use std::path::PathBuf;

    use litemap::LiteMap;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::base::table;

    /// A path as text.
    struct Text(PathBuf);

    impl<'de> Deserialize<'de> for Text {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            String::deserialize(from).map(|text| Self(super::path(text)))
        }
    }

    impl From<Text> for PathBuf {
        fn from(Text(path): Text) -> Self {
            path
        }
    }

    /// Writes a table.
    ///
    /// # Errors
    /// Those of the format.
    pub fn serialize<S, V>(table: &LiteMap<PathBuf, V>, to: S) -> Result<S::Ok, S::Error>
    where
        S: Serializer,
        V: Serialize,
    {
        to.collect_map(table.iter().map(|(path, value)| (super::of_path(path), value)))
    }

    /// Reads a table.
    ///
    /// # Errors
    /// Those of the format.
    pub fn deserialize<'de, D, V>(from: D) -> Result<LiteMap<PathBuf, V>, D::Error>
    where
        D: Deserializer<'de>,
        V: Deserialize<'de>,
    {
        table::read::<D, Text, PathBuf, V>(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_leads_back_to_the_bytes() {
        let table: [(&[u8], &str); 7] = [
            (b"", ""),
            (b"plain/name", "plain/name"),
            ("w\u{f6}rter".as_bytes(), "w\u{f6}rter"),
            (b"a\xffb", "a\\xffb"),
            (b"a\\b", "a\\\\b"),
            (b"\\xff\xff", "\\\\xff\\xff"),
            (b"\xf0\x9f\x80", "\\xf0\\x9f\\x80"),
        ];
        for (name, shown) in table {
            assert_eq!(text(name), shown);
            assert_eq!(bytes(shown), name);
        }
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..10_000 {
            let some = [b'\\', b'x', b'f', b'0', 0xff, 0xc3, 0xb6, b'/'];
            let name = (0..random.usize(..9)).map(|_| some[random.usize(..8)]).collect::<Vec<_>>();
            assert_eq!(bytes(&text(&name)), name);
        }
    }

    #[test]
    fn what_no_text_of_a_name_has_is_itself() {
        for odd in ["\\", "a\\b", "\\x", "\\xf", "\\xFF", "\\xg0"] {
            assert_eq!(bytes(odd), odd.as_bytes());
        }
    }
}
