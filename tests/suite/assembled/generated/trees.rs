//! Random files of a dock, random archives, and `.dockerignore` files for them.

use std::collections::BTreeSet;

use tar::EntryType;

use super::archive;
use super::archive::Member;
use super::case::{File, What};
use super::features::{Feature, on};
use super::grammar::Source;

const FOLDERS: &[&str] =
    &["dir", "dir/sub", "d2", "d2/deep/er", "with space", "ünï", "etc", "bin", ".hid"];
const PLAIN: &[&str] = &[
    "f",
    "g",
    "a.txt",
    "b.txt",
    "x",
    ".dot",
    "run.sh",
    "a b",
    "tab\there",
    "new\nline",
    "wörter",
    "日本",
    "-dash",
    "st*r",
    "q?m",
    "a[b]",
    "back\\slash",
    "dollar$x",
    "quote\"d",
    "it's",
    "#hash",
    "f~",
    "UPPER",
    "%41",
    "a,b",
    "a:b",
    "{x}",
    "very-long-name-very-long-name-very-long-name-very-long-name-very-long-name-very-long-name-very-long-name",
];
const BYTES: &[&[u8]] = &[b"lat\xedn", b"\xff", b"dir/\xfe\xed", b"d2/a\xe4", b"\xc3"];
const MODES: &[u32] = &[
    0o644, 0o644, 0o644, 0o755, 0o755, 0o600, 0o640, 0o444, 0o4755, 0o2755, 0o6711, 0o2644, 0o1644,
    0o777, 0, 0o4644,
];
const FOLDER_MODES: &[u32] = &[0o755, 0o755, 0o700, 0o750, 0o1777, 0o2775, 0o711, 0o777, 0o500];
const TARGETS: &[&str] = &[
    "f",
    "/f",
    "../f",
    "dir",
    "/dir",
    "dir/a.txt",
    "a.txt",
    "sub",
    "..",
    ".",
    "/none",
    "../../../etc",
    "/usr/bin",
    "loop",
    "b.txt",
    "./g",
    "dir/../f",
    "wörter",
    "with space/f",
    "/etc/passwd",
];
const UNTIDY: &[&[u8]] = &[b"/", b"a//b", b"./a/./b", b"dir/", b"\xff\xfe", b"//f"];

impl Source {
    /// The files of a dock.
    pub fn files(&mut self) -> Vec<File> {
        let mut files = vec![];
        let mut used = BTreeSet::new();
        for _ in 0..self.rng.usize(1..4) {
            let path = self.of(FOLDERS);
            for folder in path.match_indices('/').map(|(at, _)| &path[..at]).chain([path]) {
                if used.insert(folder.as_bytes().to_vec()) {
                    files.push(self.file_at(folder.as_bytes().to_vec(), What::Folder));
                }
            }
        }
        for _ in 0..self.rng.usize(3..10) {
            let path = self.path(&files);
            if used.insert(path.clone()) {
                let what = self.what();
                files.push(self.file_at(path, what));
            }
        }
        files
    }

    /// Somewhere in one of the folders.
    fn path(&mut self, files: &[File]) -> Vec<u8> {
        if on(Feature::Bytes) && self.chance(6) {
            let name = self.of(BYTES);
            let parent = name.iter().position(|b| *b == b'/').map(|at| &name[..at]);
            if parent.is_none_or(|parent| files.iter().any(|f| f.path == parent)) {
                return name.to_vec();
            }
        }
        let name = if self.chance(60) { self.of(&PLAIN[..7]) } else { self.of(PLAIN) };
        let folders = files.iter().filter(|f| matches!(f.what, What::Folder)).map(|f| &f.path);
        let folders = folders.cloned().collect::<Vec<_>>();
        match self.of_some(&folders).filter(|_| self.chance(55)) {
            Some(folder) => [folder.as_slice(), b"/", name.as_bytes()].concat(),
            None => name.as_bytes().to_vec(),
        }
    }

