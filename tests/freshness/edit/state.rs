//! Edits below the state folder.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use filetime::{FileTime, set_file_mtime};
use gentoo_bb::state::store::Store;

use super::{
    DAY, OTHER_FORMAT, RECORD_DAMAGED, STAMP_REMOVED, Sequence, anew, as_old, clear, write,
};
use crate::model::{Seen, Unit, see};

impl Sequence {
    pub(super) fn store(&self) -> Store {
        Store::at(self.root.join(".bb"))
    }

    fn stamp(&self, at: usize) -> PathBuf {
        self.root.join(format!(".bb/stamps/dockerfile/s{at}"))
    }

    fn record(&self, at: usize) -> PathBuf {
        self.root.join(format!(".bb/records/dockerfile/s{at}.json"))
    }

    fn index(&self) -> PathBuf {
        self.root.join(".bb/index")
    }

    /// Executed although nothing that it sees is different.
    fn excuse(&mut self, at: usize, case: &'static str) -> String {
        self.model.excused.insert(at, case);
        format!("s{at}")
    }

    /// What was written down is no longer in the index, or the index would still tell.
    fn unindexed(&self, at: usize) {
        clear(&self.index());
        anew(&self.stamp(at));
    }

    // ---- outputs

    fn output(&mut self) -> (usize, PathBuf) {
        let at = self.step();
        (at, self.root.join(Unit::output(at)))
    }

    pub(super) fn output_changed(&mut self) -> Option<String> {
        let (at, path) = self.output();
        let text = self.text();
        (see(&path) != Seen::Missing).then(|| write(&path, &text))?;
        Some(format!("s{at}"))
    }

    pub(super) fn output_as_old(&mut self) -> Option<String> {
        let (at, path) = self.output();
        let mut text = fs::read(&path).ok()?;
        text[0] = text[0].wrapping_add(1);
        as_old(&path, || fs::write(&path, text).unwrap());
        Some(format!("s{at}"))
    }

    pub(super) fn output_removed(&mut self) -> Option<String> {
        let (at, path) = self.output();
        clear(&path);
        Some(format!("s{at}"))
    }

    pub(super) fn output_anew(&mut self) -> Option<String> {
        let (at, path) = self.output();
        path.exists().then(|| anew(&path))?;
        Some(format!("s{at}"))
    }

    // ---- stamps and records

    pub(super) fn stamp_removed(&mut self) -> Option<String> {
        let at = self.step();
        clear(&self.stamp(at));
        Some(self.excuse(at, STAMP_REMOVED))
    }

    pub(super) fn stamp_folder(&mut self) -> Option<String> {
        let at = self.step();
        let path = self.stamp(at);
        clear(&path);
        write(&path.join("inside"), "");
        Some(self.excuse(at, STAMP_REMOVED))
    }

    pub(super) fn stamp_dated(&mut self) -> Option<String> {
        let at = self.step();
        let days = self.rng.i64(-2..3);
        let time = FileTime::from_unix_time(FileTime::now().seconds() + days * DAY, 0);
        set_file_mtime(self.stamp(at), time).ok()?;
        Some(format!("s{at} {days} days"))
    }

    pub(super) fn record_cut(&mut self) -> Option<String> {
        let at = self.step();
        let path = self.record(at);
        let mut text = fs::read(&path).ok()?;
        text.truncate(self.rng.usize(..text.len().max(1)));
        fs::write(path, text).unwrap();
        self.stamp(at).is_file().then(|| self.unindexed(at));
        Some(self.excuse(at, RECORD_DAMAGED))
    }

    pub(super) fn record_removed(&mut self) -> Option<String> {
        let at = self.step();
        clear(&self.record(at));
        self.stamp(at).is_file().then(|| self.unindexed(at));
        Some(self.excuse(at, RECORD_DAMAGED))
    }

    /// Older or newer, as far as it may be from what we can read.
    pub(super) fn record_format(&mut self) -> Option<String> {
        let at = self.step();
        let path = self.record(at);
        let text = fs::read_to_string(&path).ok()?;
        let new = match self.rng.u8(..3) {
            0 => "{\"format\":3,\"inputs\":[1,2,3]}".to_owned(),
            1 => text.replacen("\"format\":2", "\"format\":1", 1),
            _ => text.replacen("\"format\":2", "\"format\":99,\"more\":{}", 1),
        };
        fs::write(path, new).unwrap();
        self.stamp(at).is_file().then(|| self.unindexed(at));
        Some(self.excuse(at, OTHER_FORMAT))
    }

    // ---- the index, which is never the truth

    pub(super) fn index_removed(&mut self) -> Option<String> {
        fs::remove_file(self.index()).ok()?;
        Some(String::new())
    }

    pub(super) fn index_damaged(&mut self) -> Option<String> {
        let path = self.index();
        let mut bytes = fs::read(&path).ok()?;
        if self.rng.bool() {
            bytes.truncate(self.rng.usize(..bytes.len()));
        } else {
            bytes = vec![0xff; bytes.len()];
        }
        fs::write(path, bytes).unwrap();
        Some(String::new())
    }

    pub(super) fn index_format(&mut self) -> Option<String> {
        let path = self.index();
        let mut bytes = fs::read(&path).ok()?;
        bytes[0] = 2;
        fs::write(path, bytes).unwrap();
        Some(String::new())
    }

    /// One is put aside now, or the one put aside comes back.
    pub(super) fn index_old(&mut self) -> Option<String> {
        let (path, aside) = (self.index(), self.root.join("index.old"));
        if aside.exists() {
            fs::rename(aside, path).unwrap();
        } else {
            fs::copy(path, aside).ok()?;
        }
        Some(String::new())
    }

    /// A copy is made, or the one that was made takes the folder's place.
    pub(super) fn state_copied(&mut self) -> Option<String> {
        let (state, copy) = (self.root.join(".bb"), self.root.join("copy"));
        let copied = |from: &PathBuf, to: &PathBuf| {
            Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success()
        };
        match self.backup.take() {
            Some((model, steps)) if steps == self.units.len() => {
                fs::remove_dir_all(&state).unwrap();
                assert!(copied(&copy, &state));
                fs::remove_dir_all(copy).unwrap();
                self.model = model;
                Some("back".to_owned())
            }
            _ => {
                assert!(copied(&state, &copy));
                self.backup = Some((self.model.clone(), self.units.len()));
                Some("aside".to_owned())
            }
        }
    }
}
