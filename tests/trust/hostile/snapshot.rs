//! The snapshot of the ebuild repository and its signature.

use super::{AGAIN, accepted, check_all, refused};
use crate::keys::{self, FILE};
use crate::mirror::{DATE, Place, SNAPSHOT, SNAPSHOT_BYTES, STAGE3_BYTES};

fn signature(place: &Place, data: impl AsRef<[u8]>) {
    place.mirror.write(&format!("{SNAPSHOT}.gpgsig"), data);
}

#[test]
fn snapshots() {
    let what = "snapshots/gentoo-DATE.tar.xz";
    let bad = format!("error: bad signature: `{what}` is not what key `KEY` signed\n{AGAIN}");
    let none = format!(
        "error: there is no signature in what should be the signature of `{what}`\nhint: try another mirror\n"
    );
    let cases = [
        refused(
            "one bit changed",
            |p| {
                let mut bytes = SNAPSHOT_BYTES.to_vec();
                bytes[3] ^= 1;
                p.mirror.write(SNAPSHOT, bytes);
            },
            &bad,
        ),
        refused("truncated", |p| p.mirror.write(SNAPSHOT, &SNAPSHOT_BYTES[..5]), &bad),
        refused("empty", |p| p.mirror.write(SNAPSHOT, ""), &bad),
        refused("longer", |p| p.mirror.write(SNAPSHOT, [&SNAPSHOT_BYTES[..], b"x"].concat()), &bad),
        refused("the stage3 in its place", |p| p.mirror.write(SNAPSHOT, STAGE3_BYTES), &bad),
        refused(
            "the signature of another file",
            |p| signature(p, keys::detached(STAGE3_BYTES)),
            &bad,
        ),
        refused("an empty signature", |p| signature(p, ""), &none),
        refused("a signature of zero bytes", |p| signature(p, [0; 300]), &none),
        refused("a page of HTML", |p| signature(p, "<html>\n"), &none),
        refused(
            "a key in place of the signature",
            |p| signature(p, keys::public(&keys::GOOD)),
            &none,
        ),
        refused(
            "a signature cut off",
            |p| {
                let whole = keys::detached(&SNAPSHOT_BYTES);
                signature(p, &whole[..whole.len() - 9]);
            },
            &none,
        ),
        refused(
            "armor cut off",
            |p| {
                let whole = keys::armor(&keys::detached(&SNAPSHOT_BYTES));
                signature(p, &whole[..whole.len() - 20]);
            },
            &format!(
                "error: the signature in `{what}` is cut off\nhint: the file is incomplete; fetch it again\n"
            ),
        ),
        refused(
            "garbage after the signature",
            |p| {
                signature(p, [keys::detached(&SNAPSHOT_BYTES), b"garbage".to_vec()].concat());
            },
            &none,
        ),
        refused(
            "a clearsigned text as the signature",
            |p| signature(p, keys::clearsigned("the bytes of a snapshot\n")),
            &format!(
                "error: the signature of `{what}` has a form that does not count (version 4, Text)\nhint: try another mirror\n"
            ),
        ),
        refused(
            "a signature in text mode",
            |p| {
                signature(p, keys::TEXT.sign(keys::signing(&keys::GOOD), &SNAPSHOT_BYTES));
            },
            &format!(
                "error: the signature of `{what}` has a form that does not count (version 4, Text)\nhint: try another mirror\n"
            ),
        ),
        refused(
            "by a key that nobody pinned",
            |p| signature(p, FILE.sign(keys::signing(&keys::OTHER), &SNAPSHOT_BYTES)),
            &format!(
                "error: `{what}` is signed by key `KEY`, which is not pinned\n\
                      hint: if the publisher has a new key, check its fingerprint with them before you pin it\n"
            ),
        ),
        refused(
            "by an expired key",
            |p| signature(p, FILE.sign(keys::signing(&keys::EXPIRED), &SNAPSHOT_BYTES)),
            &format!(
                "error: `{what}` is signed by key `KEY`, which expired on 2026-04-01\n\
                      hint: `bb keys refresh` fetches the keys again: Gentoo extends them about once a year\n"
            ),
        ),
        refused(
            "no snapshot but a signature",
            |p| p.mirror.remove(SNAPSHOT),
            &format!(
                "error: no mirror has `{what}`\n  ROOM/mirror: not there\n\
                      hint: mirrors drop old files after some weeks; a newer one may be there\n"
            ),
        )
        .exit(1),
        refused(
            "no signature",
            |p| p.mirror.remove(&format!("{SNAPSHOT}.gpgsig")),
            &format!(
                "error: the mirrors have no snapshot of `{DATE}`\n\
                      hint: mirrors keep the snapshots of some weeks; ask for a newer one\n"
            ),
        )
        .exit(1),
        accepted("an armored signature", |p| {
            signature(p, keys::armor(&keys::detached(&SNAPSHOT_BYTES)))
        }),
        accepted("two signatures, one of another file", |p| {
            signature(p, [keys::detached(STAGE3_BYTES), keys::detached(&SNAPSHOT_BYTES)].concat());
        }),
        accepted("RSA-4096 with a subkey of RSA-2048", |p| {
            signature(p, FILE.sign(keys::signing(&keys::RSA), &SNAPSHOT_BYTES))
        }),
    ];
    check_all(&cases, 22);
}
