//! `bb new`: docks that build as they are.

use std::fs;

use support::sealed::Room;

/// A folder with nothing in it.
fn empty() -> Room {
    let room = Room::new();
    room.remove("bb.toml");
    room.remove("bb-dock");
    room
}

#[test]
fn a_first_dock_makes_a_project() {
    let room = empty();
    room.bb("new base").fails(
        0,
        "made  bb.toml\n\
         made  bb-dock/base/Dockerfile.template\n\
         made  bb-dock/base/Buildconfig.sh\n\
         next: bb build base\n",
    );
    let dockerfile = room.read("bb-dock/base/Dockerfile.template");
    assert!(dockerfile.contains("\nFROM scratch\n") && dockerfile.contains("\nADD rootfs.tar /\n"));
    room.bb("new shop --from base").fails(
        0,
        "made  bb-dock/shop/Dockerfile.template\n\
         made  bb-dock/shop/Buildconfig.sh\n\
         next: bb build shop\n",
    );
    let dockerfile = room.read("bb-dock/shop/Dockerfile.template");
    assert!(dockerfile.contains("\nFROM ${NAMESPACE}/base\n"), "{dockerfile}");
    // Both are docks with all of their steps.
    let plan = room.bb("export json").ok().stdout;
    for step in ["rootfs:base", "image:base", "rootfs:shop", "image:shop"] {
        assert!(plan.contains(&format!("\"id\": \"{step}\"")), "{step}");
    }
    assert!(!room.exists(".bb"));
}

#[test]
fn an_image_from_elsewhere_gets_no_packages() {
    let room = empty();
    room.bb("new base").ok();
    room.bb("new tools --from bas").fails(
        0,
        "made  bb-dock/tools/Dockerfile.template\n\
         made  bb-dock/tools/Buildconfig.sh\n\
         note: `bas` is no dock: it is taken as an image from elsewhere (did you mean `base`?)\n\
         next: bb build tools\n",
    );
    room.bb("new more --from tools").ok();
    let plan = room.bb("export json more").ok().stdout;
    assert!(plan.contains("\"id\": \"image:more\"") && !plan.contains("rootfs:"), "{plan}");
    // A comment of the template is no reason to pin a snapshot.
    room.remove("bb-dock/base");
    let run = room.bb("status");
    assert_eq!((run.code, room.exists("bb.lock")), (Some(4), false), "{}", run.stderr);
}

#[test]
fn what_is_there_is_left_alone() {
    let room = empty();
    fs::create_dir_all(room.path("bb-dock/a")).unwrap();
    room.write("bb-dock/b", "a file\n");
    for name in ["a", "b"] {
        room.bb(&format!("new {name}")).fails(
            2,
            &format!(
                "error: `bb-dock/{name}` is there already\n\
                 hint: choose another name, or remove it first\n"
            ),
        );
    }
    room.bb("new ../a").fails(
        2,
        "error: `../a` cannot be the name of an image\n\
         hint: use lower-case letters and digits, with single `.`, `_` or dashes between them\n",
    );
    room.bb("new c --from x$y").fails(
        2,
        "error: `x$y` is neither a dock nor the name of an image\n\
         hint: name a dock, `scratch`, or an image such as `debian:12`\n",
    );
    let left = fs::read_dir(room.path("bb-dock")).unwrap().count();
    assert_eq!((left, room.exists("bb.toml")), (2, false));
}
