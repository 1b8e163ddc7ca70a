//! What is in a tar, without reading its files: each one's bytes are named by where they are.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::io::{BufRead, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use bstr::BString;
use sha2::{Digest, Sha256};

use super::limited::{BLOCK, Capped, Gate, Gated, Tally};
use super::packed;
use super::records::Records;
use super::usual;
use crate::base::hex::hex;
use crate::base::limits::{Exceeded, Limit, Limits};
use crate::base::{name, open};
use crate::dockerfile::glob::clean_name;
use crate::image::Left;
use crate::image::copy::{Entry, Member};
use crate::image::tree::{Content, Kind, Node, Nodes};

/// A part of a file as a file of its own. Those that are cloned go their own ways in the same open file.
#[derive(Debug, Clone)]
pub(crate) struct Section {
    file: Arc<File>,
    start: u64,
    size: u64,
    at: u64,
}

impl Section {
    /// The bytes that a content names.
    pub(crate) fn open(content: &Content) -> io::Result<Self> {
        let file = open::unlinked(&content.file).map_err(|e| super::named(&content.file, &e))?;
        Ok(Self::of(Arc::new(file), content))
    }

    fn of(file: Arc<File>, content: &Content) -> Self {
        Self { file, start: content.offset, size: content.size, at: 0 }
    }

    /// How many bytes the whole file has.
    pub(super) fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.size.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let end = buffer.len().min(left);
        let at = self.start.checked_add(self.at).ok_or_else(outside)?;
        let n = self.file.read_at(&mut buffer[..end], at)?;
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for Section {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
        };
        let at = at.ok_or_else(outside)?;
        // No file goes further.
        let absolute = self.start.checked_add(at).filter(|at| i64::try_from(*at).is_ok());
        absolute.ok_or_else(outside)?;
        self.at = at;
        Ok(at)
    }
}

fn outside() -> io::Error {
    io::Error::other("a position outside of the file")
}

/// Opens the files that contents are in, each once as long as no other one is asked for between.
#[derive(Debug, Default)]
pub struct Digests(Option<(Arc<Path>, Arc<File>)>);

impl Digests {
    /// SHA-256 over the bytes of a file, in lower-case hex.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn of(&mut self, content: &Content) -> io::Result<String> {
        let known = self.0.as_ref().filter(|(path, _)| *path == content.file);
        let section = match known {
            Some((_, file)) => Section::of(file.clone(), content),
            None => Section::open(content)?,
        };
        self.0 = Some((content.file.clone(), section.file.clone()));
        hashed(section)
    }
}

fn hashed(mut section: Section) -> io::Result<String> {
    let mut hasher = Sha256::new();
    io::copy(&mut section, &mut hasher)?;
    Ok(hex(&hasher.finalize()))
}

/// All bytes of a small file.
///
/// # Errors
/// It cannot be read, or is larger than the limits say.
pub fn read(content: &Content, limits: &Limits) -> Result<Vec<u8>, Left> {
    read_up_to(content, limits, Limit::ReadSize)
}

/// All bytes of a file that is no larger than a limit.
pub(super) fn read_up_to(
    content: &Content,
    limits: &Limits,
    limit: Limit,
) -> Result<Vec<u8>, Left> {
    let mut bytes = vec![];
    let read = Section::open(content)
        .and_then(|file| Capped::new(file, limits, limit).read_to_end(&mut bytes));
    read.map(|_| bytes).map_err(|e| failed(content, &e))
}

/// What cannot be read, or is more than may be.
fn failed(content: &Content, cause: &io::Error) -> Left {
    let file = content.file.display();
    match Exceeded::of(cause) {
        Some(exceeded) => Left::beyond(format!("`{file}`"), exceeded),
        None => Left::new(format!("`{file}`: {cause}")),
    }
}

