//! Single cases: what make and ninja say and do besides the property.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Stdio;

use support::Told;
use support::fake::room::{Executor, Room};

pub const ALL: &str = "dockerfile:a dockerfile:b image:a image:b";
pub const MAKEFILE: [&str; 2] = ["-f", "Makefile.generated"];

pub fn make(room: &Room, args: &[&str]) -> Told {
    room.told_by("make", &with_makefile(args))
}

pub fn with_makefile<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [&MAKEFILE[..], args].concat()
}

#[test]
fn a_dry_run_executes_nothing_and_a_question_is_answered() {
    let room = Room::two_docks();
    let dry = |question: i32| {
        make(&room, &["-n"]).ran("");
        let asked = make(&room, &["-q"]);
        assert_eq!((asked.code, asked.started().len()), (Some(question), 0), "{asked}");
        assert_eq!(room.run("bb", &["sync"]).ok().text, "");
        room.told_by("ninja", &["-n"]).ran("");
        room.told_by("bmake", &["-n", "-f", "Makefile.generated"]).ran("");
    };
    dry(1);
    room.told("build").ran(ALL);
    dry(0);
    room.write("bb-dock/b/f", "2");
    dry(1);
    make(&room, &[]).ran("image:b");
    dry(0);
    room.age("bb-dock/a/f", 0);
    dry(0);
    room.engine.remove(|name| name == "ns/a:latest");
    dry(0);
    assert!(room.engine.images().contains_key("ns/a:latest"));
    nothing_to_do(&room);
}

/// GNU make's three ways to run nothing, with recipes that it runs nevertheless, and without: no file is another one
/// afterwards, and what is said is so.
#[test]
fn what_runs_nothing_changes_nothing_whatever_the_recipes() {
    let room = Room::two_docks();
    for form in [&["makefile"][..], &["makefile", "--jobserver"]] {
        room.run("bb", form).ok();
        let dry = |question: i32| {
            let asked = ["-n", "-q", "-t"].map(|way| {
                let (before, asked) = (files(&room), make(&room, &[way]));
                assert_eq!(asked.started().len(), 0, "{way} {asked}");
                let after = files(&room);
                let other = after.iter().filter(|(path, told)| before.get(*path) != Some(told));
                assert_eq!(other.collect::<Vec<_>>(), [], "{way} {asked}");
                assert_eq!(after.len(), before.len(), "{way} {asked}");
                asked
            });
            let codes = asked.each_ref().map(|asked| asked.code);
            assert_eq!(codes, [Some(0), Some(question), Some(2)], "{:?}", asked.each_ref());
            assert!(asked[2].to_string().contains("bb touches nothing"), "{}", asked[2]);
            let names = |image: &str| asked[0].to_string().contains(&format!("step image:{image}"));
            assert_eq!((names("a"), names("b")), (false, question == 1), "{}", asked[0]);
        };
        room.told("build").ok();
        room.run("bb", &["sync"]).ok();
        dry(0);
        room.write("bb-dock/b/f", &format!("for {form:?}"));
        room.run("bb", &["sync"]).ok();
        dry(1);
        make(&room, &[]).ran("image:b");
        dry(0);
    }
}

/// Every file of a project by its path, with its time and size, but for what only spares `bb` a second look.
fn files(room: &Room) -> BTreeMap<String, (std::time::SystemTime, u64)> {
    let top = room.path("");
    let all = walkdir::WalkDir::new(&top).into_iter().map(Result::unwrap);
    let files = all.filter(|entry| entry.file_type().is_file()).map(|entry| {
        let path = entry.path().strip_prefix(&top).unwrap().to_str().unwrap().to_owned();
        let told = entry.metadata().unwrap();
        (path, (told.modified().unwrap(), told.len()))
    });
    let matters = |path: &str| [".bb/images/", ".bb/stamps/"].iter().any(|f| path.starts_with(f));
    files.filter(|(path, _)| !path.starts_with(".bb/") || matters(path)).collect()
}

pub fn nothing_to_do(room: &Room) {
    for executor in Executor::ALL {
        room.execute(executor).ran("");
    }
}

