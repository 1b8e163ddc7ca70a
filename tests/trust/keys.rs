//! Keys and signatures of all kinds, dated to fixed times in 2026.

use std::io::Write;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sequoia_openpgp as pgp;
pub use support::signed::signing as signing_now;

use pgp::Packet;
use pgp::armor::Kind;
use pgp::cert::{Cert, CertBuilder, CipherSuite, SubkeyRevocationBuilder};
use pgp::crypto::KeyPair;
use pgp::packet::key::{Key4, PrimaryRole, SecretParts};
use pgp::packet::signature::SignatureBuilder;
use pgp::policy::StandardPolicy;
use pgp::serialize::SerializeInto;
use pgp::types::{HashAlgorithm, KeyFlags, ReasonForRevocation, SignatureType};

const DAY: u64 = 86_400;

/// 2026-01-01 plus some days. Keys are made on day 0, signatures on day 60 (2026-03-02).
pub fn day(days: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_767_225_600 + days * DAY)
}

fn builder(suite: CipherSuite) -> CertBuilder<'static> {
    CertBuilder::new()
        .add_userid("Test <test@example.org>")
        .set_creation_time(day(0))
        .set_cipher_suite(suite)
}

fn with_subkeys(builder: CertBuilder<'static>) -> (Cert, pgp::packet::Signature) {
    builder.add_signing_subkey().add_authentication_subkey().generate().unwrap()
}

fn ed25519() -> Cert {
    with_subkeys(builder(CipherSuite::Cv25519)).0
}

/// The key of the mirror: Ed25519 with a signing subkey and one for authentication.
pub static GOOD: LazyLock<Cert> = LazyLock::new(ed25519);
/// A key that nobody pinned.
pub static OTHER: LazyLock<Cert> = LazyLock::new(ed25519);
/// Expired on day 90, 2026-04-01.
pub static EXPIRED: LazyLock<Cert> = LazyLock::new(|| {
    let short = builder(CipherSuite::Cv25519);
    with_subkeys(short.set_validity_period(Duration::from_secs(90 * DAY))).0
});
/// RSA-4096 with a signing subkey of RSA-2048, as Gentoo's.
pub static RSA: LazyLock<Cert> = LazyLock::new(|| {
    let signing = KeyFlags::empty().set_signing();
    builder(CipherSuite::RSA4k).add_subkey(signing, None, CipherSuite::RSA2k).generate().unwrap().0
});
/// Revoked by its owner.
pub static REVOKED: LazyLock<Cert> = LazyLock::new(|| {
    let (cert, revocation) = with_subkeys(builder(CipherSuite::Cv25519));
    cert.insert_packets(revocation).unwrap().0
});
/// One whose signing subkey is revoked.
pub static REVOKED_SUBKEY: LazyLock<Cert> = LazyLock::new(|| {
    let cert = ed25519();
    let subkey = signing(&cert).public().fingerprint();
    let primary = cert.primary_key().key().clone().parts_into_secret().unwrap();
    let mut primary = primary.into_keypair().unwrap();
    let key = cert.keys().subkeys().find(|key| key.key().fingerprint() == subkey).unwrap();
    let revocation = SubkeyRevocationBuilder::new()
        .set_reason_for_revocation(ReasonForRevocation::KeyCompromised, b"")
        .unwrap()
        .set_signature_creation_time(day(61))
        .unwrap()
        .build(&mut primary, &cert, key.key(), None)
        .unwrap();
    cert.insert_packets(revocation).unwrap().0
});
/// DSA with 1024 bits: a bare key is enough to be refused.
pub static DSA: LazyLock<(Cert, KeyPair)> = LazyLock::new(|| {
    let mut key = Key4::<SecretParts, PrimaryRole>::generate_dsa(1024).unwrap();
    key.set_creation_time(day(0)).unwrap();
    let key = pgp::packet::Key::from(key);
    let cert = Cert::from_packets([Packet::SecretKey(key.clone())].into_iter()).unwrap();
    (cert, key.role_into_unspecified().into_keypair().unwrap())
});

