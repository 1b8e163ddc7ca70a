//! `make -j8` on the shipped docks, killed in the middle in each way and started again: nothing is
//! lost that was done, nothing is done twice, nothing is left behind.

use std::process::Command;

use support::Told;
use support::sealed::{Mirror, Room, Run, Running, sorted};

use super::{Project, copy_docks};

struct Killed {
    room: Room,
    /// Steps that ended well, of all runs.
    done: Vec<String>,
}

impl Killed {
    fn new(project: &Project) -> Self {
        let room = Room::with_engine().with_mirror(&Mirror::get());
        copy_docks(&room);
        room.write("bb.lock", &project.room.read("bb.lock"));
        room.bb("makefile").ok();
        std::fs::create_dir(room.path(".bb")).unwrap();
        Self { room, done: vec![] }
    }

    fn make(&self, program: &str, args: &str) -> Command {
        let mut make = self.room.telling(program, &["-f", "Makefile.generated"]);
        make.args(args.split_whitespace());
        make
    }

    /// A make with a process group of its own, as a shell starts it.
    fn start(&self) -> Running {
        Running::telling_in_group(self.make("make", "-j8"))
    }

    /// Those of this project, which has its name once it has begun.
    fn containers(&self) -> usize {
        let ours = self.room.project_filter();
        let ids = self.room.engine().docker(&["ps", "-aq", "--filter", &ours]);
        ids.lines().count()
    }

    /// Waits until a builder's container is there; each question takes the engine's time.
    fn wait_for_container(&self) {
        assert!((0..10_000).any(|_| self.containers() > 0), "no builder's container came");
    }

    /// It is over, without success; what it did counts.
    fn ended(&mut self, running: Running) -> Told {
        let run = running.told();
        assert_ne!(run.code, Some(0), "{run}");
        self.done.extend(run.done());
        run
    }
}

#[test]
fn a_make_that_is_killed_is_finished_by_the_next() {
    let project = Project::get();
    let mut killed = Killed::new(&project);

    let mut running = killed.start();
    running.wait_for_message("started", "rootfs:busybox");
    killed.wait_for_container();
    running.signal_group("INT");
    let run = killed.ended(running);
    assert!(run.words().contains("error: interrupted\n"), "{run}");
    assert_eq!(killed.containers(), 0, "{run}");

    let mut running = killed.start();
    running.wait_for_message("started", "rootfs:busybox");
    killed.wait_for_container();
    running.signal_group("KILL");
    killed.ended(running);
    assert_eq!(killed.containers(), 1, "it had no time to clear up");

    // Only make itself is killed: what it had started goes on.
    let mut running = killed.start();
    running.wait_for_message("started", "rootfs:s6");
    running.signal("KILL");
    let mut last = killed.start();
    last.wait_for_message("waiting", "rootfs:s6");
    killed.ended(running);
    let last = last.told().ok();
    killed.done.extend(last.done());

    let steps = sorted(killed.done.clone());
    assert_eq!(steps, project.first.done(), "each step ended well once");
    assert_eq!(killed.containers(), 0, "{last}");
    killed.room.bb("build").fails(0, "nothing to do: 25 steps up to date\n");
    Told::from(killed.make("bmake", "").output().unwrap()).ran("");
    assert_eq!(Run::of(killed.make("make", "-q")).code, Some(0));
    killed.room.assert_tidy();
}
