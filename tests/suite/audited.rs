//! An image with a fault of every kind: `bb audit` finds each one and nothing else. No Portage.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use support::sealed::{Room, sorted};

/// What is planted, as it is told.
const PLANTED: [&str; 24] = [
    "bad: build-tool: /usr/bin/make",
    "bad: compiler: /usr/bin/x86_64-pc-linux-gnu-gcc-14",
    "bad: compiler: /usr/bin/ld",
    "bad: dangling-link: /usr/bin/editor (to /etc/alternatives/editor)",
    "bad: dangling-link: /usr/lib/libx.so (to libx.so.1)",
    "bad: development: /usr/lib/pkgconfig/x.pc",
    "bad: empty-password: /etc/passwd (of `guest`)",
    "bad: empty-password: /etc/shadow (of `root`)",
    "bad: header: /usr/include/x.h",
    "bad: interpreter: /usr/bin/python3.13",
    "bad: interpreter: /usr/lib/python3.13",
    "bad: library: /opt/prog (it needs libfirst.so)",
    "bad: library: /usr/lib/libsecond.so (it needs libgcc_s_of_old.so.1)",
    "bad: loader: /opt/loaderless (it needs /lib/ld-none.so.9)",
    "bad: loader: /opt/script (it needs /bin/bash)",
    "bad: package-manager: /usr/sbin/emerge",
    "bad: package-records: /var/db/pkg",
    "bad: setuid: /usr/bin/mount (mode 4755)",
    "bad: setuid: /usr/bin/wall (mode 2755)",
    "bad: static-library: /usr/lib/libx.a",
    "bad: unknown-owner: /srv/data (group 1235)",
    "bad: unknown-owner: /srv/data (user 1234)",
    "bad: world-writable: /etc/open.conf (mode 0666)",
    "bad: world-writable: /srv/open (mode 0777)",
];

/// Programs and libraries of this machine's compiler, for a loader and libraries that are not there.
fn compile(room: &Room, to: &str, source: &str, args: &[&str]) {
    let to = room.path(format!("bb-dock/bad/root/{to}"));
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    let file = room.dir.join("source.c");
    fs::write(&file, source).unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-nostdlib", "-Wl,--no-as-needed", "-fno-stack-protector", "-o"]).arg(&to).arg(&file);
    let out = cc.args(args).output().expect("a C compiler is needed");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

fn plant_programs(room: &Room) {
    let start = "void _start(void) { for (;;); }\n";
    let lib = room.dir.join("libgcc_s_of_old.so.1");
    let shared = ["-shared", "-fPIC"];
    let old = lib.to_str().unwrap();
    compile(
        room,
        "old.so",
        "int a;\n",
        &[&shared[..], &["-Wl,-soname,libgcc_s_of_old.so.1"]].concat(),
    );
    fs::rename(room.path("bb-dock/bad/root/old.so"), &lib).unwrap();
    compile(
        room,
        "usr/lib/libsecond.so",
        "int b;\n",
        &[&shared[..], &["-Wl,-soname,libsecond.so", old]].concat(),
    );
    let second = room.path("bb-dock/bad/root/usr/lib/libsecond.so");
    let third = room.path("bb-dock/bad/root/opt/own/libthird.so");
    compile(
        room,
        "opt/own/libthird.so",
        "int c;\n",
        &[&shared[..], &["-Wl,-soname,libthird.so"]].concat(),
    );
    let first = room.dir.join("libfirst.so");
    fs::copy(&third, &first).unwrap();
    compile(room, "first.so", "int d;\n", &[&shared[..], &["-Wl,-soname,libfirst.so"]].concat());
    fs::rename(room.path("bb-dock/bad/root/first.so"), &first).unwrap();
    let needed = [first.to_str().unwrap(), second.to_str().unwrap(), third.to_str().unwrap()];
    let own = [
        "-Wl,-rpath,$ORIGIN/own",
        "-Wl,--dynamic-linker,/lib/ld-ours.so",
        "-Wl,--allow-shlib-undefined",
    ];
    compile(room, "opt/prog", start, &[&needed[..], &own].concat());
    compile(room, "opt/loaderless", start, &["-Wl,--dynamic-linker,/lib/ld-none.so.9", needed[1]]);
    compile(room, "lib/ld-ours.so", "int e;\n", &shared);
}

fn plant(room: &Room) {
    let files = [
        ("usr/bin/make", "x", 0o755),
        ("usr/bin/x86_64-pc-linux-gnu-gcc-14", "x", 0o755),
        ("usr/bin/ld", "x", 0o755),
        ("usr/lib/pkgconfig/x.pc", "x", 0o644),
        ("usr/include/x.h", "x", 0o644),
        ("usr/bin/python3.13", "x", 0o755),
        ("usr/lib/python3.13/os.py", "x", 0o644),
        ("opt/script", "#!/bin/bash\n", 0o755),
        ("usr/sbin/emerge", "x", 0o755),
        ("var/db/pkg/x/y/SLOT", "0", 0o644),
        ("usr/lib/libx.a", "x", 0o644),
        ("etc/open.conf", "x", 0o666),
        ("etc/passwd", "root:x:0:0::/:\nguest::1:1::/:\n", 0o644),
        ("etc/shadow", "root::1::::::\nguest:!:1::::::\n", 0o600),
        ("etc/group", "root:x:0:\nguest:x:1:\n", 0o644),
        // Nothing is wrong with these.
        ("usr/bin/busybox", "x", 0o755),
        ("usr/share/doc/make", "x", 0o644),
        ("opt/fine", "#!/usr/bin/busybox sh\n", 0o755),
    ];
    for (path, text, mode) in files {
        let path = format!("bb-dock/bad/root/{path}");
        room.write(&path, text);
        room.chmod(&path, mode);
    }
    let links = [
        ("usr/bin/editor", "/etc/alternatives/editor"),
        ("usr/lib/libx.so", "libx.so.1"),
        ("usr/bin/rpm", "busybox"),
        ("etc/mtab", "/proc/mounts"),
    ];
    for (path, target) in links {
        std::os::unix::fs::symlink(target, room.path(format!("bb-dock/bad/root/{path}"))).unwrap();
    }
}

/// What a plain file cannot have: setuid, owners, folders' modes.
fn special() -> Vec<u8> {
    let mut tar = tar::Builder::new(vec![]);
    let entries = [
        ("usr/bin/mount", tar::EntryType::Regular, 0o4755, (0, 0)),
        ("usr/bin/wall", tar::EntryType::Regular, 0o2755, (0, 0)),
        ("srv/data", tar::EntryType::Regular, 0o644, (1234, 1235)),
        ("srv/open", tar::EntryType::Directory, 0o777, (0, 0)),
        ("tmp", tar::EntryType::Directory, 0o1777, (0, 0)),
    ];
    for (path, kind, mode, (uid, gid)) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(uid);
        header.set_gid(gid);
        header.set_size(0);
        tar.append_data(&mut header, path, std::io::empty()).unwrap();
    }
    tar.into_inner().unwrap()
}

