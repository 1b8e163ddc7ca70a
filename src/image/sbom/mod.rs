//! What an image consists of, package by package, as CycloneDX 1.6 and as SPDX 2.3.
//!
//! ```text
//! packages.json … ─► inventory ─► cyclonedx ─► sbom.cdx.json
//!                        └─► licence ─► spdx ─► sbom.spdx.json
//! ```
//!
//! Pure: text in, text out. The same packages give the same bytes: the only time is the epoch, and what
//! has to be unique is a digest of the content. Does not know where the files go, nor images' IDs, which
//! are made of digests of these files.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::base::error::{Error, Result};
use crate::base::hex::hex;
use crate::plan::results::Format;

mod cyclonedx;
pub mod inventory;
mod licence;
mod spdx;

pub use inventory::{Inventory, Package};

/// What has made the documents.
const TOOL: &str = "gentoo-bb";

/// The document of an image.
///
/// # Errors
/// A package's name cannot be written as a package URL.
pub fn document(inventory: &Inventory, format: Format) -> Result<Vec<u8>> {
    let mut text = match format {
        Format::CycloneDx => cyclonedx::document(inventory),
        Format::Spdx => spdx::document(inventory),
    }?;
    text.push(b'\n');
    Ok(text)
}

fn written(document: &impl Serialize) -> Result<Vec<u8>> {
    let text = serde_json::to_vec_pretty(document);
    text.map_err(|e| Error::bug(format!("cannot write a list of packages: {e}")))
}

/// A UUID that only this content has: version 8 of RFC 9562, the bits are a digest's.
fn uuid(content: &[u8]) -> String {
    let mut bytes: [u8; 32] = Sha256::digest(content).into();
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = hex(&bytes[..16]);
    format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..])
}

#[cfg(test)]
mod tests;
