//! OpenPGP signatures, checked against pinned keys.
//!
//! The only module that names `sequoia_openpgp`. Uses no system keyring and no other program, and
//! does not know what the signed files mean. A signature counts if the certificate and the signing
//! key are valid at the reference time (expiry is extended about yearly, so what held when the
//! signature was made does not matter), and if it is of version 4 over the data as it is. Signatures
//! in text mode count for clearsigned texts only.

use std::io::Read;
use std::time::{Duration, SystemTime};

use sequoia_openpgp as pgp;

use pgp::armor::{Kind, Reader, ReaderMode};
use pgp::cert::amalgamation::{ValidAmalgamation, ValidateAmalgamation};
use pgp::cert::amalgamation::key::ValidErasedKeyAmalgamation;
use pgp::cert::{Cert, CertParser};
use pgp::crypto::hash::Context;
use pgp::packet::{Key, Signature, Tag, key};
use pgp::parse::Parse;
use pgp::policy::{HashAlgoSecurity, Policy, StandardPolicy};
use pgp::types::{HashAlgorithm, PublicKeyAlgorithm, RevocationStatus, SignatureType};
use pgp::{KeyHandle, Packet, PacketPile};

use crate::error::{Error, Result};
use crate::trust::cleartext;
pub use crate::trust::fingerprint::Fingerprint;

use super::digest;

mod refusal;
#[cfg(test)]
mod tests;

/// How far ahead of the reference time a signature may have been made.
const CLOCK_SKEW: Duration = Duration::from_secs(30 * 60);

const KEY_BLOCK: &[u8] = b"-----BEGIN PGP PUBLIC KEY BLOCK-----";
const SIGNATURE: &[u8] = b"-----BEGIN PGP SIGNATURE-----";
const SIGNATURE_END: &[u8] = b"-----END PGP SIGNATURE-----";

/// The certificates whose signatures count.
#[derive(Debug, Clone)]
pub struct Keyring {
    certs: Vec<Cert>,
}

/// What was learned in one pass over a file with a good signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The pinned certificate's primary fingerprint.
    pub signer: Fingerprint,
    /// The key that signed: a subkey or the primary key itself.
    pub key: Fingerprint,
    /// When the signature says it was made.
    pub signed_at: SystemTime,
    /// SHA-512 of the file in lower-case hex.
    pub sha512: String,
    /// BLAKE2b-512 of the file in lower-case hex.
    pub blake2b: String,
    /// Size of the file in bytes.
    pub size: u64,
}

/// The signed bytes of a clearsigned text; only [`Keyring::verify_cleartext`] makes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedBytes {
    what: String,
    bytes: Vec<u8>,
    signer: Fingerprint,
    key: Fingerprint,
    signed_at: SystemTime,
}

impl VerifiedBytes {
    /// The signed text with lines ended by LF.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The signed text, if it is UTF-8.
    pub fn text(&self) -> Result<&str> {
        std::str::from_utf8(&self.bytes)
            .map_err(|_| Error::trust(format!("`{}` is not UTF-8 text", self.what)))
    }

    /// The pinned certificate's primary fingerprint.
    pub fn signer(&self) -> &Fingerprint {
        &self.signer
    }

    /// The key that signed.
    pub fn key(&self) -> &Fingerprint {
        &self.key
    }

    /// When the signature says it was made.
    pub fn signed_at(&self) -> SystemTime {
        self.signed_at
    }
}

/// A signature by a key that may sign; whether it fits the data is still open.
struct Candidate {
    signature: Signature,
    public: Key<key::PublicParts, key::UnspecifiedRole>,
    signer: Fingerprint,
    key: Fingerprint,
    signed_at: SystemTime,
}

impl Keyring {
    /// Reads certificates, armored (several blocks too) or binary, and keeps those whose primary
    /// fingerprint is `pinned`. Two copies of one certificate are merged. `what` names the keyring.
    ///
    /// # Errors
    /// None of the pinned certificates is in there.
    pub fn from_bytes(what: &str, bytes: &[u8], pinned: &[Fingerprint]) -> Result<Self> {
        let mut certs: Vec<Cert> = Vec::new();
        let mut others = Vec::new();
        for cert in all_certs(bytes) {
            if !pinned.contains(&fingerprint(&cert.fingerprint())) {
                others.push(cert.fingerprint().to_string());
            } else if let Some(known) = certs.iter_mut().find(|known| same(known, &cert)) {
                if let Ok(merged) = known.clone().merge_public(cert) {
                    *known = merged;
                }
            } else {
                certs.push(cert.strip_secret_key_material());
            }
        }
        if certs.is_empty() {
            return Err(refusal::no_pinned_key(what, &others));
        }
        Ok(Self { certs })
    }

