//! The builder of a failed step is kept until the step runs again, and it is in nobody's way.

use support::fake::room::Room;

use super::{dock, room, said, start};

const BROKEN: &str = "say a.c:1:2: error: no\nfail 1\n";

fn failed(name: &str) -> String {
    format!(
        "failed  rootfs:{name}\nerror: the builder failed with exit status 1\n  a.c:1:2: error: no\n\
         hint: `bb shell --failed {name}` opens the builder in which it failed\n\
         log: .bb/logs/rootfs/{name}.log\nagain: bb step rootfs:{name}\n"
    )
}

/// The steps whose builders the engine has.
fn kept(room: &Room) -> Vec<String> {
    let labels = room.engine.container_labels();
    support::sealed::sorted(labels.iter().filter_map(|l| l.get("bb.step").cloned()))
}

#[test]
fn it_is_kept_until_the_step_runs_again() {
    let room = room();
    dock(&room, "busybox", "scratch", BROKEN);
    let told = |reason: &str| {
        format!("start   rootfs:busybox ({reason})\n{}1 step failed; 0 done\n", failed("busybox"))
    };
    for _ in 0..2 {
        said(&room, "build rootfs:busybox").fails(1, &told("never built"));
        assert_eq!(kept(&room), ["rootfs:busybox"], "one, of the last run");
    }
    // In between, others work and clear up.
    dock(&room, "other", "scratch", "");
    room.told("build other").ran("dockerfile:other rootfs:other image:other");
    said(&room, "build other").fails(0, "nothing to do: 13 steps up to date\n");
    assert_eq!(kept(&room), ["rootfs:busybox"]);
    dock(&room, "busybox", "scratch", "");
    room.told("build rootfs:busybox").ran("rootfs:busybox");
    assert_eq!(room.engine.containers(), 0);
    said(&room, "shell --failed busybox").fails(
        1,
        "error: `rootfs:busybox` has not failed in a builder, or not lately\n\
         hint: `bb shell NAME` opens its builder as the step would begin\n",
    );
}

#[test]
fn no_more_than_a_few_are_kept_the_newest_ones() {
    let room = room();
    for name in ["a", "b", "c", "d", "e", "f"] {
        dock(&room, name, "scratch", BROKEN);
    }
    for name in ["a", "b", "c", "d", "e", "f"] {
        assert_eq!(said(&room, &format!("step rootfs:{name}")).code, Some(1));
    }
    assert_eq!(kept(&room), ["rootfs:c", "rootfs:d", "rootfs:e", "rootfs:f"]);
    said(&room, "shell --failed a").fails(
        1,
        "error: `rootfs:a` has not failed in a builder, or not lately\nhint: there are: c, d, e, f\n",
    );
}

#[test]
fn one_that_is_kept_stays_when_the_rest_of_the_run_is_interrupted() {
    let room = room();
    dock(&room, "busybox", "scratch", BROKEN);
    dock(&room, "other", "scratch", "hold\n");
    let mut build = start(&room, "build -k -j2 rootfs:busybox rootfs:other");
    build.wait_for_text("\nagain: ");
    room.engine.wait_for_hold();
    build.signal("INT");
    assert_eq!(build.end().code, Some(130));
    assert_eq!(kept(&room), ["rootfs:busybox"]);
}

#[test]
fn it_is_no_matter_if_the_engine_has_lost_it_or_the_state_is_gone() {
    let room = room();
    dock(&room, "busybox", "scratch", BROKEN);
    assert_eq!(said(&room, "step rootfs:busybox").code, Some(1));
    room.engine.remove_containers();
    said(&room, "shell --failed").fails(
        1,
        "error: the engine does not have the builder of `rootfs:busybox` any more\n\
         hint: `bb step rootfs:busybox` runs it again, and keeps it if it fails\n",
    );
    said(&room, "shell --failed").fails(
        1,
        "error: no rootfs step has failed in a builder lately\n\
         hint: `bb shell NAME` opens the builder of an image as its step would begin\n",
    );
    assert_eq!(said(&room, "step rootfs:busybox").code, Some(1));
    std::fs::remove_dir_all(room.path(".bb/kept")).unwrap();
    dock(&room, "other", "scratch", "");
    said(&room, "build other").ok();
    assert_eq!(room.engine.containers(), 0, "nobody knows what it is for");
}
