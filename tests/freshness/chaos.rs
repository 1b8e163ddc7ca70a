//! Runs that are killed at a random moment, and engines that go away at one: the run after ends in the
//! state in which nothing had happened.

use std::process::Command;
use std::time::{Duration, Instant};

use fastrand::Rng;
use support::fake::group::Group;
use support::fake::room::Room;
use support::number;

use crate::project::{assert_whole, files, whole};

const RUNS: u64 = 20;
const INPUTS: [&str; 5] =
    ["bb-dock/base/f", "bb-dock/child/f", "bb-dock/deep/f", "bb-dock/deep/Buildconfig.sh", "word"];

/// Two copies of a project: one is disturbed, one never is.
struct Pair {
    disturbed: Room,
    undisturbed: Room,
    rng: Rng,
    /// How long the work took where it was not disturbed.
    usual: Duration,
    edits: u32,
}

impl Pair {
    fn new(seed: u64) -> Self {
        let (disturbed, undisturbed) = (whole(), whole());
        Self { disturbed, undisturbed, rng: Rng::with_seed(seed), usual: Duration::ZERO, edits: 0 }
    }

    /// New work, done where nothing disturbs it; a command that does it, and a moment of that.
    fn next(&mut self) -> (Command, Duration) {
        self.edit();
        let begun = Instant::now();
        self.undisturbed.run("bb", &["build"]).ok();
        self.usual = begun.elapsed();
        let moment = self.usual.mul_f64(self.rng.f64());
        (self.command(), moment)
    }

    /// The same new work for both: everything, or what follows from some edits.
    fn edit(&mut self) {
        let rooms = [&self.disturbed, &self.undisturbed];
        if self.rng.u8(..3) == 0 {
            for room in rooms {
                let _ = std::fs::remove_dir_all(room.path(".bb"));
                room.engine.remove(|_| true);
            }
            return;
        }
        for path in INPUTS {
            if self.rng.bool() {
                self.edits += 1;
                for room in rooms {
                    room.write(path, &self.edits.to_string());
                }
            }
        }
    }

    fn command(&mut self) -> Command {
        let make = ["-j4", "-f", "Makefile.generated"];
        match self.rng.u8(..3) {
            0 => self.disturbed.command("make", &make),
            _ => self.disturbed.command("bb", &["build"]),
        }
    }

    /// A run to the end, and the same state as where nothing happened.
    fn compare(&mut self, told: &str) {
        let command = self.command();
        let (code, text) = Group::start(command).end(None);
        assert_eq!(code, Some(0), "{told}\n--\n{text}");
        assert_whole(&self.disturbed, told);
        let [here, there] = [&self.disturbed, &self.undisturbed].map(|room| room.engine.images());
        assert_eq!(here, there, "{told}");
        let [here, there] = [&self.disturbed, &self.undisturbed].map(files);
        let names = |files: &std::collections::BTreeMap<String, Vec<u8>>| {
            files.keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(names(&here), names(&there), "{told}");
        let differing = here.iter().filter(|(name, content)| there[*name] != **content);
        assert_eq!(differing.map(|(name, _)| name).collect::<Vec<_>>(), [""; 0], "{told}");
    }
}

#[test]
fn a_run_killed_at_any_moment_loses_nothing() {
    let mut pair = Pair::new(number("CHAOS_SEED", 0));
    let mut killed = 0;
    let runs = number("CHAOS_RUNS", RUNS);
    for run in 0..runs {
        let (command, moment) = pair.next();
        let group = Group::start(command);
        let ended = group.ends_before(moment);
        killed += u32::from(ended.is_none());
        group.kill();
        let (_, text) = group.end(ended);
        pair.compare(&format!("run {run} killed after {moment:?}:\n{text}"));
    }
    println!("{killed} runs were killed before their end");
    assert!(u64::from(killed) > runs / 4);
}

#[test]
fn an_engine_that_goes_away_loses_nothing() {
    let mut pair = Pair::new(number("CHAOS_SEED", 1));
    let mut cut = 0;
    let runs = number("CHAOS_RUNS", RUNS).div_ceil(4);
    for run in 0..runs {
        let (command, moment) = pair.next();
        let group = Group::start(command);
        let ended = group.ends_before(moment);
        cut += u32::from(ended.is_none());
        pair.disturbed.engine.go_down();
        let ended_before = ended.is_some();
        let (code, text) = group.end(ended);
        // 2 is what make says of a step that failed.
        let told = code == Some(0) || matches!(code, Some(1 | 2 | 4)) && text.contains("error: ");
        assert!(told && (!ended_before || code == Some(0)), "{code:?}\n{text}");
        pair.disturbed.engine.come_up();
        pair.compare(&format!("run {run}, engine down after {moment:?}:\n{text}"));
    }
    println!("{cut} runs lost their engine");
    assert!(u64::from(cut) > runs / 4);
}
