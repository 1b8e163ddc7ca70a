//! `-s` with the real engine: the images say what they are, and compiling is not repeated for it.

use support::sealed::{Mirror, Room};

/// An image's own label; empty without it.
fn label(room: &Room) -> String {
    let format = "{{index .Config.Labels \"bb.verification\"}}";
    room.engine().docker(&["image", "inspect", "--format", format, &room.image("base")])
}

#[test]
fn an_unverified_image_carries_a_label_until_it_is_verified() {
    let room = Room::with_engine().with_mirror(&Mirror::get());
    room.dock("base", "FROM scratch\nADD rootfs.tar /\n", &[]);
    let run = room.told("build -s").ok();
    let warning = run.of_type("warning").next().unwrap()["message"].as_str().unwrap();
    assert!(warning.starts_with("verification is skipped: "), "{run}");
    assert!(run.done().contains(&"import:portage".to_owned()), "{run}");
    assert_eq!(label(&room), "skipped");
    let run = room.told("build").ok();
    let ran = run.done();
    for step in ["verify:stage3", "verify:portage", "image:base"] {
        assert!(ran.contains(&step.to_owned()), "{step}: {run}");
    }
    let again = |step: &&String| step.starts_with("rootfs:") || step.starts_with("import:");
    assert_eq!(ran.iter().find(again), None, "{run}");
    assert_eq!(label(&room), "");
    room.assert_tidy();
}
