//! `bb doctor` with the real engine and the real mirror; what differs between machines is `…`.

use regex::Regex;
use support::sealed::{Mirror, Room};

#[test]
fn the_real_engine_and_the_real_mirror_are_fit() {
    let room = Room::with_engine().with_mirror(&Mirror::get());
    room.dock("a", "FROM scratch\nADD rootfs.tar /\n", &[]);
    let engine = room.engine();
    let version = engine.docker(&["version", "--format", "{{.Server.Version}}"]);
    let driver = engine.docker(&["info", "--format", "{{.Driver}}"]);
    let run = room.bb_with(&[("LANG", "C.UTF-8")], "doctor --timeout 60");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{}", run.stdout);
    // How much is free and which tools are there is of the machine.
    let rule = |pattern: &str| Regex::new(pattern).unwrap();
    let lines = rule(r"(?m)^(ok   |warn )  (disk|tools|login|inotify) .*\n( {16}.*\n)?");
    let ends = rule(r"(API|on|expires|never|not there:) .*");
    let text = lines.replace_all(&run.stdout, "");
    let text = ends.replace_all(&text, "…").replace(&engine.host, "ENGINE");
    let text = text.replace(&Mirror::get().folder.display().to_string(), "MIRROR");
    let text = rule(r"\b[0-9A-F]{40}\b").replace_all(&text, "KEY");
    assert_eq!(
        text,
        format!(
            "warn   project  1 dock; nothing is pinned yet\n\
             \x20               `bb build` pins the newest stage3 and snapshot\n\
             ok     engine   {version} at ENGINE: …\n\
             ok     storage  {driver} …\n\
             ok     seccomp  containers may not use dangerous system calls\n\
             ok     keys     KEY …\n\
             ok     clock    agrees with the engine\n\
             ok     mirror   MIRROR\n\
             ok     files    .bb keeps parts of seconds, and `a` is not `A` there\n\
             ok     locale   C.UTF-8, as LANG says\n"
        )
    );
    assert!(run.stdout.contains(" free for the engine (/"), "{}", run.stdout);
    assert!(!room.exists(".bb"));
}
