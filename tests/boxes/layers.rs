//! Layers: from archives to roots and back.

use std::fs;
use std::io::Read;

use gentoo_bb::base::limits::{Limit, Limits};
use gentoo_bb::engine::native::Native;
use gentoo_bb::engine::native::spec::BoxSpec;

use crate::room::{Archive, Room, layer, listed, program};

/// `cap_net_raw+ep`, revision 2.
const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fn below() -> Vec<u8> {
    Archive::new()
        .folder("data/")
        .file("data/gone", "1")
        .file("data/stays", "2")
        .folder("full/")
        .file("full/old", "3")
        .attribute("security.capability", &CAPABILITY)
        .attribute("user.overlay.opaque", b"y")
        .attribute("trusted.x", b"y")
        .put("data/able", tar::EntryType::Regular, 0o2755, (101, 102), b"x")
        .put("data/kept", tar::EntryType::Directory, 0o1777, (7, 8), b"")
        .bytes()
}

fn above() -> Vec<u8> {
    Archive::new()
        .file("data/.wh.gone", "")
        .folder("full/")
        .file("full/.wh..wh..opq", "")
        .file("full/new", "4")
        .bytes()
}

fn stacked(room: &Room, names: &[&str]) -> BoxSpec {
    let layers = ["root"].iter().chain(names).map(|name| layer(name)).collect();
    BoxSpec { layers, ..room.spec() }
}

#[test]
fn layers_take_away_and_a_box_gives_back_what_it_changed() {
    let room = Room::new();
    room.native.unpack(&layer("below"), below().as_slice()).unwrap();
    room.native.unpack(&layer("above"), above().as_slice()).unwrap();
    let id = room.native.start(&stacked(&room, &["below", "above"])).unwrap();
    assert_eq!(room.sh(&id, "ls /data /full"), "/data:\nable\nkept\nstays\n\n/full:\nnew\n");
    let change =
        "rm /data/stays; rm -r /full; mkdir /full; echo 5 >/full/own; echo 6 >/one; ln /one /two;
        chown 101 /data/kept; rm /data/able; touch /data/able";
    room.sh(&id, change);
    let mut difference = vec![];
    room.native.difference(&id, &mut difference).unwrap();
    let told = listed(&difference);
    for expected in [
        "5 755 0:0 data/",
        "0 600 0:0 data/.wh.stays",
        "5 1777 101:8 data/kept/",
        "0 644 0:0 data/able",
        "0 600 0:0 full/.wh..wh..opq",
        "0 644 0:0 full/own",
        "0 644 0:0 one",
        "1 644 0:0 two -> one",
    ] {
        assert!(told.contains(&expected.to_owned()), "{expected} is not in {told:#?}");
    }
    assert!(
        !told.iter().any(|line| line.contains("gone") || line.contains("overlay")),
        "{told:#?}"
    );
    room.native.unpack(&layer("change"), difference.as_slice()).unwrap();
    let again = room.native.start(&stacked(&room, &["below", "above", "change"])).unwrap();
    let tree = |id| room.listed(|native, out| native.tree(id, out).unwrap());
    assert_eq!(tree(&again), tree(&id));
}

#[test]
fn owners_modes_and_rights_of_programs_are_kept() {
    let room = Room::new();
    room.native.unpack(&layer("below"), below().as_slice()).unwrap();
    let id = room.native.start(&stacked(&room, &["below"])).unwrap();
    let out = room.listed(|native, out| native.download(&id, "/data", out).unwrap());
    let expected = [
        "5 755 0:0 data/",
        "0 2755 101:102 data/able SCHILY.xattr.security.capability",
        "0 644 0:0 data/gone",
        "5 1777 7:8 data/kept/",
        "0 644 0:0 data/stays",
    ];
    assert_eq!(out, expected);
    assert_eq!(
        room.sh(&id, "stat -c '%a %u:%g %Y' /data/able /data/kept"),
        "2755 101:102 1000000000\n1777 7:8 1000000000\n"
    );
    let mut archive = vec![];
    room.native.download(&id, "/data", &mut archive).unwrap();
    assert!(archive.windows(20).any(|bytes| bytes == CAPABILITY), "as it was: not of another root");
}

/// Cannot be read.
struct Ends;

