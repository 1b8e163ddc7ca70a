//! The ebuild repository's snapshot on its way into a box: read as it comes out of its compression, and written as what
//! belongs below one folder. So nothing in the box has to unpack it, and it is there once.
//!
//! Files, folders and links are in one, owned by nobody in particular; anything else is refused. Does not know what the
//! files are for.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::mem::ManuallyDrop;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use tar::EntryType;

use super::limited::{Gated, each, unpacked};
use super::{Body, Transit, append_raw, header, named, packed, write_on_thread};
use crate::base::limits::Limits;

/// A snapshot that was verified.
#[derive(Debug)]
pub struct Snapshot {
    /// The archive, compressed or not.
    pub path: PathBuf,
    /// What it was verified by, in hex.
    pub sha512: String,
    /// The folder that its top folder stands for, from the root.
    pub into: &'static str,
    /// What is read of it at most.
    pub limits: Limits,
}

impl Snapshot {
    /// A tar stream for a box's root; it ends in an error unless the file is the one that was verified.
    pub fn stream(self, transit: Transit) -> Body {
        write_on_thread(move |out| transit.clone().noted(self.write(&transit, out)))
    }

    fn write(&self, transit: &Transit, mut out: impl Write) -> io::Result<()> {
        let file = File::open(&self.path).map_err(|e| named(&self.path, &e))?;
        let size = file.metadata()?.len();
        let mut file = transit.reader(file);
        let data = packed::unpacked(BufReader::with_capacity(1 << 16, &mut file), &self.limits)?;
        let data = unpacked(data, size, &self.limits);
        let builder = ManuallyDrop::new(tar::Builder::new(&mut out));
        let mut rewritten =
            Rewritten { into: self.into, links: BTreeSet::new(), seen: false, builder };
        rewritten.place()?;
        each(data, &self.limits, |cause| cause, |_, entry, _| rewritten.entry(entry))?;
        if !rewritten.seen {
            return Err(io::Error::other("there is nothing in the archive"));
        }
        file.finish(&self.sha512, &self.path)?;
        ManuallyDrop::into_inner(rewritten.builder).into_inner()?;
        out.flush()
    }
}

/// Entries with other names. The end of the archive is for who knows that all went well.
struct Rewritten<W: Write> {
    into: &'static str,
    /// Names that lead elsewhere: nothing may be put below them.
    links: BTreeSet<Vec<u8>>,
    seen: bool,
    /// Where it is dropped, it would write the end.
    builder: ManuallyDrop<tar::Builder<W>>,
}

impl<W: Write> Rewritten<W> {
    /// The folders that it is in, so that they are the same whatever an engine does where they are not named: what else
    /// is in them stays, and what is no folder is replaced.
    fn place(&mut self) -> io::Result<()> {
        let slashes = self.into.match_indices('/').map(|(at, _)| at);
        for end in slashes.chain([self.into.len()]) {
            let mut header = header(EntryType::Directory, 0, 0o755, 0);
            let name = &self.into.as_bytes()[..end];
            append_raw(&mut self.builder, &mut header, name, None, io::empty())?;
        }
        Ok(())
    }

    fn entry<R: Read>(&mut self, entry: &mut tar::Entry<'_, Gated<R>>) -> io::Result<()> {
        let given = entry.path_bytes().into_owned();
        let kind = kind(entry, &given)?;
        if kind == EntryType::XGlobalHeader {
            return Ok(());
        }
        self.seen = true;
        let Some(name) = self.below(&given)? else { return Ok(()) };
        let mode = entry.header().mode()? & 0o777;
        // A time that is none is the beginning of times.
        let mtime = entry.header().mtime().ok().filter(|&time| i64::try_from(time).is_ok());
        let target = self.target(kind, entry)?;
        let size = if kind == EntryType::Regular { entry.size() } else { 0 };
        if kind == EntryType::Symlink {
            self.links.insert(name.clone());
        }
        let mut header = header(kind, size, mode, mtime.unwrap_or(0));
        append_raw(&mut self.builder, &mut header, &name, target.as_deref(), entry.take(size))
    }

