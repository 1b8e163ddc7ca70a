//! The shipped docks on the mirror's other flavour, which has two ABIs as Gentoo's `openrc` has: without a line for the
//! one or the other. All other tests are on the one that is the default.

use support::sealed::{Mirror, Room};

use crate::slice::{IMAGES, copy_docks};

#[test]
fn what_is_shipped_is_right_with_two_abis() {
    let room = Room::with_engine().with_mirror(&Mirror::get());
    copy_docks(&room);
    let settings = room.read("bb.toml");
    room.write("bb.toml", &format!("flavour = \"openrc\"\n{settings}"));
    let built = room.told("build").ok();
    let done = built.done();
    for step in IMAGES.map(|name| format!("image:{name}")) {
        assert!(done.contains(&step), "{step}: {built}");
    }
    assert!(done.contains(&"fetch:stage3-amd64-openrc.tar.xz".to_owned()), "{built}");
    // Services run as who they should, and answer.
    room.bb("test").ok();
    room.bb("build").fails(0, "nothing to do: 25 steps up to date\n");
    // The profile's C library has both; so what is linked for the other ABI finds what it needs, too.
    let contents = room.read(".bb/images/busybox/contents.json");
    for path in ["usr/lib/ld-linux.so.2", "usr/lib64/ld-linux-x86-64.so.2"] {
        assert!(contents.contains(path), "no {path}");
    }
}
