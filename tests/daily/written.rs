//! Every verb that writes where a person says, on every kind of thing that may be there: what is written, what
//! stays, and that nothing that was there is ever another thing.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use support::fake::room::{Room, Run};
use support::programs;

use crate::family::{family, unbuilt};

/// A verb that writes one file at the place of `@`.
const VERBS: [&str; 5] = [
    "graph -o @",
    "graph --format html -o @",
    "makefile -o @",
    "image save top -o @",
    "image save plain -o @",
];

/// What a place begins with where a verb has written.
fn is_result(verb: &str, text: &[u8]) -> bool {
    let begins = match verb.split(' ').next().unwrap() {
        "graph" if verb.contains("html") => &b"<!"[..],
        "graph" => b"digraph",
        "makefile" => b"#",
        _ => return text.len() > 512 && text.ends_with(&[0; 512]),
    };
    text.starts_with(begins)
}

fn bb(room: &Room, verb: &str, place: &str) -> Run {
    let words = verb.split(' ').map(|word| if word == "@" { place } else { word });
    room.run("bb", &words.collect::<Vec<_>>())
}

/// A folder in the project, and in it what each kind of place is called.
struct Place {
    room: Room,
}

impl Place {
    fn path(&self, name: &str) -> PathBuf {
        self.room.path("out").join(name)
    }

