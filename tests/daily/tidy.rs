//! `bb clean` and `bb gc`: exactly what goes, and that nothing goes which `bb` has not made.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;

use support::fake::room::{Room, Run, says};

use crate::family::{STEPS, bb, family, nothing_to_do, unbuilt};

/// Things of other people's, in the state folder and in the engine.
struct Foreign {
    files: Vec<&'static str>,
    containers: usize,
    nameless: Vec<String>,
}

const FILES: [&str; 8] = [
    ".bb/mine",
    ".bb/images/top/notes.txt",
    ".bb/images/mine/rootfs.tar",
    ".bb/downloads/mine.tar.xz",
    ".bb/logs/image/mine.txt",
    ".bb/records/image/.hidden.json",
    ".bb/traces/mine",
    ".bb/made/mine",
];

fn plant(room: &Room) -> Foreign {
    for file in FILES {
        room.write(file, "mine");
    }
    symlink("/etc/hostname", room.path(".bb/images/link")).unwrap();
    room.engine.pull("mine/image:1", 1);
    room.engine.pull("ns/mine:latest", 1);
    room.engine.pull("gentoo-bb/bob:mine", 1);
    room.engine.start_container(&[("bb.project", "another"), ("bb.step", "rootfs:top")]);
    room.engine.start_container(&[("bb.step", "rootfs:top")]);
    // Built on one of ours, and so with its labels.
    let nameless = vec![
        room.engine.leave_nameless(("bb.content", "mine")),
        room.engine.leave_nameless(("bb.fingerprint", "mine")),
    ];
    Foreign { files: FILES.to_vec(), containers: room.engine.containers(), nameless }
}

impl Foreign {
    #[track_caller]
    fn is_there(&self, room: &Room) {
        for file in &self.files {
            assert_eq!(fs::read_to_string(room.path(file)).unwrap(), "mine", "{file}");
        }
        assert!(room.path(".bb/images/link").is_symlink());
        let images = room.engine.images();
        for name in ["mine/image:1", "ns/mine:latest", "gentoo-bb/bob:mine"] {
            assert!(images.contains_key(name), "{name}");
        }
        assert!(room.engine.containers() >= self.containers);
        let nameless = room.engine.nameless();
        assert!(self.nameless.iter().all(|id| nameless.contains(id)), "{nameless:?}");
    }
}

/// With sizes as `SIZE`, lines sorted but for the last.
fn told(run: &Run) -> Vec<String> {
    assert_eq!(run.code, Some(0), "{}", run.text);
    let size = regex::Regex::new(r"\b\d+(\.\d+)? (bytes|MB)").unwrap();
    size.replace_all(&run.text, "SIZE").lines().map(str::to_owned).collect()
}

fn tree(room: &Room) -> BTreeSet<String> {
    let all = walkdir::WalkDir::new(room.path(".bb")).into_iter().map(Result::unwrap);
    let files = all.filter(|e| !e.file_type().is_dir());
    files.map(|e| e.path().strip_prefix(room.path("")).unwrap().display().to_string()).collect()
}

#[test]
fn one_dock_is_cleaned_and_built_again() {
    let room = family();
    let foreign = plant(&room);
    let lines = [
        "image      ns/top:latest  SIZE",
        "record     image:top",
        "file       .bb/images/top/Dockerfile  SIZE",
        "record     dockerfile:top",
        "file       .bb/images/top/package.provided  SIZE",
        "file       .bb/images/top/packages.json  SIZE",
        "file       .bb/images/top/rootfs.base  SIZE",
        "file       .bb/images/top/rootfs.left-out  SIZE",
        "file       .bb/images/top/rootfs.tar  SIZE",
        "file       .bb/images/top/rootfs.ways  SIZE",
        "file       .bb/images/top/sysroot.tar.zst  SIZE",
        "record     rootfs:top",
    ];
    let image = [
        "image.json",
        "contents.json",
        "image.tar",
        "sbom.cdx.json",
        "sbom.spdx.json",
        "size.json",
    ]
    .map(|file| format!("file       .bb/images/top/{file}  SIZE"));
    let before = (tree(&room), room.engine.images());
    let dry = told(&bb(&room, "clean top --dry-run"));
    let end = |verb: &str| format!("{verb} 1 image, 14 files (SIZE) and 3 records");
    let wanted = |verb: &str| {
        let lines = lines.iter().map(|line| (*line).to_owned());
        image.iter().cloned().chain(lines).chain([end(verb)]).collect::<Vec<_>>()
    };
    assert_eq!(dry, wanted("would remove"));
    assert_eq!((tree(&room), room.engine.images()), before);
    nothing_to_do(&room);
    assert_eq!(told(&bb(&room, "clean top")), wanted("removed"));
    foreign.is_there(&room);
    says(&bb(&room, "clean top"), 0, "nothing was removed\n");
    says(&bb(&room, "clean top --dry-run"), 0, "nothing to remove\n");
    let left = fs::read_dir(room.path(".bb/images/top")).unwrap().map(|e| e.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["notes.txt"]);
    room.told("build").ran("dockerfile:top rootfs:top image:top");
    nothing_to_do(&room);
}

