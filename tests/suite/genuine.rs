//! What Gentoo's own tree and stage3 ask for, and ours do not: with small ebuilds of our own, compiled by real Portage.
//!
//! A stage3 that is older than the tree is one into which a dock's first hook has put an older version.

mod kubler;
mod original;

use std::fs;
use std::path::Path;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use support::sealed::{Mirror, Room, Run};
use support::signed::{blake2b, sha512};

use crate::image::{Image, Kind};
use crate::slice::tomorrow;

const SCRATCH: &str = "FROM scratch\nADD rootfs.tar /\n";

static ROOM: LazyLock<Mutex<Room>> = LazyLock::new(|| Mutex::new(room()));

/// A source that no engine has from another run.
static BROUGHT: LazyLock<String> = LazyLock::new(|| {
    format!("by hand, {}\n", std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos())
});

/// The project, for one test at a time: each imports what the others do.
fn project() -> MutexGuard<'static, Room> {
    ROOM.lock().unwrap_or_else(PoisonError::into_inner)
}

/// With a snapshot that has the ebuilds of `genuine/repo` besides, and flags of its own: nothing is compiled before.
fn room() -> Room {
    let room = Room::with_engine();
    let mirror = Mirror::get().copy(&room.dir.join("mirror"));
    let tomorrow = tomorrow();
    mirror.newer(&tomorrow, |tree| {
        add("tests/suite/genuine/repo", tree);
        let file = BROUGHT.as_bytes();
        let (size, blake2b, sha512) = (file.len(), blake2b(file), sha512(file));
        let line = format!("DIST byhand-1.txt {size} BLAKE2B {blake2b} SHA512 {sha512}\n");
        fs::write(tree.join("net-misc/byhand/Manifest"), line).unwrap();
    });
    let room = room.with_mirror(&mirror);
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    room.append(
        "bb.toml",
        &format!("[build]\nCFLAGS = \"-O2 -pipe -DROOM={now}\"\nFEATURES = \"parallel-fetch\"\n"),
    );
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
    room.dock(name, template, &[("Buildconfig.sh", buildconfig)]);
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
    assert_eq!(merged, packages(&room, "first").1);
}

/// They are data: in the key of the package that they are for, by what they say, and of those that are built with it.
#[test]
fn variables_of_one_package_compile_nothing_else_anew() {
    let room = project();
    let wants = "PACKAGES='sys-libs/glibc net-misc/app'\n";
    let hook = |lines: &str| format!("{wants}configure_rootfs_build() {{\n{lines}\n}}\n");
    let flag = "${CFLAGS} -DALONE=1";
    dock(&room, "without", SCRATCH, wants);
    dock(&room, "other", SCRATCH, "PACKAGES='net-misc/plain'\n");
    dock(&room, "with", SCRATCH, &hook(&format!("package_env net-misc/app CFLAGS='{flag}'")));
    dock(&room, "on", "FROM ${NAMESPACE}/with\nADD rootfs.tar /\n", "PACKAGES='net-misc/plain'\n");
    let own = format!("echo 'CFLAGS=\"{flag}\"' >/etc/portage/env/own");
    let named = "echo 'net-misc/app own # by hand' >/etc/portage/package.env/own";
    dock(&room, "by-hand", SCRATCH, &hook(&format!("{own}\n{named}")));
    let code = "package_env net-misc/app CFLAGS='-I/config'";
    dock(&room, "code", SCRATCH, &hook(code));
    room.bb("build without other").ok();
    for (name, expected) in [("with", &["net-misc/app-1"][..]), ("on", &[]), ("by-hand", &[])] {
        room.bb(&format!("build {name}")).ok();
        assert_eq!(packages(&room, name).0, expected, "{name}");
    }
    room.bb("build code").ok();
    assert!(packages(&room, "code").0.contains(&"dev-libs/two-2".to_owned()), "a file of the dock");
}

