//! The root of this container as the builder's image has it, and how it comes back to that after somebody has worked
//! in it.
//!
//! ```text
//! /var/lib/gentoo-bb/builder.json   what the builder is           (marker)
//! /var/lib/gentoo-bb/root.tar       its root
//! /var/lib/gentoo-bb/caches/NAME
//! /var/lib/gentoo-bb/boxes/ID       what a box has, while another one works
//! /run/gentoo-bb/lock               held by the `bb` whose boxes work
//! /run/gentoo-bb/seen               how the root was before they did
//! ```
//!
//! What the container had besides the builder (a checkout, a job's own files) is left alone. Where a box changes such a
//! file, it cannot be brought back, and that is an error.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::seen::{Changes, Index, absolute, look};
use super::{BOXES, CACHES, FOLDER, IMAGES, RUN};
use crate::base::error::{Error, Result, io_reason};
use crate::base::limits::Limits;
use crate::engine::native::helper::Helper;
use crate::engine::native::settings;
use crate::engine::native::wire::{Files, Job};
use crate::image::archive::{bundle, folder, listing};
use crate::image::tree::{Kind, Node, Nodes};

/// The kernel's times have steps: what is changed within one of them has the same.
const TICK: Duration = Duration::from_millis(20);
/// Of what a job itself has there, files may change at any time.
const PASSING: [&str; 2] = ["tmp/", "var/tmp/"];
/// More faults than these are not told.
const TOLD: usize = 10;

/// How the root was, kept for whoever comes after a `bb` that was killed.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    index: Index,
    /// Whether a box has worked in it since.
    in_use: bool,
    /// Files of the job that a box has changed.
    lost: Vec<PathBuf>,
}

/// The root.
#[derive(Debug)]
pub(super) struct Root {
    program: PathBuf,
    limits: Limits,
    /// What the builder's image has, by path.
    builder: Nodes,
    without: BTreeSet<PathBuf>,
    index: Index,
}

fn failed(what: &str, cause: &io::Error) -> Error {
    Error::engine(format!("cannot {what}: {}", io_reason(cause)))
}

impl Root {
    /// Reads what the builder is. `own`: folders in which `bb` itself works.
    pub(super) fn open(program: PathBuf, limits: &Limits, own: BTreeSet<PathBuf>) -> Result<Self> {
        let archive = Path::new(FOLDER).join("root.tar");
        let size =
            std::fs::metadata(&archive).map_err(|e| Error::file("read", &archive, &e))?.len();
        let entries = listing::layer(&listing::whole(&archive, size), limits);
        let builder =
            entries.map_err(|left| left.error(|why| format!("the builder's root: {why}")))?;
        let written = [BOXES, CACHES, IMAGES].map(|name| Path::new(FOLDER).join(name));
        let without = [RUN, "/proc", "/sys", "/dev"].map(PathBuf::from);
        let without = own.into_iter().chain(without).chain(written).collect();
        Ok(Self { program, limits: *limits, builder, without, index: Index::new() })
    }

    /// What the builder's image has.
    pub(super) fn builder(&self) -> &Nodes {
        &self.builder
    }

    /// Brings the root to what it is to be, whoever has worked in it, and notes that somebody works in it now.
    pub(super) fn begin(&mut self) -> Result<()> {
        let kept = read_kept();
        let now = self.look()?;
        match kept {
            Some(Kept { lost, .. }) if !lost.is_empty() => return Err(not_restored(&lost)),
            // A box of somebody who was killed: all that it did goes.
            Some(Kept { index, in_use: true, .. }) => {
                self.index = index;
                self.undo(&Changes::between(&self.index, &now))?;
            }
            // A job's own files may have come since.
            Some(Kept { index, in_use: false, .. }) => {
                let mut changes = Changes::between(&index, &now);
                changes.new.retain(|path| self.builder.contains_key(path.as_slice()));
                self.restore_builder(&changes)?;
            }
            None => self.restore_builder(&self.odd(&now)?)?,
        }
        self.index = self.look()?;
        std::thread::sleep(TICK);
        self.keep(true, vec![])
    }

    /// What has changed since.
    pub(super) fn changes(&self) -> Result<Changes> {
        Ok(Changes::between(&self.index, &self.look()?))
    }

