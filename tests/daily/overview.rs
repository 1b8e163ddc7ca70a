//! `bb list` and `bb tree`: what they show of docks in every state. All images of this engine have one byte.

use std::fs;

use support::fake::room::says;

use crate::family::{bb, family, unbuilt};

#[test]
fn every_dock_is_listed_with_what_it_stands_on_and_its_state() {
    let room = unbuilt();
    says(
        &bb(&room, "list"),
        0,
        "IMAGE            PARENT  SIZE  STATE\n\
         ns/base:latest   -       -     not built\n\
         ns/mid:latest    base    -     not built\n\
         ns/plain:latest  -       -     not built\n\
         ns/side:latest   base    -     not built\n\
         ns/top:latest    mid     -     not built\n",
    );
    assert!(!room.path(".bb").exists());
    bb(&room, "build").ok();
    room.write("bb-dock/mid/f", "changed");
    room.engine.remove(|name| name == "ns/side:latest");
    room.dock("late", "FROM elsewhere.example/base:1\nCOPY f /\n");
    room.settings("exclude = [\"late\", \"plain\"]\ntag = \"latest\"\n", "");
    says(
        &bb(&room, "list"),
        0,
        "IMAGE            PARENT                    SIZE     STATE\n\
         ns/base:latest   -                         1 bytes  up to date\n\
         ns/late:latest   elsewhere.example/base:1  -        not built, excluded\n\
         ns/mid:latest    base                      1 bytes  stale: bb-dock/mid/f changed\n\
         ns/plain:latest  -                         1 bytes  up to date, excluded\n\
         ns/side:latest   base                      1 bytes  up to date\n\
         ns/top:latest    mid                       1 bytes  waits for image:mid\n",
    );
    assert_eq!(bb(&room, "list plain base").ok().text.lines().count(), 3);
    says(&bb(&room, "list pain"), 2, "error: unknown image `pain`\nhint: did you mean `plain`?\n");
}

#[test]
fn the_tree_shows_what_stands_on_what() {
    let room = family();
    says(
        &bb(&room, "tree"),
        0,
        "base         1 bytes  up to date\n\
         ├── mid      1 bytes  up to date\n\
         │   └── top  1 bytes  up to date\n\
         └── side     1 bytes  up to date\n\
         plain        1 bytes  up to date\n",
    );
    room.dock("late", "FROM elsewhere.example/base:1\nCOPY f /\n");
    let more = "FROM ${NAMESPACE}/side\nCOPY --from=${NAMESPACE}/plain /f /g\nCOPY f /\n";
    room.dock("more", more);
    room.write("bb-dock/side/f", "changed");
    says(
        &bb(&room, "tree"),
        0,
        "base                      1 bytes  up to date\n\
         ├── mid                   1 bytes  up to date\n\
         │   └── top               1 bytes  up to date\n\
         └── side                  1 bytes  stale: bb-dock/side/f changed\n    \
             └── more                       not built, takes from plain\n\
         plain                     1 bytes  up to date\n\
         elsewhere.example/base:1           from elsewhere\n\
         └── late                           not built\n",
    );
    says(&bb(&room, "tree mid"), 0, "mid      1 bytes  up to date\n└── top  1 bytes  up to date\n");
    says(&bb(&room, "tree mit"), 2, "error: unknown image `mit`\nhint: did you mean `mid`?\n");
}

#[test]
fn a_project_without_docks_has_nothing_to_list() {
    let room = unbuilt();
    fs::remove_dir_all(room.path("bb-dock")).unwrap();
    fs::create_dir(room.path("bb-dock")).unwrap();
    says(&bb(&room, "list"), 0, "IMAGE  PARENT  SIZE  STATE\n");
    says(&bb(&room, "tree"), 0, "");
    let nothing =
        "nothing to build: there is no dock, or each is excluded; `bb new NAME` makes one\n";
    says(&bb(&room, "build"), 0, nothing);
}
