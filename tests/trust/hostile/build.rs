//! A mirror that was good when the lock was made, and files changed on this machine.

use std::fs;

use super::{AGAIN, Case, check_all};
use crate::keys;
use crate::mirror::{NAME, Place, STAGE3_BYTES, blake2b, digests, sha512, stage3};

const STAGE3: &str = "stage3-amd64-nomultilib-openrc.tar.xz";
const PATH: &str = "TIMESTAMP/stage3-amd64-nomultilib-openrc-TIMESTAMP.tar.xz";

/// `fetch` of a stage3 that is not what the lock pins.
fn fetch(name: &'static str, spoil: fn(&Place), why: &str) -> Case {
    let says = format!(
        "start   fetch:{STAGE3} (never built)\n\
         failed  fetch:{STAGE3}\n\
         error: `{PATH}` is not what was expected\n  ROOM/mirror: {why}\n\
         hint: the mirrors may be out of date or altered; try another one\n\
         again: bb step fetch:{STAGE3}\n"
    );
    Case { name, spoil, args: "step fetch:stage3-amd64-nomultilib-openrc.tar.xz", code: 5, says }
}

/// `verify` of a stage3 that was fetched as pinned.
fn verify(name: &'static str, spoil: fn(&Place), error: &str) -> Case {
    let says = format!(
        "start   verify:stage3 (never built)\n\
         failed  verify:stage3\n{error}again: bb step verify:stage3\n"
    );
    Case { name, spoil, args: "step verify:stage3", code: 5, says }
}

fn pin(place: &Place) {
    place.bb("update").ok();
}

/// Everything is fetched as the mirror has it now.
fn fetched(place: &Place) {
    for suffix in ["", ".asc", ".DIGESTS"] {
        place.bb(&format!("step fetch:{STAGE3}{suffix}")).ok();
    }
}

/// Pinned; then one file beside the stage3 is another one; then all is fetched.
fn beside(place: &Place, suffix: &str, data: impl AsRef<[u8]>) {
    pin(place);
    place.mirror.write(&stage3(suffix), data);
    fetched(place);
}

fn list(place: &Place, text: &str) {
    beside(place, ".DIGESTS", keys::clearsigned(text));
}

fn downloaded(place: &Place, suffix: &str, data: impl AsRef<[u8]>) {
    fs::write(place.room.path(format!(".bb/downloads/{STAGE3}{suffix}")), data).unwrap();
}

#[test]
fn fetching() {
    let cases = [
        fetch(
            "other bytes",
            |p| {
                pin(p);
                p.mirror.write(&stage3(""), b"the bytes of another!");
            },
            "has another SHA512",
        ),
        fetch(
            "longer",
            |p| {
                pin(p);
                p.mirror.write(&stage3(""), [STAGE3_BYTES, b"x"].concat());
            },
            "has SIZE instead of 21",
        ),
        fetch(
            "shorter",
            |p| {
                pin(p);
                p.mirror.write(&stage3(""), b"short");
            },
            "has SIZE instead of 21",
        ),
        fetch(
            "empty",
            |p| {
                pin(p);
                p.mirror.write(&stage3(""), b"");
            },
            "has SIZE instead of 21",
        ),
    ];
    check_all(&cases, 4);
}

