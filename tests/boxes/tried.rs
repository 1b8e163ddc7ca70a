//! What a program in a box tries by calls of its own, and what refuses it: each test names the very error, so that it
//! fails when something else refuses, or nothing.

use std::io::Read;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process::Command as Program;

use gentoo_bb::engine::TerminalSize;
use gentoo_bb::engine::native::spec::{Bounds, BoxId, BoxSpec, Command, Ended, Network};

use crate::room::{Archive, Room, layer};

/// Errors as the kernel numbers them. Source: asm-generic/errno-base.h, asm-generic/errno.h.
const EPERM: &str = "1";
const ENOTTY: &str = "25";
const ECONNREFUSED: &str = "111";

/// This machine's Perl with its libraries: a program that makes any call.
fn perl() -> Vec<u8> {
    let program = "/usr/bin/perl";
    let out = Program::new("ldd").arg(program).output().unwrap();
    let said = String::from_utf8(out.stdout).unwrap();
    let files = said.split_whitespace().filter(|word| word.starts_with('/'));
    let put = |archive: Archive, path: &str| {
        let missing = "install Debian's `perl-base`: these tests make calls with it";
        let content = std::fs::read(path).expect(missing);
        let path = path.trim_start_matches('/');
        let folders = path.match_indices('/').map(|(at, _)| &path[..=at]);
        let archive = folders.fold(archive, Archive::folder);
        archive.put(path, tar::EntryType::Regular, 0o755, (0, 0), &content)
    };
    files.chain([program]).fold(Archive::new(), put).bytes()
}

/// A room whose boxes have Perl.
fn room() -> (Room, BoxSpec) {
    let room = Room::new();
    assert!(room.native.unpack(&layer("perl"), perl().as_slice()).unwrap().is_empty());
    let spec = BoxSpec { layers: vec![layer("root"), layer("perl")], ..room.spec() };
    (room, spec)
}

/// A box as builders have it, with the filter of system calls.
fn filtered(spec: &BoxSpec) -> BoxSpec {
    BoxSpec { no_new_privileges: true, ..spec.clone() }
}

/// What an expression of Perl's comes to: `done`, or the number of the error.
fn told(room: &Room, id: &BoxId, prepared: &str, tried: &str) -> String {
    let script = format!("{prepared}; print(({tried}) ? 'done' : $!+0)");
    let (ended, out, err) = room.run(id, &["perl", "-e", &script]);
    assert_eq!((ended, err.as_str()), (Ended::Code(0), ""), "{script}");
    out
}

