//! The library as another program uses it: the examples, and what it says to a project that is not where it must be.

use std::path::Path;

use gentoo_bb::{Options, Project, Surroundings};
use support::fake::engine::World;
use support::fake::room::{Room, Run, says};
use support::{checkout, programs};

use crate::family::{family, nothing_to_do};

/// What an example says, in the project's folder.
#[track_caller]
fn example(room: &Room, name: &str, args: &[&str]) -> Run {
    let program = programs().join("examples").join(name);
    assert!(program.is_file(), "no `{}`: `cargo build --examples` makes it", program.display());
    room.run(program.to_str().unwrap(), args)
}

#[test]
fn an_example_lists_what_is_stale_and_why() {
    let room = family();
    says(&example(&room, "stale", &[]), 0, "");
    room.write("bb-dock/mid/f", "changed");
    let text = "image:mid: bb-dock/mid/f changed\nimage:top: waits for image:mid\n";
    says(&example(&room, "stale", &[]), 0, text);
    says(&example(&room, "stale", &["mid"]), 0, "image:mid: bb-dock/mid/f changed\n");
    says(&example(&room, "stale", &["plain"]), 0, "");
    let text = "error: unknown image `plan`\nhint: did you mean `plain`?\n";
    says(&example(&room, "stale", &["plan"]), 2, text);
}

#[test]
fn an_example_builds_with_a_progress_of_its_own() {
    let room = family();
    room.write("bb-dock/plain/f", "changed");
    let text = "    image:plain: bb-dock/plain/f changed\n  1 image:plain\n1 done, 23 up to date\n";
    says(&example(&room, "progress", &[]), 0, text);
    nothing_to_do(&room);
    room.write("bb.toml", "[task.t]\nrun = \"exit 3\"\n");
    let failed = example(&room, "progress", &["task:t"]);
    assert_eq!(failed.code, Some(1), "{}", failed.text);
    assert!(failed.text.contains("  1 task:t failed: "), "{}", failed.text);
}

/// Two docks of which nothing has to run, one on the other.
fn of_nothing_that_runs() -> Room {
    let room = Room::new(World::default());
    room.dock("one", "FROM scratch\nCOPY f /\n");
    room.dock("two", "FROM ${NAMESPACE}/one\nCOPY f /g\nLABEL a=b\n");
    room.settings("", "");
    room
}

fn id_of(room: &Room, name: &str) -> String {
    let text = std::fs::read_to_string(room.path(&format!(".bb/images/{name}/image.json")));
    let json = serde_json::from_str::<serde_json::Value>(&text.unwrap()).unwrap();
    json["id"].as_str().unwrap().to_owned()
}

#[test]
fn an_example_builds_with_an_engine_of_its_own() {
    let room = of_nothing_that_runs();
    let built = example(&room, "engine", &[]).ok();
    let [one, two] = ["one", "two"].map(|name| id_of(&room, name));
    for (name, id) in [("one", &one), ("two", &two)] {
        let line = built.text.lines().find(|line| line.ends_with(id.as_str()));
        let line = line.unwrap_or_else(|| panic!("no {id}: {}", built.text));
        assert!(line.contains(&format!("ns/{name}:latest ")), "{line}");
    }
    // What another engine has is the same image.
    room.run("bb", &["build"]).ok();
    assert_eq!(["one", "two"].map(|name| id_of(&room, name)), [one, two]);
    room.dock("runs", "FROM ${NAMESPACE}/one\nRUN true\n");
    let failed = example(&room, "engine", &["runs"]);
    assert_eq!(failed.code, Some(4), "{}", failed.text);
    let text = "the engine in use has no builder of its own, and it has a `RUN`";
    assert!(failed.text.contains(text), "{}", failed.text);
}

#[test]
fn a_project_is_opened_in_the_current_folder_only() {
    // Cargo runs tests in the checkout.
    let here = checkout();
    let open = |path: &Path| Project::open(path, Surroundings::default());
    assert!(open(Path::new(".")).is_ok());
    assert_eq!(open(here).unwrap().settings.docks, Path::new("bb-dock"));
    let elsewhere = open(&here.join("src")).unwrap_err();
    assert_eq!(elsewhere.exit().code(), 2);
    let message =
        format!("the project `{}/src` is not in the current folder", checkout().display());
    assert_eq!(elsewhere.message(), message);
    let gone = open(Path::new("/not/there")).unwrap_err();
    assert_eq!(gone.message(), "cannot open the project `/not/there`: no such file or directory");
}

/// Only what a project was opened with is its environment.
#[test]
fn a_project_knows_the_environment_that_it_is_given() {
    let given = [("TAG", "other"), ("DOCKER_HOST", "unix:///not/there")];
    let environment = given.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let surroundings = Surroundings { environment, ..Surroundings::default() };
    assert!(!format!("{surroundings:?}").contains("not/there"), "{surroundings:?}");
    let project = Project::open(checkout(), surroundings).unwrap();
    assert_eq!(project.settings.tag, "other");
    let asked = tokio::runtime::Runtime::new().unwrap().block_on(project.engine());
    assert_eq!(asked.unwrap_err().exit().code(), 4);
    assert_eq!(Options::default().jobs, None);
}
