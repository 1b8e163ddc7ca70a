//! What runs were: which steps ran in each, why, for how long, at which packages. The newest ones are kept, a file for
//! each.
//!
//! For people: nothing is decided by it, and what cannot be read of it is passed over.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::base::error::{Error, Result};
use crate::base::ids::StepId;
use crate::base::limits::Limit;
use crate::base::read;
use crate::exec::event::Event;
use crate::exec::packages::{At, PackagePhase};
use crate::state::store;
use crate::state::store::Store;

/// Version of the files' format.
const FORMAT: u32 = 1;
/// More are not kept.
const MOST: usize = 100;
/// Nor of how many jobs were at work.
const MOST_JOBS: usize = 10_000;

/// One run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Version of the format.
    pub format: u32,
    /// When it began, in milliseconds since 1970.
    pub begun: u64,
    /// How long it took.
    pub seconds: f64,
    /// What was asked for; nothing: everything.
    pub images: Vec<String>,
    /// How many steps had nothing to do.
    pub fresh: usize,
    /// Its exit code.
    pub exit: u8,
    /// Those that ran, as they ended.
    pub steps: Vec<Ran>,
    /// How many jobs were at work, each with since when in the run, in seconds.
    #[serde(default)]
    pub jobs: Vec<(f64, usize)>,
}

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ran {
    /// Which.
    pub step: String,
    /// Why it ran.
    pub reason: String,
    /// Since the run began, in seconds.
    pub from: f64,
    /// For how long.
    pub seconds: f64,
    /// How it ended.
    pub end: End,
    /// What it said then.
    pub note: String,
    /// Packages that it was at, one after the other.
    pub packages: Vec<Package>,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// Well.
    Done,
    /// Not well.
    Failed,
    /// With the run, before its own end.
    Stopped,
}

/// A package that a step was at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Package {
    /// `category/name-version`.
    pub package: String,
    /// Its number among those that were compiled, or merged, from 1.
    pub number: usize,
    /// How many these were.
    pub total: usize,
    /// Its phases, one after the other: what it was, and since when in the run, in seconds.
    pub phases: Vec<(String, f64)>,
    /// Until when, in seconds since the run began.
    pub until: f64,
}

impl Package {
    /// Since the run began, in seconds.
    pub fn from(&self) -> f64 {
        self.phases.first().map_or(self.until, |(_, from)| *from)
    }

    /// Whether it was compiled, and not only merged.
    pub fn is_compiled(&self) -> bool {
        self.phases.iter().any(|(phase, _)| phase != PackagePhase::Merge.as_str())
    }

    /// For how long, in seconds.
    pub fn seconds(&self) -> f64 {
        self.until - self.from()
    }
}

/// A run as it goes on, with a clock.
#[derive(Debug)]
pub struct Recorder {
    begun: SystemTime,
    clock: Instant,
    recording: Recording,
}

impl Recorder {
    /// Of a run that begins now.
    pub fn begin() -> Self {
        let (begun, clock) = (SystemTime::now(), Instant::now());
        Self { begun, clock, recording: Recording::default() }
    }

    /// Takes note of an event.
    pub fn event(&mut self, event: &Event) {
        self.recording.event(event, self.clock.elapsed());
    }

    /// The run, which ends now; what was asked for and how it ended is not known here.
    pub fn end(self) -> Run {
        let took = self.clock.elapsed();
        let jobs = self.recording.jobs.clone();
        Run { jobs, ..Run::new(self.begun, took, self.recording.steps(took)) }
    }
}

#[derive(Debug, Default)]
struct Recording {
    running: BTreeMap<StepId, Ran>,
    /// What each is at, to be told from the next.
    merges: BTreeMap<StepId, bool>,
    ended: Vec<Ran>,
    jobs: Vec<(f64, usize)>,
}