    /// The primary fingerprints of the certificates that count.
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        self.certs.iter().map(|cert| fingerprint(&cert.fingerprint())).collect()
    }

    /// Checks a detached signature (armored or binary) over `data`, which `what` names.
    ///
    /// Reads `data` once, in constant memory, and not at all if no signature can count.
    ///
    /// # Errors
    /// Exit 5 with what is wrong; exit 1 if `data` cannot be read.
    pub fn verify_detached(
        &self,
        what: &str,
        data: impl Read,
        signature: &[u8],
        at: Option<SystemTime>,
    ) -> Result<Verified> {
        let armored = find(signature, SIGNATURE).map(|start| &signature[start..]);
        let packets = match armored {
            Some(armor) => armored_signatures(what, armor)?,
            None => signatures(what, PacketPile::from_bytes(signature))?,
        };
        let candidates = self.candidates(what, packets, SignatureType::Binary, at)?;
        let mut contexts = contexts(&candidates)?;
        let digests = digest::read_all(data, |chunk| {
            contexts.iter_mut().for_each(|context| context.update(chunk));
        })
        .map_err(|cause| refusal::unreadable(what, &cause))?;
        let good = good(what, candidates, &contexts)?;
        Ok(Verified {
            signer: good.signer,
            key: good.key,
            signed_at: good.signed_at,
            sha512: digests.sha512,
            blake2b: digests.blake2b,
            size: digests.size,
        })
    }

    /// Checks a clearsigned text, which `what` names, and returns what was signed and nothing else.
    ///
    /// # Errors
    /// Exit 5: no signature that counts, or anything but blank lines outside the signed part.
    pub fn verify_cleartext(
        &self,
        what: &str,
        text: &[u8],
        at: Option<SystemTime>,
    ) -> Result<VerifiedBytes> {
        let frame = cleartext::split(what, text)?;
        let packets = armored_signatures(what, &frame.signature)?;
        let candidates = self.candidates(what, packets, SignatureType::Text, at)?;
        let mut contexts = contexts(&candidates)?;
        let signed = frame.signed();
        contexts.iter_mut().for_each(|context| context.update(&signed));
        let good = good(what, candidates, &contexts)?;
        Ok(VerifiedBytes {
            what: what.to_owned(),
            bytes: frame.text(),
            signer: good.signer,
            key: good.key,
            signed_at: good.signed_at,
        })
    }

    /// The signatures that can count; if there is none, why the first one cannot.
    fn candidates(
        &self,
        what: &str,
        signatures: Vec<Signature>,
        typ: SignatureType,
        at: Option<SystemTime>,
    ) -> Result<Vec<Candidate>> {
        let at = at.unwrap_or_else(SystemTime::now);
        let mut refused = None;
        let mut candidates = Vec::new();
        for signature in signatures {
            match self.candidate(what, signature, typ, at) {
                Ok(candidate) => candidates.push(candidate),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        match refused {
            Some(error) if candidates.is_empty() => Err(error),
            _ => Ok(candidates),
        }
    }

    fn candidate(
        &self,
        what: &str,
        signature: Signature,
        typ: SignatureType,
        at: SystemTime,
    ) -> Result<Candidate> {
        if signature.version() != 4 || signature.typ() != typ {
            let form = format!("version {}, {}", signature.version(), signature.typ());
            return Err(refusal::form(what, &form));
        }
        if is_weak_hash(signature.hash_algo()) {
            return Err(refusal::weak_hash(what, &signature.hash_algo().to_string()));
        }
        let policy = StandardPolicy::at(at);
        let issuers = signature.get_issuers();
        let key = self.signing_key(what, &issuers, &policy, at)?;
        let signed_at = signature_time(what, &signature, at)?;
        policy
            .signature(&signature, HashAlgoSecurity::default())
            .map_err(|cause| refusal::policy(what, &cause.to_string()))?;
        Ok(Candidate {
            public: key.key().clone(),
            signer: fingerprint(&key.cert().fingerprint()),
            key: fingerprint(&key.key().fingerprint()),
            signed_at,
            signature,
        })
    }

    /// The key of a pinned certificate that a signature names, if it may sign at that time.
    fn signing_key<'a>(
        &'a self,
        what: &str,
        issuers: &[KeyHandle],
        policy: &'a StandardPolicy<'a>,
        at: SystemTime,
    ) -> Result<ValidErasedKeyAmalgamation<'a, key::PublicParts>> {
        let issuer = issuers.first().ok_or_else(|| refusal::anonymous(what))?;
        let key = self
            .certs
            .iter()
            .flat_map(|cert| cert.keys().key_handles(issuers.iter()))
            .next()
            .ok_or_else(|| refusal::unpinned(what, &best_name(issuer, issuers)))?;
        let names = refusal::Names {
            what,
            cert: key.cert().fingerprint().to_string(),
            key: key.key().fingerprint().to_string(),
        };
        let primary = key.cert().primary_key().key().clone().role_into_unspecified();
        if let Some(weak) = weak_key(&primary).or_else(|| weak_key(key.key())) {
            return Err(names.weak_key(&weak));
        }
        let key = key.with_policy(policy, at).map_err(|cause| names.invalid(at, &cause.to_string()))?;
        may_sign(&names, &key, at)?;
        Ok(key)
    }
}