#[test]
fn kinds_and_steps_are_cleaned_by_name() {
    let room = family();
    executed_after(&room, "clean image", "image:base image:mid image:top image:side image:plain");
    executed_after(&room, "clean dockerfile:mid", "dockerfile:mid");
    executed_after(
        &room,
        "clean rootfs:mid side",
        "rootfs:mid dockerfile:side rootfs:side image:side",
    );
    executed_after(&room, "clean builder", "builder:bob");
    executed_after(&room, "clean import", "import:stage3 import:portage");
    room.write(".bb/downloads/portage.tar.xz.part", "half");
    executed_after(
        &room,
        "clean fetch",
        "fetch:portage.tar.xz fetch:portage.tar.xz.gpgsig fetch:stage3-amd64-nomultilib-openrc.tar.xz \
         fetch:stage3-amd64-nomultilib-openrc.tar.xz.DIGESTS fetch:stage3-amd64-nomultilib-openrc.tar.xz.asc",
    );
    assert!(!room.path(".bb/downloads/portage.tar.xz.part").exists());
    executed_after(&room, "clean verify", "verify:stage3 verify:portage");
    says(&bb(&room, "clean task"), 0, "nothing was removed\n");
    says(&bb(&room, "clean tap"), 2, "error: unknown image `tap`\nhint: did you mean `top`?\n");
    says(
        &bb(&room, "clean imge:top"),
        2,
        "error: `imge:top` is not the id of a step\n\
         hint: a step is `kind:name`, with one of these kinds: \
         fetch, verify, import, builder, rootfs, dockerfile, image, test, task\n",
    );
}

#[track_caller]
fn executed_after(room: &Room, clean: &str, steps: &str) {
    told(&bb(room, clean));
    room.told("build").ran(steps);
    nothing_to_do(room);
}

#[test]
fn everything_is_cleaned_but_downloads_and_the_builder() {
    let room = family();
    let foreign = plant(&room);
    let shared = |room: &Room| {
        let images = room.engine.images().into_keys();
        images.filter(|name| name.starts_with("gentoo-bb/")).collect::<Vec<_>>()
    };
    let before = shared(&room);
    let lines = told(&bb(&room, "clean"));
    assert_eq!(lines.last().unwrap(), "removed 5 images, 63 files (SIZE) and 14 records");
    foreign.is_there(&room);
    assert_eq!((shared(&room), before.len()), (before.clone(), 4));
    let named = room.engine.images().into_keys().filter(|name| name.starts_with("ns/"));
    assert_eq!(named.collect::<Vec<_>>(), ["ns/mine:latest"]);
    let run = room.told("build").ok();
    assert_eq!(run.done().len(), STEPS - 10, "{run}");
    nothing_to_do(&room);
}

/// A task's outputs are files of the project.
#[test]
fn what_a_task_has_written_stays() {
    let room = unbuilt();
    let task = "[task.t]\nrun = \"echo made >made\"\noutputs = [\"made\"]\n";
    let settings = fs::read_to_string(room.path("bb.toml")).unwrap();
    room.write("bb.toml", &format!("{settings}{task}"));
    room.told("build task:t").ran("task:t");
    says(&bb(&room, "clean task"), 0, "record     task:t\nremoved 1 record\n");
    assert_eq!(fs::read_to_string(room.path("made")).unwrap(), "made\n");
    room.told("build task:t").ran("task:t");
}

