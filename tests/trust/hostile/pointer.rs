//! The pointer to the newest stage3.

use super::{AGAIN, ALTERED, Case, accepted, check_all, refused};
use crate::keys::{self, TEXT};
use crate::mirror::{POINTER, Place, STAGE3_BYTES, TIME, digests, pointer};

const FILE: &str = "latest-stage3-amd64-nomultilib-openrc.txt";

fn put(place: &Place, text: impl AsRef<[u8]>) {
    place.mirror.write(POINTER, text);
}

/// What was there, changed as text.
fn change(place: &Place, how: impl Fn(String) -> String) {
    put(place, how(place.mirror.read(POINTER)));
}

/// Another text, signed by the right key.
fn signed(place: &Place, text: &str) {
    put(place, keys::clearsigned(text));
}

fn entry(place: &Place, from: &str, to: &str) {
    signed(place, &pointer(TIME).replacen(from, to, 1));
}

fn by(place: &Place, how: keys::How, pair: pgp::crypto::KeyPair) {
    put(place, keys::frame(&pointer(TIME), &how.sign_text(pair, &pointer(TIME))));
}

use sequoia_openpgp as pgp;

use pgp::types::HashAlgorithm;

#[test]
fn frames() {
    let outside = "error: `latest-stage3-amd64-nomultilib-openrc.txt` has text outside its signed part\n\
                   hint: nobody vouches for that text, so the file is refused; try another mirror\n";
    let cut = "error: the signature in `latest-stage3-amd64-nomultilib-openrc.txt` is cut off\n\
               hint: the file is incomplete; fetch it again\n";
    let unsigned = "error: `latest-stage3-amd64-nomultilib-openrc.txt` is not signed\n\
                    hint: a signed text begins with `-----BEGIN PGP SIGNED MESSAGE-----`; try another mirror\n";
    let bad = format!("error: bad signature: `{FILE}` is not what key `KEY` signed\n{AGAIN}");
    let more = format!("error: `{FILE}` holds more than one signed text\n{ALTERED}");
    let cases = [
        refused("plain text", |p| put(p, pointer(TIME)), unsigned),
        refused("empty", |p| put(p, ""), unsigned),
        refused("a page of HTML", |p| put(p, "<html><body>Not found</body></html>\n"), unsigned),
        refused("zero bytes", |p| put(p, [0; 4096]), unsigned),
        refused("truncated in the text", |p| change(p, |t| t[..120].to_owned()), cut),
        refused("truncated in the signature", |p| change(p, |t| t[..t.len() - 40].to_owned()), cut),
        refused(
            "one digit changed",
            |p| change(p, |t| t.replacen("ts=1772386201", "ts=1772386202", 1)),
            &bad,
        ),
        refused(
            "a line added",
            |p| change(p, |t| t.replacen("# ts", "# a comment\n# ts", 1)),
            &bad,
        ),
        refused("a line removed", |p| change(p, |t| t.replacen("# ts=1772386201\n", "", 1)), &bad),
        refused("text before", |p| change(p, |t| format!("evil\n{t}")), outside),
        refused("text after", |p| change(p, |t| format!("{t}evil\n")), outside),
        refused("garbage after", |p| change(p, |t| format!("{t}\u{1}\u{2}")), outside),
        refused(
            "an unsigned frame before",
            |p| change(p, |t| format!("{}{t}", pointer(TIME))),
            outside,
        ),
        refused("two signed texts", |p| change(p, |t| t.repeat(2)), &more),
        refused(
            "a signed text in a signed text",
            |p| change(p, |t| t.replacen("# ts", &format!("{t}# ts"), 1)),
            &more,
        ),
        refused(
            "an unescaped dash",
            |p| change(p, |t| t.replacen("# ts", "-evil\n# ts", 1)),
            &format!(
                "error: `{FILE}` has the unescaped line `-evil` in its signed text\n{ALTERED}"
            ),
        ),
        refused(
            "another header",
            |p| change(p, |t| t.replacen("Hash: SHA512", "Hash: SHA512\nCharset: utf-7", 1)),
            &format!("error: `{FILE}` has the unexpected header `Charset: utf-7`\n{ALTERED}"),
        ),
        refused(
            "colours in a header",
            |p| change(p, |t| t.replacen("Hash: SHA512", "Comment: \x1b[31m", 1)),
            &format!(
                "error: `{FILE}` has the unexpected header `Comment: \\u{{1b}}[31m`\n{ALTERED}"
            ),
        ),
        refused(
            "too large",
            |p| put(p, vec![b'x'; (1 << 20) + 1]),
            "error: cannot fetch `latest-stage3-amd64-nomultilib-openrc.txt`\n\
             \x20 ROOM/mirror: larger than the limit of SIZE\n\
             hint: run the same command again to go on where it stopped, or try another mirror\n",
        )
        .exit(1),
        accepted("CRLF", |p| change(p, |t| t.replace('\n', "\r\n"))),
        accepted("blanks at the ends of lines", |p| {
            change(p, |t| t.replace("ts=1772386201\n", "ts=1772386201 \t\n"))
        }),
        accepted("blank lines around", |p| change(p, |t| format!("\n\n{t}\n\n"))),
        accepted("dash-escaped lines", |p| signed(p, &format!("# a\n# -\n{}", pointer(TIME)))),
        accepted("needlessly dash-escaped", |p| change(p, |t| t.replacen("# ts", "- # ts", 1))),
    ];
    check_all(&cases, 24);
}

