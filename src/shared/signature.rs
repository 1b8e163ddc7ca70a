//! Statements that are signed: a DSSE envelope around an in-toto statement, by Ed25519.
//!
//! Others read both: `cosign`, `in-toto` and any Ed25519 with a JSON reader. A Sigstore bundle would bring
//! certificates and a log that a team's key does not need. Knows no store and no step.
//! Source: <https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md>,
//! <https://www.rfc-editor.org/rfc/rfc8410> for the keys' form.

#![expect(clippy::disallowed_methods, reason = "keys are files")]

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::base::error::{Error, Result};
use crate::base::hex::hex;
use crate::base::limits::Limit;
use crate::base::read;

/// What an envelope has in it.
const PAYLOAD: &str = "application/vnd.in-toto+json";
/// What stands before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410, 4).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// An envelope as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload_type: String,
    payload: String,
    signatures: Vec<Signed>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Signed {
    #[serde(default)]
    keyid: String,
    sig: String,
}

/// A key whose signatures count.
#[derive(Debug, Clone)]
pub struct PublicKey {
    raw: [u8; 32],
}

/// A key that signs. Not shown, and in no message.
pub struct PrivateKey(Ed25519KeyPair);

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PrivateKey")
    }
}

/// Why a statement does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distrust {
    /// It is no envelope, or one of something else.
    Malformed,
    /// Nobody has signed it.
    Unsigned,
    /// Nobody has signed it who is trusted, or what was signed is something else.
    Stranger,
}

impl PublicKey {
    /// From a PEM file, as `openssl pkey -pubout` writes it.
    ///
    /// # Errors
    /// It cannot be read, or is no public Ed25519 key (exit 3).
    pub fn read(file: &Path) -> Result<Self> {
        let text = read::state(file, Limit::KeyringSize).map_err(|e| unreadable(file, &e))?;
        let der = SubjectPublicKeyInfoDer::from_pem_slice(&text).ok();
        let raw = der.as_ref().and_then(|der| der.strip_prefix(SPKI.as_slice())?.try_into().ok());
        let wrong = || Error::config(format!("`{}` is no public Ed25519 key", file.display()));
        raw.map(|raw| Self { raw })
            .ok_or_else(|| wrong().hint("`bb store key FILE` makes a pair: `FILE` and `FILE.pub`"))
    }

    /// What envelopes call it: SHA-256 of its SubjectPublicKeyInfo.
    #[must_use]
    pub fn id(&self) -> String {
        hex(&Sha256::digest(self.der()))
    }

    fn der(&self) -> Vec<u8> {
        [SPKI.as_slice(), &self.raw].concat()
    }

    fn vouches(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.raw).verify(message, signature).is_ok()
    }
}

impl PrivateKey {
    /// From a PEM file in PKCS #8, as `openssl genpkey -algorithm ed25519` writes it.
    ///
    /// # Errors
    /// It cannot be read, or is no such key (exit 3).
    pub fn read(file: &Path) -> Result<Self> {
        let text = read::state(file, Limit::KeyringSize).map_err(|e| unreadable(file, &e))?;
        let der = PrivatePkcs8KeyDer::from_pem_slice(&text).ok();
        let pair = der.and_then(|der| {
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()).ok()
        });
        let wrong =
            || Error::config(format!("`{}` is no Ed25519 key to sign with", file.display()));
        pair.map(Self).ok_or_else(|| wrong().hint("`bb store key FILE` makes one"))
    }

    /// Its other half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        let mut raw = [0; 32];
        raw.copy_from_slice(self.0.public_key().as_ref());
        PublicKey { raw }
    }

    /// A statement as it is written where it is kept.
    #[must_use]
    pub fn sign(&self, payload: &[u8]) -> Vec<u8> {
        let sig = self.0.sign(&signed_text(payload));
        let signature = Signed { keyid: self.public().id(), sig: BASE64_STANDARD.encode(sig) };
        let envelope = Envelope {
            payload_type: PAYLOAD.to_owned(),
            payload: BASE64_STANDARD.encode(payload),
            signatures: vec![signature],
        };
        serde_json::to_vec(&envelope).unwrap_or_default()
    }
}

fn unreadable(file: &Path, cause: &Error) -> Error {
    Error::config(format!(
        "the key `{}` of the store cannot be read: {}",
        file.display(),
        cause.message()
    ))
    .hint("`store.trust` in bb.toml and the variable `BB_STORE_KEY` name such files")
}

