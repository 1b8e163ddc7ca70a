//! What `docker save` says of an image: its configuration and all its files, put together from the layers
//! by nobody's rules but those of the format.
//!
//! Source: <https://github.com/opencontainers/image-spec/blob/v1.1.0/layer.md>.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::io::Read;

use serde_json::Value;
use support::sealed::Engine;

/// One path of an image.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    kind: Kind,
    mode: u32,
    owner: (u64, u64),
    attributes: BTreeMap<String, Vec<u8>>,
    /// All names of the file, if it has more than this one.
    names: BTreeSet<Vec<u8>>,
}

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    File(Vec<u8>),
    Folder,
    Link(Vec<u8>),
    /// Type and device numbers.
    Other(u8, Option<(u32, u32)>),
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::File(text) => write!(f, "file \"{:.60}\"", text.escape_ascii().to_string())?,
            Kind::Folder => write!(f, "folder")?,
            Kind::Link(target) => write!(f, "link to \"{}\"", target.escape_ascii())?,
            Kind::Other(kind, device) => write!(f, "{} {device:?}", *kind as char)?,
        }
        write!(f, " {:04o} {}:{}", self.mode, self.owner.0, self.owner.1)?;
        for (name, value) in &self.attributes {
            write!(f, " {name}=\"{}\"", value.escape_ascii())?;
        }
        for name in &self.names {
            write!(f, " = \"{}\"", name.escape_ascii())?;
        }
        Ok(())
    }
}

/// An image.
pub struct Saved {
    /// Without what says nothing and what tells how it was made.
    pub config: BTreeMap<String, Value>,
    pub entries: Entries,
}

/// What the engine has under these references.
pub fn read<const N: usize>(engine: &Engine, references: [&str; N]) -> [Saved; N] {
    let text = engine.docker(&[&["image", "inspect"], references.as_slice()].concat());
    let images: Vec<Value> = serde_json::from_str(&text).unwrap();
    // There is no archive of an image without layers.
    let layers =
        |image: &Value| image["RootFS"]["Layers"].as_array().is_some_and(|l| !l.is_empty());
    let full = references.iter().zip(&images).filter(|(_, image)| layers(image));
    let mut entries = files(engine, &full.map(|(reference, _)| *reference).collect::<Vec<_>>());
    let mut images = images.iter();
    references.map(|reference| Saved {
        config: settings(images.next().unwrap()),
        entries: entries.remove(reference).unwrap_or_default(),
    })
}

type Entries = BTreeMap<Vec<u8>, Entry>;

/// The files of images that have some.
fn files(engine: &Engine, references: &[&str]) -> BTreeMap<String, Entries> {
    if references.is_empty() {
        return BTreeMap::new();
    }
    let out = engine.command(&[&["save"], references].concat()).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let files = unpack(&out.stdout);
    let manifest: Vec<Value> = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let mut found = BTreeMap::new();
    for image in &manifest {
        let mut tree = Tree::default();
        for layer in image["Layers"].as_array().unwrap() {
            tree.apply(&files[layer.as_str().unwrap()]);
        }
        let entries = tree.entries();
        let names = image["RepoTags"].as_array().unwrap().iter();
        found.extend(names.map(|name| (name.as_str().unwrap().to_owned(), entries.clone())));
    }
    found
}

/// The files of an archive, a link's as what it leads to.
fn unpack(archive: &[u8]) -> HashMap<String, Vec<u8>> {
    let (mut files, mut links) = (HashMap::new(), vec![]);
    for entry in tar::Archive::new(archive).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_str().unwrap().to_owned();
        if let Some(target) = entry.link_name().unwrap() {
            links.push((path, target.to_str().unwrap().trim_start_matches("../").to_owned()));
            continue;
        }
        let mut bytes = vec![];
        entry.read_to_end(&mut bytes).unwrap();
        files.insert(path, bytes);
    }
    for (path, target) in links {
        files.insert(path, files[&target].clone());
    }
    files
}

fn settings(image: &Value) -> BTreeMap<String, Value> {
    let mut config: BTreeMap<String, Value> =
        serde_json::from_value(image["Config"].clone()).unwrap();
    for key in ["Author", "Architecture", "Os"] {
        config.insert(key.to_owned(), image[key].clone());
    }
    if let Some(Value::Object(labels)) = config.get_mut("Labels") {
        let ours = ["org.opencontainers.", "bb."];
        labels.retain(|name, _| !ours.iter().any(|begin| name.starts_with(begin)));
    }
    let empty = ["null", "\"\"", "false", "{}"];
    config.retain(|key, value| {
        !["Hostname", "Image"].contains(&key.as_str())
            && !empty.contains(&value.to_string().as_str())
    });
    config
}

/// A file system in the making: paths and the numbers of what they name.
#[derive(Default)]
struct Tree {
    paths: BTreeMap<Vec<u8>, usize>,
    nodes: Vec<Entry>,
}

impl Tree {
    fn apply(&mut self, layer: &[u8]) {
        let before = self.nodes.len();
        let mut says = Records::new();
        for entry in tar::Archive::new(layer).entries().unwrap().raw(true) {
            let mut entry = entry.unwrap();
            match entry.header().entry_type() {
                tar::EntryType::XHeader => says.extend(records(&contents(&mut entry))),
                tar::EntryType::GNULongName => drop(says.insert("path".into(), text(&mut entry))),
                tar::EntryType::GNULongLink => {
                    drop(says.insert("linkpath".into(), text(&mut entry)));
                }
                _ => self.member(&mut entry, &std::mem::take(&mut says), before),
            }
        }
    }

