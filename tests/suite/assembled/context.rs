//! What a dock's folder is in an image, byte for byte: modes of folders, names and link targets of any
//! bytes, what an ignore file keeps out. Compared with the engine's own builder, in both build paths.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use support::sealed::Room;

use super::{compare, files, summary};
use crate::image::Image;

/// Folders with their modes.
const FOLDERS: [(&str, u32); 8] = [
    ("m", 0o750),
    ("m/private", 0o700),
    ("m/group", 0o730),
    ("m/sticky", 0o1777),
    ("m/shared", 0o2775),
    ("m/empty", 0o711),
    ("m/objects", 0o755),
    ("only", 0o700),
];

fn name(bytes: &[u8]) -> PathBuf {
    OsStr::from_bytes(bytes).into()
}

/// What the docks of these tests consist of.
fn fill(dock: &Path) {
    for (folder, _) in FOLDERS {
        fs::create_dir_all(dock.join(folder)).unwrap();
    }
    for file in ["m/private/f", "m/group/f", "m/sticky/f", "m/shared/f", "m/objects/x.o", "f"] {
        fs::write(dock.join(file), format!("{file}\n")).unwrap();
    }
    let odd = dock.join("odd");
    fs::create_dir_all(odd.join(name(b"d\xe9"))).unwrap();
    for file in [&b"n\xff"[..], b"d\xe9/f", b"with\nline", b"back\\slash", b"w\xc3\xb6rter"] {
        fs::write(odd.join(name(file)), "odd\n").unwrap();
    }
    let long = [&b"long\xff/"[..], &[b'\xfe'; 120]].concat();
    fs::create_dir(odd.join(name(b"long\xff"))).unwrap();
    fs::write(odd.join(name(&long)), "long\n").unwrap();
    let far = [&b"/far//"[..], &[b'\xfd'; 150]].concat();
    let targets: [&[u8]; 8] = [b"a//b", b"a/./b", b"/", b"a/", b"./a", b"//a", b"x\xff", &far];
    for (number, target) in targets.into_iter().enumerate() {
        symlink(name(target), odd.join(format!("l{number}"))).unwrap();
    }
    for (folder, mode) in FOLDERS.iter().rev() {
        fs::set_permissions(dock.join(folder), fs::Permissions::from_mode(*mode)).unwrap();
    }
}

/// Name, Dockerfile, ignore file.
const CASES: &[(&str, &str, &str)] = &[
    ("modes", "COPY m /x\nCOPY m/private m/shared /two/\nCOPY . /all\nADD m /y/z/\n", ""),
    ("modes-chown", "COPY --chown=5:6 m /x\nCOPY --chown=7 . /all\n", ""),
    ("modes-patterns", "COPY m* /x/\nCOPY m/s* /y/\nCOPY m/*/f /z/\n", ""),
    ("modes-over", "COPY m /x\nCOPY only /x/private\nCOPY m /y\nCOPY m/empty /y\n", ""),
    ("modes-empty", "COPY m/empty /x\nCOPY m/e* /y/\nCOPY only o* /z/\n", ""),
    ("names", "COPY odd /x\nCOPY odd/n? /n/\nCOPY odd/d? /d/\n", ""),
    ("names-stage", "COPY odd /x\nFROM scratch\nCOPY --from=0 /x /y\nCOPY --from=0 / /z\n", ""),
    ("ignore-made", "COPY . /\n", "Dockerfile\n.dockerignore\nodd\n"),
    ("ignore-dockerfile", "COPY . /\n", "Dockerfile*\nodd\n"),
    ("ignore-itself", "COPY . /\n", ".dockerignore\nodd\n"),
    ("ignore-contents", "COPY . /\n", "**/*.o\nm/sticky/*\nonly/**\nodd\n"),
    ("ignore-folder", "COPY . /\n", "m/objects\nm/pri*\nodd/d?\nodd/n\u{fffd}\nonly/\n"),
    ("ignore-but", "COPY . /\n", "m\n!m/private/f\n!m/shared\nodd\n"),
    ("dockerfile-by-name", "COPY Dockerfile /x\nCOPY Docker* /y/\n", ""),
];

fn dock(room: &Room, name: &str, text: &str, ignore: &str) -> PathBuf {
    room.dock(name, &format!("FROM scratch\n{text}"), &[]);
    let dock = room.path(format!("bb-dock/{name}"));
    fill(&dock);
    if !ignore.is_empty() {
        fs::write(dock.join(".dockerignore"), ignore).unwrap();
    }
    dock
}

#[test]
fn a_context_is_in_an_image_as_the_engine_has_it() {
    let room = Room::with_engine();
    for (name, text, ignore) in CASES {
        dock(&room, name, text, ignore);
    }
    room.bb("build").ok();
    let told =
        CASES.iter().filter_map(|(name, ..)| Some(format!("{name}: {}", compare(&room, name)?)));
    let told = told.collect::<Vec<_>>();
    assert!(told.is_empty(), "{}", told.join("\n"));
}

