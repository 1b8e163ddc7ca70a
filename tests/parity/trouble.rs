//! What cannot go on is told in bb's words by each of the four, and what can goes on: files and docks
//! that are gone, folders and names that make cannot express, a sync that fails.

use std::fs;

use support::fake::room::{Executor, Room};

use crate::cases::{ALL, MAKEFILE, make, nothing_to_do, with_makefile};

/// What syncs before it works.
const SYNCING: [(&str, &[&str]); 3] =
    [("make", &MAKEFILE), ("bmake", &MAKEFILE), ("sh", &["-c", "bb sync && ninja"])];

#[test]
fn a_sync_that_fails_stops_make_and_ninja_with_its_message() {
    let mut room = Room::two_docks();
    room.env = vec![("DOCKER_HOST".to_owned(), "unix:///nonexistent/engine.sock".to_owned())];
    for (program, args) in SYNCING {
        room.refuses(
            program,
            args,
            "error: no container engine answers at `unix:///nonexistent/engine.sock`\n  \
             unix:///nonexistent/engine.sock: socket not found: /nonexistent/engine.sock\n\
             hint: start Docker or Podman, or set DOCKER_HOST to where it listens\n",
        );
    }
    room.env.clear();
    room.write("bb.toml", "namespace = \"ns\"\ntga = \"x\"\n");
    told(&room, &["--> bb.toml:2:1", "error: unknown field `tga`"]);
    room.write("bb.toml", "namespace = \"ns\"\n");
    room.write("bb-dock/b/Dockerfile.template", "FROM ${NAMESPACE}/a\nCOPY g /\n");
    told(
        &room,
        &["--> bb-dock/b/Dockerfile.template:2:6", "error: `g` matches no file of the dock"],
    );
    assert!(!room.path(".bb/stamps").exists());
}

/// All that sync say these things, and nothing begins.
#[track_caller]
fn told(room: &Room, texts: &[&str]) {
    for (program, args) in SYNCING {
        let run = room.refuses(program, args, texts[0]);
        assert!(texts.iter().all(|text| run.text.contains(text)), "{}", run.text);
        // GNU make and bmake say that they stop; nobody asks the engine twice.
        assert_eq!(run.text.matches(texts[0]).count(), 1, "{}", run.text);
    }
}

#[test]
fn make_stops_where_there_is_no_bb() {
    let room = Room::two_docks();
    for program in ["make", "bmake"] {
        room.refuses(program, &with_makefile(&["BB=no-such-program"]), "no-such-program");
    }
}

#[test]
fn a_deleted_input_is_told_by_bb_and_not_by_make() {
    let room = Room::two_docks();
    room.told("build").ran(ALL);
    let gone = [
        ("bb-dock/b/f", "bb-dock/b/Dockerfile.template:2:6"),
        ("bb-dock/b/Buildconfig.sh", "error: `bb-dock/b/Buildconfig.sh` is missing\n"),
        ("bb-dock/b/Dockerfile.template", "error: `bb-dock/b/Dockerfile.template` is missing\n"),
        ("bb-dock/a", "error: parent `a` is not in `bb-dock`\n"),
        ("bb.toml", "error: cannot read `bb.toml`: no such file or directory\n"),
        ("bb-dock", "error: there is no folder `bb-dock`\n"),
    ];
    for (path, message) in gone {
        fs::rename(room.path(path), room.path("away")).unwrap();
        for executor in Executor::ALL {
            room.executor_refuses(executor, message);
        }
        fs::rename(room.path("away"), room.path(path)).unwrap();
        nothing_to_do(&room);
    }
}

#[test]
fn what_is_deleted_in_a_copied_folder_or_read_by_a_task_is_worked_without() {
    for executor in Executor::ALL {
        let room = Room::two_docks();
        room.dock("c", "FROM ${NAMESPACE}/b\nCOPY etc /etc\n");
        room.write("bb-dock/c/etc/x", "x");
        room.write("bb-dock/c/etc/y", "y");
        room.write("in/x", "x");
        room.write("in/y", "y");
        let task = "[task.t]\nrun = \"cat in/* >out\"\ninputs = [\"in/*\", \"in/y\"]\noutputs = [\"out\"]\n";
        room.write("bb.toml", &format!("namespace = \"ns\"\n{task}"));
        room.execute(executor).ok();
        for gone in ["bb-dock/c/etc/x", "in/x"] {
            fs::remove_file(room.path(gone)).unwrap();
        }
        room.execute(executor).ran("image:c task:t");
        fs::remove_file(room.path("in/y")).unwrap();
        let run = room.execute(executor);
        let task = vec!["task:t".to_owned()];
        assert_eq!((run.started(), run.failed()), (task.clone(), task), "{run}");
        assert!(run.logged("cat: 'in/*': No such file or directory"), "{run}");
        assert!(!run.beside.contains("No rule to make target"), "{run}");
    }
}

