//! `bb keys`, where certificates come from, and what is said of those that expire.

use std::fs;
use std::time::{Duration, SystemTime};

use pgp::cert::{Cert, CertBuilder};
use sequoia_openpgp as pgp;

use crate::keys;
use crate::keys::{EXPIRED, GOOD, OTHER, RSA};
use crate::mirror::{Place, STAGE3_BYTES, stage3};

/// A project that knows no certificate: those of `pinned` count.
fn bare(pinned: &[&Cert]) -> Place {
    let place = Place::new();
    let pinned = pinned.iter().map(|c| c.fingerprint().to_hex()).collect::<Vec<_>>();
    let url = place.mirror.url();
    let text =
        format!("mirrors = [\"{url}\"]\n[trust]\nfingerprints = [\"{}\"]\n", pinned.join("\", \""));
    place.room.write("bb.toml", &text);
    place
}

#[test]
fn without_certificates_it_says_how_to_get_them() {
    let place = bare(&[&GOOD]);
    place.bb("update").fails(
        5,
        "error: there are no certificates of the pinned keys\n\
         \x20 neither in `/usr/share/openpgp-keys/gentoo-release.asc` nor among those imported\n\
         hint: `bb keys refresh` fetches them, `bb keys import FILE` takes them from a file\n",
    );
}

#[test]
fn import_keeps_what_is_pinned() {
    let place = bare(&[&GOOD, &RSA]);
    let other = keys::armored(&OTHER);
    place.room.write(
        "all.asc",
        &String::from_utf8([&other[..], &keys::armored(&GOOD)].concat()).unwrap(),
    );
    place.bb("keys import all.asc").is(0, "KEY  imported, never expires\n", "");
    place.bb("keys import all.asc").is(0, "KEY  as before, never expires\n", "");
    let data = place.room.dir.join("home/.local/share/gentoo-bb/keys");
    let names = fs::read_dir(&data).unwrap().map(|e| e.unwrap().file_name()).collect::<Vec<_>>();
    assert_eq!(names, [format!("{}.asc", GOOD.fingerprint().to_hex()).as_str()]);
    let run = place.bb("keys list").ok();
    let rows = run.stdout.lines().collect::<Vec<_>>();
    let primary = GOOD.fingerprint().to_hex();
    let columns =
        |row: &str| row.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
    assert_eq!(columns(rows[0]), "FINGERPRINT USE ALGORITHM EXPIRES DAYS FROM");
    let listed = columns(rows[1]);
    assert!(
        listed.starts_with(&format!("{primary} certify Ed25519 never - all.asc, 20")),
        "{listed}"
    );
    // Subkeys come in the order of their fingerprints.
    let mut uses = rows[2..4].iter().map(|row| row.split_whitespace().nth(1)).collect::<Vec<_>>();
    uses.sort_unstable();
    assert_eq!(uses, [Some("authenticate"), Some("sign")]);
    assert!(rows[2].starts_with("  ") && rows[3].starts_with("  "));
    assert_eq!(columns(rows[4]), format!("{} - - - - missing", RSA.fingerprint().to_hex()));
    assert_eq!(rows.len(), 5);
    // It is enough to verify with.
    place.bb("update").ok();
}

#[test]
fn secrets_are_not_kept() {
    use pgp::serialize::SerializeInto;
    let place = bare(&[&GOOD]);
    fs::write(place.room.path("secret"), GOOD.as_tsk().to_vec().unwrap()).unwrap();
    place.bb("keys import secret").ok();
    let file = format!("home/.local/share/gentoo-bb/keys/{}.asc", GOOD.fingerprint().to_hex());
    let text = fs::read_to_string(place.room.dir.join(file)).unwrap();
    assert!(text.contains("PUBLIC KEY BLOCK") && !text.contains("PRIVATE"), "{text}");
}

#[test]
fn import_refuses_what_is_not_pinned() {
    let place = bare(&[&GOOD]);
    fs::write(place.room.path("other.asc"), keys::armored(&OTHER)).unwrap();
    place
        .bb("keys import other.asc")
        .fails(5, "error: `other.asc` holds none of the pinned keys\nhint: it holds `KEY`\n");
    place.room.write("junk", "junk");
    place.bb("keys import junk").fails(
        5,
        "error: `junk` holds none of the pinned keys\n\
         hint: it holds no OpenPGP certificate at all; is it the right file?\n",
    );
    place
        .bb("keys import nothing")
        .fails(1, "error: cannot read `nothing`: no such file or directory\n");
    assert!(!place.room.dir.join("home/.local").exists());
}

