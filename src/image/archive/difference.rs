//! What was changed in a container, out of the engine's archives of it: small files as they are, everything else
//! in an archive of its own, with a digest over all of it.
//!
//! What comes is read with limits, and nothing of it is followed. Does not know which change means what.

use std::collections::BTreeMap;
use std::convert::identity;
use std::fs::File;
use std::io;
use std::io::{Read, Write};

use sha2::{Digest, Sha256};

use super::limited::Gated;
use super::{limited, listing, read_on_thread, records};
use crate::base::error::{Error, Result};
use crate::base::hex::hex;
use crate::base::limits::{Limit, Limits};
use crate::image::archive::Body;

/// What becomes of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Its text is read, if it is a file of a setting's size; a folder is only noted.
    Small,
    /// It is taken along as it is; a folder, if anything in it is.
    Whole,
    /// The same, but if it is a folder only what is in it counts.
    File,
}

/// Which paths are wanted, without a slash at the beginning, and what was found of them so far.
pub struct Difference {
    wanted: BTreeMap<String, Way>,
    small: BTreeMap<String, Option<Vec<u8>>>,
    small_bytes: u64,
    whole: tar::Builder<File>,
    whole_bytes: u64,
    /// Folders that are taken along if anything in them is.
    folders: BTreeMap<String, tar::Header>,
    /// Path → all that makes it another one.
    described: BTreeMap<String, String>,
    names_dock: bool,
    limits: Limits,
}

/// All that was found.
#[derive(Debug)]
pub struct Found {
    /// Text of small files; nothing for a folder.
    pub small: BTreeMap<String, Option<Vec<u8>>>,
    /// Path → a text that changes with whatever is there, of what was taken along as it is.
    pub described: BTreeMap<String, String>,
    /// Whether any of that has the name of the dock's folder in it.
    pub names_dock: bool,
}

impl Difference {
    /// Looks for paths; what is taken along as it is goes into `whole`, as an archive.
    pub fn new(wanted: BTreeMap<String, Way>, whole: File, limits: Limits) -> Self {
        Self {
            wanted,
            small: BTreeMap::new(),
            small_bytes: 0,
            whole: tar::Builder::new(whole),
            whole_bytes: 0,
            folders: BTreeMap::new(),
            described: BTreeMap::new(),
            names_dock: false,
            limits,
        }
    }

    /// Takes the wanted paths out of an archive, whose names are below the folder `above`.
    ///
    /// # Errors
    /// It is no archive, or larger than the limits.
    pub async fn take(mut self, source: Body, above: String) -> Result<Self> {
        read_on_thread(source, move |reader| self.read(reader, &above).map(|()| self)).await
    }

    fn read(&mut self, reader: impl Read, above: &str) -> Result<()> {
        let limits = self.limits;
        let read = each(reader, &limits, |name, entry| {
            let path = format!("{above}/{name}").trim_matches('/').to_owned();
            match self.wanted.get(&path).copied() {
                Some(Way::File) if entry.header().entry_type().is_dir() => Ok(()),
                Some(Way::Small) if self.is_small(&path, entry)? => Ok(()),
                Some(_) => self.take_whole(&path, above, entry),
                None => Ok(()),
            }
        });
        read.map_err(failed("what a dock has changed", "cannot read what a dock has changed"))
    }

    /// Whether an entry is a small file or a folder.
    fn is_small<R: Read>(&mut self, path: &str, entry: &mut tar::Entry<'_, R>) -> io::Result<bool> {
        let kind = entry.header().entry_type();
        if kind.is_dir() {
            self.small.insert(path.to_owned(), None);
            return Ok(true);
        }
        if !kind.is_file() || entry.size() > self.limits.of(Limit::SettingSize) {
            return Ok(false);
        }
        self.small_bytes = self.small_bytes.saturating_add(entry.size());
        self.limits.check(Limit::SettingsSize, self.small_bytes)?;
        let mut text = vec![];
        entry.read_to_end(&mut text)?;
        self.small.insert(path.to_owned(), Some(text));
        Ok(true)
    }

