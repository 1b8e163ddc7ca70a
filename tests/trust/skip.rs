//! `-s`: it works, it is loud, and what it leaves is not taken for verified.

use support::Outcome;

use crate::mirror::{DATE, Place, stage3};

const START: &str =
    "WARNING: verification is skipped: nobody vouches for what goes into the images\n";
const END: &str =
    "WARNING: NOT VERIFIED: stage3 and snapshot; `bb build` without -s verifies them\n";
const LABEL: &str = "bb.verification";

fn label(place: &Place, image: &str) -> Option<String> {
    place.engine.label(&format!("{}/{image}:latest", place.room.namespace), LABEL)
}

/// A mirror without any signature, and no keyring.
fn unsigned() -> Place {
    let place = Place::new();
    let mirror = &place.mirror;
    for path in
        [stage3(".asc"), stage3(".DIGESTS"), "snapshots/gentoo-20260301.tar.xz.gpgsig".into()]
    {
        mirror.remove(&path);
    }
    let list = crate::mirror::digests(crate::mirror::NAME, crate::mirror::STAGE3_BYTES);
    mirror.write(&stage3(".DIGESTS"), list);
    mirror.write(crate::mirror::POINTER, crate::mirror::pointer(crate::mirror::TIME));
    std::fs::remove_file(place.room.dir.join("keys")).unwrap();
    place.room.dock("child", "FROM ${NAMESPACE}/base\nCOPY file /\n", &[("file", "1")]);
    place.room.dock("plain", "FROM scratch\nCOPY file /\n", &[("file", "1")]);
    place
}

#[test]
fn it_works_and_says_so() {
    let place = unsigned();
    let run = place.bb("build -s -j 1").ok();
    assert!(run.stderr.starts_with(START), "{}", run.stderr);
    assert!(run.stderr.ends_with(END), "{}", run.stderr);
    assert!(run.stderr.contains("done    verify:stage3 in"), "{}", run.stderr);
    assert!(run.stderr.contains(", NOT VERIFIED\n"), "{}", run.stderr);
    assert_eq!(label(&place, "base").as_deref(), Some("skipped"));
    assert_eq!(label(&place, "child").as_deref(), Some("skipped"));
    assert_eq!(label(&place, "plain"), None);
    assert!(place.room.read("bb.lock").contains("signer = \"not verified\""));
    let record = place.room.read(".bb/records/verify/stage3.json");
    assert!(record.contains("\"skipped\":\"yes\""), "{record}");
    // It stays loud as long as it is so.
    let again = place.bb("build -s").ok();
    assert!(again.stderr.ends_with(END), "{}", again.stderr);
    place.told("build -s").ran("");
}

#[test]
fn it_is_red_on_a_terminal() {
    let place = unsigned();
    let run = place.bb("--color always build -s").ok();
    let red = |text: &str| format!("\x1b[1;31m{}\x1b[0m\n", text.trim_end());
    assert!(run.stderr.starts_with(&red(START)), "{}", run.stderr);
    assert!(run.stderr.ends_with(&red(END)), "{}", run.stderr);
}

#[test]
fn a_later_build_verifies_and_fails_if_it_cannot() {
    let place = unsigned();
    place.bb("build -s").ok();
    let status = place.bb("status verify:stage3").ok().stdout;
    let why = "verification changed: `skipped` -> (unset)";
    assert!(status.contains(why), "{status}");
    let run = place.told("build");
    assert_eq!(run.code, Some(1), "{run}");
    let asc = "fetch:stage3-amd64-nomultilib-openrc.tar.xz.asc";
    assert_eq!(run.executed().get(asc), Some(&Outcome::Failed), "{run}");
    assert!(!run.done().iter().any(|step| step.starts_with("image")), "{run}");
    // The images still say what they are.
    assert_eq!(label(&place, "base").as_deref(), Some("skipped"));
}

#[test]
fn a_later_build_verifies_and_takes_the_label_away() {
    let place = Place::new();
    place.bb("build -s").ok();
    assert_eq!(label(&place, "base").as_deref(), Some("skipped"));
    let run = place.told("build").ran(
        "fetch:stage3-amd64-nomultilib-openrc.tar.xz.asc fetch:stage3-amd64-nomultilib-openrc.tar.xz.DIGESTS \
         fetch:portage.tar.xz.gpgsig verify:stage3 verify:portage image:base",
    );
    assert_eq!(run.of_type("warning").count(), 0, "{run}");
    assert_eq!(label(&place, "base"), None);
    // What is verified stays so.
    let run = place.told("build -s").ran("");
    assert!(!run.to_string().contains("NOT VERIFIED"), "{run}");
    assert_eq!(label(&place, "base"), None);
}

#[test]
fn recipes_skip_by_the_environment() {
    let place = unsigned();
    let env = [("DATE", DATE), ("BB_SKIP_VERIFY", "1")];
    let exported = |env: &[(&str, &str)]| {
        place.bb_with(env, "makefile -o out.mk").ok();
        place.room.read("out.mk")
    };
    let text = exported(&env);
    assert_eq!(text, exported(&env[..1]));
    for step in ["fetch:stage3-amd64-nomultilib-openrc.tar.xz", "verify:stage3", "import:stage3"] {
        place.bb_with(&env, &format!("step {step}")).ok();
    }
    let run = place.bb_with(&env, "sync").ok();
    assert_eq!(run.stderr, format!("{START}{END}"));
    // Without it, what came after is not up to date: no signature was needed before.
    place.bb("sync").ok();
    let refused = "error: `verify:stage3` needs `fetch:stage3-amd64-nomultilib-openrc.tar.xz.DIGESTS`, \
                   which is not up to date\n\
                   hint: run `bb step fetch:stage3-amd64-nomultilib-openrc.tar.xz.DIGESTS` first, or `bb build`\n";
    place.bb("step import:stage3").fails(1, refused);
}

#[test]
fn what_the_lock_pins_is_still_compared() {
    let place = Place::new();
    place.bb("update").ok();
    place.mirror.write(&stage3(""), b"the bytes of another!");
    let run = place.bb("build -s -j 1");
    assert_eq!(run.code, Some(5), "{}", run.stderr);
    assert!(run.stderr.contains("has another SHA512\n"), "{}", run.stderr);
    assert!(place.nothing_imported());
}
