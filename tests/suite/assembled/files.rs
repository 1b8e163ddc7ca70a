//! What the docks of these tests consist of: files, links, and archives of all that an archive can hold.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use tar::EntryType;

/// An empty file's name and what gzip begins with: enough to be told from a plain archive.
pub const COMPRESSED: &[u8] = &[
    0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x63, 0x60, 0x18, 5, 0xa3, 0x60, 0x14, 0x8c, 0x54, 0, 0,
    0x2e, 0xaf, 0xb5, 0xef, 0, 4, 0, 0,
];

/// Writes them into a folder, whatever the umask is.
pub fn write(folder: &Path) {
    let plain = [
        ("f", "f\n", 0o644),
        ("x", "#!/bin/x\n", 0o755),
        ("s.txt", "s\n", 0o644),
        ("t.txt", "t\n", 0o640),
        ("suid", "suid\n", 0o6755),
        ("private", "private\n", 0o600),
        ("modes/suid", "suid\n", 0o4711),
        ("modes/sgid", "sgid\n", 0o2755),
        ("modes/locked", "locked\n", 0o2644),
        ("modes/none", "none\n", 0),
        ("dir/a", "a\n", 0o644),
        ("dir/sub/b", "b\n", 0o755),
        ("root/bin/y", "y\n", 0o755),
        ("root/etc/z", "z\n", 0o644),
    ];
    for (path, text, mode) in plain {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    for (path, target) in
        [("ln", "f"), ("lndir", "dir"), ("dir/link", "a"), ("dir/sub/nowhere", "/none")]
    {
        symlink(target, folder.join(path)).unwrap();
    }
    let archives = [
        ("base.tar", base()),
        ("arch.tar", arch()),
        ("through.tar", through()),
        ("gone.tar", gone()),
        ("odd.tar", odd()),
        ("caps.tar", capabilities()),
        ("links.tar", links()),
    ];
    for (name, bytes) in archives {
        fs::write(folder.join(name), bytes).unwrap();
    }
    for entry in walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap) {
        if entry.file_type().is_dir() {
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
}

/// An archive in the making.
struct Archive(tar::Builder<Vec<u8>>);

impl Archive {
    fn new() -> Self {
        Self(tar::Builder::new(vec![]))
    }

    fn add(&mut self, path: &str, kind: EntryType, mode: u32, owner: (u64, u64), text: &str) {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(owner.0);
        header.set_gid(owner.1);
        header.set_mtime(1_234_567_890);
        match kind {
            EntryType::Symlink | EntryType::Link => {
                header.set_size(0);
                self.0.append_link(&mut header, path, text).unwrap();
            }
            EntryType::Char | EntryType::Block => {
                header.set_size(0);
                header.set_device_major(1).unwrap();
                header.set_device_minor(3).unwrap();
                self.0.append_data(&mut header, path, std::io::empty()).unwrap();
            }
            _ => {
                header.set_size(text.len() as u64);
                self.0.append_data(&mut header, path, text.as_bytes()).unwrap();
            }
        }
    }

    /// An empty file, or a link, whose names are just these bytes.
    fn bytes(&mut self, path: &[u8], kind: EntryType, target: &[u8]) {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_size(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.as_old_mut().name[..path.len()].copy_from_slice(path);
        header.set_link_name_literal(target).unwrap();
        header.set_cksum();
        self.0.append(&header, std::io::empty()).unwrap();
    }

    fn folder(&mut self, path: &str, mode: u32) {
        self.add(path, EntryType::Directory, mode, (0, 0), "");
    }

    fn file(&mut self, path: &str, text: &str) {
        self.add(path, EntryType::Regular, 0o644, (0, 0), text);
    }

    fn link(&mut self, path: &str, target: &str) {
        self.add(path, EntryType::Symlink, 0o777, (0, 0), target);
    }

    fn end(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

fn base() -> Vec<u8> {
    let mut tar = Archive::new();
    tar.folder("./", 0o700);
    for folder in ["etc", "usr/", "usr/bin", "opt", "gone", "gone/sub"] {
        tar.folder(folder, 0o755);
    }
    tar.folder("tmp", 0o1777);
    tar.file("etc/passwd", "root:x:0:0::/root:/bin/sh\njo:x:1000:1001::/:/bin/sh\n");
    tar.file("etc/group", "root:x:0:\nstaff:x:50:jo\n");
    tar.link("bin", "usr/bin");
    tar.link("opt/abs", "/etc");
    tar.link("opt/file", "../old");
    tar.link("opt/up", "../../../usr");
    tar.add("usr/bin/tool", EntryType::Regular, 0o4755, (0, 0), "tool\n");
    tar.add("old", EntryType::Regular, 0o640, (5, 6), "old\n");
    tar.file("gone/file", "1\n");
    tar.file("gone/sub/file", "2\n");
    tar.file("leaves", "3\n");
    tar.file("h1", "linked\n");
    tar.add("h2", EntryType::Link, 0o644, (0, 0), "h1");
    tar.end()
}

/// One with a bit of everything.
pub fn archive() -> Vec<u8> {
    arch()
}

fn arch() -> Vec<u8> {
    let mut tar = Archive::new();
    tar.folder("./", 0o755);
    tar.folder("etc", 0o750);
    tar.add("etc/own", EntryType::Regular, 0o604, (12, 34), "own\n");
    tar.file("implied/folder/file", "implied\n");
    tar.add("implied/suid", EntryType::Regular, 0o6711, (1, 2), "suid\n");
    tar.link("implied/ln", "folder/file");
    tar.file("./implied/./dots", "dots\n");
    tar.file("implied/twice", "first\n");
    tar.file("implied/twice", "second\n");
    tar.file(&format!("long/{}/{}", "d".repeat(120), "f".repeat(110)), "long\n");
    tar.file("wörter/ünïcode", "u\n");
    tar.bytes(b"n\xff", EntryType::Regular, b"");
    for (number, target) in [&b"a//b"[..], b"a/./b", b"/", b"a/", b"x\xff"].iter().enumerate() {
        tar.bytes(format!("odd{number}").as_bytes(), EntryType::Symlink, target);
    }
    tar.add("z-first", EntryType::Regular, 0o640, (3, 4), "linked\n");
    tar.add("a-second", EntryType::Link, 0o640, (3, 4), "z-first");
    tar.file("empty", "");
    tar.add("big-owner", EntryType::Regular, 0o644, (3_000_000, 4_000_000), "big\n");
    tar.end()
}

/// Entries below links of the base, and a folder in the place of one.
fn through() -> Vec<u8> {
    let mut tar = Archive::new();
    tar.file("bin/through", "1\n");
    tar.file("opt/abs/through", "2\n");
    tar.folder("bin", 0o755);
    tar.file("bin/own", "3\n");
    tar.folder("tmp", 0o1777);
    tar.file("tmp/file", "4\n");
    tar.end()
}

fn gone() -> Vec<u8> {
    let mut tar = Archive::new();
    tar.folder("gone", 0o755);
    for path in [".wh.leaves", "gone/.wh.sub", "opt/.wh.abs", ".wh.never"] {
        tar.file(path, "");
    }
    tar.end()
}

fn odd() -> Vec<u8> {
    let mut tar = Archive::new();
    tar.add("fifo", EntryType::Fifo, 0o620, (1, 1), "");
    tar.add("null", EntryType::Char, 0o666, (0, 0), "");
    tar.add("block", EntryType::Block, 0o660, (0, 6), "");
    tar.link("dangling", "/nowhere/at/all");
    tar.end()
}

/// `cap_net_bind_service=ep`, as the kernel keeps it.
const CAPABILITY: &[u8] = &[1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fn capabilities() -> Vec<u8> {
    let mut tar = Archive::new();
    tar.folder("bin", 0o755);
    let record = ("SCHILY.xattr.security.capability", CAPABILITY);
    tar.0.append_pax_extensions([record]).unwrap();
    tar.add("bin/server", EntryType::Regular, 0o755, (0, 0), "server\n");
    tar.file("bin/plain", "plain\n");
    tar.end()
}

/// The header of a second name says something else than that of the first.
fn links() -> Vec<u8> {
    let mut tar = Archive::new();
    tar.add("first", EntryType::Regular, 0o644, (1, 2), "linked\n");
    tar.add("d/second", EntryType::Link, 0o4751, (5, 6), "first");
    tar.add("same", EntryType::Regular, 0o600, (7, 8), "same\n");
    tar.add("same2", EntryType::Link, 0o600, (7, 8), "same");
    tar.add("third", EntryType::Link, 0o640, (3, 4), "d/second");
    let record = ("SCHILY.xattr.security.capability", CAPABILITY);
    tar.0.append_pax_extensions([record]).unwrap();
    tar.add("able", EntryType::Regular, 0o755, (0, 0), "able\n");
    tar.add("able2", EntryType::Link, 0o755, (0, 0), "able");
    tar.add("no-mode", EntryType::Symlink, 0o1644, (5, 6), "first");
    tar.end()
}
