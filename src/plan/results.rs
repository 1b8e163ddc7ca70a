//! What the files are called that steps leave beside an image.
//!
//! Does not know what is in them.

/// What is said of an image.
pub const SUMMARY: &str = "image.json";
/// An image's own archive.
pub const ARCHIVE: &str = "image.tar";
/// The ledger's file beside an image's other results.
pub const SIZE: &str = "size.json";

/// The two formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// CycloneDX 1.6, JSON.
    CycloneDx,
    /// SPDX 2.3, JSON.
    Spdx,
}

impl Format {
    /// Both.
    pub const ALL: [Self; 2] = [Self::CycloneDx, Self::Spdx];

    /// The file beside an image's other results.
    pub const fn file(self) -> &'static str {
        match self {
            Self::CycloneDx => "sbom.cdx.json",
            Self::Spdx => "sbom.spdx.json",
        }
    }

    /// The image's label with the file's digest.
    pub const fn label(self) -> &'static str {
        match self {
            Self::CycloneDx => "bb.sbom.cyclonedx",
            Self::Spdx => "bb.sbom.spdx",
        }
    }
}