/// What is sent to the engine's builder is the same context.
#[test]
fn the_engine_gets_the_context_that_is_assembled() {
    let room = Room::with_engine();
    for (name, text, ignore) in CASES {
        let dock = dock(&room, name, &format!("ADD arch.tar.gz /none/\n{text}"), ignore);
        fs::write(dock.join("arch.tar.gz"), files::COMPRESSED).unwrap();
    }
    room.bb("build").ok();
    let mut told = vec![];
    for (name, ..) in CASES {
        let why = format!("`bb-dock/{name}/arch.tar.gz` is compressed");
        assert_eq!(summary(&room, name)["built_by_engine"], why);
        let theirs = room.image(&format!("{name}-by-engine"));
        super::build(&room, name, &theirs).unwrap();
        let read = |image: &str| Image::read(room.engine(), image).entries;
        let (ours, theirs) = (read(&room.image(name)), read(&theirs));
        let paths = ours.keys().chain(theirs.keys());
        told.extend(
            paths.filter(|p| ours.get(*p) != theirs.get(*p)).map(|path| format!("{name}: {path}")),
        );
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
}

/// A folder's mode is an input where it is in the image, and only there.
#[test]
fn a_mode_of_a_folder_makes_exactly_its_image_stale() {
    let room = Room::with_engine();
    dock(&room, "whole", "COPY . /\n", "odd\n");
    dock(&room, "part", "COPY m/private /x\nCOPY f /\n", "");
    room.bb("build").ok();
    room.bb("build").fails(0, "nothing to do: 4 steps up to date\n");
    room.chmod("bb-dock/whole/m/private", 0o755);
    room.chmod("bb-dock/part/m/private", 0o755);
    room.chmod("bb-dock/part/m/shared", 0o755);
    let run = room.bb("status");
    let line = "mode of bb-dock/whole/m/private changed: 0700 -> 0755";
    assert!(run.stdout.contains(line), "{}", run.stdout);
    room.told("build").ran("image:whole");
    room.bb("build").fails(0, "nothing to do: 4 steps up to date\n");
    // Another file in a folder is none of the image's where it is ignored.
    fs::write(room.path("bb-dock/whole/odd/new"), "").unwrap();
    fs::write(room.path("bb-dock/part/m/new"), "").unwrap();
    room.bb("build").fails(0, "nothing to do: 4 steps up to date\n");
    fs::remove_file(room.path("bb-dock/whole/m/objects/x.o")).unwrap();
    room.told("build").ran("image:whole");
}

/// A name that no text can be: nobody's business where it is not used.
#[test]
fn a_name_of_any_bytes_is_an_input_where_it_is_used() {
    let room = Room::with_engine();
    let dock = dock(&room, "uses", "COPY odd /odd\n", "");
    room.dock("other", "FROM scratch\nCOPY f /\n", &[("f", "1\n")]);
    let unused = room.path("bb-dock/other").join(name(b"un\xffused"));
    fs::write(&unused, "1").unwrap();
    room.bb("build").ok();
    for quiet in ["status", "build", "list", "tree", "export json", "makefile other", "diff uses"] {
        let run = room.bb(quiet);
        assert!(!run.stderr.contains("UTF-8"), "{quiet}: {}", run.stderr);
    }
    room.bb("build").fails(0, "nothing to do: 4 steps up to date\n");
    let exported = room.bb("export json").ok().stdout;
    assert!(exported.contains(r"bb-dock/uses/odd/n\\xff"), "{exported}");
    fs::write(&unused, "2").unwrap();
    room.bb("build").fails(0, "nothing to do: 4 steps up to date\n");
    fs::write(dock.join("odd").join(name(b"n\xff")), "changed\n").unwrap();
    room.told("build").ran("image:uses");
    // A target that differs in one byte that is no text.
    let link = dock.join("odd/l6");
    fs::remove_file(&link).unwrap();
    symlink(name(b"x\xfe"), &link).unwrap();
    room.told("build").ran("image:uses");
    let image = Image::read(room.engine(), &room.image("uses"));
    assert_eq!(image.text(r"/odd/n\xff"), "changed\n");
}

/// What cannot be in an image is refused with its name, and nothing is made.
#[test]
fn what_no_layer_can_hold_is_refused() {
    let room = Room::with_engine();
    let mut tar = files::archive();
    tar.truncate(600);
    room.dock("cut", "FROM scratch\nADD cut.tar /\n", &[]);
    fs::write(room.path("bb-dock/cut/cut.tar"), tar).unwrap();
    room.dock("white", "FROM scratch\nCOPY d /d\n", &[("d/.wh.f", "1\n")]);
    room.dock("target", "FROM scratch\nCOPY f /.wh.f\n", &[("f", "1\n")]);
    for (dock, line) in [
        ("cut", "`bb-dock/cut/cut.tar` is a damaged archive: "),
        ("white", "`/d/.wh.f` cannot be in an image: `.wh.` marks what a layer removes"),
        ("target", "`/.wh.f` cannot be in an image: `.wh.` marks what a layer removes"),
    ] {
        let run = room.bb(&format!("build {dock}"));
        assert_eq!(run.code, Some(3), "{}", run.stderr);
        assert!(run.stderr.contains(line), "{}", run.stderr);
        assert!(
            !room.engine().has_image(&room.image(dock)) && !room.exists(".bb/images/cut/image.tar")
        );
    }
}
