//! Five docks: `base` ← `mid` ← `top`, and `side`, which stands on `base`, are compiled; `plain` is not.

use support::fake::engine::World;
use support::fake::room::{Room, Run};

/// All steps: those that the compiled docks share, three of each of these, two of the one that is not.
pub const STEPS: usize = 10 + 4 * 3 + 2;

/// The project, not built.
pub fn unbuilt() -> Room {
    let room = Room::new(World::default());
    room.dock("base", "FROM scratch\nADD rootfs.tar /\nCOPY f /\n");
    room.dock("mid", "FROM ${NAMESPACE}/base\nADD rootfs.tar /\nCOPY f /\n");
    room.dock("top", "FROM ${NAMESPACE}/mid\nADD rootfs.tar /\nCOPY f /\n");
    room.dock("side", "FROM ${NAMESPACE}/base\nADD rootfs.tar /\nCOPY f /\n");
    room.dock("plain", "FROM scratch\nCOPY f /\n");
    room.settings("", "");
    room.pin();
    room
}

/// The project, built.
pub fn family() -> Room {
    let room = unbuilt();
    room.run("bb", &["build"]).ok();
    room
}

/// `bb ARGS`, split at blanks: what people are told.
pub fn bb(room: &Room, args: &str) -> Run {
    room.run("bb", &args.split_whitespace().collect::<Vec<_>>())
}

#[track_caller]
pub fn nothing_to_do(room: &Room) {
    let text = bb(room, "build").ok().text;
    assert_eq!(text, format!("nothing to do: {STEPS} steps up to date\n"));
}

/// Lines of `bb status` but those of fresh steps, with one blank where there are more.
pub fn not_fresh(status: &str) -> Vec<String> {
    let lines = status.lines().filter(|line| !line.starts_with("fresh"));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}