/// All certificates but [`OTHER`], as a keyring.
pub static KEYRING: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let certs = [&GOOD, &EXPIRED, &RSA, &REVOKED, &REVOKED_SUBKEY].map(|cert| public(cert));
    [certs.concat(), public(&DSA.0)].concat()
});

/// The fingerprints of [`KEYRING`], as BB_FINGERPRINTS has them.
pub static PINNED: LazyLock<String> = LazyLock::new(|| {
    let certs = [&GOOD, &EXPIRED, &RSA, &REVOKED, &REVOKED_SUBKEY].map(|cert| cert.fingerprint());
    let all = certs.into_iter().chain([DSA.0.fingerprint()]).map(|f| f.to_hex());
    all.collect::<Vec<_>>().join(",")
});

/// A certificate without its secrets.
pub fn public(cert: &Cert) -> Vec<u8> {
    cert.clone().strip_secret_key_material().to_vec().unwrap()
}

pub fn armored(cert: &Cert) -> Vec<u8> {
    cert.clone().strip_secret_key_material().armored().to_vec().unwrap()
}

fn subkey(cert: &Cert, flags: &KeyFlags) -> KeyPair {
    let policy = StandardPolicy::at(day(1));
    let keys = cert.keys().secret().with_policy(&policy, day(1)).key_flags(flags);
    keys.subkeys().next().unwrap().key().clone().into_keypair().unwrap()
}

/// The subkey that signs.
pub fn signing(cert: &Cert) -> KeyPair {
    subkey(cert, &KeyFlags::empty().set_signing())
}

/// The subkey that may not sign.
pub fn authentication(cert: &Cert) -> KeyPair {
    subkey(cert, &KeyFlags::empty().set_authentication())
}

/// How a signature is made.
#[derive(Debug, Clone, Copy)]
pub struct How {
    pub typ: SignatureType,
    pub hash: HashAlgorithm,
    pub made: u64,
    /// Days that it is valid for.
    pub valid: Option<u64>,
}

pub const FILE: How =
    How { typ: SignatureType::Binary, hash: HashAlgorithm::SHA512, made: 60, valid: None };
pub const TEXT: How = How { typ: SignatureType::Text, ..FILE };

impl How {
    /// A signature packet over `data` as it is.
    pub fn sign(self, mut pair: KeyPair, data: &[u8]) -> Vec<u8> {
        let builder = SignatureBuilder::new(self.typ).set_hash_algo(self.hash);
        let mut builder = builder.set_signature_creation_time(day(self.made)).unwrap();
        if let Some(days) = self.valid {
            let valid = Duration::from_secs(days * DAY);
            builder = builder.set_signature_validity_period(valid).unwrap();
        }
        Packet::from(builder.sign_message(&mut pair, data).unwrap()).to_vec().unwrap()
    }

    /// The signature that a clearsigned text needs.
    pub fn sign_text(self, pair: KeyPair, text: &str) -> Vec<u8> {
        let lines = text.lines().map(str::trim_end).collect::<Vec<_>>();
        self.sign(pair, lines.join("\r\n").as_bytes())
    }
}

/// A detached signature, as the mirror has it.
pub fn detached(data: &[u8]) -> Vec<u8> {
    FILE.sign(signing(&GOOD), data)
}

pub fn armor(packets: &[u8]) -> String {
    armor_as(Kind::Signature, packets)
}

pub fn armor_as(kind: Kind, packets: &[u8]) -> String {
    let mut writer = pgp::armor::Writer::new(Vec::new(), kind).unwrap();
    writer.write_all(packets).unwrap();
    String::from_utf8(writer.finalize().unwrap()).unwrap()
}

/// A clearsigned text with the signatures that are given, whatever they are over.
pub fn frame(text: &str, signatures: &[u8]) -> String {
    let escape = |line: &str| format!("{}{line}\n", if line.starts_with('-') { "- " } else { "" });
    let text = text.lines().map(escape).collect::<String>();
    let armor = armor(signatures);
    format!("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{text}{armor}")
}

/// A text clearsigned by a certificate's signing subkey.
pub fn clearsigned_by(cert: &Cert, text: &str) -> String {
    frame(text, &TEXT.sign_text(signing(cert), text))
}

pub fn clearsigned(text: &str) -> String {
    clearsigned_by(&GOOD, text)
}
