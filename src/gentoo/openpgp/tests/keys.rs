//! Whose signatures count, and when.

use super::*;

#[test]
fn good_signatures_of_several_kinds() {
    for suite in [CipherSuite::Cv25519, CipherSuite::RSA2k, CipherSuite::P256] {
        let (cert, _) = cert_of(suite);
        let (ring, signature) = (keyring(&cert), signed(&cert));
        let verified = check(&ring, &signature, 3).unwrap();
        assert_eq!(verified.signer, name(&cert));
        assert_ne!(verified.key, verified.signer);
        assert_eq!(verified.signed_at, day(2));
        assert_eq!(verified.size, DATA.len() as u64);
        let digests = digest::read_all(DATA).unwrap();
        assert_eq!((verified.sha512, verified.blake2b), (digests.sha512, digests.blake2b));
        assert!(check(&ring, &armor(&signature), 3).is_ok());
    }
}

#[test]
fn altered_content() {
    let cert = cert();
    let (ring, signature) = (keyring(&cert), signed(&cert));
    let key = check(&ring, &signature, 3).unwrap().key;
    for data in [&b"other"[..], b"", &DATA[1..], &[DATA, b"x"].concat()] {
        let result = ring.verify_detached("file", data, &signature, Some(day(3)));
        assert_eq!(
            refusal(result),
            format!("bad signature: `file` is not what key `{key}` signed")
        );
    }
}

#[test]
fn unpinned_key() {
    let (ours, theirs) = (cert(), cert());
    let message = refusal(check(&keyring(&ours), &signed(&theirs), 3));
    let subkey = check(&keyring(&theirs), &signed(&theirs), 3).unwrap().key;
    assert_eq!(message, format!("`file` is signed by key `{subkey}`, which is not pinned"));
    // its certificate in the keyring file changes nothing
    let both = [ours.to_vec().unwrap(), theirs.to_vec().unwrap()].concat();
    let ring = Keyring::from_bytes("keys", &both, &[name(&ours)]).unwrap();
    assert_eq!(ring.fingerprints(), [name(&ours)]);
    assert_eq!(refusal(check(&ring, &signed(&theirs), 3)), message);
}

#[test]
fn one_good_signature_among_others_is_enough() {
    let (ours, theirs) = (cert(), cert());
    let both = [signed(&theirs), signed(&ours)].concat();
    assert_eq!(check(&keyring(&ours), &both, 3).unwrap().signer, name(&ours));
    let other = sign(builder(SignatureType::Binary), &mut signing_pair(&ours), b"other");
    assert!(check(&keyring(&ours), &[other.clone(), signed(&ours)].concat(), 3).is_ok());
    assert!(refusal(check(&keyring(&ours), &[other, signed(&theirs)].concat(), 3)).contains("bad"));
}

#[test]
fn a_key_that_may_not_sign() {
    let cert = cert();
    let mut pair = key_for(&cert, KeyFlags::empty().set_authentication());
    let key = pair.public().fingerprint();
    let signature = sign(builder(SignatureType::Binary), &mut pair, DATA);
    assert_eq!(
        refusal(check(&keyring(&cert), &signature, 3)),
        format!("`file` is signed by key `{key}` of `{}`, which may not sign", name(&cert))
    );
}

#[test]
fn revoked_certificate() {
    let (cert, revocation) = cert_of(CipherSuite::Cv25519);
    let signature = signed(&cert);
    let cert = cert.insert_packets(revocation).unwrap().0;
    assert_eq!(
        refusal(check(&keyring(&cert), &signature, 3)),
        format!("`file` is signed by key `{}`, which is revoked", name(&cert))
    );
}

#[test]
fn revoked_subkey() {
    let cert = cert();
    let signature = signed(&cert);
    let subkey = signing_pair(&cert).public().fingerprint();
    let primary = cert.primary_key().key().clone().parts_into_secret().unwrap();
    let amalgamation = cert.keys().subkeys().find(|key| key.key().fingerprint() == subkey);
    let revocation = SubkeyRevocationBuilder::new()
        .set_reason_for_revocation(ReasonForRevocation::KeyCompromised, b"")
        .unwrap()
        .set_signature_creation_time(day(2))
        .unwrap()
        .build(&mut primary.into_keypair().unwrap(), &cert, amalgamation.unwrap().key(), None)
        .unwrap();
    let revoked = cert.clone().insert_packets(revocation).unwrap().0;
    assert_eq!(
        refusal(check(&keyring(&revoked), &signature, 3)),
        format!("`file` is signed by subkey `{subkey}` of `{}`, which is revoked", name(&cert))
    );
}

