//! What is committed beside the code: generated files are what would be generated, and the example
//! works as its README says.

use std::path::Path;
use std::process::Command;

use support::Told;
use support::sealed::{Room, Run};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn committed_makefiles_are_what_would_be_written() {
    for project in [ROOT.to_owned(), format!("{ROOT}/examples/pipeline")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bb"));
        command.args(["makefile", "--check", "--project", &project]).env_clear();
        Run::of(command).is(0, "", "");
    }
}

#[test]
fn the_example_pipeline_compiles_builds_and_ships_each_only_if_needed() {
    let room = Room::with_engine();
    copy(&Path::new(ROOT).join("examples/pipeline"), &room.path(""));
    make(&room, &["-j4"]).ran("dockerfile:hello image:hello");
    room.told_with(&[("NAMESPACE", &room.namespace)], "build").ran("task:notes");
    assert!(room.read("shipped.txt").contains("\"id\": \"sha256:"));
    let again = make(&room, &[]).ran("");
    assert_eq!(again.beside, "make: Nothing to be done for 'all'.\n");

    let changed = room.read("hello.c").replace("hello", "good day");
    room.write("hello.c", &changed);
    make(&room, &["-j4"]).ran("image:hello");
    assert!(room.read("shipped.txt").contains(&room.image("hello")));
    let namespace = [("NAMESPACE", room.namespace.as_str())];
    room.told_with(&namespace, "build").ran("task:notes");
    room.told_with(&namespace, "build").ran("");
}

fn make(room: &Room, args: &[&str]) -> Told {
    let mut command = room.telling("make", args);
    command.arg("BB=bb").env("NAMESPACE", &room.namespace);
    command.output().unwrap().into()
}

fn copy(from: &Path, to: &Path) {
    let tracked = Command::new("git").args(["ls-files"]).current_dir(from).output().unwrap();
    for file in String::from_utf8(tracked.stdout).unwrap().lines() {
        std::fs::create_dir_all(to.join(file).parent().unwrap()).unwrap();
        std::fs::copy(from.join(file), to.join(file)).unwrap();
    }
}
