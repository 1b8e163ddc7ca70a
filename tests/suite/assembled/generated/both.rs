//! Both builders at the same cases, and what is different.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;

use serde_json::Value;
use support::sealed::{Room, Run};

use super::super::by_classic_builder;
use super::case::Case;
use super::saved;
use super::saved::Saved;

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The same image; why the engine made ours, too, if so.
    Same(Option<String>),
    /// Both refuse it; what the engine says.
    Refused(String),
    /// A case that it is built on was refused or is different.
    Skipped,
    /// Only the engine refuses it, for a reason of its own, this one.
    Theirs(&'static str),
    Different(Difference),
}

/// What it says, what that is, and which cases it is of.
type Theirs = (&'static str, &'static str, fn(&Case) -> bool);

/// What only the classic builder refuses; the engine's newer one builds it.
const THEIRS: [Theirs; 4] = [
    // `FROM scratch` and nothing after it.
    ("No image was generated", "an image of nothing", |_| true),
    // It looks numbers up, too, where `/etc` is no folder.
    ("can't resolve /etc/passwd path", "owners as numbers where no accounts can be", |_| true),
    // It loses a layer that is like the one before: <https://github.com/moby/moby/issues/37965>.
    ("layer does not exist", "a layer with nothing new", |_| true),
    // To it, a pattern with a slash at its end matches nothing.
    ("no source files were specified", "a pattern of folders", has_pattern_of_folders),
];

fn has_pattern_of_folders(case: &Case) -> bool {
    let mut words = case.lines.iter().flat_map(|line| line.split([' ', '\t', '"', ',']));
    words.any(|word| word.ends_with('/') && word.contains(['*', '?', '[']))
}

/// How two builders differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    Settings(String),
    Files(String),
    OnlyWeRefuse(String),
    OnlyTheyRefuse(String),
    /// `bb` ended as it never should.
    Broken(String),
}

impl Difference {
    /// Is it one of the same kind?
    pub fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(told) => write!(f, "settings differ\n{told}"),
            Self::Files(told) => write!(f, "files differ\n{told}"),
            Self::OnlyWeRefuse(why) => write!(f, "the engine builds it, `bb` does not: {why}"),
            Self::OnlyTheyRefuse(why) => write!(f, "`bb` builds it, the engine does not: {why}"),
            Self::Broken(told) => write!(f, "`bb` broke: {told}"),
        }
    }
}

type Outcomes = BTreeMap<String, Outcome>;

/// What `bb` says of the docks that it refuses; `Err`: it ended as it never should.
type Refusals = BTreeMap<String, Result<String, String>>;

/// The engine's builder waits for its disk most of the time.
const THREADS: usize = 4;

/// What came of each, by name; first of those that others are built on.
pub fn build(room: &Room, cases: &[Case]) -> Outcomes {
    for case in cases {
        case.write(&room.path(format!("bb-dock/{}", case.name)));
    }
    let refused = ours(room, cases);
    let (parents, others) = cases.iter().partition::<Vec<_>, _>(|case| case.parents.is_empty());
    let mut outcomes = Outcomes::new();
    for cases in [parents, others] {
        let new = theirs(room, &cases, &refused, &outcomes);
        outcomes.extend(new);
    }
    outcomes
}

/// Builds all with the engine, several at a time, and compares. `before`: what came of their parents.
fn theirs(room: &Room, cases: &[&Case], refused: &Refusals, before: &Outcomes) -> Outcomes {
    let (next, outcomes) = (Mutex::new(cases.iter()), Mutex::new(Outcomes::new()));
    let work = || {
        while let Some(case) = { next.lock().unwrap().next() } {
            // A parent that is not among them was built before.
            let good =
                |parent: &String| matches!(before.get(parent), None | Some(Outcome::Same(_)));
            let outcome = if case.parents.iter().all(good) {
                compare(room, case, refused.get(&case.name))
            } else {
                Outcome::Skipped
            };
            outcomes.lock().unwrap().insert(case.name.clone(), outcome);
        }
    };
    std::thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(work))));
    outcomes.into_inner().unwrap()
}

/// Builds all with `bb`, and returns those that it refuses.
fn ours(room: &Room, cases: &[Case]) -> Refusals {
    let mut refused = Refusals::new();
    // Whatever is wrong with a dock ends all: without it the others go on. A base that nobody has is told by the
    // build itself.
    let run = loop {
        let mut run = room.bb("build --dry-run");
        if run.code == Some(0) {
            run = room.bb("build -k");
            if !run.stderr.starts_with("error:") {
                break run;
            }
        }
        let named = |case: &&Case| names(&run, &case.name) && !refused.contains_key(&case.name);
        let case = cases.iter().find(named);
        let case = case.unwrap_or_else(|| panic!("{:?}: {}", run.code, run.stderr));
        room.remove(&format!("bb-dock/{}", case.name));
        let said = if run.code == Some(3) { Ok(run.stderr) } else { Err(run.stderr) };
        refused.insert(case.name.clone(), said);
    };
    let built = |name: &str| room.exists(&format!(".bb/images/{name}/image.json"));
    for name in cases.iter().map(|case| &case.name).filter(|name| !built(name)) {
        refused.entry(name.clone()).or_insert_with(|| failed(room, &run, name));
    }
    refused
}

