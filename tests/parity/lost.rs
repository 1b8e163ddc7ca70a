//! Images that the engine in use does not have: whoever executes puts them there, and no step runs.

use support::LEFT_TO_BUILDER;
use support::fake::engine::{Engine, Manner, World};
use support::fake::room::{Executor, Room};

use crate::cases::nothing_to_do;

/// `c` is made by the engine's builder, and `d` is put together on it.
fn four_docks() -> Room {
    let room = Room::two_docks();
    room.dock("c", &format!("{LEFT_TO_BUILDER}FROM ${{NAMESPACE}}/b\nCOPY f /\n"));
    room.dock("d", "FROM ${NAMESPACE}/c\nCOPY f /\n");
    room
}

const STEPS: usize = 4 * 2;

fn has(room: &Room, name: &str) -> bool {
    room.engine.images().contains_key(&format!("ns/{name}:latest"))
}

#[test]
fn another_engine_gets_all_images_and_no_step_runs() {
    let built = four_docks();
    let steps = built.execute(Executor::Bb).ok().started();
    assert_eq!(steps.len(), STEPS);
    let images = built.engine.images();
    assert_eq!(images.len(), 4);
    for executor in Executor::ALL {
        let mut room = built.copy();
        let folder = tempfile::tempdir().unwrap();
        room.engine = Engine::start(folder.path(), World::default());
        room.execute(executor).ran("");
        assert_eq!(room.engine.images(), images, "{executor:?}");
        assert_eq!(room.engine.built(), ["a", "b", "c", "d"], "{executor:?}");
        nothing_to_do(&room);
        assert_eq!(room.engine.built(), [""; 0], "{executor:?}");
    }
}

#[test]
fn a_name_that_was_given_to_another_image_is_given_back() {
    let built = four_docks();
    built.execute(Executor::Make).ok();
    let images = built.engine.images();
    for executor in Executor::ALL {
        let room = built.copy();
        room.engine.built();
        for name in ["a", "c"] {
            room.engine.pull(&format!("ns/{name}:latest"), 7);
        }
        room.execute(executor).ran("");
        assert_eq!(room.engine.images(), images, "{executor:?}");
        assert_eq!(room.engine.built(), ["a", "c"], "{executor:?}");
    }
}

/// It is only there then: the step answers for it.
#[test]
fn what_an_engine_does_not_give_out_as_it_is_is_built_again() {
    let room = four_docks();
    room.engine.behave(Manner::GivesOutOthers);
    room.told("build").ok();
    let log = room.run("bb", &["logs", "image:c"]).ok().text;
    assert!(
        log.contains("bb: it stays in the engine: the engine does not give it out as "),
        "{log}"
    );
    nothing_to_do(&room);
    room.engine.remove(|name| name == "ns/c:latest" || name == "ns/a:latest");
    let run = room.told("build").ran("image:c");
    assert_eq!(run.reason("image:c"), "image `ns/c:latest` is gone");
    assert!(has(&room, "a"));
    nothing_to_do(&room);
}

/// As Docker does with containerd's store: what it calls an image says nothing of which it is.
#[test]
fn what_an_engine_calls_an_image_is_of_no_account() {
    let room = four_docks();
    room.engine.behave(Manner::CallsOtherwise);
    room.told("build").ok();
    nothing_to_do(&room);
    let ids = || room.engine.images();
    let before = ids();
    room.engine.remove(|name| name == "ns/b:latest");
    room.told("build").ran("");
    assert_eq!(ids(), before);
    room.told("step test:b").ran("test:b");
    nothing_to_do(&room);
    room.run("bb", &["gc"]).ok();
    assert_eq!(ids(), before);
    room.run("bb", &["clean", "b"]).ok();
    assert!(!has(&room, "b") && has(&room, "a"));
}

/// Who runs one step only has asked nobody for the others' images.
#[test]
fn what_a_step_needs_in_the_engine_is_put_there_first() {
    let room = four_docks();
    let from = format!("{LEFT_TO_BUILDER}FROM ${{NAMESPACE}}/b\nCOPY --from=${{NAMESPACE}}/a /f ");
    room.dock("e", &format!("{from}/g\n"));
    room.told("build").ok();
    let lose = || assert_eq!(room.engine.remove(|name| name.starts_with("ns/")), 5);
    lose();
    room.told("step test:a").ran("test:a");
    assert!(has(&room, "a") && !has(&room, "b"));
    room.told("step image:c").ran("");
    assert!(has(&room, "c"));
    room.told("build").ok();
    lose();
    room.dock("e", &format!("{from}/h\n"));
    room.told("step dockerfile:e").ran("dockerfile:e");
    room.told("step image:e").ran("image:e");
    assert!(["a", "b", "e"].iter().all(|name| has(&room, name)));
}