impl Case {
    /// The same with another exit code.
    pub fn exit(mut self, code: i32) -> Self {
        self.code = code;
        self
    }
}

#[test]
fn signatures() {
    let refresh =
        "hint: `bb keys refresh` fetches the keys again: Gentoo extends them about once a year\n";
    let signed_by = |rest: &str| format!("error: `{FILE}` is signed by {rest}\n");
    let bad = format!("error: bad signature: `{FILE}` is not what key `KEY` signed\n{AGAIN}");
    let unpinned = signed_by("key `KEY`, which is not pinned")
        + "hint: if the publisher has a new key, check its fingerprint with them before you pin it\n";
    let weak = |hash: &str| {
        format!(
            "error: the signature of `{FILE}` uses the weak hash {hash}\n\
         hint: other data with the same hash can be made; ask the publisher for a new signature\n"
        )
    };
    let no_signature = format!(
        "error: there is no signature in what should be the signature of `{FILE}`\nhint: try another mirror\n"
    );
    let cut = format!(
        "error: the signature in `{FILE}` is cut off\nhint: the file is incomplete; fetch it again\n"
    );
    let cases = [
        refused(
            "a key that nobody pinned",
            |p| put(p, keys::clearsigned_by(&keys::OTHER, &pointer(TIME))),
            &unpinned,
        ),
        refused(
            "a subkey that may not sign",
            |p| by(p, TEXT, keys::authentication(&keys::GOOD)),
            &(signed_by("key `KEY` of `KEY`, which may not sign")
                + "hint: its owner made it for something else; do not use the file\n"),
        ),
        refused(
            "a revoked key",
            |p| by(p, TEXT, keys::signing(&keys::REVOKED)),
            &(signed_by("key `KEY`, which is revoked")
                + "hint: its owner no longer stands for it; pin the publisher's new key\n"),
        ),
        refused(
            "a revoked subkey",
            |p| by(p, TEXT, keys::signing(&keys::REVOKED_SUBKEY)),
            &(signed_by("subkey `KEY` of `KEY`, which is revoked")
                + "hint: its owner no longer stands for it; fetch a newer file and the keyring again\n"),
        ),
        refused(
            "an expired key",
            |p| by(p, TEXT, keys::signing(&keys::EXPIRED)),
            &(signed_by("key `KEY`, which expired on 2026-04-01") + refresh),
        ),
        refused(
            "DSA with 1024 bits",
            |p| by(p, TEXT, keys::DSA.1.clone()),
            &(signed_by("key `KEY`, which is too weak (1024-bit DSA)")
                + "hint: anybody may be able to forge its signatures; pin a newer key of the publisher\n"),
        ),
        refused(
            "SHA-1",
            |p| by(p, keys::How { hash: HashAlgorithm::SHA1, ..TEXT }, keys::signing(&keys::GOOD)),
            &weak("SHA1"),
        ),
        refused(
            "MD5",
            |p| by(p, keys::How { hash: HashAlgorithm::MD5, ..TEXT }, keys::signing(&keys::GOOD)),
            &weak("MD5"),
        ),
        refused(
            "made in the future",
            |p| by(p, keys::How { made: 25_000, ..TEXT }, keys::signing(&keys::GOOD)),
            &format!(
                "error: the signature of `{FILE}` was made in the future, on 2094-06-13\nhint: check this machine's clock\n"
            ),
        ),
        refused(
            "an expired signature",
            |p| by(p, keys::How { valid: Some(5), ..TEXT }, keys::signing(&keys::GOOD)),
            &format!(
                "error: the signature of `{FILE}` expired on 2026-03-07\nhint: fetch a newer file\n"
            ),
        ),
        refused(
            "a signature for files",
            |p| by(p, keys::FILE, keys::signing(&keys::GOOD)),
            &format!(
                "error: the signature of `{FILE}` has a form that does not count (version 4, Binary)\nhint: try another mirror\n"
            ),
        ),
        refused(
            "a signature that stands alone",
            |p| {
                let mut signature = TEXT.sign_text(keys::signing(&keys::GOOD), &pointer(TIME));
                assert_eq!(signature[2..4], [4, 1], "version and type");
                signature[3] = 2;
                put(p, keys::frame(&pointer(TIME), &signature));
            },
            &format!(
                "error: the signature of `{FILE}` has a form that does not count (version 4, Standalone)\nhint: try another mirror\n"
            ),
        ),
        refused(
            "the signature of another text",
            |p| {
                put(
                    p,
                    keys::frame(
                        &pointer(TIME),
                        &TEXT.sign_text(keys::signing(&keys::GOOD), "other\n"),
                    ),
                )
            },
            &bad,
        ),
        refused(
            "two signatures, both bad",
            |p| {
                let other = TEXT.sign_text(keys::signing(&keys::GOOD), "other\n");
                put(p, keys::frame(&pointer(TIME), &other.repeat(2)));
            },
            &bad,
        ),
        refused(
            "two signatures, one bad, one by a stranger",
            |p| {
                let bad = TEXT.sign_text(keys::signing(&keys::GOOD), "other\n");
                let stranger = TEXT.sign_text(keys::signing(&keys::OTHER), &pointer(TIME));
                put(p, keys::frame(&pointer(TIME), &[bad, stranger].concat()));
            },
            &bad,
        ),
        refused("a signature without content", |p| put(p, keys::frame(&pointer(TIME), b"")), &cut),
        refused(
            "a key in place of the signature",
            |p| put(p, keys::frame(&pointer(TIME), &keys::public(&keys::GOOD))),
            &no_signature,
        ),
        refused(
            "a signature and a key",
            |p| {
                let good = TEXT.sign_text(keys::signing(&keys::GOOD), &pointer(TIME));
                put(p, keys::frame(&pointer(TIME), &[good, keys::public(&keys::OTHER)].concat()));
            },
            &no_signature,
        ),
        refused(
            "rubbish in the armor",
            |p| {
                change(p, |t| {
                    let at = t.rfind("\n\n").unwrap() + 2;
                    format!("{}!!!!{}", &t[..at], &t[at + 4..])
                })
            },
            &no_signature,
        ),
        refused(
            "armor of another kind",
            |p| change(p, |t| t.replace("PGP SIGNATURE", "PGP MESSAGE")),
            &cut,
        ),
        accepted("two signatures, the first one bad", |p| {
            let bad = TEXT.sign_text(keys::signing(&keys::GOOD), "other\n");
            let good = TEXT.sign_text(keys::signing(&keys::GOOD), &pointer(TIME));
            put(p, keys::frame(&pointer(TIME), &[bad, good].concat()));
        }),
        accepted("two signatures, one by a stranger", |p| {
            let stranger = TEXT.sign_text(keys::signing(&keys::OTHER), &pointer(TIME));
            let good = TEXT.sign_text(keys::signing(&keys::GOOD), &pointer(TIME));
            put(p, keys::frame(&pointer(TIME), &[stranger, good].concat()));
        }),
        accepted("RSA-4096 with a subkey of RSA-2048", |p| {
            put(p, keys::clearsigned_by(&keys::RSA, &pointer(TIME)))
        }),
        accepted("SHA-256", |p| {
            by(p, keys::How { hash: HashAlgorithm::SHA256, ..TEXT }, keys::signing(&keys::GOOD))
        }),
    ];
    check_all(&cases, 24);
}

