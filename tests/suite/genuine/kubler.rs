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
    all_faults_are_meant(&room);
}

/// Kubler asks nobody, and its images have scripts in them whose interpreters they lack. They are told, all of them and
/// no others, and whoever means them says so.
fn all_faults_are_meant(room: &Room) {
    const FAULTS: [(&str, &str, &str); 4] = [
        ("memcached", "/etc/init.d/memcached", "/sbin/openrc-run"),
        ("memcached", "/usr/bin/memcached-tool", "/usr/bin/perl"),
        ("nginx", "/etc/init.d/nginx", "/sbin/openrc-run"),
        ("web", "/etc/init.d/nginx", "/sbin/openrc-run"),
    ];
    let tested = room.bb("test -k");
    assert_eq!(tested.code, Some(1), "{}", tested.stderr);
    let told = tested.stderr.lines().filter(|line| line.starts_with("  audit: ")).count();
    assert_eq!(told, FAULTS.len(), "{}", tested.stderr);
    for (image, script, interpreter) in FAULTS {
        let line = format!("  audit: loader: {script} (it needs {interpreter}), from ");
        assert!(tested.stderr.contains(&line), "no `{line}`: {}", tested.stderr);
        let settings = format!("bb-dock/{image}/dock.toml");
        let others =
            if room.path(&settings).exists() { room.read(&settings) } else { String::new() };
        let allowed = format!(
            "\n[[audit.allow]]\nrule = \"loader\"\npath = \"{script}\"\nreason = \"as kubler has it\"\n"
        );
        room.write(&settings, &(others + &allowed));
    }
    room.bb("test").ok();
}
