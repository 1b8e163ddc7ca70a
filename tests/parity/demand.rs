//! Downloads, imports and the builder: whoever executes, they are made again for a step that runs, and for nothing
//! else.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use support::fake::engine::{Engine, World};
use support::fake::room::{Executor, Room};

use crate::cases::nothing_to_do;

const MADE: &str = "builder:bob fetch:portage.tar.xz fetch:portage.tar.xz.gpgsig \
                    fetch:stage3-amd64-nomultilib-openrc.tar.xz fetch:stage3-amd64-nomultilib-openrc.tar.xz.DIGESTS \
                    fetch:stage3-amd64-nomultilib-openrc.tar.xz.asc import:portage import:stage3";

/// Two docks that are compiled, built; and then all that was only needed for that is gone.
fn bare() -> Room {
    let room = Room::new(World::default());
    room.settings("", "");
    room.pin();
    for name in ["a", "b"] {
        room.dock(name, "FROM scratch\nADD rootfs.tar /\n");
    }
    room.run("bb", &["makefile"]).ok();
    room.export_ninja();
    room.told("build").ok();
    elsewhere(room)
}

/// In front of an engine that has nothing, without downloads.
fn elsewhere(mut room: Room) -> Room {
    let folder = tempfile::tempdir_in(room.path("..")).unwrap().keep();
    room.engine = Engine::start(&folder, World::default());
    let _ = fs::remove_dir_all(room.path(".bb/downloads"));
    room
}

fn edit(room: &Room, name: &str) {
    room.write(&format!("bb-dock/{name}/Buildconfig.sh"), "true\n");
}

/// Of docks that have been edited rootfs and image are made, and of what these need `lost`; and nothing else.
fn edited_is_made(room: &Room, executor: Executor, docks: &[&str], lost: &str) {
    docks.iter().copied().for_each(|name| edit(room, name));
    let own = docks.iter().map(|name| format!(" rootfs:{name} image:{name}"));
    room.execute(executor).ran(&(lost.to_owned() + &own.collect::<String>()));
    nothing_to_do(room);
}

#[test]
fn what_no_step_needs_is_not_made() {
    let built = bare();
    for executor in Executor::ALL {
        let room = elsewhere(built.copy());
        room.execute(executor).ran("");
        let images = room.engine.images();
        assert!(images.keys().all(|name| name.starts_with("ns/")), "{executor:?} {images:?}");
        let downloads = fs::read_dir(room.path(".bb/downloads")).into_iter().flatten();
        assert_eq!(downloads.count(), 0, "{executor:?}");
        nothing_to_do(&room);
    }
    let status = built.run("bb", &["status"]).ok().text;
    let builder = status.lines().find_map(|line| line.strip_prefix("fresh  builder:bob "));
    assert_eq!(builder.map(str::trim), Some("not there: made when a step needs it"), "{status}");
}

#[test]
fn a_step_that_runs_has_all_of_it_made() {
    let built = bare();
    for executor in Executor::ALL {
        let room = elsewhere(built.copy());
        edit(&room, "a");
        let planned = room.run("bb", &["build", "--dry-run"]).ok().text;
        let needed = planned.lines().filter(|line| line.starts_with("needed"));
        assert_eq!(needed.count(), MADE.split_whitespace().count(), "{planned}");
        edited_is_made(&room, executor, &["a"], MADE);
    }
}

/// Its name is not what it is.
#[test]
fn another_image_in_its_place_is_not_it() {
    let room = bare();
    room.told("build builder:bob").ran(MADE);
    let names = room.engine.images().into_keys();
    let bob = names.filter(|name| name.starts_with("gentoo-bb/bob:")).collect::<Vec<_>>();
    for name in bob {
        room.engine.pull(&name, 7);
    }
    room.execute(Executor::Make).ran("");
    edit(&room, "a");
    let run = room.told("build").ran("builder:bob image:a rootfs:a");
    assert!(run.reason("builder:bob").ends_with(" is another one"), "{run}");
    nothing_to_do(&room);
}

#[test]
fn two_steps_have_it_made_once() {
    let built = bare();
    for executor in Executor::ALL {
        let room = elsewhere(built.copy());
        edited_is_made(&room, executor, &["a", "b"], MADE);
    }
}

/// The builder is enough; what it was made of is not asked for.
#[test]
fn what_is_there_needs_nothing() {
    let built = bare();
    built.told("build builder:bob").ran(MADE);
    fs::remove_dir_all(built.path(".bb/downloads")).unwrap();
    built.engine.remove(|name| {
        name.starts_with("gentoo-bb/stage3:") || name.starts_with("gentoo-bb/portage:")
    });
    fs::remove_file(built.path(".bb/stamps/builder/bob")).unwrap();
    for executor in Executor::ALL {
        let room = built.copy();
        edited_is_made(&room, executor, &["b"], "builder:bob");
    }
}

