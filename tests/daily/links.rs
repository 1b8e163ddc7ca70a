//! Links that lead out of a project: every reader × every verb. Nothing of what they lead to is read, and none
//! waits for a pipe.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use support::fake::engine::World;
use support::fake::room::{Room, Run};

use crate::family::bb;

const SECRET: &str = "root:hush:20000:0:99999:7:::";

const SETTINGS: &str = "namespace = \"ns\"\n[trust]\nkeyring = \"keys.asc\"\n\
    [task.t]\nrun = \"true\"\ninputs = [\"plain\", \"some/*.c\", \"far/sub/*\"]\n";

/// Each reads the docks.
const VERBS: [&str; 19] = [
    "status",
    "status --exit-code",
    "build",
    "build --dry-run",
    "build -j 1 a",
    "missing",
    "test",
    "list",
    "tree",
    "why a",
    "why task:t",
    "graph --steps",
    "graph --format html",
    "export json",
    "export ninja",
    "makefile -o M",
    "sync",
    "step image:a",
    "step dockerfile:a",
];

fn project() -> Room {
    let room = Room::new(World::default());
    room.write("bb.toml", SETTINGS);
    for (path, text) in [
        ("bb-dock/a/Dockerfile.template", "FROM scratch\nCOPY . /\n"),
        ("bb-dock/a/Buildconfig.sh", ""),
        ("bb-dock/a/dock.toml", "rootfs.inputs = ['more/*']\n"),
        ("bb-dock/a/.dockerignore", "*.md\n"),
        ("bb-dock/a/test.sh", "true\n"),
        ("bb-dock/a/more/x", ""),
        ("chains/shop.yaml", "services:\n  a:\n    image: ${NAMESPACE}/a\n"),
        ("plain", ""),
        ("some/a.c", ""),
        ("far/sub/f", ""),
        ("keys.asc", ""),
        ("../out/secret", SECRET),
        ("../out/dock/Dockerfile.template", SECRET),
        ("../out/dock/Buildconfig.sh", SECRET),
        ("../out/docks/a/Dockerfile.template", SECRET),
        ("../out/docks/a/Buildconfig.sh", SECRET),
        ("../out/chains/shop.yaml", SECRET),
        ("../out/sub/f", SECRET),
    ] {
        room.write(path, text);
    }
    assert!(Command::new("mkfifo").arg(room.path("../out/pipe")).status().unwrap().success());
    room
}

/// A link in the place of a file or folder: where it is, and what it leads to.
type Reader = (&'static str, &'static str);

const READERS: [Reader; 14] = [
    ("bb.toml", "secret"),
    ("bb.lock", "secret"),
    ("bb-dock", "docks"),
    ("bb-dock/b", "dock"),
    ("bb-dock/a/Dockerfile.template", "secret"),
    ("bb-dock/a/Buildconfig.sh", "secret"),
    ("bb-dock/a/dock.toml", "secret"),
    ("bb-dock/a/.dockerignore", "secret"),
    ("bb-dock/a/test.sh", "secret"),
    ("bb-dock/a/more/x", "secret"),
    ("plain", "secret"),
    ("some/a.c", "secret"),
    ("far", "."),
    ("far/sub", "sub"),
];

fn replace(room: &Room, path: &str, target: &str) {
    let at = room.path(path);
    if at.is_dir() {
        fs::remove_dir_all(&at).unwrap();
    } else if at.exists() {
        fs::remove_file(&at).unwrap();
    }
    symlink(target, at).unwrap();
}

/// `bb ARGS`, which must end by itself.
fn ends(room: &Room, args: &str) -> Run {
    let words = ["60", "bb"].into_iter().chain(args.split(' ')).collect::<Vec<_>>();
    room.run("timeout", &words)
}

#[track_caller]
fn refused(room: &Room, args: &str, message: &str) {
    let run = ends(room, args);
    assert_eq!(run.code, Some(3), "{args}: {}", run.text);
    assert!(run.text.contains(message), "{args}: {}\nnot: {message}", run.text);
    assert!(!run.text.contains("hush"), "{args}: {}", run.text);
}