#[test]
fn docks_that_come_and_go_are_built_or_told() {
    for executor in Executor::ALL {
        let room = Room::two_docks();
        room.execute(executor).ran(ALL);
        // Newer than all that it was made from, as where clocks are coarse.
        room.age("Makefile.generated", -1000);
        room.dock("c", "FROM ${NAMESPACE}/b\nCOPY f /\n");
        room.execute(executor).ran("dockerfile:c image:c");
        fs::rename(room.path("bb-dock/c"), room.path("bb-dock/d")).unwrap();
        room.execute(executor).ran("dockerfile:d image:d");
        fs::remove_dir_all(room.path("bb-dock/d")).unwrap();
        room.execute(executor).ran("");
        fs::rename(room.path("bb-dock/a"), room.path("bb-dock/z")).unwrap();
        let run = room.executor_refuses(executor, "error: parent `a` is not in `bb-dock`\n");
        assert!(run.text.contains("--> bb-dock/b/Dockerfile.template:1:"), "{}", run.text);
    }
}

#[test]
fn bad_tasks_are_shown_where_they_are_written() {
    let task = |name: &str, rest: &str| format!("[task.{name}]\nrun = \"true\"\n{rest}");
    let head = "namespace = \"ns\"\n";
    let unknown = "error: no step is called `image:bb`\n \
         --> bb.toml:4:10\n  |\n4 | needs = [\"image:bb\"]\n  |          ^^^^^^^^^^\n\
         hint: did you mean `image:b`?\n";
    let twice = "error: `out` is also an output of `task:x`\n \
         --> bb.toml:7:12\n  |\n7 | outputs = [\"out\"]\n  |            ^^^^^\n\
         hint: a file is made by one step only\n";
    let cycle = "error: steps depend on themselves: task:x -> image:b -> image:a -> task:x\n \
         --> bb.toml:4:10\n  |\n4 | needs = [\"image:b\"]\n  |          ^^^^^^^^^\n\
         hint: each arrow is a need, or a file that the step before makes; remove one of them\n";
    let cases = [
        (task("x", "needs = [\"image:bb\"]\n"), unknown),
        (task("x", "outputs = [\"out\"]\n") + &task("y", "outputs = [\"out\"]\n"), twice),
        (task("x", "needs = [\"image:b\"]\noutputs = [\"bb-dock/a/f\"]\n"), cycle),
    ];
    for (tasks, message) in cases {
        let room = Room::two_docks();
        room.write("bb.toml", &format!("{head}{tasks}"));
        for verb in ["build", "makefile", "sync"] {
            let run = room.run("bb", &[verb]);
            assert_eq!((run.code, run.text.as_str()), (Some(3), message), "bb {verb}");
        }
        room.refuses("make", &MAKEFILE, message);
        room.refuses("bmake", &MAKEFILE, message);
    }
}

#[test]
fn the_makefile_is_checked_and_the_same_from_run_to_run() {
    let room = Room::two_docks();
    let text = || fs::read(room.path("Makefile.generated")).unwrap();
    let first = text();
    room.run("bb", &["makefile", "--check"]).ok();
    fs::remove_file(room.path("Makefile.generated")).unwrap();
    room.run("bb", &["makefile"]).ok();
    assert!(first == text());
    room.dock("c", "FROM scratch\nCOPY f /\n");
    let run = room.run("bb", &["makefile", "--check"]);
    let message = "error: `Makefile.generated` is not what the docks say now\n\
                   hint: run `bb makefile` and commit what it writes\n";
    assert_eq!((run.code, run.text.as_str()), (Some(1), message));
    assert!(first == text());
}

