//! Each kind of thing that a path may lead to: what is written, and what is there afterwards.

use std::os::unix::fs::{FileTypeExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::process::Command;

use super::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    fn make(&self, program: &str, name: &str, args: &[&str]) -> PathBuf {
        let made = Command::new(program).arg(self.path(name)).args(args).status();
        assert!(made.unwrap().success(), "{program}");
        self.path(name)
    }

    /// The names of all that is in it.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let names = entries.map(|e| e.unwrap().file_name().into_string().unwrap());
        let mut names = names.collect::<Vec<_>>();
        names.sort();
        names
    }
}

#[track_caller]
fn reads(path: &Path, text: &str) {
    assert_eq!(fs::read_to_string(path).unwrap(), text);
}

fn is_root(folder: &Folder) -> bool {
    folder.0.path().metadata().unwrap().uid() == 0
}

#[test]
fn a_new_file_is_as_any_that_a_user_makes() {
    let folder = Folder::new();
    let (ours, other) = (folder.path("ours"), folder.path("other"));
    put(&ours, b"new").unwrap();
    fs::write(&other, "").unwrap();
    reads(&ours, "new");
    assert_eq!(ours.metadata().unwrap().mode(), other.metadata().unwrap().mode());
}

#[test]
fn a_file_is_another_one_with_its_mode_and_owner() {
    for mode in [0o600, 0o640, 0o664, 0o4755] {
        let folder = Folder::new();
        let path = folder.file("file", mode);
        if is_root(&folder) {
            chown(&path, Some(1234), Some(1235)).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        }
        let before = path.metadata().unwrap();
        put(&path, b"new").unwrap();
        let after = path.metadata().unwrap();
        let of = |meta: &fs::Metadata| (meta.mode(), meta.uid(), meta.gid());
        assert_eq!(of(&after), of(&before), "{mode:o}");
        assert_ne!(after.ino(), before.ino());
        reads(&path, "new");
        assert_eq!(folder.names(), ["file"]);
    }
}

#[test]
fn all_names_of_a_file_are_written() {
    for text in ["", "n", "newer and longer than the old one"] {
        let folder = Folder::new();
        let path = folder.file("file", 0o640);
        fs::hard_link(&path, folder.path("name")).unwrap();
        put(&folder.path("name"), text.as_bytes()).unwrap();
        reads(&path, text);
        assert_eq!(path.metadata().unwrap().nlink(), 2);
        assert_eq!(folder.names(), ["file", "name"]);
    }
}

#[test]
fn a_link_stays_and_its_target_is_written() {
    let folder = Folder::new();
    let path = folder.file("file", 0o640);
    fs::create_dir(folder.path("deep")).unwrap();
    symlink("file", folder.path("near")).unwrap();
    symlink("../near", folder.path("deep/far")).unwrap();
    symlink(&path, folder.path("whole")).unwrap();
    symlink("deep/made", folder.path("dangling")).unwrap();
    for (at, link) in ["near", "deep/far", "whole"].into_iter().enumerate() {
        put(&folder.path(link), format!("{at}").as_bytes()).unwrap();
        reads(&path, &format!("{at}"));
        assert!(folder.path(link).is_symlink(), "{link}");
    }
    assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o640);
    put(&folder.path("dangling"), b"made").unwrap();
    assert!(folder.path("dangling").is_symlink());
    reads(&folder.path("deep/made"), "made");
    symlink("circle", folder.path("circle")).unwrap();
    let error = put(&folder.path("circle"), b"").unwrap_err();
    assert!(error.message().ends_with("too many levels of symbolic links"), "{error}");
}

#[test]
fn a_fifo_is_written_through() {
    let folder = Folder::new();
    let path = folder.make("mkfifo", "fifo", &[]);
    symlink("fifo", folder.path("link")).unwrap();
    for name in ["fifo", "link"] {
        let reader = path.clone();
        let reader = std::thread::spawn(move || fs::read_to_string(reader).unwrap());
        put(&folder.path(name), b"through").unwrap();
        assert_eq!(reader.join().unwrap(), "through");
    }
    assert!(path.symlink_metadata().unwrap().file_type().is_fifo());
    assert_eq!(folder.names(), ["fifo", "link"]);
}

#[test]
fn a_device_stays_a_device() {
    let folder = Folder::new();
    // Only root makes one of its own; whoever is not cannot replace the machine's.
    let path = if is_root(&folder) {
        folder.make("mknod", "null", &["c", "1", "3"])
    } else {
        symlink("/dev/null", folder.path("null")).unwrap();
        folder.path("null")
    };
    put(&path, b"away").unwrap();
    assert!(path.metadata().unwrap().file_type().is_char_device());
    assert_eq!(folder.names(), ["null"]);
}

#[test]
fn a_descriptor_is_written_after_what_is_there() {
    use std::os::fd::AsRawFd;
    let folder = Folder::new();
    let path = folder.file("file", 0o600);
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    for root in ["/dev/fd", "/proc/self/fd"] {
        put(&Path::new(root).join(file.as_raw_fd().to_string()), b"+").unwrap();
    }
    reads(&path, "old++");
    assert_eq!(file.metadata().unwrap().ino(), path.metadata().unwrap().ino());
}

#[test]
fn what_cannot_be_written_is_left_alone() {
    let folder = Folder::new();
    let _listener = UnixListener::bind(folder.path("socket")).unwrap();
    put(&folder.path("socket"), b"x").unwrap_err();
    assert!(folder.path("socket").symlink_metadata().unwrap().file_type().is_socket());
    fs::create_dir(folder.path("folder")).unwrap();
    symlink("folder", folder.path("link")).unwrap();
    for name in ["folder", "folder/", "link", "folder/..", "new/"] {
        let error = put(&folder.path(name), b"x").unwrap_err();
        assert!(error.message().ends_with(": is a directory"), "{name}: {error}");
    }
    put(&folder.path("none/file"), b"x").unwrap_err();
    assert_eq!(folder.names(), ["folder", "link", "socket"]);
}

#[test]
fn a_failure_half_way_leaves_the_old_file_whole() {
    for links in [1, 2] {
        let folder = Folder::new();
        let path = folder.file("file", 0o640);
        if links == 2 {
            fs::hard_link(&path, folder.path("name")).unwrap();
        }
        let failed = write(&path, |out| {
            out.write_all(b"half").unwrap();
            Err(Error::step("no more"))
        });
        assert_eq!(failed.unwrap_err().message(), "no more");
        reads(&path, "old");
        assert_eq!(folder.names().len(), links);
        write(&folder.path("never"), |_| Err(Error::step("no more"))).unwrap_err();
        assert!(!folder.path("never").exists());
    }
}
