//! Digests and signatures, as mirrors have them.

use std::io::Write;
use std::time::SystemTime;

use blake2::Blake2b512;
use sequoia_openpgp as pgp;
use sha2::{Digest, Sha256, Sha512};

use pgp::cert::Cert;
use pgp::crypto::KeyPair;
use pgp::packet::signature::SignatureBuilder;
use pgp::policy::StandardPolicy;
use pgp::serialize::SerializeInto;
use pgp::serialize::stream::{Message, Signer};
use pgp::types::SignatureType;

/// SHA-256 in hex.
pub fn digest(data: impl AsRef<[u8]>) -> String {
    format!("{:x}", Sha256::digest(data))
}

/// SHA-512 in hex.
pub fn sha512(data: impl AsRef<[u8]>) -> String {
    format!("{:x}", Sha512::digest(data))
}

/// BLAKE2b in hex.
pub fn blake2b(data: impl AsRef<[u8]>) -> String {
    format!("{:x}", Blake2b512::digest(data))
}

/// What signs, of a key whose time is now.
pub fn signing(cert: &Cert) -> KeyPair {
    let policy = StandardPolicy::new();
    let mut keys = cert.keys().secret().with_policy(&policy, None).for_signing();
    keys.next().unwrap().key().clone().into_keypair().unwrap()
}

/// A detached signature of this time.
pub fn detached(cert: &Cert, data: &[u8], made: SystemTime) -> Vec<u8> {
    let builder = SignatureBuilder::new(SignatureType::Binary);
    let builder = builder.set_signature_creation_time(made).unwrap();
    let signature = builder.sign_message(&mut signing(cert), data).unwrap();
    pgp::Packet::from(signature).to_vec().unwrap()
}

/// A text with a signature around it.
///
/// # Panics
/// The certificate cannot sign.
pub fn clearsigned(cert: &Cert, text: &str, made: SystemTime) -> Vec<u8> {
    let mut sink = vec![];
    let signer = Signer::new(Message::new(&mut sink), signing(cert)).unwrap();
    let mut signer = signer.cleartext().creation_time(made).build().unwrap();
    signer.write_all(text.as_bytes()).unwrap();
    signer.finalize().unwrap();
    sink
}
