//! What has to hold of any input: no panic, and nothing dangerous in what is accepted.
//!
//! Also compiled into the tests, which replay the corpora.

use gentoo_bb::gentoo::{cleartext, digests, pointer};

/// The name that lists are asked for.
pub const NAME: &str = "stage3-amd64-openrc-20260301T170104Z.tar.xz";

fn is_digest(hex: &str) -> bool {
    hex.len() == 128 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// A list of digests.
pub fn digests(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(found) = digests::parse(text, NAME, "list") else { return };
    assert!(found.sha512.is_some() || found.blake2b.is_some());
    assert!(found.sha512.iter().chain(&found.blake2b).all(|hex| is_digest(hex)));
    assert!(text.contains(NAME));
}

/// A pointer to a stage3, and the names of flavours in any text.
pub fn pointer(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for flavour in pointer::flavours(text, "amd64") {
        assert!(
            flavour
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b))
        );
    }
    let Ok(found) = pointer::parse(text, "amd64", "openrc", "pointer") else { return };
    assert_eq!(found.path, format!("{}/{}", found.timestamp, found.name));
    assert_eq!(found.name, format!("stage3-amd64-openrc-{}.tar.xz", found.timestamp));
    assert!(found.size > 0 && found.timestamp.len() == 16 && !found.path.contains(".."));
}

/// The frame of a clearsigned text.
pub fn cleartext(data: &[u8]) {
    let Ok(frame) = cleartext::split("file", data) else { return };
    let (signed, text) = (frame.signed(), frame.text());
    // Both say the same, and nothing of it is outside of the file.
    let lines = |bytes: &[u8]| {
        let lines = bytes
            .split(|b| *b == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec());
        lines.collect::<Vec<_>>()
    };
    let mut of_text = lines(&text);
    assert_eq!(of_text.pop(), Some(vec![]));
    assert_eq!(of_text, lines(&signed));
    let inside =
        |line: &Vec<u8>| line.is_empty() || data.windows(line.len()).any(|w| w == line.as_slice());
    assert!(of_text.iter().all(inside));
    assert!(frame.signature.starts_with(b"-----BEGIN PGP SIGNATURE-----\n"));
    assert!(frame.signature.ends_with(b"-----END PGP SIGNATURE-----\n"));
}
