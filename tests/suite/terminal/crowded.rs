//! Docks that reserve memory: those for which there is no room beside others wait, whoever runs their steps.

use super::{dock, room, start};

#[test]
fn two_that_want_all_of_it_run_one_after_the_other() {
    let room = room();
    for name in ["one", "two"] {
        dock(&room, name, "scratch", "hold\n");
        room.write(&format!("bb-dock/{name}/dock.toml"), "memory = \"99 TB\"\n");
    }
    room.command("bb", &["makefile"]).status().unwrap();
    for (command, steps) in [("bb", ["build", "-j4"]), ("make", ["-fMakefile.generated", "-j4"])] {
        let _ = std::fs::remove_dir_all(room.path(".bb/stamps/rootfs"));
        let images = ["one", "two"].map(|name| match command {
            "bb" => format!("rootfs:{name}"),
            _ => format!("bb-rootfs-{name}"),
        });
        let mut command = room.command(command, &steps);
        command.args(images).stdin(std::process::Stdio::null());
        let mut running = support::sealed::Running::start(command);
        room.engine.wait_for_hold();
        running.wait_for_text("(until 99.0 TB of memory are free)");
        assert_eq!(room.engine.containers(), 1);
        room.engine.release(true);
        let ended = running.end().ok();
        assert!(ended.stderr.contains("done    rootfs:one in "), "{}", ended.stderr);
        assert!(ended.stderr.contains("done    rootfs:two in "), "{}", ended.stderr);
        room.engine.release(false);
    }
    let told = start(&room, "build rootfs:one").end();
    assert_eq!(told.code, Some(0), "what is reserved is in no key: {}", told.stderr);
}