/// What is told of a step that failed.
fn failed(room: &Room, run: &Run, name: &str) -> Result<String, String> {
    let log = format!(".bb/logs/image/{name}.log");
    let log = if room.exists(&log) { room.read(&log) } else { run.stderr.clone() };
    // The code is that of the first that failed, which may be of what somebody has written.
    let as_it_should = matches!(run.code, Some(1 | 3)) && !run.stderr.contains("panicked");
    if as_it_should { Ok(log) } else { Err(log) }
}

/// Does what was said name this dock?
fn names(run: &Run, name: &str) -> bool {
    ["/", ":", "`"].iter().any(|end| run.stderr.contains(&format!("bb-dock/{name}{end}")))
}

/// What came of one; `refused`: what `bb` says of it.
fn compare(room: &Room, case: &Case, refused: Option<&Result<String, String>>) -> Outcome {
    if let Some(Err(broke)) = refused {
        return Outcome::Different(Difference::Broken(broke.clone()));
    }
    let reference = room.image(&format!("{}-by-engine", case.name));
    match (refused, docker_build(room, case, &reference)) {
        (None, Ok(())) => compare_images(room, &case.name, &reference),
        (None, Err(why)) => {
            match THEIRS.iter().find(|(said, _, of)| why.contains(said) && of(case)) {
                Some((_, what, _)) => Outcome::Theirs(what),
                None => Outcome::Different(Difference::OnlyTheyRefuse(why)),
            }
        }
        (Some(_), Err(why)) => Outcome::Refused(why),
        (Some(Ok(why) | Err(why)), Ok(())) => {
            Outcome::Different(Difference::OnlyWeRefuse(why.clone()))
        }
    }
}

/// What came of one that both have built.
fn compare_images(room: &Room, name: &str, theirs: &str) -> Outcome {
    let [ours, theirs] = saved::read(room.engine(), [room.image(name).as_str(), theirs]);
    let summary = room.read(&format!(".bb/images/{name}/image.json"));
    let summary: Value = serde_json::from_str(&summary).unwrap();
    let left = summary["built_by_engine"].as_str().map(str::to_owned);
    difference(&ours, &theirs).map_or(Outcome::Same(left), Outcome::Different)
}

/// The engine's classic builder at the same files.
fn docker_build(room: &Room, case: &Case, reference: &str) -> Result<(), String> {
    let context = room.dir.join("contexts").join(&case.name);
    case.write_context(&context, &room.namespace);
    let result = by_classic_builder(room.engine(), &context, reference);
    std::fs::remove_dir_all(context).unwrap();
    result
}

fn difference(ours: &Saved, theirs: &Saved) -> Option<Difference> {
    if ours.config != theirs.config {
        let keys = ours.config.keys().chain(theirs.config.keys());
        let told =
            differing(keys, |key| ours.config.get(key), |key| theirs.config.get(key), Clone::clone);
        return Some(Difference::Settings(told));
    }
    let paths = ours.entries.keys().chain(theirs.entries.keys());
    let shown = |path: &Vec<u8>| format!("/{}", path.escape_ascii());
    let told =
        differing(paths, |path| ours.entries.get(path), |path| theirs.entries.get(path), shown);
    (!told.is_empty()).then_some(Difference::Files(told))
}

/// What two tables have differently, a paragraph each.
fn differing<'a, K: Ord + 'a, V: PartialEq + fmt::Debug>(
    keys: impl Iterator<Item = &'a K>,
    ours: impl Fn(&K) -> Option<V>,
    theirs: impl Fn(&K) -> Option<V>,
    shown: impl Fn(&K) -> String,
) -> String {
    let keys = keys.collect::<std::collections::BTreeSet<_>>();
    let value = |value: Option<V>| value.map_or("none".to_owned(), |value| format!("{value:?}"));
    let paragraphs = keys.into_iter().filter_map(|key| {
        let (ours, theirs) = (ours(key), theirs(key));
        (ours != theirs).then(|| {
            format!("  {}\n    ours   {}\n    theirs {}", shown(key), value(ours), value(theirs))
        })
    });
    paragraphs.collect::<Vec<_>>().join("\n")
}