/// The entries of an archive in their order; nothing if it is none. Docker asks the same: is there
/// a first entry?
///
/// # Errors
/// It is compressed or damaged, cannot be read, or has more in it than the limits say.
pub fn entries(content: &Content, limits: &Limits) -> Result<Option<Vec<Entry>>, Left> {
    let failed = |e: io::Error| failed(content, &e);
    let mut start = vec![];
    let file = Section::open(content).map_err(failed)?;
    file.clone().take(6).read_to_end(&mut start).map_err(failed)?;
    if packed::is_packed(&start) {
        return Err(Left::new(format!("`{}` is compressed", content.file.display())));
    }
    let gate = Gate::new(limits);
    let reader = Gated::new(file.clone(), gate.clone());
    let mut archive = tar::Archive::new(reader);
    let mut entries = archive.entries_with_seek().map_err(failed)?;
    let damaged = |why: String| {
        Left::refused(format!("`{}` is a damaged archive: {why}", content.file.display()))
    };
    let mut tally = Tally::new(limits);
    let mut again = file;
    let mut before = 0;
    let mut found = vec![];
    loop {
        gate.records();
        let Some(entry) = entries.next() else { break };
        let entry = match entry {
            Ok(entry) => entry,
            Err(e) if Exceeded::of(&e).is_some() => return Err(failed(e)),
            Err(_) if usual::is_read_elsewhere(&mut again, before).map_err(failed)? => {
                let file = content.file.display();
                return Err(Left::new(format!("`{file}` has a header that only some can read")));
            }
            Err(_) if found.is_empty() => return Ok(None),
            Err(e) => return Err(damaged(e.to_string())),
        };
        let records = Records::between(&mut again, before, entry.raw_header_position());
        let described = Described::new(&entry, records.map_err(failed)?).map_err(failed)?;
        tally.entry(&described.name, described.others()).map_err(|e| failed(e.into()))?;
        let end = entry.raw_file_position().saturating_add(entry.size());
        before = end.checked_next_multiple_of(BLOCK).unwrap_or(u64::MAX);
        // What fills a block up may be missing at the very end: engines stop reading before it.
        if entry.header().entry_type().is_file() && end > content.size {
            return Err(damaged(format!("it ends within `{}`", name::text(&described.name))));
        }
        found.push(listed(&entry, described, content).map_err(failed)??);
    }
    // Of the two blocks of zeros at the end engines want none, one or both, and no part of the second.
    let rest = content.size.saturating_sub(before);
    if !found.is_empty() && rest > BLOCK && rest < 2 * BLOCK {
        return Err(damaged("it ends within its last block".to_owned()));
    }
    // What is no path is still an entry.
    Ok(Some(found).filter(|found| !found.is_empty()).map(|all| all.into_iter().flatten().collect()))
}

/// What an entry is called and leads to, and its records.
struct Described {
    name: BString,
    target: Option<BString>,
    records: Records,
}

impl Described {
    /// The records go before the header, as in every reader.
    fn new(entry: &tar::Entry<'_, Gated<Section>>, records: Records) -> io::Result<Self> {
        let size = records.value("size").map(|size| size != entry.size().to_string().as_bytes());
        if size == Some(true) {
            return Err(io::Error::other("a file whose size is not that of its record"));
        }
        let name = match records.value("path") {
            Some(name) => name.to_vec(),
            None => entry.path_bytes().into_owned(),
        };
        let target = match records.value("linkpath") {
            Some(target) => Some(target.to_vec()),
            None => entry.link_name_bytes().map(std::borrow::Cow::into_owned),
        };
        Ok(Self { name: name.into(), target: target.map(BString::from), records })
    }

    /// How many bytes there are besides its name.
    fn others(&self) -> u64 {
        self.target.as_ref().map_or(0, |target| target.len() as u64) + self.records.bytes()
    }
}

/// Linux has no longer paths, and no longer targets of links.
const LONGEST: usize = 4096;

/// One entry; nothing if it is no path.
fn listed(
    entry: &tar::Entry<'_, Gated<Section>>,
    described: Described,
    archive: &Content,
) -> io::Result<Result<Option<Entry>, Left>> {
    let Described { name, target, records } = described;
    if name.len() > LONGEST || target.as_ref().is_some_and(|target| target.len() > LONGEST) {
        let start = name::text(&name[..name.len().min(40)]);
        let why =
            format!("`{start}…` in an archive is longer than {LONGEST} bytes, or leads to what is");
        return Ok(Err(Left::new(why)));
    }
    let kind = match entry.header().entry_type() {
        tar::EntryType::XGlobalHeader => return Ok(Ok(None)),
        tar::EntryType::Regular => match part(entry, archive) {
            Some(content) => Kind::File(content),
            None => {
                let name = name::text(&name);
                return Ok(Err(Left::new(format!("`{name}` is cut off in its archive"))));
            }
        },
        tar::EntryType::Directory => Kind::Folder,
        tar::EntryType::Symlink | tar::EntryType::Link => Kind::Link(target.unwrap_or_default()),
        tar::EntryType::Fifo => Kind::Fifo,
        kind @ (tar::EntryType::Block | tar::EntryType::Char) => {
            let (major, minor) = device(entry.header())?;
            Kind::Device(kind == tar::EntryType::Block, major, minor)
        }
        other => {
            let name = name::text(&name);
            return Ok(Err(Left::new(format!("`{name}` is a {other:?} in its archive"))));
        }
    };
    let header = entry.header();
    if let Some(odd) = usual::odd(header, &name, &records) {
        return Ok(Err(Left::new(format!("`{}` in an archive {odd}", name::text(&name)))));
    }
    let hard = header.entry_type() == tar::EntryType::Link;
    let mode = match &kind {
        // A symbolic link has no mode, whatever is said of one.
        Kind::Link(_) if !hard => 0o777,
        _ => number(&header.as_old().mode, header.mode())? & 0o7777,
    };
    let (uid, gid) = owner(header)?;
    let node = Node { kind, mode, uid, gid, xattrs: BTreeMap::new() };
    Ok(extended(&records, node)?.map(|node| Some(Entry { name, what: member(node, hard) })))
}

/// A number of a header. A field that is blank is 0, as it is for engines.
///
/// Source: Go, `archive/tar/strconv.go`, `parseOctal`.
fn number<T: Default>(field: &[u8], read: io::Result<T>) -> io::Result<T> {
    if usual::is_blank(field) { Ok(T::default()) } else { read }
}

