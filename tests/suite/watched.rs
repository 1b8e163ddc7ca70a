//! `bb watch`: exactly what a change affects is built, and trouble does not end it.

use support::sealed::{Room, Running};

const WAITS: &str = "watch   waiting for changes; Ctrl-C ends it";

/// One edit, and all that follows from it.
#[track_caller]
fn round(room: &Room, running: &mut Running, edit: impl FnOnce(&Room)) {
    edit(room);
    running.wait_for("change  ");
    running.wait_for(WAITS);
}

#[test]
fn each_change_builds_what_it_affects_until_it_is_interrupted() {
    let room = Room::with_engine();
    room.dock("base", "FROM scratch\nCOPY file /\n", &[("file", "1")]);
    room.dock("child", "FROM ${NAMESPACE}/base\nCOPY file /\n", &[("file", "1")]);
    room.dock("other", "FROM scratch\nCOPY file /\n", &[("file", "1")]);
    room.bb("build").ok();
    let mut watch = room.start("watch child other");
    watch.wait_for(WAITS);
    round(&room, &mut watch, |room| room.write("bb-dock/child/file", "2"));
    round(&room, &mut watch, |room| room.write("bb-dock/base/file", "2"));
    // An editor's backup is passed over: the next change is told alone.
    room.write("bb-dock/other/file~", "1");
    round(&room, &mut watch, |room| room.write("bb-dock/other/file", "2"));
    // A broken template is told, and mended. A folder that comes, and what comes into it.
    let template = room.read("bb-dock/other/Dockerfile.template");
    round(&room, &mut watch, |room| room.write("bb-dock/other/Dockerfile.template", "FROM $X\n"));
    round(&room, &mut watch, |room| room.write("bb-dock/other/Dockerfile.template", &template));
    round(&room, &mut watch, |room| std::fs::create_dir(room.path("bb-dock/child/new")).unwrap());
    round(&room, &mut watch, |room| room.write("bb-dock/child/new/file", "1"));
    watch.signal("INT");
    let run = watch.end();
    let image = |name: &str, why: &str| {
        format!("start   image:{name} ({why})\ndone    image:{name} in TIME, SIZE, assembled\n")
    };
    let changed = |name: &str| image(name, &format!("bb-dock/{name}/file changed"));
    let rest =
        |ran: usize| format!("done: {} in TIME, {} up to date\n{WAITS}\n", steps(ran), 6 - ran);
    let nothing = format!("nothing to do: 6 steps up to date\n{WAITS}\n");
    let said = [
        nothing.clone(),
        "change  bb-dock/child/file\n".into(),
        changed("child"),
        rest(1),
        "change  bb-dock/base/file\n".into(),
        changed("base"),
        image("child", "image:base/id changed"),
        rest(2),
        "change  bb-dock/other/file\n".into(),
        changed("other"),
        rest(1),
        "change  bb-dock/other/Dockerfile.template\n".into(),
        BROKEN.into(),
        format!("{WAITS}\nchange  bb-dock/other/Dockerfile.template\n{nothing}"),
        format!("change  bb-dock/child/new\n{nothing}"),
        format!("change  bb-dock/child/new/file\n{nothing}"),
        "error: interrupted\n".into(),
    ];
    run.fails(130, &said.concat());
    room.assert_tidy();
}

fn steps(n: usize) -> String {
    if n == 1 { "1 step".to_owned() } else { format!("{n} steps") }
}

const BROKEN: &str = "error: undefined variable `X` in FROM
 --> bb-dock/other/Dockerfile.template:1:6
  |
1 | FROM $X
  |      ^^
hint: add `ARG X=…` before the first FROM, or use a marker: `${DATE}`, `${MAINTAINER}`, `${NAMESPACE}`, `${TAG}`
";

#[test]
fn what_cannot_be_watched_for_is_told_at_once() {
    let room = Room::new();
    room.dock("a", "FROM scratch\n", &[]);
    room.bb("watch b").fails(2, "error: unknown image `b`\nhint: did you mean `a`?\n");
}
