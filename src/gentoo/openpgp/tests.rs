//! Real keys and signatures, made by the tests at fixed times.

use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pgp::Packet;
use pgp::armor::Kind;
use pgp::cert::{CertBuilder, CipherSuite, SubkeyRevocationBuilder};
use pgp::crypto::{KeyPair, mpi};
use pgp::packet::signature::SignatureBuilder;
use pgp::policy::StandardPolicy;
use pgp::serialize::stream::{Message, Signer};
use pgp::serialize::{Serialize, SerializeInto};
use pgp::types::{HashAlgorithm, KeyFlags, PublicKeyAlgorithm, ReasonForRevocation};

use super::*;
use crate::base::error::Exit;

mod files;
mod keys;

const DAY: u64 = 86_400;
const DATA: &[u8] = b"the content of a tarball\n";

/// 2026-01-01 plus some days.
fn day(days: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_767_225_600 + days * DAY)
}

/// A certificate made on day 0 that expires on day 365 (2027-01-01), with a signing subkey and
/// one for authentication.
fn cert_of(suite: CipherSuite) -> (Cert, Signature) {
    CertBuilder::new()
        .add_userid("Test <test@example.org>")
        .set_creation_time(day(0))
        .set_validity_period(Duration::from_secs(365 * DAY))
        .set_cipher_suite(suite)
        .add_signing_subkey()
        .add_authentication_subkey()
        .generate()
        .unwrap()
}

fn cert() -> Cert {
    cert_of(CipherSuite::Cv25519).0
}

fn key_for(cert: &Cert, flags: KeyFlags) -> KeyPair {
    let policy = StandardPolicy::at(day(1));
    let keys = cert.keys().secret().with_policy(&policy, day(1)).key_flags(flags);
    keys.subkeys().next().unwrap().key().clone().role_into_unspecified().into_keypair().unwrap()
}

fn signing_pair(cert: &Cert) -> KeyPair {
    key_for(cert, KeyFlags::empty().set_signing())
}

fn builder(typ: SignatureType) -> SignatureBuilder {
    SignatureBuilder::new(typ)
        .set_hash_algo(HashAlgorithm::SHA512)
        .set_signature_creation_time(day(2))
        .unwrap()
}

fn sign(builder: SignatureBuilder, pair: &mut KeyPair, data: &[u8]) -> Vec<u8> {
    Packet::from(builder.sign_message(pair, data).unwrap()).to_vec().unwrap()
}

fn signed(cert: &Cert) -> Vec<u8> {
    sign(builder(SignatureType::Binary), &mut signing_pair(cert), DATA)
}

fn clearsigned(cert: &Cert, text: &str) -> String {
    let mut sink = Vec::new();
    let signer = Signer::new(Message::new(&mut sink), signing_pair(cert)).unwrap();
    let mut signer = signer.cleartext().creation_time(day(2)).build().unwrap();
    signer.write_all(text.as_bytes()).unwrap();
    signer.finalize().unwrap();
    String::from_utf8(sink).unwrap()
}

fn armor(signature: &[u8]) -> Vec<u8> {
    let mut writer = pgp::armor::Writer::new(Vec::new(), Kind::Signature).unwrap();
    writer.write_all(signature).unwrap();
    writer.finalize().unwrap()
}

fn name(cert: &Cert) -> Fingerprint {
    fingerprint(&cert.fingerprint())
}

fn keyring(cert: &Cert) -> Keyring {
    Keyring::from_bytes("keys.asc", &cert.to_vec().unwrap(), &[name(cert)]).unwrap()
}

fn check(ring: &Keyring, signature: &[u8], at: u64) -> Result<Verified> {
    ring.verify_detached("file", DATA, signature, Some(day(at)))
}

/// The refusal's message; it must be exit 5 with a hint.
fn refusal<T: std::fmt::Debug>(result: Result<T>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.exit(), Exit::Trust);
    assert!(error.hint_text().is_some(), "{error:?}");
    error.message().to_owned()
}