    fn target<R: Read>(
        &self,
        kind: EntryType,
        entry: &tar::Entry<'_, Gated<R>>,
    ) -> io::Result<Option<Vec<u8>>> {
        let target = entry.link_name_bytes().map(std::borrow::Cow::into_owned);
        let given = entry.path_bytes();
        let some = || {
            target
                .clone()
                .filter(|to| !to.is_empty())
                .ok_or_else(|| told(&given, "is a link to nothing"))
        };
        match kind {
            EntryType::Symlink if some()?.contains(&0) => Err(told(&given, "has a NUL in it")),
            EntryType::Symlink => some().map(Some),
            // Its target is another name in the archive.
            EntryType::Link => {
                let target = some()?;
                self.below(&target)?.ok_or_else(|| outside(&target)).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// A name without its first part, below the folder; none for what has no other part.
    fn below(&self, name: &[u8]) -> io::Result<Option<Vec<u8>>> {
        if name.contains(&0) {
            return Err(told(name, "has a NUL in it"));
        }
        let parts = name.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b"."));
        let parts = parts.collect::<Vec<_>>();
        if parts.contains(&b"..".as_slice()) {
            return Err(outside(name));
        }
        let Some((_, rest @ [_, ..])) = parts.split_first() else { return Ok(None) };
        if rest.iter().any(|part| part.starts_with(b".wh.")) {
            return Err(told(name, "is a layer's mark for what is not there"));
        }
        let whole = [self.into.as_bytes(), &rest.join(&b'/')].join(&b'/');
        let slashes = whole.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        if slashes.map(|(at, _)| &whole[..at]).any(|above| self.links.contains(above)) {
            return Err(told(name, "is below a link"));
        }
        Ok(Some(whole))
    }
}

/// What an entry is taken for: a folder, a file, a link, or no entry at all.
fn kind<R: Read>(entry: &mut tar::Entry<'_, Gated<R>>, name: &[u8]) -> io::Result<EntryType> {
    match entry.header().entry_type() {
        // Of archives that have no folders.
        EntryType::Regular if name.ends_with(b"/") => Ok(EntryType::Directory),
        EntryType::Regular | EntryType::Continuous if has_holes(entry)? => {
            Err(told(name, "has holes"))
        }
        EntryType::Regular | EntryType::Continuous => Ok(EntryType::Regular),
        EntryType::GNUSparse => Err(told(name, "has holes")),
        kind @ (EntryType::Directory
        | EntryType::Symlink
        | EntryType::Link
        | EntryType::XGlobalHeader) => Ok(kind),
        _ => Err(told(name, "is no file, folder or link")),
    }
}

/// Whether it is one whose content is a map of holes, and data: `GNU.sparse.*` in its records.
fn has_holes<R: Read>(entry: &mut tar::Entry<'_, Gated<R>>) -> io::Result<bool> {
    let Some(records) = entry.pax_extensions()? else { return Ok(false) };
    for record in records {
        if record?.key_bytes().starts_with(b"GNU.sparse.") {
            return Ok(true);
        }
    }
    Ok(false)
}

fn outside(name: &[u8]) -> io::Error {
    told(name, "leads out of it")
}

fn told(name: &[u8], what: &str) -> io::Error {
    let name = std::ffi::OsStr::from_bytes(name).display();
    io::Error::other(format!("`{name}` in the archive {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hex::hex;
    use sha2::{Digest, Sha512};

    /// An archive of entries: kind, name, target or text.
    fn archive(entries: &[(EntryType, &str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(vec![]);
        for &(kind, name, text) in entries {
            let is_file = kind == EntryType::Regular;
            let size = if is_file { text.len() as u64 } else { 0 };
            let mut header = header(kind, size, 0o4755, 5);
            header.set_uid(1000);
            let target = (!is_file && !text.is_empty()).then_some(text.as_bytes());
            let data = if is_file { text.as_bytes() } else { b"" };
            append_raw(&mut builder, &mut header, name.as_bytes(), target, data).unwrap();
        }
        builder.into_inner().unwrap()
    }

    /// What comes out: each entry's kind, name, target or text; or why none does.
    fn through(data: &[u8], sha512: Option<&str>) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        std::fs::write(&path, data).unwrap();
        let sha512 = sha512.map_or_else(|| hex(&Sha512::digest(data)), str::to_owned);
        let snapshot = Snapshot { path, sha512, into: "var/repo", limits: Limits::default() };
        let (mut out, transit) = (vec![], Transit::default());
        transit.noted(snapshot.write(&transit, &mut out)).map_err(|_| {
            let why = transit.failure().unwrap().to_string();
            why.replace(&folder.path().display().to_string(), "F")
        })?;
        assert!(transit.is_verified());
        assert_eq!(transit.read(), data.len() as u64);
        let mut archive = tar::Archive::new(out.as_slice());
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let head = entry.header();
            assert_eq!((head.uid().unwrap(), head.mode().unwrap()), (0, 0o755));
            let (kind, mtime) = (head.entry_type(), head.mtime().unwrap());
            let name = entry.path().unwrap().display().to_string();
            let is_place = ["var", "var/repo"].contains(&name.as_str());
            assert_eq!(mtime, if is_place { 0 } else { 5 });
            let target = entry.link_name().unwrap().map(|to| format!(" -> {}", to.display()));
            let mut text = target.unwrap_or_default();
            entry.read_to_string(&mut text).unwrap();
            format!("{kind:?} {name} {text}")
        });
        Ok(entries.collect())
    }

    #[test]
    fn what_is_below_the_top_folder_goes_below_another() {
        let long = format!("top/{}/f", "n".repeat(200));
        let data = archive(&[
            (EntryType::XGlobalHeader, "pax_global_header", ""),
            (EntryType::Directory, "top/", ""),
            (EntryType::Directory, "./top/a/", ""),
            (EntryType::Regular, "top/a/f", "text"),
            (EntryType::Regular, "top/old/", ""),
            (EntryType::Symlink, "top/a/l", "../../x"),
            (EntryType::Link, "top/a/h", "top/a/f"),
            (EntryType::Regular, &long, "far"),
        ]);
        let long = format!("Regular var/repo/{}/f far", "n".repeat(200));
        let expected = [
            "Directory var ",
            "Directory var/repo ",
            "Directory var/repo/a ",
            "Regular var/repo/a/f text",
            "Directory var/repo/old ",
            "Symlink var/repo/a/l  -> ../../x",
            "Link var/repo/a/h  -> var/repo/a/f",
            &long,
        ];
        assert_eq!(through(&data, None).unwrap(), expected);
    }

    #[test]
    fn what_does_not_belong_into_one_is_refused() {
        let one = |kind, name, text| through(&archive(&[(kind, name, text)]), None).unwrap_err();
        let out = "in the archive leads out of it";
        assert_eq!(one(EntryType::Regular, "top/../../f", ""), format!("`top/../../f` {out}"));
        assert_eq!(
            one(EntryType::Link, "top/h", "../etc/shadow"),
            format!("`../etc/shadow` {out}")
        );
        assert_eq!(one(EntryType::Link, "top/h", "top"), format!("`top` {out}"));
        for kind in [EntryType::Fifo, EntryType::Char, EntryType::Block] {
            let no = "`top/d` in the archive is no file, folder or link";
            assert_eq!(one(kind, "top/d", ""), no);
        }
        let mark = "`top/d/.wh.f` in the archive is a layer's mark for what is not there";
        assert_eq!(one(EntryType::Regular, "top/d/.wh.f", ""), mark);
        let data = archive(&[(EntryType::Regular, "top/f", "text")]);
        let changed = through(&data, Some("00")).unwrap_err();
        assert_eq!(changed, "`F/s` changed after it was verified");
        let linked =
            [(EntryType::Symlink, "top/x", "/usr/bin"), (EntryType::Regular, "top/x/emerge", "")];
        let below = "`top/x/emerge` in the archive is below a link";
        assert_eq!(through(&archive(&linked), None).unwrap_err(), below);
        let hard = [linked[0], (EntryType::Link, "top/h", "top/x/emerge")];
        assert_eq!(through(&archive(&hard), None).unwrap_err(), below);
        assert_eq!(
            one(EntryType::Symlink, "top/l", ""),
            "`top/l` in the archive is a link to nothing"
        );
        let mut sparse = tar::Builder::new(vec![]);
        sparse.append_pax_extensions([("GNU.sparse.major", b"1".as_slice())]).unwrap();
        sparse
            .append_data(&mut header(EntryType::Regular, 0, 0o644, 0), "top/s", io::empty())
            .unwrap();
        let sparse = through(&sparse.into_inner().unwrap(), None).unwrap_err();
        assert_eq!(sparse, "`top/s` in the archive has holes");
        for nothing in [&[][..], &[0; 1024]] {
            assert_eq!(through(nothing, None).unwrap_err(), "there is nothing in the archive");
        }
        assert!(through(b"no archive", None).unwrap_err().contains("entire block"));
        let deep = format!("top/{}f", "d/".repeat(300));
        let deep = one(EntryType::Regular, &deep, "");
        assert_eq!(deep, "more than 256 (`depth`: folders in one another)");
        assert!(through(&data[..700], None).unwrap_err().contains("unexpected"));
    }
}
