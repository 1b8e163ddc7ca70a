//! A store of its own with a root to stand on.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use gentoo_bb::engine::native::spec::{BoxId, BoxSpec, Command, Ended, LayerId};
use gentoo_bb::engine::native::{Native, Talk};

/// Where `users` puts the program for those who may not reach the checkout.
pub const PROGRAM: &str = "BOXES_PROGRAM";

/// Commands of busybox that the tests use.
const APPLETS: [&str; 27] = [
    "[", "cat", "chmod", "chown", "echo", "env", "false", "grep", "head", "id", "kill", "ln", "ls",
    "mkdir", "mount", "nc", "ping", "pwd", "readlink", "rm", "sh", "sleep", "stat", "touch",
    "true", "unshare", "wc",
];

pub struct Room {
    pub native: Native,
    pub folder: tempfile::TempDir,
}

/// The program that is started again.
pub fn program() -> PathBuf {
    std::env::var_os(PROGRAM).map_or_else(|| support::bb().to_owned(), PathBuf::from)
}

pub fn layer(name: &str) -> LayerId {
    LayerId::new(name).unwrap()
}

/// An archive, written entry by entry.
pub struct Archive(tar::Builder<Vec<u8>>);

impl Archive {
    pub fn new() -> Self {
        Self(tar::Builder::new(vec![]))
    }

    pub fn put(
        mut self,
        path: &str,
        kind: tar::EntryType,
        mode: u32,
        owner: (u64, u64),
        text: &[u8],
    ) -> Self {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(owner.0);
        header.set_gid(owner.1);
        header.set_mtime(1_000_000_000);
        let is_link = matches!(kind, tar::EntryType::Symlink | tar::EntryType::Link);
        let content = if is_link { &b""[..] } else { text };
        header.set_size(content.len() as u64);
        if kind == tar::EntryType::Block {
            header.set_device_major(8).unwrap();
            header.set_device_minor(0).unwrap();
        }
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        if is_link {
            header.set_link_name_literal(text).unwrap();
        }
        header.set_cksum();
        self.0.append(&header, content).unwrap();
        self
    }

    pub fn file(self, path: &str, text: &str) -> Self {
        self.put(path, tar::EntryType::Regular, 0o644, (0, 0), text.as_bytes())
    }

    pub fn folder(self, path: &str) -> Self {
        self.put(path, tar::EntryType::Directory, 0o755, (0, 0), b"")
    }

    pub fn link(self, path: &str, target: &str) -> Self {
        self.put(path, tar::EntryType::Symlink, 0o777, (0, 0), target.as_bytes())
    }

    pub fn attribute(mut self, name: &str, value: &[u8]) -> Self {
        self.0.append_pax_extensions([(format!("SCHILY.xattr.{name}").as_str(), value)]).unwrap();
        self
    }

    pub fn bytes(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

/// Busybox and two accounts.
pub fn root() -> Vec<u8> {
    let missing = "install the package `busybox-static`: the roots of these tests are made of it";
    let busybox = fs::read("/bin/busybox").expect(missing);
    let program = goblin::elf::Elf::parse(&busybox).unwrap();
    assert!(program.interpreter.is_none(), "{missing}");
    let passwd = "root:x:0:0:root:/root:/bin/sh\nweb:x:101:102:web:/srv:/bin/sh\n";
    let archive = ["bin/", "etc/", "proc/", "root/", "srv/", "tmp/"].into_iter();
    let archive = archive.fold(Archive::new(), Archive::folder);
    let archive = archive
        .put("bin/busybox", tar::EntryType::Regular, 0o755, (0, 0), &busybox)
        .file("etc/passwd", passwd)
        .file("etc/group", "root:x:0:\nweb:x:102:\ntty:x:5:web\n");
    let link = |archive: Archive, name: &&str| archive.link(&format!("bin/{name}"), "busybox");
    APPLETS.iter().fold(archive, link).bytes()
}

impl Room {
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("bb-boxes-").tempdir().unwrap();
        let room = Self::at(folder);
        assert!(room.native.unpack(&layer("root"), root().as_slice()).unwrap().is_empty());
        room
    }

    pub fn at(folder: tempfile::TempDir) -> Self {
        let native = Native::open(program(), &folder.path().join("store")).unwrap();
        Self { native, folder }
    }

    #[allow(clippy::unused_self, reason = "it is this room's layer")]
    pub fn spec(&self) -> BoxSpec {
        BoxSpec { layers: vec![layer("root")], hostname: "box".into(), ..BoxSpec::default() }
    }

    pub fn start(&self) -> BoxId {
        self.native.start(&self.spec()).unwrap()
    }

    pub fn talk(&self, id: &BoxId, words: &[&str]) -> Talk {
        self.native.exec(id, &Command::of(words)).unwrap()
    }

    pub fn run(&self, id: &BoxId, words: &[&str]) -> (Ended, String, String) {
        let (ended, out, err) = self.talk(id, words).all().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (ended, text(out), text(err))
    }

    /// What a shell in the box says.
    pub fn sh(&self, id: &BoxId, script: &str) -> String {
        let (ended, out, err) = self.run(id, &["sh", "-c", script]);
        assert_eq!((ended, err.as_str()), (Ended::Code(0), ""), "{script}\n{out}");
        out
    }

    /// What it says where it fails.
    pub fn refused(&self, id: &BoxId, script: &str) -> String {
        let (ended, out, err) = self.run(id, &["sh", "-c", script]);
        assert_ne!(ended, Ended::Code(0), "{script}\n{out}");
        assert_eq!(out, "", "{script}");
        err
    }

    /// The names in a box's archive, with what they are.
    pub fn listed(&self, pack: impl FnOnce(&Native, &mut Vec<u8>)) -> Vec<String> {
        let mut archive = vec![];
        pack(&self.native, &mut archive);
        listed(&archive)
    }
}

pub fn listed(archive: &[u8]) -> Vec<String> {
    let mut archive = tar::Archive::new(archive);
    let shown = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
        let mut entry = entry.unwrap();
        let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let header = entry.header();
        let (mode, uid, gid) =
            (header.mode().unwrap(), header.uid().unwrap(), header.gid().unwrap());
        let kind = header.entry_type().as_byte() as char;
        let target = entry.link_name_bytes().map(|t| String::from_utf8(t.into_owned()).unwrap());
        let records = entry.pax_extensions().unwrap().into_iter().flatten();
        let records = records.map(|r| r.unwrap().key().unwrap().to_owned()).collect::<Vec<_>>();
        let target = target.map_or_else(String::new, |target| format!(" -> {target}"));
        format!("{kind} {mode:o} {uid}:{gid} {path}{target} {}", records.join(","))
            .trim_end()
            .to_owned()
    };
    archive.entries().unwrap().map(shown).collect()
}

impl Drop for Room {
    /// What ids of boxes own, nobody else can remove.
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        std::io::stdout().flush().unwrap();
        for entry in fs::read_dir(self.folder.path().join("store/boxes")).unwrap() {
            let name = entry.unwrap().file_name();
            self.native.remove(&BoxId::new(name.to_str().unwrap()).unwrap()).unwrap();
        }
        for entry in fs::read_dir(self.folder.path().join("store/layers")).unwrap() {
            let name = entry.unwrap().file_name();
            self.native.remove_layer(&layer(name.to_str().unwrap())).unwrap();
        }
    }
}