    fn take_whole<R: Read>(
        &mut self,
        path: &str,
        above: &str,
        entry: &mut tar::Entry<'_, R>,
    ) -> io::Result<()> {
        let kind = entry.header().entry_type();
        if !(kind.is_file() || kind.is_dir() || kind.is_symlink() || kind.is_hard_link()) {
            return Err(io::Error::other(format!("`/{path}` is neither file, folder nor link")));
        }
        let mut header = entry.header().clone();
        if kind.is_dir() {
            self.folders.insert(path.to_owned(), header);
            return Ok(());
        }
        self.take_folders(path)?;
        header.set_size(if kind.is_file() { entry.size() } else { 0 });
        self.whole_bytes = self.whole_bytes.saturating_add(header.size()?);
        self.limits.check(Limit::ChangesSize, self.whole_bytes)?;
        let target = entry.link_name_bytes().map(|t| String::from_utf8_lossy(&t).into_owned());
        let content = match target {
            Some(target) if kind.is_hard_link() => {
                let target = format!("{above}/{target}").trim_matches('/').to_owned();
                self.whole.append_link(&mut header, path, &target)?;
                target
            }
            Some(target) => {
                self.names_dock |= names_dock(target.as_bytes());
                self.whole.append_link(&mut header, path, &target)?;
                target
            }
            None => {
                let mut reader =
                    Noting { inner: entry, hasher: Sha256::new(), met: Met::default() };
                self.whole.append_data(&mut header, path, &mut reader)?;
                self.names_dock |= reader.met.found;
                hex(&reader.hasher.finalize())
            }
        };
        self.describe(path, &header, &content)
    }

    /// The folders on the way to a path.
    fn take_folders(&mut self, path: &str) -> io::Result<()> {
        let ends = path.match_indices('/').map(|(at, _)| &path[..at]);
        for folder in ends {
            let Some(mut header) = self.folders.remove(folder) else { continue };
            header.set_size(0);
            self.whole.append_data(&mut header, format!("{folder}/"), io::empty())?;
            self.describe(folder, &header, "")?;
        }
        Ok(())
    }

    fn describe(&mut self, path: &str, header: &tar::Header, content: &str) -> io::Result<()> {
        let (kind, mode) = (header.entry_type(), header.mode()?);
        let (uid, gid) = listing::owner(header)?;
        let text = format!("{kind:?} {mode:o} {uid} {gid} {content:?}");
        self.described.insert(path.to_owned(), text);
        Ok(())
    }

    /// A small file that is to be taken along as it is after all.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn add_text(&mut self, path: &str, text: &[u8]) -> Result<()> {
        let failed =
            |e: io::Error| Error::step(format!("cannot keep what a dock has changed: {e}"));
        let mut header = super::header(tar::EntryType::Regular, text.len() as u64, 0o644, 0);
        self.whole.append_data(&mut header, path, text).map_err(failed)?;
        self.names_dock |= names_dock(text);
        self.described.insert(path.to_owned(), hex(&Sha256::digest(text)));
        Ok(())
    }

    /// The small files that were found so far.
    pub fn small(&self) -> &BTreeMap<String, Option<Vec<u8>>> {
        &self.small
    }

    /// Ends the archive.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(self) -> Result<Found> {
        let ended = self.whole.into_inner().and_then(|mut file| file.flush());
        ended.map_err(|e| Error::step(format!("cannot keep what a dock has changed: {e}")))?;
        Ok(Found { small: self.small, described: self.described, names_dock: self.names_dock })
    }
}

/// The folder that a builder has a dock in.
const DOCK: &[u8] = b"/config";

fn names_dock(text: &[u8]) -> bool {
    text.windows(DOCK.len()).any(|window| window == DOCK)
}

