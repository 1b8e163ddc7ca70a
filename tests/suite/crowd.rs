//! The native engine's store under many hands: processes of several projects at once, and whoever is killed at any
//! moment. Nothing is lost, nothing is left.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use support::sealed::Room;

use crate::native::{Native, STATE};

const BASE: &str = "FROM scratch\nCOPY busybox /bin/busybox\n\
    RUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\nENV PATH=/bin\n";

/// A base, two docks on it with commands, and one on one of them. `said` is what all of them have in a file.
pub fn write(room: &Room, said: &str) {
    let busybox = std::fs::read("/bin/busybox").expect("busybox-static");
    room.dock("base", BASE, &[]);
    std::fs::write(room.path("bb-dock/base/busybox"), busybox).unwrap();
    room.chmod("bb-dock/base/busybox", 0o755);
    for name in ["one", "two"] {
        let text = format!(
            "FROM ${{NAMESPACE}}/base\nRUN mkdir /d && echo {said} {name} > /d/said\n\
             RUN sleep 0.05; rm -r /d && mkdir /d && echo {said} {name} > /d/said # {said}\n"
        );
        room.dock(name, &text, &[]);
    }
    let text = format!("FROM ${{NAMESPACE}}/one\nRUN cat /d/said > /three # {said}\nCOPY f /\n");
    room.dock("three", &text, &[("f", said)]);
}

const DOCKS: [&str; 4] = ["base", "one", "two", "three"];

fn ids(native: &Native) -> [String; 4] {
    DOCKS.map(|name| native.id(STATE, name))
}

/// What the images of a project have to say, asked by running them.
fn says(native: &Native, said: &str) {
    for (image, file) in [("one", "/d/said"), ("two", "/d/said"), ("three", "/three")] {
        let run = native.bb(&format!("run {image} cat {file}"));
        let name = if image == "two" { "two" } else { "one" };
        assert_eq!((run.code, run.stdout), (Some(0), format!("{said} {name}\n")), "{}", run.stderr);
    }
}

// ---- many at once

const PROJECTS: usize = 5;
const PROCESSES: usize = 4;
const ROUNDS: usize = 6;

/// What one process of many does. Whatever the others do, it succeeds.
fn work(native: &Native, rng: &mut fastrand::Rng) {
    for _ in 0..ROUNDS {
        let image = ["one", "two", "three"][rng.usize(..3)];
        let args = match rng.u8(..7) {
            0 | 1 => "build".to_owned(),
            2 => format!("build -f {image}"),
            3 => "gc".to_owned(),
            4 => "list".to_owned(),
            5 => format!("image save {image} -o {}.tar", rng.u32(..)),
            _ => format!("run {image} true"),
        };
        let run = native.bb(&args);
        // A name is somebody else's image for a moment, or nobody's, where two projects have the same; and an image
        // that is built again is not there meanwhile.
        let others = args.starts_with("run ") && run.code != Some(4)
            || args.starts_with("image save ") && run.stderr.contains(" is not built\n");
        assert!(run.code == Some(0) || others, "bb {args}: {:?}: {}", run.code, run.stderr);
    }
}

#[test]
fn a_store_that_many_share_loses_nothing() {
    let projects = std::array::from_fn::<_, PROJECTS, _>(|_| Native::of(Room::new()));
    let store = projects[0].store.clone();
    let projects = projects.map(|native| Native { store: store.clone(), ..native });
    let said = |number: usize| format!("project{number}");
    for (number, native) in projects.iter().enumerate() {
        write(&native.room, &said(number));
    }
    // Two of them give the same names to different images.
    let settings = projects[0].room.read("bb.toml");
    projects[1].room.write("bb.toml", &settings);
    for native in &projects {
        native.bb("build").ok();
    }
    let before = projects.each_ref().map(ids);
    std::thread::scope(|scope| {
        for number in 0..PROJECTS * PROCESSES {
            let native = &projects[number % PROJECTS];
            scope.spawn(move || work(native, &mut fastrand::Rng::with_seed(number as u64)));
        }
    });
    for (number, native) in projects.iter().enumerate() {
        native.bb("build").ok();
        assert_eq!(ids(native), before[number], "{number}");
        says(native, &said(number));
    }
    assert_eq!(projects[0].boxes(), 0);
    // Each of them finds the others' layers still there, and what nobody needs is gone in the end.
    for native in &projects {
        native.bb("gc").ok();
    }
    for (number, native) in projects.iter().enumerate().skip(1) {
        native.bb("build").ok();
        says(native, &said(number));
    }
    for native in &projects {
        native.bb("clean").ok();
        native.bb("gc").ok();
    }
    let left = |folder: &str| std::fs::read_dir(store.join(folder)).map_or(0, Iterator::count);
    assert_eq!((left("boxes"), left("layers")), (0, 0));
}

