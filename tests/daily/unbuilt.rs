//! `bb size` and `bb audit` where some images are built and others are not: what can be told is told.

use support::fake::room::Room;

use crate::family::{bb, unbuilt};

/// `base` and `plain` are built, `mid`, `side` and `top` are not.
fn half_built() -> Room {
    let room = unbuilt();
    bb(&room, "build base plain").ok();
    room
}

const HINT: &str = "error: the image `mid` is not built\n\
                    error: the image `top` is not built\nhint: run `bb build mid top` first\n";

#[test]
fn sizes_of_those_that_are_built_are_told_and_the_others_named() {
    let room = half_built();
    let alone = bb(&room, "size base").ok().text;
    let run = bb(&room, "size mid base top plain");
    assert_eq!(run.code, Some(1), "{}", run.text);
    let plain = bb(&room, "size plain").ok().text;
    assert_eq!(run.text, format!("{alone}\n{plain}{HINT}"));
    // Of all images, those are told that there are.
    let run = bb(&room, "size").ok();
    let lines = run.text.lines().map(str::trim_start).collect::<Vec<_>>();
    assert!(lines[0].ends_with("  plain") && lines[1].ends_with("  base"), "{}", run.text);
    assert_eq!(
        lines[2..],
        ["warning: `side`, `mid`, `top` are not built", "hint: run `bb build` first"]
    );
    let run = bb(&room, "size --left-out top base");
    assert_eq!(run.code, Some(1), "{}", run.text);
    let end = "error: the image `top` is not built\nhint: run `bb build top` first\n";
    assert!(run.text.starts_with("base: ") && run.text.ends_with(end), "{}", run.text);
    let run = bb(&room, "size --json mid plain");
    assert!(run.code == Some(1) && run.text.starts_with("[\n  {\n"), "{}", run.text);
    let none = bb(&unbuilt(), "size");
    assert_eq!(none.text, "error: no image is built\nhint: run `bb build` first\n");
    assert_eq!(none.code, Some(1));
}

#[test]
fn an_audit_looks_at_those_that_are_built_and_fails_for_the_others() {
    let room = half_built();
    let run = bb(&room, "audit mid base top");
    assert_eq!(run.code, Some(1), "{}", run.text);
    assert!(run.text.ends_with(&format!("found in 1 image\n{HINT}")), "{}", run.text);
    // What was not looked at has not passed.
    let run = bb(&room, "audit");
    assert_eq!(run.code, Some(1), "{}", run.text);
    assert!(
        run.text.contains("found in 2 images\nerror: the image `side` is not built\n"),
        "{}",
        run.text
    );
    bb(&room, "audit base plain").ok();
    let none = bb(&unbuilt(), "audit plain");
    let told = "error: the image `plain` is not built\nhint: run `bb build plain` first\n";
    assert_eq!((none.code, none.text.as_str()), (Some(1), told));
}
