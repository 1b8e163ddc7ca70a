//! What a finished step saw and made.
//!
//! Values only; `state::store` reads and writes them.

use std::path::PathBuf;

use litemap::LiteMap;
use serde::{Deserialize, Serialize};

/// Version of the record's format. A record of another version makes its step stale.
pub const FORMAT: u32 = 2;

/// The coarsest tick of a file system in use that knows no parts of a second: FAT's two seconds.
const COARSE_TICK_NS: i64 = 2_000_000_000;
/// The coarsest tick where there are parts of a second (exFAT: 10 ms; the kernel's own clock for file
/// times: 1 to 10 ms), doubled.
const FINE_TICK_NS: i64 = 20_000_000;

/// What kind of thing a path is. Missing is a state, not an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum FileType {
    /// Nothing is there.
    #[default]
    Missing,
    /// A regular file.
    File,
    /// A symbolic link.
    Link,
    /// A folder.
    Folder,
    /// A device, socket or fifo.
    Other,
}

/// The state of one file: stat, and a content hash where it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct FileState {
    /// What it is.
    #[serde(rename = "t")]
    pub kind: FileType,
    /// Permission bits.
    #[serde(rename = "p")]
    pub mode: u32,
    /// Bytes.
    #[serde(rename = "s")]
    pub size: u64,
    /// Nanoseconds since 1970.
    #[serde(rename = "m")]
    pub mtime: i64,
    /// Nanoseconds since 1970.
    #[serde(rename = "c")]
    pub ctime: i64,
    /// Inode number.
    #[serde(rename = "i")]
    pub inode: u64,
    /// Where a symbolic link points to, as [`crate::base::name::text`] writes it.
    #[serde(rename = "l", default)]
    pub link: Option<String>,
    /// SHA-256 of a regular file's content, lower-case hex.
    #[serde(rename = "h", default)]
    pub hash: Option<String>,
}

impl FileState {
    /// Whether the stat is the same in all that stat tells.
    pub fn same_stat(&self, other: &Self) -> bool {
        let key = |s: &Self| (s.kind, s.mode, s.size, s.mtime, s.ctime, s.inode);
        key(self) == key(other) && self.link == other.link
    }

    /// Whether it changed last clearly before a moment on its file system's clock (nanoseconds since
    /// 1970): a later change could not leave the same times.
    pub fn is_settled(&self, moment: i64) -> bool {
        self.mtime.max(self.ctime).saturating_add(self.tick()) < moment
    }

    /// What the clock of its file system may tick in: whole seconds only where both times are such.
    fn tick(&self) -> i64 {
        let whole = |time: i64| time.rem_euclid(1_000_000_000) == 0;
        if whole(self.mtime) || whole(self.ctime) { COARSE_TICK_NS } else { FINE_TICK_NS }
    }
}

/// What a finished step saw and made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Record {
    /// [`FORMAT`] of the program that wrote it.
    pub format: u32,
    /// When the file states below were taken, on the file system's clock, before the action began.
    /// Nanoseconds since 1970.
    pub seen: i64,
    /// When the states of the outputs were taken, after the action ended; same clock.
    pub sealed: i64,
    /// Input files.
    #[serde(with = "crate::base::name::serde_files")]
    pub files: LiteMap<PathBuf, FileState>,
    /// Settings.
    #[serde(with = "crate::base::table")]
    pub params: LiteMap<String, String>,
    /// Products of other steps, `kind:name/product`.
    #[serde(with = "crate::base::table")]
    pub needs: LiteMap<String, String>,
    /// Files it left.
    #[serde(with = "crate::base::name::serde_files")]
    pub outputs: LiteMap<PathBuf, FileState>,
    /// What it left in the engine, by name, with the engine's id for it.
    #[serde(with = "crate::base::table")]
    pub objects: LiteMap<String, String>,
    /// Values that other steps may depend on.
    #[serde(with = "crate::base::table")]
    pub products: LiteMap<String, String>,
    /// How long the action took.
    pub duration_ms: u64,
}

/// The state of a step's stamp file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// There, with its file time in nanoseconds since 1970.
    Present(i64),
    /// Taken away by `bb sync` for make to see; the record still decides.
    Withdrawn,
    /// Not there: never finished, or removed by somebody.
    Missing,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_settled_once_its_clock_has_ticked() {
        let second = 1_000_000_000;
        let changed = |mtime, ctime| FileState { mtime, ctime, ..FileState::default() };
        let fine = changed(second + 1, second + 2);
        assert!(!fine.is_settled(second + 2) && !fine.is_settled(second + 20_000_002));
        assert!(fine.is_settled(second + 20_000_003));
        for coarse in [changed(second, second), changed(second, second + 2), changed(1, second)] {
            assert!(!coarse.is_settled(3 * second) && coarse.is_settled(4 * second));
        }
        assert!(!changed(i64::MAX, 1).is_settled(i64::MAX));
    }
}
