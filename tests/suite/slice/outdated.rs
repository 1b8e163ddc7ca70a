//! `bb outdated` with real Portage: what it foresees is what the update then does.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use regex::Regex;
use support::sealed::{Mirror, Room};

/// The day of a snapshot that is newer than the mirror's: tomorrow, for its signature is of now.
pub fn tomorrow() -> String {
    gentoo_bb::base::time::date(SystemTime::now() + Duration::from_secs(86_400)).replace('-', "")
}

/// Everything in the project but what the command has for itself: size and time of each file.
fn rest(room: &Room) -> BTreeMap<PathBuf, (u64, SystemTime)> {
    let own = room.path(".bb/outdated");
    let files = walkdir::WalkDir::new(room.path("")).into_iter();
    let files = files.filter_entry(|e| e.path() != own).map(Result::unwrap);
    let files = files.filter(|e| e.file_type().is_file());
    let state = |e: walkdir::DirEntry| {
        let meta = e.metadata().unwrap();
        (e.into_path(), (meta.len(), meta.modified().unwrap()))
    };
    files.map(state).collect()
}

/// Nothing of another run's fits, or it would not be compiled.
fn project(newer: &str) -> Room {
    let room = Room::with_engine();
    let mirror = Mirror::get().copy(&room.dir.join("mirror"));
    let room = room.with_mirror(&mirror);
    let namespace = &room.namespace;
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    let flags = format!("[build]\nCFLAGS = \"-O2 -pipe -DROOM={now}\"\n");
    room.append("bb.toml", &flags);
    let dock = |name: &str, template: &str, buildconfig: &str| {
        room.dock(name, template, &[]);
        room.write(&format!("bb-dock/{name}/Buildconfig.sh"), buildconfig);
    };
    dock(
        "zlib",
        "FROM scratch\nADD rootfs.tar /\n",
        "PACKAGES=\"sys-libs/zlib\" REQUIRES_EXCLUDE=libc.so.6\n",
    );
    let user = "PACKAGES=\"acct-user/nginx\" REQUIRES_EXCLUDE=libc.so.6\n\
                finish_rootfs_build() {\n\
                \tif is_package_installed acct-user/memcached; then uninstall_package acct-user/memcached; fi\n}\n";
    dock("user", &format!("FROM {namespace}/zlib\nADD rootfs.tar /\n"), user);
    dock("same", "FROM scratch\nADD rootfs.tar /\n", "PACKAGES=\"acct-group/memcached\"\n");
    dock("above", &format!("FROM {namespace}/user\n"), "");
    dock("dated", "FROM scratch\nLABEL date=${DATE}\n", "");
    room.bb("build").ok();
    mirror.newer(newer, edit);
    room
}

/// Another revision; a flag and a dependency that come, one that goes; and one that is removed again.
fn edit(tree: &Path) {
    let ebuild = tree.join("sys-libs/zlib/zlib-1.3.1.ebuild");
    fs::rename(&ebuild, ebuild.with_file_name("zlib-1.3.1-r1.ebuild")).unwrap();
    let ebuild = tree.join("acct-user/nginx/nginx-0.ebuild");
    let text = fs::read_to_string(&ebuild).unwrap().replace("acct-user_add_deps", "");
    let more = "IUSE=\"+shiny\"\nRDEPEND=\"acct-group/memcached acct-user/memcached\"\n\
                acct-user_src_install() { :; }\nacct-user_pkg_preinst() { :; }\n";
    fs::write(ebuild, text + more).unwrap();
}

fn untimed(text: &str) -> String {
    let time = Regex::new(r"\b(\d+ min \d\d s|\d+\.\d s)").unwrap();
    time.replace_all(text, "TIME").into_owned()
}

#[test]
fn what_it_foresees_is_what_an_update_does() {
    let newer = tomorrow();
    let room = project(&newer);
    let date = [("DATE", newer.as_str())];
    let (before, status) = (rest(&room), room.bb("status").ok().stdout);
    let run = room.bb_with(&date, "outdated").ok();
    let pinned = room.read("bb.lock");
    let snapshot = Regex::new(r"gentoo-(\d{8})").unwrap().captures(&pinned).unwrap()[1].to_owned();
    let told = untimed(&support::sealed::normal(&run.stdout));
    let wanted = format!(
        "stage3: TIMESTAMP is the newest\n\
         snapshot: {snapshot} -> {newer}\n\n\
         IMAGE  PACKAGE               CHANGE\n\
         dated  -                     names the snapshot's date\n\
         zlib   sys-libs/zlib         1.3.1 -> 1.3.1-r1\n\
         user   acct-group/memcached  new, 0\n\
         user   acct-group/nginx      gone, 0\n\
         user   acct-user/nginx       0, USE +shiny\n\
         above  -                     because of user\n\
         unchanged: same\n\n\
         at least TIME, if each takes as long as last time; some are not known:\n  \
           rootfs:same  not known, from binary packages\n  \
           rootfs:zlib  TIME, compiles\n  \
           rootfs:user  TIME, compiles\n  \
           image:dated  TIME\n  \
           image:zlib   TIME\n  \
           image:user   TIME\n  \
           image:above  TIME\n"
    );
    assert_eq!(told, wanted);
    assert_eq!(rest(&room), before);
    assert_eq!(room.bb("status").ok().stdout, status);
    let build = room.bb("build").ok();
    assert!(build.stderr.starts_with("nothing to do: "), "{}", build.stderr);
    // All is there now: only Portage is asked again.
    let again = room.bb_with(&date, "outdated user --exit-code");
    assert_eq!(again.stderr, "resolve rootfs:zlib\nresolve rootfs:user\n");
    assert_eq!(again.code, Some(1));

    room.bb_with(&date, "update").ok();
    let ran = room.told("build").ok();
    let images = ["dated", "zlib", "user", "above"].map(|name| format!("image:{name}"));
    let done = ran.done().into_iter().filter(|step| step.starts_with("image:"));
    assert_eq!(done.collect::<Vec<_>>(), support::sealed::sorted(images));
    let packages = |image: &str| {
        let said = room.bb(&format!("diff {image}")).ok().stdout;
        let part = said.split("\n\n").nth(1).unwrap_or_default().to_owned();
        let lines = part.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        lines.collect::<Vec<_>>()
    };
    let zlib = "~ sys-libs/zlib 1.3.1 -> 1.3.1-r1";
    assert_eq!(packages("zlib"), ["packages", zlib]);
    let user =
        ["+ acct-group/memcached 0", "- acct-group/nginx 0", "~ acct-user/nginx 0, USE +shiny"];
    assert_eq!(packages("user"), [&["packages"], &user[..], &[zlib]].concat());
    assert!(room.bb("outdated").ok().stdout.starts_with("nothing newer: "));
}