    /// Brings the root back.
    pub(super) fn end(&mut self) -> Result<()> {
        self.undo(&self.changes()?)
    }

    /// Undoes all changes. Where something stays changed, nobody goes on in this container.
    fn undo(&mut self, changes: &Changes) -> Result<()> {
        let mut lost = self.restore(changes)?;
        let now = self.look()?;
        // What an archive does not bring back shows here: attributes that are too many, the root's own rights.
        let odd = self.index.iter().filter(|(path, was)| {
            was.is_folder() && now.get(*path).is_some_and(|seen| seen != *was)
        });
        lost.extend(odd.map(|(path, _)| absolute(path)));
        self.index = now;
        self.keep(false, lost.clone())?;
        if lost.is_empty() { Ok(()) } else { Err(not_restored(&lost)) }
    }

    /// Packs changes for whoever has made them, who goes on later: [`take_up`](Self::take_up).
    pub(super) fn put_aside(&self, id: &str) -> Result<()> {
        let changes = self.changes()?;
        let place = place(id);
        let what = "put a box aside";
        std::fs::create_dir_all(&place).map_err(|e| failed(what, &e))?;
        // What is the job's own stays where it is: it may be written just now.
        let builders = |path: &&Vec<u8>| self.builder.contains_key(path.as_slice());
        let other = changes.other.iter().filter(builders);
        let here = changes.new.iter().chain(other).map(Vec::as_slice);
        // Folders before what is in them.
        let here = here.collect::<BTreeSet<_>>();
        let file = File::create(place.join("changes.tar")).map_err(|e| failed(what, &e))?;
        folder::pack_these(here.into_iter(), io::BufWriter::new(file))
            .map_err(|e| failed(what, &e))?;
        let gone = changes.gone.join(&0);
        std::fs::write(place.join("gone"), gone).map_err(|e| failed(what, &e))
    }

    /// The changes of somebody who goes on.
    pub(super) fn take_up(&self, id: &str) -> Result<()> {
        let place = place(id);
        let what = "go on with a box";
        let gone = std::fs::read(place.join("gone")).map_err(|e| failed(what, &e))?;
        for path in gone.split(|byte| *byte == 0).filter(|path| !path.is_empty()) {
            folder::remove(&absolute(path)).map_err(|e| failed(what, &e))?;
        }
        self.unpack(&place.join("changes.tar"))?;
        forget(id)
    }

    fn look(&self) -> Result<Index> {
        look(&self.without).map_err(|e| failed("look at the container's root", &e))
    }

    /// What of the builder is not as its image has it, byte by byte.
    fn odd(&self, now: &Index) -> Result<Changes> {
        let mut changes = Changes::default();
        for (path, node) in &self.builder {
            match now.get(path.as_slice()) {
                None => changes.gone.push(path.to_vec()),
                Some(_) if !is_as(node, &absolute(path))? => changes.other.push(path.to_vec()),
                Some(_) => {}
            }
        }
        // Mounted, or the engine's own: it was never there.
        changes.gone.retain(|path| !self.is_without(path));
        Ok(changes)
    }

    fn is_without(&self, path: &[u8]) -> bool {
        let path = absolute(path);
        path.ancestors().any(|at| self.without.contains(at))
            || std::fs::symlink_metadata(&path).is_ok()
    }

    /// Undoes all changes but those of what is the job's own, which are returned.
    fn restore(&self, changes: &Changes) -> Result<Vec<PathBuf>> {
        let foreign = |path: &&Vec<u8>| !self.builder.contains_key(path.as_slice());
        let passing =
            |path: &&Vec<u8>| PASSING.iter().any(|folder| path.starts_with(folder.as_bytes()));
        let lost = changes.gone.iter().chain(&changes.other).filter(foreign);
        let lost =
            lost.filter(|path| !passing(path)).map(|path| absolute(path)).collect::<Vec<_>>();
        let archive = Path::new(FOLDER).join("root.tar");
        if lost.contains(&archive) {
            // Nothing is to be had from that any more.
            self.keep(true, lost.clone())?;
            return Err(not_restored(&lost));
        }
        // The last first: what is in a folder before that.
        for path in changes.new.iter().rev() {
            folder::remove(&absolute(path))
                .map_err(|e| failed("remove what a box has left", &e))?;
        }
        self.restore_builder(changes)?;
        Ok(lost)
    }

