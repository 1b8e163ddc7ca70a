//! What Gentoo's own tree and stage3 ask for, and ours do not: with small ebuilds of our own, compiled by real Portage.
//!
//! A stage3 that is older than the tree is one into which a dock's first hook has put an older version.

use std::fs;
use std::path::Path;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use support::sealed::{Mirror, Room, Run};

use crate::image::{Image, Kind};

const SCRATCH: &str = "FROM scratch\nADD rootfs.tar /\n";

static ROOM: LazyLock<Mutex<Room>> = LazyLock::new(|| Mutex::new(room()));

/// The project, for one test at a time: each imports what the others do.
fn project() -> MutexGuard<'static, Room> {
    ROOM.lock().unwrap_or_else(PoisonError::into_inner)
}

/// With a snapshot that has the ebuilds of `genuine/repo` besides, and flags of its own: nothing is compiled before.
fn room() -> Room {
    let room = Room::with_engine();
    let mirror = Mirror::get().copy(&room.dir.join("mirror"));
    let tomorrow = gentoo_bb::base::time::date(
        std::time::SystemTime::now() + std::time::Duration::from_secs(86_400),
    );
    let tomorrow = tomorrow.replace('-', "");
    mirror.newer(&tomorrow, |tree| add("tests/suite/genuine/repo", tree));
    let room = room.with_mirror(&mirror);
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    room.append("bb.toml", &format!("[build]\nCFLAGS = \"-O2 -pipe -DROOM={now}\"\n"));
    room.bb_with(&[("DATE", &tomorrow)], "update").ok();
    assert!(room.read("bb.lock").contains(&tomorrow));
    room
}

/// Ebuilds into a tree.
fn add(repo: &str, tree: &Path) {
    let repo = support::checkout().join(repo);
    for file in walkdir::WalkDir::new(&repo).into_iter().map(Result::unwrap) {
        let dest = tree.join(file.path().strip_prefix(&repo).unwrap());
        if file.file_type().is_dir() {
            fs::create_dir_all(dest).unwrap();
        } else {
            fs::copy(file.path(), dest).unwrap();
        }
    }
}

fn dock(room: &Room, name: &str, template: &str, buildconfig: &str) {
    room.dock(name, template, &[]);
    room.write(&format!("bb-dock/{name}/Buildconfig.sh"), buildconfig);
}

/// What a command in an image prints.
fn says(room: &Room, image: &str, command: &[&str]) -> String {
    let image = room.image(image);
    let label = Room::label();
    let run = ["run", "--rm", "--network", "none", "--label", &label, &image];
    room.engine().docker(&[&run[..], command].concat())
}