#[test]
fn it_is_made_for_whoever_names_it() {
    let room = bare();
    room.told("build builder:bob").ran(MADE);
    room.told("build builder:bob").ran("");
    let room = elsewhere(room);
    let make = || room.run("make", &["-f", "Makefile.generated", "bb-import-stage3"]).ok().text;
    let made = make();
    let why = made.lines().find_map(|line| line.strip_prefix("start   import:stage3 "));
    assert!(why.is_some_and(|why| why.ends_with("is gone)")), "{made}");
    assert!(make().ends_with("nothing to do: 5 steps up to date\n"));
}

/// The same project with a mirror of its own, where some of the files are replaced.
fn with_mirror(room: &Room, change: impl Fn(&Path)) {
    let text = fs::read_to_string(room.path("bb.toml")).unwrap();
    let line = text.lines().find(|line| line.starts_with("mirrors")).unwrap();
    let from = line.split('"').nth(1).unwrap();
    let own = tempfile::tempdir_in(room.path("..")).unwrap().keep();
    let copied = Command::new("cp").arg("-r").arg(format!("{from}/.")).arg(&own).status();
    assert!(copied.unwrap().success());
    change(&own);
    room.write("bb.toml", &text.replace(line, &format!("mirrors = [\"{}\"]", own.display())));
}

#[test]
fn what_cannot_be_made_fails_once_and_holds_back_who_needs_it() {
    for how in ["build a b c", "build -j1 a b c", "build -k a b c", "build -kj1 a b c"] {
        let room = bare();
        let text = fs::read_to_string(room.path("bb.toml")).unwrap();
        with_mirror(&room, |mirror| fs::remove_dir_all(mirror.join("snapshots")).unwrap());
        edit(&room, "a");
        edit(&room, "b");
        room.dock("c", "FROM scratch\nCOPY f /\n");
        let run = room.told(how);
        assert_eq!(run.code, Some(1), "{how}: {run}");
        let mut failed = run.failed();
        assert!(failed.iter().all(|id| id.starts_with("fetch:portage")), "{how}: {failed:?}");
        failed.dedup();
        assert_eq!(failed, run.failed(), "{how}: each once");
        assert!(!run.started().iter().any(|id| id.starts_with("rootfs:")), "{how}: {run}");
        if how.contains("-k") {
            let summary = run.of_type("summary").last().unwrap();
            let skipped = summary["skipped"].as_array().unwrap();
            for id in ["rootfs:a", "image:a", "rootfs:b", "image:b"] {
                assert!(skipped.contains(&id.into()), "{how}: {run}");
            }
            assert!(run.done().contains(&"image:c".to_owned()), "{how}: {run}");
        }
        // Whatever was tried, no image that is up to date is stale for it.
        for name in ["a", "b"] {
            room.write(&format!("bb-dock/{name}/Buildconfig.sh"), "");
        }
        let planned = room.told("build --dry-run a b");
        let mut states = planned.of_type("planned").map(|step| step["state"].as_str().unwrap());
        assert!(states.all(|state| matches!(state, "fresh" | "put")), "{how}: {planned}");
        // With the mirror of before it goes on as if nothing had been.
        room.write("bb.toml", &text);
        edit(&room, "a");
        room.told("build").ok();
        room.run("bb", &["makefile"]).ok();
        room.export_ninja();
        nothing_to_do(&room);
    }
}

/// A file that is back is not one that was verified.
#[test]
fn nobody_goes_on_before_what_came_again_has_been_verified() {
    for order in
        [["verify:portage", "fetch:portage.tar.xz"], ["fetch:portage.tar.xz", "verify:portage"]]
    {
        for jobs in ["1", "2", "4"] {
            let room = bare();
            let needs = order.map(|id| format!("\"{id}\"")).join(", ");
            let task = format!("[task.u]\nrun = \"true\"\nneeds = [{needs}]\n");
            room.settings("", &task);
            with_mirror(&room, |mirror| {
                let signature = fs::read_dir(mirror.join("snapshots")).unwrap();
                let mut files = signature.map(|entry| entry.unwrap().path());
                let signature = files.find(|path| path.to_string_lossy().ends_with(".gpgsig"));
                fs::write(signature.unwrap(), "no signature").unwrap();
            });
            let run = room.told(&format!("build -j {jobs} task:u"));
            assert_eq!(
                (run.code, run.failed()),
                (Some(5), vec!["verify:portage".to_owned()]),
                "{run}"
            );
            assert!(!run.started().contains(&"task:u".to_owned()), "{order:?} {jobs}: {run}");
        }
    }
}

/// Two recipes that need the same: the second one waits for the first.
#[test]
fn a_recipe_waits_for_what_another_one_makes() {
    let room = bare();
    edit(&room, "a");
    edit(&room, "b");
    let start =
        |id: &str| room.telling("bb", &["step", id]).stdout(Stdio::piped()).spawn().unwrap();
    let both = ["rootfs:a", "rootfs:b"].map(start);
    for child in both {
        let out = child.wait_with_output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
    }
}
