//! Clocks that tick in seconds, and clocks that jump: the judge on a disk that exists in memory only,
//! with a clock of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fastrand::Rng;
use gentoo_bb::base::error::Result;
use gentoo_bb::base::ids::{Kind, StepId};
use gentoo_bb::fresh::record::FORMAT;
use gentoo_bb::fresh::{FileState, FileType, Look, Record, Stamp, Verdict, judge};
use gentoo_bb::plan::step::{Object, Step, Work};
use litemap::LiteMap;

const SECOND: i64 = 1_000_000_000;
const SEQUENCES: u64 = 4_000;

/// Files with times of a certain granularity.
struct Disk {
    now: i64,
    /// Nanoseconds; times are cut to multiples of it.
    tick: i64,
    files: BTreeMap<PathBuf, FileState>,
    inodes: u64,
}

impl Look for Disk {
    fn stat(&mut self, path: &Path) -> FileState {
        let state = self.files.get(path).cloned().unwrap_or_default();
        FileState { hash: None, ..state }
    }

    fn hash(&mut self, path: &Path) -> Result<String> {
        Ok(self.files[path].hash.clone().unwrap())
    }

    fn product(&mut self, _: &StepId, _: &str) -> Option<String> {
        None
    }

    fn object(&mut self, _: &Object) -> Result<Option<String>> {
        Ok(None)
    }
}

impl Disk {
    fn clock(&self) -> i64 {
        self.now - self.now.rem_euclid(self.tick)
    }

    /// In place, and always of the same size.
    fn write(&mut self, path: &Path, content: u32) {
        let time = self.clock();
        let inode = self.files.get(path).map_or(0, |f| f.inode);
        let inode = if inode == 0 { self.new_inode() } else { inode };
        let state = FileState {
            kind: FileType::File,
            mode: 0o644,
            size: 6,
            mtime: time,
            ctime: time,
            inode,
            link: None,
            hash: Some(content.to_string()),
        };
        self.files.insert(path.to_owned(), state);
    }

    fn new_inode(&mut self) -> u64 {
        self.inodes += 1;
        self.inodes
    }

    fn states(&self, paths: &[PathBuf]) -> LiteMap<PathBuf, FileState> {
        paths.iter().map(|p| (p.clone(), self.files[p].clone())).collect()
    }
}

/// One step on such a disk.
struct Sequence {
    rng: Rng,
    disk: Disk,
    step: Step,
    record: Record,
    /// Whether its clock has ever been set back.
    jumped: bool,
    made: u32,
}

impl Sequence {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let tick = rng.choice([1, 4_000_000, SECOND, 2 * SECOND]).unwrap();
        let now = 1_000_000 * SECOND + rng.i64(0..10 * SECOND);
        let disk = Disk { now, tick, files: BTreeMap::new(), inodes: 0 };
        let mut sequence =
            Self { rng, disk, step: step(), record: Record::default(), jumped: false, made: 0 };
        for path in sequence.step.files.clone() {
            sequence.write(&path);
        }
        sequence.execute();
        sequence
    }

    fn write(&mut self, path: &Path) {
        self.made += 1;
        self.disk.write(path, self.made);
    }

    /// As the executor does: the inputs are seen before the action, the outputs after it.
    fn execute(&mut self) {
        let seen = self.disk.clock();
        let files = self.disk.states(&self.step.files);
        self.time_passes();
        for path in self.step.outputs.clone() {
            self.write(&path);
        }
        let sealed = self.disk.clock();
        let outputs = self.disk.states(&self.step.outputs);
        self.record = Record { format: FORMAT, seen, sealed, files, outputs, ..Record::default() };
    }

    fn time_passes(&mut self) {
        let most = self.rng.choice([0, SECOND / 1000, SECOND, 5 * SECOND, 3_600 * SECOND]).unwrap();
        self.disk.now += self.rng.i64(0..=most);
    }

    fn edit(&mut self) {
        let paths = [&self.step.files[..], &self.step.outputs].concat();
        let path = self.rng.choice(paths).unwrap();
        match self.rng.u8(..7) {
            0 | 1 => self.write(&path),
            2 => {
                let time = self.disk.files[&path].mtime;
                self.write(&path);
                self.file(&path).mtime = time;
            }
            3 => self.file(&path).mtime += self.rng.i64(-9..9) * SECOND,
            4 => {
                let inode = self.disk.new_inode();
                self.write(&path);
                self.file(&path).inode = inode;
            }
            // Mounted again: some file systems number their files anew.
            5 => self.disk.files.values_mut().for_each(|f| f.inode += 1_000_000),
            _ => {}
        }
    }

    fn file(&mut self, path: &Path) -> &mut FileState {
        let time = self.disk.clock();
        let file = self.disk.files.get_mut(path).unwrap();
        file.ctime = time;
        file
    }

    /// By a day, or to about the moment of the last run.
    fn clock_jumps(&mut self) {
        let back = self.rng.choice([86_400 * SECOND, self.disk.now - self.record.seen]).unwrap();
        self.jumped |= back > 0;
        self.disk.now -= back;
    }

    fn same(&self) -> bool {
        let recorded = self.record.files.iter().chain(&self.record.outputs);
        recorded.into_iter().all(|(path, old)| old.hash == self.disk.files[path].hash)
    }

    /// Whatever is different has nothing to tell it by.
    fn indistinguishable(&self) -> bool {
        let mut recorded = self.record.files.iter().chain(&self.record.outputs);
        recorded.all(|(path, old)| {
            old.hash == self.disk.files[path].hash || old.same_stat(&self.disk.files[path])
        })
    }

    /// Judges, and does what follows. Whether the step was called fresh although it is not.
    fn check(&mut self, seed: u64) -> bool {
        let now = self.disk.clock();
        let judged =
            judge(&self.step, Some(&self.record), Stamp::Present(0), &mut self.disk).unwrap();
        let (fresh, same) = (judged.verdict == Verdict::Fresh, self.same());
        assert!(fresh || !same, "sequence {seed}: needless: {:?}", judged.verdict);
        if !fresh {
            self.execute();
            return false;
        }
        // The one exception.
        assert!(same || self.jumped && self.indistinguishable(), "sequence {seed}: stale");
        if !judged.reread.is_empty() {
            for (path, state) in judged.reread {
                let slots = [self.record.files.get_mut(&path), self.record.outputs.get_mut(&path)];
                slots.into_iter().flatten().for_each(|slot| *slot = state.clone());
            }
            (self.record.seen, self.record.sealed) = (now, now);
        }
        !same
    }
}

fn step() -> Step {
    let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
    Step {
        triggered_files: vec![],
        id: StepId::new(Kind::Task, "t"),
        files: paths(&["a", "b", "c"]),
        params: LiteMap::new(),
        needs: vec![],
        outputs: paths(&["out"]),
        objects: vec![],

        work: Work::Task { run: String::new(), env: BTreeMap::new(), outputs: paths(&["out"]) },
    }
}

#[test]
fn coarse_clocks_and_clocks_that_jump_hide_nothing() {
    let mut exceptions = 0;
    for seed in 0..SEQUENCES {
        let mut sequence = Sequence::new(seed);
        for _ in 0..20 {
            sequence.time_passes();
            if seed % 2 == 0 && sequence.rng.u8(..8) == 0 {
                sequence.clock_jumps();
            }
            sequence.edit();
            if sequence.check(seed) {
                exceptions += 1;
                break;
            }
        }
    }
    println!("{exceptions} of {SEQUENCES}: a clock set back told the same time twice");
}