impl Recording {
    /// `now` is the time since the run began.
    fn event(&mut self, event: &Event, now: Duration) {
        match event {
            Event::Started { step, reason } => {
                let ran = Ran {
                    step: step.to_string(),
                    reason: reason.clone(),
                    from: now.as_secs_f64(),
                    seconds: 0.0,
                    end: End::Stopped,
                    note: String::new(),
                    packages: vec![],
                };
                self.running.insert(step.clone(), ran);
            }
            Event::Package { step, at } => self.package(step, at, now.as_secs_f64()),
            Event::Done { step, note, .. } => self.end(step, End::Done, note, now),
            Event::Failed { step, error, .. } => {
                self.end(step, End::Failed, error.message(), now);
            }
            Event::Standing { standing, .. } => {
                let (before, jobs) = (self.jobs.last().map(|(_, jobs)| *jobs), standing.jobs.0);
                if before != Some(jobs) && self.jobs.len() < MOST_JOBS {
                    self.jobs.push((now.as_secs_f64(), jobs));
                }
            }
            _ => {}
        }
    }

    fn package(&mut self, step: &StepId, at: &At, now: f64) {
        let Some(ran) = self.running.get_mut(step) else { return };
        // Compiled is one thing, merged another.
        let merges = at.phase == PackagePhase::Merge;
        let goes_on = self.merges.insert(step.clone(), merges) == Some(merges);
        let last = ran.packages.last_mut().filter(|last| goes_on && last.package == at.package);
        let phase = (at.phase.to_string(), now);
        if let Some(last) = last {
            last.phases.push(phase);
            return;
        }
        if let Some(before) = ran.packages.last_mut() {
            before.until = now;
        }
        let At { package, number, total, .. } = at.clone();
        ran.packages.push(Package { package, number, total, phases: vec![phase], until: now });
    }

    fn end(&mut self, step: &StepId, end: End, note: &str, now: Duration) {
        let Some(mut ran) = self.running.remove(step) else { return };
        self.merges.remove(step);
        let now = now.as_secs_f64();
        if let Some(last) = ran.packages.last_mut() {
            last.until = now;
        }
        (ran.seconds, ran.end) = (now - ran.from, end);
        note.clone_into(&mut ran.note);
        self.ended.push(ran);
    }

    /// The steps of the run, which ends now.
    fn steps(mut self, now: Duration) -> Vec<Ran> {
        for step in self.running.keys().cloned().collect::<Vec<_>>() {
            self.end(&step, End::Stopped, "", now);
        }
        self.ended
    }
}

/// Keeps a run in which something ran; of the others, the newest ones.
///
/// # Errors
/// It cannot be written.
pub fn keep(store: &Store, run: &Run) -> Result<()> {
    if run.steps.is_empty() {
        return Ok(());
    }
    let folder = store.root().join("history");
    store::make_dir(&folder)?;
    let text = serde_json::to_vec(run).map_err(|e| Error::bug(format!("a run is no JSON: {e}")))?;
    store.replace(&folder.join(format!("{:015}-{}.json", run.begun, std::process::id())), &text)?;
    files(store).iter().skip(MOST).try_for_each(|old| store::remove_if_there(old))
}

/// All that are kept, the newest first.
pub fn runs(store: &Store) -> Vec<Run> {
    newest(store, MOST)
}

/// No more than so many of them.
pub(super) fn newest(store: &Store, most: usize) -> Vec<Run> {
    let read = |path: PathBuf| {
        let text = read::state(&path, Limit::StateSize).ok()?;
        serde_json::from_slice::<Run>(&text).ok().filter(Run::is_sound)
    };
    files(store).into_iter().filter_map(read).take(most).collect()
}

/// A run by its number, the newest is 1.
pub fn run(store: &Store, number: usize) -> Option<Run> {
    runs(store).into_iter().nth(number.checked_sub(1)?)
}

fn files(store: &Store) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(store.root().join("history")).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut found = paths.filter(|path| path.extension().is_some_and(|e| e == "json"));
    let mut found = found.by_ref().collect::<Vec<_>>();
    found.sort_unstable_by(|a, b| b.cmp(a));
    found
}

/// Longer takes no run, in seconds: three years.
const LONGEST: f64 = 1e8;

