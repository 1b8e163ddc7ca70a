//! What a finished step's result depends on, as one digest: the same wherever the inputs are the same.
//!
//! By content alone: no machine, no place of the project, no user and no time is in it. Two states have the same key
//! where the judge, with the record of the one, finds in the other no input that differs; but for files that count
//! only where an image from elsewhere has triggers: those are in the key whether it has or not.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::base::hex::hex;
use crate::base::name;
use crate::fresh::record::{FileState, FileType, Record};
use crate::plan::step::{Step, Work};

/// How keys are computed: another way of it has other keys.
const FORMAT: &str = "bb step key 1";

/// The key of a step with what it saw: 64 hexadecimal digits. None where it depends on a file that only this machine
/// has at its place, or where nobody may say for others what it made: nothing was verified, or it is no step that has
/// a dock's files for its inputs.
///
/// Of the record, files, settings and what steps before it made are read.
#[must_use]
pub fn key(step: &Step, seen: &Record) -> Option<String> {
    let home = home(step)?;
    let files = seen.files.iter().map(|(path, state)| Some((place(path, home)?, state)));
    let files = files.collect::<Option<BTreeMap<_, _>>>()?;
    let mut text = Text::of(&[FORMAT, &step.id.to_string()]);
    for (path, state) in files {
        text.line(&[
            "file",
            &path,
            &shape(state),
            told(state.link.as_ref()),
            told(state.hash.as_ref()),
        ]);
    }
    for (name, value) in &seen.params {
        text.line(&["setting", name, value]);
    }
    for (product, value) in &seen.needs {
        text.line(&["product", product, value]);
    }
    Some(hex(&Sha256::digest(text.0.as_bytes())))
}

/// The folder that a step's files are named from.
fn home(step: &Step) -> Option<&Path> {
    match &step.work {
        Work::Rootfs(work) => Some(&work.dock),
        Work::Image(work) if !step.params.contains_key("verification") => Some(&work.dock),
        _ => None,
    }
}

/// A file by its path in the dock, or in the project where it is not in the dock.
fn place(path: &Path, home: &Path) -> Option<String> {
    match path.strip_prefix(home) {
        Ok(inner) => Some(format!("dock {}", name::of_path(inner))),
        Err(_) if path.is_absolute() => None,
        Err(_) => Some(format!("project {}", name::of_path(path))),
    }
}

/// What the judge compares besides content and target; a missing file has no mode.
fn shape(state: &FileState) -> String {
    match state.kind {
        FileType::Missing => "missing".to_owned(),
        kind => format!("{kind:?} {:o}", state.mode),
    }
}

fn told(text: Option<&String>) -> &str {
    text.map_or("", String::as_str)
}

/// Fields that cannot run into each other: each with its length before it.
struct Text(String);

impl Text {
    fn of(fields: &[&str]) -> Self {
        let mut text = Self(String::new());
        text.line(fields);
        text
    }

    fn line(&mut self, fields: &[&str]) {
        for field in fields {
            // Writing into a text does not fail.
            let _ = write!(self.0, "{} {field} ", field.len());
        }
        self.0.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use litemap::LiteMap;

    use super::*;
    use crate::base::error::Result;
    use crate::base::ids::{DockName, Kind, StepId};
    use crate::fresh::judge::{Look, Verdict, judge, product_key};
    use crate::fresh::record::{self, Stamp};
    use crate::plan::step::{Need, Object, RootfsWork};

    /// What a step and its world may be: few values of each, so that worlds are often the same.
    struct World {
        step: Step,
        files: BTreeMap<PathBuf, FileState>,
        products: BTreeMap<String, String>,
    }

    /// Numbers that look random, the same each time (Marsaglia's xorshift64).
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, end: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % end
        }