    fn old(&self, name: &str) -> PathBuf {
        fs::write(self.path(name), "old").unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o640)).unwrap();
        self.path(name)
    }

    fn make(&self, program: &str, name: &str, args: &[&str]) -> PathBuf {
        let status = Command::new(program).arg(self.path(name)).args(args).status();
        assert!(status.unwrap().success(), "{program}");
        self.path(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("")).unwrap();
        let mut names: Vec<_> =
            entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// A place for a verb, in a project that is built.
fn place() -> Place {
    thread_local! {
        static BUILT: Room = family();
    }
    let room = BUILT.with(Room::copy);
    fs::create_dir(room.path("out")).unwrap();
    Place { room }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

#[test]
fn files_links_and_names() {
    for verb in VERBS {
        let at = place();
        let file = at.old("file");
        if is_root() {
            chown(&file, Some(1234), Some(1235)).unwrap();
        }
        let before = file.metadata().unwrap();
        symlink("file", at.path("link")).unwrap();
        symlink("made", at.path("dangling")).unwrap();
        fs::hard_link(at.old("one"), at.path("two")).unwrap();
        for name in ["file", "link", "dangling", "two", "new"] {
            bb(&at.room, verb, &format!("out/{name}")).ok();
            assert!(is_result(verb, &fs::read(at.path(name)).unwrap()), "{verb} {name}");
        }
        let after = file.metadata().unwrap();
        let of = |meta: &fs::Metadata| (meta.mode(), meta.uid(), meta.gid());
        assert_eq!(of(&after), of(&before), "{verb}");
        assert!(at.path("link").is_symlink() && at.path("dangling").is_symlink(), "{verb}");
        assert!(is_result(verb, &fs::read(at.path("one")).unwrap()), "{verb}");
        let names = ["dangling", "file", "link", "made", "new", "one", "two"];
        assert_eq!(at.names(), names, "{verb}");
    }
}

#[test]
fn devices_and_fifos() {
    for verb in VERBS {
        let at = place();
        let device = if is_root() {
            at.make("mknod", "device", &["c", "1", "3"])
        } else {
            symlink("/dev/null", at.path("device")).unwrap();
            at.path("device")
        };
        bb(&at.room, verb, "out/device").ok();
        assert!(device.metadata().unwrap().file_type().is_char_device(), "{verb}");
        let fifo = at.make("mkfifo", "fifo", &[]);
        let reader = fifo.clone();
        let reader = std::thread::spawn(move || fs::read(reader).unwrap());
        bb(&at.room, verb, "out/fifo").ok();
        assert!(is_result(verb, &reader.join().unwrap()), "{verb}");
        assert!(fifo.symlink_metadata().unwrap().file_type().is_fifo(), "{verb}");
        assert_eq!(at.names(), ["device", "fifo"], "{verb}");
    }
}

#[test]
fn descriptors_and_standard_output() {
    for verb in VERBS {
        let at = place();
        for name in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
            let words = verb.replace('@', name);
            let line = format!("{{ printf before; bb {words} && printf after; }} >out/kept");
            let out = at.room.command("sh", &["-c", &line]).output().unwrap();
            assert!(out.status.success(), "{line}: {}", String::from_utf8_lossy(&out.stderr));
            let text = fs::read(at.path("kept")).unwrap();
            let inside = text.strip_prefix(b"before").and_then(|t| t.strip_suffix(b"after"));
            let inside = inside.unwrap_or_else(|| panic!("{line}"));
            assert!(is_result(verb, inside), "{line}");
        }
        let line = format!("bb {} 3>>out/kept", verb.replace('@', "/dev/fd/3"));
        fs::write(at.path("kept"), "").unwrap();
        assert!(at.room.command("sh", &["-c", &line]).status().unwrap().success(), "{line}");
        assert!(is_result(verb, &fs::read(at.path("kept")).unwrap()), "{line}");
        assert_eq!(at.names(), ["kept"], "{verb}");
    }
}

#[test]
fn what_cannot_be_written_is_told_and_stays() {
    for verb in VERBS {
        let at = place();
        fs::create_dir(at.path("folder")).unwrap();
        let other = if verb.starts_with("image") { "out/file/x" } else { "out/folder" };
        at.old("file");
        for name in ["out/none/file", other, "/dev/full"] {
            let run = bb(&at.room, verb, name);
            assert_eq!(run.code, Some(1), "{verb} {name}: {}", run.text);
            assert!(run.text.starts_with("error: cannot write "), "{verb} {name}: {}", run.text);
        }
        assert_eq!(fs::read(at.path("file")).unwrap(), b"old");
        assert!(fs::metadata("/dev/full").unwrap().file_type().is_char_device());
    }
}

/// The manual is many files in a folder that is named; each is one of them.
#[test]
fn pages_of_the_manual() {
    let room = unbuilt();
    let pages = room.path("man1");
    fs::create_dir(&pages).unwrap();
    fs::write(room.path("kept"), "old").unwrap();
    symlink("../kept", pages.join("bb.1")).unwrap();
    fs::write(pages.join("bb-build.1"), "old").unwrap();
    fs::hard_link(pages.join("bb-build.1"), room.path("other")).unwrap();
    room.run("bb", &["man", "man1"]).ok();
    for file in [room.path("kept"), room.path("other"), pages.join("bb-why.1")] {
        assert!(fs::read_to_string(&file).unwrap().contains(".TH bb"), "{}", file.display());
    }
    assert!(pages.join("bb.1").is_symlink());
}

/// The lock and the settings are written by name, too: a link to a file that projects share stays one.
#[test]
fn the_lock_is_written_where_it_is() {
    let room = unbuilt();
    fs::rename(room.path("bb.lock"), room.path("shared.lock")).unwrap();
    symlink("shared.lock", room.path("bb.lock")).unwrap();
    room.run("bb", &["update"]).ok();
    assert!(room.path("bb.lock").is_symlink());
    let text = fs::read_to_string(room.path("shared.lock")).unwrap();
    assert!(text.contains("[stage3]"), "{text}");
}

/// Who may write a file but not make one beside it writes it where it is; who may not write it does not
/// replace it either.
#[test]
fn another_user() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let bb = folder.path().join("bb");
    // By another process: a program that is open for writing in one that starts others cannot be started.
    assert!(Command::new("cp").arg(programs().join("bb")).arg(&bb).status().unwrap().success());
    let pages = folder.path().join("man1");
    fs::create_dir(&pages).unwrap();
    let page = pages.join("bb.1");
    let run = |verb: &str| {
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&bb);
            command
        } else {
            Command::new(&bb)
        };
        command.args([verb]).arg(&pages).current_dir("/").output().unwrap()
    };
    let give = |path: &Path, mode: u32| {
        if is_root() {
            chown(path, Some(65534), Some(65534)).unwrap();
        }
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    // No file can be made in the folder.
    fs::write(&page, "old").unwrap();
    give(&page, 0o600);
    give(&pages, 0o555);
    let before = page.metadata().unwrap();
    let out = run("man");
    assert_eq!(out.status.code(), Some(1));
    let after = page.metadata().unwrap();
    assert_eq!((after.ino(), after.uid()), (before.ino(), before.uid()));
    assert!(fs::read_to_string(&page).unwrap().contains(".TH bb"));
    // The file may not be written, the folder may.
    fs::write(&page, "old").unwrap();
    give(&page, 0o444);
    give(&pages, 0o755);
    let out = run("man");
    assert_eq!(out.status.code(), Some(1), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(fs::read_to_string(&page).unwrap(), "old");
    // Another one's file that all may write, in a folder that all may write in.
    if is_root() {
        give(&pages, 0o777);
        chown(&page, Some(0), Some(0)).unwrap();
        fs::set_permissions(&page, fs::Permissions::from_mode(0o666)).unwrap();
        let out = run("man");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let meta = page.metadata().unwrap();
        assert_eq!((meta.uid(), meta.mode() & 0o777), (0, 0o666));
        assert!(fs::read_to_string(&page).unwrap().contains(".TH bb"));
    }
}
