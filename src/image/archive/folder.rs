//! A folder of this machine from an archive and back: with owners, links, devices, extended attributes, and with
//! what overlayfs keeps for what a layer takes away.
//!
//! For a process that is root over a range of ids and nothing else (see `engine::native`): it sets owners and
//! follows paths as the kernel does. So whoever calls [`unpack`] has made the folder its root before.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags, chmodat,
    chownat, lgetxattr, linkat, llistxattr, lsetxattr, major, makedev, minor, mknodat, symlinkat,
    utimensat,
};
use rustix::io::Errno;

use super::limited::{self, Tally};
use super::records::Records;
use super::{append_raw, listing};
use crate::base::error::{Error, NO_ROOM, Result};
use crate::base::limits::{Limit, Limits};
use crate::base::name;
use crate::image::tree::{OPAQUE, WHITEOUT};

/// What is to be done with marks of what a layer takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marks {
    /// They are overlayfs' own in the folder, and an image's in the archive.
    Overlay,
    /// There are none: a file of such a name is refused.
    Refused,
}

/// What overlayfs keeps for itself, where it may not have `trusted.overlay.*`.
/// Source: Linux, Documentation/filesystems/overlayfs.rst, "User xattr".
const OF_OVERLAY: &str = "user.overlay.";
const OF_OVERLAY_OPAQUE: &str = "user.overlay.opaque";
/// What only the machine's root may have.
const TRUSTED: &str = "trusted.";
/// The rights of a program, as the one kind of attributes without which it does not work.
const CAPABILITY: &str = "security.capability";
/// Linux has at most so much for a list of attributes, and for the value of one.
const LARGEST: usize = 65_536;

/// What comes before an entry for it.
#[derive(Debug, Default)]
struct Ahead {
    name: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    records: Records,
}

impl Ahead {
    fn number(&self, key: &str) -> Option<u64> {
        std::str::from_utf8(self.records.value(key)?).ok()?.split('.').next()?.parse().ok()
    }
}

/// One entry, with all that was said of it.
#[derive(Debug)]
struct Entry {
    path: PathBuf,
    kind: tar::EntryType,
    target: Vec<u8>,
    mode: u32,
    uid: u32,
    gid: u32,
    mtime: i64,
    device: (u32, u32),
    xattrs: BTreeMap<String, Vec<u8>>,
}

/// Unpacks an archive into the folder in which this process is. Returns which devices it could not make.
///
/// # Errors
/// The archive is none, is larger than the limits, has marks where it may not, or the folder cannot take it.
pub(crate) fn unpack(source: impl Read, marks: Marks, limits: &Limits) -> Result<Vec<String>> {
    let broken = |cause: &io::Error| {
        limited::error("the archive", cause, || {
            let error = Error::step(format!("cannot unpack the archive: {cause}"));
            let is_full = cause.kind() == io::ErrorKind::StorageFull;
            if is_full { error.hint(NO_ROOM) } else { error }
        })
    };
    let mut unpacking = Unpacking { marks, folders: vec![], left: vec![] };
    each(source, limits, &mut unpacking).map_err(|cause| broken(&cause))?;
    for (path, mtime) in unpacking.folders.iter().rev() {
        touch(path, *mtime).map_err(|cause| broken(&cause))?;
    }
    Ok(unpacking.left)
}

/// All entries of a stream in their order, by themselves: the tar crate's reader takes a line feed in an
/// attribute for its end, and a stream has no way back to look again.
fn each(source: impl Read, limits: &Limits, unpacking: &mut Unpacking) -> io::Result<()> {
    let mut archive = tar::Archive::new(source);
    let (mut ahead, mut tally) = (Ahead::default(), Tally::new(limits));
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        let kind = entry.header().entry_type();
        if let tar::EntryType::GNULongName | tar::EntryType::GNULongLink | tar::EntryType::XHeader =
            kind
        {
            limits.check(Limit::RecordSize, entry.size())?;
            let mut data = vec![];
            entry.read_to_end(&mut data)?;
            match kind {
                tar::EntryType::GNULongName => ahead.name = Some(without_zero(data)),
                tar::EntryType::GNULongLink => ahead.target = Some(without_zero(data)),
                _ => ahead.records.add(&data)?,
            }
            continue;
        }
        let ahead = std::mem::take(&mut ahead);
        if kind != tar::EntryType::XGlobalHeader {
            let size = entry.size();
            let described = described(&ahead, entry.header(), size)?;
            tally.entry(described.path.as_os_str().as_bytes(), ahead.records.bytes())?;
            unpacking
                .one(&described, &mut entry)
                .map_err(|cause| about(&described.path, &cause))?;
        }
        io::copy(&mut entry, &mut io::sink())?;
    }
    // What follows the end of an archive belongs to it: who sends it must not meet a closed door.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map(drop)
}

