//! Whose project is taken: one that was found upwards is the user's own, or root's.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use support::fake::engine::World;
use support::fake::room::{Room, Run};

/// Somebody who is nobody here.
const OTHER: u32 = 61_234;

fn project(owner: u32) -> Room {
    let room = Room::new(World::default());
    room.write("bb.toml", "[task.t]\nrun = \"touch ran\"\n");
    room.write("deep/er/f", "");
    fs::create_dir_all(room.path("bb-dock")).unwrap();
    chown(room.path("bb.toml"), Some(owner), None).unwrap();
    room
}

fn ask(room: &Room, env: &[(&str, &str)], args: &[&str]) -> Run {
    let mut command = room.command("bb", args);
    command.current_dir(room.path("deep/er")).envs(env.iter().copied());
    command.output().unwrap().into()
}

#[test]
fn a_project_of_another_user_is_taken_only_where_that_was_said() {
    let mine = project(0);
    ask(&mine, &[], &["status"]).ok();
    let room = project(OTHER);
    let folder = fs::canonicalize(room.path("")).unwrap().display().to_string();
    for args in [&["status"][..], &["build"], &["list"], &["config"], &["sync"]] {
        let run = ask(&room, &[], args);
        let refused =
            format!("error: `{folder}/bb.toml` belongs to another user (uid {OTHER})\nhint: ");
        assert_eq!(run.code, Some(3), "{}", run.text);
        assert!(run.text.starts_with(&refused), "{}", run.text);
    }
    assert!(!room.path("ran").exists() && !room.path(".bb").exists());
    let other = OTHER.to_string();
    for env in [
        ("BB_SAFE_PROJECTS", folder.as_str()),
        ("BB_SAFE_PROJECTS", "*"),
        // Who has become root goes on with what is their own.
        ("SUDO_UID", other.as_str()),
    ] {
        ask(&room, &[env], &["status"]).ok();
    }
    assert_eq!(ask(&room, &[("BB_SAFE_PROJECTS", "/")], &["status"]).code, Some(3));
    ask(&room, &[], &["--project", "../..", "status"]).ok();
}

/// The settings are the user's, the docks need not be: the folder counts, too. A link is its maker's.
#[test]
fn a_folder_or_a_link_of_another_user_counts_as_well() {
    let room = project(0);
    chown(room.path(""), Some(OTHER), None).unwrap();
    assert_eq!(ask(&room, &[], &["status"]).code, Some(3));
    let room = project(0);
    fs::rename(room.path("bb.toml"), room.path("own.toml")).unwrap();
    std::os::unix::fs::symlink("own.toml", room.path("bb.toml")).unwrap();
    ask(&room, &[], &["status"]).ok();
    std::os::unix::fs::lchown(room.path("bb.toml"), Some(OTHER), None).unwrap();
    assert_eq!(ask(&room, &[], &["status"]).code, Some(3));
}

/// The state is as open as the user's other files, and keys are nobody else's.
#[test]
fn what_is_kept_follows_the_umask() {
    for (umask, mode) in [("077", 0o600), ("022", 0o644), ("002", 0o664)] {
        let room = project(0);
        let line = format!("umask {umask}; exec bb build");
        room.run("sh", &["-c", &line]).ok();
        let mut seen = 0;
        for entry in walkdir::WalkDir::new(room.path(".bb")) {
            let entry = entry.unwrap();
            let found = entry.metadata().unwrap().permissions().mode() & 0o777;
            let wanted = if entry.file_type().is_dir() { mode | (mode >> 2 & 0o111) } else { mode };
            assert_eq!(found, wanted, "{}: {found:o}", entry.path().display());
            seen += usize::from(entry.file_type().is_file());
        }
        assert!(seen > 4, "{seen} files");
    }
}