impl Run {
    /// Whether one can reckon with it: files may say anything.
    fn is_sound(&self) -> bool {
        let packages = || self.steps.iter().flat_map(|ran| &ran.packages);
        let phases = packages().flat_map(|at| at.phases.iter().map(|(_, from)| *from));
        let of_packages = packages().map(|at| at.until).chain(phases);
        let of_steps = self.steps.iter().flat_map(|ran| [ran.from, ran.seconds]);
        let jobs = self.jobs.iter().map(|(from, _)| *from);
        let mut all = of_steps.chain(of_packages).chain(jobs).chain([self.seconds]);
        self.format == FORMAT
            && Duration::from_millis(self.begun) < Duration::from_secs(u64::from(u32::MAX))
            && all.all(|seconds| (0.0..=LONGEST).contains(&seconds))
    }

    /// One with these steps.
    pub fn new(begun: SystemTime, took: Duration, steps: Vec<Ran>) -> Self {
        let since = begun.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let (begun, seconds) = (u64::try_from(since).unwrap_or(0), took.as_secs_f64());
        Self { format: FORMAT, begun, seconds, steps, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str) -> StepId {
        name.parse().unwrap()
    }

    fn at(package: &str, phase: PackagePhase) -> Event {
        let at = At { package: package.into(), phase, number: 1, total: 2 };
        Event::Package { step: step("rootfs:a"), at }
    }

    fn recorded() -> Vec<Ran> {
        use PackagePhase::{Compile, Merge, Unpack};
        let mut recording = Recording::default();
        let started = |name: &str| Event::Started { step: step(name), reason: "why".into() };
        let done = |name: &str| Event::Done {
            step: step(name),
            took: Duration::ZERO,
            note: "3 MB".into(),
        };
        let events = [
            started("rootfs:a"),
            started("image:b"),
            at("x/one-1", Unpack),
            at("x/one-1", Compile),
            done("image:b"),
            at("x/one-1", Merge),
            started("image:c"),
            done("image:unknown"),
            done("rootfs:a"),
        ];
        for (second, event) in (0..).zip(&events) {
            recording.event(event, Duration::from_secs(second));
        }
        recording.steps(Duration::from_secs(9))
    }

    #[test]
    fn a_run_is_what_happened_in_it() {
        let told = recorded().into_iter().map(|ran| {
            let packages = ran.packages.iter().map(|package| {
                let phases = package.phases.iter().map(|(phase, from)| format!("{phase} {from}"));
                let phases = phases.collect::<Vec<_>>().join(" ");
                format!(" {}: {phases} {}", package.package, package.until)
            });
            let packages = packages.collect::<String>();
            format!("{} {}+{} {:?}{packages}", ran.step, ran.from, ran.seconds, ran.end)
        });
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                "image:b 1+3 Done",
                "rootfs:a 0+8 Done x/one-1: unpack 2 compile 3 5 x/one-1: merge 5 8",
                "image:c 6+3 Stopped",
            ]
        );
    }

    #[test]
    fn the_newest_are_kept_and_what_is_none_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::at(dir.path().join(".bb"));
        store.create().unwrap();
        assert_eq!(runs(&store), []);
        let time = |second: u64| UNIX_EPOCH + Duration::from_secs(second);
        let run = |second: u64| Run::new(time(second), Duration::from_secs(9), recorded());
        for second in 1..=103 {
            keep(&store, &run(second)).unwrap();
        }
        let nothing = Run { steps: vec![], ..run(200) };
        keep(&store, &nothing).unwrap();
        std::fs::write(store.root().join("history/9-1.json"), "{").unwrap();
        for (name, seconds) in [("9-2", 1e19), ("9-3", -1.0)] {
            let mut hostile = run(1);
            hostile.steps[0].seconds = seconds;
            let text = serde_json::to_vec(&hostile).unwrap();
            std::fs::write(store.root().join(format!("history/{name}.json")), text).unwrap();
        }
        let kept = runs(&store);
        assert_eq!((kept.len(), kept[0].begun, kept[99].begun), (100, 103_000, 4_000));
        assert_eq!(super::run(&store, 1), Some(run(103)));
        assert_eq!((super::run(&store, 0), super::run(&store, 101)), (None, None));
    }
}