    fn what(&mut self) -> What {
        match self.weighted(&[(62, 0), (6, 1), (20, 2), (12, 3)]) {
            0 => What::File(self.text()),
            1 => What::Folder,
            2 => What::Link(self.target()),
            _ => {
                let members = self.members();
                let is_cut = on(Feature::CutArchives) && self.chance(4);
                What::Archive { members, cut: if is_cut { self.of(archive::CUTS) } else { 0 } }
            }
        }
    }

    fn text(&mut self) -> Vec<u8> {
        let text = self.of(&["", "text\n", "other\n", "no end", "\0\u{1}binary", "#!/bin/sh\n"]);
        text.as_bytes().to_vec()
    }

    fn target(&mut self) -> Vec<u8> {
        if on(Feature::Bytes) && self.chance(10) {
            return self.of(UNTIDY).to_vec();
        }
        self.of(TARGETS).as_bytes().to_vec()
    }

    fn file_at(&mut self, path: Vec<u8>, what: What) -> File {
        let mode = match what {
            What::Folder if on(Feature::FolderModes) => self.of(FOLDER_MODES),
            What::Folder => 0o755,
            _ => self.of(MODES),
        };
        let owner = self.weighted(&[(80, 0), (20, 1000)]);
        File { path, what, mode, owner, attribute: self.chance(8) }
    }

    /// The members of an archive.
    pub fn members(&mut self) -> Vec<Member> {
        let mut members: Vec<Member> = vec![];
        for _ in 0..self.rng.usize(1..9) {
            let earlier = members.iter().filter(|m| m.kind == EntryType::Regular);
            let earlier = earlier.map(|m| m.name.clone()).collect::<Vec<_>>();
            members.push(self.member(&earlier));
        }
        members
    }

    fn member(&mut self, earlier: &[Vec<u8>]) -> Member {
        let kinds = [
            (50, EntryType::Regular),
            (18, EntryType::Directory),
            (14, EntryType::Symlink),
            (8, EntryType::Link),
            (3, EntryType::Fifo),
            (2, EntryType::Char),
            (1, EntryType::Block),
            (1, EntryType::Continuous),
        ];
        let kind = self.weighted(&kinds);
        let target = match kind {
            EntryType::Symlink => self.target(),
            EntryType::Link => self.of_some(earlier).unwrap_or_else(|| b"f".to_vec()),
            _ => vec![],
        };
        // Of nothing there is no other name.
        let kind =
            if kind == EntryType::Link && earlier.is_empty() { EntryType::Regular } else { kind };
        let target = if kind == EntryType::Regular { vec![] } else { target };
        let mut name = self.member_name();
        if kind == EntryType::Directory && self.chance(50) {
            name.push(b'/');
        }
        Member {
            name,
            kind,
            target,
            mode: if kind == EntryType::Directory { self.of(FOLDER_MODES) } else { self.of(MODES) },
            owner: self.weighted(&[
                (60, (0, 0)),
                (20, (5, 6)),
                (15, (1000, 1001)),
                (5, (3_000_000, 4_000_000)),
            ]),
            text: if kind == EntryType::Regular { self.text() } else { vec![] },
            pax: self.chance(10),
            record: self.record(),
        }
    }

    fn record(&mut self) -> Option<(&'static str, &'static [u8])> {
        let records: &[(&str, &[u8])] = &[
            ("SCHILY.xattr.user.x", b"y"),
            ("SCHILY.xattr.security.capability", CAPABILITY),
            ("mtime", b"1234567890.123456789"),
            ("comment", b"a comment"),
            ("uid", b"7"),
            ("gid", b"3000000"),
            ("LIBARCHIVE.creationtime", b"1"),
        ];
        if self.chance(12) { Some(self.of(records)) } else { None }
    }