#[test]
fn two_makes_at_once_do_each_step_once() {
    let room = Room::two_docks();
    room.settings("", "");
    room.pin();
    for name in ["c", "d", "e"] {
        room.dock(name, "FROM ${NAMESPACE}/b\nADD rootfs.tar /\nCOPY f /\n");
    }
    room.run("bb", &["makefile"]).ok();
    let start = || {
        let mut make = room.telling("make", &["-j4", "-f", "Makefile.generated"]);
        make.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let runs = [start(), start()].map(|make| Told::from(make.wait_with_output().unwrap()).ok());
    let mut steps = runs.iter().flat_map(Told::started).collect::<Vec<_>>();
    steps.sort();
    let all = steps.len();
    steps.dedup();
    assert_eq!((all, steps.len()), (10 + 5 * 2 + 3, all), "{}{}", runs[0], runs[1]);
    assert_eq!(room.engine.built(), ["a", "b", "c", "d", "e"]);
}

#[test]
fn help_lists_every_target_in_80_columns() {
    let room = Room::two_docks();
    let task = "[task.t]\nrun = \"true\"\nneeds = [\"image:b\"]\n";
    // `bb-image-b` is also what the image of a dock `image-b` would be called.
    room.settings("", task);
    room.pin();
    for name in ["image-b", "images"] {
        room.dock(name, "FROM scratch\nADD rootfs.tar /\n");
    }
    room.run("bb", &["makefile"]).ok();
    let run = make(&room, &["-s", "bb-help"]).ran("");
    let lines = run.beside.lines().collect::<Vec<_>>();
    assert!(lines.iter().all(|line| line.len() <= 80), "{run}");
    let names = lines.iter().map(|line| line.split_once(' ').unwrap().0).collect::<Vec<_>>();
    let first = ["bb-all", "bb-test", "bb-status", "bb-a", "bb-b", "bb-builder-bob"];
    assert_eq!(names[..6], first, "{run}");
    // 10 steps that all share, 3 of each dock and 2 rootfs, a task; 2 images by a short name.
    assert_eq!(names.len(), 3 + 2 + 10 + 4 * 3 + 2 + 1, "{}", run.beside);
    let text = fs::read_to_string(room.path("Makefile.generated")).unwrap();
    for name in names {
        let rules = text.lines().filter(|line| line.starts_with(&format!("{name}:"))).count();
        assert_eq!(rules, 1, "{name}");
    }
}

#[test]
fn the_template_uses_what_gnu_make_3_81_knows() {
    let text = include_str!("../../templates/Makefile.j2");
    let text = text.lines().filter(|l| !l.starts_with('#')).collect::<Vec<_>>().join("\n");
    let calls = text.split("$(").skip(1).filter_map(|rest| {
        let name = rest.split(|c: char| !c.is_ascii_lowercase() && c != '-').next()?;
        rest[name.len()..].starts_with(' ').then_some(name)
    });
    let known =
        ["error", "filter", "filter-out", "findstring", "firstword", "if", "origin", "shell"];
    assert_eq!(calls.filter(|name| !known.contains(name)).collect::<Vec<_>>(), [""; 0]);
    for newer in ["::=", "&:", ".ONESHELL", "undefine ", ".RECIPEPREFIX", " | ", "private "] {
        assert!(!text.contains(newer), "{newer}");
    }
}

#[test]
fn what_is_read_through_a_link_is_an_input() {
    let room = Room::two_docks();
    room.write(
        "bb.toml",
        "namespace = \"ns\"\n[task.t]\nrun = \"cat link >out\"\ninputs = [\"link\"]\n",
    );
    room.write("shared/template", "FROM scratch\nCOPY f /\n");
    room.write("shared/text", "1");
    symlink("shared/text", room.path("link")).unwrap();
    fs::remove_file(room.path("bb-dock/a/Dockerfile.template")).unwrap();
    symlink("../../shared/template", room.path("bb-dock/a/Dockerfile.template")).unwrap();
    room.told("build").ran("dockerfile:a dockerfile:b image:a image:b task:t");
    room.write("shared/template", "FROM scratch\nCOPY f /g\n");
    let status = room.run("bb", &["status"]).ok();
    assert!(
        status.text.contains("stale  dockerfile:a  shared/template changed\n"),
        "{}",
        status.text
    );
    room.told("build").ran("dockerfile:a image:a image:b");
    room.write("shared/text", "2");
    make(&room, &[]).ran("task:t");
    room.told("build").ran("");
}
