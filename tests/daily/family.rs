//! Five docks: `base` ← `mid` ← `top`, and `side`, which stands on `base`, are compiled; `plain` is not.

use support::fake::engine::World;
use support::fake::mirror::MIRROR;
use support::fake::room::{Room, Run};

/// All steps: those that the compiled docks share, three of each of these, two of the one that is not.
pub const STEPS: usize = 10 + 4 * 3 + 2;

/// The project, not built.
pub fn unbuilt() -> Room {
    let room = Room::new(World::default());
    dock(&room, "base", "FROM scratch\nADD rootfs.tar /\nCOPY f /\n");
    dock(&room, "mid", "FROM ${NAMESPACE}/base\nADD rootfs.tar /\nCOPY f /\n");
    dock(&room, "top", "FROM ${NAMESPACE}/mid\nADD rootfs.tar /\nCOPY f /\n");
    dock(&room, "side", "FROM ${NAMESPACE}/base\nADD rootfs.tar /\nCOPY f /\n");
    dock(&room, "plain", "FROM scratch\nCOPY f /\n");
    settings(&room, "");
    room.write("bb.lock", &MIRROR.lock);
    room
}

/// The project, built.
pub fn family() -> Room {
    let room = unbuilt();
    room.run("bb", &["build"]).ok();
    room
}

pub fn settings(room: &Room, more: &str) {
    let (mirrors, trust) = &MIRROR.settings;
    room.write("bb.toml", &format!("namespace = \"ns\"\n{more}{mirrors}{trust}"));
}

pub fn dock(room: &Room, name: &str, template: &str) {
    room.write(&format!("bb-dock/{name}/Dockerfile.template"), template);
    room.write(&format!("bb-dock/{name}/Buildconfig.sh"), "");
    room.write(&format!("bb-dock/{name}/f"), name);
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

/// Exit code and all that was said.
#[track_caller]
pub fn says(run: &Run, code: i32, text: &str) {
    assert_eq!((run.text.as_str(), run.code), (text, Some(code)));
}

/// Lines of `bb status` but those of fresh steps, with one blank where there are more.
pub fn not_fresh(status: &str) -> Vec<String> {
    let lines = status.lines().filter(|line| !line.starts_with("fresh"));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}
