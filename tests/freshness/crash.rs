//! State folders and file systems in every condition: full, read-only, of another version, damaged; and
//! clocks that went back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use filetime::{FileTime, set_symlink_file_times};
use serde_json::Value;
use support::fake::engine::World;
use support::fake::room::{Executor, Room, says};
use support::sealed::sorted;

const ALL: &str = "dockerfile:a dockerfile:b image:a image:b";
const NOTHING: &str = "nothing to do: 4 steps up to date\n";

fn built() -> Room {
    let room = Room::two_docks();
    room.told("build").ran(ALL);
    room
}

/// A small file system of its own at a path, as long as this lives.
struct Mounted(PathBuf);

impl Mounted {
    fn new(path: PathBuf, size: &str) -> Self {
        fs::create_dir_all(&path).unwrap();
        mount(&["-t", "tmpfs", "-o", &format!("size={size},mode=755"), "tmpfs"], &path);
        Self(path)
    }

    fn remount(&self, options: &str) {
        mount(&["-o", &format!("remount,{options}")], &self.0);
    }
}

#[track_caller]
fn mount(args: &[&str], path: &Path) {
    let status = Command::new("mount").args(args).arg(path).status();
    assert!(status.is_ok_and(|s| s.success()), "this test mounts a file system, so it needs root");
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

// ---- a full disk

#[test]
fn a_full_disk_is_told_and_nothing_is_half_made() {
    let mut failed = 0;
    let told = regex::Regex::new(
        "error: cannot (create|write|write in|lock|rename) `[^`]+`: no space left on device\n\
                 hint: free some space \\(`bb df` tells what takes it, `bb gc` removes what nothing needs\\) and run the same command again; nothing is lost\n",
    )
    .unwrap();
    // In pages: a run needs a few dozen.
    for free in (0..40).step_by(3) {
        let room = Room::two_docks();
        let state = Mounted::new(room.path(".bb"), "1m");
        fill(&state.0.join("ballast"), free * 4096);
        let run = room.told("build");
        if run.code != Some(0) {
            failed += 1;
            assert_eq!(run.code, Some(1), "{run}");
            assert!(told.is_match(&run.words()), "{free} pages: {run}");
        }
        fs::remove_file(state.0.join("ballast")).unwrap();
        let all = [run.done(), room.told("build").ok().done()].concat();
        assert_eq!(sorted(all).join(" "), ALL, "{free} pages: {run}");
        says(&room.run("bb", &["build"]), 0, NOTHING);
        assert_eq!(fs::read_dir(state.0.join("tmp")).unwrap().count(), 0);
    }
    assert!(failed > 3, "{failed}");
}

/// Leaves this many bytes.
fn fill(path: &Path, free: u64) {
    use std::io::Write;
    let mut file = fs::File::create(path).unwrap();
    while file.write_all(&[1; 4096]).is_ok() {}
    let full = file.metadata().unwrap().len();
    file.set_len(full - free).unwrap();
}

// ---- a read-only state folder

#[test]
fn a_read_only_state_folder_can_be_asked_and_not_built_in() {
    let room = Room::two_docks();
    let state = Mounted::new(room.path(".bb"), "4m");
    room.run("bb", &["build"]).ok();
    room.write("bb-dock/b/f", "2");
    let questions = [&["status"][..], &["why", "b"], &["build", "--dry-run"]];
    let answers = questions.map(|q| room.run("bb", q).ok().text);
    state.remount("ro");
    assert_eq!(questions.map(|q| room.run("bb", q).ok().text), answers);
    says(
        &room.run("bb", &["build"]),
        1,
        "error: cannot write in the state folder `.bb`: read-only file system\n\
         hint: make it writable, or name another one with `--state`; `bb status` and `bb why` only read it\n",
    );
    for executor in [Executor::Make, Executor::Bmake, Executor::Ninja] {
        room.executor_refuses(executor, "error: cannot write in the state folder `");
    }
    state.remount("rw");
    room.told("build").ran("image:b");
}

// ---- clocks and times

/// All that was written and recorded is from tomorrow.
fn let_everything_be_of_tomorrow(room: &Room) {
    const DAY: i64 = 86_400;
    for entry in walkdir::WalkDir::new(room.path("")) {
        let path = entry.unwrap().into_path();
        if path
            .parent()
            .is_some_and(|p| p.ends_with("records/image") || p.ends_with("records/dockerfile"))
        {
            shift(&path, DAY * 1_000_000_000);
        }
        let time = FileTime::from_last_modification_time(&path.symlink_metadata().unwrap());
        let time = FileTime::from_unix_time(time.unix_seconds() + DAY, time.nanoseconds());
        set_symlink_file_times(&path, time, time).unwrap();
    }
    fs::remove_file(room.path(".bb/index")).unwrap_or_default();
}

/// Adds to all times of a record.
fn shift(path: &Path, by: i64) {
    fn add(value: &mut Value, by: i64) {
        *value = Value::from(value.as_i64().unwrap() + by);
    }
    let mut record = serde_json::from_slice::<Value>(&fs::read(path).unwrap()).unwrap();
    for name in ["seen", "sealed"] {
        add(&mut record[name], by);
    }
    for part in ["files", "outputs"] {
        for state in record[part].as_object_mut().unwrap().values_mut() {
            add(&mut state["m"], by);
            add(&mut state["c"], by);
        }
    }
    fs::write(path, record.to_string()).unwrap();
}

#[test]
fn a_clock_that_went_back_a_day_hides_nothing() {
    for executor in Executor::ALL {
        let room = built();
        let_everything_be_of_tomorrow(&room);
        room.execute(executor).ran("");
        // Written today, which is before everything else.
        room.write("bb-dock/b/f", "2");
        room.execute(executor).ran("image:b");
        room.write("bb-dock/a/f", "2");
        room.execute(executor).ran("image:a image:b");
        room.execute(executor).ran("");
    }
}

/// As a file system shows them that keeps seconds, or every other second as FAT does.
fn cut_times(room: &Room, seconds: i64) {
    for entry in walkdir::WalkDir::new(room.path("")) {
        let path = entry.unwrap().into_path();
        let time = FileTime::from_last_modification_time(&path.symlink_metadata().unwrap());
        let time = FileTime::from_unix_time(time.unix_seconds() / seconds * seconds, 0);
        set_symlink_file_times(&path, time, time).unwrap();
    }
}

#[test]
fn times_of_one_or_two_seconds_hide_nothing() {
    for (executor, seconds) in Executor::ALL.into_iter().flat_map(|e| [(e, 1), (e, 2)]) {
        let room = built();
        for round in 2..5 {
            cut_times(&room, seconds);
            room.execute(executor).ran("");
            room.write("bb-dock/b/f", &round.to_string());
            cut_times(&room, seconds);
            room.execute(executor).ran("image:b");
            room.write("bb-dock/a/f", &round.to_string());
            cut_times(&room, seconds);
            room.execute(executor).ran("image:a image:b");
        }
    }
}

fn time_of(room: &Room, path: &str) -> i64 {
    let time = FileTime::from_last_modification_time(&room.path(path).metadata().unwrap());
    time.unix_seconds() * 1_000_000_000 + i64::from(time.nanoseconds())
}

/// The start of its step; later the latest time among inputs and stamps before it, and never now.
#[test]
fn a_stamp_has_the_latest_time_that_was_seen() {
    let room = built();
    let record = fs::read(room.path(".bb/records/image/b.json")).unwrap();
    let record = serde_json::from_slice::<Value>(&record).unwrap();
    assert_eq!(Some(time_of(&room, ".bb/stamps/image/b")), record["seen"].as_i64());
    let untouched = time_of(&room, ".bb/stamps/dockerfile/b");
    let later = FileTime::from_unix_time(4_000_000_000, 7);
    filetime::set_file_mtime(room.path("bb-dock/a/f"), later).unwrap();
    says(&room.run("bb", &["build"]), 0, NOTHING);
    for stamp in ["image/a", "image/b"] {
        assert_eq!(time_of(&room, &format!(".bb/stamps/{stamp}")), 4_000_000_000_000_000_007);
    }
    assert_eq!(time_of(&room, ".bb/stamps/dockerfile/b"), untouched);
}

// ---- damage, and other versions

/// What becomes of a record's text.
type Damage = fn(&str) -> String;

/// An answer that is recalled needs neither records nor index.
fn forget_answers(room: &Room) {
    fs::remove_dir_all(room.path(".bb/traces")).unwrap_or_default();
}

fn image_b_is(room: &Room, standing: &str) {
    let status = room.run("bb", &["status"]).ok().text;
    assert!(status.lines().any(|l| l.trim_end() == standing), "{standing}\n{status}");
}

#[test]
fn a_state_folder_of_another_version_or_damaged_is_told_and_built_anew() {
    let record = ".bb/records/image/b.json";
    let format = |n: &str| format!("stale  image:b       recorded by another version (format {n})");
    let damaged = "stale  image:b       its record is gone or damaged".to_owned();
    let text = |room: &Room| fs::read_to_string(room.path(record)).unwrap();
    let cases: [(&str, Damage, String); 6] = [
        ("older", |t| t.replacen("\"format\":2,", "\"format\":1,", 1), format("1")),
        ("newer", |t| t.replacen("\"format\":2,", "\"format\":3,\"more\":1,", 1), format("3")),
        ("much newer", |_| "{\"inputs\":[1],\"format\":77}".to_owned(), format("77")),
        ("cut off", |t| t[..t.len() / 2].to_owned(), damaged.clone()),
        ("empty", |_| String::new(), damaged.clone()),
        ("rubbish", |_| "\u{1}\u{2}\u{3}".to_owned(), damaged),
    ];
    let room = built();
    for (what, change, standing) in cases {
        fs::write(room.path(record), change(&text(&room))).unwrap();
        forget_answers(&room);
        image_b_is(&room, &standing);
        room.told("build").ran("image:b");
        says(&room.run("bb", &["build"]), 0, NOTHING);
        assert!(text(&room).starts_with("{\"format\":2,"), "{what}");
    }
}

#[test]
fn a_stamp_that_is_no_file_does_not_count() {
    let room = built();
    for executor in Executor::ALL {
        fs::remove_file(room.path(".bb/stamps/image/b")).unwrap();
        room.write(".bb/stamps/image/b/inside", "");
        image_b_is(&room, "stale  image:b       it did not finish, or its stamp was removed");
        room.execute(executor).ran("image:b");
        assert!(room.path(".bb/stamps/image/b").is_file());
    }
    says(&room.run("bb", &["build"]), 0, NOTHING);
}

/// Twenty docks: the index is written where it pays.
#[test]
fn an_index_of_another_version_or_damaged_is_passed_over() {
    let room = Room::new(World::default());
    for n in 0..20 {
        room.dock(&format!("d{n}"), "FROM scratch\nCOPY f /\n");
    }
    room.write("bb.toml", "namespace = \"ns\"\n");
    let nothing = "nothing to do: 40 steps up to date\n";
    room.run("bb", &["build"]).ok();
    says(&room.run("bb", &["build"]), 0, nothing);
    let path = room.path(".bb/index");
    let whole = fs::read(&path).unwrap();
    let other = [&[whole[0] + 1], &whole[1..]].concat();
    for index in [other, whole[..whole.len() / 2].to_vec(), vec![], b"rubbish".to_vec()] {
        fs::write(&path, &index).unwrap();
        forget_answers(&room);
        says(&room.run("bb", &["build"]), 0, nothing);
        assert_ne!(fs::read(&path).unwrap(), index, "it is written again");
    }
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    forget_answers(&room);
    says(&room.run("bb", &["build"]), 0, nothing);
    room.write("bb-dock/d7/f", "2");
    room.told("build").ran("image:d7");
}

#[test]
fn a_state_folder_that_is_a_file_is_told() {
    let room = Room::two_docks();
    room.write(".bb", "");
    let message = "error: cannot create `.bb`: it is a file\n\
                   hint: move it away, or name another state folder with `--state`\n";
    says(&room.run("bb", &["build"]), 1, message);
    let status = room.run("bb", &["status"]).ok().text;
    assert_eq!(status.matches("never built").count(), 4, "{status}");
    room.executor_refuses(Executor::Make, message);
    fs::remove_file(room.path(".bb")).unwrap();
    room.told("build").ran(ALL);
}

/// What stands in the way of one step ends that step, and says where.
#[test]
fn a_folder_in_the_place_of_a_file_of_ours_is_told() {
    let room = built();
    room.write("bb-dock/b/f", "2");
    for path in [".bb/locks/image/b", ".bb/records/image/b.json", ".bb/images/b/image.json"] {
        fs::remove_file(room.path(path)).unwrap();
        room.write(&format!("{path}/inside"), "");
        let run = room.run("bb", &["build"]);
        let told = run.text.contains(&format!("`{path}`: ")) && run.text.contains("error: cannot ");
        assert!(run.code == Some(1) && told, "{path}: {}", run.text);
        fs::remove_dir_all(room.path(path)).unwrap();
    }
    room.told("build").ran("image:b");
    says(&room.run("bb", &["build"]), 0, NOTHING);
}

// ---- asking changes nothing

/// Path → type, mode, size, times and inode.
fn everything(room: &Room) -> Vec<String> {
    use std::os::unix::fs::MetadataExt;
    let entries = walkdir::WalkDir::new(room.path("")).sort_by_file_name();
    let line = |entry: walkdir::DirEntry| {
        let m = entry.metadata().unwrap();
        let times = (m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec());
        format!("{} {:o} {} {times:?} {}", entry.path().display(), m.mode(), m.size(), m.ino())
    };
    entries.into_iter().map(|entry| line(entry.unwrap())).collect()
}

#[test]
fn questions_change_nothing_on_disk() {
    let room = Room::two_docks();
    let ask = |room: &Room| {
        let before = everything(room);
        for question in
            [&["build", "--dry-run"][..], &["status"], &["why", "b"], &["why", "--json", "b"]]
        {
            room.run("bb", question).ok();
            assert_eq!(everything(room), before, "{question:?}");
        }
    };
    ask(&room);
    room.run("bb", &["build"]).ok();
    ask(&room);
    room.write("bb-dock/a/f", "2");
    ask(&room);
    // Fresh, and a run would write that down.
    room.run("bb", &["build"]).ok();
    room.age("bb-dock/a/f", 1000);
    ask(&room);
    room.write("bb-dock/b/f", "2");
    room.run("bb", &["sync"]).ok();
    ask(&room);
    fs::remove_file(room.path(".bb/stamps/image/a")).unwrap();
    ask(&room);
}
