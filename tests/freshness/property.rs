//! Random sequences of edits on a real file system: what is executed is what the model says.
//!
//! The steps are run by the real executor, with its records, stamps, index and locks; `status` and
//! `sync` are asked in between and have to agree.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gentoo_bb::base::ids::{Kind, StepId};
use gentoo_bb::config::Settings;
use gentoo_bb::engine::Owner;
use gentoo_bb::engine::address::Address;
use gentoo_bb::engine::docker::Docker;
use gentoo_bb::exec::archives::Archives;
use gentoo_bb::exec::job::{Standing, standings};
use gentoo_bb::exec::run;
use gentoo_bb::exec::run::Options;
use gentoo_bb::exec::stored::Gifts;
use gentoo_bb::exec::sync::sync;
use gentoo_bb::exec::tokens::Tokens;
use gentoo_bb::exec::work::Context;
use gentoo_bb::fresh::{Inventory, Stamp};
use gentoo_bb::net::http::Client;
use gentoo_bb::plan::Plan;
use gentoo_bb::plan::step::{Need, Step, Work};
use gentoo_bb::state::store::Store;
use support::fake::engine;
use support::fake::room::in_memory;
use support::number;
use tokio::runtime::{Builder, Runtime};

use crate::edit::{EDITS, LISTED, Sequence};
use crate::model::{Expected, Unit};

const SEQUENCES: u64 = 2_000;

#[test]
fn the_judge_agrees_with_a_model_that_reads_everything() {
    let sequences = number("FRESHNESS_SEQUENCES", SEQUENCES);
    let first = number("FRESHNESS_SEED", 0);
    let threads = 2;
    let counts = std::thread::scope(|scope| {
        let part = |n| scope.spawn(move || part((first + n..first + sequences).step_by(threads)));
        let parts = (0..threads as u64).map(part).collect::<Vec<_>>();
        parts.into_iter().map(|p| p.join().unwrap()).fold(Counts::new(), Counts::and)
    });
    println!("{counts:#?}");
    if sequences >= SEQUENCES {
        let rare = |name: &&&str| counts.get(**name).copied().unwrap_or(0) < 5;
        let names = EDITS.iter().map(|(n, _)| n).chain(LISTED.iter().map(|(n, _)| n));
        assert_eq!(names.filter(rare).collect::<Vec<_>>(), [&""; 0], "hardly ever happened");
    }
}

