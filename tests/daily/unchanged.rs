//! Docks that did not change are not read again: whatever changes, the plan is the one that reading all of them gives.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::thread::sleep;
use std::time::Duration;

use support::fake::engine::World;
use support::fake::room::{Room, Run, says};

use crate::family::bb;

/// What is kept of docks.
const KEPT: &str = ".bb/docks";

/// A file's times tell of changes once its file system's clock has ticked.
fn settle() {
    sleep(Duration::from_millis(40));
}

/// Four docks that were built, and are kept.
fn room() -> Room {
    let room = Room::new(World::default());
    room.settings("", "");
    room.dock("a", "FROM scratch\nCOPY f /\n");
    room.dock("b", "FROM ${NAMESPACE}/a\nCOPY etc /etc\nCOPY *.conf /\n");
    room.write("bb-dock/b/etc/one", "1");
    room.write("bb-dock/b/x.conf", "1");
    room.write("bb-dock/b/.dockerignore", "*.tmp\n");
    room.dock("c", "FROM ${NAMESPACE}/a\nCOPY --from=${NAMESPACE}/b f /\n");
    room.write("bb-dock/c/dock.toml", SETTINGS);
    room.dock("d", "FROM scratch\nCOPY d /\nLABEL v=${TAG}\n");
    room.write("bb-dock/d/d", "1");
    settle();
    // The first makes the state folder, whose clock says what has settled.
    bb(&room, "build").ok();
    bb(&room, "build").ok();
    room
}

/// What has a reader of its own in a dock's settings.
const SETTINGS: &str = "size_budget = \"17 MB\"\n[labels]\nversion = \"1\"\n[test]\ntimeout = 7\n\
    [[test.command]]\nrun = \"true\"\n[[test.command]]\nrun = [\"a\", \"b\"]\nexit = 3\n\
    [[test.process]]\nname = \"p\"\nuser = \"0\"\n[[audit.allow]]\nrule = \"setuid\"\npath = \"/su\"\nreason = \"so\"\n";

fn is_kept(room: &Room, dock: &str) -> bool {
    let kept = fs::read(room.path(KEPT)).unwrap();
    let facts = format!("bb-dock/{dock}/Buildconfig.sh");
    kept.windows(facts.len()).any(|window| window == facts.as_bytes())
}

fn plan(room: &Room) -> Run {
    room.run("bb", &["export", "json"])
}

/// The plan, and what it is if all docks are read.
fn both(room: &Room) -> (Run, Run) {
    let known = plan(room);
    fs::rename(room.path(KEPT), room.path(".bb/away")).unwrap();
    let read = plan(room);
    fs::rename(room.path(".bb/away"), room.path(KEPT)).unwrap();
    (known, read)
}

fn same(room: &Room, what: &str) {
    let (known, read) = both(room);
    assert_eq!((known.code, known.text), (read.code, read.text), "{what}");
}

