//! Random edits of a few steps' inputs, outputs and state.

#![allow(clippy::unnecessary_wraps, reason = "all edits are of one type")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use fastrand::Rng;
use filetime::{FileTime, set_file_mtime};
use gentoo_bb::base::ids::{Kind, StepId};
use gentoo_bb::exec::looked::looked;
use gentoo_bb::fresh::Inventory;
use gentoo_bb::plan::Plan;
use gentoo_bb::state::trace::Trace;

use crate::model::{Model, Seen, Unit, see};

/// Cases in which a step is executed although everything that it sees is as it was.
pub const LISTED: &[(&str, &str)] = &[
    (STAMP_REMOVED, "somebody asks for the step to be done again"),
    (RECORD_DAMAGED, "what it had seen is no longer known"),
    (OTHER_FORMAT, "what it had seen was written down by rules that are not ours"),
];

const STAMP_REMOVED: &str = "its stamp was removed, or is no file";
const RECORD_DAMAGED: &str = "its record was removed, damaged or cut off";
const OTHER_FORMAT: &str = "its record is of another version's format";

/// A few steps, their files, and the model of them.
pub struct Sequence {
    pub root: PathBuf,
    pub units: Vec<Unit>,
    pub model: Model,
    pub rng: Rng,
    /// Copies of the state folder as it was, with the model of that moment.
    backup: Option<(Model, usize)>,
    /// What was looked at when all was fresh, and the steps of then.
    answer: Option<(Vec<u8>, String)>,
    made: usize,
}

/// Does something and says what; `None` if there is nothing to do it to.
pub type Edit = fn(&mut Sequence) -> Option<String>;

pub const EDITS: &[(&str, Edit)] = &[
    ("content", Sequence::content),
    ("content of the same size", Sequence::same_size),
    ("content of the same size, time restored", Sequence::restored_time),
    ("content and back", Sequence::and_back),
    ("rename over", Sequence::rename_over),
    ("rename over, same size and time", Sequence::rename_over_as_old),
    ("mode", Sequence::mode),
    ("link", Sequence::link),
    ("link target", Sequence::link_target),
    ("link becomes file", Sequence::link_becomes_file),
    ("folder for a file", Sequence::folder),
    ("socket for a file", Sequence::socket),
    ("names swapped", Sequence::swapped),
    ("hard link to another", Sequence::hard_link),
    ("removed", Sequence::removed),
    ("no longer an input", Sequence::dropped),
    ("one more input", Sequence::added),
    ("renamed", Sequence::renamed),
    ("touched", Sequence::touched),
    ("dated to the past", Sequence::past),
    ("dated to the future", Sequence::future),
    ("written anew", Sequence::written_anew),
    ("everything written anew", Sequence::checkout),
    ("template", Sequence::template),
    ("template of the same size, time restored", Sequence::template_as_old),
    ("setting", Sequence::setting),
    ("setting comes or goes", Sequence::setting_comes_or_goes),
    ("need comes or goes", Sequence::need),
    ("output changed", Sequence::output_changed),
    ("output of the same size, time restored", Sequence::output_as_old),
    ("output removed", Sequence::output_removed),
    ("output written anew", Sequence::output_anew),
    ("stamp removed", Sequence::stamp_removed),
    ("stamp is a folder", Sequence::stamp_folder),
    ("stamp dated", Sequence::stamp_dated),
    ("record cut off", Sequence::record_cut),
    ("record removed", Sequence::record_removed),
    ("record of another format", Sequence::record_format),
    ("index removed", Sequence::index_removed),
    ("index damaged", Sequence::index_damaged),
    ("index of another format", Sequence::index_format),
    ("index of an earlier day", Sequence::index_old),
    ("state folder copied", Sequence::state_copied),
    ("a day passes", Sequence::a_day),
    ("a day passes", Sequence::a_day),
    ("times cut to whole seconds", Sequence::coarse),
    ("nothing", |_| Some(String::new())),
];

const DAY: i64 = 86_400;

