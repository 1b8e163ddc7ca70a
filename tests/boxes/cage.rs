//! What is outside of a box.

use std::fs;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use gentoo_bb::engine::native::spec::{BoxSpec, Ended, Mount, Network};

use crate::room::Room;

#[test]
fn there_is_no_network_but_its_own() {
    let room = Room::new();
    let outside = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = outside.local_addr().unwrap().port();
    let id = room.start();
    // Who is answered would wait for more.
    let reach = format!("busybox timeout 9 nc -w 2 127.0.0.1 {port} </dev/null");
    let refused = room.refused(&id, &reach);
    assert!(refused.contains("refused"), "{refused}");
    assert_eq!(room.sh(&id, "grep -c : /proc/net/dev; grep -c lo: /proc/net/dev"), "1\n1\n");
    assert!(room.sh(&id, "ping -c 1 127.0.0.1").contains("1 packets received"), "its own is up");
    let far = room.refused(&id, "nc -w 2 192.0.2.1 80 </dev/null");
    assert!(far.contains("unreachable"), "{far}");
    // The same call does reach it where the network is the machine's.
    let id = room.native.start(&BoxSpec { network: Network::Host, ..room.spec() }).unwrap();
    let mut talk = room.talk(&id, &["nc", "-w", "5", "127.0.0.1", &port.to_string()]);
    talk.input = None;
    drop(outside.accept().unwrap());
    assert_eq!(talk.wait().unwrap(), Ended::Code(0));
}

#[test]
fn no_process_of_the_machine_is_to_be_seen() {
    let room = Room::new();
    let id = room.start();
    let seen = room.sh(&id, "echo /proc/[0-9]*");
    assert_eq!(seen.split_whitespace().count(), 2, "the first and the shell: {seen}");
    assert!(seen.starts_with("/proc/1 "));
    // What `bb` brought with it, its variables for one, is not for the box.
    for path in ["environ", "root/", "cwd/", "fd/", "exe", "mem"] {
        let why =
            room.refused(&id, &format!("ls -L /proc/1/{path} >/dev/null && cat /proc/1/{path}"));
        assert!(why.contains("denied"), "{path}: {why}");
    }
}

#[test]
fn no_file_of_the_machine_is_reached_through_what_was_open() {
    // As a shell or make may leave them: open in whoever is started.
    let left = fs::File::open("/etc").unwrap();
    let left = OwnedFd::from(left);
    rustix::io::fcntl_setfd(&left, rustix::io::FdFlags::empty()).unwrap();
    let room = Room::new();
    let id = room.start();
    let open = room.sh(&id, "ls /proc/self/fd");
    let numbers = open.split_whitespace().collect::<Vec<_>>();
    assert_eq!(numbers, ["0", "1", "2", "3"], "three streams, and the folder that is listed");
    let way = format!("cat /proc/self/fd/{}/../etc/hostname", left.as_raw_fd());
    assert!(room.refused(&id, &way).contains("No such file"));
    let kinds = room.sh(&id, "for n in 0 1 2; do readlink /proc/self/fd/$n; done");
    assert!(kinds.lines().all(|line| line.starts_with("pipe:[")), "{kinds}");
    let up = room.sh(&id, "ls /../../..; ls -d /proc/self/root/../bin");
    assert!(up.contains("busybox") || up.contains("bin"), "{up}");
    assert!(
        !room.sh(&id, "cat /proc/self/mountinfo").contains("/etc/"),
        "nothing of outside is mounted"
    );
}

#[test]
fn root_inside_is_nobody_outside() {
    let room = Room::new();
    let secret = room.folder.path().join("secret");
    fs::write(&secret, "mine").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let open = room.folder.path().join("open");
    fs::write(&open, "for all").unwrap();
    let mount = |path: &std::path::Path, at: &str, writable| Mount::Host {
        path: path.to_owned(),
        at: at.into(),
        writable,
    };
    let mounts = vec![mount(&secret, "/mnt/secret", true), mount(&open, "/mnt/open", false)];
    let id = room.native.start(&BoxSpec { mounts, ..room.spec() }).unwrap();
    assert_eq!(room.sh(&id, "echo new >/srv/new; id -u; stat -c %u:%g /srv/new"), "0\n0:0\n");
    let file = room.folder.path().join("store/boxes").join(id.as_str()).join("upper/srv/new");
    let owner = fs::metadata(file).unwrap().uid();
    assert!(owner > 65_535, "{owner}");
    assert_ne!(owner, fs::metadata(&secret).unwrap().uid());
    for script in
        ["cat /mnt/secret", "echo x >/mnt/secret", "chown 0 /mnt/secret", "chmod 666 /mnt/secret"]
    {
        let why = room.refused(&id, script);
        assert!(
            why.contains("denied") || why.contains("not permitted") || why.contains("Invalid"),
            "{script}: {why}"
        );
    }
    assert_eq!(room.sh(&id, "cat /mnt/open"), "for all");
    assert!(room.refused(&id, "echo x >/mnt/open").contains("Read-only"));
    assert_eq!(fs::read_to_string(&secret).unwrap(), "mine");
}