    fn member_name(&mut self) -> Vec<u8> {
        if on(Feature::Bytes) && self.chance(6) {
            return self.of(BYTES).to_vec();
        }
        let names = [
            "a",
            "a",
            "b",
            "b/c",
            "b/c",
            "b/d/e",
            "./d",
            "./",
            "f",
            "f",
            "etc",
            "etc/x",
            "etc/own",
            "link",
            "link/x",
            "bin",
            "bin/tool",
            "bin/x",
            "opt/abs/y",
            "usr/bin/z",
            "w h",
            "wörter/ü",
            "new\nline",
            "b/./c",
            "b//g",
            "dir",
            "dir/sub/s",
        ];
        match self.weighted(&[(88, 0), (4, 1), (3, 2), (2, 3)]) {
            0 => self.of(&names).as_bytes().to_vec(),
            1 => format!("long/{}/{}", "d".repeat(90), "f".repeat(80)).into_bytes(),
            2 => format!("/abs/{}", self.of(&["a", "b"])).into_bytes(),
            _ => format!("b/../{}", self.of(&["up", "f"])).into_bytes(),
        }
    }

    /// A `.dockerignore`, or none.
    pub fn ignore(&mut self) -> Vec<String> {
        if !self.chance(25) {
            return vec![];
        }
        let flat = [
            "g",
            "*.sh",
            "/x",
            "./UPPER",
            "# comment",
            "",
            "  b.txt  ",
            ".dot",
            "!b.txt",
            "-*",
            "f~",
            "[xX]",
            "q?*",
            "wörter",
            "\\#hash",
            "nothing",
        ];
        let deep = [
            "dir",
            "dir/*",
            "dir/",
            "**/a.txt",
            "!dir/a.txt",
            "*/sub",
            "*/*/f",
            "d2/**",
            "**",
            "*",
            "!f",
            "!dir",
            "!**/x",
            "Dockerfile",
            ".dockerignore",
            "!Dockerfile",
            "**/*.txt",
            "with space",
            "etc/../dir",
            "/dir/sub",
            "../f",
            "!",
        ];
        let deep = if on(Feature::Ignores) { deep.as_slice() } else { flat.as_slice() };
        let rule =
            |source: &mut Self| if source.chance(50) { source.of(&flat) } else { source.of(deep) };
        (0..self.rng.usize(1..5)).map(|_| rule(self).to_owned()).collect()
    }
}

/// `cap_net_bind_service=ep`, as the kernel keeps it.
const CAPABILITY: &[u8] = &[1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// What the images consist of that others are built on: users, links between folders.
pub fn base_members() -> Vec<Member> {
    let member = |name: &str, kind, mode, target: &str, text: &str| Member {
        name: name.as_bytes().to_vec(),
        kind,
        target: target.as_bytes().to_vec(),
        mode,
        owner: (0, 0),
        text: text.as_bytes().to_vec(),
        pax: false,
        record: None,
    };
    let folder = |name, mode| member(name, EntryType::Directory, mode, "", "");
    let link = |name, target| member(name, EntryType::Symlink, 0o777, target, "");
    let file = |name, text| member(name, EntryType::Regular, 0o644, "", text);
    vec![
        folder("etc", 0o755),
        folder("usr/", 0o755),
        folder("usr/bin", 0o755),
        folder("opt", 0o755),
        folder("tmp", 0o1777),
        file("etc/passwd", "root:x:0:0::/root:/bin/sh\njo:x:1000:1001::/:/bin/sh\n"),
        file("etc/group", "root:x:0:\nstaff:x:50:jo\n"),
        link("bin", "usr/bin"),
        link("opt/abs", "/etc"),
        link("opt/file", "../old"),
        link("opt/up", "../../../usr"),
        file("usr/bin/tool", "tool\n"),
        file("old", "old\n"),
        file("h1", "linked\n"),
        member("h2", EntryType::Link, 0o644, "h1", ""),
    ]
}