fn about(path: &Path, cause: &io::Error) -> io::Error {
    let why = crate::base::error::io_reason(cause);
    io::Error::new(cause.kind(), format!("`{}`: {why}", name::of_path(path)))
}

fn without_zero(mut data: Vec<u8>) -> Vec<u8> {
    if data.last() == Some(&0) {
        data.pop();
    }
    data
}

fn described(ahead: &Ahead, header: &tar::Header, size: u64) -> io::Result<Entry> {
    if ahead.number("size").is_some_and(|real| real != size) {
        return Err(io::Error::other("a file of more than 8 GiB"));
    }
    if ahead.records.iter().any(|(key, _)| key.starts_with("GNU.sparse.")) {
        return Err(io::Error::other("a file with holes, which layers do not have"));
    }
    let name = ahead.records.value("path").or(ahead.name.as_deref());
    let path = inner(name.map_or_else(|| header.path_bytes(), Into::into).as_ref())?;
    let target = ahead.records.value("linkpath").or(ahead.target.as_deref());
    let target = target.map(<[u8]>::to_vec);
    let target = target.or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned));
    let id = |key: &str, own: io::Result<u64>| {
        let id = ahead.number(key).map_or(own, Ok)?;
        u32::try_from(id).map_err(|_| io::Error::other("an owner that no system has"))
    };
    let xattrs = ahead.records.iter().filter_map(|(key, value)| {
        Some((key.strip_prefix(listing::XATTR)?.to_owned(), value.to_vec()))
    });
    Ok(Entry {
        path,
        kind: header.entry_type(),
        target: target.unwrap_or_default(),
        mode: header.mode()? & 0o7777,
        uid: id("uid", header.uid())?,
        gid: id("gid", header.gid())?,
        mtime: i64::try_from(ahead.number("mtime").map_or_else(|| header.mtime(), Ok)?)
            .unwrap_or(0),
        device: device(header)?,
        xattrs: xattrs.filter(|(name, _)| is_for_files(name)).collect(),
    })
}

/// A device's numbers: of other kinds the fields may be empty.
fn device(header: &tar::Header) -> io::Result<(u32, u32)> {
    match header.entry_type() {
        tar::EntryType::Char | tar::EntryType::Block => {
            Ok((header.device_major()?.unwrap_or(0), header.device_minor()?.unwrap_or(0)))
        }
        _ => Ok((0, 0)),
    }
}

/// Not the machine's own business, nor overlayfs': an archive that brought those would bend what is below it.
fn is_for_files(xattr: &str) -> bool {
    !xattr.starts_with(OF_OVERLAY) && !xattr.starts_with(TRUSTED)
}

/// A name as a path below this folder.
fn inner(name: &[u8]) -> io::Result<PathBuf> {
    let parts = name.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b"."));
    let mut path = PathBuf::new();
    for part in parts {
        if part == b".." || part.contains(&0) {
            return Err(io::Error::other("a name that leads out of the archive"));
        }
        path.push(OsStr::from_bytes(part));
    }
    Ok(path)
}

struct Unpacking {
    marks: Marks,
    /// Their times are set last, for what is put into them moves them.
    folders: Vec<(PathBuf, i64)>,
    /// Which devices are not there.
    left: Vec<String>,
}

