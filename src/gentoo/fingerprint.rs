//! The fingerprint of an `OpenPGP` key, as people write it.
//!
//! Knows nothing of keys themselves.

use std::fmt;
use std::str::FromStr;

use crate::base::error::Error;

/// 40 hexadecimal digits, kept in upper case: the fingerprint of a version 4 key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of a key at hand, whose digits need no check.
    pub(crate) fn from_key(hex: &str) -> Self {
        Self(hex.to_ascii_uppercase())
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    /// Reads 40 hex digits in either case; white space between them is allowed.
    fn from_str(text: &str) -> Result<Self, Error> {
        let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        if digits.len() == 40 && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Ok(Self(digits.to_ascii_uppercase()));
        }
        Err(Error::config(format!("`{text}` is not the fingerprint of a key"))
            .hint("write all 40 hexadecimal digits; a short key id is not enough"))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_and_case_do_not_matter() {
        let spaced = "13eb bdbe de7a 1277 5dfd  b1ba bb57 2e0e 2d18 2910";
        let fingerprint: Fingerprint = spaced.parse().unwrap();
        assert_eq!(fingerprint.to_string(), "13EBBDBEDE7A12775DFDB1BABB572E0E2D182910");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "0x2D182910", "13EB", &"G".repeat(40), &"A".repeat(41), &"é".repeat(20)] {
            let error = text.parse::<Fingerprint>().unwrap_err();
            assert_eq!(error.message(), format!("`{text}` is not the fingerprint of a key"));
        }
    }
}
