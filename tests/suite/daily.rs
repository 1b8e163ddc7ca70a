//! Commands of daily use against the real engine: what is asked for again, logs, what goes and what stays.

use std::process::Command;

use support::sealed::{Engine, Mirror, Room, normal};

use crate::private::Private;

/// `a` and `b` are put together here; `packed` is built by the engine, because of the archive.
fn three(room: Room) -> Room {
    room.dock("a", "FROM scratch\nCOPY f /\n", &[("f", "1")]);
    room.dock("b", "FROM ${NAMESPACE}/a\nCOPY f /g\n", &[("f", "2")]);
    room.dock("packed", "FROM scratch\nADD f.tar.gz /\n", &[("f", "3")]);
    let folder = room.path("bb-dock/packed");
    let mut tar = Command::new("tar");
    tar.args(["-czf", "f.tar.gz", "f"]).current_dir(folder);
    assert!(tar.status().unwrap().success());
    room.bb("build").ok();
    room
}

/// Ids of the images without a name that a build of this room has left.
fn nameless(engine: &Engine, room: &Room) -> Vec<String> {
    let filter = format!("label=room={}", room.namespace);
    let args = ["images", "-q", "--no-trunc", "-f", "dangling=true", "-f", &filter];
    engine.docker(&args).lines().map(str::to_owned).collect()
}

/// On an engine of their own: where images vanish, the classic builder trips in other tests.
#[test]
fn images_that_go() {
    let private = Private::start();
    let room = || three(Room::with_private_engine(private.engine()));
    images_are_built_again_and_what_they_replace_goes(&room());
    what_others_need_or_have_made_is_not_cleaned(&room());
}

fn images_are_built_again_and_what_they_replace_goes(room: &Room) {
    let engine = room.engine();
    let id = |name: &str| engine.image_id(&room.image(name));
    let before = ["a", "b", "packed"].map(id);
    room.told("build -f").ran("image:a image:b image:packed");
    let after = ["a", "b", "packed"].map(id);
    // What is put together here is the same; the engine's builder has started over.
    assert_eq!(before[..2], after[..2]);
    assert_ne!(before[2], after[2]);
    room.bb("build").is(0, "", "nothing to do: 6 steps up to date\n");
    assert_eq!(nameless(engine, room), [before[2].clone()]);
    // One more, which is somebody else's although it has our labels.
    let other = format!("{}/other:1", room.namespace);
    let build = |text: &str| {
        room.write(
            "other/Dockerfile",
            &format!("FROM {}\nLABEL text={text}\n", room.image("packed")),
        );
        let folder = room.path("other").display().to_string();
        engine.docker(&["build", "-q", "-t", &other, &folder])
    };
    let foreign = build("one");
    build("two");
    assert_eq!(nameless(engine, room).len(), 2);
    let short = &before[2]["sha256:".len()..][..12];
    room.bb("gc --dry-run").is(0, &format!("image      {short}  SIZE\n"), "would remove 1 image\n");
    room.bb("gc").is(0, &format!("image      {short}  SIZE\n"), "removed 1 image\n");
    assert_eq!(nameless(engine, room), std::slice::from_ref(&foreign));
    room.bb("gc").is(0, "", "nothing was removed\n");
    room.bb("build").is(0, "", "nothing to do: 6 steps up to date\n");
    engine.docker(&["rmi", &other, &foreign]);
}

