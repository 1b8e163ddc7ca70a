//! Certificates and signatures out of bytes, armored or not.
//!
//! Does not know which of them count.

use pgp::Packet;
use pgp::armor::{Kind, Reader, ReaderMode};
use pgp::cert::{Cert, CertParser};
use pgp::packet::{Signature, Tag};
use pgp::parse::{PacketParserBuilder, PacketParserResult, Parse};

use super::{pgp, refusal};
use crate::base::error::{Error, Result};
use crate::gentoo::cleartext;

const KEY_BLOCK: &[u8] = b"-----BEGIN PGP PUBLIC KEY BLOCK-----";
const SIGNATURE: &[u8] = b"-----BEGIN PGP SIGNATURE-----";
const SIGNATURE_END: &[u8] = b"-----END PGP SIGNATURE-----";

/// No signatures of one file are larger, armored or not (bytes): one has some hundreds.
const LARGEST: usize = 1 << 20;
/// No file has more signatures: each is a computation.
const MOST_SIGNATURES: usize = 100;

/// The signatures in `bytes`, one at least; anything else among them is refused.
pub(super) fn signatures(what: &str, bytes: &[u8]) -> Result<Vec<Signature>> {
    if bytes.len() > LARGEST {
        return Err(refusal::too_large(what));
    }
    match find(bytes, SIGNATURE) {
        Some(start) => armored_signatures(what, &bytes[start..]),
        None => {
            only_signatures(what, PacketParserBuilder::from_bytes(bytes), refusal::no_signature)
        }
    }
}

fn armored_signatures(what: &str, armor: &[u8]) -> Result<Vec<Signature>> {
    let end = find(armor, SIGNATURE_END).ok_or_else(|| cleartext::cut(what))?;
    let block = &armor[..end + SIGNATURE_END.len()];
    let reader = Reader::from_bytes(block, ReaderMode::Tolerant(Some(Kind::Signature)));
    only_signatures(what, PacketParserBuilder::from_reader(reader), refusal::damaged)
}

/// Looks at each packet's kind before it looks into it: nothing that holds other packets, compressed or not, is
/// ever opened. `broken` says what cannot be read.
fn only_signatures(
    what: &str,
    parser: pgp::Result<PacketParserBuilder<'_>>,
    broken: fn(&str) -> Error,
) -> Result<Vec<Signature>> {
    let broken = |_| broken(what);
    let parser = parser.map_err(broken)?.max_recursion_depth(0);
    let mut next = parser.build().map_err(broken)?;
    let mut found = Vec::new();
    let mut unknown = false;
    while let PacketParserResult::Some(parser) = next {
        if parser.packet.tag() != Tag::Signature {
            return Err(refusal::no_signature(what));
        }
        let packet;
        (packet, next) = parser.next().map_err(broken)?;
        match packet {
            Packet::Signature(signature) => found.push(signature),
            _ => unknown = true,
        }
        if found.len() > MOST_SIGNATURES {
            return Err(refusal::too_large(what));
        }
    }
    match found.is_empty() {
        false => Ok(found),
        true if unknown => Err(refusal::damaged(what)),
        true => Err(refusal::no_signature(what)),
    }
}

/// The certificates in `bytes`, armored (several blocks too) or binary.
pub(super) fn certs(bytes: &[u8]) -> Vec<Cert> {
    let mut blocks = Vec::new();
    let mut rest = bytes;
    while let Some(start) = find(rest, KEY_BLOCK) {
        let next = find(&rest[start + 1..], KEY_BLOCK).map_or(rest.len(), |at| start + 1 + at);
        blocks.push(&rest[start..next]);
        rest = &rest[next..];
    }
    if blocks.is_empty() {
        blocks.push(bytes);
    }
    // A certificate that cannot be read cannot count; the others still can.
    let certs = |block: &&[u8]| {
        CertParser::from_bytes(*block)
            .map(|parser| parser.filter_map(pgp::Result::ok).collect::<Vec<_>>())
            .unwrap_or_default()
    };
    blocks.iter().flat_map(certs).collect()
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
