//! A namespace of kubler's, imported and built by real Portage: what `bb` makes of it is no sketch.

use support::sealed::{Mirror, Room};

use super::says;

#[test]
#[ignore = "compiles what the shipped docks have with other flags, and an nginx of its own: on demand"]
fn ten_images_of_kublers_are_built() {
    let room = Room::with_engine().with_mirror(&Mirror::get());
    let from = support::checkout().join("tests/daily/kubler/acme");
    room.bb(&format!("import kubler {}", from.display())).ok();
    let built = room.told("build").ok();
    let images = built.done().into_iter().filter(|step| step.starts_with("image:")).count();
    assert_eq!(images, 10, "{built}");
    let again = room.bb("build");
    assert_eq!(again.code, Some(0));
    assert!(again.stderr.starts_with("nothing to do: "), "{}", again.stderr);
    let version = says(&room, "memcached", &["memcached", "-V"]);
    assert!(version.starts_with("memcached 1."), "{version}");
    let checked = says(&room, "nginx", &["sh", "-c", "nginx -t 2>&1 || true"]);
    assert!(checked.ends_with("test is successful"), "{checked}");
    room.bb("test").ok();
}