    fn member(&mut self, entry: &mut tar::Entry<'_, &[u8]>, says: &Records, before: usize) {
        let path = says.get("path").cloned().unwrap_or_else(|| entry.header().path_bytes().into());
        let path = tidy(&path);
        let at = path.iter().rposition(|b| *b == b'/').map_or(0, |slash| slash + 1);
        match path[at..].strip_prefix(b".wh.") {
            Some(b".wh..opq") => self.empty(&path[..at], before),
            Some(gone) => self.remove(&[&path[..at], gone].concat()),
            None if path.is_empty() => {}
            None => self.put(path, entry, says),
        }
    }

    fn put(&mut self, path: Vec<u8>, entry: &mut tar::Entry<'_, &[u8]>, says: &Records) {
        if entry.header().entry_type() == tar::EntryType::Link {
            let node = self.paths[&tidy(&target(entry, says))];
            self.remove(&path);
            self.paths.insert(path, node);
            return;
        }
        let node = node(entry, says);
        let folder = |at: &usize| self.nodes[*at].kind == Kind::Folder;
        if node.kind != Kind::Folder || !self.paths.get(&path).is_some_and(folder) {
            self.remove(&path);
        }
        self.paths.insert(path, self.nodes.len());
        self.nodes.push(node);
    }

    fn remove(&mut self, path: &[u8]) {
        let inside = [path, b"/"].concat();
        self.paths.retain(|other, _| other != path && !other.starts_with(&inside));
    }

    /// Takes away what the layers before have in a folder.
    fn empty(&mut self, folder: &[u8], before: usize) {
        self.paths.retain(|path, node| {
            !(path.starts_with(folder) && path.len() > folder.len() && *node < before)
        });
    }

    fn entries(self) -> Entries {
        let mut names = HashMap::<usize, BTreeSet<Vec<u8>>>::new();
        for (path, node) in &self.paths {
            names.entry(*node).or_default().insert(path.clone());
        }
        let entry = |(path, node): (Vec<u8>, usize)| {
            let names = Some(names[&node].clone()).filter(|names| names.len() > 1);
            (path, Entry { names: names.unwrap_or_default(), ..self.nodes[node].clone() })
        };
        self.paths.into_iter().map(entry).collect()
    }
}

/// Without `/` and `./` at either end.
fn tidy(path: &[u8]) -> Vec<u8> {
    let parts = path.split(|b| *b == b'/').filter(|part| !matches!(*part, b"" | b"."));
    parts.collect::<Vec<_>>().join(&b'/')
}

/// What comes before an entry and says more of it. The `tar` crate's own reader of such records ends them
/// at a newline, which a name may have.
type Records = BTreeMap<String, Vec<u8>>;

/// `LENGTH KEY=VALUE\n …`, where the length counts all of it.
fn records(mut bytes: &[u8]) -> Records {
    let mut found = Records::new();
    while let Some(blank) = bytes.iter().position(|b| *b == b' ') {
        let length: usize = std::str::from_utf8(&bytes[..blank]).unwrap().parse().unwrap();
        let record = &bytes[blank + 1..length - 1];
        let equals = record.iter().position(|b| *b == b'=').unwrap();
        let key = String::from_utf8(record[..equals].to_vec()).unwrap();
        found.insert(key, record[equals + 1..].to_vec());
        bytes = &bytes[length..];
    }
    found
}

fn contents(entry: &mut tar::Entry<'_, &[u8]>) -> Vec<u8> {
    let mut bytes = vec![];
    entry.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Without the zero at its end.
fn text(entry: &mut tar::Entry<'_, &[u8]>) -> Vec<u8> {
    let bytes = contents(entry);
    bytes.split(|b| *b == 0).next().unwrap_or_default().to_vec()
}

fn target(entry: &tar::Entry<'_, &[u8]>, says: &Records) -> Vec<u8> {
    let written = || entry.header().link_name_bytes().unwrap_or_default().into();
    says.get("linkpath").cloned().unwrap_or_else(written)
}

fn node(entry: &mut tar::Entry<'_, &[u8]>, says: &Records) -> Entry {
    let header = entry.header().clone();
    let said = |key: &str| Some(String::from_utf8_lossy(says.get(key)?).parse().unwrap());
    let kind = match header.entry_type() {
        tar::EntryType::Regular => Kind::File(contents(entry)),
        tar::EntryType::Directory => Kind::Folder,
        tar::EntryType::Symlink => Kind::Link(target(entry, says)),
        other => {
            let number = |n: std::io::Result<Option<u32>>| n.ok().flatten();
            let device = number(header.device_major()).zip(number(header.device_minor()));
            Kind::Other(other.as_byte(), device.filter(|_| other != tar::EntryType::Fifo))
        }
    };
    let xattr = |(key, value): (&String, &Vec<u8>)| {
        Some((key.strip_prefix("SCHILY.xattr.")?.to_owned(), value.clone()))
    };
    Entry {
        kind,
        mode: header.mode().unwrap() & 0o7777,
        owner: (
            said("uid").unwrap_or_else(|| header.uid().unwrap()),
            said("gid").unwrap_or_else(|| header.gid().unwrap()),
        ),
        attributes: says.iter().filter_map(xattr).collect(),
        names: BTreeSet::new(),
    }
}