impl Unpacking {
    fn one(&mut self, entry: &Entry, content: &mut impl Read) -> io::Result<()> {
        let path = entry.path.as_path();
        let base = path.file_name().map_or(&b""[..], OsStr::as_bytes);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(Path::new(".").join(folder))?;
        }
        if base.starts_with(WHITEOUT) {
            return self.mark(path, base);
        }
        if path.as_os_str().is_empty() {
            return self.attributes(Path::new("."), entry);
        }
        make_room(path, entry.kind)?;
        match entry.kind {
            tar::EntryType::Directory => match std::fs::create_dir(path) {
                Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => return Err(cause),
                _ => {}
            },
            tar::EntryType::Symlink => symlinkat(entry.target.as_slice(), CWD, path)?,
            tar::EntryType::Link => {
                let target = inner(&entry.target)?;
                return Ok(linkat(CWD, &target, CWD, path, AtFlags::empty())?);
            }
            tar::EntryType::Fifo => node(path, FileType::Fifo, (0, 0))?,
            tar::EntryType::Char | tar::EntryType::Block => {
                let block = entry.kind == tar::EntryType::Block;
                let kind = if block { FileType::BlockDevice } else { FileType::CharacterDevice };
                match node(path, kind, entry.device) {
                    // Nobody but the machine's root makes devices.
                    Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied => {
                        self.left.push(name::of_path(path).into_owned());
                        return Ok(());
                    }
                    made => made?,
                }
            }
            tar::EntryType::Regular | tar::EntryType::Continuous => write(path, content)?,
            _ => return Err(io::Error::other("a kind of entry that layers do not have")),
        }
        self.attributes(path, entry)
    }

    /// What a layer takes away of those below it.
    fn mark(&mut self, path: &Path, base: &[u8]) -> io::Result<()> {
        if self.marks == Marks::Refused {
            return Err(io::Error::other("a name that only marks in layers have"));
        }
        let folder = Path::new(".").join(path.parent().unwrap_or(Path::new("")));
        if base == OPAQUE {
            return Ok(lsetxattr(folder, OF_OVERLAY_OPAQUE, b"y", XattrFlags::empty())?);
        }
        let gone = &base[WHITEOUT.len()..];
        if gone.is_empty() || gone.starts_with(WHITEOUT) {
            return Err(io::Error::other("a mark that is not known"));
        }
        let gone = folder.join(OsStr::from_bytes(gone));
        make_room(&gone, tar::EntryType::Char)?;
        node(&gone, FileType::CharacterDevice, (0, 0))
    }

    fn attributes(&mut self, path: &Path, entry: &Entry) -> io::Result<()> {
        let owner = (Some(Uid::from_raw(entry.uid)), Some(Gid::from_raw(entry.gid)));
        match chownat(CWD, path, owner.0, owner.1, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::INVAL) => {
                let owner = format!("its owner {}:{} has no place in a box", entry.uid, entry.gid);
                return Err(io::Error::other(owner));
            }
            changed => changed?,
        }
        let is_link = entry.kind == tar::EntryType::Symlink;
        if !is_link {
            // After the owner, whose change takes some bits away.
            chmodat(CWD, path, Mode::from_raw_mode(entry.mode), AtFlags::empty())?;
        }
        for (name, value) in &entry.xattrs {
            match lsetxattr(path, name.as_str(), value, XattrFlags::empty()) {
                // Labels of other machines' security.
                Err(Errno::PERM | Errno::OPNOTSUPP) if name != CAPABILITY => {}
                set => set?,
            }
        }
        if entry.kind == tar::EntryType::Directory {
            self.folders.push((path.to_owned(), entry.mtime));
            return Ok(());
        }
        touch(path, entry.mtime)
    }
}

fn touch(path: &Path, mtime: i64) -> io::Result<()> {
    let time = Timespec { tv_sec: mtime, tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    Ok(utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

fn node(path: &Path, kind: FileType, (major, minor): (u32, u32)) -> io::Result<()> {
    Ok(mknodat(CWD, path, kind, Mode::from_raw_mode(0o600), makedev(major, minor))?)
}

fn write(path: &Path, content: &mut impl Read) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    io::copy(content, &mut options.open(path)?).map(drop)
}

/// Takes away what is in the way of an entry: all but a folder where a folder comes.
fn make_room(path: &Path, kind: tar::EntryType) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() && kind == tar::EntryType::Directory => Ok(()),
        Ok(_) => remove(path),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(cause),
    }
}