#[test]
fn refresh_takes_the_first_address_that_has_them() {
    let place = bare(&[&GOOD, &RSA]);
    let file = |name: &str, bytes: &[u8]| {
        fs::write(place.room.dir.join(name), bytes).unwrap();
        format!("file://{}", place.room.dir.join(name).display())
    };
    let urls = [
        format!("file://{}/none", place.room.dir.display()),
        file("other", &keys::armored(&OTHER)),
        file("good", &keys::armored(&GOOD)),
        file("rsa", &keys::public(&RSA)),
        file("unasked", b""),
    ];
    let run = place.bb_with(&[("BB_KEY_URLS", &urls.join(" "))], "keys refresh");
    run.is(
        0,
        "KEY  imported, never expires  from ROOM/good\n\
         KEY  imported, never expires  from ROOM/rsa\n",
        "passed over: ROOM/none: no mirror has `ROOM/none`\n\
         passed over: ROOM/other: `ROOM/other` holds none of the pinned keys\n",
    );
    place.bb("update").ok();
    let urls = format!("{},{}", urls[0], urls[1]);
    place.bb_with(&[("BB_KEY_URLS", &urls)], "keys refresh").fails(
        1,
        "error: nobody has the certificate of `KEY`, `KEY`\n\
         \x20 ROOM/none: not there\n\
         \x20 ROOM/other: `ROOM/other` holds none of the pinned keys\n\
         hint: `key_urls` in `[trust]` of bb.toml says where to ask; \
         `bb keys import FILE` takes them from a file\n",
    );
}

#[test]
fn refresh_offline_asks_nobody() {
    let place = bare(&[&GOOD]);
    let env = [("BB_KEY_URLS", "http://127.0.0.1:1/keys")];
    place.bb_with(&env, "keys refresh --offline").fails(
        1,
        "error: nobody has the certificate of `KEY`\n\
         \x20 http://127.0.0.1:1/keys: not asked, because of --offline\n\
         hint: `key_urls` in `[trust]` of bb.toml says where to ask; \
         `bb keys import FILE` takes them from a file\n",
    );
}

/// An imported key is an input of the verification; a home that has none is no difference.
#[test]
fn an_imported_key_verifies_again() {
    let place = Place::new();
    place.bb("build -j 1").ok();
    let home = place.room.dir.join("elsewhere").display().to_string();
    let env = [("DATE", crate::mirror::DATE), ("HOME", &*home)];
    place.told_with(&env, "build").ran("");
    fs::write(place.room.path("key"), keys::public(&GOOD)).unwrap();
    place.bb("keys import key").ok();
    place.told("build").ran("verify:portage verify:stage3");
    place.told("build").ran("");
}

#[test]
fn a_keyring_behind_a_link_is_looked_at() {
    let place = Place::new();
    let (link, file) = (place.room.dir.join("keys"), place.room.dir.join("installed"));
    fs::rename(&link, &file).unwrap();
    std::os::unix::fs::symlink("installed", &link).unwrap();
    place.bb("build").ok();
    fs::write(&file, [&**keys::KEYRING, &keys::public(&OTHER)].concat()).unwrap();
    place.told("build -j 1").ran("verify:portage verify:stage3");
}

/// A revocation that was learned once is not forgotten with an older copy.
#[test]
fn what_is_known_of_a_key_stays_known() {
    let place = bare(&[&keys::REVOKED]);
    let revoked = keys::public(&keys::REVOKED);
    fs::write(place.room.path("new"), &revoked).unwrap();
    place.bb("keys import new").ok();
    let old = keys::REVOKED.clone().into_packets().filter(|packet| {
        let revocation = pgp::types::SignatureType::KeyRevocation;
        !matches!(packet, pgp::Packet::Signature(s) if s.typ() == revocation)
    });
    let old = Cert::from_packets(old).unwrap();
    fs::write(place.room.path("old"), keys::public(&old)).unwrap();
    place.bb("keys import old").is(0, "KEY  as before, never expires\n", "");
    let run = place.bb("keys list").ok();
    assert!(run.stdout.contains("revoked"), "{}", run.stdout);
}

