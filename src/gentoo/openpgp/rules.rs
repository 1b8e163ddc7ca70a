//! Which keys and algorithms may vouch for a file.
//!
//! Knows no file and no pinned key.

use std::time::{Duration, SystemTime};

use pgp::Packet;
use pgp::cert::amalgamation::key::ValidErasedKeyAmalgamation;
use pgp::cert::amalgamation::{ValidAmalgamation, ValidateAmalgamation};
use pgp::packet::{Key, Signature, key};
use pgp::policy::{HashAlgoSecurity, Policy, StandardPolicy};
use pgp::types::{
    AEADAlgorithm, HashAlgorithm, PublicKeyAlgorithm, RevocationStatus, SignatureType,
    SymmetricAlgorithm,
};

use super::{PublicKey, pgp, refusal};
use crate::base::error::Result;

/// How far ahead of the reference time a signature may have been made.
const CLOCK_SKEW: Duration = Duration::from_secs(30 * 60);

/// The library's standard rules at a reference time, less one.
///
/// A subkey's signature back over its primary key may use SHA-1. Gentoo's subkeys have such ones,
/// made when the subkey was. They only keep others from claiming that subkey as theirs, and
/// whoever could do that here would hold a pinned primary key.
#[derive(Debug)]
pub(super) struct Rules {
    standard: StandardPolicy<'static>,
    back_signatures: StandardPolicy<'static>,
}

impl Rules {
    pub(crate) fn at(time: SystemTime) -> Self {
        let mut back_signatures = StandardPolicy::at(time);
        let property = HashAlgoSecurity::SecondPreImageResistance;
        back_signatures.accept_hash_property(HashAlgorithm::SHA1, property);
        Self { standard: StandardPolicy::at(time), back_signatures }
    }

    /// Whether the key may sign at that time.
    pub(crate) fn check_key(&self, what: &str, key: &PublicKey<'_>, at: SystemTime) -> Result<()> {
        let names = refusal::Names {
            what,
            cert: key.cert().fingerprint().to_string(),
            key: key.key().fingerprint().to_string(),
        };
        let primary = key.cert().primary_key().key().clone();
        if let Some(weak) = weak_key(primary.role_as_unspecified()).or_else(|| weak_key(key.key()))
        {
            return Err(names.weak_key(&weak));
        }
        match key.clone().with_policy(self, at) {
            Ok(key) => may_sign(&names, &key, at),
            Err(cause) => Err(names.invalid(at, &format!("{cause:#}"))),
        }
    }

    /// When the certificate or the key itself expires, whichever is first, as far as is known then.
    pub(crate) fn expiry(&self, key: &PublicKey<'_>, at: SystemTime) -> Option<SystemTime> {
        let key = key.clone().with_policy(self, at).ok()?;
        let primary = key.valid_cert().primary_key().key_expiration_time();
        primary.into_iter().chain(key.key_expiration_time()).min()
    }

    /// Whether the signature counts at that time, whatever made it.
    pub(crate) fn check_signature(
        &self,
        what: &str,
        signature: &Signature,
        at: SystemTime,
    ) -> Result<()> {
        if let Some(made) =
            signature.signature_creation_time().filter(|made| *made > at + CLOCK_SKEW)
        {
            return Err(refusal::future(what, made));
        }
        if let Some(end) = signature.signature_expiration_time().filter(|end| *end <= at) {
            return Err(refusal::expired_signature(what, end));
        }
        Policy::signature(self, signature, HashAlgoSecurity::CollisionResistance)
            .map_err(|cause| refusal::policy(what, &format!("{cause:#}")))
    }
}

impl Policy for Rules {
    fn signature(&self, signature: &Signature, security: HashAlgoSecurity) -> pgp::Result<()> {
        match signature.typ() {
            SignatureType::PrimaryKeyBinding => self.back_signatures.signature(signature, security),
            _ => self.standard.signature(signature, security),
        }
    }

    fn key(&self, key: &ValidErasedKeyAmalgamation<'_, key::PublicParts>) -> pgp::Result<()> {
        self.standard.key(key)
    }

    fn symmetric_algorithm(&self, algorithm: SymmetricAlgorithm) -> pgp::Result<()> {
        self.standard.symmetric_algorithm(algorithm)
    }

    fn aead_algorithm(&self, algorithm: AEADAlgorithm) -> pgp::Result<()> {
        self.standard.aead_algorithm(algorithm)
    }

    fn packet(&self, packet: &Packet) -> pgp::Result<()> {
        self.standard.packet(packet)
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
    cert.alive()
        .and_then(|()| key.alive())
        .map_err(|cause| names.invalid(at, &format!("{cause:#}")))?;
    if key.for_signing() { Ok(()) } else { Err(names.not_signing()) }
}

/// Whether two files with the same hash can be made.
pub(super) fn is_weak_hash(algorithm: HashAlgorithm) -> bool {
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