/// Removes a file, or a folder with all in it, if it is there. Follows no link.
///
/// # Errors
/// Something of it cannot be removed.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() => remove_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(cause) => Err(cause),
    };
    match removed {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Removes a folder with all in it, however deep: a stranger's may be deeper than a stack, than there are descriptors,
/// and than a path may be long. So each folder in it is first moved to the top.
fn remove_all(top: &Path) -> io::Result<()> {
    let mut moved = 0_u64;
    loop {
        let mut is_empty = true;
        for entry in std::fs::read_dir(top)? {
            let entry = entry?;
            is_empty = false;
            if entry.file_type()?.is_dir() {
                lift(&entry.path(), top, &mut moved)?;
            } else {
                std::fs::remove_file(entry.path())?;
            }
        }
        if is_empty {
            return std::fs::remove_dir(top);
        }
    }
}

/// Removes one folder after what is in it: files go, folders come to the top.
fn lift(folder: &Path, top: &Path, moved: &mut u64) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            std::fs::remove_file(entry.path())?;
            continue;
        }
        // Something may be called so.
        while let Err(cause) = std::fs::rename(entry.path(), top.join(format!(".{moved}"))) {
            let is_taken = [
                io::ErrorKind::DirectoryNotEmpty,
                io::ErrorKind::NotADirectory,
                io::ErrorKind::AlreadyExists,
            ];
            if !is_taken.contains(&cause.kind()) {
                return Err(cause);
            }
            *moved += 1;
        }
        *moved += 1;
    }
    std::fs::remove_dir(folder)
}

/// Lays a layer with overlayfs' marks on a folder, which is made where it is missing: as overlayfs would show both. A
/// file of several names becomes several: so a change of one of them is none of the others, as with overlayfs.
///
/// # Errors
/// Something cannot be read or written.
pub(crate) fn lay(layer: &Path, on: &Path) -> io::Result<()> {
    let there = std::fs::symlink_metadata(layer)?;
    make_room(on, tar::EntryType::Directory)?;
    match std::fs::create_dir(on) {
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists && is_opaque(layer)? => {
            empty(on)?;
        }
        Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => return Err(cause),
        _ => {}
    }
    for entry in std::fs::read_dir(layer)? {
        let entry = entry?;
        let (from, to) = (entry.path(), on.join(entry.file_name()));
        let there = entry.metadata()?;
        if there.is_dir() {
            lay(&from, &to)?;
        } else {
            remove(&to)?;
            if !is_whiteout(&there) {
                lay_one(&from, &to, &there)?;
            }
        }
    }
    take_over(layer, on, &there)
}

/// Removes all that is in a folder.
fn empty(folder: &Path) -> io::Result<()> {
    std::fs::read_dir(folder)?.try_for_each(|entry| remove(&entry?.path()))
}

fn lay_one(from: &Path, to: &Path, there: &std::fs::Metadata) -> io::Result<()> {
    let kind = there.file_type();
    if kind.is_symlink() {
        std::os::unix::fs::symlink(std::fs::read_link(from)?, to)?;
    } else if kind.is_file() {
        std::fs::copy(from, to)?;
    } else if kind.is_fifo() {
        node(to, FileType::Fifo, (0, 0))?;
    } else {
        // A socket is nothing without its process, and devices no layer could get.
        return Ok(());
    }
    take_over(from, to, there)
}

/// Gives a file what another one has besides its bytes.
fn take_over(from: &Path, to: &Path, there: &std::fs::Metadata) -> io::Result<()> {
    let owner = (Some(Uid::from_raw(there.uid())), Some(Gid::from_raw(there.gid())));
    chownat(CWD, to, owner.0, owner.1, AtFlags::SYMLINK_NOFOLLOW)?;
    if !there.is_symlink() {
        // After the owner, whose change takes some bits away.
        chmodat(CWD, to, Mode::from_raw_mode(there.mode() & 0o7777), AtFlags::empty())?;
    }
    for (name, value) in attributes(from)? {
        lsetxattr(to, name.as_str(), &value, XattrFlags::empty())?;
    }
    touch(to, there.mtime())
}

