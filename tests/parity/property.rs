//! The property itself, and what is printed when it does not hold.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use support::fake::engine::{Hook, World};
use support::fake::real::Real;
use support::fake::room::{Executor, Room, in_memory, put};
use support::number;

use crate::edit::{Author, Edit};
use crate::model::Model;
use crate::project::{Node, Project, Tree, elsewhere};

/// Sequences that are run beside each other.
const THREADS: usize = 2;
/// How many are run where nobody asks for more.
const SEQUENCES: u64 = 150;

#[test]
fn every_executor_does_what_the_model_says() {
    let (first, count) = (number("PARITY_SEED", 1), number("PARITY_SEQUENCES", SEQUENCES));
    let (next, failures) = (AtomicU64::new(first), Mutex::new(String::new()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            if seed >= first + count {
                return;
            }
            if let Err(text) = sequence(seed, false) {
                failures.lock().unwrap().push_str(&text);
            }
        }
    };
    std::thread::scope(|scope| [(); THREADS].map(|()| scope.spawn(work)).map(drop));
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn every_executor_does_it_on_a_real_engine() {
    let part =
        |first: u64| (first..=20).step_by(THREADS).filter_map(|seed| sequence(seed, true).err());
    let failures = std::thread::scope(|scope| {
        let threads = [1, 2].map(|first| scope.spawn(move || part(first).collect::<String>()));
        threads.map(|thread| thread.join().unwrap()).concat()
    });
    assert!(failures.is_empty(), "{failures}");
}

/// One project and its edits; the text of what went wrong.
fn sequence(seed: u64, real: bool) -> Result<(), String> {
    let mut story = Story::new(seed, real);
    let told = catch_unwind(AssertUnwindSafe(|| {
        if real {
            story.begin_for_real(seed);
        } else {
            story.begin();
        }
        let edits = story.author.rng.u32(if real { 3..=4 } else { 4..=6 });
        (0..edits).for_each(|_| story.next());
    }));
    told.map_err(|panic| {
        let said = panic.downcast_ref::<String>().cloned().unwrap_or_default();
        let kept =
            if std::env::var_os("PARITY_KEEP").is_some() { story.keep() } else { String::new() };
        format!("PARITY_SEED={seed} PARITY_SEQUENCES=1\n{}{said}\n{kept}\n", story.told)
    })
}

struct Story {
    author: Author,
    project: Project,
    model: Model,
    rooms: Vec<Room>,
    /// What the rooms are in: memory, and a real disk for one sequence of ten.
    above: PathBuf,
    /// Times are those of a file system that knows whole seconds only.
    coarse: bool,
    turn: usize,
    told: String,
}

impl Story {
    fn new(seed: u64, real: bool) -> Self {
        let mut author = Author::new(seed, real);
        let project = author.project();
        let coarse = author.rng.u8(..5) == 0;
        let turn = author.rng.usize(..4);
        let (model, told) = (Model::default(), String::new());
        let above = if seed.is_multiple_of(10) { std::env::temp_dir() } else { in_memory() };
        Self { author, project, model, rooms: vec![], above, coarse, turn, told }
    }

    fn keep(&mut self) -> String {
        let kept = self.rooms.drain(..).map(|room| room.keep().display().to_string());
        kept.collect::<Vec<_>>().join("\n")
    }

    /// One executor builds everything; the others find it done.
    fn begin(&mut self) {
        let mut room = Room::called("p", &self.above, World::default());
        Edit::default().change(&mut room, &Tree::new(), &self.project);
        (0..2).for_each(|n| room.engine.pull(&elsewhere(n), 0));
        room.run("bb", &["makefile"]).ok();
        room.export_ninja();
        let docks = self.project.docks().count();
        let _ = writeln!(
            self.told,
            "{docks} docks, whole seconds: {}, first {:?}",
            self.coarse,
            self.executor(0)
        );
        let expected = self.model.run(&self.project);
        Self::check(&room, self.executor(0), &expected, &BTreeSet::new());
        self.rooms = (0..Executor::ALL.len() - 1).map(|_| room.copy()).collect();
        self.rooms.push(room);
        self.all(&BTreeSet::new());
    }

    /// Every executor builds everything, in a namespace of its own.
    fn begin_for_real(&mut self, seed: u64) {
        for copy in 0..Executor::ALL.len() {
            let mut room = Room::new(World::default());
            let namespace = format!("bb-parity-{}-{seed}-{copy}", std::process::id());
            room.real = Some(Real::new(namespace));
            Edit::default().change(&mut room, &Tree::new(), &self.project);
            room.run("bb", &["makefile"]).ok();
            room.export_ninja();
            self.rooms.push(room);
        }
        let expected = self.model.run(&self.project);
        self.all(&expected);
    }

    /// The executor of a copy, or of the check that comes after it.
    fn executor(&self, copy: usize) -> Executor {
        Executor::ALL[(copy + self.turn) % Executor::ALL.len()]
    }

    fn next(&mut self) {
        let old = self.project.tree();
        let edit = self.author.edit(&mut self.project, &mut self.model);
        let _ = writeln!(self.told, "- {}", edit.what);
        for room in &mut self.rooms {
            edit.change(room, &old, &self.project);
        }
        let expected = self.model.run(&self.project);
        if let Some(during) = &edit.during {
            let text = format!("n {}", &during.text[2..]);
            for room in &self.rooms {
                let (path, node) = (room.path(&during.path), Node::text(text.clone()));
                let act = Box::new(move || put(&path, &node));
                room.engine.hook(Hook { image: during.image.clone(), act });
            }
            self.each(0, &expected);
            let dock = crate::edit::dock_mut(&mut self.project, &during.image);
            dock.files.insert("files/a".into(), Node::text(text));
            let expected = self.model.run(&self.project);
            self.each(1, &expected);
            self.each(2, &BTreeSet::new());
        } else {
            self.all(&expected);
        }
    }

    /// Every copy by its executor, then one of the copies, in turn, by another one, which finds
    /// nothing to do.
    fn all(&mut self, expected: &BTreeSet<String>) {
        self.each(0, expected);
        self.model.put.clear();
        self.turn += 1;
        let copy = self.turn % self.rooms.len();
        let other = Executor::ALL[(copy + 1 + self.turn / 4 % 3) % 4];
        if self.coarse {
            self.rooms[copy].truncate_times();
        }
        Self::check(&self.rooms[copy], other, &BTreeSet::new(), &BTreeSet::new());
    }

    fn each(&mut self, shift: usize, expected: &BTreeSet<String>) {
        for (copy, room) in self.rooms.iter().enumerate() {
            if self.coarse {
                room.truncate_times();
            }
            Self::check(room, Executor::ALL[(copy + shift) % 4], expected, &self.model.put);
        }
    }

    fn check(room: &Room, executor: Executor, expected: &BTreeSet<String>, put: &BTreeSet<String>) {
        let run = room.execute(executor);
        let expected = expected.iter().cloned().collect::<Vec<_>>();
        let (started, built) = (run.started(), room.engine.built());
        assert!(
            run.code == Some(0) && started == expected,
            "{executor:?}\nstarted  {started:?}\nexpected {expected:?}\n{run}"
        );
        if let Some(real) = &room.real {
            return real.note(&room.path(".bb"));
        }
        let image = |id: &String| id.strip_prefix("image:").map(str::to_owned);
        let mut images = expected.iter().filter_map(image).chain(put.clone()).collect::<Vec<_>>();
        images.sort();
        assert_eq!(built, images, "{executor:?}: what the engine built or was given\n{run}");
        assert_eq!(room.engine.containers(), 0, "{executor:?} left containers behind\n{run}");
    }
}