/// Looks at all entries of an archive, whose names have to be what they seem.
fn each<R: Read>(
    source: R,
    limits: &Limits,
    mut look: impl FnMut(&str, &mut tar::Entry<'_, Gated<R>>) -> io::Result<()>,
) -> io::Result<()> {
    limited::each(source, limits, identity, |name, entry, _| {
        records::check(entry)?;
        look(name, entry)
    })
}

/// The limit that a reader met in `what`, or what it could not do.
fn failed(what: &str, cannot: &str) -> impl FnOnce(io::Error) -> Error {
    move |cause| limited::error(what, &cause, || Error::step(format!("{cannot}: {cause}")))
}

/// A reader that hashes what goes through it, and looks for the dock's folder.
struct Noting<R> {
    inner: R,
    hasher: Sha256,
    met: Met,
}

impl<R: Read> Read for Noting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..n]);
        self.met.piece(&buffer[..n]);
        Ok(n)
    }
}

/// Whether a name was met, also across two pieces.
#[derive(Debug, Default)]
struct Met {
    found: bool,
    end: Vec<u8>,
}

impl Met {
    fn piece(&mut self, piece: &[u8]) {
        self.end.extend_from_slice(piece);
        self.found |= names_dock(&self.end);
        let keep = self.end.len().saturating_sub(DOCK.len() - 1);
        self.end.drain(..keep);
    }
}

/// Small files by their names in an archive, each up to a size; what is not there is not in the result.
///
/// # Errors
/// One is larger, or it is no archive.
pub async fn small_files(
    source: Body,
    wanted: BTreeMap<String, Limit>,
    limits: Limits,
) -> Result<BTreeMap<String, Vec<u8>>> {
    read_on_thread(source, move |reader| {
        read_small(reader, &wanted, &limits)
            .map_err(failed("what the builder says", "cannot read the builder's results"))
    })
    .await
}

fn read_small(
    reader: impl Read,
    wanted: &BTreeMap<String, Limit>,
    limits: &Limits,
) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    each(reader, limits, |name, entry| {
        let is_file = entry.header().entry_type().is_file();
        let Some(limit) = wanted.get(name).filter(|_| is_file) else { return Ok(()) };
        limits.check(*limit, entry.size())?;
        let mut text = vec![];
        entry.read_to_end(&mut text)?;
        found.insert(name.to_owned(), text);
        Ok(())
    })?;
    Ok(found)
}

/// Takes binary packages out of an archive, by their names in it; says which were there.
///
/// # Errors
/// One is larger, it is no archive, or a file cannot be written.
pub async fn take_packages(
    source: Body,
    wanted: BTreeMap<String, std::path::PathBuf>,
    limits: Limits,
) -> Result<Vec<String>> {
    read_on_thread(source, move |reader| {
        read_packages(reader, &wanted, &limits)
            .map_err(failed("what was compiled", "cannot take packages out of the builder"))
    })
    .await
}