/// What a record says is no reason to remove a file elsewhere.
#[test]
fn a_record_cannot_name_files_of_other_folders() {
    let room = family();
    room.write("precious", "mine");
    room.write(".bb/records/image/evil.json", "");
    let record = fs::read_to_string(room.path(".bb/records/dockerfile/top.json")).unwrap();
    let own = ".bb/images/top/Dockerfile";
    for elsewhere in [".bb/../precious", "precious", "/etc/hostname", ".bb/images/../../precious"] {
        room.write(".bb/records/dockerfile/evil.json", &record.replace(own, elsewhere));
        assert_eq!(
            told(&bb(&room, "clean dockerfile:evil")),
            ["record     dockerfile:evil", "removed 1 record"]
        );
    }
    assert_eq!(fs::read_to_string(room.path("precious")).unwrap(), "mine");
}

#[test]
fn an_image_that_a_container_needs_stays_with_its_record() {
    let room = family();
    room.engine.occupy("ns/top:latest");
    let run = bb(&room, "clean image:top");
    assert_eq!(run.code, Some(1), "{}", run.text);
    let kept = run.text.lines().filter(|line| line.starts_with("kept"));
    assert_eq!(
        kept.collect::<Vec<_>>(),
        [
            "kept    ns/top:latest: conflict: a container is using its referenced image",
            "kept    image:top: it tells whose the rest is",
        ]
    );
    room.told("build").ran("image:top");
    nothing_to_do(&room);
}

#[test]
fn an_image_that_somebody_else_has_put_in_place_of_ours_stays() {
    let room = family();
    room.engine.pull("ns/top:latest", 7);
    let run = told(&bb(&room, "clean image:top"));
    assert_eq!(run.last().unwrap(), "removed 6 files (SIZE) and 1 record");
    assert!(room.engine.images().contains_key("ns/top:latest"));
}

#[test]
fn without_an_engine_files_are_cleaned_and_images_are_not_forgotten() {
    let mut room = family();
    room.env = vec![("DOCKER_HOST".to_owned(), "unix:///nonexistent/engine.sock".to_owned())];
    let run = told(&bb(&room, "clean dockerfile:top"));
    assert_eq!(run.last().unwrap(), "removed 1 file (SIZE) and 1 record");
    let before = tree(&room);
    let error = "error: no container engine answers at `unix:///nonexistent/engine.sock`\n  \
                 unix:///nonexistent/engine.sock: socket not found: /nonexistent/engine.sock\n\
                 hint: start Docker or Podman, or set DOCKER_HOST to where it listens\n";
    for args in ["clean image:top", "clean", "gc", "gc --dry-run"] {
        says(&bb(&room, args), 4, error);
    }
    assert_eq!(tree(&room), before);
}

#[test]
fn caches_that_anybody_could_write_in_go() {
    let room = family();
    for name in ["gentoo-bb-packages", "gentoo-bb-distfiles", "gentoo-bb-sources", "packages"] {
        room.engine.leave_volume(name);
    }
    says(&bb(&room, "gc --keep-builders"), 0, "nothing was removed\n");
    let lines = "volume     gentoo-bb-distfiles  a cache of an earlier version\n\
                 volume     gentoo-bb-packages  a cache of an earlier version\n";
    says(&bb(&room, "gc --dry-run"), 0, &format!("{lines}would remove 2 volumes\n"));
    says(&bb(&room, "gc"), 0, &format!("{lines}removed 2 volumes\n"));
    says(&bb(&room, "gc"), 0, "nothing was removed\n");
}

#[test]
fn nothing_goes_where_everything_is_needed() {
    let room = family();
    says(&bb(&room, "gc"), 0, "nothing was removed\n");
    says(&bb(&room, "gc --dry-run"), 0, "nothing to remove\n");
    says(&bb(&room, "gc --unused-for 1"), 0, "nothing was removed\n");
    assert_eq!(room.engine.containers(), 0);
    nothing_to_do(&room);
    nothing_to_do(&room);
    says(&bb(&room, "gc"), 0, "nothing was removed\n");
    let foreign = plant(&room);
    // An answer that was found before something came to the records is of no use any more.
    nothing_to_do(&room);
    nothing_to_do(&room);
    says(&bb(&room, "gc"), 0, "nothing was removed\n");
    foreign.is_there(&room);
    nothing_to_do(&room);
}