fn what_others_need_or_have_made_is_not_cleaned(room: &Room) {
    let engine = room.engine();
    let container =
        engine.docker(&["create", "--label", &Room::label(), &room.image("b"), "/none"]);
    room.write(".bb/images/a/mine", "mine");
    let volume = format!("{}-mine", room.namespace);
    engine.docker(&["volume", "create", &volume]);
    let foreign = format!("{}/foreign:1", room.namespace);
    engine.docker(&["tag", &room.image("a"), &foreign]);
    let run = room.bb("clean");
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let kept = run.stderr.lines().collect::<Vec<_>>();
    let in_use = format!("kept    {}: conflict: ", room.image("b"));
    assert!(kept[0].starts_with(&in_use), "{}", run.stderr);
    assert_eq!(kept[1], "kept    image:b: it tells whose the rest is");
    assert_eq!(normal(kept[2]), "removed 2 images, 21 files (SIZE) and 5 records");
    assert!(engine.has_image(&room.image("b")) && engine.has_image(&foreign));
    assert!(!engine.has_image(&room.image("a")) && !engine.has_image(&room.image("packed")));
    assert!(engine.try_docker(&["volume", "inspect", &volume]));
    assert_eq!(room.read(".bb/images/a/mine"), "mine");
    engine.docker(&["rm", &container]);
    engine.docker(&["volume", "rm", &volume]);
    room.bb("clean image:b").is(
        0,
        &format!("image      {}  SIZE\nrecord     image:b\n", "NAMESPACE/b:latest"),
        "removed 1 image and 1 record\n",
    );
    room.told("missing")
        .ran("dockerfile:a image:a dockerfile:b image:b dockerfile:packed image:packed");
    room.bb("missing").is(0, "", "nothing is missing: the engine has all 3 images\n");
    engine.docker(&["rmi", &room.image("b")]);
    assert_eq!(room.told("missing").ran("").of_type("put").count(), 1);
    assert!(engine.has_image(&room.image("b")));
    engine.docker(&["rmi", &foreign]);
}

#[test]
fn images_are_listed_and_their_logs_shown() {
    let room = three(Room::with_engine());
    let wide = room.image("packed").len();
    let row = |image: &str, rest: &str| normal(&format!("{image:wide$}  {rest}\n"));
    let rows = [
        row("IMAGE", "PARENT  SIZE     STATE"),
        row(&room.image("a"), "-       1 bytes  up to date"),
        row(&room.image("b"), "a       2 bytes  up to date"),
        row(&room.image("packed"), "-       1 bytes  up to date"),
    ];
    room.bb("list").is(0, &rows.concat(), "");
    room.bb("tree").is(
        0,
        "a       SIZE  up to date\n└── b   SIZE  up to date\npacked  SIZE  up to date\n",
        "",
    );
    room.bb("logs b").is(
        0,
        "bb: assembled, 1 layer of its own\nLoaded image: NAMESPACE/b:latest\n",
        "",
    );
    let packed = room.bb("logs image:packed").ok().stdout;
    let first = "bb: built by the engine: `bb-dock/packed/f.tar.gz` is compressed\n";
    assert!(packed.starts_with(first), "{packed}");
}

/// Only with a time that no test's packages are as old as: all tests share the caches.
#[test]
fn packages_go_that_nobody_has_used_for_long() {
    let room = Room::with_engine().with_mirror(&Mirror::get());
    room.dock("a", "FROM scratch\nADD rootfs.tar /\n", &[]);
    let engine = room.engine();
    let unused = "gc --keep-builders --unused-for 3650";
    room.bb("gc --unused-for 0").fails(
        2,
        "error: invalid value '0' for '--unused-for <DAYS>': 0 is not in 1..=36500\n\n\
         For more information, try '--help'.\n",
    );
    room.bb("build builder:bob").ok();
    let record = room.read(".bb/records/builder/bob.json");
    let bob = record.split("image `").nth(1).unwrap().split('`').next().unwrap().to_owned();
    let in_caches = |script: &str| {
        let volumes = ["-v", "gentoo-bb-binpkgs:/packages", "-v", "gentoo-bb-sources:/distfiles"];
        let label = Room::label();
        let run = ["run", "--rm", "--network", "none", "--label", &label];
        engine.docker(&[&run[..], &volumes, &[&bob, "sh", "-c", script]].concat())
    };
    let old = format!("packages/{}/old.gpkg", room.namespace);
    in_caches(&format!(
        "cd / && mkdir -p $(dirname {old}) && echo old >{old} && touch -d 2001-01-01 {old} && \
         echo new >{old}.new"
    ));
    let line = "cached     packages/NAMESPACE/old.gpkg  SIZE\n";
    room.bb(&format!("{unused} --dry-run")).is(0, line, "would remove 1 cached file (SIZE)\n");
    room.bb(unused).is(0, line, "removed 1 cached file (SIZE)\n");
    room.bb(unused).is(0, "", "nothing was removed\n");
    let left = in_caches(&format!("cd / && ls $(dirname {old}) && rm -r $(dirname {old})"));
    assert_eq!(left, "old.gpkg.new");
}
