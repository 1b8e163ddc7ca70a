//! Ctrl-C once: nothing new begins, what runs is stopped and cleared away. Twice: at once.

use super::{dock, room, start};

const STARTED: &str = "start   rootfs:busybox (never built)\n";
const STOPPING: &str = "stop    all that runs (Ctrl-C again leaves at once)\n";

#[test]
fn once_stops_what_runs_and_leaves_nothing_behind() {
    for signal in ["INT", "TERM", "HUP"] {
        let room = room();
        dock(&room, "busybox", "scratch", "hold\n");
        let build = start(&room, "build -j1 rootfs:nginx");
        room.engine.wait_for_hold();
        build.signal(signal);
        let run = build.end();
        run.fails(130, &format!("{STARTED}{STOPPING}error: interrupted\n"));
        assert_eq!(room.engine.containers(), 0);
        assert!(!room.path(".bb/stamps/rootfs").exists());
        room.engine.release(true);
        room.told("build -j1 rootfs:nginx").ran("rootfs:busybox rootfs:nginx");
    }
}

#[test]
fn twice_leaves_at_once_where_the_engine_does_not_answer() {
    let room = room();
    dock(&room, "busybox", "scratch", "hold\n");
    let mut build = start(&room, "build -j1 rootfs:nginx");
    room.engine.wait_for_hold();
    room.engine.fall_silent(true);
    build.signal("INT");
    build.wait_for("stop    all that runs");
    room.engine.wait_for_request();
    build.signal("INT");
    let hint = "hint: containers of this run may be left; the next `bb build` removes them\n";
    build.end().fails(130, &format!("{STARTED}{STOPPING}error: interrupted\n{hint}"));
    assert_eq!(room.engine.containers(), 1);
    // As it says.
    room.engine.fall_silent(false);
    room.engine.release(true);
    room.told("build -j1 rootfs:nginx").ran("rootfs:busybox rootfs:nginx");
    assert_eq!(room.engine.containers(), 0);
}

#[test]
fn a_step_that_make_has_started_ends_the_same_way() {
    let room = room();
    dock(&room, "busybox", "scratch", "hold\n");
    let step = start(&room, "step rootfs:busybox");
    room.engine.wait_for_hold();
    step.signal("INT");
    step.end().fails(130, &format!("{STARTED}{STOPPING}error: interrupted\n"));
    assert_eq!(room.engine.containers(), 0);
}
