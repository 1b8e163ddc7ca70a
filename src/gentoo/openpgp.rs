//! `OpenPGP` signatures, checked against pinned keys.
//!
//! The only module that names `sequoia_openpgp`. Uses no system keyring and no other program, and
//! does not know what the signed files mean. A signature counts if the certificate and the signing
//! key are valid at the reference time (expiry is extended about yearly, so what held when the
//! signature was made does not matter), and if it is of version 4 over the data as it is. Signatures
//! in text mode count for clearsigned texts only.

use std::io::Read;
use std::time::SystemTime;

use blake2::{Blake2b512, Digest};
use pgp::KeyHandle;
use pgp::cert::Cert;
use pgp::cert::amalgamation::key::ErasedKeyAmalgamation;
use pgp::crypto::hash::Context;
use pgp::packet::{Key, Signature, key};
use pgp::types::{HashAlgorithm, SignatureType};
use sequoia_openpgp as pgp;

pub use self::keyring::KeyInfo;
pub use crate::gentoo::fingerprint::Fingerprint;

use self::rules::Rules;
use crate::base::digest;
use crate::base::digest::State;
use crate::base::error::{Error, Result};
use crate::base::hex::hex;
use crate::gentoo::cleartext;

mod keyring;
mod packets;
mod refusal;
mod rules;
#[cfg(test)]
mod tests;

/// A key of a certificate, not yet known to be valid.
type PublicKey<'a> = ErasedKeyAmalgamation<'a, key::PublicParts>;

/// The certificates whose signatures count.
#[derive(Debug, Clone, Default)]
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
    /// When the certificate or the key that signed expires, whichever is first.
    pub expires: Option<SystemTime>,
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

    /// The signed text.
    ///
    /// # Errors
    /// Exit 5 if it is not UTF-8.
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

/// A signature said to be by a pinned key; whether it fits the data is still open.
struct Candidate {
    signature: Signature,
    public: Key<key::PublicParts, key::UnspecifiedRole>,
    signer: Fingerprint,
    key: Fingerprint,
    signed_at: SystemTime,
    expires: Option<SystemTime>,
    /// Why it does not count even if it fits. That is told only if it fits: altered content is
    /// the graver news.
    objection: Option<Error>,
}

impl Candidate {
    fn fits(&self, contexts: &[Context]) -> bool {
        let algorithm = self.signature.hash_algo();
        let context = contexts.iter().find(|context| context.algo() == algorithm);
        context.is_some_and(|context| {
            self.signature.verify_hash(&self.public, context.clone()).is_ok()
        })
    }
}

