//! The shipped docks on the mirror's other flavour, which has two ABIs as Gentoo's `openrc` has: without a line for the
//! one or the other. All other tests are on the one that is the default.

use support::sealed::{Mirror, Room};

use crate::slice::{IMAGES, copy_docks};

#[test]
fn what_is_shipped_is_right_with_two_abis() {
    right(&["busybox", "s6", "memcached"], "19 steps");
}

#[test]
#[ignore = "compiles OpenSSL and nginx for another profile: on demand"]
fn all_that_is_shipped_is_right_with_two_abis() {
    right(&IMAGES, "25 steps");
}

fn right(images: &[&str], steps: &str) {
    let room = Room::with_engine().with_mirror(&Mirror::get());
    copy_docks(&room);
    let settings = room.read("bb.toml");
    room.write("bb.toml", &format!("flavour = \"openrc\"\n{settings}"));
    let named = images.join(" ");
    let built = room.told(&format!("build {named}")).ok();
    let done = built.done();
    for step in images.iter().map(|name| format!("image:{name}")) {
        assert!(done.contains(&step), "{step}: {built}");
    }
    assert!(done.contains(&"fetch:stage3-amd64-openrc.tar.xz".to_owned()), "{built}");
    // Services run as who they should, and answer.
    room.bb(&format!("test {named}")).ok();
    let nothing = format!("nothing to do: {steps} up to date\n");
    room.bb(&format!("build {named}")).fails(0, &nothing);
    // The profile's C library has both; so what is linked for the other ABI finds what it needs, too.
    let contents = room.read(".bb/images/busybox/contents.json");
    for path in ["usr/lib/ld-linux.so.2", "usr/lib64/ld-linux-x86-64.so.2"] {
        assert!(contents.contains(path), "no {path}");
    }
}
