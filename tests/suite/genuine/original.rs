//! The docks of 2014, written anew in their style, on a tree of today: six are built, and what is told of the others is
//! what is to be done. Two have what no tree of today can guess: whose user memcached runs as, and nginx's types.

use std::collections::BTreeMap;

use regex::Regex;
use support::sealed::Room;

use super::{project, says};
use crate::image::{Image, Kind};

/// What becomes of a dock.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Becomes {
    Image,
    /// No image, for a reason that is told.
    Told(&'static str),
    /// No image, since there is none of another dock.
    After(&'static str),
}

use Becomes::{After, Told};

const NO_PHP: &str = "emerge: there are no ebuilds to satisfy \"dev-lang/php:5.5\" for";
const NO_ADDRESS: &str = "wget: unable to resolve host address ‘downloads.example.org’
  error: configure_rootfs_build of jre-oracle failed at Buildconfig.sh:13: wget --no-cookies \
--header \"Cookie: license=accept\" -P /distfiles \"${URL}\"
  there is no network here: dock.toml's [rootfs] fetch puts verified files into /config/fetched";

const DOCKS: [(&str, Becomes); 18] = [
    ("busybox", Becomes::Image),
    ("s6", Becomes::Image),
    ("memcache", Becomes::Image),
    ("nginx", Becomes::Image),
    ("nginx-proxy", Becomes::Image),
    ("nginx-proxy-conf", Becomes::Image),
    ("nginx-php", Told(NO_PHP)),
    ("kibana", Told("| RUN wget http://downloads.example.org/kibana/kibana-3.1.1.tar.gz")),
    ("gcc", Told("emerge: there are no ebuilds to satisfy \"sys-devel/make\" for")),
    ("jdk-icedtea", Told("emerge: there are no ebuilds to satisfy \"dev-java/icedtea-bin\" for")),
    ("jdk-oracle", After("gcc")),
    ("jre-oracle", Told(NO_ADDRESS)),
    ("elasticsearch", After("jre-oracle")),
    ("mariadb", Told("emerge: there are no ebuilds to satisfy \"dev-db/mariadb\" for")),
    ("mysql", Told("emerge: there are no ebuilds to satisfy \"mysql\" for")),
    ("ruby", Told("emerge: there are no ebuilds to satisfy \"dev-lang/ruby\" for")),
    ("ruby-gcc", After("gcc")),
    ("log-collector", After("ruby-gcc")),
];

fn copied(room: &Room, name: &str) {
    let from = support::checkout().join("tests/suite/genuine/2014").join(name);
    let to = room.path(format!("bb-dock/{name}"));
    let copied = std::process::Command::new("cp").arg("-r").args([from, to]).status();
    assert!(copied.unwrap().success());
}

/// What is told of each step that failed, by its dock.
fn failures(stderr: &str) -> BTreeMap<&str, &str> {
    let failed = Regex::new(r"(?m)^failed  \w+:(\S+)\n((?:[^\n]*\n)*?)again: ").unwrap();
    let told =
        |found: regex::Captures<'_>| (found.get(1).unwrap().range(), found.get(2).unwrap().range());
    let found = failed.captures_iter(stderr).map(told);
    found.map(|(name, told)| (&stderr[name], &stderr[told])).collect()
}

/// What has become of each, with the docks and the setting only for as long as it takes.
fn built(room: &Room) -> (String, BTreeMap<&'static str, bool>) {
    for (name, _) in DOCKS {
        copied(room, name);
    }
    let settings = room.read("bb.toml");
    // The former builder had the first, and the profiles of then none of the others.
    room.append("bb.toml", "USE = \"make-symlinks -pam -seccomp -ssl\"\n");
    let names = DOCKS.map(|(name, _)| name).join(" ");
    let planned = room.bb(&format!("build --dry-run {names}"));
    let run = room.bb(&format!("build -k {names}"));
    let there = |name: &str| room.exists(&format!(".bb/images/{name}/image.json"));
    let images = DOCKS.map(|(name, _)| (name, there(name)));
    room.write("bb.toml", &settings);
    for (name, _) in DOCKS {
        room.remove(&format!("bb-dock/{name}"));
    }
    let planned = planned.ok().stdout;
    for (name, _) in DOCKS {
        assert!(planned.contains(&format!("image:{name}")), "{name}: {planned}");
    }
    (run.stderr, images.into())
}

#[test]
fn each_dock_of_2014_is_built_or_says_why_not() {
    let room = project();
    let (stderr, images) = built(&room);
    let failures = failures(&stderr);
    for (name, becomes) in DOCKS {
        assert_eq!(images[name], becomes == Becomes::Image, "{name}: {stderr}");
        let told = failures.get(name);
        match becomes {
            Becomes::Image => assert_eq!(told, None, "{stderr}"),
            Told(why) => assert!(told.is_some_and(|told| told.contains(why)), "{name}: {told:?}"),
            After(other) => assert!(told.is_none() && !images[other], "{name}: {stderr}"),
        }
    }
    for told in [
        "warning: rootfs:s6: Buildconfig.sh:15: the image has no python to unmerge",
        "warning: rootfs:memcache: Buildconfig.sh:2: INSTALL_DOCKER_GEN means nothing to the builder: docker-gen goes",
        "warning: rootfs:nginx-php: /etc/portage/package.use/php:2: there is no package `app-admin/eselect-php`; there is",
    ] {
        assert!(stderr.contains(told), "{told}\n{stderr}");
    }
    let image = Image::read(room.engine(), &room.image("memcache"));
    assert_eq!(image.entries["/usr/bin/sh"].kind, Kind::Link("busybox".into()));
    assert!(image.entries.contains_key("/etc/ld.so.cache"), "of `RUN ldconfig`");
    let version = says(&room, "memcache", &["memcached", "-V"]);
    assert!(version.starts_with("memcached 1."), "{version}");
    let version = says(&room, "nginx", &["sh", "-c", "nginx -v 2>&1"]);
    assert!(version.starts_with("nginx version: nginx/1."), "{version}");
}