/// Makes a pair of keys: `FILE`, which only its owner may read, and `FILE.pub`. Never over one that is there.
///
/// # Errors
/// One of them is there, or cannot be written.
pub fn make_pair(file: &Path) -> Result<PublicKey> {
    let failed = |_| Error::bug("no Ed25519 key could be made");
    let pair = Ed25519KeyPair::generate().map_err(failed)?;
    let secret = pair.to_pkcs8v1().map_err(failed)?;
    let public = PrivateKey(pair).public();
    let beside = {
        let mut name = file.as_os_str().to_owned();
        name.push(".pub");
        std::path::PathBuf::from(name)
    };
    if fs::symlink_metadata(&beside).is_ok() {
        return Err(there(&beside));
    }
    write_new(file, 0o600, &pem("PRIVATE KEY", secret.as_ref()))?;
    write_new(&beside, 0o644, &pem("PUBLIC KEY", &public.der()))?;
    Ok(public)
}

fn there(file: &Path) -> Error {
    Error::usage(format!("`{}` is there already", file.display()))
        .hint("name another file: who has signed with a key needs it")
}

fn write_new(file: &Path, mode: u32, text: &str) -> Result<()> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(file);
    let mut opened = opened.map_err(|e| match e.kind() {
        std::io::ErrorKind::AlreadyExists => there(file),
        _ => Error::file("write", file, &e),
    })?;
    let written = opened.write_all(text.as_bytes()).and_then(|()| opened.sync_all());
    written.map_err(|e| Error::file("write", file, &e))
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line) + "\n");
    format!("-----BEGIN {label}-----\n{}-----END {label}-----\n", lines.collect::<String>())
}

/// The statement in an envelope, if somebody who is trusted has signed it.
///
/// # Errors
/// Why it does not count.
pub(super) fn verified(
    envelope: &[u8],
    trusted: &[PublicKey],
) -> std::result::Result<Vec<u8>, Distrust> {
    let envelope = serde_json::from_slice::<Envelope>(envelope).map_err(|_| Distrust::Malformed)?;
    if envelope.payload_type != PAYLOAD {
        return Err(Distrust::Malformed);
    }
    let decoded = |text: &str| BASE64_STANDARD.decode(text).map_err(|_| Distrust::Malformed);
    let payload = decoded(&envelope.payload)?;
    let message = signed_text(&payload);
    if envelope.signatures.is_empty() {
        return Err(Distrust::Unsigned);
    }
    // What it calls the key says nothing: whoever writes the envelope can write any name.
    for signature in envelope.signatures.iter().take(16) {
        let signature = decoded(&signature.sig)?;
        if trusted.iter().any(|key| key.vouches(&message, &signature)) {
            return Ok(payload);
        }
    }
    Err(Distrust::Stranger)
}

/// What is signed: "pre-authentication encoding", so that no type and no text can be taken for another.
fn signed_text(payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {PAYLOAD} {} ", PAYLOAD.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(dir: &Path, name: &str) -> (PrivateKey, PublicKey) {
        let file = dir.join(name);
        make_pair(&file).unwrap();
        let private = PrivateKey::read(&file).unwrap();
        (private, PublicKey::read(&dir.join(format!("{name}.pub"))).unwrap())
    }

    #[test]
    fn only_what_a_trusted_key_has_signed_counts() {
        let dir = tempfile::tempdir().unwrap();
        let (own, trusted) = pair(dir.path(), "own");
        let (other, stranger) = pair(dir.path(), "other");
        assert_eq!(own.public().id(), trusted.id());
        let signed = own.sign(b"text");
        assert_eq!(verified(&signed, &[stranger.clone(), trusted.clone()]).unwrap(), b"text");
        let why = |envelope: &[u8]| verified(envelope, std::slice::from_ref(&trusted)).unwrap_err();
        assert_eq!(why(&other.sign(b"text")), Distrust::Stranger);
        assert_eq!(verified(&signed, &[]), Err(Distrust::Stranger));
        let text = String::from_utf8(signed).unwrap();
        // Under its own signature another text, or the same text as something else.
        let moved = text.replace(&BASE64_STANDARD.encode("text"), &BASE64_STANDARD.encode("tex2"));
        assert_eq!(why(moved.as_bytes()), Distrust::Stranger);
        assert_eq!(why(text.replace("in-toto", "else").as_bytes()), Distrust::Malformed);
        let at = text.find("\"signatures\"").unwrap();
        assert_eq!(
            why(format!("{}\"signatures\":[]}}", &text[..at]).as_bytes()),
            Distrust::Unsigned
        );
        for end in 0..text.len() {
            assert!(verified(&text.as_bytes()[..end], std::slice::from_ref(&trusted)).is_err());
        }
    }

    #[test]
    fn a_key_is_made_once_and_for_its_owner() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("k");
        make_pair(&file).unwrap();
        let mode =
            |name: &str| fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("k"), mode("k.pub")), (0o600, 0o644));
        let before = fs::read(&file).unwrap();
        assert!(make_pair(&file).is_err());
        fs::remove_file(&file).unwrap();
        assert!(make_pair(&file).is_err() && !file.exists());
        fs::write(&file, before).unwrap();
        assert!(
            PublicKey::read(&file).is_err() && PrivateKey::read(&dir.path().join("k.pub")).is_err()
        );
    }
}