#[test]
fn folders_that_make_cannot_express_are_refused() {
    let room = Room::two_docks();
    room.run("bb", &["makefile"]).ok();
    for folder in ["a b", "a\\#b", "a:b", "a%b", "a(b", "a,b", "a$$b"] {
        let real = folder.replace('\\', "").replace("$$", "$");
        copy(&room, &real);
        let own = format!("BB_ROOT = ../{folder}\nall: bb-b\ninclude ../Makefile.generated\n");
        room.write("own/Makefile", &own);
        for program in ["make", "bmake"] {
            if real == "a,b" || (program, real.as_str()) == ("make", "a$b") {
                let run = room.told_by(program, &["-C", "own"]);
                run.ran(if program == "make" { ALL } else { "" });
                continue;
            }
            let message = format!(
                "error: make cannot express the folder `../{real}`\n\
                 hint: start make in the project's folder, or with `make -C`, which take every path\n"
            );
            room.refuses(program, &["-C", "own"], &message);
        }
    }
    room.write("own/Makefile", "BB_ROOT = ../a'b\nall: bb-b\ninclude ../Makefile.generated\n");
    for program in ["make", "bmake"] {
        room.refuses(program, &["-C", "own"], "error: make cannot express the folder `../ab");
        let state = with_makefile(&["BB_STATE=./s t"]);
        room.refuses(program, &state, "error: make cannot express the folder `./s t`");
    }
    let nowhere = with_makefile(&["BB_ROOT=nowhere"]);
    room.refuses("make", &nowhere, "error: cannot enter the project `nowhere`");
}

/// The project, in a folder of this name in itself.
fn copy(room: &Room, folder: &str) {
    for file in ["bb.toml", "bb-dock"] {
        let mut copy = room.command("cp", &["-a", file]);
        fs::create_dir_all(room.path(folder)).unwrap();
        assert!(copy.arg(room.path(folder)).status().unwrap().success());
    }
}

#[test]
fn a_makefile_of_ones_own_includes_it_from_another_folder() {
    let room = Room::two_docks();
    let own = "BB_ROOT = ../..\nBB_STATE = state\nall: bb-b\n\t@echo deployed\n\
               include $(BB_ROOT)/Makefile.generated\n";
    room.write("deploy/here/Makefile", own);
    for program in ["make", "bmake"] {
        let run = room.told_by(program, &["-C", "deploy/here", "-j4"]);
        assert!(run.beside.contains("deployed"), "{run}");
        run.ran(if program == "make" { ALL } else { "" });
        assert!(!room.path(".bb").exists());
    }
    room.write("bb-dock/b/f", "2");
    room.told_by("bmake", &["-C", "deploy/here"]).ran("image:b");
    room.told_by("bb", &["--state", "deploy/here/state", "build"]).ran("");
    make(&room, &["BB_STATE=deploy/here/state"]).ran("");
    room.write("bb-dock/b/f", "3");
    let log = "#!/bin/sh\necho \"$@\" >>log\nexec bb \"$@\"\n";
    room.write("wrapper", log);
    let wrapper = format!("BB=sh {}", room.path("wrapper").display());
    make(&room, &[&wrapper, "BB_STATE=deploy/here/state"]).ran("image:b");
    let log = fs::read_to_string(room.path("log")).unwrap();
    assert!(log.contains(" step image:b\n") && log.contains(" sync "), "{log}");
    room.told_by("make", &["-C", ".", "-f", "Makefile.generated", "BB_STATE=deploy/here/state"])
        .ran("");
}

#[test]
fn a_checkout_may_have_a_path_of_many_kinds() {
    for folder in ["a$b", "a(b", "a)b", "a,b", "a#b", "a:b", "a%b", "é", "a b", "a'b"] {
        for executor in Executor::ALL {
            let room = Room::two_docks_in(folder);
            room.execute(executor).ran(ALL);
        }
    }
}

#[test]
fn names_that_make_cannot_express_are_refused() {
    for name in ["a b", "a#b", "a:b"] {
        let room = Room::two_docks();
        room.write("bb-dock/a/Dockerfile.template", "FROM scratch\nCOPY . /\n");
        room.write(&format!("bb-dock/a/{name}"), "");
        let run = room.run("bb", &["makefile"]);
        let text = format!(
            "error: make cannot express the file name `bb-dock/a/{name}`\n\
             hint: rename the file, or use `bb build`, which takes every name\n"
        );
        assert_eq!((run.code, run.text), (Some(3), text));
        for program in ["make", "bmake"] {
            let text = format!("error: make cannot express the file name `bb-dock/a/{name}`");
            room.refuses(program, &MAKEFILE, &text);
        }
        room.told("build").ran(ALL);
    }
}