impl Sequence {
    pub fn new(root: PathBuf, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        // The index is written where it pays.
        let steps = if seed.is_multiple_of(32) { 20 } else { rng.usize(1..=4) };
        let units = (0..steps).map(|at| unit(&mut rng, at)).collect::<Vec<_>>();
        let mut sequence =
            Self { root, units, model: Model::default(), rng, backup: None, answer: None, made: 0 };
        for at in 0..sequence.units.len() {
            sequence.write_template(at);
            for path in sequence.units[at].files.clone() {
                let text = sequence.text();
                write(&sequence.root.join(path), &text);
            }
        }
        sequence
    }

    /// Always of the same size.
    fn text(&mut self) -> String {
        self.made += 1;
        format!("{:06}\n", self.made)
    }

    fn write_template(&mut self, at: usize) {
        let text = self.text() + "${A} ${B} $C\n";
        write(&self.root.join(Unit::template(at)), &text);
    }

    fn step(&mut self) -> usize {
        self.rng.usize(..self.units.len())
    }

    /// An input besides templates and outputs.
    fn input(&mut self) -> Option<String> {
        let all = self.units.iter().flat_map(|u| &u.files).cloned().collect::<BTreeSet<_>>();
        self.rng.choice(all)
    }

    fn input_that(&mut self, is: fn(&Seen) -> bool) -> Option<(String, PathBuf)> {
        let all = self.units.iter().flat_map(|u| &u.files).collect::<BTreeSet<_>>();
        let all = all.into_iter().map(|name| (name.clone(), self.root.join(name)));
        self.rng.choice(all.filter(|(_, path)| is(&see(path))).collect::<Vec<_>>())
    }

    fn file(&mut self) -> Option<(String, PathBuf)> {
        self.input_that(|seen| matches!(seen, Seen::File(..)))
    }

    // ---- answers that are recalled

    /// As if all had been looked at a day after it was last changed.
    pub fn keep_answer(&mut self, plan: &Plan) {
        let looked = looked(plan, BTreeSet::new(), &self.store());
        let tomorrow = (FileTime::now().seconds() + 3 * DAY) * 1_000_000_000;
        let trace = looked.trace(&Inventory::default(), tomorrow);
        self.answer = trace.map(|bytes| (bytes, format!("{:?}", self.units)));
        next_tick(&self.root);
    }

    /// Whether all is as it was then.
    pub fn recalled(&self) -> bool {
        let Some((bytes, units)) = &self.answer else { return false };
        *units == format!("{:?}", self.units) && Trace::read(bytes).unwrap().files_hold()
    }

    // ---- files

    fn content(&mut self) -> Option<String> {
        let (name, path) = self.file()?;
        let text = self.text() + &"more\n".repeat(self.rng.usize(..3));
        write(&path, &text);
        Some(name)
    }

    fn same_size(&mut self) -> Option<String> {
        let (name, path) = self.file()?;
        write(&path, &self.text());
        Some(name)
    }

    fn restored_time(&mut self) -> Option<String> {
        let (name, path) = self.file()?;
        let text = self.text();
        as_old(&path, || write(&path, &text));
        Some(name)
    }

    fn and_back(&mut self) -> Option<String> {
        let (name, path) = self.file()?;
        let before = fs::read(&path).unwrap();
        write(&path, &self.text());
        fs::write(&path, before).unwrap();
        Some(name)
    }

    fn rename_over(&mut self) -> Option<String> {
        let (name, path) = self.file()?;
        let beside = self.root.join("beside");
        write(&beside, &self.text());
        fs::rename(beside, path).unwrap();
        Some(name)
    }

    fn rename_over_as_old(&mut self) -> Option<String> {
        let (name, path) = self.file()?;
        let time = modified(&path);
        self.rename_over()?;
        if path.is_file() {
            set_file_mtime(path, time).unwrap();
        }
        Some(name)
    }

    fn mode(&mut self) -> Option<String> {
        let (name, path) = self.file()?;
        let mode = self.rng.choice([0o644, 0o755, 0o600, 0o444, 0o4755]).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        Some(format!("{name} {mode:o}"))
    }

    fn link(&mut self) -> Option<String> {
        let (name, path) = self.file()?;
        let other = self.root.join("elsewhere");
        // What it leads to says the same.
        fs::rename(&path, &other).unwrap();
        symlink(other, path).unwrap();
        Some(name)
    }

