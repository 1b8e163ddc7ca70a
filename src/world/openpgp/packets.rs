//! Certificates and signatures out of bytes, armored or not.
//!
//! Does not know which of them count.

use super::pgp;

use pgp::armor::{Kind, Reader, ReaderMode};
use pgp::cert::{Cert, CertParser};
use pgp::packet::{Signature, Tag};
use pgp::parse::Parse;
use pgp::{Packet, PacketPile};

use super::refusal;
use crate::error::Result;
use crate::trust::cleartext;

const KEY_BLOCK: &[u8] = b"-----BEGIN PGP PUBLIC KEY BLOCK-----";
const SIGNATURE: &[u8] = b"-----BEGIN PGP SIGNATURE-----";
const SIGNATURE_END: &[u8] = b"-----END PGP SIGNATURE-----";

/// The signatures in `bytes`, one at least; anything else among them is refused.
pub(super) fn signatures(what: &str, bytes: &[u8]) -> Result<Vec<Signature>> {
    match find(bytes, SIGNATURE) {
        Some(start) => armored_signatures(what, &bytes[start..]),
        None => only_signatures(what, PacketPile::from_bytes(bytes)),
    }
}

fn armored_signatures(what: &str, armor: &[u8]) -> Result<Vec<Signature>> {
    let end = find(armor, SIGNATURE_END).ok_or_else(|| cleartext::cut(what))?;
    let block = &armor[..end + SIGNATURE_END.len()];
    let reader = Reader::from_bytes(block, ReaderMode::Tolerant(Some(Kind::Signature)));
    match PacketPile::from_reader(reader) {
        Ok(pile) => only_signatures(what, Ok(pile)),
        Err(_) => Err(refusal::damaged(what)),
    }
}

fn only_signatures(what: &str, pile: pgp::Result<PacketPile>) -> Result<Vec<Signature>> {
    let packets = pile.map(|pile| pile.into_children().collect::<Vec<_>>()).unwrap_or_default();
    let mut found = Vec::new();
    let mut unknown = false;
    for packet in packets {
        match packet {
            Packet::Signature(signature) => found.push(signature),
            Packet::Unknown(packet) if packet.tag() == Tag::Signature => unknown = true,
            _ => return Err(refusal::no_signature(what)),
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