    /// Brings back what of the changes is the builder's.
    fn restore_builder(&self, changes: &Changes) -> Result<()> {
        let paths = changes.gone.iter().chain(&changes.other).chain(&changes.new);
        let wanted = paths.filter_map(|path| self.builder.get_key_value(path.as_slice()));
        let wanted = wanted.map(|(path, node)| (path.clone(), node.clone())).collect::<Nodes>();
        if wanted.is_empty() {
            return Ok(());
        }
        for (path, node) in &wanted {
            let at = absolute(path);
            let there = std::fs::symlink_metadata(&at);
            if there.is_ok_and(|there| there.is_dir() != (node.kind == Kind::Folder)) {
                folder::remove(&at).map_err(|e| failed("bring the builder back", &e))?;
            }
        }
        let what = |e: io::Error| failed("bring the builder back", &e);
        let file = tempfile::NamedTempFile::new_in(RUN).map_err(what)?;
        bundle::write_archive(file.path(), &wanted, 0)?;
        self.unpack(file.path())
    }

    fn unpack(&self, archive: &Path) -> Result<()> {
        let file = File::open(archive).map_err(|e| Error::file("read", archive, &e))?;
        let job = Files::Unpack { into: "/".to_owned(), limits: settings(&self.limits) };
        let job = Job::GuestFiles(job, "/".into());
        Helper::start(&self.program, Path::new("/"), &job, &[file.as_fd()])?.done().map(drop)
    }

    fn keep(&self, in_use: bool, lost: Vec<PathBuf>) -> Result<()> {
        let kept = Kept { index: self.index.clone(), in_use, lost };
        let text = postcard::to_stdvec(&kept).map_err(|e| Error::bug(e.to_string()))?;
        crate::engine::native::store::put(&Path::new(RUN).join("seen"), &text)
    }
}

fn place(id: &str) -> PathBuf {
    Path::new(FOLDER).join(BOXES).join(id)
}

/// Removes what was put aside for a box.
pub(super) fn forget(id: &str) -> Result<()> {
    folder::remove(&place(id)).map_err(|e| failed("remove a box", &e))
}

/// One that cannot be read is none: then all is looked at, byte by byte.
fn read_kept() -> Option<Kept> {
    postcard::from_bytes(&std::fs::read(Path::new(RUN).join("seen")).ok()?).ok()
}

fn not_restored(lost: &[PathBuf]) -> Error {
    let error =
        Error::engine("a box has changed files of this container that are none of the builder's");
    let shown = lost.iter().take(TOLD);
    let error = shown.fold(error, |error, path| error.detail(format!("  {}", path.display())));
    error.hint(
        "they cannot be brought back: begin with a fresh container, and look what the dock does",
    )
}

/// Whether a path is what the builder's image has there.
fn is_as(node: &Node, path: &Path) -> Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let odd = |e: io::Error| Error::file("read", path, &e);
    let there = match std::fs::symlink_metadata(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(false),
        there => there.map_err(odd)?,
    };
    let owner = (u64::from(there.uid()), u64::from(there.gid())) == (node.uid, node.gid);
    // Of a link they say nothing.
    let rights = there.is_symlink() || there.mode() & 0o7777 == node.mode;
    if !owner || !rights {
        return Ok(false);
    }
    match &node.kind {
        Kind::Folder => Ok(there.is_dir() && folder::attributes(path).map_err(odd)? == node.xattrs),
        Kind::Link(to) => {
            use std::os::unix::ffi::OsStrExt;
            let target = std::fs::read_link(path);
            Ok(target.is_ok_and(|target| target.as_os_str().as_bytes() == to.as_slice()))
        }
        Kind::File(content) if there.is_file() && there.len() == content.size => {
            let same =
                listing::is_same(content, &listing::whole(path, there.len())).map_err(odd)?;
            Ok(same && folder::attributes(path).map_err(odd)? == node.xattrs)
        }
        Kind::File(_) => Ok(false),
        Kind::Device(..) | Kind::Fifo => Ok(!there.is_dir() && !there.is_file()),
    }
}
