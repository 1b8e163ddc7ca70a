//! What has to be executed, found by reading everything every time.
//!
//! Knows no time, no inode, no hash and no record: two states are the same if all that a reader could
//! see is the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// All that a reader can see of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    Missing,
    File(u32, Vec<u8>),
    Link(PathBuf),
    Folder(u32),
    Other(u32),
}

/// Reads it.
pub fn see(path: &Path) -> Seen {
    let Ok(meta) = path.symlink_metadata() else { return Seen::Missing };
    let mode = meta.permissions().mode() & 0o7777;
    match meta.file_type() {
        t if t.is_file() => Seen::File(mode, fs::read(path).unwrap()),
        t if t.is_symlink() => Seen::Link(fs::read_link(path).unwrap()),
        t if t.is_dir() => Seen::Folder(mode),
        _ => Seen::Other(mode),
    }
}

/// A step as the test sees it: it puts the values of its settings into its template.
#[derive(Debug, Clone)]
pub struct Unit {
    /// Inputs besides the template, below the project.
    pub files: BTreeSet<String>,
    pub settings: BTreeMap<String, String>,
    /// Earlier steps whose result dirties it.
    pub needs: BTreeSet<usize>,
    /// Earlier steps whose output it reads as a file.
    pub reads: BTreeSet<usize>,
}

impl Unit {
    pub fn template(at: usize) -> String {
        format!("src/s{at}/template")
    }

    pub fn output(at: usize) -> String {
        format!(".bb/images/s{at}/Dockerfile")
    }

    /// All files that dirty it.
    pub fn inputs(&self, at: usize) -> BTreeSet<String> {
        let read = self.reads.iter().map(|up| Self::output(*up));
        self.files.iter().cloned().chain([Self::template(at)]).chain(read).collect()
    }

    /// What its output says.
    fn makes(&self, template: &Seen) -> String {
        let Seen::File(_, text) = template else { panic!("a template is a file: {template:?}") };
        let text = String::from_utf8(text.clone()).unwrap();
        self.settings.iter().fold(text, |t, (k, v)| t.replace(&format!("${{{k}}}"), v))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Saw {
    files: BTreeMap<String, Seen>,
    settings: BTreeMap<String, String>,
    needs: BTreeMap<usize, String>,
}

#[derive(Debug, Clone)]
struct Done {
    saw: Saw,
    made: String,
}

/// What every step saw and made when it was executed last.
#[derive(Debug, Clone, Default)]
pub struct Model {
    done: BTreeMap<usize, Done>,
    /// Steps that are executed although nothing is different, and the case.
    pub excused: BTreeMap<usize, &'static str>,
}

/// Which steps are executed next.
#[derive(Debug, Default)]
pub struct Expected {
    /// Something is different.
    pub stale: BTreeSet<usize>,
    /// Nothing is, but the case is listed.
    pub excused: BTreeMap<usize, &'static str>,
}

impl Model {
    /// What the next run executes; from then on it is done.
    pub fn run(&mut self, root: &Path, units: &[Unit]) -> Expected {
        let mut expected = Expected::default();
        // Outputs that will be there when the steps before have been executed.
        let mut coming = BTreeMap::new();
        for (at, unit) in units.iter().enumerate() {
            let look =
                |path: &String| coming.get(path).cloned().unwrap_or_else(|| see(&root.join(path)));
            let files = unit.inputs(at).into_iter().map(|p| (p.clone(), look(&p))).collect();
            let needs = unit.needs.iter().map(|up| (*up, self.done[up].made.clone())).collect();
            let saw = Saw { files, settings: unit.settings.clone(), needs };
            let output = Unit::output(at);
            let excuse = self.excused.remove(&at);
            if self.differs(at, &saw, &see(&root.join(&output))) {
                expected.stale.insert(at);
            } else if let Some(case) = excuse {
                expected.excused.insert(at, case);
            } else {
                continue;
            }
            let made = unit.makes(&saw.files[&Unit::template(at)]);
            coming.insert(output, Seen::File(0o644, made.clone().into_bytes()));
            self.done.insert(at, Done { saw, made });
        }
        expected
    }

    fn differs(&self, at: usize, saw: &Saw, output: &Seen) -> bool {
        let whole = |done: &Done| Seen::File(0o644, done.made.clone().into_bytes());
        self.done.get(&at).is_none_or(|done| done.saw != *saw || *output != whole(done))
    }
}
