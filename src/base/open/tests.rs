//! Links that lead out, things that are no files, files that are too large.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType as Type, Mode, mknodat};
use tempfile::TempDir;

use super::*;
use crate::Exit;
use crate::base::read::bytes;

/// A project `p`, with a file in it and one beside it.
fn room() -> (TempDir, PathBuf) {
    let room = TempDir::new().unwrap();
    let project = room.path().canonicalize().unwrap().join("p");
    fs::create_dir_all(project.join("in/sub")).unwrap();
    fs::write(project.join("in/file"), "inside").unwrap();
    fs::create_dir(room.path().join("out")).unwrap();
    fs::write(room.path().join("out/secret"), "outside").unwrap();
    (room, project)
}

fn never(refused: Refused) -> Error {
    refused.or(|cause| panic!("{cause}"))
}

#[test]
fn links_are_followed_as_long_as_they_stay() {
    let (_room, p) = room();
    for (link, target) in [
        ("a", "in/file"),
        ("in/b", "../a"),
        ("c", "../p/in/file"),
        ("dir", "in/sub/.."),
        ("in/sub/deep", "../../dir/../in/b"),
    ] {
        symlink(target, p.join(link)).unwrap();
    }
    symlink(p.join("in/b"), p.join("absolute")).unwrap();
    let ground = Ground::of(&p, &[]);
    for path in ["in/file", "a", "in/b", "c", "dir/file", "in/sub/deep", "absolute", "in/../a"] {
        assert_eq!(ground.text(&p.join(path), Limit::FileSize).unwrap(), "inside", "{path}");
        ground.check(&p.join(path)).unwrap();
    }
}

#[test]
fn a_link_that_leads_out_is_named_and_what_it_leads_to_is_not_opened() {
    let (room, p) = room();
    let out = room.path().canonicalize().unwrap().join("out");
    symlink("../out/secret", p.join("a")).unwrap();
    symlink(&out, p.join("dir")).unwrap();
    symlink("../dir/secret", p.join("in/b")).unwrap();
    symlink("../out/not there", p.join("c")).unwrap();
    symlink("/proc/self/fd/0", p.join("d")).unwrap();
    let ground = Ground::of(&p, &[]);
    for (path, link, end) in [
        ("a", "a", out.join("secret")),
        ("dir/secret", "dir", out.join("secret")),
        ("in/b", "in/b", out.join("secret")),
        ("c", "c", out.join("not there")),
    ] {
        let path = p.join(path);
        let error = ground.check(&path).unwrap_err();
        assert_eq!(error.exit(), Exit::Config);
        let (link, end) = (p.join(link), end.display().to_string());
        let message = format!("the link `{}` leads out of the project, to `{end}`", link.display());
        assert_eq!(error.message(), message);
        assert_eq!(never(ground.read(&path, Limit::FileSize).unwrap_err()), error);
    }
    let pipe = ground.check(&p.join("d")).unwrap_err();
    assert!(pipe.message().contains("leads out of the project"), "{pipe}");
    let plain = ground.check(&p.join("../out/secret")).unwrap_err();
    assert!(plain.message().ends_with("/../out/secret` is outside of the project"), "{plain}");
}

#[test]
fn places_that_are_named_are_allowed() {
    let (_room, p) = room();
    symlink("../out/secret", p.join("a")).unwrap();
    for place in ["../out", "../out/secret", ".."] {
        let ground = Ground::of(&p, &[PathBuf::from(place)]);
        assert_eq!(ground.text(&p.join("a"), Limit::FileSize).unwrap(), "outside", "{place}");
    }
    for place in ["../ou", "../not there", "in", "../out/secret/x"] {
        assert!(Ground::of(&p, &[PathBuf::from(place)]).check(&p.join("a")).is_err(), "{place}");
    }
    // By its own words a path is meant so, by a link it is not.
    let ground = Ground::of(&p, &[]);
    assert!(ground.clone().with_named(Path::new("../out")).check(&p.join("a")).is_ok());
    assert!(ground.with_named(Path::new("a")).check(&p.join("a")).is_err());
}

/// Each is left unread: none of these may wait, or be read without end.
#[test]
fn only_files_are_opened() {
    let (_room, p) = room();
    let fifo = p.join("fifo");
    mknodat(CWD, &fifo, Type::Fifo, Mode::from(0o666), 0).unwrap();
    symlink("fifo", p.join("link")).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(p.join("socket")).unwrap();
    let ground = Ground::of(&p, &[PathBuf::from("/dev")]);
    symlink("/dev/zero", p.join("zero")).unwrap();
    for (path, what) in [("fifo", "a pipe"), ("link", "a pipe"), ("zero", "a device")] {
        let error = never(ground.read(&p.join(path), Limit::FileSize).unwrap_err());
        assert!(error.message().ends_with(&format!("/{path}` is {what}, not a file")), "{error}");
        let cause = regular(&p.join(path)).unwrap_err();
        assert_eq!(cause.to_string(), format!("it is {what}, not a file"));
    }
    for path in ["in", "socket", "not there"] {
        assert!(
            matches!(ground.read(&p.join(path), Limit::FileSize), Err(Refused::Io(_))),
            "{path}"
        );
        assert!(regular(&p.join(path)).is_err(), "{path}");
    }
    drop(socket);
    assert!(unlinked(&p.join("link")).is_err() && unlinked(&p.join("in/file")).is_ok());
}

#[test]
fn what_is_too_large_is_not_read_whole() {
    let (_room, p) = room();
    let large = fs::File::create(p.join("large")).unwrap();
    large.set_len(1 << 40).unwrap();
    let error = never(Ground::of(&p, &[]).read(&p.join("large"), Limit::FileSize).unwrap_err());
    assert!(error.message().contains("/large` has more than 1 MiB (`file_size`"), "{error}");
    let error =
        bytes(&p.join("large"), &Limits::default(), Limit::FileSize).unwrap_err().to_string();
    assert!(error.contains("`file_size`"), "{error}");
    assert_eq!(bytes(&p.join("in/file"), &Limits::default(), Limit::FileSize).unwrap(), b"inside");
    let ground = Ground::of(&p, &[]);
    assert_eq!(ground.read(&p.join("in/file"), Limit::FileSize).unwrap(), b"inside");
}

#[test]
fn circles_end() {
    let (_room, p) = room();
    symlink("b", p.join("a")).unwrap();
    symlink("a", p.join("b")).unwrap();
    let ground = Ground::of(&p, &[]);
    assert!(ground.check(&p.join("a")).is_ok());
    assert!(ground.read(&p.join("a"), Limit::FileSize).is_err());
}

/// These read what a project brings: no file is opened in them but by this module.
#[test]
fn readers_of_projects_open_files_here_only() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let readers =
        ["session/project.rs", "dock", "dockerfile", "config.rs", "config", "chain.rs", "plan"];
    let actions = ["exec/action/test.rs", "exec/action/dockerfile.rs", "exec/eyes.rs"];
    let more =
        ["cli/verbs/chain.rs", "cli/verbs/export.rs", "gentoo/keys.rs", "image/archive/listing.rs"];
    for reader in readers.iter().chain(&actions).chain(&more) {
        for entry in walkdir::WalkDir::new(own.join(reader)) {
            let path = entry.unwrap().into_path();
            if path.is_dir() || path.ends_with("tests.rs") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for opens in ["File::open", "fs::read(", "fs::read_to_string(", "OpenOptions"] {
                assert!(!code.contains(opens), "{} has {opens}", path.display());
            }
        }
    }
}