/// What has become of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Became {
    /// It was not there.
    New,
    /// It, or something in it, is another one.
    Other,
    /// It is gone.
    Nothing,
}

/// Packs what has changed in a folder, with an image's marks for what is gone.
///
/// # Errors
/// Something cannot be read or written.
pub(crate) fn pack_only(
    from: &Path,
    changes: &BTreeMap<Vec<u8>, Became>,
    out: impl Write,
) -> io::Result<()> {
    let builder = tar::Builder::new(out);
    let (marks, linked) = (Marks::Overlay, HashMap::new());
    let mut packing = Packing { from, without: vec![], marks, builder, linked };
    for (name, became) in changes {
        let path = from.join(OsStr::from_bytes(name));
        let (folder, base) = split(name);
        if base.starts_with(WHITEOUT) {
            return Err(about(&path, &io::Error::other("a name that only marks in layers have")));
        }
        match std::fs::symlink_metadata(&path) {
            Ok(there) if *became != Became::Nothing => {
                packing.entry(name, &path, &there).map_err(|cause| about(&path, &cause))?;
            }
            // What was in a folder that is none any more is gone with it.
            _ if from
                .join(OsStr::from_bytes(folder))
                .symlink_metadata()
                .is_ok_and(|f| f.is_dir()) =>
            {
                packing.marked(folder, &[WHITEOUT, base].concat())?;
            }
            _ => {}
        }
    }
    packing.builder.into_inner()?.flush()
}

/// A name's folder, and its last part.
fn split(name: &[u8]) -> (&[u8], &[u8]) {
    match name.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&name[..at], &name[at + 1..]),
        None => (b"", name),
    }
}

/// Packs a file or folder, names sorted and relative to it, owners as numbers. Of the folders `without` only
/// themselves.
///
/// # Errors
/// Something cannot be read or written.
pub(crate) fn pack(
    from: &Path,
    without: &[String],
    marks: Marks,
    out: impl Write,
) -> io::Result<()> {
    let without = without.iter().map(|path| path.trim_matches('/').as_bytes().to_vec()).collect();
    let builder = tar::Builder::new(out);
    let mut packing = Packing { from, without, marks, builder, linked: HashMap::new() };
    let there = std::fs::symlink_metadata(from)?;
    if there.is_dir() {
        packing.folder(b"")?;
    } else {
        let base = from.file_name().map_or(&b""[..], OsStr::as_bytes);
        packing.entry(base, from, &there)?;
    }
    packing.builder.into_inner()?.flush()
}

/// The same with all names below the file's or folder's own.
///
/// # Errors
/// As of [`pack`].
pub(crate) fn pack_named(path: &Path, out: impl Write) -> io::Result<()> {
    let (Some(from), Some(own)) = (path.parent(), path.file_name()) else {
        return pack(path, &[], Marks::Refused, out);
    };
    let (marks, builder) = (Marks::Refused, tar::Builder::new(out));
    let mut packing = Packing { from, without: vec![], marks, builder, linked: HashMap::new() };
    let there = std::fs::symlink_metadata(path)?;
    if there.is_dir() {
        packing.folder(own.as_bytes())?;
    } else {
        packing.entry(own.as_bytes(), path, &there)?;
    }
    packing.builder.into_inner()?.flush()
}

/// Packs these paths of the root, without what is in them if they are folders. Of what is gone meanwhile, nothing.
///
/// # Errors
/// As of [`pack`].
pub(crate) fn pack_these<'a>(
    paths: impl Iterator<Item = &'a [u8]>,
    out: impl Write,
) -> io::Result<()> {
    let (from, marks, builder) = (Path::new("/"), Marks::Refused, tar::Builder::new(out));
    let mut packing = Packing { from, without: vec![], marks, builder, linked: HashMap::new() };
    for name in paths {
        let path = from.join(OsStr::from_bytes(name));
        match std::fs::symlink_metadata(&path) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            there => packing.entry(name, &path, &there?)?,
        }
    }
    packing.builder.into_inner()?.flush()
}