fn read_packages(
    reader: impl Read,
    wanted: &BTreeMap<String, std::path::PathBuf>,
    limits: &Limits,
) -> io::Result<Vec<String>> {
    let mut found = vec![];
    each(reader, limits, |name, entry| {
        let is_file = entry.header().entry_type().is_file();
        let Some(dest) = wanted.get(name).filter(|_| is_file) else { return Ok(()) };
        limits.check(Limit::PackageSize, entry.size())?;
        io::copy(entry, &mut File::create(dest)?)?;
        found.push(name.to_owned());
        Ok(())
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tar as an engine sends it for `/etc/portage`.
    fn archive(add: impl FnOnce(&mut tar::Builder<Vec<u8>>)) -> Vec<u8> {
        let mut tar = tar::Builder::new(vec![]);
        add(&mut tar);
        tar.into_inner().unwrap()
    }

    fn file(tar: &mut tar::Builder<Vec<u8>>, path: &str, text: &[u8]) {
        let mut header = super::super::header(tar::EntryType::Regular, text.len() as u64, 0o644, 7);
        tar.append_data(&mut header, path, text).unwrap();
    }

    fn link(tar: &mut tar::Builder<Vec<u8>>, kind: tar::EntryType, path: &str, to: &str) {
        let mut header = super::super::header(kind, 0, 0o777, 7);
        tar.append_link(&mut header, path, to).unwrap();
    }

    fn found(tar: &[u8], wanted: &[(&str, Way)]) -> Result<(Found, Vec<u8>)> {
        let folder = tempfile::tempdir().unwrap();
        let whole = folder.path().join("whole.tar");
        let wanted = wanted.iter().map(|(path, way)| ((*path).to_owned(), *way)).collect();
        let mut difference =
            Difference::new(wanted, File::create(&whole).unwrap(), Limits::default());
        difference.read(tar, "etc")?;
        Ok((difference.finish()?, std::fs::read(&whole).unwrap()))
    }

    #[test]
    fn small_files_are_read_and_the_rest_is_taken_along_where_it_was() {
        let tar = archive(|tar| {
            file(tar, "portage/package.use/a", b"x/y z\n");
            file(tar, "portage/package.use/large", &vec![b'x'; (1 << 20) + 1]);
            link(tar, tar::EntryType::Symlink, "portage/package.use/link", "/config/use");
            file(tar, "portage/bashrc", b"true\n");
            link(tar, tar::EntryType::Link, "portage/env/b", "portage/bashrc");
            file(tar, "portage/unasked", b"x");
        });
        let (found, whole) = found(
            &tar,
            &[
                ("etc/portage/package.use/a", Way::Small),
                ("etc/portage/package.use/large", Way::Small),
                ("etc/portage/package.use/link", Way::Small),
                ("etc/portage/bashrc", Way::File),
                ("etc/portage/env/b", Way::Whole),
            ],
        )
        .unwrap();
        let small = found.small.keys().collect::<Vec<_>>();
        assert_eq!(small, ["etc/portage/package.use/a"]);
        let described = found.described.keys().collect::<Vec<_>>();
        let paths = ["bashrc", "env/b", "package.use/large", "package.use/link"];
        assert_eq!(described, paths.map(|path| format!("etc/portage/{path}")).each_ref());
        assert!(found.names_dock);
        let mut taken = tar::Archive::new(whole.as_slice());
        let links = taken.entries().unwrap().filter_map(|entry| {
            let entry = entry.unwrap();
            let to = entry.link_name().unwrap()?.display().to_string();
            Some((entry.path().unwrap().display().to_string(), to))
        });
        assert_eq!(
            links.collect::<Vec<_>>(),
            [
                ("etc/portage/package.use/link".to_owned(), "/config/use".to_owned()),
                ("etc/portage/env/b".to_owned(), "etc/portage/bashrc".to_owned()),
            ]
        );
    }

    #[test]
    fn a_folder_is_taken_along_with_what_is_in_it() {
        let tar = archive(|tar| {
            for folder in ["portage/env/", "portage/patches/", "portage/patches/a/"] {
                let mut header = super::super::header(tar::EntryType::Directory, 0, 0o755, 7);
                tar.append_data(&mut header, folder, io::empty()).unwrap();
            }
            file(tar, "portage/patches/a/x.patch", b"x");
        });
        let wanted = ["env", "patches", "patches/a", "patches/a/x.patch"];
        let wanted = wanted.map(|path| format!("etc/portage/{path}"));
        let wanted = wanted.each_ref().map(|path| (path.as_str(), Way::Whole));
        let described = found(&tar, &wanted).unwrap().0.described.into_keys().collect::<Vec<_>>();
        let paths = ["patches", "patches/a", "patches/a/x.patch"];
        assert_eq!(described, paths.map(|path| format!("etc/portage/{path}")));
    }

    #[test]
    fn content_mode_owner_and_target_make_another_text() {
        let one = |change: &dyn Fn(&mut tar::Header), text: &str| {
            let tar = archive(|tar| {
                let mut header =
                    super::super::header(tar::EntryType::Regular, text.len() as u64, 0o644, 7);
                change(&mut header);
                tar.append_data(&mut header, "x", text.as_bytes()).unwrap();
            });
            found(&tar, &[("etc/x", Way::Whole)]).unwrap().0.described["etc/x"].clone()
        };
        let same = one(&|_| {}, "a");
        assert_eq!(one(&|header| header.set_mtime(9), "a"), same, "times are of one run");
        assert_ne!(one(&|_| {}, "b"), same);
        assert_ne!(one(&|header| header.set_mode(0o755), "a"), same);
        assert_ne!(one(&|header| header.set_uid(1), "a"), same);
        assert_ne!(one(&|header| header.set_gid(1), "a"), same);
    }

    #[test]
    fn devices_and_broken_archives_are_errors() {
        let device = archive(|tar| {
            let mut header = super::super::header(tar::EntryType::Char, 0, 0o666, 7);
            tar.append_data(&mut header, "x", io::empty()).unwrap();
        });
        assert!(found(&device, &[("etc/x", Way::Whole)]).is_err());
        assert!(found(&[b'x'; 2000], &[]).is_err());
        let cut = archive(|tar| file(tar, "x", &[b'x'; 5000]));
        assert!(found(&cut[..3000], &[("etc/x", Way::Whole)]).is_err());
    }

    #[test]
    fn the_docks_folder_is_met_across_pieces() {
        let met = |pieces: &[&str]| {
            let mut met = Met::default();
            for piece in pieces {
                met.piece(piece.as_bytes());
            }
            met.found
        };
        assert!(met(&["x /con", "fig/y"]) && met(&["/", "c", "onfi", "g"]) && met(&["/config"]));
        assert!(!met(&["/con", "/fig", "/confi", "x"]));
    }

    #[test]
    fn what_is_read_into_memory_has_a_limit() {
        let tar = archive(|tar| file(tar, "out/settings", &[b'x'; 100]));
        let wanted = BTreeMap::from([("out/settings".to_owned(), Limit::ListSize)]);
        let read = |most| {
            read_small(tar.as_slice(), &wanted, &Limits::default().with(Limit::ListSize, most))
        };
        assert_eq!(read(100).unwrap()["out/settings"].len(), 100);
        let said = read(99).unwrap_err().to_string();
        assert_eq!(
            said,
            "more than 99 bytes (`list_size`: bytes of a list that a builder hands out)"
        );
    }

    #[test]
    fn names_records_and_entries_have_limits() {
        let tar = archive(|tar| {
            for number in 0..3 {
                file(tar, &format!("{number}/{}", "x".repeat(200)), b"y");
            }
        });
        let read = |limit, most| {
            let limits = Limits::default().with(limit, most);
            read_small(tar.as_slice(), &BTreeMap::new(), &limits).map_err(|e| e.to_string())
        };
        assert!(read(Limit::Entries, 3).is_ok());
        for (limit, most) in [(Limit::Entries, 2), (Limit::Depth, 1), (Limit::NamesSize, 500)] {
            let said = read(limit, most).unwrap_err();
            assert!(said.contains(limit.row().name), "{said}");
        }
        let mut long = tar::Builder::new(vec![]);
        let comment = vec![b'x'; 20_000];
        long.append_pax_extensions([("comment", comment.as_slice())]).unwrap();
        file(&mut long, "x", b"y");
        let limits = Limits::default().with(Limit::RecordSize, 10_000);
        let long = long.into_inner().unwrap();
        let said = read_small(long.as_slice(), &BTreeMap::new(), &limits).unwrap_err().to_string();
        assert!(said.contains("record_size"), "{said}");
    }

    #[test]
    fn a_name_that_cannot_be_read_is_refused() {
        let mut tar = tar::Builder::new(vec![]);
        tar.append_pax_extensions([("path", b"portage/a\nb".as_slice())]).unwrap();
        file(&mut tar, "portage/a", b"y");
        let tar = tar.into_inner().unwrap();
        assert!(found(&tar, &[("etc/portage/a", Way::Small)]).is_err());
    }
}