// ---- killed at any moment

/// `bb` as a file of the room's own: its processes are told from others by it.
fn own_program(room: &Room) -> PathBuf {
    let own = room.dir.join("bb-of-its-own");
    // By another process: a file that this one has open for writing does not start.
    let copied = Command::new("cp").arg(support::bb()).arg(&own).status();
    assert!(copied.unwrap().success());
    own
}

fn by(program: &Path, command: &Command) -> Command {
    let mut by = Command::new(program);
    by.args(command.get_args()).current_dir(command.get_current_dir().unwrap());
    by.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    by
}

/// The numbers of the processes that have a word in their command line.
fn processes(word: &str) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let has = |number: &u32| {
        let line = std::fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(word)
    };
    numbers.filter(|number| *number != std::process::id()).filter(has).collect()
}

fn kill(number: u32) {
    // It may have ended by itself.
    let _ = Command::new("kill").args(["-KILL", "--", &number.to_string()]).output();
}

/// Nothing runs any more that has one of these words in its command line.
fn all_end(words: &[&str], what: &str) {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let left = words.iter().flat_map(|word| processes(word)).collect::<Vec<_>>();
        if left.is_empty() {
            return;
        }
        let lines = || {
            let line = |number: &u32| std::fs::read_to_string(format!("/proc/{number}/cmdline"));
            left.iter().map(line).collect::<Vec<_>>()
        };
        assert!(Instant::now() < until, "{what}: {:?}", lines());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// `BB_KILLS` says how often; each time at another moment, `bb` itself or any of the processes of its boxes.
#[test]
fn whoever_is_killed_at_any_moment_leaves_nothing_and_loses_nothing() {
    let kills = std::env::var("BB_KILLS").map_or(20, |text| text.parse::<u64>().unwrap());
    let native = Native::of(Room::new());
    let said = format!("killed-{}", native.room.namespace);
    write(&native.room, &said);
    native.bb("build").ok();
    let begun = Instant::now();
    native.bb("build -f").ok();
    let whole = begun.elapsed();
    let before = ids(&native);
    let program = own_program(&native.room);
    let words = [program.to_str().unwrap(), &said];
    let mut alive = 0;
    for number in 0..kills {
        let mut rng = fastrand::Rng::with_seed(number);
        let mut child = by(&program, &native.command("build -f")).spawn().unwrap();
        std::thread::sleep(whole.mul_f64(rng.f64()));
        let of_boxes = processes(words[1]);
        let ran = child.try_wait().unwrap().is_none();
        alive += u64::from(ran);
        match of_boxes.first().filter(|_| rng.bool()) {
            Some(first) => kill(*first),
            None => kill(child.id()),
        }
        let _ = child.wait().unwrap();
        all_end(&words, &format!("kill {number}"));
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(native.store.to_str().unwrap()), "kill {number}: {mounts}");
        let run = native.bb("build");
        assert_eq!(run.code, Some(0), "kill {number}: {}", run.stderr);
        assert_eq!(ids(&native), before, "kill {number}");
        assert_eq!(native.boxes(), 0, "kill {number}");
    }
    assert!(alive > kills / 4, "{alive} of {kills} were killed while they ran");
    says(&native, &said);
    native.bb("clean").ok();
    native.bb("gc").ok();
    let left =
        |folder: &str| std::fs::read_dir(native.store.join(folder)).map_or(0, Iterator::count);
    assert_eq!((left("boxes"), left("layers")), (0, 0));
}