type Edit = (&'static str, fn(&Room));

/// Everything that decides what a dock is, or nearly does.
const EDITS: &[Edit] = &[
    ("nothing", |_| {}),
    ("a template", |r| r.write("bb-dock/a/Dockerfile.template", "FROM scratch\nCOPY . /\n")),
    ("a template of the same size", |r| {
        r.write("bb-dock/d/Dockerfile.template", "FROM scratch\nCOPY d /\nLABEL w=${TAG}\n");
    }),
    ("a file that a pattern finds", |r| r.write("bb-dock/b/y.conf", "")),
    ("a file in a folder", |r| r.write("bb-dock/b/etc/two", "")),
    ("a folder in a folder", |r| r.write("bb-dock/b/etc/new/two", "")),
    ("an empty folder", |r| fs::create_dir(r.path("bb-dock/b/etc/new")).unwrap()),
    ("a file less", |r| fs::remove_file(r.path("bb-dock/b/etc/one")).unwrap()),
    ("a source less", |r| fs::remove_file(r.path("bb-dock/d/d")).unwrap()),
    ("another name", |r| {
        fs::rename(r.path("bb-dock/b/x.conf"), r.path("bb-dock/b/z.conf")).unwrap();
    }),
    ("a link in place of a file", |r| {
        fs::remove_file(r.path("bb-dock/d/d")).unwrap();
        symlink("Buildconfig.sh", r.path("bb-dock/d/d")).unwrap();
    }),
    ("a folder in place of a file", |r| {
        fs::remove_file(r.path("bb-dock/d/d")).unwrap();
        r.write("bb-dock/d/d/e", "");
    }),
    ("another folder in place of one", |r| {
        fs::rename(r.path("bb-dock/b/etc"), r.path("old")).unwrap();
        r.write("bb-dock/b/etc/other", "");
    }),
    ("a dock in place of one", |r| {
        fs::rename(r.path("bb-dock/a"), r.path("bb-dock/_a")).unwrap();
        fs::rename(r.path("bb-dock/d"), r.path("bb-dock/a")).unwrap();
    }),
    ("a link in place of a dock", |r| {
        fs::rename(r.path("bb-dock/a"), r.path("a")).unwrap();
        symlink("../a", r.path("bb-dock/a")).unwrap();
        r.write("a/Dockerfile.template", "FROM scratch\nCOPY . /\n");
    }),
    ("what is ignored", |r| r.write("bb-dock/b/.dockerignore", "*.conf\n!x.conf\netc/o*\n")),
    ("nothing is ignored", |r| fs::remove_file(r.path("bb-dock/b/.dockerignore")).unwrap()),
    ("settings", |r| r.write("bb-dock/c/dock.toml", &SETTINGS.replace('7', "9"))),
    ("wrong settings", |r| r.write("bb-dock/c/dock.toml", "no = 1\n")),
    ("first settings", |r| r.write("bb-dock/d/dock.toml", "size_budget = \"1 MB\"\n")),
    ("a wrong Buildconfig.sh", |r| r.write("bb-dock/a/Buildconfig.sh", "PACKAGES=\"a\n\r")),
    ("no Buildconfig.sh", |r| fs::remove_file(r.path("bb-dock/a/Buildconfig.sh")).unwrap()),
    ("a test", |r| r.write("bb-dock/a/test.sh", "true\n")),
    ("triggers of a parent", |r| {
        let text = "FROM scratch\nCOPY f /\nONBUILD COPY f /g\n";
        r.write("bb-dock/a/Dockerfile.template", text);
    }),
    ("one more dock", |r| r.dock("e", "FROM scratch\nCOPY f /\n")),
    ("a dock of a name that was an image's from elsewhere", |r| {
        r.dock("library", "FROM scratch\nCOPY f /\n");
    }),
    ("one dock less", |r| fs::remove_dir_all(r.path("bb-dock/b")).unwrap()),
    ("a namespace", |r| r.write("bb.toml", "namespace = \"other\"\n")),
    ("a tag", |r| r.write("bb.toml", "namespace = \"ns\"\ntag = \"2\"\n")),
    ("a task that makes a file", |r| {
        let task = "[[task]]\nname = \"t\"\nrun = \"true\"\noutputs = [\"bb-dock/b/new.conf\"]\n";
        let text = fs::read_to_string(r.path("bb.toml")).unwrap();
        r.write("bb.toml", &(text + task));
    }),
    ("what nobody may read", |r| {
        let file = r.path("bb-dock/d/Dockerfile.template");
        fs::set_permissions(file, fs::Permissions::from_mode(0o200)).unwrap();
    }),
];

#[test]
fn the_plan_is_as_if_all_were_read() {
    let whole = room();
    for dock in ["a", "b", "c", "d"] {
        assert!(is_kept(&whole, dock), "{dock}");
    }
    let before = plan(&whole).ok().text;
    for (what, edit) in EDITS {
        let room = whole.copy();
        // A copy's files are others: they are kept anew.
        settle();
        bb(&room, "build").ok();
        assert!(is_kept(&room, "a") && plan(&room).text == before, "{what}");
        edit(&room);
        same(&room, what);
        // What has changed is kept as it is then, and changed back.
        settle();
        bb(&room, "build");
        same(&room, what);
        room.write("bb-dock/a/late", "");
        same(&room, what);
    }
}

/// Else the test above would compare reading with reading.
#[test]
fn what_is_kept_is_what_the_plan_is_made_of() {
    let room = room();
    let kept = fs::read(room.path(KEPT)).unwrap();
    let mut other = kept.clone();
    let at = kept.windows(7).position(|window| window == b"etc/one").unwrap();
    other[at..at + 7].copy_from_slice(b"etc/eno");
    fs::write(room.path(KEPT), other).unwrap();
    assert!(plan(&room).ok().text.contains("bb-dock/b/etc/eno"));
    // Whatever is there instead: docks are read then.
    for wrong in [&kept[..kept.len() / 2], b"\xff\xff\xff\xff\xff", b"", &kept[1..]] {
        fs::write(room.path(KEPT), wrong).unwrap();
        assert!(plan(&room).ok().text.contains("bb-dock/b/etc/one"));
    }
    fs::remove_file(room.path(KEPT)).unwrap();
    fs::create_dir(room.path(KEPT)).unwrap();
    says(&bb(&room, "build"), 0, "nothing to do: 8 steps up to date\n");
}

/// What follows from more than a dock's own files is read each time.
#[test]
fn not_every_dock_is_kept() {
    let room = room();
    room.pin();
    room.write("far", "1");
    room.write("bb-dock/a/Dockerfile.template", "FROM scratch\nLABEL d=${DATE}\n");
    fs::remove_file(room.path("bb-dock/b/etc/one")).unwrap();
    symlink("/nowhere", room.path("bb-dock/b/etc/one")).unwrap();
    room.write("bb-dock/d/Dockerfile.template", "FROM scratch\nONBUILD COPY f /\n");
    fs::rename(room.path("bb-dock/c/Dockerfile.template"), room.path("bb-dock/c/Dockerfile.j2"))
        .unwrap();
    room.write("bb-dock/c/Dockerfile.j2", "FROM scratch\n");
    room.dock("e", "FROM scratch\nCOPY f /\n");
    settle();
    bb(&room, "build").ok();
    let kept = ["a", "b", "c", "d", "e"].map(|dock| is_kept(&room, dock));
    assert_eq!(kept, [false, false, false, false, true]);
}
