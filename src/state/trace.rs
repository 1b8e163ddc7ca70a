//! What was looked at when everything was found fresh: files by their stat, engine objects by their
//! ids. While all of it is the same, the answer is the same, and nothing need be read or planned.
//!
//! Only compares. Knows neither plan nor judge, and is never the truth: where anything differs, or
//! the file cannot be read, the whole question is asked again.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use postcard::ser_flavors::Size;
use serde::ser::SerializeSeq;
use serde::{Deserialize, Serialize, Serializer};

use crate::base::parallel;
use crate::fresh::Inventory;
use crate::fresh::record::{FileState, FileType};
use crate::plan::step::Object;
use crate::state::store::file_state;

/// Version of the file's format.
const FORMAT: u32 = 1;

/// So many files are looked at before what was seen of them is put together.
const AT_ONCE: usize = 16 * 1024;

/// The stat of one file: all but what a link leads to, which cannot change without a new inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat(FileType, u32, u64, i64, i64, u64);

impl From<&FileState> for Stat {
    fn from(s: &FileState) -> Self {
        Self(s.kind, s.mode, s.size, s.mtime, s.ctime, s.inode)
    }
}

/// Everything that an all-fresh judgement looked at.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace<'a> {
    format: u32,
    /// How many steps were found fresh.
    pub steps: usize,
    /// Names of engine objects with what they are.
    #[serde(borrow)]
    objects: Vec<(&'a str, Option<&'a str>)>,
    #[serde(borrow)]
    folders: Vec<Folder<'a>>,
}

/// Files of one folder: a path is written once for all of them.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Folder<'a> {
    path: &'a [u8],
    files: Vec<(&'a [u8], Stat)>,
}

/// A trace's paths and objects before they are looked at.
#[derive(Debug, Default)]
pub struct Looked<'a> {
    /// How many steps were found fresh.
    pub steps: usize,
    /// Files, links not followed; a folder itself is `FOLDER/.`.
    pub files: BTreeSet<Cow<'a, Path>>,
    /// Engine objects.
    pub objects: BTreeSet<Object>,
}

impl Looked<'_> {
    /// The trace as bytes. `seen` is when the looking began, nanoseconds since 1970: `None` if any
    /// file is not settled then, for its times could not tell of a change.
    pub fn trace(&self, inventory: &Inventory, seen: i64) -> Option<Vec<u8>> {
        let settled = |path: &&Path| {
            let state = file_state(path);
            state.is_settled(seen).then(|| Stat::from(&state)).ok_or(())
        };
        let files = self.files.iter().map(|file| &**file).collect::<Vec<_>>();
        let mut states = Vec::with_capacity(files.len());
        for some in files.chunks(AT_ONCE) {
            states.extend(parallel::map(some, settled).ok()?);
        }
        let references = self.objects.iter().map(|Object::Image(reference)| reference.as_str());
        let objects = references.map(|r| (r, inventory.id_of(r))).collect();
        let folders = Folders { files: &files, states: &states };
        let written = Written { format: FORMAT, steps: self.steps, objects, folders };
        // So that no memory is asked for twice: it is most of what a run has in the end.
        let size = postcard::serialize_with_flavor(&written, Size::default()).ok()?;
        postcard::to_extend(&written, Vec::with_capacity(size)).ok()
    }
}

/// A [`Trace`] that is being written.
#[derive(Serialize)]
struct Written<'a> {
    format: u32,
    steps: usize,
    objects: Vec<(&'a str, Option<&'a str>)>,
    folders: Folders<'a>,
}

/// Files in order with their states, to be written by folder.
struct Folders<'a> {
    files: &'a [&'a Path],
    states: &'a [Stat],
}

impl Serialize for Folders<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let together = || self.files.chunk_by(|one, other| split(one).0 == split(other).0);
        let mut folders = to.serialize_seq(Some(together().count()))?;
        let mut states = self.states.iter();
        for files in together() {
            let path = files.first().map_or(&[][..], |first| split(first).0);
            let files = files.iter().zip(states.by_ref());
            let files = files.map(|(file, stat)| (split(file).1, *stat)).collect();
            folders.serialize_element(&Folder { path, files })?;
        }
        folders.end()
    }
}

/// The folder with its slash, and the name in it; the two make the path again.
fn split(path: &Path) -> (&[u8], &[u8]) {
    let bytes = path.as_os_str().as_bytes();
    let at = bytes.iter().rposition(|b| *b == b'/').map_or(0, |slash| slash + 1);
    bytes.split_at(at)
}

impl<'a> Trace<'a> {
    /// Reads a trace; `None` if it is damaged or of another format.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        postcard::from_bytes::<Self>(bytes).ok().filter(|trace| trace.format == FORMAT)
    }

    /// Whether every file is as it was.
    pub fn files_hold(&self) -> bool {
        parallel::all(&self.folders, Folder::holds)
    }

    /// Whether the engine has what it had.
    pub fn objects_hold(&self, inventory: &Inventory) -> bool {
        self.objects.iter().all(|(name, id)| inventory.id_of(name) == *id)
    }
}

impl Folder<'_> {
    fn holds(&self) -> bool {
        let mut path = Vec::from(self.path);
        self.files.iter().all(|(name, stat)| {
            path.truncate(self.path.len());
            path.extend_from_slice(name);
            Stat::from(&file_state(Path::new(OsStr::from_bytes(&path)))) == *stat
        })
    }
}
