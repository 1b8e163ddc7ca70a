//! What this machine has: room on disks, file systems, limits of the kernel, programs.
//!
//! Changes nothing but for a file that is tried out and gone again. Does not judge.

#![expect(clippy::disallowed_methods, reason = "tells what this machine has")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use crate::base::error::io_reason;
use crate::doctor::engine::Kernel;
use crate::doctor::machine::{FileSystem, Room};
use crate::net::credentials::{has_program, is_program};

/// The folder, or the nearest one above it that is there.
pub fn existing(folder: &Path) -> PathBuf {
    let above = folder.ancestors().filter(|dir| *dir != Path::new(""));
    let found = above.into_iter().find(|dir| dir.is_dir());
    found.unwrap_or(Path::new(".")).to_owned()
}

/// What is free for this user where a folder is, or will be.
///
/// # Errors
/// The file system does not say, in words.
pub fn room(folder: &Path) -> Result<Room, String> {
    let stat = rustix::fs::statvfs(existing(folder));
    let stat = stat.map_err(|cause| io_reason(&cause.into()))?;
    let bytes = stat.f_bavail.saturating_mul(stat.f_frsize);
    Ok(Room { bytes, files: (stat.f_files > 0).then_some(stat.f_favail) })
}

/// A time that is no whole second: 2001-09-09T01:46:40.123456789Z.
const ODD: Duration = Duration::new(1_000_000_000, 123_456_789);

/// Tries a file in a folder, or in the nearest one above that is there.
pub fn try_file_system(folder: &Path) -> FileSystem {
    let shown = folder.display().to_string();
    let mut tried =
        FileSystem { folder: shown, refused: None, whole_seconds: false, one_case: false };
    if let Err(cause) = try_file(&existing(folder), &mut tried) {
        tried.refused = Some(io_reason(&cause));
    }
    tried
}

fn try_file(folder: &Path, tried: &mut FileSystem) -> std::io::Result<()> {
    let file = tempfile::Builder::new().prefix(".bb-tried-").suffix("-a").tempfile_in(folder)?;
    let time = UNIX_EPOCH + ODD;
    file.as_file().set_times(fs::FileTimes::new().set_modified(time))?;
    let kept = file.path().symlink_metadata()?.modified()?;
    tried.whole_seconds = kept.duration_since(UNIX_EPOCH).is_ok_and(|at| at.subsec_nanos() == 0);
    let name = file.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let other = format!("{}A", name.strip_suffix('a').unwrap_or(&name));
    tried.one_case = folder.join(other).symlink_metadata().is_ok();
    Ok(())
}

/// What this kernel allows.
pub fn kernel() -> Kernel {
    let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    Kernel {
        overlay: known.lines().any(|line| line.split_whitespace().next_back() == Some("overlay")),
        namespaces: limit("user/max_user_namespaces"),
        unprivileged: limit("kernel/unprivileged_userns_clone"),
    }
}

/// A number that the kernel lets root set, by its path below `/proc/sys`.
pub fn limit(name: &str) -> Option<u64> {
    fs::read_to_string(Path::new("/proc/sys").join(name)).ok()?.trim().parse().ok()
}

/// Where docker's client looks for its plugins, after the user's own folder.
/// Source: <https://github.com/docker/cli/blob/v28.0.0/cli-plugins/manager/manager_unix.go>.
const PLUGINS: [&str; 4] = [
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
];

/// What runs Compose files here. `config` is the folder of docker's settings.
pub fn compose(path: &str, config: Option<&Path>) -> Option<String> {
    let own = config.map(|config| config.join("cli-plugins"));
    let folders = own.into_iter().chain(PLUGINS.map(PathBuf::from));
    let is_plugin = folders.map(|dir| dir.join("docker-compose")).any(|file| is_program(&file));
    if has_program(path, "docker") && is_plugin {
        return Some("docker compose".to_owned());
    }
    let programs = ["docker-compose", "podman-compose"].into_iter();
    programs.map(str::to_owned).find(|program| has_program(path, program))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_a_file_that_may_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = format!("/nonexistent:{}", folder.path().display());
        fs::create_dir(folder.path().join("folder")).unwrap();
        fs::write(folder.path().join("text"), "").unwrap();
        fs::write(folder.path().join("run"), "").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(folder.path().join("run"), mode).unwrap();
        let found = ["run", "text", "folder", "missing", "../run", ""];
        assert_eq!(
            found.map(|name| has_program(&path, name)),
            [true, false, false, false, false, false]
        );
    }

    #[test]
    fn a_folder_that_will_be_has_the_room_of_the_one_above() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(existing(&folder.path().join("a/b")), folder.path());
        assert_eq!(existing(Path::new(".bb-none/x")), Path::new("."));
        assert!(room(&folder.path().join("a/b")).unwrap().bytes > 0);
    }

    #[test]
    fn trying_a_file_system_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let tried = try_file_system(folder.path());
        assert_eq!((tried.refused, tried.whole_seconds, tried.one_case), (None, false, false));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let refused = try_file_system(Path::new("/proc")).refused.unwrap();
        assert!(!refused.is_empty());
    }
}