impl Keyring {
    /// Checks a detached signature (armored or binary) over `data`, which `what` names.
    ///
    /// Reads `data` once, in constant memory, and not at all if no signature is by a pinned key.
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
        let packets = packets::signatures(what, signature)?;
        let candidates = self.candidates(what, packets, SignatureType::Binary, at)?;
        // The file's own SHA-512 is the state that a signature with that hash goes on from.
        let mut contexts = contexts(&candidates, &[HashAlgorithm::SHA512])?;
        let mut blake2b = Blake2b512::new();
        let mut states: Vec<&mut dyn State> = vec![&mut blake2b];
        states.extend(contexts.iter_mut().map(|context| context as &mut dyn State));
        let size = digest::feed(data, states).map_err(|cause| refusal::unreadable(what, &cause))?;
        let sha512 = digest_of(&contexts, HashAlgorithm::SHA512)?;
        let good = good(what, candidates, &contexts)?;
        Ok(Verified {
            signer: good.signer,
            key: good.key,
            signed_at: good.signed_at,
            expires: good.expires,
            sha512,
            blake2b: hex(&blake2b.finalize()),
            size,
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
        let packets = packets::signatures(what, &frame.signature)?;
        let candidates = self.candidates(what, packets, SignatureType::Text, at)?;
        let mut contexts = contexts(&candidates, &[])?;
        let signed = frame.signed();
        for context in &mut contexts {
            context.update(&signed);
        }
        let good = good(what, candidates, &contexts)?;
        Ok(VerifiedBytes {
            what: what.to_owned(),
            bytes: frame.text(),
            signer: good.signer,
            key: good.key,
            signed_at: good.signed_at,
        })
    }

    /// The signatures by pinned keys; if there is none, why the first one is not.
    #[expect(
        clippy::disallowed_methods,
        reason = "a certificate is valid now, or at the time that is asked for"
    )]
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
        if rules::is_weak_hash(signature.hash_algo()) {
            return Err(refusal::weak_hash(what, &signature.hash_algo().to_string()));
        }
        let signed_at =
            signature.signature_creation_time().ok_or_else(|| refusal::form(what, "no date"))?;
        let key = self.key_of(what, &signature)?;
        let rules = Rules::at(at);
        let objection = rules
            .check_key(what, &key, at)
            .and_then(|()| rules.check_signature(what, &signature, at))
            .err();
        Ok(Candidate {
            public: key.key().clone(),
            signer: fingerprint(&key.cert().fingerprint()),
            key: fingerprint(&key.key().fingerprint()),
            signed_at,
            expires: rules.expiry(&key, at),
            signature,
            objection,
        })
    }

    /// The key of a pinned certificate that a signature names.
    fn key_of(&self, what: &str, signature: &Signature) -> Result<PublicKey<'_>> {
        let issuers = signature.get_issuers();
        let first = issuers.first().ok_or_else(|| refusal::anonymous(what))?;
        self.certs
            .iter()
            .flat_map(|cert| cert.keys().key_handles(issuers.iter()))
            .next()
            .ok_or_else(|| refusal::unpinned(what, &best_name(first, &issuers)))
    }
}

impl State for Context {
    fn update(&mut self, bytes: &[u8]) {
        Context::update(self, bytes);
    }
}

/// One hash context for each algorithm among the candidates, and for some more.
fn contexts(candidates: &[Candidate], more: &[HashAlgorithm]) -> Result<Vec<Context>> {
    let mut contexts: Vec<Context> = Vec::new();
    let wanted = candidates.iter().map(|candidate| candidate.signature.hash_algo());
    for algorithm in wanted.chain(more.iter().copied()) {
        if contexts.iter().all(|context| context.algo() != algorithm) {
            let builder = algorithm
                .context()
                .map_err(|_| Error::trust(format!("cannot compute the hash `{algorithm}`")))?;
            contexts.push(builder.for_signature(4));
        }
    }
    Ok(contexts)
}

/// The digest so far of one of the contexts, in lower-case hex.
fn digest_of(contexts: &[Context], algorithm: HashAlgorithm) -> Result<String> {
    let context = contexts.iter().find(|context| context.algo() == algorithm);
    let digest = context.and_then(|context| context.clone().into_digest().ok());
    digest.map(|bytes| hex(&bytes)).ok_or_else(|| Error::bug("a digest was not computed"))
}

/// The first candidate whose signature fits the hashed data and to which nothing is objected.
fn good(what: &str, mut candidates: Vec<Candidate>, contexts: &[Context]) -> Result<Candidate> {
    let claimed = candidates.first().map(|candidate| candidate.key.to_string());
    candidates.retain(|candidate| candidate.fits(contexts));
    // A stable sort: those without an objection come first.
    candidates.sort_by_key(|candidate| candidate.objection.is_some());
    match candidates.into_iter().next() {
        Some(Candidate { objection: Some(objection), .. }) => Err(objection),
        Some(candidate) => Ok(candidate),
        None => Err(refusal::bad(what, &claimed.unwrap_or_default())),
    }
}

/// A full fingerprint among the issuers, else the first short id.
fn best_name(first: &KeyHandle, issuers: &[KeyHandle]) -> String {
    let full = issuers.iter().find(|issuer| matches!(issuer, KeyHandle::Fingerprint(_)));
    full.unwrap_or(first).to_string()
}

fn fingerprint(of: &pgp::Fingerprint) -> Fingerprint {
    Fingerprint::from_key(&of.to_hex())
}