#[test]
fn every_planted_fault_is_found_and_nothing_else() {
    let room = Room::with_engine();
    room.dock("bad", "FROM scratch\nCOPY root /\nADD special.tar /\n", &[]);
    plant(&room);
    plant_programs(&room);
    fs::write(room.path("bb-dock/bad/special.tar"), special()).unwrap();
    room.bb("audit bad")
        .fails(1, "error: the image `bad` is not built\nhint: run `bb build bad` first\n");
    room.bb("build").ok();
    let run = room.bb("audit");
    let told = sorted(run.stdout.lines());
    assert_eq!(told, sorted(PLANTED), "{}", run.stdout);
    assert_eq!(run.code, Some(1));
    assert_eq!(run.stderr, "24 found in 1 image; what is meant so goes into its `dock.toml`\n");
    // A child has its parent's faults, and its parent's allowances.
    let allowed = "[[audit.allow]]\nrule = \"setuid\"\npath = \"/usr/bin/*\"\nreason = \"a test\"\n\
        [[audit.allow]]\nrule = \"header\"\npath = \"/nowhere\"\nreason = \"a test\"\n";
    room.write("bb-dock/bad/dock.toml", allowed);
    room.dock("child", "FROM ${NAMESPACE}/bad\n", &[]);
    room.bb("build").ok();
    let run = room.bb("audit");
    let of = |name: &str| run.stdout.lines().filter(|l| l.starts_with(name)).count();
    assert_eq!((of("bad: "), of("child: ")), (23, 22), "{}", run.stdout);
    assert!(
        run.stdout.contains("bad: allowance: /nowhere (nothing there is a header)\n"),
        "{}",
        run.stdout
    );
    room.write("bb-dock/bad/dock.toml", "[[audit.allow]]\nrule = \"setuit\"\n");
    let run = room.bb("audit");
    assert!(run.stderr.starts_with("error: unknown variant `setuit`"), "{}", run.stderr);
    assert_eq!(run.code, Some(3));
    // Nothing is left to be found in an image of nothing but a file.
    room.remove("bb-dock/bad");
    room.dock("child", "FROM scratch\nCOPY f /\n", &[("f", "f\n")]);
    room.bb("build").ok();
    room.bb("audit").fails(0, "nothing found in 1 image\n");
    fs::set_permissions(room.path("bb-dock/child/f"), fs::Permissions::from_mode(0o646)).unwrap();
    room.bb("build").ok();
    room.bb("audit child").is(
        1,
        "child: world-writable: /f (mode 0646)\n",
        "1 found in 1 image; what is meant so goes into its `dock.toml`\n",
    );
}