    fn link_target(&mut self) -> Option<String> {
        let (name, path) = self.input_that(|seen| matches!(seen, Seen::Link(_)))?;
        fs::remove_file(&path).unwrap();
        symlink(self.text().trim(), path).unwrap();
        Some(name)
    }

    fn link_becomes_file(&mut self) -> Option<String> {
        let (name, path) = self.input_that(|seen| matches!(seen, Seen::Link(_)))?;
        let text = fs::read(&path).unwrap_or_default();
        fs::remove_file(&path).unwrap();
        fs::write(path, text).unwrap();
        Some(name)
    }

    fn folder(&mut self) -> Option<String> {
        let (name, path) = self.file()?;
        fs::remove_file(&path).unwrap();
        fs::create_dir(path).unwrap();
        Some(name)
    }

    fn socket(&mut self) -> Option<String> {
        let (name, path) = self.file()?;
        fs::remove_file(&path).unwrap();
        UnixListener::bind(path).unwrap();
        Some(name)
    }

    fn swapped(&mut self) -> Option<String> {
        let ((one, a), (two, b)) = (self.file()?, self.file()?);
        let beside = self.root.join("beside");
        if a != b {
            fs::rename(&a, &beside).unwrap();
            fs::rename(&b, &a).unwrap();
            fs::rename(&beside, &b).unwrap();
        }
        Some(format!("{one} {two}"))
    }

    fn hard_link(&mut self) -> Option<String> {
        let ((one, a), (two, b)) = (self.file()?, self.file()?);
        if a != b {
            fs::remove_file(&a).unwrap();
            fs::hard_link(b, a).unwrap();
        }
        Some(format!("{one} -> {two}"))
    }

    /// It stays an input.
    fn removed(&mut self) -> Option<String> {
        let name = self.input()?;
        clear(&self.root.join(&name));
        Some(name)
    }

    fn dropped(&mut self) -> Option<String> {
        let at = self.step();
        let name = self.rng.choice(self.units[at].files.clone())?;
        self.units[at].files.remove(&name);
        Some(format!("{name} of s{at}"))
    }

    /// A new file, or one that another step has already; it may be missing.
    fn added(&mut self) -> Option<String> {
        let at = self.step();
        let name = format!("src/s{at}/g{}", self.rng.u8(..4));
        let path = self.root.join(&name);
        if see(&path) == Seen::Missing && self.rng.u8(..4) > 0 {
            write(&path, &self.text());
        }
        self.units[at].files.insert(name.clone());
        Some(name)
    }

    fn renamed(&mut self) -> Option<String> {
        let (name, path) = self.file()?;
        let new = format!("src/moved{}", self.made);
        self.text();
        fs::rename(path, self.root.join(&new)).unwrap();
        for unit in &mut self.units {
            if unit.files.remove(&name) {
                unit.files.insert(new.clone());
            }
        }
        Some(format!("{name} {new}"))
    }

    // ---- times

    fn touched(&mut self) -> Option<String> {
        let (name, path) = self.file()?;
        set_file_mtime(path, FileTime::now()).unwrap();
        Some(name)
    }

    fn dated(&mut self, seconds: i64) -> Option<String> {
        let (name, path) = self.file()?;
        let time = FileTime::from_unix_time(FileTime::now().seconds() + seconds, 0);
        set_file_mtime(path, time).unwrap();
        Some(name)
    }

    fn past(&mut self) -> Option<String> {
        self.dated(-DAY)
    }

    fn future(&mut self) -> Option<String> {
        self.dated(DAY)
    }

    fn written_anew(&mut self) -> Option<String> {
        let (name, path) = self.file()?;
        anew(&path);
        Some(name)
    }

    fn checkout(&mut self) -> Option<String> {
        let inputs = self.units.iter().enumerate().flat_map(|(at, u)| u.inputs(at));
        for path in inputs.collect::<BTreeSet<_>>() {
            let path = self.root.join(path);
            if matches!(see(&path), Seen::File(..)) {
                anew(&path);
            }
        }
        Some(String::new())
    }

