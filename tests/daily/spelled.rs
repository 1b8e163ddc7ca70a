//! Names of images in whatever spelling: one edge, one object; and names that are nobody's to give.

use support::fake::engine::{World, pulled};
use support::fake::room::{Room, says};

use crate::family::{bb, unbuilt};

fn room() -> Room {
    let room = Room::new(World::default());
    room.settings("", "");
    room
}

/// Another `debian:12` changes nothing until `bb update`, which sees it however the Dockerfile spells it; an image of
/// another name never does.
#[test]
fn another_image_of_that_name_makes_stale_once_it_is_pinned() {
    for spelling in
        ["debian:12", "docker.io/debian:12", "docker.io/library/debian:12", "library/debian:12"]
    {
        let room = room();
        let [one, two] = [1, 2].map(|version| pulled("debian:12", version));
        let short = |id: &str| id[..19].to_owned();
        room.engine.pull("debian:12", 1);
        room.dock("a", &format!("FROM {spelling}\nRUN true\n"));
        room.dock("b", &format!("FROM scratch\nCOPY --from={spelling} f /\nCOPY f /g\n"));
        let said = bb(&room, "build").ok().text;
        let line = format!("pinned  `debian:12` as {}, from the engine, in bb.lock\n", short(&one));
        assert!(said.contains(&line), "{said}");
        assert_eq!(std::fs::read_to_string(room.path("bb.lock")).unwrap(), locked(&one));
        room.told("build").ran("");
        room.engine.pull("debian:11", 2);
        room.told("build").ran("");
        room.engine.pull("debian:12", 2);
        room.told("build").ran("");
        let moves = format!("base debian:12: {} -> {}\n", short(&one), short(&two));
        says(&bb(&room, "update --check"), 1, &moves);
        says(&bb(&room, "outdated --exit-code"), 1, &moves);
        says(&bb(&room, "update"), 0, &moves);
        assert_eq!(std::fs::read_to_string(room.path("bb.lock")).unwrap(), locked(&two));
        says(&bb(&room, "update"), 0, &format!("base debian:12: {} as before\n", short(&two)));
        room.told("build").ran("image:a image:b");
        room.told("build").ran("");
    }
}

/// A lock with one image of the engine's.
fn locked(id: &str) -> String {
    format!(
        "# Written by bb; moved by `bb update` only.\n\
         [[base]]\nname = \"docker.io/library/debian:12\"\nid = \"{id}\"\nsource = \"engine\"\n"
    )
}

/// All spellings are one entry; what is no more used goes with the next update.
#[test]
fn one_image_is_pinned_once() {
    let room = room();
    room.engine.pull("debian:12", 1);
    let spellings =
        ["debian:12", "docker.io/library/debian:12", "index.docker.io/library/debian:12"];
    for (name, spelling) in ["a", "b", "c"].into_iter().zip(spellings) {
        room.dock(name, &format!("FROM {spelling}\nCOPY f /\n"));
    }
    let said = bb(&room, "build").ok().text;
    assert_eq!(said.matches("pinned ").count(), 1, "{said}");
    assert_eq!(
        std::fs::read_to_string(room.path("bb.lock")).unwrap(),
        locked(&pulled("debian:12", 1))
    );
    room.engine.pull("debian:12", 2);
    room.told("build").ran("");
    bb(&room, "update").ok();
    room.told("build").ran("image:a image:b image:c");
    for name in ["a", "b", "c"] {
        room.write(&format!("bb-dock/{name}/Dockerfile.template"), "FROM scratch\nCOPY f /\n");
    }
    let run = bb(&room, "outdated");
    says(&run, 0, "base debian:12: not used any more\n");
}

/// The engine builds on what is pinned, whatever has its name there.
#[test]
fn the_pinned_image_is_built_on() {
    let room = room();
    room.engine.pull("debian:12", 1);
    room.dock("a", "FROM debian:12\nRUN true\n");
    bb(&room, "build").ok();
    let before = room.engine.images();
    room.engine.pull("debian:12", 2);
    room.told("build -f a").ran("image:a");
    assert_eq!(before["ns/a:latest"], room.engine.images()["ns/a:latest"]);
    bb(&room, "update").ok();
    room.told("build").ran("image:a");
    assert_ne!(before["ns/a:latest"], room.engine.images()["ns/a:latest"]);
}

#[test]
fn an_image_that_nobody_has_is_told_before_anything_is_built() {
    let room = room();
    room.dock("a", "FROM elsewhere.example/base:1\nCOPY f /\n");
    room.dock("b", "FROM scratch\nCOPY f /\n");
    let run = bb(&room, "build");
    let message = "error: `elsewhere.example/base:1`, which is built on, is nowhere: ";
    assert!(run.code == Some(3) && run.text.starts_with(message), "{}", run.text);
    let place = "and the engine does not have it\n --> bb-dock/a/Dockerfile.template:1:6\n";
    assert!(run.text.contains(place), "{}", run.text);
    assert!(run.text.contains("\nhint: look whether"), "{}", run.text);
    assert!(room.engine.built().is_empty());
    // What is not built on it is built.
    room.told("build b").ran("dockerfile:b image:b");
    says(
        &bb(&room, "build --offline"),
        3,
        "error: `elsewhere.example/base:1` is not pinned yet, and no network is to be used\n \
         --> bb-dock/a/Dockerfile.template:1:6\n  \
          |\n\
          1 | FROM elsewhere.example/base:1\n  \
          |      ^^^^^^^^^^^^^^^^^^^^^^^^\n\
         hint: a build without `--offline` looks up once which image that is, and pins it\n",
    );
    room.engine.pull("elsewhere.example/base:1", 1);
    bb(&room, "build").ok();
    // Nobody is asked for what is pinned.
    room.engine.remove(|name| name.starts_with("elsewhere.example/"));
    room.told("build --offline").ran("");
    let run = bb(&room, "update");
    assert!(run.code == Some(1) && run.text.starts_with("base elsewhere.example/base:1: stays "));
    room.told("build").ran("");
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
    bb(&room, "update").ok();
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
