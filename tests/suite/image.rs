//! What is in an image: its whole file system, read from the engine.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::Stdio;

use support::sealed::{Engine, Room};

/// What a path is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    File(Vec<u8>),
    Link(String),
    Folder,
    Other,
}

/// One path of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub kind: Kind,
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    /// Device numbers.
    pub device: Option<(u32, u32)>,
    pub xattrs: BTreeMap<String, Vec<u8>>,
}

/// The file system of an image; paths begin with `/` and are written as in records.
#[derive(Debug)]
pub struct Image {
    pub entries: BTreeMap<String, Entry>,
}

impl Image {
    pub fn read(engine: &Engine, reference: &str) -> Self {
        // Never started: the command need not exist.
        let container = engine.docker(&["create", "--label", &Room::label(), reference, "/none"]);
        let mut export = engine.command(&["export", &container]);
        let mut child = export.stdout(Stdio::piped()).spawn().unwrap();
        let entries = unpack(child.stdout.take().unwrap());
        assert!(child.wait().unwrap().success());
        engine.docker(&["rm", "-fv", &container]);
        Self { entries }
    }

    /// A regular file's text, links not followed.
    #[track_caller]
    pub fn text(&self, path: &str) -> String {
        match self.entries.get(path).map(|e| &e.kind) {
            Some(Kind::File(data)) => String::from_utf8(data.clone()).unwrap(),
            other => panic!("{path}: {other:?}"),
        }
    }

    /// The path with every link followed, if something is there.
    pub fn resolve(&self, path: &str) -> Option<String> {
        let mut at = String::new();
        let mut rest = parts(path);
        for _ in 0..400 {
            let Some(part) = rest.pop() else { return Some(at) };
            match part.as_str() {
                ".." => at.truncate(at.rfind('/').unwrap_or(0)),
                _ => {
                    let next = format!("{at}/{part}");
                    match &self.entries.get(&next)?.kind {
                        Kind::Link(target) => {
                            if target.starts_with('/') {
                                at.clear();
                            }
                            rest.extend(parts(target));
                        }
                        _ => at = next,
                    }
                }
            }
        }
        None
    }
}

/// The parts of a path, the first one last.
fn parts(path: &str) -> Vec<String> {
    let parts = path.split('/').filter(|p| !matches!(*p, "" | "."));
    parts.rev().map(str::to_owned).collect()
}

fn unpack(mut stream: impl Read) -> BTreeMap<String, Entry> {
    let mut entries = BTreeMap::new();
    let mut archive = tar::Archive::new(&mut stream);
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = gentoo_bb::base::name::text(&entry.path_bytes()).trim_matches('/').to_owned();
        let path = format!("/{path}");
        let mode = entry.header().mode().unwrap() & 0o7777;
        let link = entry.link_name_bytes().map(|l| gentoo_bb::base::name::text(&l).into_owned());
        let kind = match entry.header().entry_type() {
            tar::EntryType::Regular => {
                let mut data = vec![];
                entry.read_to_end(&mut data).unwrap();
                Kind::File(data)
            }
            tar::EntryType::Symlink => Kind::Link(link.unwrap_or_default()),
            tar::EntryType::Link => Kind::Link(format!("/{}", link.unwrap_or_default())),
            tar::EntryType::Directory => Kind::Folder,
            _ => Kind::Other,
        };
        let number = |n: std::io::Result<Option<u32>>| n.ok().flatten();
        let numbers = (entry.header().device_major(), entry.header().device_minor());
        let device = number(numbers.0).zip(number(numbers.1)).filter(|_| kind == Kind::Other);
        let (uid, gid) = (entry.header().uid().unwrap(), entry.header().gid().unwrap());
        let xattrs = attributes(&mut entry);
        entries.insert(path, Entry { kind, mode, uid, gid, device, xattrs });
    }
    // What follows the end of an archive is read too, or the sender would fail.
    std::io::copy(&mut stream, &mut std::io::sink()).unwrap();
    entries
}

/// Extended attributes, as pax keeps them.
fn attributes(entry: &mut tar::Entry<'_, impl Read>) -> BTreeMap<String, Vec<u8>> {
    let records = entry.pax_extensions().unwrap().into_iter().flatten().map(Result::unwrap);
    let kept = records.filter(|r| r.key().is_ok_and(|key| key.contains("xattr")));
    kept.map(|r| (r.key().unwrap().to_owned(), r.value_bytes().to_vec())).collect()
}