    /// As a coarse file system would show them.
    fn coarse(&mut self) -> Option<String> {
        for entry in walkdir::WalkDir::new(&self.root) {
            let entry = entry.unwrap();
            if entry.file_type().is_file() {
                let time = modified(entry.path());
                let time = FileTime::from_unix_time(time.unix_seconds(), 0);
                set_file_mtime(entry.path(), time).unwrap();
            }
        }
        Some(String::new())
    }

    /// All that has been judged was judged a day after it was last changed. What is edited from now on
    /// has another change time, once the clock has moved on.
    fn a_day(&mut self) -> Option<String> {
        let store = self.store();
        for at in 0..self.units.len() {
            let id = id(at);
            let (Some(record), gentoo_bb::fresh::Stamp::Present(time)) = store.load(&id) else {
                continue;
            };
            let mut record = (*record).clone();
            record.seen += DAY * 1_000_000_000;
            record.sealed += DAY * 1_000_000_000;
            store.finish(&id, &record, time).unwrap();
        }
        next_tick(&self.root);
        Some(String::new())
    }

    // ---- templates, settings, needs

    fn template(&mut self) -> Option<String> {
        let at = self.step();
        self.write_template(at);
        Some(format!("s{at}"))
    }

    fn template_as_old(&mut self) -> Option<String> {
        let at = self.step();
        let path = self.root.join(Unit::template(at));
        as_old(&path, || self.write_template(at));
        Some(format!("s{at}"))
    }

    fn setting(&mut self) -> Option<String> {
        let (at, value) = (self.step(), self.rng.u8(..3).to_string());
        let name = self.rng.choice(self.units[at].settings.keys().cloned().collect::<Vec<_>>())?;
        self.units[at].settings.insert(name.clone(), value);
        Some(format!("{name} of s{at}"))
    }

    fn setting_comes_or_goes(&mut self) -> Option<String> {
        let at = self.step();
        let settings = &mut self.units[at].settings;
        if settings.remove("B").is_none() {
            settings.insert("B".to_owned(), "b".to_owned());
        }
        Some(format!("B of s{at}"))
    }

    fn need(&mut self) -> Option<String> {
        let at = self.step();
        let up = (at > 0).then(|| self.rng.usize(..at))?;
        let unit = &mut self.units[at];
        let set = if self.rng.bool() { &mut unit.needs } else { &mut unit.reads };
        if !set.remove(&up) {
            set.insert(up);
        }
        Some(format!("s{at} s{up}"))
    }
}

fn unit(rng: &mut Rng, at: usize) -> Unit {
    let own = (0..rng.usize(..4)).map(|n| format!("src/s{at}/f{n}"));
    let shared = (0..2).filter(|_| rng.bool()).map(|n| format!("src/f{n}"));
    let files = own.chain(shared).collect();
    let some =
        |rng: &mut Rng, of: u8| (at.saturating_sub(3)..at).filter(|_| rng.u8(..of) == 0).collect();
    let (needs, reads) = (some(rng, 2), some(rng, 3));
    Unit { files, settings: BTreeMap::from([("A".to_owned(), "1".to_owned())]), needs, reads }
}

pub fn id(at: usize) -> StepId {
    StepId::new(Kind::Dockerfile, format!("s{at}"))
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn modified(path: &Path) -> FileTime {
    FileTime::from_last_modification_time(&path.metadata().unwrap())
}

/// Does something to a file, and sets its time as if nothing had been done.
fn as_old(path: &Path, act: impl FnOnce()) {
    let time = modified(path);
    act();
    set_file_mtime(path, time).unwrap();
}

/// The same content and mode as a new file.
fn anew(path: &Path) {
    let (text, mode) = (fs::read(path).unwrap(), path.metadata().unwrap().permissions());
    fs::remove_file(path).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, mode).unwrap();
}

fn clear(path: &Path) {
    match see(path) {
        Seen::Missing => {}
        Seen::Folder(_) => fs::remove_dir_all(path).unwrap(),
        _ => fs::remove_file(path).unwrap(),
    }
}

/// Waits until a file that is written now has another time than one that was.
fn next_tick(root: &Path) {
    let probe = root.join("probe");
    let now = || {
        fs::write(&probe, "").unwrap();
        let meta = probe.metadata().unwrap();
        (meta.ctime(), meta.ctime_nsec())
    };
    let first = now();
    while now() == first {}
}

mod state;
