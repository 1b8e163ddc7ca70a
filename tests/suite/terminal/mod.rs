//! What one sees and does at a terminal: progress, failures, Ctrl-C, a shell in a builder. The engine and
//! the mirror are fakes that stop where a test wants them to.

mod captures;
mod crowded;
mod history;
mod interrupted;
mod kept;
mod run;
mod shell;
pub mod tmux;

use support::fake::engine::World;
use support::fake::room::Room;
use support::sealed::{Run, Running};

/// `nginx` on `busybox`, both compiled. All that they are compiled with is there.
fn room() -> Room {
    let room = bare();
    said(&room, "build builder:bob").ok();
    room
}

/// The same with nothing done.
fn bare() -> Room {
    let room = Room::new(World::default());
    room.settings("", "");
    room.pin();
    dock(&room, "busybox", "scratch", "");
    dock(&room, "nginx", "${NAMESPACE}/busybox", "");
    room
}

fn dock(room: &Room, name: &str, from: &str, buildconfig: &str) {
    let template = format!("FROM {from}\nADD rootfs.tar /\n");
    room.write(&format!("bb-dock/{name}/Dockerfile.template"), &template);
    room.write(&format!("bb-dock/{name}/Buildconfig.sh"), buildconfig);
}

/// `bb ARGS` (split at blanks), with both streams apart.
fn said(room: &Room, args: &str) -> Run {
    Run::of(command(room, args))
}

fn start(room: &Room, args: &str) -> Running {
    Running::start(command(room, args))
}

fn command(room: &Room, args: &str) -> std::process::Command {
    let mut command = room.command("bb", &args.split_whitespace().collect::<Vec<_>>());
    command.stdin(std::process::Stdio::null()).env_remove("RUST_BACKTRACE");
    command
}
