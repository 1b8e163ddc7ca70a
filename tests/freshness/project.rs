//! A project with one of everything, and what its state folder and its engine hold in the end.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use support::fake::engine::World;
use support::fake::room::Room;

/// All steps of [`whole`].
pub const STEPS: usize = 10 + 3 * 2 + 1 + 1;

/// `base` ← `child`, which has a file that a task makes; `deep`, which is compiled, is built on it.
pub fn whole() -> Room {
    let room = Room::new(World::default());
    room.dock("base", "FROM scratch\nCOPY f /\n");
    room.dock("child", "FROM ${NAMESPACE}/base\nCOPY f made /\n");
    room.dock("deep", "FROM ${NAMESPACE}/child\nADD rootfs.tar /\nCOPY f /\n");
    let task = "[task.t]\nrun = \"cat word >bb-dock/child/made\"\ninputs = [\"word\"]\n\
                outputs = [\"bb-dock/child/made\"]\n";
    room.settings("", task);
    room.pin();
    room.write("word", "word");
    room.run("bb", &["makefile"]).ok();
    room
}

/// Path → content of all files of the project, less what tells of times and of runs: logs, locks, history,
/// the index, recalled answers, notes of images made, the project's secret, and the content of records.
pub fn files(room: &Room) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in walkdir::WalkDir::new(room.path("")) {
        let entry = entry.unwrap();
        let name = entry.path().strip_prefix(room.path("")).unwrap().display().to_string();
        let of_runs = [
            ".bb/logs",
            ".bb/locks",
            ".bb/index",
            ".bb/traces",
            ".bb/docks",
            ".bb/history",
            ".bb/made",
            ".bb/make",
            ".bb/id",
        ];
        if entry.file_type().is_dir() || of_runs.iter().any(|run| name.starts_with(run)) {
            continue;
        }
        let content = if name.starts_with(".bb/records") { vec![] } else { read(entry.path()) };
        files.insert(name, content);
    }
    files
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap()
}

/// Everything is done, nothing is left over, and nothing remains to be done.
#[track_caller]
pub fn assert_whole(room: &Room, told: &str) {
    let dry = room.told("build --dry-run").ok();
    assert!(dry.all_fresh(STEPS), "{told}\n{dry}");
    let again = room.told("build").ok();
    assert!(again.executed().is_empty(), "{told}\n{again}");
    assert_eq!(again.summary(), format!("nothing to do: {STEPS} steps up to date"), "{told}");
    assert_eq!(room.engine.containers(), 0, "{told}: containers");
    for folder in [".bb/tmp", ".bb/withdrawn"] {
        let left = walkdir::WalkDir::new(room.path(folder)).into_iter().filter_map(Result::ok);
        let left =
            left.filter(|e| e.depth() > 0 && (folder == ".bb/tmp" || !e.file_type().is_dir()));
        let left = left.map(|e| e.path().display().to_string()).collect::<Vec<_>>();
        assert_eq!(left, [""; 0], "{told}");
    }
}