/// The certificate with new self-signatures of day 300 that make it last until day 730, and
/// without the old ones if `minimal`.
fn extended(cert: &Cert, minimal: bool) -> Cert {
    let primary = cert.primary_key().key().clone().parts_into_secret().unwrap();
    let mut pair = primary.into_keypair().unwrap();
    let policy = StandardPolicy::at(day(300));
    let mut bindings =
        cert.set_expiration_time(&policy, day(300), &mut pair, Some(day(730))).unwrap();
    let subkey = signing_pair(cert).public().fingerprint();
    let keys = cert.keys().subkeys().with_policy(&policy, day(300));
    let amalgamation = keys.key_handle(KeyHandle::from(subkey)).next().unwrap();
    let signer: &mut dyn pgp::crypto::Signer = &mut signing_pair(cert);
    let end = Some(day(730));
    bindings.extend(amalgamation.set_expiration_time(&mut pair, Some(signer), end).unwrap());
    let is_old = |packet: &Packet| {
        let Packet::Signature(signature) = packet else {
            return false;
        };
        matches!(signature.typ(), SignatureType::DirectKey | SignatureType::PositiveCertification)
    };
    let packets = cert.clone().into_packets().filter(|packet| !(minimal && is_old(packet)));
    Cert::from_packets(packets).unwrap().insert_packets(bindings).unwrap().0
}

#[test]
fn expired_certificate_and_its_extension() {
    let cert = cert();
    let signature = signed(&cert);
    assert!(check(&keyring(&cert), &signature, 364).is_ok());
    assert_eq!(
        refusal(check(&keyring(&cert), &signature, 365)),
        format!("`file` is signed by key `{}`, which expired on 2027-01-01", name(&cert))
    );
    // An old copy beside the refreshed one does not spoil it; nor does a copy stripped of history.
    let both = [cert.to_vec().unwrap(), extended(&cert, false).to_vec().unwrap()].concat();
    let ring = Keyring::from_bytes("keys", &both, &[name(&cert)]).unwrap();
    assert!(check(&ring, &signature, 400).is_ok());
    let minimal = keyring(&extended(&cert, true));
    assert!(check(&minimal, &signature, 400).is_ok());
    assert!(refusal(check(&minimal, &signature, 731)).ends_with("expired on 2028-01-01"));
}

#[test]
fn altered_content_is_told_before_an_expired_key() {
    let cert = cert();
    let signature = signed(&cert);
    let result = keyring(&cert).verify_detached("file", &b"other"[..], &signature, Some(day(400)));
    assert!(refusal(result).starts_with("bad signature: "));
}

#[test]
fn times_of_the_signature() {
    let cert = cert();
    let ring = keyring(&cert);
    let message = refusal(check(&ring, &signed(&cert), 1));
    assert_eq!(message, "the signature of `file` was made in the future, on 2026-01-03");
    let short = builder(SignatureType::Binary)
        .set_signature_validity_period(Duration::from_secs(3 * DAY))
        .unwrap();
    let signature = sign(short, &mut signing_pair(&cert), DATA);
    assert!(check(&ring, &signature, 4).is_ok());
    let message = refusal(check(&ring, &signature, 5));
    assert_eq!(message, "the signature of `file` expired on 2026-01-06");
}

#[test]
fn weak_hashes() {
    let cert = cert();
    for (algorithm, word) in [(HashAlgorithm::SHA1, "SHA1"), (HashAlgorithm::MD5, "MD5")] {
        let weak = builder(SignatureType::Binary).set_hash_algo(algorithm);
        let signature = sign(weak, &mut signing_pair(&cert), DATA);
        let message = refusal(check(&keyring(&cert), &signature, 3));
        assert_eq!(message, format!("the signature of `file` uses the weak hash {word}"));
    }
}

#[test]
fn dsa_1024() {
    let number = |bytes: usize| mpi::MPI::new(&vec![0xff; bytes]);
    let public =
        mpi::PublicKey::DSA { p: number(128), q: number(20), g: number(128), y: number(128) };
    #[allow(deprecated)]
    let algorithm = PublicKeyAlgorithm::DSA;
    let key = pgp::packet::key::Key4::<_, key::PrimaryRole>::new(day(0), algorithm, public);
    let dsa = Cert::from_packets([Packet::PublicKey(key.unwrap().into())].into_iter()).unwrap();
    let key = dsa.keys().next().unwrap();
    assert_eq!(
        refusal(Rules::at(day(3)).check_key("file", &key, day(3))),
        format!("`file` is signed by key `{}`, which is too weak (1024-bit DSA)", name(&dsa))
    );
}