#[test]
fn nothing_is_removed_and_nothing_is_made_where_nothing_was_built() {
    let room = unbuilt();
    let foreign_images = room.engine.images();
    for args in ["gc", "clean", "clean top", "clean image"] {
        says(&bb(&room, args), 0, "nothing was removed\n");
    }
    assert!(!room.path(".bb").exists());
    assert_eq!(room.engine.images(), foreign_images);
}

/// An image from elsewhere by its parts: what the lock names stays, and what an image has that was built on another
/// one; what nobody names goes, and what was noted of layers that no image has.
#[test]
fn blobs_that_nothing_names_go() {
    let room = family();
    let blob = |data: &str| {
        let hex = support::digest(data);
        room.write(&format!(".bb/oci/blobs/sha256/{hex}"), data);
        hex
    };
    let image = |layer: &str| {
        let layer = blob(layer);
        let config =
            format!("{{\"rootfs\":{{\"type\":\"layers\",\"diff_ids\":[\"sha256:{layer}\"]}}}}");
        [layer, blob(&config)]
    };
    let ([_, pinned], stray) = (image("pinned"), image("stray"));
    let lock = fs::read_to_string(room.path("bb.lock")).unwrap();
    let base = format!(
        "[[base]]\nname = \"a.example/b:1\"\nid = \"sha256:{pinned}\"\nsource = \"engine\"\n"
    );
    room.write("bb.lock", &format!("{lock}{base}"));
    // Somebody's own.
    room.write(".bb/oci/blobs/sha256/readme", "");
    let listed = room.run("tar", &["-tf", ".bb/images/plain/image.tar"]).ok().text;
    let own = listed.lines().find_map(|name| name.strip_suffix(".tar")).unwrap();
    let other = support::digest("other");
    for layer in [own, other.as_str()] {
        room.write(&format!(".bb/push/gzip-9/{layer}"), "");
    }
    // Of a way in which nothing is compressed any more.
    room.write(&format!(".bb/push/gzip-1/{own}"), "");
    let mut gone = stray.map(|hex| format!("file       .bb/oci/blobs/sha256/{hex}  SIZE"));
    gone.sort();
    let note = format!("file       .bb/push/gzip-9/{other}  SIZE");
    let former = format!("file       .bb/push/gzip-1/{own}  SIZE");
    let lines = told(&bb(&room, "gc"));
    assert_eq!(lines[..4], [&gone[0], &gone[1], &former, &note].map(Clone::clone));
    assert_eq!(lines[4..], ["removed 4 files (SIZE)"]);
    assert!(room.path(&format!(".bb/push/gzip-9/{own}")).exists());
    says(&bb(&room, "gc"), 0, "nothing was removed\n");
    room.write("bb.lock", &lock);
    assert_eq!(told(&bb(&room, "gc")).len(), 3);
    assert!(room.path(".bb/oci/blobs/sha256/readme").exists());
}