#[test]
fn verifying() {
    let file = ".bb/downloads/stage3-amd64-nomultilib-openrc.tar.xz";
    let bad = |file: &str| {
        format!("error: bad signature: `{file}` is not what key `KEY` signed\n{AGAIN}")
    };
    let (sha, blake) = (sha512(STAGE3_BYTES), blake2b(STAGE3_BYTES));
    let other = |name: &str, listed: &str, seen: &str| {
        format!(
            "error: the {name} of `{file}` is not what {file}.DIGESTS says\n  listed: {listed}\n  file:   {seen}\n\
         hint: remove `{file}` to fetch it again\n"
        )
    };
    let unpinned = |file: &str| {
        format!(
            "error: `{file}` is signed by key `KEY`, which is not pinned\n\
         hint: if the publisher has a new key, check its fingerprint with them before you pin it\n"
        )
    };
    let cases = [
        verify(
            "the signature of the snapshot",
            |p| beside(p, ".asc", keys::detached(&crate::mirror::SNAPSHOT_BYTES)),
            &bad(file),
        ),
        verify(
            "a signature by a stranger",
            |p| {
                beside(
                    p,
                    ".asc",
                    keys::armor(&keys::FILE.sign(keys::signing(&keys::OTHER), STAGE3_BYTES)),
                );
            },
            &unpinned(file),
        ),
        verify(
            "an empty signature",
            |p| beside(p, ".asc", ""),
            &format!(
                "error: there is no signature in what should be the signature of `{file}`\nhint: try another mirror\n"
            ),
        ),
        verify(
            "a SHA-1 signature",
            |p| {
                let how =
                    keys::How { hash: sequoia_openpgp::types::HashAlgorithm::SHA1, ..keys::FILE };
                beside(p, ".asc", how.sign(keys::signing(&keys::GOOD), STAGE3_BYTES));
            },
            &format!(
                "error: the signature of `{file}` uses the weak hash SHA1\n\
                     hint: other data with the same hash can be made; ask the publisher for a new signature\n"
            ),
        ),
        verify(
            "another SHA-512 in the list",
            |p| list(p, &digests(NAME, STAGE3_BYTES).replace(&sha512(STAGE3_BYTES), &sha512(b"x"))),
            &other("SHA-512", &sha512(b"x"), &sha),
        ),
        verify(
            "another BLAKE2b in the list",
            |p| {
                list(
                    p,
                    &digests(NAME, STAGE3_BYTES).replace(&blake2b(STAGE3_BYTES), &blake2b(b"x")),
                )
            },
            &other("BLAKE2b", &blake2b(b"x"), &blake),
        ),
        verify(
            "a list of another file",
            |p| list(p, &digests("other", STAGE3_BYTES)),
            &format!(
                "error: `{file}.DIGESTS` has no SHA512 and no BLAKE2B of `stage3-amd64-nomultilib-openrc-TIMESTAMP.tar.xz`\n\
                      hint: it lists `other`\n"
            ),
        ),
        verify(
            "a list by a stranger",
            |p| {
                beside(
                    p,
                    ".DIGESTS",
                    keys::clearsigned_by(&keys::OTHER, &digests(NAME, STAGE3_BYTES)),
                )
            },
            &unpinned(&format!("{file}.DIGESTS")),
        ),
        verify(
            "the stage3 changed after it was fetched",
            |p| {
                pin(p);
                fetched(p);
                downloaded(p, "", b"the bytes of another!");
            },
            &bad(file),
        ),
        verify(
            "the signature changed after it was fetched",
            |p| {
                pin(p);
                fetched(p);
                downloaded(p, ".asc", "");
            },
            &format!(
                "error: there is no signature in what should be the signature of `{file}`\nhint: try another mirror\n"
            ),
        ),
        verify(
            "a stage3 and a signature that belong together, but not to the lock",
            |p| {
                pin(p);
                fetched(p);
                downloaded(p, "", b"another one, signed");
                downloaded(p, ".asc", keys::detached(b"another one, signed"));
            },
            &format!(
                "error: the SHA-512 of `{file}` is not what the lock says\n  listed: {sha}\n  file:   {}\n\
                     hint: remove `{file}` to fetch it again\n",
                sha512(b"another one, signed")
            ),
        ),
    ];
    check_all(&cases, 11);
}

#[test]
fn a_signature_beyond_its_limit_is_not_fetched() {
    let says = format!(
        "start   fetch:{STAGE3}.asc (never built)\n\
         failed  fetch:{STAGE3}.asc\n\
         error: cannot fetch `{PATH}.asc`\n  ROOM/mirror: larger than the limit of SIZE\n\
         hint: run the same command again to go on where it stopped, or try another mirror\n\
         again: bb step fetch:{STAGE3}.asc\n"
    );
    let spoil = |p: &Place| {
        pin(p);
        p.mirror.write(&stage3(".asc"), vec![b'x'; (4 << 20) + 1]);
    };
    let args = "step fetch:stage3-amd64-nomultilib-openrc.tar.xz.asc";
    check_all(&[Case { name: "a signature of 4 MB", spoil, args, code: 1, says }], 1);
}
