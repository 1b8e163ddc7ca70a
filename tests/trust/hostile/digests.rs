//! The list of digests beside the stage3.

use super::{AGAIN, Case, accepted, check_all, refused};
use crate::keys;
use crate::mirror::{NAME, Place, STAGE3_BYTES, blake2b, digests, sha512, stage3};

const FILE: &str = "TIMESTAMP/stage3-amd64-nomultilib-openrc-TIMESTAMP.tar.xz.DIGESTS";
const STAGE3: &str = "stage3-amd64-nomultilib-openrc-TIMESTAMP.tar.xz";

/// Another list, signed by the right key.
fn signed(place: &Place, text: &str) {
    place.mirror.write(&stage3(".DIGESTS"), keys::clearsigned(text));
}

fn list() -> String {
    digests(NAME, STAGE3_BYTES)
}

fn absent(others: &str) -> String {
    format!("error: `{FILE}` has no SHA512 and no BLAKE2B of `{STAGE3}`\nhint: it lists {others}\n")
}

/// A line of the list with a mark under all of it.
fn shown(message: &str, line: usize, text: &str) -> String {
    let text = text.replace(NAME, STAGE3);
    // The time is longer than the word in its place.
    let carets = "^"
        .repeat(text.chars().count() + (NAME.len() - STAGE3.len()) * text.matches(STAGE3).count());
    format!("error: `{FILE}` {message}\n --> {FILE}:{line}:1\n  |\n{line} | {text}\n  | {carets}\n")
}

#[test]
fn lists() {
    let (sha, other) = (sha512(STAGE3_BYTES), sha512(b"other"));
    let lacks = |what: &str| format!("error: `{FILE}` has no {what} of the stage3\n");
    let malformed = "has a malformed line";
    let cases = [
        refused(
            "not signed",
            |p| p.mirror.write(&stage3(".DIGESTS"), list()),
            &format!(
                "error: `{FILE}` is not signed\n\
                      hint: a signed text begins with `-----BEGIN PGP SIGNED MESSAGE-----`; try another mirror\n"
            ),
        ),
        refused(
            "an empty one",
            |p| p.mirror.write(&stage3(".DIGESTS"), ""),
            &format!(
                "error: `{FILE}` is not signed\n\
                      hint: a signed text begins with `-----BEGIN PGP SIGNED MESSAGE-----`; try another mirror\n"
            ),
        ),
        refused(
            "one digit changed",
            |p| {
                let text = p.mirror.read(&stage3(".DIGESTS"));
                let sha = sha512(STAGE3_BYTES);
                p.mirror.write(&stage3(".DIGESTS"), text.replace(&sha, &sha512(b"other")));
            },
            &format!("error: bad signature: `{FILE}` is not what key `KEY` signed\n{AGAIN}"),
        ),
        refused(
            "by a key that nobody pinned",
            |p| {
                p.mirror.write(&stage3(".DIGESTS"), keys::clearsigned_by(&keys::OTHER, &list()));
            },
            &format!(
                "error: `{FILE}` is signed by key `KEY`, which is not pinned\n\
                     hint: if the publisher has a new key, check its fingerprint with them before you pin it\n"
            ),
        ),
        refused(
            "an unsigned list before the signed one",
            |p| {
                let text = p.mirror.read(&stage3(".DIGESTS"));
                p.mirror.write(&stage3(".DIGESTS"), format!("{}{text}", digests(NAME, b"evil")));
            },
            &format!(
                "error: `{FILE}` has text outside its signed part\n\
                     hint: nobody vouches for that text, so the file is refused; try another mirror\n"
            ),
        ),
        refused(
            "the pointer in its place",
            |p| {
                let text = p.mirror.read(crate::mirror::POINTER);
                p.mirror.write(&stage3(".DIGESTS"), text);
            },
            &shown(malformed, 3, &format!("{}/{NAME} 21", crate::mirror::TIME))
                .replace(crate::mirror::TIME, "TIMESTAMP"),
        ),
        refused(
            "of another file",
            |p| signed(p, &list().replace(NAME, "other.tar.xz")),
            &absent("`other.tar.xz`"),
        ),
        refused(
            "of the same name elsewhere",
            |p| signed(p, &list().replace(NAME, &format!("./{NAME}"))),
            &absent(&format!("`./{STAGE3}`")),
        ),
        refused(
            "of a longer name",
            |p| signed(p, &list().replace(NAME, &format!("{NAME}.asc"))),
            &absent(&format!("`{STAGE3}.asc`")),
        ),
        refused(
            "of a name in capitals",
            |p| signed(p, &list().replace("nomultilib", "NOMULTILIB")),
            &absent(&format!("`{}`", STAGE3.replace("nomultilib", "NOMULTILIB"))),
        ),
        refused("no entry", |p| signed(p, "# nothing\n"), &absent("no file at all")),
        refused(
            "WHIRLPOOL alone",
            |p| signed(p, &format!("# WHIRLPOOL HASH\n{}  {NAME}\n", sha512(b"x"))),
            &absent(&format!("`{STAGE3}`")),
        ),
        refused(
            "MD5 alone",
            |p| signed(p, &format!("MD5 ({NAME}) = d41d8cd98f00b204e9800998ecf8427e\n")),
            &absent(&format!("`{STAGE3}`")),
        ),
        refused(
            "SHA512 alone",
            |p| signed(p, &format!("# SHA512 HASH\n{}  {NAME}\n", sha512(STAGE3_BYTES))),
            &lacks("BLAKE2b"),
        ),
        refused(
            "BLAKE2B alone",
            |p| signed(p, &format!("# BLAKE2B HASH\n{}  {NAME}\n", blake2b(STAGE3_BYTES))),
            &lacks("SHA-512"),
        ),
        refused(
            "a header in small letters",
            |p| signed(p, &format!("# sha512 HASH\n{}  {NAME}\n", sha512(STAGE3_BYTES))),
            &absent(&format!("`{STAGE3}`")),
        ),
        refused(
            "SHA-256 called SHA512",
            |p| signed(p, &format!("# SHA512 HASH\n{}  {NAME}\n", &sha512(b"x")[..64])),
            &shown(
                "has a SHA512 that is not 128 digits long",
                2,
                &format!("{}  {NAME}", &sha512(b"x")[..64]),
            ),
        ),
        refused(
            "a digit too few",
            |p| signed(p, &list().replace(&sha512(STAGE3_BYTES), &sha512(STAGE3_BYTES)[1..])),
            &shown(
                "has a SHA512 that is not 128 digits long",
                4,
                &format!("{}  {NAME}", &sha[1..]),
            ),
        ),
        refused(
            "two values",
            |p| signed(p, &format!("{}{}  {NAME}\n", list(), sha512(b"other"))),
            &shown(
                &format!("has two different SHA512 values for `{STAGE3}`"),
                5,
                &format!("{other}  {NAME}"),
            ),
        ),
        refused(
            "no digits",
            |p| signed(p, &format!("# SHA512 HASH\nnothing  {NAME}\n")),
            &shown(malformed, 2, &format!("nothing  {NAME}")),
        ),
        refused(
            "a digest without a header",
            |p| signed(p, &format!("{}  {NAME}\n", sha512(STAGE3_BYTES))),
            &shown(malformed, 1, &format!("{sha}  {NAME}")),
        ),
        refused(
            "a page of HTML, signed",
            |p| signed(p, "<html>\n"),
            &shown(malformed, 1, "<html>"),
        ),
        refused(
            "not there",
            |p| p.mirror.remove(&stage3(".DIGESTS")),
            &format!(
                "error: no mirror has `{FILE}`\n  ROOM/mirror: not there\n\
                      hint: mirrors drop old files after some weeks; a newer one may be there\n"
            ),
        )
        .exit(1),
        accepted("the same value twice", |p| signed(p, &list().repeat(2))),
        accepted("CRLF", |p| {
            let text = p.mirror.read(&stage3(".DIGESTS"));
            p.mirror.write(&stage3(".DIGESTS"), text.replace('\n', "\r\n"));
        }),
        accepted("digits in capitals", |p| {
            signed(p, &list().replace(&sha512(STAGE3_BYTES), &sha512(STAGE3_BYTES).to_uppercase()))
        }),
        accepted("the form of BSD", |p| {
            signed(
                p,
                &format!(
                    "BLAKE2B ({NAME}) = {}\nSHA512 ({NAME}) = {}\n",
                    blake2b(STAGE3_BYTES),
                    sha512(STAGE3_BYTES)
                ),
            )
        }),
        accepted("other files as well", |p| {
            signed(p, &format!("{}{}", digests("other", b"x"), list()))
        }),
    ];
    check_all(&cases, 28);
}

