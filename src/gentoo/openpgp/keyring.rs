//! Certificates: read, merged, written, described.
//!
//! Decides nothing about a signature.

use std::time::SystemTime;

use pgp::Fingerprint as PgpFingerprint;
use pgp::cert::Cert;
use pgp::cert::amalgamation::{ValidAmalgamation, ValidateAmalgamation};
use pgp::packet::{Key, key};
use pgp::serialize::SerializeInto;
use pgp::types::{KeyFlags, PublicKeyAlgorithm, RevocationStatus};

use super::rules::Rules;
use super::{Fingerprint, Keyring, PublicKey, fingerprint, packets, pgp, refusal};
use crate::base::error::{Error, Result};

/// One key of a certificate, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// Of this key.
    pub fingerprint: Fingerprint,
    /// Not a subkey.
    pub is_primary: bool,
    /// What it may do: `certify`, `sign` …; `revoked` or `invalid`.
    pub uses: String,
    /// Such as `RSA 4096`.
    pub algorithm: String,
    /// When it expires, if ever.
    pub expires: Option<SystemTime>,
}

impl Keyring {
    /// Reads certificates, armored (several blocks too) or binary, and keeps those whose primary
    /// fingerprint is `pinned`. Two copies of one certificate are merged. `what` names the keyring.
    ///
    /// # Errors
    /// None of the pinned certificates is in there.
    pub fn from_bytes(what: &str, bytes: &[u8], pinned: &[Fingerprint]) -> Result<Self> {
        let mut ring = Self::default();
        let mut others = Vec::new();
        for cert in packets::certs(bytes) {
            if pinned.contains(&fingerprint(&cert.fingerprint())) {
                ring.add(cert);
            } else {
                others.push(cert.fingerprint().to_string());
            }
        }
        if ring.is_empty() {
            return Err(refusal::no_pinned_key(what, &others));
        }
        Ok(ring)
    }

    /// Reads all certificates there are: for a keyring that the user names for this one question.
    ///
    /// # Errors
    /// There is none.
    pub fn of_all(what: &str, bytes: &[u8]) -> Result<Self> {
        let mut ring = Self::default();
        for cert in packets::certs(bytes) {
            ring.add(cert);
        }
        if ring.is_empty() { Err(refusal::no_key(what)) } else { Ok(ring) }
    }

    fn add(&mut self, cert: Cert) {
        let cert = cert.strip_secret_key_material();
        let same = |known: &&mut Cert| known.fingerprint() == cert.fingerprint();
        match self.certs.iter_mut().find(same) {
            None => self.certs.push(cert),
            Some(known) => {
                if let Ok(merged) = known.clone().merge_public(cert) {
                    *known = merged;
                }
            }
        }
    }

    /// Takes the certificates of another keyring, too; what both have is merged.
    pub fn merge(&mut self, other: Self) {
        for cert in other.certs {
            self.add(cert);
        }
    }

    /// Whether there is no certificate.
    pub fn is_empty(&self) -> bool {
        self.certs.is_empty()
    }

    /// The one certificate of that fingerprint, if it is there.
    #[must_use]
    pub fn only(&self, wanted: &Fingerprint) -> Self {
        let wanted = |cert: &&Cert| fingerprint(&cert.fingerprint()) == *wanted;
        Self { certs: self.certs.iter().filter(wanted).cloned().collect() }
    }

    /// The primary fingerprints of the certificates that count.
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        self.certs.iter().map(|cert| fingerprint(&cert.fingerprint())).collect()
    }

    /// A certificate as armored text.
    ///
    /// # Errors
    /// It is not there.
    pub fn armored(&self, wanted: &Fingerprint) -> Result<String> {
        let wanted = |cert: &&Cert| fingerprint(&cert.fingerprint()) == *wanted;
        let text = self.certs.iter().find(wanted).and_then(|cert| cert.armored().to_vec().ok());
        let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
        text.ok_or_else(|| Error::bug("a certificate cannot be written"))
    }

    /// All keys of all certificates, primary keys first, as they stand at a time.
    pub fn keys(&self, at: SystemTime) -> Vec<KeyInfo> {
        let keys =
            self.certs.iter().flat_map(|cert| cert.keys().map(|key| (cert.fingerprint(), key)));
        keys.map(|(primary, key)| info(&primary, &key, at)).collect()
    }
}

fn info(primary: &PgpFingerprint, key: &PublicKey<'_>, at: SystemTime) -> KeyInfo {
    let rules = Rules::at(at);
    let valid = key.clone().with_policy(&rules, at);
    let revoked = |status: RevocationStatus<'_>| matches!(status, RevocationStatus::Revoked(_));
    let uses = match &valid {
        Err(_) => "invalid".to_owned(),
        Ok(key) if revoked(key.valid_cert().revocation_status()) => "revoked".to_owned(),
        Ok(key) if revoked(key.revocation_status()) => "revoked".to_owned(),
        Ok(key) => key.key_flags().map_or_else(String::new, |flags| words(&flags)),
    };
    KeyInfo {
        fingerprint: fingerprint(&key.key().fingerprint()),
        is_primary: key.key().fingerprint() == *primary,
        uses,
        algorithm: algorithm(key.key()),
        expires: valid.ok().and_then(|key| key.key_expiration_time()),
    }
}

fn words(flags: &KeyFlags) -> String {
    let encrypt = flags.for_transport_encryption() || flags.for_storage_encryption();
    let words = [
        ("certify", flags.for_certification()),
        ("sign", flags.for_signing()),
        ("encrypt", encrypt),
        ("authenticate", flags.for_authentication()),
    ];
    words.iter().filter(|(_, set)| *set).map(|(word, _)| *word).collect::<Vec<_>>().join("+")
}

fn algorithm(key: &Key<key::PublicParts, key::UnspecifiedRole>) -> String {
    #[allow(deprecated, reason = "old keys are described, too")]
    let name = match key.pk_algo() {
        PublicKeyAlgorithm::RSAEncryptSign
        | PublicKeyAlgorithm::RSASign
        | PublicKeyAlgorithm::RSAEncrypt => "RSA",
        PublicKeyAlgorithm::DSA => "DSA",
        PublicKeyAlgorithm::ElGamalEncrypt | PublicKeyAlgorithm::ElGamalEncryptSign => "ElGamal",
        PublicKeyAlgorithm::EdDSA | PublicKeyAlgorithm::Ed25519 => "Ed25519",
        PublicKeyAlgorithm::ECDSA => "ECDSA",
        PublicKeyAlgorithm::ECDH | PublicKeyAlgorithm::X25519 => "ECDH",
        other => return other.to_string(),
    };
    match (name, key.mpis().bits()) {
        ("Ed25519", _) | (_, None) => name.to_owned(),
        // A number with leading zero bits is a few bits shorter than it is called.
        (_, Some(bits)) => format!("{name} {}", bits.next_multiple_of(8)),
    }
}