const RIGHTS: &str = "grep -E '^(Cap(Inh|Eff|Bnd|Amb)|NoNewPrivs|Seccomp):' /proc/self/status";

#[test]
fn rights_are_dockers() {
    let room = Room::new();
    let docker = "00000000a80425fb";
    let expected = |fixed, filter| {
        format!(
            "CapInh:\t0000000000000000\nCapEff:\t{docker}\nCapBnd:\t{docker}\n\
             CapAmb:\t0000000000000000\nNoNewPrivs:\t{fixed}\nSeccomp:\t{filter}\n"
        )
    };
    let id = room.start();
    assert_eq!(room.sh(&id, RIGHTS), expected(0, 0));
    let id = room.native.start(&BoxSpec { no_new_privileges: true, ..room.spec() }).unwrap();
    assert_eq!(room.sh(&id, RIGHTS), expected(1, 2));
    for script in ["unshare -U true", "unshare -m true", "mount -t tmpfs none /srv"] {
        let why = room.refused(&id, script);
        assert!(why.contains("not permitted") || why.contains("denied"), "{script}: {why}");
    }
    assert_eq!(room.sh(&id, "sh -c 'true & wait'; ls / >/dev/null; id -u web"), "101\n");
}

#[test]
fn what_docker_hides_is_hidden() {
    let room = Room::new();
    let id = room.start();
    assert_eq!(
        room.sh(&id, "cat /proc/kcore /proc/keys /proc/timer_list 2>/dev/null | wc -c"),
        "0\n"
    );
    // Everybody may read these where they are not hidden; files are `/dev/null` in their place, folders empty.
    assert_eq!(
        room.sh(&id, "cat /proc/interrupts; stat -c %t:%T /proc/interrupts /dev/null"),
        "1:3\n1:3\n"
    );
    assert_eq!(room.sh(&id, "ls -A /sys/firmware; stat -c %a:%h /sys/firmware"), "1777:2\n");
    for path in ["/proc/sys/kernel/hostname", "/proc/irq/default_smp_affinity", "/sys/kernel/x"] {
        let why = room.refused(&id, &format!("echo x >{path}"));
        assert!(why.contains("Read-only") || why.contains("denied"), "{path}: {why}");
    }
    let devices = room.sh(&id, "ls /dev");
    let expected = "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero";
    assert_eq!(devices.split_whitespace().collect::<Vec<_>>().join(" "), expected);
    assert_eq!(
        room.sh(&id, "head -c 3 /dev/zero | wc -c; echo x >/dev/null; ls /dev/pts"),
        "3\nptmx\n"
    );
    let why = room.refused(&id, "mount -o remount,rw /proc/sys");
    assert!(why.contains("denied") || why.contains("not permitted"), "{why}");
    assert_eq!(
        room.sh(&id, "touch /dev/shm/x; stat -c %a /dev/shm; cat /proc/sys/kernel/hostname"),
        "1777\nbox\n"
    );
}

#[test]
fn a_hostile_root_leads_mounts_nowhere_else() {
    use crate::room::{Archive, layer};
    let room = Room::new();
    let outside = room.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::set_permissions(&outside, fs::Permissions::from_mode(0o777)).unwrap();
    let to = outside.to_str().unwrap();
    let bent = Archive::new().link("dev", to).link("sys", "/../../../..").link("mnt", to).bytes();
    room.native.unpack(&layer("bent"), bent.as_slice()).unwrap();
    let layers = vec![layer("root"), layer("bent")];
    let started = room.native.start(&BoxSpec { layers, ..room.spec() });
    assert!(started.is_err(), "a link out of the root where `/dev` is to be");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}