#[test]
fn verify_looks_at_any_signature() {
    let place = Place::new();
    let (file, signature) =
        (place.mirror.root.join(stage3("")), place.mirror.root.join(stage3(".asc")));
    let (file, signature) = (file.display().to_string(), signature.display().to_string());
    let good = |file: &str, pinned: &str| {
        format!("good    {file}\nsigner  KEY{pinned}\nkey     KEY\nsigned  2026-03-02T00:00:00Z\n")
    };
    let shown = "ROOM/mirror/releases/amd64/autobuilds/TIMESTAMP/stage3-amd64-nomultilib-openrc-TIMESTAMP.tar.xz";
    place.bb(&format!("keys verify {file} {signature}")).is(0, &good(shown, ""), "");
    let list = "ROOM/mirror/releases/amd64/autobuilds/TIMESTAMP/stage3-amd64-nomultilib-openrc-TIMESTAMP.tar.xz.DIGESTS";
    place.bb(&format!("keys verify {file}.DIGESTS")).is(0, &good(list, ""), "");
    // A key that is not pinned counts only in a keyring that is named for this.
    fs::write(place.room.path("data"), STAGE3_BYTES).unwrap();
    let by_other = keys::FILE.sign(keys::signing(&OTHER), STAGE3_BYTES);
    fs::write(place.room.path("data.sig"), by_other).unwrap();
    fs::write(place.room.path("other"), keys::public(&OTHER)).unwrap();
    place.bb("keys verify data data.sig").fails(
        5,
        "error: `data` is signed by key `KEY`, which is not pinned\n\
         hint: if the publisher has a new key, check its fingerprint with them before you pin it\n",
    );
    place.bb("keys verify data data.sig --keyring other").is(0, &good("data", " (not pinned)"), "");
}

#[test]
fn verify_at_another_time() {
    let place = Place::new();
    fs::write(place.room.path("text"), keys::clearsigned_by(&EXPIRED, "some text\n")).unwrap();
    place.bb("keys verify text --at 2026-03-03").ok();
    let expired = "error: `text` is signed by key `KEY`, which expired on 2026-04-01\n\
                   hint: `bb keys refresh` fetches the keys again: Gentoo extends them about once a year\n";
    place.bb("keys verify text --at 2026-04-01").fails(5, expired);
    place.bb("keys verify text").fails(5, expired);
    place.bb("keys verify text --at 2026-03-01T12:00:00Z").fails(
        5,
        "error: the signature of `text` was made in the future, on 2026-03-02\n\
         hint: check this machine's clock\n",
    );
    place.bb("keys verify text --at soon").fails(
        2,
        "error: `soon` is not a time\n\
         hint: write `2026-03-01`, `2026-03-01T12:00:00Z` or seconds since 1970; in UTC\n",
    );
}

#[test]
fn paths_are_those_of_the_caller() {
    let place = Place::new();
    place.room.write("sub/text", &keys::clearsigned("some text\n"));
    let mut command = place.room.command("keys verify text");
    command.current_dir(place.room.path("sub"));
    support::sealed::Run::of(command).ok();
    // No project is needed.
    let mut command = place.room.command("keys verify text --keyring ../../keys");
    place.room.remove("bb.toml");
    command.current_dir(place.room.path("sub"));
    assert!(support::sealed::Run::of(command).ok().stdout.contains(" (not pinned)\n"));
}

/// A key that expires in 20 days and one hour.
fn soon() -> (Cert, SystemTime) {
    let begin = SystemTime::now() - Duration::from_secs(400 * 86_400);
    let valid = Duration::from_secs(420 * 86_400 + 3600);
    let builder = CertBuilder::new().add_userid("Test <test@example.org>").add_signing_subkey();
    let builder = builder.set_creation_time(begin).set_validity_period(valid);
    (builder.generate().unwrap().0, begin + valid)
}

#[test]
fn a_key_that_expires_soon_is_told_in_every_build() {
    let (cert, end) = soon();
    let place = bare(&[&cert]);
    fs::write(place.room.path("key"), keys::public(&cert)).unwrap();
    place.bb("keys import key").ok();
    let sign = |data: &[u8]| keys::FILE.sign(keys::signing_now(&cert), data);
    let text =
        |text: &str| keys::frame(text, &keys::TEXT.sign_text(keys::signing_now(&cert), text));
    let mirror = &place.mirror;
    mirror.write(crate::mirror::POINTER, text(&crate::mirror::pointer(crate::mirror::TIME)));
    let list = crate::mirror::digests(crate::mirror::NAME, STAGE3_BYTES);
    mirror.write(&stage3(".DIGESTS"), text(&list));
    mirror.write(&stage3(".asc"), sign(STAGE3_BYTES));
    let snapshot = format!("{}.gpgsig", crate::mirror::SNAPSHOT);
    mirror.write(&snapshot, sign(&crate::mirror::SNAPSHOT_BYTES));
    let day = gentoo_bb::base::time::date(end);
    let warning = format!(
        "warning: key `KEY` expires on {day}, in 20 days\n\
         hint: `bb keys refresh` fetches the keys again: Gentoo extends them about once a year\n"
    );
    let fingerprint = cert.fingerprint().to_hex();
    for args in ["build -j 1", "build", "sync"] {
        let run = place.bb(args).ok();
        let told = run.stderr.replace(&fingerprint, "KEY");
        assert!(told.ends_with(&warning), "bb {args}: {told}");
        assert_eq!(told.matches("warning:").count(), 1, "{told}");
    }
}
