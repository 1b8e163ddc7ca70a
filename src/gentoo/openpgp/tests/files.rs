//! What files may hold: signatures, clearsigned texts, keyrings.

use super::*;

#[test]
fn no_signature_or_a_damaged_one() {
    let cert = cert();
    let (ring, signature) = (keyring(&cert), signed(&cert));
    let nothing = "there is no signature in what should be the signature of `file`";
    for text in [&b""[..], b"<html>404</html>", b"\0\0\0", &cert.to_vec().unwrap()] {
        assert_eq!(refusal(check(&ring, text, 3)), nothing);
    }
    for length in 0..signature.len() {
        refusal(check(&ring, &signature[..length], 3));
    }
    let armored = armor(&signature);
    let cut = "the signature in `file` is cut off";
    assert_eq!(refusal(check(&ring, &armored[..armored.len() - 8], 3)), cut);
    let text = String::from_utf8(armored).unwrap();
    let broken = text.replacen("\n\n", "\n\n!!!!", 1);
    refusal(check(&ring, broken.as_bytes(), 3));
}

#[test]
fn text_mode_does_not_count_for_files() {
    let cert = cert();
    let signature = sign(builder(SignatureType::Text), &mut signing_pair(&cert), DATA);
    let message = refusal(check(&keyring(&cert), &signature, 3));
    assert!(message.contains("has a form that does not count (version 4, "), "{message}");
}

#[test]
fn nothing_is_read_when_no_signature_can_count() {
    struct Untouchable;
    impl Read for Untouchable {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            panic!("read")
        }
    }
    let signature = signed(&cert());
    let ring = keyring(&cert());
    refusal(ring.verify_detached("file", Untouchable, &signature, Some(day(3))));
}

#[test]
fn cleartext() {
    let cert = cert();
    let ring = keyring(&cert);
    let text = clearsigned(&cert, "# ts=1\n- dashes\n-----BEGIN x\n\nlast\n");
    for file in [text.clone(), text.replace('\n', "\r\n"), format!("\n{text}\n\n")] {
        let verified = ring.verify_cleartext("latest.txt", file.as_bytes(), Some(day(3))).unwrap();
        let got = verified.text().unwrap().trim_end_matches('\n');
        assert_eq!(got, "# ts=1\n- dashes\n-----BEGIN x\n\nlast");
        assert_eq!(verified.signer(), &name(&cert));
        assert_eq!(verified.signed_at(), day(2));
    }
    let altered = text.replace("ts=1", "ts=2");
    let message = refusal(ring.verify_cleartext("f", altered.as_bytes(), Some(day(3))));
    assert!(message.starts_with("bad signature: `f` is not what key `"), "{message}");
    let expired = refusal(ring.verify_cleartext("f", text.as_bytes(), Some(day(366))));
    assert!(expired.ends_with("expired on 2027-01-01"), "{expired}");
    let evil = format!("evil\n{text}");
    let message = refusal(ring.verify_cleartext("f", evil.as_bytes(), Some(day(3))));
    assert_eq!(message, "`f` has text outside its signed part");
    let twice = refusal(ring.verify_cleartext("f", text.repeat(2).as_bytes(), Some(day(3))));
    assert_eq!(twice, "`f` holds more than one signed text");
    let plain = refusal(ring.verify_cleartext("f", b"plain\n", Some(day(3))));
    assert_eq!(plain, "`f` is not signed");
}

#[test]
fn keyrings() {
    let (one, two, other) = (cert(), cert(), cert());
    let armored = |cert: &Cert| cert.armored().to_vec().unwrap();
    let pinned = [name(&one), name(&two)];
    let blocks = [armored(&other), b"\ncomment\n".to_vec(), armored(&one), armored(&two)].concat();
    let ring = Keyring::from_bytes("keys", &blocks, &pinned).unwrap();
    assert_eq!(ring.fingerprints(), pinned);
    let mut binary = Vec::new();
    for cert in [&one, &other, &two] {
        cert.serialize(&mut binary).unwrap();
    }
    assert_eq!(Keyring::from_bytes("keys", &binary, &pinned).unwrap().fingerprints(), pinned);

    let error = Keyring::from_bytes("keys", &armored(&other), &pinned).unwrap_err();
    assert_eq!(error.message(), "`keys` holds none of the pinned keys");
    assert_eq!(error.hint_text(), Some(&*format!("it holds `{}`", name(&other))));
    for junk in [&b""[..], b"junk", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n", &binary[..40]] {
        refusal(Keyring::from_bytes("keys", junk, &pinned));
    }
}
