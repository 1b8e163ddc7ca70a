//! The examples of `--help` that need containers that really run, logs of a real builder, or an engine that can
//! tell about itself; `daily` runs those of all other commands.

use std::process::Command;

use support::help::examples;
use support::sealed::{Room, Run, Running};

use super::Project;
use super::shell::free_port;
use support::registry::Registry;

const FAILS: &str = "\nfinish_rootfs_build() {\n\techo not today >&2\n\treturn 1\n}\n";

/// As a shell runs it in the project, with these variables.
fn command(room: &Room, line: &str, env: &[(&str, &str)]) -> Command {
    let mut command = Command::new("sh");
    room.seal(&mut command);
    let path = format!("{}:{}", support::programs().display(), std::env::var("PATH").unwrap());
    command.args(["-c", &format!("exec {line}")]).current_dir(room.path("")).env("PATH", path);
    command.envs(env.iter().copied());
    command
}

#[track_caller]
fn work(room: &Room, verb: &str, env: &[(&str, &str)]) {
    let lines = examples(verb);
    assert!(!lines.is_empty(), "{verb}");
    for line in lines {
        let run = Run::of(command(room, &line, env));
        assert_eq!(run.code, Some(0), "{line}\n{}{}", run.stdout, run.stderr);
    }
}

#[test]
fn they_work() {
    let project = Project::get();
    let room = &project.room;
    for verb in ["test", "doctor"] {
        work(room, verb, &[]);
    }
    runs(room);
    pushes(room);
    builders(room);
    chains(room);
    let store = room.dir.join("moved");
    work(room, "engine move", &[("BB_NATIVE_DIR", store.to_str().unwrap())]);
    failures(room);
    project.restore();
}

/// What goes on until Ctrl-C gets it.
fn runs(room: &Room) {
    for line in examples("run") {
        if !line.contains("-p ") {
            Run::of(command(room, &line, &[])).ok();
            continue;
        }
        let line = line.replace("8080", &free_port().to_string());
        let mut running = Running::start(command(room, &line, &[]));
        running.wait_for_text("start worker process ");
        running.signal("INT");
        assert_eq!(running.end().code, Some(130), "{line}");
    }
}

/// The port of the examples may be somebody else's.
fn pushes(room: &Room) {
    let registry = Registry::start(false);
    for line in examples("push") {
        let line = line.replace("localhost:5000", &registry.address);
        let run = Run::of(command(room, &line, &[])).ok();
        assert!(run.stdout.contains(&registry.address), "{line}\n{}", run.stdout);
    }
}

/// With a static `bb` where `make static` puts it.
fn builders(room: &Room) {
    std::fs::create_dir_all(room.path("target/static")).unwrap();
    std::os::unix::fs::symlink(support::static_bb(), room.path("target/static/bb")).unwrap();
    work(room, "builder image", &[]);
    let registry = Registry::start(false);
    for line in examples("builder push") {
        let line = line.replace("localhost:5000", &registry.address);
        let run = Run::of(command(room, &line, &[])).ok();
        assert!(run.stdout.contains(&registry.address), "{line}\n{}", run.stdout);
    }
    for left in ["target", "oci", "guest.tar"] {
        room.remove(left);
    }
}

fn chains(room: &Room) {
    room.write("chains/nginx-proxy.yaml", include_str!("../../../chains/nginx-proxy.yaml"));
    for verb in ["up", "ps", "down"] {
        work(room, verb, &[("PORT", "127.0.0.1:0")]);
    }
    room.remove("chains");
}

/// With a step that has failed, after others that have run twice.
fn failures(room: &Room) {
    room.bb("build -nF busybox").ok();
    let buildconfig = room.read("bb-dock/nginx/Buildconfig.sh");
    room.write("bb-dock/nginx/Buildconfig.sh", &(buildconfig + FAILS));
    assert_eq!(room.bb("build").code, Some(1));
    for verb in ["logs", "shell"] {
        work(room, verb, &[]);
    }
}
