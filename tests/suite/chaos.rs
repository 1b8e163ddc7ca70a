//! Runs that are killed at a random moment, or whose engine is, on images FROM scratch with real engines:
//! the run after ends in the state in which nothing had happened.
//!
//! `CHAOS_RUNS` and `CHAOS_ENGINE_RUNS` say how many, `CHAOS_SEED` where to begin.

use std::process::Command;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::Value;
use support::fake::group::Group;
use support::number;
use support::sealed::Room;

use crate::image::Image;
use crate::private::Private;

const RUNS: u64 = 20;
const ENGINE_RUNS: u64 = 4;
const DOCKS: [&str; 3] = ["base", "child", "other"];
const INPUTS: [&str; 4] = ["bb-dock/base/f", "bb-dock/child/g", "bb-dock/other/f", "word"];
const STEPS: usize = 7;

/// `base` <- `child`, which has a file that a task makes; `other` beside them.
fn project(room: Room) -> Room {
    room.dock("base", "FROM scratch\nCOPY f /\n", &[("f", "0")]);
    room.dock("child", "FROM ${NAMESPACE}/base\nCOPY g made /\n", &[("g", "0")]);
    room.dock("other", "FROM scratch\nCOPY f /\n", &[("f", "0")]);
    let task = "[task.t]\nrun = \"cat word >bb-dock/child/made\"\ninputs = [\"word\"]\n\
                outputs = [\"bb-dock/child/made\"]\n";
    room.append("bb.toml", task);
    room.write("word", "0");
    room.bb("makefile").ok();
    room
}

/// Two thirds of them are `bb`, the others `make`.
fn command(room: &Room, rng: &mut Rng) -> Command {
    if rng.u8(..3) > 0 {
        return room.command("build");
    }
    let mut make = Command::new("make");
    make.args(["-j4", "-f", "Makefile.generated", concat!("BB=", env!("CARGO_BIN_EXE_bb"))]);
    make.current_dir(room.path(""));
    room.seal(&mut make);
    make
}

/// An engine may go on with a build whose client is gone, and give its image the name after a later
/// run has: the next run sees another image there, and replaces it. Whether that was so.
fn replace_stragglers(room: &Room) -> bool {
    let dry = room.told("build --dry-run").ok();
    let stale = dry.of_type("planned").filter(|planned| planned["state"] == "stale");
    let says = |planned: &Value, key: &str| planned[key].as_str().unwrap().to_owned();
    let straggled = |planned: &Value| {
        let image = says(planned, "step").starts_with("image:");
        image && says(planned, "reason").ends_with("` is another one")
    };
    let stale = stale.collect::<Vec<_>>();
    let some = !stale.is_empty() && stale.into_iter().all(straggled);
    if some {
        room.bb("build").ok();
    }
    some
}

/// Everything is done, and nothing is left over.
#[track_caller]
fn assert_whole(room: &Room, told: &str) {
    let dry = room.told("build --dry-run").ok();
    assert!(dry.all_fresh(STEPS), "{told}\n{dry}");
    let again = room.told("build").ok();
    assert!(again.executed().is_empty(), "{told}\n{again}");
    assert_eq!(again.summary(), format!("nothing to do: {STEPS} steps up to date"), "{told}");
    assert_eq!(room.stamps().len(), STEPS, "{told}");
    room.assert_tidy();
}

#[test]
fn a_run_killed_at_any_moment_loses_nothing() {
    let [room, undisturbed] = [Room::with_engine(), Room::with_engine()].map(project);
    let mut rng = Rng::with_seed(number("CHAOS_SEED", 0));
    let (runs, mut killed, mut stragglers) = (number("CHAOS_RUNS", RUNS), 0, 0);
    let begun = Instant::now();
    room.bb("build").ok();
    let mut usual = begun.elapsed();
    for run in 0..runs {
        edit([&room, &undisturbed], run, &mut rng);
        let moment = usual.mul_f64(rng.f64());
        let group = Group::start(command(&room, &mut rng));
        let ended = group.ends_before(moment);
        killed += u64::from(ended.is_none());
        group.kill();
        let (_, text) = group.end(ended);
        let begun = Instant::now();
        let (code, rest) = Group::start(command(&room, &mut rng)).end(None);
        usual = usual.mul_f64(0.7) + begun.elapsed().max(Duration::from_millis(50)).mul_f64(0.3);
        let told = format!("run {run}, killed after {moment:?}:\n{text}--\n{rest}");
        assert_eq!(code, Some(0), "{told}");
        stragglers += usize::from(replace_stragglers(&room));
        assert_whole(&room, &told);
    }
    assert_same_images(&room, &undisturbed);
    println!("{killed} of {runs} runs were killed before their end, {stragglers} builds went on");
    assert!(killed > runs / 4);
}

/// Some of the inputs say something else, in both.
fn edit(rooms: [&Room; 2], run: u64, rng: &mut Rng) {
    for path in INPUTS.into_iter().filter(|_| rng.bool()) {
        for room in rooms {
            room.write(path, &run.to_string());
        }
    }
}

/// The images are those of a project that nothing happened to.
fn assert_same_images(room: &Room, undisturbed: &Room) {
    undisturbed.bb("build").ok();
    for dock in DOCKS {
        let [here, there] = [room, undisturbed].map(|r| Image::read(r.engine(), &r.image(dock)));
        assert_eq!(here.entries, there.entries, "{dock}");
    }
}

#[test]
fn an_engine_killed_at_any_moment_loses_nothing() {
    let mut private = Private::start();
    let room = project(Room::with_private_engine(private.engine()));
    let undisturbed = project(Room::with_private_engine(private.engine()));
    let mut rng = Rng::with_seed(number("CHAOS_SEED", 0));
    let (runs, mut failed) = (number("CHAOS_ENGINE_RUNS", ENGINE_RUNS), 0);
    let begun = Instant::now();
    room.bb("build").ok();
    let usual = begun.elapsed();
    for run in 0..runs {
        edit([&room, &undisturbed], run, &mut rng);
        let moment = usual.mul_f64(rng.f64());
        let group = Group::start(room.command("build"));
        let ended = group.ends_before(moment);
        private.kill();
        let (code, text) = group.end(ended);
        failed += u64::from(code != Some(0));
        private.start_again();
        let rest = room.bb("build").ok().stderr;
        assert_whole(&room, &format!("run {run}, killed after {moment:?}:\n{text}--\n{rest}"));
    }
    assert_same_images(&room, &undisturbed);
    println!("{failed} of {runs} runs lost their engine before their end");
    assert!(failed > 0);
}
