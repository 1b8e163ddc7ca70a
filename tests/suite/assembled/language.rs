//! Docker's language: what the engine refuses is refused before anything is built; stages, labels, heredocs.

use std::fs;
use std::path::Path;
use std::process::Command;

use support::LEFT_TO_BUILDER;
use support::sealed::Room;

use super::words::{builds, in_parallel};
use super::{dock, labels, summary};
use crate::image::Image;

/// The table of `dockerfile::grammar`, with each row asked of `bb` and of the engine.
#[test]
fn what_the_engine_refuses_is_refused_before_anything_is_built() {
    let room = Room::with_engine();
    let table = include_str!("../../../src/dockerfile/grammar/refused.txt");
    let rows = table.lines().skip(2).map(|line| {
        let (text, rest) = line.split_once(" => ").unwrap();
        let text = text.replace("\\n", "\n").replace("\\t", "\t").replace("\\\\", "\\");
        (format!("{text}\n"), rest.split(" => ").next().unwrap())
    });
    let rows = rows.collect::<Vec<_>>();
    assert!(rows.len() > 120);
    let failures = in_parallel(&rows, |(text, _)| {
        builds(room.engine(), text).then(|| format!("the engine takes {text:?}"))
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    dock(&room, "wrong", "");
    for (text, message) in rows {
        room.write("bb-dock/wrong/Dockerfile.template", &text);
        let run = room.bb("build");
        let begin = format!("error: {message}\n --> bb-dock/wrong/Dockerfile.template:");
        assert!(run.code == Some(3) && run.stderr.starts_with(&begin), "{text:?}: {}", run.stderr);
    }
}

/// The last `FROM` names a stage: rootfs, labels and tree go by what that stage is built on.
#[test]
fn the_image_below_is_found_through_stages() {
    let room = Room::with_engine();
    dock(&room, "one", "FROM scratch\nCOPY f /1\n");
    dock(&room, "two", "FROM scratch\nCOPY f /2\n");
    dock(&room, "on-one", "FROM BASE/one AS a\nFROM BASE/two AS b\nFROM a\nCOPY --from=b /2 /3\n");
    dock(&room, "on-none", "FROM BASE/one AS a\nFROM scratch AS b\nCOPY f /f\nFROM b\nCOPY f /g\n");
    dock(&room, "third", "FROM BASE/one AS a\nFROM BASE/two\nFROM a\nCOPY x /x\n");
    room.bb("build").ok();
    for name in ["on-one", "third"] {
        assert_eq!(labels(&room, name)["base.name"], format!("{}/one", room.namespace), "{name}");
        assert_eq!(summary(&room, name)["base"], "one", "{name}");
        let image = Image::read(room.engine(), &room.image(name));
        assert!(image.entries.contains_key("/1") && !image.entries.contains_key("/2"), "{name}");
    }
    assert!(!labels(&room, "on-none").contains_key("base.name"));
    let tree = room.bb("tree").ok().stdout;
    let names = tree.lines().filter_map(|line| line.split("  ").next()).collect::<Vec<_>>();
    assert_eq!(
        names.join("\n").replace(' ', ""),
        "on-none\none\n├──on-one\n└──third\ntwo",
        "{tree}"
    );
    room.bb("build").fails(0, "nothing to do: 10 steps up to date\n");
}

/// Only labels of the last stage, and of those below it, are the image's.
#[test]
fn a_label_of_another_stage_takes_none_away() {
    let room = Room::with_engine();
    let title = "LABEL org.opencontainers.image.title=Other a=1\n";
    dock(
        &room,
        "other",
        &format!("FROM scratch AS o\n{title}COPY f /f\nFROM scratch\nCOPY --from=o /f /f\n"),
    );
    dock(&room, "below", &format!("FROM scratch AS o\n{title}COPY f /f\nFROM o\nCOPY f /g\n"));
    fs::write(room.path("bb-dock/other/arch.tar.gz"), super::files::COMPRESSED).unwrap();
    dock(
        &room,
        "engines",
        &format!("FROM scratch AS o\n{title}COPY f /f\nFROM scratch\nADD arch.tar.gz /\n"),
    );
    fs::write(room.path("bb-dock/engines/arch.tar.gz"), super::files::COMPRESSED).unwrap();
    room.bb("build").ok();
    assert_eq!(labels(&room, "other")["title"], "other");
    assert_eq!(labels(&room, "engines")["title"], "engines");
    assert_eq!(labels(&room, "below")["title"], "Other");
}

/// A dock that compiles nothing needs no lock, whatever its comments say.
#[test]
fn a_comment_about_the_rootfs_pins_nothing() {
    let room = Room::with_engine();
    dock(
        &room,
        "plain",
        "# here is no ADD rootfs.tar /\nFROM scratch\nCOPY f /rootfs.tar\nLABEL a=rootfs.tar\n",
    );
    room.bb("build").ok();
    assert!(!room.exists("bb.lock"));
    room.bb("doctor --offline --timeout 1").stdout.lines().for_each(|line| {
        assert!(!line.contains("bb.lock"), "{line}");
    });
}

/// `# syntax=` is noted in the log, and is not obeyed.
#[test]
fn another_frontend_is_not_asked() {
    let room = Room::with_engine();
    dock(&room, "noted", "# syntax=example.org/none:1\nFROM scratch\nCOPY f /\n");
    room.bb("build").ok();
    let log = room.read(".bb/logs/image/noted.log");
    assert!(log.contains("bb: note: `# syntax=example.org/none:1` is not obeyed\n"), "{log}");
}

/// This machine's programs with their libraries, in a dock.
fn tools(room: &Room, programs: &[&str]) {
    let folder = room.path("bb-dock/tools");
    let add = |path: &Path| {
        let name = path.file_name().unwrap();
        fs::copy(path, folder.join("root").join(name)).unwrap();
    };
    fs::create_dir_all(folder.join("root")).unwrap();
    let mut lines = "FROM scratch\n".to_owned();
    for program in programs {
        let path = Path::new("/bin").join(program);
        add(&path);
        lines += &format!("COPY root/{program} /bin/\n");
        let listed = Command::new("ldd").arg(&path).output().unwrap();
        for word in String::from_utf8_lossy(&listed.stdout).split_whitespace() {
            let library = Path::new(word);
            if library.is_absolute() && library.exists() {
                add(library);
                let name = library.file_name().unwrap().to_string_lossy().into_owned();
                lines += &format!("COPY root/{name} {word}\n");
            }
        }
    }
    let lines = lines.lines().collect::<Vec<_>>();
    let mut seen = std::collections::BTreeSet::new();
    let lines = lines.into_iter().filter(|line| seen.insert(*line)).collect::<Vec<_>>();
    room.write("bb-dock/tools/Dockerfile.template", &format!("{}\n", lines.join("\n")));
    room.write("bb-dock/tools/Buildconfig.sh", "");
}

const HEREDOCS: &str = "FROM BASE/tools\n\
    ENV V=v\n\
    COPY <<A <<-'B' f /t/\n$V \"q\" \\$V ${V:-x}\nA\n\t$V\n\tB\n\
    COPY --chown=3:4 <<one /two\n1\none\n";

/// BuildKit's heredocs: what we make of them, and what the engine's builder is told.
#[test]
fn heredocs_do_what_buildkit_does() {
    let room = Room::with_engine();
    tools(&room, &["sh", "cat", "mkdir", "chmod"]);
    dock(&room, "assembled", HEREDOCS);
    let runs = "SHELL [\"/bin/sh\", \"-e\", \"-c\"]\n\
        RUN <<E\necho \"$V\" >/out\ncat /t/A >>/out\nE\n\
        RUN cat <<X >/x && cat <<-Y >/y\nx $V\nX\n\ty\n\tY\n\
        RUN <<script\n#!/bin/sh -u\necho \"$0 $V\" >/script\nscript\n\
        RUN i=$((1 <<4)); echo $i >/i\n";
    dock(&room, "run", &format!("{HEREDOCS}{runs}"));
    dock(&room, "built", &format!("{LEFT_TO_BUILDER}{HEREDOCS}{runs}"));
    room.bb("build").ok();
    for (name, by_engine) in [("assembled", false), ("run", false), ("built", true)] {
        assert_eq!(summary(&room, name)["built_by_engine"].is_string(), by_engine, "{name}");
        let image = Image::read(room.engine(), &room.image(name));
        assert_eq!(image.text("/t/A"), "v \"q\" $V v\n", "{name}");
        assert_eq!(image.text("/t/B"), "$V\n", "{name}");
        assert_eq!(image.text("/two"), "1\n", "{name}");
        assert!(!image.entries.keys().any(|path| path.contains("bb-heredocs")), "{name}");
    }
    let both =
        ["assembled", "run"].map(|name| Image::read(room.engine(), &room.image(name)).entries);
    for path in ["/t/A", "/t/B", "/t/f", "/two"] {
        assert_eq!(both[0][path], both[1][path], "{path}");
    }
    let image = Image::read(room.engine(), &room.image("run"));
    assert_eq!(image.entries, Image::read(room.engine(), &room.image("built")).entries);
    assert_eq!(image.text("/out"), "v\nv \"q\" $V v\n");
    assert_eq!((image.text("/x"), image.text("/y")), ("x v\n".into(), "y\n".into()));
    assert_eq!(image.text("/script"), "/dev/pipes/script v\n");
    assert_eq!(image.text("/i"), "16\n");
    room.bb("build").fails(0, "nothing to do: 8 steps up to date\n");
    let unknown = format!("{LEFT_TO_BUILDER}FROM BASE/tools\nCOPY <<E /x\n$PATH\nE\n");
    dock(&room, "unknown", &unknown);
    let run = room.bb("build unknown");
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    let message = "the value of `PATH` in this heredoc is known to the engine only";
    assert!(run.stderr.contains(message), "{}", run.stderr);
}