struct Packing<'a, W: Write> {
    from: &'a Path,
    without: Vec<Vec<u8>>,
    marks: Marks,
    builder: tar::Builder<W>,
    /// Files of several names by device and inode: the first name.
    linked: HashMap<(u64, u64), Vec<u8>>,
}

impl<W: Write> Packing<'_, W> {
    fn folder(&mut self, own: &[u8]) -> io::Result<()> {
        let folder = self.from.join(OsStr::from_bytes(own));
        self.entry(own, &folder, &std::fs::symlink_metadata(&folder)?)?;
        if self.marks == Marks::Overlay && is_opaque(&folder)? {
            self.marked(own, OPAQUE)?;
        }
        if self.without.iter().any(|path| path == own) && !own.is_empty() {
            return Ok(());
        }
        let entries = std::fs::read_dir(&folder)?;
        let mut names =
            entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
        names.sort();
        for base in names {
            let path = folder.join(&base);
            let there = match std::fs::symlink_metadata(&path) {
                // In a box that runs, files come and go.
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => continue,
                there => there?,
            };
            if base.as_bytes().starts_with(WHITEOUT) {
                return Err(about(
                    &path,
                    &io::Error::other("a name that only marks in layers have"),
                ));
            }
            let name = joined(own, base.as_bytes());
            if there.is_dir() {
                self.folder(&name)?;
            } else if self.marks == Marks::Overlay && is_whiteout(&there) {
                self.marked(own, &[WHITEOUT, base.as_bytes()].concat())?;
            } else {
                self.entry(&name, &path, &there).map_err(|cause| about(&path, &cause))?;
            }
        }
        Ok(())
    }

    /// A mark in a folder.
    fn marked(&mut self, folder: &[u8], base: &[u8]) -> io::Result<()> {
        let mut header = super::header(tar::EntryType::Regular, 0, 0o600, 0);
        append_raw(&mut self.builder, &mut header, &joined(folder, base), None, io::empty())
    }

    fn entry(&mut self, name: &[u8], path: &Path, there: &std::fs::Metadata) -> io::Result<()> {
        let Some(kind) = kind_of(there) else { return Ok(()) };
        let mtime = u64::try_from(there.mtime()).unwrap_or(0);
        let mut header = super::header(kind, 0, there.mode() & 0o7777, mtime);
        header.set_uid(u64::from(there.uid()));
        header.set_gid(u64::from(there.gid()));
        if let tar::EntryType::Char | tar::EntryType::Block = kind {
            header.set_device_major(major(there.rdev()))?;
            header.set_device_minor(minor(there.rdev()))?;
        }
        if !there.is_dir() && there.nlink() > 1 {
            let key = (there.dev(), there.ino());
            if let Some(first) = self.linked.get(&key) {
                header.set_entry_type(tar::EntryType::Link);
                return append_raw(&mut self.builder, &mut header, name, Some(first), io::empty());
            }
            self.linked.insert(key, name.to_vec());
        }
        let records = attributes(path)?
            .into_iter()
            .map(|(key, value)| (listing::XATTR.to_owned() + &key, value));
        let records = records.collect::<Vec<_>>();
        if !records.is_empty() {
            let records = records.iter().map(|(key, value)| (key.as_str(), value.as_slice()));
            self.builder.append_pax_extensions(records)?;
        }
        let shown = if there.is_dir() { [name, b"/"].concat() } else { name.to_vec() };
        let shown = if name.is_empty() { b"./".to_vec() } else { shown };
        if there.is_symlink() {
            let target = std::fs::read_link(path)?;
            let target = Some(target.as_os_str().as_bytes());
            return append_raw(&mut self.builder, &mut header, &shown, target, io::empty());
        }
        if !there.is_file() {
            return append_raw(&mut self.builder, &mut header, &shown, None, io::empty());
        }
        header.set_size(there.len());
        let file = unfollowed(path)?;
        // One that grows or shrinks meanwhile must not move the entries behind it.
        let content = file.chain(io::repeat(0)).take(there.len());
        append_raw(&mut self.builder, &mut header, &shown, None, content)
    }
}