#[test]
fn no_reader_of_any_verb_follows_a_link_out_of_the_project() {
    let room = project();
    let outside = fs::canonicalize(room.path("../out")).unwrap();
    for (path, target) in READERS {
        let room = project();
        let out = fs::canonicalize(room.path("../out")).unwrap();
        replace(&room, path, out.join(target).to_str().unwrap());
        let message = format!("the link `{path}` leads out of the project, to `{}", out.display());
        for verb in VERBS {
            refused(&room, verb, &message);
        }
    }
    // What is allowed by name is no link that leads out.
    room.write("bb.toml", &format!("{SETTINGS}[project]\nlinks = [\"../out/sub\"]\n"));
    replace(&room, "far/sub", outside.join("sub").to_str().unwrap());
    bb(&room, "status").ok();
    room.write("bb.toml", &format!("docks = \"../out/docks\"\n{SETTINGS}"));
    let named = ends(&room, "list");
    assert!(named.text.contains("../out/docks/a/Dockerfile.template:1"), "{}", named.text);
}

#[test]
fn no_verb_for_chains_follows_a_link_out_of_the_project() {
    let places = [("chains/shop.yaml", "secret"), ("chains/.env", "secret"), ("chains", "chains")];
    for (path, target) in places {
        let room = project();
        let out = fs::canonicalize(room.path("../out")).unwrap();
        replace(&room, path, out.join(target).to_str().unwrap());
        let message = format!("the link `{path}` leads out of the project");
        for verb in ["up shop", "up --no-build shop"] {
            refused(&room, verb, &message);
        }
        if path == "chains" {
            refused(&room, "ps", &message);
        }
    }
    let room = project();
    replace(&room, "keys.asc", "/dev/zero");
    for verb in ["keys list", "update", "keys verify plain"] {
        let run = ends(&room, verb);
        assert!(!run.text.contains("larger"), "{}", run.text);
    }
    refused(&room, "update", "the link `keys.asc` leads out of the project, to `/dev/zero`");
}

/// In the project, and no file: none waits for who might write.
#[test]
fn no_reader_waits_for_a_pipe() {
    for (path, _) in
        READERS.iter().filter(|(path, _)| !["bb-dock", "far", "far/sub"].contains(path))
    {
        let room = project();
        assert!(Command::new("mkfifo").arg(room.path("pipe")).status().unwrap().success());
        replace(&room, path, room.path("pipe").to_str().unwrap());
        for verb in ["status", "build", "list", "makefile", "sync", "step image:a"] {
            let run = ends(&room, verb);
            assert_ne!(run.code, Some(124), "{path}, {verb}: {}", run.text);
        }
    }
    let room = project();
    fs::remove_file(room.path("bb.toml")).unwrap();
    assert!(Command::new("mkfifo").arg(room.path("bb.toml")).status().unwrap().success());
    let run = room.run("timeout", &["60", "bb", "--project", ".", "status"]);
    assert_eq!(run.code, Some(3), "{}", run.text);
    assert!(run.text.contains("`bb.toml` is a pipe, not a file"), "{}", run.text);
}

/// A link that COPY takes is a link in the image, whatever is at its end here.
#[test]
fn what_is_copied_may_lead_anywhere() {
    let room = project();
    let write = |text: &str| room.write("bb.toml", text);
    write("namespace = \"ns\"\n");
    fs::remove_file(room.path("bb-dock/a/dock.toml")).unwrap();
    fs::remove_file(room.path("bb-dock/a/test.sh")).unwrap();
    for (link, target) in [
        ("localtime", "/usr/share/zoneinfo/UTC"),
        ("shadow", "/etc/shadow"),
        ("gone", "/not/there"),
    ] {
        symlink(target, room.path(&format!("bb-dock/a/{link}"))).unwrap();
    }
    bb(&room, "build").ok();
    bb(&room, "image save a -o image.tar").ok();
    let list = room.run("tar", &["-xOf", "image.tar", "--wildcards", "*/layer.tar", "*.tar"]);
    assert!(!list.text.contains("root:"), "/etc/shadow is in the image");
}