        /// One of few values; the first one mostly.
        fn mostly(&mut self, end: u64) -> u64 {
            if self.below(12) == 0 { self.below(end) } else { 0 }
        }
    }

    fn rootfs(dock: &str) -> Work {
        Work::Rootfs(Box::new(RootfsWork {
            name: "nginx".parse::<DockName>().unwrap(),
            dir: PathBuf::new(),
            dock: dock.into(),
            parent: None,
            bob: String::new(),
            make_conf: BTreeMap::new(),
            epoch: 0,
            stage3_digest: String::new(),
            elsewhere: false,
            fetch: vec![],
            memory: None,
        }))
    }

    fn state(numbers: &mut Numbers, clock: i64) -> FileState {
        let kinds = [FileType::File, FileType::Link, FileType::Folder, FileType::Missing];
        let kind = kinds[usize::try_from(numbers.mostly(4)).unwrap()];
        let (content, mode) =
            (numbers.mostly(3), [0o644, 0o755][usize::from(numbers.mostly(2) == 1)]);
        if kind == FileType::Missing {
            return FileState::default();
        }
        FileState {
            kind,
            mode,
            size: content,
            // Times and inodes are never the same: content has to decide.
            mtime: clock,
            ctime: clock,
            inode: u64::try_from(clock).unwrap(),
            link: (kind == FileType::Link).then(|| format!("to{content}")),
            hash: (kind == FileType::File).then(|| content.to_string()),
        }
    }

    fn world(numbers: &mut Numbers, clock: i64) -> World {
        let all = ["d/a", "d/b", "d/c \"x", "e/a"];
        let files =
            all.iter().filter(|_| numbers.mostly(2) == 0).map(PathBuf::from).collect::<Vec<_>>();
        let states = files.iter().map(|path| (path.clone(), state(numbers, clock))).collect();
        let mut params = LiteMap::new();
        for name in ["build.CFLAGS", "label a", "base x"] {
            if numbers.mostly(2) == 0 {
                params.insert(name.to_owned(), format!("v {}", numbers.mostly(2)));
            }
        }
        let (bob, parent) = (StepId::new(Kind::Builder, "bob"), StepId::new(Kind::Rootfs, "s6"));
        let mut needs = vec![Need::product(bob.clone(), "content"), Need::order(parent.clone())];
        if numbers.mostly(2) == 0 {
            needs.push(Need::product(parent.clone(), "sysroot"));
        }
        let products = [(bob, "content"), (parent, "sysroot")];
        let products =
            products.map(|(step, name)| (product_key(&step, name), numbers.mostly(3).to_string()));
        let step = Step {
            id: StepId::new(Kind::Rootfs, "nginx"),
            files,
            triggered_files: vec![],
            params,
            needs,
            outputs: vec![],
            objects: vec![],
            work: rootfs("d"),
        };
        World { step, files: states, products: products.into() }
    }

    impl World {
        /// As a run would have noted it.
        fn seen(&self) -> Record {
            let needs =
                self.step.needs.iter().filter_map(|n| Some(product_key(&n.step, n.product?)));
            Record {
                format: record::FORMAT,
                files: self.files.clone().into_iter().collect(),
                params: self.step.params.clone(),
                needs: needs.map(|key| (key.clone(), self.products[&key].clone())).collect(),
                ..Record::default()
            }
        }
    }

    impl Look for World {
        fn stat(&mut self, path: &Path) -> FileState {
            let seen = self.files.get(path).cloned().unwrap_or_default();
            FileState { hash: None, ..seen }
        }

        fn hash(&mut self, path: &Path) -> Result<String> {
            Ok(self.files[path].hash.clone().unwrap())
        }

        fn product(&mut self, step: &StepId, product: &str) -> Option<String> {
            self.products.get(&product_key(step, product)).cloned()
        }

        fn object(&mut self, _: &Object) -> Result<Option<String>> {
            Ok(None)
        }
    }

    #[test]
    fn keys_are_the_same_where_the_judge_finds_no_input_that_differs() {
        let (mut numbers, mut same) = (Numbers(0x9e37_79b9_7f4a_7c15), 0);
        for round in 1..5_000 {
            let one = world(&mut numbers, round * 10);
            let mut other = world(&mut numbers, round * 10 + 1);
            let record = one.seen();
            let keys = [key(&one.step, &record), key(&other.step, &other.seen())];
            assert!(keys.iter().all(Option::is_some));
            let step = other.step.clone();
            let verdict =
                judge(&step, Some(&record), Stamp::Present(0), &mut other).unwrap().verdict;
            let is_same = keys[0] == keys[1];
            assert_eq!(
                is_same,
                verdict == Verdict::Fresh,
                "{verdict:?}: {record:?} {:?}",
                other.seen()
            );
            same += usize::from(is_same);
        }
        assert!((200..4_000).contains(&same), "{same} of the worlds were the same");
    }

    #[test]
    fn the_place_of_the_docks_is_not_in_the_key() {
        let mut numbers = Numbers(7);
        let mut world = world(&mut numbers, 1);
        let at = |world: &mut World, dock: &str, file: &str| {
            world.step.work = rootfs(dock);
            world.step.files = vec![file.into()];
            let state = FileState { kind: FileType::File, ..FileState::default() };
            world.files = [(file.into(), state)].into();
            key(&world.step, &world.seen())
        };
        let here = at(&mut world, "d", "d/x");
        assert!(here.is_some());
        assert_eq!(here, at(&mut world, "/other/place", "/other/place/x"));
        assert_ne!(here, at(&mut world, "d", "x"));
        assert_eq!(at(&mut world, "d", "/etc/x"), None);
    }
}
