//! The examples of every `--help` do what they say: each is run as it stands, in a project with docks of the
//! names that it uses. Those that need a container that really runs are run beside the real engine.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use support::fake::engine::World;
use support::fake::mirror::MIRROR;
use support::fake::room::{Room, Run};
use support::help::{examples, verbs};

use crate::family::bb;

/// Their examples are run by the test of the same name in `suite`.
const WITH_REAL_ENGINE: [&str; 12] = [
    "run",
    "shell",
    "test",
    "push",
    "up",
    "down",
    "ps",
    "logs",
    "doctor",
    "builder image",
    "builder push",
    "engine move",
];

/// The shipped docks by their names, built.
fn shipped() -> Room {
    let mut room = Room::new(World::default());
    room.env.push(("DATE".to_owned(), "20261122".to_owned()));
    room.dock("busybox", "FROM scratch\nADD rootfs.tar /\nCOPY f /\n");
    for (name, parent) in [("s6", "busybox"), ("openssl", "s6"), ("nginx", "openssl")] {
        let template = format!("FROM ${{NAMESPACE}}/{parent}\nADD rootfs.tar /\nCOPY f /\n");
        room.dock(name, &template);
    }
    room.settings("", "");
    room.pin();
    bb(&room, "build").ok();
    room
}

/// As a shell runs it.
fn run(room: &Room, line: &str) -> Run {
    room.run("sh", &["-c", line])
}

/// A command that waits for changes is told to end once it waits.
fn watched(room: &Room, line: &str) -> Option<i32> {
    let mut command = room.command("sh", &["-c", &format!("exec {line}")]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|text| text.unwrap().starts_with("watch   waiting")), "{line}");
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    lines.for_each(drop);
    child.wait().unwrap().code()
}

/// What has to be there before, and how it ends well.
fn prepare(room: &mut Room, verb: &str, line: &str) -> i32 {
    match (verb, line) {
        ("diff", _) => {
            room.write("bb-dock/nginx/f", "another");
            bb(room, "build").ok();
        }
        ("import kubler", _) => {
            room.write(
                "namespaces/mine/images/small/Dockerfile.template",
                "FROM ${IMAGE_PARENT}\n",
            );
        }
        (_, line) if line.contains("--affected") => {
            let git = "git init -q && git add bb.toml && git -c user.name=me -c user.email=me@example.org commit -qm one";
            if !room.path(".git").exists() {
                assert!(room.command("sh", &["-c", git]).status().unwrap().success());
            }
        }
        ("store status" | "store verify", _) => {
            let name = |name: &str| room.path(name).display().to_string();
            let own =
                [("BB_STORE", format!("file://{}", name("store"))), ("BB_STORE_KEY", name("team"))];
            room.env.extend(own.map(|(variable, value)| (variable.to_owned(), value)));
        }
        ("keys import" | "keys verify" | "keys refresh", _) => keys(room),
        _ => {}
    }
    i32::from(line.ends_with("--exit-code") && bb(room, "status --exit-code").code != Some(0))
}

/// The files that the examples name, as the mirror has them.
fn keys(room: &mut Room) {
    let word = |line: &str| line.split('"').nth(1).unwrap().to_owned();
    let (mirrors, trust) = &MIRROR.settings;
    let keyring = word(trust.lines().find(|line| line.starts_with("keyring")).unwrap());
    let builds = format!("{}/releases/amd64/autobuilds", word(mirrors));
    let copy = |from: &str, to: &str| {
        fs::copy(from, room.path(to)).unwrap();
    };
    copy(&keyring, "gentoo-release.asc");
    let pointer = "latest-stage3-amd64-nomultilib-openrc.txt";
    copy(&format!("{builds}/{pointer}"), pointer);
    let stage3 = fs::read_dir(format!("{builds}/20261122T170104Z")).unwrap();
    for entry in stage3.map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap().to_str().unwrap();
        match name.rsplit_once('.') {
            Some((_, "xz")) => copy(entry.to_str().unwrap(), "stage3.tar.xz"),
            Some((_, "asc")) => copy(entry.to_str().unwrap(), "stage3.tar.xz.asc"),
            _ => {}
        }
    }
    room.env.push(("BB_KEY_URLS".to_owned(), keyring));
}

#[test]
fn every_command_has_examples_and_they_work() {
    let mut room = shipped();
    let mut failures = vec![];
    for verb in verbs() {
        let lines = examples(&verb);
        assert!(!lines.is_empty(), "`bb {verb} --help` has no examples");
        if WITH_REAL_ENGINE.contains(&verb.as_str()) {
            continue;
        }
        for line in lines {
            assert!(line.starts_with(&format!("bb {verb}")), "{line}");
            let wanted = prepare(&mut room, &verb, &line);
            if verb == "watch" {
                assert_eq!(watched(&room, &line), Some(130), "{line}");
                continue;
            }
            let run = run(&room, &line);
            if run.code != Some(wanted) {
                failures.push(format!("{line}: {:?}, not {wanted}\n{}", run.code, run.text));
            }
            if verb == "new" && line.contains("--from") {
                let name = line.split(' ').nth(2).unwrap();
                fs::remove_dir_all(room.path(&format!("bb-dock/{name}"))).unwrap();
            }
            if verb == "clean" || verb == "gc" {
                bb(&room, "build").ok();
            }
        }
        if verb == "new" {
            fs::remove_dir_all(room.path("bb-dock/base")).unwrap();
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