#[test]
fn what_is_left_of_docks_builders_and_containers_goes() {
    let room = family();
    let foreign = plant(&room);
    // A dock goes; an image is built again and the one before has no name; the lock moves; and a run
    // is killed, which leaves its container.
    fs::remove_dir_all(room.path("bb-dock/side")).unwrap();
    room.write("bb-dock/plain/f", "changed");
    bb(&room, "build plain").ok();
    let lock = fs::read_to_string(room.path("bb.lock")).unwrap();
    let project = project_label(&room);
    let labels = [("bb.project", project.as_str()), ("bb.step", "rootfs:top")];
    room.engine.start_named(&format!("bb-{project}-1-1-1"), &labels);
    // Of an image with labels like ours; somebody has started it.
    room.engine.start_container(&labels);
    let nameless = room.engine.nameless();
    let ours = nameless.iter().find(|id| !foreign.nameless.contains(id)).unwrap().clone();
    let short = &ours.strip_prefix("sha256:").unwrap()[..12];
    let side = [
        "file       .bb/images/side/image.json  SIZE",
        "file       .bb/images/side/contents.json  SIZE",
        "file       .bb/images/side/image.tar  SIZE",
        "file       .bb/images/side/sbom.cdx.json  SIZE",
        "file       .bb/images/side/sbom.spdx.json  SIZE",
        "file       .bb/images/side/size.json  SIZE",
        "image      ns/side:latest  SIZE",
        "record     image:side",
        "file       .bb/images/side/Dockerfile  SIZE",
        "record     dockerfile:side",
        "file       .bb/images/side/package.provided  SIZE",
        "file       .bb/images/side/packages.json  SIZE",
        "file       .bb/images/side/rootfs.base  SIZE",
        "file       .bb/images/side/rootfs.left-out  SIZE",
        "file       .bb/images/side/rootfs.tar  SIZE",
        "file       .bb/images/side/rootfs.ways  SIZE",
        "file       .bb/images/side/sysroot.tar.zst  SIZE",
        "record     rootfs:side",
    ];
    let container = "container  id";
    let lines = told(&bb(&room, "gc --dry-run"));
    assert!(lines[0].starts_with(container) && lines[0].ends_with("  of rootfs:top"), "{lines:?}");
    assert_eq!(lines[1..19], side);
    assert_eq!(lines[19], format!("image      {short}  SIZE"));
    assert_eq!(lines[20], "would remove 2 images, 1 container, 14 files (SIZE) and 3 records");
    let removed = told(&bb(&room, "gc"));
    assert_eq!(
        (&removed[..20], removed[20].as_str()),
        (&lines[..20], "removed 2 images, 1 container, 14 files (SIZE) and 3 records")
    );
    foreign.is_there(&room);
    assert_eq!(room.engine.containers(), foreign.containers + 1);
    assert!(!room.engine.nameless().contains(&ours) && !room.path(".bb/images/side").exists());
    says(&bb(&room, "gc"), 0, "nothing was removed\n");
    bb(&room, "build").ok();
    // Another snapshot: of the builder, what is pinned stays.
    let digest = lock.lines().filter_map(|l| l.strip_prefix("sha512 = \"")).next_back().unwrap();
    let other = lock.replace(&digest[..20], "00112233445566778899");
    room.write("bb.lock", &other);
    let gone = |text: &[String]| {
        let images = text.iter().filter_map(|line| line.strip_prefix("image      "));
        images.map(|line| line.split(':').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(gone(&told(&bb(&room, "gc --keep-builders"))), [""; 0]);
    assert_eq!(gone(&told(&bb(&room, "gc"))), ["gentoo-bb/bob", "gentoo-bb/portage"]);
    foreign.is_there(&room);
    room.write("bb.lock", &lock);
    // No step needs them; somebody may.
    room.told("build").ran("");
    room.told("build builder:bob").ran("import:portage builder:bob");
}

/// The label of this project's containers, as a build that is asked for one shows it.
fn project_label(room: &Room) -> String {
    let state = fs::canonicalize(room.path(".bb")).unwrap();
    let mut secret = fs::read(state.join("id")).unwrap().trim_ascii().to_vec();
    secret.extend_from_slice(state.as_os_str().as_encoded_bytes());
    support::digest(secret)[..32].to_owned()
}

/// Imports and builder that are made again leave the ones before without a name.
#[test]
fn what_was_made_again_is_not_left_behind() {
    let room = family();
    let names = room.engine.images().len();
    room.write("bb-dock/base/f", "changed");
    bb(&room, "build -C").ok();
    let nameless = room.engine.nameless().len();
    assert!(nameless > 0);
    let lines = told(&bb(&room, "gc"));
    let images = lines.iter().filter(|line| line.starts_with("image  "));
    assert_eq!(images.count(), nameless, "{lines:?}");
    assert_eq!((room.engine.nameless().len(), room.engine.images().len()), (0, names));
    assert_eq!(fs::read_dir(room.path(".bb/made")).map_or(0, Iterator::count), names - nameless);
    nothing_to_do(&room);
}

/// Kept answers: of what is not so any more, or of nothing that is left.
#[test]
fn answers_go_that_do_not_hold() {
    let traces = |room: &Room| fs::read_dir(room.path(".bb/traces")).map_or(0, Iterator::count);
    for (edit, args, left) in [(false, "gc", 1), (true, "gc", 0), (false, "clean", 0)] {
        let room = family();
        // Kept once no file is so young that its times could not tell.
        assert!((0..500).any(|_| {
            nothing_to_do(&room);
            traces(&room) == 1
        }));
        if edit {
            room.write("bb-dock/plain/f", "changed");
        }
        bb(&room, args).ok();
        assert_eq!(traces(&room), left, "{args}");
    }
}