/// User and group.
pub(super) fn owner(header: &tar::Header) -> io::Result<(u64, u64)> {
    let fields = header.as_old();
    Ok((number(&fields.uid, header.uid())?, number(&fields.gid, header.gid())?))
}

/// Where a header has the numbers of a device.
const DEVICE: usize = 329;

/// Major and minor number; 0 in a header that has no place for them.
fn device(header: &tar::Header) -> io::Result<(u32, u32)> {
    // Both formats that have them have them in the same place.
    let (_, after) = header.as_bytes().split_at(DEVICE);
    let major = number(&after[..8], header.device_major())?;
    let minor = number(&after[8..16], header.device_minor())?;
    Ok((major.unwrap_or_default(), minor.unwrap_or_default()))
}

/// What is read as a link is one, or another name.
fn member(node: Node, hard: bool) -> Member {
    match &node.kind {
        Kind::Link(to) if hard => Member::HardLink { to: to.clone(), node },
        _ => Member::Node(node),
    }
}

/// Where an entry's bytes are, if all of them are in the archive.
fn part(entry: &tar::Entry<'_, Gated<Section>>, archive: &Content) -> Option<Content> {
    let (at, size) = (entry.raw_file_position(), entry.size());
    let inside = at.checked_add(size).is_some_and(|end| end <= archive.size);
    let offset = archive.offset.checked_add(at)?;
    inside.then(|| Content { file: archive.file.clone(), offset, size, linked: false })
}

/// Where pax keeps extended attributes.
pub(super) const XATTR: &str = "SCHILY.xattr.";

/// A node with what the entry's pax records say of it.
fn extended(records: &Records, mut node: Node) -> io::Result<Result<Node, Left>> {
    for (key, value) in records.iter() {
        let number = || std::str::from_utf8(value).ok().and_then(|v| v.parse().ok());
        let unreadable = || io::Error::other(format!("`{key}` is not a number"));
        match key {
            "uid" => node.uid = number().ok_or_else(unreadable)?,
            "gid" => node.gid = number().ok_or_else(unreadable)?,
            key if key.starts_with("GNU.sparse") => {
                return Ok(Err(Left::new("an archive has a file with holes")));
            }
            key => {
                // Engines keep no other in a layer.
                let name = key.strip_prefix(XATTR).filter(|name| *name == "security.capability");
                node.xattrs.extend(name.map(|name| (name.to_owned(), value.to_vec())));
            }
        }
    }
    Ok(Ok(node))
}

/// SHA-256 over the bytes of a file, in lower-case hex.
///
/// # Errors
/// The file cannot be read.
pub fn digest(content: &Content) -> io::Result<String> {
    hashed(Section::open(content)?)
}

/// Whether two files have the same bytes.
///
/// # Errors
/// One of them cannot be read.
pub fn is_same(one: &Content, other: &Content) -> io::Result<bool> {
    let mut one = io::BufReader::new(Section::open(one)?);
    let mut other = io::BufReader::new(Section::open(other)?);
    loop {
        let (ours, theirs) = (one.fill_buf()?, other.fill_buf()?);
        let size = ours.len().min(theirs.len());
        if ours[..size] != theirs[..size] || size == 0 {
            return Ok(ours.is_empty() && theirs.is_empty());
        }
        one.consume(size);
        other.consume(size);
    }
}

/// A layer that was written here.
pub(crate) fn layer(content: &Content, limits: &Limits) -> Result<Nodes, Left> {
    nodes(entries(content, limits)?.unwrap_or_default())
}

/// The entries of a layer by their paths.
///
/// # Errors
/// One is another name of a file that is not before it.
pub fn nodes(entries: Vec<Entry>) -> Result<Nodes, Left> {
    let mut nodes = Nodes::new();
    for entry in entries {
        let path = in_layer(&entry.name)?;
        let node = match entry.what {
            Member::Node(node) => node,
            Member::HardLink { to, .. } => linked(&mut nodes, &in_layer(&to)?)?,
        };
        // The root itself is in no layer.
        if !path.is_empty() {
            nodes.insert(path, node);
        }
    }
    Ok(nodes)
}

/// A path as engines unpack it: `./a/../b` is `b`, and nothing leads out of the root.
fn in_layer(name: &[u8]) -> Result<BString, Left> {
    let relative = clean_name(name);
    if relative == ".." || relative.starts_with(b"../") {
        return Err(Left::new(format!("`{}` leads out of its layer", name::text(name))));
    }
    Ok(clean_name([b"/", name].concat()))
}

/// What gets another name: no folder. Of what has no bytes, two of the same are as good.
fn linked(nodes: &mut Nodes, to: &[u8]) -> Result<Node, Left> {
    match nodes.get_mut(to) {
        Some(node) if node.kind != Kind::Folder => {
            if let Kind::File(content) = &mut node.kind {
                content.linked = true;
            }
            Ok(node.clone())
        }
        _ => Err(Left::new(format!("a layer links to `{}`, which it has not", name::text(to)))),
    }
}

/// The content of a whole file.
pub fn whole(file: &Path, size: u64) -> Content {
    Content { file: Arc::from(file), offset: 0, size, linked: false }
}