#[test]
fn abstract_sockets_belong_to_a_network() {
    let (room, spec) = room();
    let name = format!("bb-test-{}", room.folder.path().display());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _outside = UnixListener::bind_addr(&address).unwrap();
    let call = |id: &BoxId| {
        let prepared = "socket(my $s, 1, 1, 0) or die";
        told(&room, id, prepared, &format!(r#"connect($s, pack("Sa*", 1, "\0{name}"))"#))
    };
    let own = room.native.start(&spec).unwrap();
    assert_eq!(call(&own), ECONNREFUSED);
    let shared = BoxSpec { network: Network::Of(own.clone()), ..spec.clone() };
    assert_eq!(call(&room.native.start(&shared).unwrap()), ECONNREFUSED);
    assert_eq!(call(&room.native.start(&filtered(&spec)).unwrap()), ECONNREFUSED);
    // Where a dock asks for the machine's network it has these as well, as the page on trust says.
    let open = room.native.start(&BoxSpec { network: Network::Host, ..spec }).unwrap();
    assert_eq!(call(&open), "done");
}

/// What is written asks for help in the kernel's log, and does nothing else where nobody refuses it. A shell empties a
/// file first, where the mount is asked before the owner: so the error is the mount's.
#[test]
fn nothing_of_the_kernel_is_written() {
    let room = Room::new();
    let id = room.start();
    let paths = [
        "/proc/sysrq-trigger",
        "/proc/sys/kernel/hostname",
        "/proc/sys/net/ipv4/ip_forward",
        "/proc/irq/default_smp_affinity",
        "/proc/bus/input/devices",
        "/sys/kernel/uevent_seqnum",
    ];
    // Not every kernel has the first, for one.
    let there = paths.iter().filter(|path| std::path::Path::new(path).exists());
    for path in there.clone() {
        let why = room.refused(&id, &format!("echo h >{path}"));
        assert!(why.contains("Read-only file system"), "{path}: {why}");
    }
    assert!(there.count() > 2);
    for path in ["/proc/sys", "/sys"] {
        let why = room.refused(&id, &format!("mount -o remount,rw,bind {path}"));
        assert!(why.contains("denied") || why.contains("not permitted"), "{path}: {why}");
    }
}

#[test]
fn no_device_is_made() {
    let (room, spec) = room();
    for spec in [filtered(&spec), spec] {
        let id = room.native.start(&spec).unwrap();
        for device in ["c 1 3", "c 5 1", "b 8 0", "b 7 0"] {
            let why = room.refused(&id, &format!("busybox mknod /srv/made {device}"));
            assert!(why.contains("Operation not permitted"), "{device}: {why}");
        }
        assert_eq!(room.sh(&id, "busybox mknod /srv/pipe p; test -p /srv/pipe; echo $?"), "0\n");
    }
}

/// Boxes of one store have the same ids: between them, nothing but the namespace of processes refuses.
#[test]
fn no_signal_leaves_a_box() {
    let room = Room::new();
    let mut outside = Program::new("sleep").arg("600").spawn().unwrap();
    let (one, other) = (room.start(), room.start());
    let beside = room.talk(&other, &["sleep", "600"]);
    let own = room.talk(&one, &["sleep", "600"]);
    for number in [std::process::id(), outside.id()] {
        for signal in ["0", "9"] {
            let why = room.refused(&one, &format!("kill -{signal} {number}"));
            assert!(why.contains("No such process"), "{number}: {why}");
        }
    }
    // Everybody but the first and whoever asks.
    assert_eq!(room.sh(&one, "kill -9 1; kill -9 -1; echo here"), "here\n");
    assert_eq!(own.wait().unwrap(), Ended::Signal(9));
    assert_eq!(room.sh(&one, "echo /proc/[0-9]*").split_whitespace().count(), 2);
    assert_eq!(outside.try_wait().unwrap(), None);
    beside.signal(15).unwrap();
    assert_eq!(beside.wait().unwrap(), Ended::Signal(15), "it was there to hear this");
    outside.kill().unwrap();
    outside.wait().unwrap();
}

/// Who is who for the machine: the owner of a process, as `/proc` outside has it.
#[test]
fn a_process_of_root_is_nobodys_outside() {
    let room = Room::new();
    let id = room.start();
    let mark = format!("bb-test-{}", room.folder.path().display());
    let talk = room.talk(&id, &["sh", "-c", "read line", &mark]);
    let status = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.ok()?.path();
        let words = std::fs::read(path.join("cmdline")).ok()?;
        let is_it = words.split(|byte| *byte == 0).any(|word| word == mark.as_bytes());
        is_it.then(|| std::fs::read_to_string(path.join("status")).ok()).flatten()
    };
    let found = std::fs::read_dir("/proc").unwrap().filter_map(status).collect::<Vec<_>>();
    assert_eq!(found.len(), 1, "{found:?}");
    for name in ["Uid:", "Gid:"] {
        let line = found[0].lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let ids = line.split_whitespace().map(|id| id.parse::<u32>().unwrap());
        assert!(ids.clone().count() == 4 && ids.clone().all(|id| id > 65_535), "{line}");
    }
    drop(talk);
}

/// The answer to a command on a terminal of the box's own.
fn on_a_terminal(room: &Room, id: &BoxId, script: &str) -> String {
    let command = Command::of(&["perl", "-e", script]);
    let mut talk = room.native.exec_on_terminal(id, &command, TerminalSize::default()).unwrap();
    let (mut said, mut piece) = (vec![], [0; 256]);
    // Its end is an error: there is nobody on the other side.
    while let Ok(size @ 1..) = talk.terminal.read(&mut piece) {
        said.extend_from_slice(&piece[..size]);
    }
    String::from_utf8(said).unwrap()
}

/// On what is no terminal the kernel says that it is none, whatever `dev.tty.legacy_tiocsti` is; so EPERM is ours.
#[test]
fn our_filter_refuses_to_type_for_a_user() {
    let (room, spec) = room();
    let (open, held) =
        (room.native.start(&spec).unwrap(), room.native.start(&filtered(&spec)).unwrap());
    let number = if cfg!(target_arch = "aarch64") { 29 } else { 16 };
    let prepared = "open(my $f, '<', '/dev/null') or die; my $x = 'x'";
    // The kernel takes the lower half of the number.
    for what in ["0x5412", "0x541c", "0x100005412"] {
        let tried = format!("syscall({number}, fileno($f), {what}, $x) == 0");
        assert_eq!(told(&room, &open, prepared, &tried), ENOTTY, "{what}");
        assert_eq!(told(&room, &held, prepared, &tried), EPERM, "{what}");
    }
    let own = "my $x = ' '; print(ioctl(STDIN, 0x5412, $x) ? 'typed' : $!+0)";
    assert_eq!(on_a_terminal(&room, &held, own), EPERM);
    // Without it, the kernel's own setting decides: EIO, or a space in what is the box's own terminal.
    let without = on_a_terminal(&room, &open, own);
    assert!(["5", "typed"].contains(&without.trim()), "{without}");
    assert_eq!(on_a_terminal(&room, &held, "print -t STDIN ? 'one' : 'none'"), "one");
    // Where it was not given one, there is none to be opened.
    let none = told(&room, &open, "", "open(my $f, '+<', '/dev/tty')");
    assert_eq!(none, "6", "ENXIO");
}

#[test]
fn more_memory_than_allowed_is_not_had() {
    let (room, spec) = room();
    let take = "my $x = 'x' x (400 << 20); print length $x";
    let bounds = Bounds { memory: Some(256 << 20), ..Bounds::default() };
    let id = room.native.start(&BoxSpec { bounds, ..spec.clone() }).unwrap();
    let (ended, out, err) = room.run(&id, &["perl", "-e", take]);
    assert!(ended != Ended::Code(0) && out.is_empty(), "{ended:?} {out}");
    assert!(err.contains("Out of memory"), "{err}");
    let why = room.refused(&id, "ulimit -v unlimited");
    assert!(why.contains("not permitted"), "{why}");
    let id = room.native.start(&spec).unwrap();
    assert_eq!(room.run(&id, &["perl", "-e", take]).1, (400_u64 << 20).to_string());
}

/// Where the filter is not, a user namespace may be made, and its root may mount: but neither what is hidden nor what
/// is read-only comes off, and no `/proc` without it.
#[test]
fn a_namespace_in_a_box_leads_nowhere_else() {
    let room = Room::new();
    let id = room.start();
    let inside = |script: &str| format!("unshare -U -r -m -p -f sh -c '{script}'");
    assert_eq!(room.sh(&id, &inside("mount -t tmpfs none /srv && echo yes")), "yes\n");
    for script in [
        "busybox umount /proc/keys",
        "busybox umount /proc/sys",
        "busybox umount /sys",
        "mount -o remount,bind,rw /proc/sys",
        "mount -o remount,rw /sys",
        "mount -t proc none /srv",
        "mount -t sysfs none /srv",
        "mount -t devtmpfs none /srv",
        "busybox mknod /srv/made c 1 3",
    ] {
        let (ended, out, err) = room.run(&id, &["sh", "-c", &inside(script)]);
        assert!(ended != Ended::Code(0) && out.is_empty(), "{script}: {ended:?} {out}");
        let refused = ["not permitted", "denied", "Invalid argument"];
        assert!(refused.iter().any(|why| err.contains(why)), "{script}: {err}");
    }
}
