//! Names of images in whatever spelling: one edge, one object; and names that are nobody's to give.

use support::fake::engine::World;
use support::fake::room::{Room, says};

use crate::family::{bb, unbuilt};

fn room() -> Room {
    let room = Room::new(World::default());
    room.settings("", "");
    room
}

/// Another `debian:12` in the engine is seen, however the Dockerfile spells it; an image of another name is not.
#[test]
fn another_image_of_that_name_makes_stale() {
    for spelling in
        ["debian:12", "docker.io/debian:12", "docker.io/library/debian:12", "library/debian:12"]
    {
        let room = room();
        room.engine.pull("debian:12", 1);
        room.dock("a", &format!("FROM {spelling}\nRUN true\n"));
        room.dock("b", &format!("FROM scratch\nCOPY --from={spelling} f /\nCOPY f /g\n"));
        bb(&room, "build").ok();
        room.told("build").ran("");
        room.engine.pull("debian:11", 2);
        room.told("build").ran("");
        room.engine.pull("debian:12", 2);
        room.told("build").ran("image:a image:b");
        room.told("build").ran("");
    }
}

#[test]
fn a_dock_is_a_parent_in_every_spelling() {
    let spellings = [
        "${NAMESPACE}/base",
        "docker.io/ns/base",
        "index.docker.io/ns/base:latest",
        "localhost/ns/base:${TAG}",
    ];
    for spelling in spellings {
        let room = room();
        room.dock("base", "FROM scratch\nCOPY f /\n");
        room.dock("a", &format!("FROM {spelling}\nCOPY f /g\n"));
        bb(&room, "build").ok();
        room.write("bb-dock/base/f", "changed");
        room.told("build").ran("image:base image:a");
    }
}

#[test]
fn what_cannot_be_an_images_name_is_shown() {
    let room = room();
    room.dock("a", "FROM debian:12\n");
    for name in ["Debian", "a//b", "a:b:c", "a@sha256:12", "https://a.b/c"] {
        room.write("bb-dock/a/Dockerfile.template", &format!("FROM {name}\n"));
        let run = bb(&room, "status");
        let error = format!(
            "error: `{name}` cannot be the name of an image\n --> bb-dock/a/Dockerfile.template:1:6\n"
        );
        assert!(run.code == Some(3) && run.text.starts_with(&error), "{}", run.text);
    }
}

/// Builders are shared by all projects of an engine: their name is nobody's.
#[test]
fn a_namespace_that_is_the_builders_is_refused() {
    let room = unbuilt();
    for namespace in
        ["gentoo-bb", "docker.io/gentoo-bb", "index.docker.io/gentoo-bb", "localhost/gentoo-bb"]
    {
        let text = std::fs::read_to_string(room.path("bb.toml")).unwrap();
        let (_, rest) = text.split_once('\n').unwrap();
        room.write("bb.toml", &format!("namespace = \"{namespace}\"\n{rest}"));
        says(
            &bb(&room, "build"),
            3,
            &format!(
                "error: `{namespace}` cannot be used as namespace\n\
                 hint: builders are called so, which projects share: choose another\n"
            ),
        );
    }
    assert_eq!(room.engine.images().len(), 0);
}

/// An image that is built on a builder, or only says so, is not that builder.
#[test]
fn a_label_of_content_counts_for_builders_only() {
    let room = room();
    room.engine.pull_labelled("debian:12", 1, ("bb.content", "one"));
    room.dock("a", "FROM debian:12\nRUN true\n");
    bb(&room, "build").ok();
    room.engine.pull_labelled("debian:12", 2, ("bb.content", "one"));
    room.told("build").ran("image:a");
}

#[test]
fn labels_that_bb_reads_are_refused_where_they_are_written() {
    let room = room();
    let cases = [
        ("LABEL bb.project=x\n", 7, 10),
        ("LABEL a=1 \"bb.step\"=image:a\n", 11, 9),
        ("LABEL bb.run x y\n", 7, 6),
        ("ARG P=bb\nLABEL ${P}.content=1\n", 7, 12),
        ("ONBUILD LABEL bb.seat=1\n", 15, 7),
    ];
    for (text, column, width) in cases {
        room.dock("a", &format!("FROM scratch\nCOPY f /\n{text}"));
        let line = 2 + text.lines().count();
        let run = bb(&room, "status");
        let place = format!(" is bb's own\n --> bb-dock/a/Dockerfile.template:{line}:{column}\n");
        assert!(run.code == Some(3) && run.text.contains(&place), "{}", run.text);
        assert!(run.text.contains(&format!(" {}\n", "^".repeat(width))), "{}", run.text);
    }
    room.dock("a", "FROM scratch\nCOPY f /\nLABEL abb.x=1 x=bb.project bbc=1\n");
    bb(&room, "status").ok();
    room.write("bb-dock/a/dock.toml", "[labels]\n\"bb.project\" = \"x\"\n");
    let run = bb(&room, "status");
    assert!(run.code == Some(3) && run.text.contains("bb-dock/a/dock.toml:2:1"), "{}", run.text);
    room.write("bb-dock/a/dock.toml", "");
    room.settings("[labels]\n\"bb.x\" = \"x\"\n", "");
    let run = bb(&room, "status");
    assert!(run.code == Some(3) && run.text.contains("bb.toml:3:1"), "{}", run.text);
}