/// How often an edit or a listed case happened.
struct Counts(BTreeMap<&'static str, usize>);

impl std::ops::Deref for Counts {
    type Target = BTreeMap<&'static str, usize>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl std::fmt::Debug for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Counts {
    fn new() -> Self {
        Self(BTreeMap::new())
    }

    fn add(&mut self, name: &'static str) {
        *self.0.entry(name).or_default() += 1;
    }

    fn and(mut self, other: Self) -> Self {
        for (name, count) in other.0 {
            *self.0.entry(name).or_default() += count;
        }
        self
    }
}

fn part(seeds: impl Iterator<Item = u64>) -> Counts {
    let folder = tempfile::tempdir().unwrap();
    let fake = engine::Engine::start(folder.path(), engine::World::default());
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let engine = runtime.block_on(Docker::connect(&[Address::at(fake.host())])).unwrap();
    let mut hand = Hand { runtime, engine, counts: Counts::new(), told: String::new() };
    for seed in seeds {
        hand.told.clear();
        hand.sequence(seed);
    }
    hand.counts
}

/// Does to a project what a user would, and compares.
struct Hand {
    runtime: Runtime,
    engine: Docker,
    counts: Counts,
    /// What happened in this sequence.
    told: String,
}

impl Hand {
    fn sequence(&mut self, seed: u64) {
        let folder = folder(seed);
        let mut sequence = Sequence::new(folder.path().to_owned(), seed);
        let _ = writeln!(self.told, "sequence {seed}");
        self.build(&mut sequence);
        let (rounds, edits) =
            if sequence.units.len() > 4 { (8, 4) } else { (sequence.rng.u8(2..7), 2) };
        for _ in 0..rounds {
            for _ in 0..sequence.rng.u8(1..=edits) {
                let (name, edit) = sequence.rng.choice(EDITS).unwrap();
                let Some(what) = edit(&mut sequence) else { continue };
                let _ = writeln!(self.told, "- {name}: {what}");
                self.counts.add(name);
            }
            self.build(&mut sequence);
        }
    }

    /// What `status` says, perhaps `sync`, and a run.
    fn build(&mut self, sequence: &mut Sequence) {
        let plan = plan(&sequence.root, &sequence.units);
        let store = Store::at(sequence.root.join(".bb"));
        let standing = standings(&plan, &store, &Inventory::default()).unwrap();
        let recalled = sequence.recalled();
        let expected = sequence.model.run(&sequence.root, &sequence.units);
        let holds = recalled && !expected.stale.is_empty();
        assert!(!holds, "{}RECALLED THOUGH CHANGED {:?}", self.told, expected.stale);
        self.counts.add(if recalled { "recalled" } else { "not recalled" });
        self.compare_standings(&plan, &standing, &expected);
        if sequence.rng.u8(..4) == 0 {
            self.sync(sequence, &plan, &expected);
        }
        self.compare_run(&plan, sequence, &expected);
        if sequence.rng.u8(..3) == 0 {
            sequence.keep_answer(&plan);
        }
        for case in expected.excused.values() {
            self.counts.add(case);
        }
        let _ = writeln!(self.told, "  built {:?}", expected.stale);
    }

    /// What is executed is never called fresh before.
    fn compare_standings(
        &self,
        plan: &Plan,
        standing: &[(gentoo_bb::plan::graph::StepIx, Standing)],
        expected: &Expected,
    ) {
        for (ix, standing) in standing {
            let at = at(&plan.step(*ix).id);
            let work = expected.stale.contains(&at) || expected.excused.contains_key(&at);
            assert!(!(work && *standing == Standing::Fresh), "{}s{at} is called fresh", self.told);
        }
    }

    /// No stamp of what is to be executed is left for make to see.
    fn sync(&mut self, sequence: &Sequence, plan: &Plan, expected: &Expected) {
        let store = Store::at(sequence.root.join(".bb"));
        store.create().unwrap();
        sync(plan, &store, &Inventory::default()).unwrap();
        let _ = writeln!(self.told, "- sync");
        for at in expected.stale.iter().chain(expected.excused.keys()) {
            let stamp = store.stamp(&id(*at));
            assert!(!matches!(stamp, Stamp::Present(_)), "{}s{at} has a stamp", self.told);
        }
    }

    fn compare_run(&self, plan: &Plan, sequence: &Sequence, expected: &Expected) {
        let (context, inventory) = (Arc::new(self.context(&sequence.root)), Inventory::default());
        context.store.create().unwrap();
        let options = Options { jobs: 2, ..Options::default() };
        let mut said = String::new();
        let mut report = |event| said += &format!("{event:?}\n");
        let summary = self
            .runtime
            .block_on(run::run(plan, context, &inventory, options, &mut report))
            .unwrap();
        assert_eq!(summary.failed, [], "{}{said}", self.told);
        let executed = summary.executed.iter().map(at).collect::<BTreeSet<_>>();
        let missed = expected.stale.difference(&executed).collect::<Vec<_>>();
        assert_eq!(missed, [&0; 0], "{}FRESH THOUGH CHANGED\n{said}", self.told);
        let needless = executed.difference(&expected.stale).collect::<Vec<_>>();
        let excused = expected.excused.keys().collect::<Vec<_>>();
        assert_eq!(needless, excused, "{}NEEDLESS\n{said}", self.told);
    }

    fn context(&self, root: &Path) -> Context {
        let settings = Settings::resolve(Path::new("bb.toml"), "", &BTreeMap::new()).unwrap();
        // The project is not the folder that this program runs in.
        let settings = Settings { links: vec![root.to_owned()], ..settings };
        Context {
            store: Store::at(root.join(".bb")),
            engine: Arc::new(self.engine.clone()),
            archives: Archives::default(),
            client: Client::new(true),
            settings,
            registry: None,
            owner: Owner("test".to_owned()),
            run: "run".to_owned(),
            jobs: 1,
            tokens: Tokens::new(2, None, None),
            launcher: None,
            shared: None,
            gifts: Gifts::default(),
            signals: false,
        }
    }
}

/// Mostly in memory, which is faster; some on a disk.
fn folder(seed: u64) -> tempfile::TempDir {
    let above = if seed.is_multiple_of(96) { std::env::temp_dir() } else { in_memory() };
    tempfile::tempdir_in(above).unwrap()
}

fn id(at: usize) -> StepId {
    StepId::new(Kind::Dockerfile, format!("s{at}"))
}

fn at(id: &StepId) -> usize {
    id.name[1..].parse().unwrap()
}

fn plan(root: &Path, units: &[Unit]) -> Plan {
    let steps = units.iter().enumerate().map(|(at, unit)| step(root, at, unit));
    Plan::new(steps.collect()).unwrap()
}

fn step(root: &Path, at: usize, unit: &Unit) -> Step {
    let path = |p: String| -> PathBuf { root.join(p) };
    let output = path(Unit::output(at));
    let needs = unit.needs.iter().map(|up| Need::product(id(*up), "text"));
    let reads = unit.reads.iter().map(|up| Need::order(id(*up)));
    Step {
        triggered_files: vec![],
        id: id(at),
        files: unit.inputs(at).into_iter().map(path).collect(),
        params: unit.settings.clone().into_iter().collect(),
        needs: needs.chain(reads).collect(),
        outputs: vec![output.clone()],
        objects: vec![],

        work: Work::Dockerfile {
            template: root.join(Unit::template(at)),
            dest: output,
            jinja: false,
            markers: unit
                .settings
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        },
    }
}