/// Which packages a step has compiled, and which it has merged from the cache.
fn packages(room: &Room, name: &str) -> (Vec<String>, Vec<String>) {
    let log = room.read(&format!(".bb/logs/rootfs/{name}.log"));
    let named = |begin: &str| {
        let lines = log.lines().filter(|line| line.starts_with(begin));
        let names = lines.filter_map(|line| line.split(") ").nth(1)?.split("::").next());
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    (named(">>> Emerging ("), named(">>> Emerging binary ("))
}

/// Puts the older library into the builder, with Portage's record of it, as if the stage3 had it. The same bytes each time:
/// it is code, which is in the keys.
const OLDER: &str = r#"
configure_rootfs_build() {
	local record=/var/db/pkg/dev-libs/two-1 name value
	echo 'const char *two(void) { return "two 1"; }' >/tmp/two.c
	gcc -shared -fPIC -Wl,-soname,libtwo.so.1 -o /usr/lib64/libtwo.so.1 /tmp/two.c
	ln -s libtwo.so.1 /usr/lib64/libtwo.so
	echo 'const char *two(void);' >/usr/include/two.h
	mkdir -p "$record"
	while read -r name value; do echo "$value" >"$record/$name"; done <<-END
		CATEGORY dev-libs
		PF two-1
		SLOT 0/1
		EAPI 8
		KEYWORDS amd64
		repository gentoo
		COUNTER 2
		BUILD_TIME 1262304000
		CONTENTS obj /usr/lib64/libtwo.so.1 00000000000000000000000000000000 1262304000
	END
}
"#;

#[test]
fn what_is_compiled_against_is_what_is_shipped() {
    let room = project();
    let wants = "PACKAGES='sys-libs/glibc net-misc/app'\n";
    dock(&room, "linked", SCRATCH, &format!("{wants}{OLDER}"));
    room.bb("build linked").ok();
    assert_eq!(says(&room, "linked", &["/usr/bin/app"]), "two 2");
    // Another image of the same takes what was compiled, and nothing but that.
    dock(&room, "again", SCRATCH, &format!("{wants}{OLDER}# Again.\n"));
    room.bb("build again").ok();
    let (compiled, merged) = packages(&room, "again");
    assert_eq!(compiled, [""; 0]);
    assert!(merged.contains(&"net-misc/app-1".to_owned()), "{merged:?}");
    assert_eq!(says(&room, "again", &["/usr/bin/app"]), "two 2");
}

#[test]
fn a_cached_package_is_taken_into_an_image_without_anything() {
    let room = project();
    for name in ["first", "second"] {
        dock(&room, name, SCRATCH, "PACKAGES='net-misc/app sys-libs/glibc'\n");
        room.bb(&format!("build {name}")).ok();
    }
    let (compiled, merged) = packages(&room, "second");
    assert_eq!(compiled, [""; 0], "compiled twice");
    assert!(merged.contains(&"net-misc/app-1".to_owned()), "{merged:?}");
    assert_eq!(merged.len(), 4, "{merged:?}");
}

#[test]
fn an_image_that_needs_no_c_library_gets_none() {
    let room = project();
    dock(&room, "plain", SCRATCH, "PACKAGES='net-misc/plain'\n");
    room.bb("build plain").ok();
    assert_eq!(says(&room, "plain", &["/usr/bin/plain"]), "plain");
    let image = Image::read(room.engine(), &room.image("plain"));
    let libraries = image.entries.keys().filter(|path| path.contains("libc.so"));
    assert_eq!(libraries.collect::<Vec<_>>(), [""; 0]);
}

/// Twice: compiled, and from the cache, where nobody has merged the user into the builder.
#[test]
fn users_of_the_image_are_known_by_name_and_packages_get_their_folders() {
    let room = project();
    let hook = "finish_rootfs_build() {\n\tmkdir -p $EMERGE_ROOT/srv/daemon\n\
                \tchown memcached:memcached $EMERGE_ROOT/srv/daemon\n}\n";
    for name in ["served", "servedagain"] {
        dock(&room, name, SCRATCH, &format!("PACKAGES='net-misc/daemon'\n{hook}"));
        room.bb(&format!("build {name}")).ok();
        let image = Image::read(room.engine(), &room.image(name));
        let told = |path: &str| {
            let entry = image.entries.get(path).unwrap_or_else(|| panic!("{name}: no {path}"));
            (entry.mode & 0o7777, entry.uid, entry.gid)
        };
        assert_eq!(told("/srv/daemon"), (0o755, 87, 87));
        assert_eq!(told("/var/log/daemon"), (0o755, 87, 87));
        assert_eq!(told("/run/daemon"), (0o755, 87, 87));
        assert_eq!(told("/var/lib/daemon/spool"), (0o750, 87, 87));
        let link = &image.entries["/var/lib/daemon/run"].kind;
        assert_eq!(*link, Kind::Link("../../../run/daemon".to_owned()));
        assert!(image.text("/etc/passwd").contains("\ndaemon-log:x:477:477:Log of the daemon:"));
        assert!(image.text("/etc/group").contains("\ndaemon-log:x:477:memcached\n"));
    }
}

/// The build fails in its rootfs step before anything is compiled.
#[track_caller]
fn refused(room: &Room, buildconfig: &str, told: &[&str]) -> Run {
    dock(room, "wrong", SCRATCH, buildconfig);
    let run = room.bb("build wrong");
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    for text in told {
        assert!(run.stderr.contains(text), "{text}\n{}", run.stderr);
    }
    assert_eq!(packages(room, "wrong"), (vec![], vec![]), "{}", run.stderr);
    run
}

#[test]
fn settings_that_name_nothing_are_told_before_anything_is_compiled() {
    let room = project();
    let hook = |lines: &str| {
        format!("PACKAGES='net-misc/plain'\nconfigure_rootfs_build() {{\n{lines}\n}}\n")
    };
    let typo = hook("\tupdate_use net-misc/app -nowhere +lowd");
    refused(
        &room,
        &typo,
        &[
            "Buildconfig.sh:3: no version of `net-misc/app` has the USE flag `lowd`; there is `loud`",
        ],
    );
    let elsewhere = hook("\tupdate_use net-misk/app +loud");
    refused(
        &room,
        &elsewhere,
        &["Buildconfig.sh:3: there is no package `net-misk/app`; there is `net-misc/app`"],
    );
    let atom = hook("\tmask_package net-misc/app-1");
    refused(
        &room,
        &atom,
        &["Buildconfig.sh:3: `net-misc/app-1` is no package atom (package.mask)"],
    );
    let provided = hook("\tprovide_package net-misc/app");
    refused(&room, &provided, &["`net-misc/app` names no version, so nothing is provided"]);
    // What a hook writes by itself may be of another year.
    dock(
        &room,
        "wrong",
        SCRATCH,
        &hook("\techo 'net-misc/app lowd' >>/etc/portage/package.use/mine"),
    );
    let told = "warning: rootfs:wrong: /etc/portage/package.use/mine:1: no version of `net-misc/app` has the USE flag";
    let run = room.bb("build wrong");
    assert!(run.code == Some(0) && run.stderr.contains(told), "{}", run.stderr);
}

#[test]
fn a_library_that_is_not_there_fails_the_step() {
    let room = project();
    let wants = "PACKAGES='sys-libs/glibc net-misc/app'\nfinish_rootfs_build() {\n\
                 \trm $EMERGE_ROOT/usr/lib64/libtwo.so.2\n}\n";
    dock(&room, "without", SCRATCH, wants);
    let run = room.bb("build without");
    let told = "`/usr/bin/app` of net-misc/app-1 needs `libtwo.so.2`, which is not there";
    assert!(run.code == Some(1) && run.stderr.contains(told), "{}", run.stderr);
    dock(&room, "without", SCRATCH, &format!("REQUIRES_EXCLUDE='libtwo.so.*'\n{wants}"));
    room.bb("build without").ok();
}
