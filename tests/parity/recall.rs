//! An answer that is recalled: everything that it was found from is looked at.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use filetime::{FileTime, set_file_mtime};
use support::Told;
use support::fake::engine::World;
use support::fake::room::Room;

const NOTHING: &str = "nothing to do: 6 steps up to date\n";

/// Built until the answer is kept, which files that are too young prevent.
fn settled() -> Room {
    let room = Room::new(World::default());
    let task = "[task.t]\nrun = \"true\"\ninputs = [\"src/*.c\"]\n";
    let made = "[task.made]\nrun = \"date >out\"\noutputs = [\"out\"]\n";
    room.write("bb.toml", &format!("namespace = \"ns\"\n{task}{made}"));
    room.write("src/a.c", "");
    room.dock("a", "FROM scratch\nCOPY f /\n");
    room.dock("b", "FROM ${NAMESPACE}/a\nCOPY sub /\n");
    room.write("bb-dock/b/sub/f", "1");
    symlink(room.path("elsewhere"), room.path("bb-dock/c")).unwrap();
    for _ in 0..200 {
        room.run("bb", &["build"]).ok();
        if room.path(".bb/traces").exists() {
            assert_eq!(room.run("bb", &["build"]).ok().text, NOTHING);
            return room;
        }
    }
    panic!("no answer was kept");
}

type Change = (&'static str, fn(&Room), &'static [&'static str]);

const CHANGES: [Change; 15] = [
    ("content", |room| room.write("bb-dock/a/f", "other"), &["image:a", "image:b"]),
    ("same size, old time", same_size_and_time, &["image:b"]),
    ("mode", |room| mode(room, "bb-dock/b/sub/f"), &["image:b"]),
    ("a file in a folder", |room| room.write("bb-dock/b/sub/g", ""), &["image:b"]),
    ("no file any more", |room| remove(room, "bb-dock/b/sub/f"), &["image:b"]),
    ("template", comment, &["dockerfile:a", "image:a"]),
    ("another dock", |room| room.dock("d", "FROM scratch\n"), &["dockerfile:d", "image:d"]),
    ("a link that leads to a dock", link, &["dockerfile:c", "image:c"]),
    ("a stamp", |room| remove(room, ".bb/stamps/image/b"), &["image:b"]),
    ("an output", |room| remove(room, ".bb/images/a/Dockerfile"), &["dockerfile:a"]),
    ("a task's output", |room| remove(room, "out"), &["task:made"]),
    ("a task's input", |room| room.write("src/a.c", "x"), &["task:t"]),
    ("another input of a task", |room| room.write("src/b.c", ""), &["task:t"]),
    ("settings", settings, &["image:a", "image:b"]),
    ("an ignored file", ignore, &["image:b"]),
];

fn remove(room: &Room, path: &str) {
    fs::remove_file(room.path(path)).unwrap();
}

fn mode(room: &Room, path: &str) {
    fs::set_permissions(room.path(path), fs::Permissions::from_mode(0o600)).unwrap();
}

fn same_size_and_time(room: &Room) {
    let path = room.path("bb-dock/b/sub/f");
    let time = FileTime::from_last_modification_time(&path.metadata().unwrap());
    room.write("bb-dock/b/sub/f", "2");
    set_file_mtime(path, time).unwrap();
}

fn comment(room: &Room) {
    room.write("bb-dock/a/Dockerfile.template", "FROM scratch\n# ...\nCOPY f /\n");
}

fn link(room: &Room) {
    room.write("elsewhere/Dockerfile.template", "FROM scratch\n");
    room.write("elsewhere/Buildconfig.sh", "");
}

fn settings(room: &Room) {
    let text = fs::read_to_string(room.path("bb.toml")).unwrap();
    room.write("bb.toml", &format!("tag = \"v2\"\n{text}"));
}

fn ignore(room: &Room) {
    room.write("bb-dock/b/.dockerignore", "sub/f\n");
    room.write("bb-dock/b/sub/g", "");
}

#[test]
fn every_change_is_noticed_by_who_would_recall() {
    for (what, change, expected) in CHANGES {
        let room = settled();
        change(&room);
        let run = room.told("build");
        assert_eq!(run.started(), expected, "{what}: {run}");
        assert!(run.summary().starts_with("done: "), "{what}: {run}");
    }
}

#[test]
fn an_image_that_the_engine_has_lost_is_noticed() {
    let room = settled();
    let told = "put     ns/b:latest into the engine\n";
    let end = "done: 1 image put into the engine, 6 steps up to date\n";
    let lose: [fn(&Room); 2] = [
        |room| assert_eq!(room.engine.remove(|name| name == "ns/b:latest"), 1),
        |room| room.engine.pull("ns/b:latest", 3),
    ];
    for lose in lose {
        let images = room.engine.images();
        lose(&room);
        assert_eq!(room.run("bb", &["build"]).ok().text, format!("{told}{end}"));
        assert_eq!(room.engine.images(), images);
        assert_eq!(room.run("bb", &["build"]).ok().text, NOTHING);
        lose(&room);
        assert_eq!(room.run("bb", &["sync"]).ok().text, told);
        assert_eq!(room.engine.images(), images);
    }
}

#[test]
fn another_question_is_another_answer() {
    let room = settled();
    let run = room.run("bb", &["build", "a"]).ok();
    assert_eq!(run.text, "nothing to do: 2 steps up to date\n");
    let mut other = room.telling("bb", &["build"]);
    let run = Told::from(other.env("NAMESPACE", "other").output().unwrap()).ok();
    assert_eq!(run.started().len(), 3, "{run}");
    assert!(room.run("bb", &["build", "x"]).text.starts_with("error: unknown image `x`\n"));
}

#[test]
fn what_is_kept_is_never_needed() {
    let room = settled();
    for entry in fs::read_dir(room.path(".bb/traces")).unwrap() {
        let path = entry.unwrap().path();
        let whole = fs::read(&path).unwrap();
        for damaged in [&whole[..whole.len() / 2], b"", b"\xff\xff\xff\xff\xff\xff\xff\xff"] {
            fs::write(&path, damaged).unwrap();
            assert_eq!(room.run("bb", &["build"]).ok().text, NOTHING);
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
    }
    assert_eq!(room.run("bb", &["build"]).ok().text, NOTHING);
}

#[test]
fn a_lock_that_is_gone_is_written_anew_each_time() {
    let room = Room::new(World::default());
    room.dock("a", "FROM scratch\nADD rootfs.tar /\n");
    room.settings("", "");
    let built = (0..200).any(|_| {
        room.run("bb", &["build"]).ok();
        room.path(".bb/traces").exists()
    });
    assert!(built, "no answer was kept");
    for _ in 0..3 {
        remove(&room, "bb.lock");
        room.run("bb", &["build"]).ok();
        assert!(room.path("bb.lock").exists());
    }
}