fn unfollowed(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

fn joined(folder: &[u8], base: &[u8]) -> Vec<u8> {
    if folder.is_empty() { base.to_vec() } else { [folder, b"/", base].concat() }
}

/// A socket is nothing without its process.
fn kind_of(there: &std::fs::Metadata) -> Option<tar::EntryType> {
    let kind = there.file_type();
    Some(match kind {
        _ if kind.is_dir() => tar::EntryType::Directory,
        _ if kind.is_symlink() => tar::EntryType::Symlink,
        _ if kind.is_file() => tar::EntryType::Regular,
        _ if kind.is_fifo() => tar::EntryType::Fifo,
        _ if kind.is_char_device() => tar::EntryType::Char,
        _ if kind.is_block_device() => tar::EntryType::Block,
        _ => return None,
    })
}

fn is_whiteout(there: &std::fs::Metadata) -> bool {
    there.file_type().is_char_device() && there.rdev() == 0
}

/// Whether nothing below a folder is to be seen in it.
pub(crate) fn is_opaque(folder: &Path) -> io::Result<bool> {
    Ok(value(folder, OF_OVERLAY_OPAQUE)?.is_some_and(|value| value == b"y"))
}

/// The attributes of a file that belong into an archive.
pub(crate) fn attributes(path: &Path) -> io::Result<BTreeMap<String, Vec<u8>>> {
    those_of(path, |name| is_for_files(name) && !name.starts_with("system."))
}

/// All attributes of a file but those that overlayfs keeps for itself.
pub(crate) fn all_attributes(path: &Path) -> io::Result<BTreeMap<String, Vec<u8>>> {
    those_of(path, |name| !name.contains(".overlay."))
}

/// The attributes of a file whose names are wanted.
fn those_of(
    path: &Path,
    is_wanted: impl Fn(&str) -> bool,
) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut list = vec![0; LARGEST];
    let size = match llistxattr(path, list.as_mut_slice()) {
        Err(Errno::OPNOTSUPP) => 0,
        size => size?,
    };
    let names = list[..size].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let names = names.filter_map(|name| std::str::from_utf8(name).ok());
    let wanted = names.filter(|name| is_wanted(name));
    let found = wanted.map(|name| Ok(value(path, name)?.map(|value| (name.to_owned(), value))));
    found.filter_map(Result::transpose).collect()
}

fn value(path: &Path, name: &str) -> io::Result<Option<Vec<u8>>> {
    let mut value = vec![0; LARGEST];
    match lgetxattr(path, name, value.as_mut_slice()) {
        Ok(size) => {
            value.truncate(size);
            Ok(Some(value))
        }
        Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(None),
        Err(cause) => Err(cause.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_deeper_than_any_path_is_removed() {
        let above = tempfile::tempdir().unwrap();
        let [top, wrap] = ["top", "wrap"].map(|name| above.path().join(name));
        std::fs::create_dir(&top).unwrap();
        for level in 0..6000 {
            std::fs::create_dir(&wrap).unwrap();
            // As what is moved would be called.
            std::fs::write(wrap.join(format!(".{level}")), "").unwrap();
            std::fs::rename(&top, wrap.join("a")).unwrap();
            std::fs::rename(&wrap, &top).unwrap();
        }
        std::os::unix::fs::symlink("/", top.join("link")).unwrap();
        remove(&top).unwrap();
        assert_eq!(std::fs::read_dir(above.path()).unwrap().count(), 0);
        remove(&top).unwrap();
    }

    #[test]
    fn names_stay_below() {
        assert_eq!(inner(b"./a//b/").unwrap(), Path::new("a/b"));
        assert_eq!(inner(b"/etc").unwrap(), Path::new("etc"));
        assert_eq!(inner(b"./").unwrap(), Path::new(""));
        assert!(inner(b"a/../../b").is_err() && inner(b"a\0b").is_err());
    }

    #[test]
    fn overlays_own_attributes_are_nobodys() {
        assert!(is_for_files("security.capability") && is_for_files("user.x"));
        assert!(!is_for_files("user.overlay.opaque") && !is_for_files("trusted.overlay.redirect"));
    }
}