/// Steps and compilers together, in boxes whose makes share what there is: bb's own tokens, those of a make that hands
/// its pipe to recipes, and those of one that has a fifo.
#[test]
fn jobs_are_counted_over_all_boxes() {
    let room = project();
    let named = ["first", "second", "third"].map(|name| format!("many-{name}"));
    let docks = |way: &str| {
        for name in &named {
            let flag = format!("-D{}_{way}=1", &name[5..]);
            let hook = format!("package_env net-misc/many CFLAGS='${{CFLAGS}} {flag}'");
            let text =
                format!("PACKAGES='net-misc/many'\nconfigure_rootfs_build() {{\n{hook}\n}}\n");
            dock(&room, name, SCRATCH, &text);
        }
    };
    let counted = |way: &str, jobs: usize, command: std::process::Command| {
        let counting = crate::budget::Counting::begin("many-");
        Run::of(command).ok();
        let (most, full) = counting.end();
        assert_eq!(most, jobs, "{way}");
        assert!(full > 10, "{way}: {full}");
        for name in &named {
            let (compiled, _) = packages(&room, name);
            assert!(compiled.contains(&"net-misc/many-1".to_owned()), "{name}: {compiled:?}");
            let log = room.read(&format!(".bb/logs/rootfs/{name}.log"));
            assert!(!log.contains("jobserver unavailable"), "{log}");
        }
    };
    docks("bb");
    counted("bb", 2, room.command(&format!("build -j2 --trace t.json {}", named.join(" "))));
    let trace = serde_json::from_str::<serde_json::Value>(&room.read("t.json")).unwrap();
    let slices = trace["traceEvents"].as_array().unwrap();
    let of = |cat: &str, name: &str| {
        slices.iter().filter(|slice| slice["cat"] == cat && slice["name"] == name).count()
    };
    assert_eq!((of("package", "net-misc/many-1") / 3, of("step", "rootfs:many-first")), (2, 1));
    assert!(of("phase", "compile") >= 3 && slices.iter().any(|slice| slice["tid"] == 1));
    let newer = newer_make(&room);
    for (way, make, form) in
        [("pipe", "make", " --jobserver"), ("fifo", newer.to_str().unwrap(), "")]
    {
        // Before: a make that remakes its Makefile starts itself again, and this one needs its loader for that.
        docks(way);
        room.bb(&format!("makefile -o {way}.mk{form} {}", named.join(" "))).ok();
        let file = format!("{way}.mk");
        counted(way, 3, room.telling(make, &["-j3", "-f", &file, "bb-images"]));
    }
}

/// That of the builder, which has a fifo (4.4), with the C library that it is linked to.
fn newer_make(room: &Room) -> std::path::PathBuf {
    let (engine, folder) = (room.engine(), room.path("newer-make"));
    fs::create_dir_all(&folder).unwrap();
    let from = engine.docker(&["create", "--label", &Room::label(), &crate::hostile::bob(engine)]);
    let loader = "/lib64/ld-linux-x86-64.so.2";
    let libc = "/lib/x86_64-linux-gnu/libc.so.6";
    for (source, name) in [("/usr/bin/make", "program"), (loader, "loader"), (libc, "libc.so.6")] {
        let to = folder.join(name);
        engine.docker(&["cp", "-L", &format!("{from}:{source}"), to.to_str().unwrap()]);
    }
    engine.docker(&["rm", &from]);
    let (make, at) = (folder.join("make"), folder.display());
    let run = format!("#!/bin/sh\nexec {at}/loader --library-path {at} {at}/program \"$@\"\n");
    fs::write(&make, run).unwrap();
    fs::set_permissions(&make, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let version = std::process::Command::new(&make).arg("--version").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    assert!(version.starts_with("GNU Make 4.4"), "{version}");
    make
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
                \tchown memcached:memcached $EMERGE_ROOT/srv/daemon\n\
                \tadd_group late 4711\n\tadd_user late 4712 late\n\
                \tinstall -d -o late -g late $EMERGE_ROOT/srv/late\n}\n";
    for name in ["served", "servedagain"] {
        dock(&room, name, SCRATCH, &format!("PACKAGES='net-misc/daemon'\n{hook}"));
        room.bb(&format!("build {name}")).ok();
        let image = Image::read(room.engine(), &room.image(name));
        let told = |path: &str| {
            let entry = image.entries.get(path).unwrap_or_else(|| panic!("{name}: no {path}"));
            (entry.mode & 0o7777, entry.uid, entry.gid)
        };
        assert_eq!(told("/srv/daemon"), (0o755, 441, 441));
        assert_eq!(told("/srv/late"), (0o755, 4712, 4711));
        assert_eq!(told("/var/log/daemon"), (0o755, 441, 441));
        assert_eq!(told("/run/daemon"), (0o755, 441, 441));
        assert_eq!(told("/var/lib/daemon/spool"), (0o750, 441, 441));
        let link = &image.entries["/var/lib/daemon/run"].kind;
        assert_eq!(*link, Kind::Link("../../../run/daemon".to_owned()));
        assert!(image.text("/etc/passwd").contains("\ndaemon-log:x:477:477:Log of the daemon:"));
        assert!(image.text("/etc/group").contains("\ndaemon-log:x:477:memcached\n"));
    }
}