/// The place in the file that a message shows.
fn shown(message: &str, line: usize, column: usize, text: &str, carets: usize) -> String {
    let (margin, under) = (" ".repeat(column - 1), "^".repeat(carets));
    format!(
        "error: `{FILE}` {message}\n --> {FILE}:{line}:{column}\n  |\n{line} | {text}\n  | {margin}{under}\n"
    )
}

#[test]
fn contents() {
    let time = "has a path that does not begin with a time";
    let other = "does not name a stage3 of `amd64-nomultilib-openrc`";
    let good = "TIMESTAMP/stage3-amd64-nomultilib-openrc-TIMESTAMP.tar.xz";
    let path = format!("{TIME}/stage3-amd64-nomultilib-openrc-{TIME}.tar.xz").len();
    let name = path - TIME.len() - 1;
    let size = |message: &str, size: &str| {
        shown(message, 3, path + 2, &format!("{good} {size}"), size.len())
    };
    let cases = [
        refused(
            "a path with `..`",
            |p| entry(p, &format!("{TIME}/"), "../"),
            &shown(time, 3, 1, "../stage3-amd64-nomultilib-openrc-TIMESTAMP.tar.xz 21", name + 3),
        ),
        refused(
            "a path with `..` after the time",
            |p| entry(p, &format!("{TIME}/"), &format!("{TIME}/../")),
            &shown(
                other,
                3,
                1,
                "TIMESTAMP/../stage3-amd64-nomultilib-openrc-TIMESTAMP.tar.xz 21",
                path + 3,
            ),
        ),
        refused(
            "an absolute path",
            |p| entry(p, &format!("{TIME}/"), "/etc/"),
            &shown(time, 3, 1, "/etc/stage3-amd64-nomultilib-openrc-TIMESTAMP.tar.xz 21", name + 5),
        ),
        refused(
            "an address",
            |p| entry(p, &format!("{TIME}/"), "http://x/"),
            &shown(
                time,
                3,
                1,
                "http://x/stage3-amd64-nomultilib-openrc-TIMESTAMP.tar.xz 21",
                name + 9,
            ),
        ),
        refused(
            "another flavour",
            |p| entry(p, "nomultilib-openrc", "systemd"),
            &shown(other, 3, 1, "TIMESTAMP/stage3-amd64-systemd-TIMESTAMP.tar.xz 21", path - 10),
        ),
        refused(
            "another architecture",
            |p| entry(p, "amd64", "arm64"),
            &shown(other, 3, 1, &format!("{} 21", good.replace("amd64", "arm64")), path),
        ),
        refused(
            "another time in the name",
            |p| entry(p, &format!("{TIME}/"), "20260302T170104Z/"),
            &shown(other, 3, 1, &format!("{good} 21"), path),
        ),
        refused(
            "no size",
            |p| entry(p, " 21", ""),
            &shown("has a line that is not `PATH BYTES`", 3, 1, good, path),
        ),
        refused("a size of 0", |p| entry(p, " 21", " 0"), &size("has a malformed size", "0")),
        refused(
            "a negative size",
            |p| entry(p, " 21", " -21"),
            &size("has a malformed size", "-21"),
        ),
        refused(
            "a size beyond all disks",
            |p| entry(p, " 21", " 99999999999999999999"),
            &size("has a malformed size", "99999999999999999999"),
        ),
        refused(
            "a time that is none",
            |p| entry(p, "ts=1772386201", "ts=soon"),
            &shown("has a malformed time", 2, 1, "# ts=soon", 9),
        ),
        refused(
            "no entry",
            |p| signed(p, "# ts=1\n"),
            &format!(
                "error: `{FILE}` names no stage3\nhint: the mirror may be broken; try another\n"
            ),
        ),
        refused(
            "two entries",
            |p| {
                let text = pointer(TIME);
                signed(p, &format!("{text}{}\n", text.lines().last().unwrap()));
            },
            &shown("names more than one file", 4, 1, &format!("{good} 21"), path + 3),
        ),
        refused(
            "another signed file in its place",
            |p| {
                signed(
                    p,
                    &digests("x", STAGE3_BYTES)
                        .replace(&crate::mirror::blake2b(STAGE3_BYTES), "abcd"),
                );
            },
            &shown("has a malformed size", 2, 6, "abcd  x", 2),
        ),
        refused(
            "not UTF-8",
            |p| {
                let text = b"# \xff\n";
                let signature = TEXT.sign(keys::signing(&keys::GOOD), b"# \xff");
                let armor = keys::armor(&signature);
                let begin = b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n";
                put(p, [&begin[..], text, armor.as_bytes()].concat());
            },
            &format!("error: `{FILE}` is not UTF-8 text\n"),
        ),
    ];
    check_all(&cases, 16);
}
