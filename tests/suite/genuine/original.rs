//! The docks of 2014, written anew in their style, on a tree of today: each is built as it is, or says why not.

use std::collections::BTreeMap;

use regex::Regex;
use support::sealed::Room;

use super::{project, says};
use crate::image::{Image, Kind};

const BUILT: &str = "";

/// Each with its parents before it, and the lines that say why there is no image of it.
const DOCKS: [(&str, &str); 18] = [
    ("busybox", BUILT),
    ("s6", BUILT),
    ("memcache", BUILT),
    ("nginx", BUILT),
    ("nginx-proxy", BUILT),
    ("nginx-proxy-conf", BUILT),
    ("nginx-php", "?"),
    ("kibana", "?"),
    ("gcc", "?"),
    ("jdk-icedtea", "?"),
    ("jdk-oracle", "?"),
    ("jre-oracle", "?"),
    ("elasticsearch", "?"),
    ("mariadb", "?"),
    ("mysql", "?"),
    ("ruby", "?"),
    ("ruby-gcc", "?"),
    ("log-collector", "?"),
];

fn copied(room: &Room, name: &str) {
    let from = support::checkout().join("tests/suite/genuine/2014").join(name);
    let to = room.path(format!("bb-dock/{name}"));
    let copied = std::process::Command::new("cp").arg("-r").args([from, to]).status();
    assert!(copied.unwrap().success());
}

/// What is told of each step that failed, by its dock.
fn failures(stderr: &str) -> BTreeMap<&str, String> {
    let failed = Regex::new(r"(?m)^failed  \w+:(\S+)\n((?:(?:error|hint): .*\n|  .*\n)+)").unwrap();
    let told = |found: regex::Captures<'_>| {
        found[2]
            .lines()
            .filter(|line| line.starts_with("error") || line.starts_with("hint"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    failed
        .captures_iter(stderr)
        .map(|found| (found.get(1).unwrap().as_str(), told(found)))
        .collect()
}

#[test]
fn each_dock_of_2014_is_built_or_says_why_not() {
    let room = project();
    for (name, _) in DOCKS {
        copied(&room, name);
    }
    let settings = room.read("bb.toml");
    // The former builder had the first, and its profile none of the others.
    room.append("bb.toml", "USE = \"make-symlinks -pam -seccomp -ssl\"\n");
    let names = DOCKS.map(|(name, _)| name).join(" ");
    let planned = room.bb(&format!("build --dry-run {names}")).ok();
    for (name, _) in DOCKS {
        assert!(planned.stdout.contains(&format!("image:{name}")), "{name}: {}", planned.stdout);
    }
    let run = room.bb(&format!("build -k {names}"));
    let failures = failures(&run.stderr);
    for (name, why) in DOCKS {
        let built = room.exists(&format!(".bb/images/{name}/image.json"));
        let told = failures.get(name).map_or(BUILT, String::as_str);
        assert_eq!((built, told), (why == BUILT, why), "{name}: {}", run.stderr);
    }
    for told in [
        "warning: rootfs:s6: Buildconfig.sh:15: the image has no python to unmerge",
        "warning: rootfs:memcache: Buildconfig.sh:2: INSTALL_DOCKER_GEN means nothing to the builder: docker-gen goes",
    ] {
        assert!(run.stderr.contains(told), "{told}\n{}", run.stderr);
    }
    let image = Image::read(room.engine(), &room.image("memcache"));
    assert_eq!(image.entries["/usr/bin/sh"].kind, Kind::Link("busybox".into()));
    assert!(image.entries.contains_key("/etc/ld.so.cache"), "of `RUN ldconfig`");
    let version = says(&room, "memcache", &["memcached", "-V"]);
    assert!(version.starts_with("memcached 1."), "{version}");
    room.write("bb.toml", &settings);
    for (name, _) in DOCKS {
        room.remove(&format!("bb-dock/{name}"));
    }
}
