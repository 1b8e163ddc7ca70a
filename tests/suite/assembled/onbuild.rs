//! What a parent leaves to its children by `ONBUILD`: part of the child's image and of its inputs.

use std::fs;

use support::sealed::Room;

use super::{compare, files, summary};
use crate::image::Image;

/// Every image of these is compared with the engine's. Name, Dockerfile; `onb` and `add` are parents.
const CASES: &[(&str, &str)] = &[
    ("onb", "FROM scratch\nWORKDIR /app\nENV V=1\nONBUILD COPY . /app\n"),
    (
        "many",
        "FROM scratch AS no\nONBUILD COPY none /\nFROM scratch\nENV V=v\nWORKDIR /w\n\
        ONBUILD ADD r* $V/\nONBUILD ENV A=$V B=2\nONBUILD ARG Q=1\nONBUILD CMD [\"x\"]\n\
        ONBUILD   LABEL  a=\"b  c\"\nONBUILD WORKDIR sub\nONBUILD COPY --chown=1:2 run .\n\
        ONBUILD USER 7\nONBUILD copy [\"run\", \"/json\"]\n",
    ),
    ("from", "FROM scratch\nONBUILD COPY --from=BASE/onb /app /taken\n"),
    ("child", "FROM BASE/onb\n"),
    ("child-more", "FROM BASE/many\nENV C=$A$B Q=$Q\nCOPY run /z\nENTRYPOINT [\"e\"]\n"),
    ("child-stage", "FROM BASE/onb AS x\nFROM x\nCOPY --from=0 /app/run /z\n"),
    ("child-other-stage", "FROM BASE/onb AS x\nFROM scratch\nCOPY --from=x /app /z\n"),
    ("own-stage", "FROM scratch AS one\nONBUILD COPY run /a\nFROM one\nCOPY run /b\n"),
    ("child-from", "FROM BASE/from\n"),
    ("child-leaves", "FROM BASE/onb\nONBUILD COPY run /again\n"),
    ("grandchild", "FROM BASE/child\nCOPY run /grand\n"),
    ("grandchild-again", "FROM BASE/child-leaves\n"),
];

fn dock(room: &Room, name: &str, text: &str) {
    let text = text.replace("BASE/", "${NAMESPACE}/");
    room.dock(name, &text, &[("run", "run\n"), ("dir/rest", "rest\n"), (".dockerignore", "dir\n")]);
}

#[test]
fn triggers_are_assembled_as_the_engine_builds_them() {
    let room = Room::with_engine();
    for (name, text) in CASES {
        dock(&room, name, text);
    }
    room.bb("build").ok();
    let told =
        CASES.iter().filter_map(|(name, _)| Some(format!("{name}: {}", compare(&room, name)?)));
    let told = told.collect::<Vec<_>>();
    assert!(told.is_empty(), "{}", told.join("\n"));
}

#[test]
fn what_a_parents_trigger_copies_is_an_input_of_the_child_alone() {
    let room = Room::with_engine();
    for (name, text) in [CASES[0], ("child", "FROM BASE/onb\n"), ("grand", "FROM BASE/child\n")] {
        dock(&room, name, text);
    }
    room.dock("one", "FROM scratch\nONBUILD COPY f /\n", &[]);
    room.dock("takes", "FROM ${NAMESPACE}/one\n", &[("f", "1\n"), ("g", "1\n")]);
    room.bb("build").ok();
    room.bb("build").fails(0, "nothing to do: 10 steps up to date\n");
    let edit = |path: &str| fs::write(room.path(format!("bb-dock/{path}")), "edited\n").unwrap();
    for path in ["onb/run", "grand/run", "child/dir/rest", "takes/g"] {
        edit(path);
        room.bb("build").fails(0, "nothing to do: 10 steps up to date\n");
    }
    edit("takes/f");
    room.told("build").ran("image:takes");
    edit("child/run");
    room.told("build").ran("image:child image:grand");
    assert_eq!(Image::read(room.engine(), &room.image("grand")).text("/app/run"), "edited\n");
    // As make sees it.
    room.bb("makefile").ok();
    edit("child/new");
    room.bb("sync").ok();
    let stamps = room.stamps().join(" ");
    assert!(stamps.contains("image:takes") && !stamps.contains("image:child"), "{stamps}");
    room.told("build").ran("image:child image:grand");
    // Another trigger is another image, whose children see something else.
    fs::remove_file(room.path("bb-dock/takes/f")).unwrap();
    let run = room.bb("build takes");
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    let hint = "hint: an `ONBUILD` of the image that it is built on copies it\n";
    assert!(run.stderr.contains("`f` matches no file of the dock"), "{}", run.stderr);
    assert!(run.stderr.contains(hint), "{}", run.stderr);
}

/// A base that nobody here has made: what it copies is known only when it is there.
#[test]
fn triggers_of_an_image_from_elsewhere_see_the_whole_context() {
    let room = Room::with_engine();
    let foreign = |name: &str, text: &str| {
        let folder = room.dir.join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("Dockerfile"), text).unwrap();
        fs::write(folder.join("f"), "f\n").unwrap();
        let reference = room.image(&format!("foreign-{name}"));
        let args = ["build", "-q", "-t", &reference, folder.to_str().unwrap()];
        let out = room.engine().command(&args).env("DOCKER_BUILDKIT", "0").output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        // In another namespace it is nobody's dock.
        let other = format!("elsewhere-{reference}");
        room.engine().docker(&["tag", &reference, &other]);
        other
    };
    let with = foreign("with", "FROM scratch\nCOPY f /\nONBUILD COPY . /app\n");
    let without = foreign("without", "FROM scratch\nCOPY f /\nONBUILD ENV A=1\n");
    dock(&room, "with", &format!("FROM {with}\n"));
    dock(&room, "without", &format!("FROM {without}\nCOPY run /\n"));
    room.bb("build").ok();
    assert_eq!(summary(&room, "with")["built_by_engine"], format!("`{with}` leaves `COPY . /app`"));
    let image = Image::read(room.engine(), &room.image("with"));
    assert_eq!(image.text("/app/run"), "run\n");
    assert!(!image.entries.contains_key("/app/dir"));
    room.bb("build").fails(0, "nothing to do: 4 steps up to date\n");
    for dock in ["with", "without"] {
        fs::write(room.path(format!("bb-dock/{dock}/new")), "1\n").unwrap();
    }
    room.told("build").ran("image:with");
    fs::write(room.path("bb-dock/with/dir/rest"), "ignored\n").unwrap();
    room.bb("build").fails(0, "nothing to do: 4 steps up to date\n");
    assert_eq!(Image::read(room.engine(), &room.image("with")).text("/app/new"), "1\n");
    for reference in [with, without] {
        room.engine().docker(&["rmi", "-f", &reference]);
    }
}

/// An archive that is no rootfs: what a child's trigger unpacks is from the child's own folder.
#[test]
fn a_trigger_unpacks_an_archive_of_the_child() {
    let room = Room::with_engine();
    room.dock("adds", "FROM scratch\nONBUILD ADD arch.tar /\n", &[]);
    room.dock("child", "FROM ${NAMESPACE}/adds\n", &[]);
    fs::write(room.path("bb-dock/child/arch.tar"), files::archive()).unwrap();
    room.bb("build").ok();
    assert_eq!(compare(&room, "child"), None);
}