/// A bashrc is read in each phase of each package. Where it does something, no phase is left out.
#[test]
fn a_phase_with_nothing_in_it_is_left_out_and_no_other() {
    let room = project();
    let with = |name: &str, bashrc: &str| {
        let hook = match bashrc {
            "" => String::new(),
            text => {
                format!("configure_rootfs_build() {{\n\techo '{text}' >/etc/portage/bashrc\n}}\n")
            }
        };
        dock(&room, name, SCRATCH, &format!("PACKAGES='net-misc/daemon'\n{hook}"));
        room.bb(&format!("build {name}")).ok();
        fs::read(room.path(format!(".bb/images/{name}/rootfs.tar"))).unwrap()
    };
    let left_out = with("profile", "");
    assert!(left_out == with("read", "true"), "a phase that was left out did something");
    with("hooked", "[[ ${EBUILD_PHASE} != postinst ]] || echo ${PN} >>${EROOT}/etc/merged");
    let merged = Image::read(room.engine(), &room.image("hooked")).text("/etc/merged");
    let names = packages(&room, "hooked").1.len();
    assert!(names > 3 && merged.lines().count() == names, "{merged}");
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
    let provided = hook("\techo net-misc/app >>/etc/portage/profile/package.provided");
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

/// The C library of the tree is newer than the stage3's: it is planned as any other package. The other way round, what
/// is compiled would ask for what is not there.
#[test]
fn the_c_library_may_be_newer_than_the_stage3s_and_not_older() {
    let room = project();
    let stage3s = |version: &str| {
        format!(
            "PACKAGES='sys-libs/glibc net-misc/app'\nconfigure_rootfs_build() {{\n\
             \tmv /var/db/pkg/sys-libs/glibc-* /var/db/pkg/sys-libs/glibc-{version}\n\
             \techo glibc-{version} >/var/db/pkg/sys-libs/glibc-{version}/PF\n}}\n"
        )
    };
    dock(&room, "newer", SCRATCH, &stage3s("2.20"));
    room.bb("build newer").ok();
    assert_eq!(says(&room, "newer", &["/usr/bin/app"]), "two 2");
    refused(
        &room,
        &stage3s("99"),
        &["would be compiled with the stage3's sys-libs/glibc-99, which is newer"],
    );
}

#[test]
fn what_the_tree_calls_otherwise_is_renamed_once() {
    let room = project();
    dock(
        &room,
        "renamed",
        SCRATCH,
        "PACKAGES='net-misc/plain'\n# Renamed.\nconfigure_rootfs_build() {\n\
         \tls /var/db/pkg/dev-build\n\t! ls /var/db/pkg/sys-devel | grep make\n}\n",
    );
    room.bb("build renamed").ok();
    let log = room.read(".bb/logs/rootfs/renamed.log");
    assert!(log.contains("\nmake-4") && !log.contains("Global Updates"), "{log}");
    // The mirror's tree has a news item, which the rootfs step has unpacked.
    assert!(!log.to_lowercase().contains("news item"), "{log}");
}

/// Files that only the user may fetch, and files for a dock's hooks.
#[test]
fn files_that_the_user_brings_are_asked_for_in_the_ebuilds_words() {
    let room = project();
    dock(&room, "byhand", SCRATCH, "PACKAGES='net-misc/byhand'\n");
    let run = room.bb("build byhand");
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    for told in ["byhand-1.txt", "Ask for it at the counter.", ".bb/distfiles"] {
        assert!(run.stderr.contains(told), "{told}\n{}", run.stderr);
    }
    room.write(".bb/distfiles/byhand-1.txt", "another\n");
    assert_eq!(room.bb("build byhand").code, Some(5));
    room.write(".bb/distfiles/byhand-1.txt", &BROUGHT);
    room.bb("build byhand").ok();
    let image = Image::read(room.engine(), &room.image("byhand"));
    assert_eq!(image.text("/usr/share/byhand-1.txt"), *BROUGHT);
}

/// What `[rootfs] fetch` pins is there for a hook, and the digest decides.
#[test]
fn a_hook_gets_what_its_dock_pins() {
    let room = project();
    dock(
        &room,
        "fetching",
        SCRATCH,
        "finish_rootfs_build() {\n\
         \tinstall -D /config/fetched/tool.txt $EMERGE_ROOT/opt/tool\n}\n",
    );
    let pinned = |size: u32| {
        let sha512 = "ee20f7caf780824945e44fe9756a60a9c6403df6cfc597530c22261068997d3f\
                      00a38bc3eccc8a67ccdce9cf14e6c9d81812a61118e98b24e612f5393cff3ab6";
        format!(
            "[[rootfs.fetch]]\nurl = \"https://nowhere.invalid/tool.txt?id=7\"\n\
             sha512 = \"{sha512}\"\nsize = {size}\n"
        )
    };
    room.write("bb-dock/fetching/dock.toml", &pinned(8));
    let run = room.bb("build fetching");
    assert!(
        run.code == Some(1) && run.stderr.contains("https://nowhere.invalid/tool.txt?id=7"),
        "{}",
        run.stderr
    );
    room.write(".bb/distfiles/tool.txt", "by hand\n");
    room.bb("build fetching").ok();
    let image = Image::read(room.engine(), &room.image("fetching"));
    assert_eq!(image.text("/opt/tool"), "by hand\n");
    // It is kept, and looked at before it is used.
    room.remove(".bb/distfiles");
    room.append("bb-dock/fetching/Buildconfig.sh", "# Again.\n");
    room.bb("build fetching").ok();
    room.write("bb-dock/fetching/dock.toml", &pinned(9));
    assert_eq!(room.bb("build fetching").code, Some(1), "nobody has it in that size");
}

/// Seeds of random trees for the suite; `BB_TREES=200` on demand, from a number of its own each day.
const SEEDS: u64 = 3;

/// What is planned is what emerge then does, and every program finds its libraries.
#[test]
fn trees() {
    let room = project();
    // For the builder.
    dock(&room, "tree", SCRATCH, "PACKAGES='net-misc/plain'\n");
    room.bb("build tree").ok();
    let engine = room.engine();
    let bob = &crate::hostile::bob(engine);
    let asked = std::env::var("BB_TREES").ok().and_then(|n| n.parse::<u64>().ok());
    let day = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() / 86_400;
    let seeds = (0..asked.unwrap_or(SEEDS)).map(|n| (day * 1000 + n).to_string());
    let script = support::checkout().join("tests/suite/genuine/trees.py");
    let label = Room::label();
    let begin = ["create", "--label", &label, "--network", "none", bob, "python3", "/trees.py"];
    let seeds = seeds.collect::<Vec<_>>();
    let words = begin.into_iter().chain(seeds.iter().map(String::as_str)).collect::<Vec<_>>();
    let container = engine.docker(&words);
    engine.docker(&["cp", script.to_str().unwrap(), &format!("{container}:/trees.py")]);
    let run = engine.command(&["start", "-a", &container]).output().unwrap();
    engine.docker(&["rm", "-f", &container]);
    let told = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{told}{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(told.lines().count(), seeds.len(), "{told}");
    // Or it has tried nothing.
    assert!(told.lines().any(|line| line.ends_with(" packages")), "{told}");
}

/// Last week's stage3 and this week's: what has not changed in it compiles nothing.
#[test]
fn another_stage3_with_the_same_compiler_compiles_nothing() {
    let room = project();
    dock(&room, "weekly", SCRATCH, "PACKAGES='sys-libs/glibc net-misc/app'\n");
    room.bb("build weekly").ok();
    let before = room.read("bb.lock");
    Mirror { folder: room.dir.join("mirror") }.newer_stage3("etc/newer", "as each week\n");
    room.bb_with(&[("DATE", &tomorrow())], "update").ok();
    assert_ne!(room.read("bb.lock"), before);
    room.bb("build weekly").ok();
    let log = room.read(".bb/logs/rootfs/weekly.log");
    assert!(log.contains(" packages, 0 to compile, "), "{log}");
    assert_eq!(packages(&room, "weekly").0, [""; 0]);
}