/// The layouts since 2014: `(years, text)`. All but today's lack one of the digests that are needed to
/// pin, which is told as such and not as a malformed list.
#[test]
fn layouts_since_2014() {
    let lacks = format!("error: `{FILE}` has no BLAKE2b of the stage3\n");
    let cases: [Case; 4] = [
        refused(
            "2014 to 2020: SHA512 and WHIRLPOOL, the list of contents too",
            |p| {
                let (sha, other) = (sha512(STAGE3_BYTES), sha512(b"contents"));
                signed(
                    p,
                    &format!(
                        "# SHA512 HASH\n{sha}  {NAME}\n# WHIRLPOOL HASH\n{other}  {NAME}\n\
                 # SHA512 HASH\n{other}  {NAME}.CONTENTS\n# WHIRLPOOL HASH\n{other}  {NAME}.CONTENTS\n"
                    ),
                );
            },
            &lacks,
        ),
        refused(
            "2021: SHA512 alone, contents packed",
            |p| {
                let (sha, other) = (sha512(STAGE3_BYTES), sha512(b"contents"));
                signed(
                    p,
                    &format!(
                        "# SHA512 HASH\n{sha}  {NAME}\n# SHA512 HASH\n{other}  {NAME}.CONTENTS.gz\n"
                    ),
                );
            },
            &lacks,
        ),
        accepted("2021 to 2022: BLAKE2B and SHA512, clearsigned beside a plain one", |p| {
            p.mirror.write(&stage3(".DIGESTS.asc"), keys::clearsigned(&list()));
        }),
        accepted("since 2022: BLAKE2B and SHA512 of the file and of its contents", |p| {
            signed(
                p,
                &format!("{}{}", list(), digests(&format!("{NAME}.CONTENTS.gz"), b"contents")),
            );
        }),
    ];
    check_all(&cases, 4);
}