/// Revocation, expiry and purpose of a key and its certificate.
fn may_sign(
    names: &refusal::Names<'_>,
    key: &ValidErasedKeyAmalgamation<'_, key::PublicParts>,
    at: SystemTime,
) -> Result<()> {
    let cert = key.valid_cert();
    if let RevocationStatus::Revoked(_) = cert.revocation_status() {
        return Err(names.revoked_cert());
    }
    if let RevocationStatus::Revoked(_) = key.revocation_status() {
        return Err(names.revoked_key());
    }
    if let Some(expired) = cert.primary_key().key_expiration_time().filter(|end| *end <= at) {
        return Err(names.expired_cert(expired));
    }
    if let Some(expired) = key.key_expiration_time().filter(|end| *end <= at) {
        return Err(names.expired_key(expired));
    }
    cert.alive().and_then(|()| key.alive()).map_err(|cause| names.invalid(at, &cause.to_string()))?;
    if key.for_signing() { Ok(()) } else { Err(names.not_signing()) }
}

fn signature_time(what: &str, signature: &Signature, at: SystemTime) -> Result<SystemTime> {
    let made = signature.signature_creation_time().ok_or_else(|| refusal::form(what, "no date"))?;
    if made > at + CLOCK_SKEW {
        return Err(refusal::future(what, made));
    }
    match signature.signature_expiration_time() {
        Some(end) if end <= at => Err(refusal::expired_signature(what, end)),
        _ => Ok(made),
    }
}

/// One hash context for each algorithm among the candidates.
fn contexts(candidates: &[Candidate]) -> Result<Vec<Context>> {
    let mut contexts: Vec<Context> = Vec::new();
    for candidate in candidates {
        let algorithm = candidate.signature.hash_algo();
        if contexts.iter().all(|context| context.algo() != algorithm) {
            let builder = algorithm
                .context()
                .map_err(|_| Error::trust(format!("cannot compute the hash `{algorithm}`")))?;
            contexts.push(builder.for_signature(4));
        }
    }
    Ok(contexts)
}

/// The first candidate whose signature fits the hashed data.
fn good(what: &str, candidates: Vec<Candidate>, contexts: &[Context]) -> Result<Candidate> {
    let fits = |candidate: &Candidate| {
        let algorithm = candidate.signature.hash_algo();
        let context = contexts.iter().find(|context| context.algo() == algorithm);
        context.is_some_and(|context| {
            candidate.signature.verify_hash(&candidate.public, context.clone()).is_ok()
        })
    };
    let claimed = candidates.first().map(|candidate| candidate.key.to_string());
    candidates
        .into_iter()
        .find(fits)
        .ok_or_else(|| refusal::bad(what, &claimed.unwrap_or_default()))
}

fn armored_signatures(what: &str, armor: &[u8]) -> Result<Vec<Signature>> {
    let end = find(armor, SIGNATURE_END).ok_or_else(|| cleartext::cut(what))?;
    let block = &armor[..end + SIGNATURE_END.len()];
    let reader = Reader::from_bytes(block, ReaderMode::Tolerant(Some(Kind::Signature)));
    match PacketPile::from_reader(reader) {
        Ok(pile) => signatures(what, Ok(pile)),
        Err(_) => Err(refusal::damaged(what)),
    }
}

fn signatures(what: &str, pile: pgp::Result<PacketPile>) -> Result<Vec<Signature>> {
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

fn all_certs(bytes: &[u8]) -> Vec<Cert> {
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

fn same(one: &Cert, other: &Cert) -> bool {
    one.fingerprint() == other.fingerprint()
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// A full fingerprint among the issuers, else the first short id.
fn best_name(first: &KeyHandle, issuers: &[KeyHandle]) -> String {
    let full = issuers.iter().find(|issuer| matches!(issuer, KeyHandle::Fingerprint(_)));
    full.unwrap_or(first).to_string()
}

fn fingerprint(of: &pgp::Fingerprint) -> Fingerprint {
    Fingerprint::from_key(&of.to_hex())
}

fn is_weak_hash(algorithm: HashAlgorithm) -> bool {
    matches!(algorithm, HashAlgorithm::MD5 | HashAlgorithm::SHA1 | HashAlgorithm::RipeMD)
}

/// The name of a key's algorithm if it is too weak at any time: DSA, or RSA below 2048 bits.
fn weak_key(key: &Key<key::PublicParts, key::UnspecifiedRole>) -> Option<String> {
    let bits = key.mpis().bits().unwrap_or(0);
    match key.pk_algo() {
        #[allow(deprecated)]
        PublicKeyAlgorithm::DSA => Some(format!("{bits}-bit DSA")),
        #[allow(deprecated)]
        PublicKeyAlgorithm::RSAEncryptSign | PublicKeyAlgorithm::RSASign if bits < 2041 => {
            Some(format!("{bits}-bit RSA"))
        }
        _ => None,
    }
}