impl Read for Ends {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("nothing more comes"))
    }
}

#[test]
fn a_layer_is_whole_or_not_there() {
    let room = Room::new();
    let whole = below();
    let why = |archive: &[u8]| {
        room.native.unpack(&layer("bad"), archive).unwrap_err().message().to_owned()
    };
    assert!(why(&whole[..1300]).starts_with("cannot unpack the archive"));
    let none = |message: &str| format!("cannot unpack the archive: {message}");
    let cases = [
        (Archive::new().file("a/../../x", "x"), "a name that leads out of the archive"),
        (
            Archive::new().put("a", tar::EntryType::Regular, 0o644, (70_000, 0), b""),
            "`a`: its owner 70000:0 has no place in a box",
        ),
        (Archive::new().file("a/.wh..wh.plnk", ""), "`a/.wh..wh.plnk`: a mark that is not known"),
        (
            Archive::new().put("a", tar::EntryType::Link, 0o644, (0, 0), b"../x"),
            "`a`: a name that leads out of the archive",
        ),
        (
            Archive::new().put("a", tar::EntryType::Link, 0o644, (0, 0), b"missing"),
            "`a`: no such file or directory",
        ),
    ];
    for (archive, message) in cases {
        assert_eq!(why(&archive.bytes()), none(message));
        assert!(!room.native.has(&layer("bad")));
    }
    // Whoever sends it may end at any place, also where another entry begins.
    for cut in (0..whole.len()).step_by(512) {
        let sent = room.native.unpack(&layer("bad"), (&whole[..cut]).chain(Ends));
        assert!(sent.is_err() && !room.native.has(&layer("bad")), "{cut}");
    }
    room.native.unpack(&layer("bad"), whole.as_slice()).unwrap();
    assert!(room.native.has(&layer("bad")), "and the place is free for a good one");
    let error = room.native.upload(
        &room.start(),
        "/srv",
        Archive::new().file(".wh.x", "").bytes().as_slice(),
    );
    assert_eq!(
        error.unwrap_err().message(),
        none("`.wh.x`: a name that only marks in layers have")
    );
}

#[test]
fn links_in_an_archive_lead_nowhere_else() {
    let room = Room::new();
    let outside = room.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::set_permissions(&outside, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let to = outside.to_str().unwrap();
    let inner = format!("{to}/");
    let folders = inner.split('/').filter(|part| !part.is_empty()).fold(
        (Archive::new(), String::new()),
        |(archive, path), part| {
            let path = format!("{path}{part}/");
            (archive.folder(&path), path)
        },
    );
    let archive =
        folders.0.link("a", to).file("a/x", "in").link("b", "../../../../../..").file("b/y", "in");
    room.native.unpack(&layer("links"), archive.bytes().as_slice()).unwrap();
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    let id = room.native.start(&stacked(&room, &["links"])).unwrap();
    assert_eq!(room.sh(&id, &format!("cat {to}/x /y")), "inin");
}

#[test]
fn devices_that_only_the_machine_may_make_are_told() {
    let room = Room::new();
    let archive =
        Archive::new().put("dev/sda", tar::EntryType::Block, 0o660, (0, 6), b"").file("x", "y");
    assert_eq!(
        room.native.unpack(&layer("nodes"), archive.bytes().as_slice()).unwrap(),
        ["dev/sda"]
    );
    assert!(room.native.unpack(&layer("nodes"), &b""[..]).unwrap().is_empty(), "it is there");
}

#[test]
fn limits_hold_and_layers_in_use_stay() {
    let room = Room::new();
    let error = room.native.remove_layer(&layer("root"));
    assert!(error.is_ok(), "nobody stands on it");
    room.native.unpack(&layer("root"), crate::room::root().as_slice()).unwrap();
    let id = room.start();
    let error = room.native.remove_layer(&layer("root")).unwrap_err();
    assert_eq!(error.message(), "the layer `root` is in use");
    room.native.remove(&id).unwrap();
    let limits = Limits::default().with(Limit::Entries, 3);
    let small = Native::open(program(), &room.folder.path().join("store")).unwrap().within(limits);
    let error = small.unpack(&layer("many"), below().as_slice()).unwrap_err();
    assert!(error.message().contains("`entries`"), "{error}");
}
