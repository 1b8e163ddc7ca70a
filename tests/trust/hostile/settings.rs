//! Settings, lock and keyring that are not what they should be.

use super::{Case, check_all, refused};
use crate::keys;
use crate::mirror::Place;

fn keyring(place: &Place, bytes: impl AsRef<[u8]>) {
    std::fs::write(place.room.dir.join("keys"), bytes).unwrap();
}

/// A lock with a change, and what a build says of it.
fn lock(name: &'static str, spoil: fn(&Place), key: &str, table: &str) -> Case {
    let says = format!(
        "error: `{key}` of `[{table}]` in `bb.lock` is not what it should be\n\
         hint: the file is written by `bb update`; remove it to pin anew\n"
    );
    Case { name, spoil, args: "build", code: 3, says }
}

fn change_lock(place: &Place, from: &str, to: &str) {
    place.bb("update").ok();
    let text = place.room.read("bb.lock");
    assert!(text.contains(from), "{from} is not in {text}");
    place.room.write("bb.lock", &text.replacen(from, to, 1));
}

fn mirrors(place: &Place, mirror: &str) {
    place.settings(&format!("mirrors = [\"{mirror}\"]\n"), "");
}

#[test]
fn settings() {
    let no_mirror =
        |text: &str, hint: &str| format!("error: `{text}` is not a mirror\nhint: {hint}\n");
    let slashes = "write `file:///FOLDER`, with three slashes";
    let kinds = "a mirror is `https://…`, `http://…` or a folder";
    let cases = [
        lock(
            "a path with `..`",
            |p| change_lock(p, "snapshots/", "snapshots/../../"),
            "path",
            "portage",
        ),
        lock(
            "an absolute path",
            |p| change_lock(p, "path = \"releases", "path = \"/releases"),
            "path",
            "stage3",
        ),
        lock(
            "an empty part of a path",
            |p| change_lock(p, "snapshots/", "snapshots//"),
            "path",
            "portage",
        ),
        lock(
            "a short digest",
            |p| change_lock(p, "sha512 = \"", "sha512 = \"a"),
            "sha512",
            "stage3",
        ),
        lock(
            "a digest that is none",
            |p| change_lock(p, "blake2b = \"", "blake2b = \"zz"),
            "blake2b",
            "stage3",
        ),
        lock("a size of 0", |p| change_lock(p, "size = 21", "size = 0"), "size", "stage3"),
        refused(
            "a mirror over FTP",
            |p| mirrors(p, "ftp://host/gentoo"),
            &no_mirror("ftp://host/gentoo", kinds),
        )
        .exit(3),
        refused(
            "a mirror over rsync",
            |p| mirrors(p, "rsync://host/gentoo"),
            &no_mirror("rsync://host/gentoo", kinds),
        )
        .exit(3),
        refused(
            "a file of another machine",
            |p| mirrors(p, "file://host/x"),
            &no_mirror("file://host/x", slashes),
        )
        .exit(3),
        refused(
            "a fingerprint that is a short id",
            |p| {
                let good = keys::GOOD.fingerprint().to_hex();
                let text = p.room.read("bb.toml").replacen(&good, "0x2D182910", 1);
                p.room.write("bb.toml", &text);
            },
            "error: `0x2D182910` is not the fingerprint of a key\n\
             hint: write all 40 hexadecimal digits; a short key id is not enough\n",
        )
        .exit(3),
        refused(
            "no keyring",
            |p| std::fs::remove_file(p.room.dir.join("keys")).unwrap(),
            "error: cannot read the keyring `ROOM/keys`: no such file or directory\n\
             hint: `keyring` in `[trust]` of bb.toml names a file with the publisher's certificates\n",
        ),
        refused(
            "an empty keyring",
            |p| keyring(p, b""),
            "error: `ROOM/keys` holds none of the pinned keys\n\
             hint: it holds no OpenPGP certificate at all; is it the right file?\n",
        ),
        refused(
            "rubbish for a keyring",
            |p| keyring(p, [0xff; 1000]),
            "error: `ROOM/keys` holds none of the pinned keys\n\
             hint: it holds no OpenPGP certificate at all; is it the right file?\n",
        ),
        refused(
            "a keyring of strangers",
            |p| keyring(p, keys::armored(&keys::OTHER)),
            "error: `ROOM/keys` holds none of the pinned keys\nhint: it holds `KEY`\n",
        ),
        refused(
            "a keyring cut off",
            |p| keyring(p, &keys::public(&keys::GOOD)[..30]),
            "error: `ROOM/keys` holds none of the pinned keys\n\
             hint: it holds no OpenPGP certificate at all; is it the right file?\n",
        ),
        refused(
            "a keyring without the one that signed",
            |p| keyring(p, keys::public(&keys::RSA)),
            "error: `latest-stage3-amd64-nomultilib-openrc.txt` is signed by key `KEY`, which is not pinned\n\
             hint: if the publisher has a new key, check its fingerprint with them before you pin it\n",
        ),
    ];
    check_all(&cases, 16);
}
