//! Secrets in settings, variables and malformed files: on no stream, and nowhere in the state folder.

use std::fs;

use support::fake::engine::World;
use support::fake::room::{Room, Run};

use crate::family::bb;

/// Part of each of them.
const SECRET: &str = "hush";

const SETTINGS: &str = "namespace = \"ns\"\n\
    mirrors = [\"https://me:hush1@127.0.0.1:1/gentoo\"]\n\
    [trust]\nkey_urls = [\"http://me:hush2@127.0.0.1:1/k\", \"http://127.0.0.1:1/k?token=hush3\"]\n\
    [task.t]\nrun = \"test $TOKEN && : https://me:hush4@host/x\"\n\
    env = { TOKEN = \"hush5\" }\noutputs = []\n";

fn project() -> Room {
    let room = Room::new(World::default());
    room.write("bb.toml", SETTINGS);
    room.dock("a", "FROM scratch\nCOPY f /\n");
    room
}

#[track_caller]
fn silent(run: &Run, what: &str) {
    assert!(!run.text.contains(SECRET), "{what}: {}", run.text);
}

#[track_caller]
fn nothing_kept(room: &Room) {
    for entry in walkdir::WalkDir::new(room.path(".bb")) {
        let entry = entry.unwrap();
        let name = entry.path().display().to_string();
        assert!(!name.contains(SECRET), "{name}");
        if entry.file_type().is_file() {
            let bytes = fs::read(entry.path()).unwrap();
            assert!(!bytes.windows(SECRET.len()).any(|w| w == SECRET.as_bytes()), "{name}");
        }
    }
}

const VERBS: [&str; 26] = [
    "build",
    "build",
    "build --message-format json -f",
    "status",
    "status --exit-code",
    "why task:t",
    "why task:t --json",
    "list",
    "tree",
    "config",
    "config --json",
    "config mirrors",
    "config trust.key_urls",
    "config task.t",
    "doctor --offline",
    "doctor --timeout 1",
    "keys list",
    "keys refresh",
    "update",
    "update --check",
    "outdated",
    "export json",
    "export ninja",
    "graph --steps --format html",
    "makefile -o M",
    "gc --dry-run",
];

#[test]
fn no_verb_tells_or_keeps_a_secret() {
    let room = project();
    for verb in VERBS {
        silent(&bb(&room, verb), verb);
    }
    for secret in ["hush5", "hush4"] {
        let text = SETTINGS.replace(secret, "hushed");
        room.write("bb.toml", &text);
        for verb in ["status", "why task:t", "why task:t --json", "build", "build"] {
            silent(&bb(&room, verb), verb);
        }
    }
    nothing_kept(&room);
    assert!(!fs::read_to_string(room.path("M")).unwrap().contains(SECRET));
}

/// A variable that has changed is a reason all the same.
#[test]
fn another_secret_makes_its_task_stale() {
    let room = project();
    bb(&room, "build").ok();
    room.write("bb.toml", &SETTINGS.replace("hush5", "hush6"));
    let why = bb(&room, "why task:t").ok().text;
    assert!(why.contains("env.TOKEN changed: `sha256:"), "{why}");
    room.told("build").ran("task:t");
}

#[test]
fn what_a_malformed_file_says_is_not_repeated() {
    let room = project();
    for (good, bad) in [
        ("hush1@127.0.0.1:1/gentoo\"]", "hush1@127.0.0.1:1/gentoo\""),
        (
            "mirrors = [\"https://me:hush1@127.0.0.1:1/gentoo\"]",
            "mirrors = \"https://me:hush1@h/\"",
        ),
        (
            "mirrors = [\"https://me:hush1@127.0.0.1:1/gentoo\"]",
            "mirrors = [\"ftp://me:hush1@h/\"]",
        ),
        (
            "mirrors = [\"https://me:hush1@127.0.0.1:1/gentoo\"]",
            "mirrors = [\"http://h/?x=hush1\"]",
        ),
        ("?token=hush3\"", "?token=hush3"),
        ("TOKEN = \"hush5\"", "TOKEN = \"hush5"),
        ("TOKEN = \"hush5\"", "TOKEN = hush5"),
        ("{ TOKEN = \"hush5\" }", "\"TOKEN=hush5\""),
        ("{ TOKEN = \"hush5\" }", "[\"hush5\"]"),
        ("{ TOKEN = \"hush5\" }", "{ TOKEN = \"hush5\", TOKEN = \"hush6\" }"),
        ("{ TOKEN = \"hush5\" }", "{ TOKEN = [\"hush5\"] }"),
        ("{ TOKEN = \"hush5\" }", "{\n  TOKEN = \"hush5\n}"),
    ] {
        assert!(SETTINGS.contains(good), "{good}");
        room.write("bb.toml", &SETTINGS.replace(good, bad));
        for verb in ["status", "build", "update", "build --message-format json", "doctor --offline"]
        {
            silent(&bb(&room, verb), &format!("{verb} with {bad}"));
        }
    }
}

#[test]
fn an_engine_that_does_not_answer_does_not_tell_who_asks() {
    let room = project();
    for host in ["tcp://me:hush7@127.0.0.1:1", "http://127.0.0.1:1/?token=hush8"] {
        for verb in [&["build"][..], &["status"], &["doctor", "--timeout", "1"], &["config"]] {
            let mut command = room.command("bb", verb);
            let run = Run::from(command.env("DOCKER_HOST", host).output().unwrap());
            silent(&run, &format!("{verb:?} at {host}"));
        }
    }
    if room.path(".bb").exists() {
        nothing_kept(&room);
    }
}
