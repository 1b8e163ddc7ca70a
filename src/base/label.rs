//! The labels that an image gets besides those of its Dockerfile.
//!
//! Nothing in them tells when or where it was made. What the Dockerfile says itself stays.
//! Source: <https://github.com/opencontainers/image-spec/blob/v1.1.0/annotations.md>.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// Names and values.
pub type Labels = BTreeMap<String, String>;

/// A digest of all that an image consists of.
pub const FINGERPRINT: &str = "bb.fingerprint";

/// Says `skipped` where something that the image was made from was not verified.
pub const VERIFICATION: &str = "bb.verification";

/// Digests of what tells of an image's packages.
const SBOM: &str = "bb.sbom.";

const PREFIX: &str = "org.opencontainers.image.";

/// A label's whole name: `description` is short for `org.opencontainers.image.description`.
pub fn full_name(name: &str) -> String {
    if name.contains('.') { name.to_owned() } else { format!("{PREFIX}{name}") }
}

/// Whether only `bb` gives labels of this name: it reads them.
pub fn is_reserved(name: &str) -> bool {
    name.starts_with("bb.")
}

/// A label's name in settings: one that `bb` does not read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct GivenName(pub String);

impl TryFrom<String> for GivenName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        if is_reserved(&name) {
            return Err(format!("the label `{name}` is bb's own, as all that begin with `bb.`"));
        }
        Ok(Self(name))
    }
}

/// Reads labels of settings.
///
/// # Errors
/// One of them is `bb`'s own.
pub fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Labels, D::Error> {
    let labels = BTreeMap::<GivenName, String>::deserialize(from)?;
    Ok(labels.into_iter().map(|(GivenName(name), value)| (name, value)).collect())
}

/// The labels that tell what an image is built on.
pub fn of_base(name: &str, digest: &str) -> [(String, String); 2] {
    [("base.name", name), ("base.digest", digest)]
        .map(|(label, value)| (format!("{PREFIX}{label}"), value.to_owned()))
}

/// Is it about the image itself, and not about those that are built on it?
pub fn is_own(name: &str) -> bool {
    name == FINGERPRINT || name.starts_with(SBOM) || name.starts_with(PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(full_name("title"), "org.opencontainers.image.title");
        assert_eq!(full_name("org.example.x"), "org.example.x");
        assert_eq!(of_base("a", "b")[0].0, "org.opencontainers.image.base.name");
    }
}
