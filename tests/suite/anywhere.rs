//! A static `bb` in roots of strangers: with another version of the C library, with musl, with none. It fetches by
//! name there, with TLS and without, and asks no C library for anything; what is missing it says.
//!
//! That it builds the same images is shown in `native`. Each test has a network of its own.

mod network;
mod root;

use network::{MIRROR, Network, PUBLIC};
use root::{Root, Traced};
use support::sealed::{Mirror, Room, Run};

/// What whoever looks a name up by the C library opens or asks, and what its translations are.
const FOREIGN: [&str; 8] =
    ["nsswitch", "libnss", "nscd", "libc.so", "libresolv", "ld.so", "gconv", "locale"];

/// It has run to its end, and has asked no C library.
#[track_caller]
fn untouched(traced: &Traced) {
    let foreign = |line: &&String| FOREIGN.iter().any(|word| line.contains(word));
    let asked = traced.calls.iter().filter(foreign).collect::<Vec<_>>();
    assert!(asked.is_empty(), "{asked:#?}");
    assert!(!traced.run.stderr.contains("panicked"), "{}", traced.run.stderr);
}

#[track_caller]
fn pinned(root: &Root, mirror: &str) {
    root.project(mirror);
    let traced = root.bb("update");
    untouched(&traced);
    let run = traced.run.ok();
    assert!(run.stdout.starts_with("stage3: "), "{}", run.stdout);
    assert!(run.stdout.contains("\nsnapshot: "), "{}", run.stdout);
    root.remove("project/bb.lock");
    root.remove("project/.bb");
}

/// By a name server and by `/etc/hosts`, with TLS and without, from this machine and from a public address.
fn fetches(root: &Root, network: &Network) {
    root.trusts(&network.authority());
    root.write("etc/resolv.conf", "nameserver 127.0.0.1\n");
    network.forget();
    pinned(root, &format!("http://{MIRROR}"));
    assert!(network.asked().contains(&MIRROR.to_owned()), "{:?}", network.asked());
    pinned(root, &format!("https://{MIRROR}"));
    pinned(root, &format!("http://{PUBLIC}"));
    root.remove("etc/resolv.conf");
    root.write("etc/hosts", "127.0.0.1 hosts.test\n9.9.9.9 public.hosts.test\n");
    pinned(root, "http://hosts.test");
    pinned(root, "https://hosts.test");
    pinned(root, "http://public.hosts.test");
    root.remove("etc/hosts");
}

#[test]
fn it_fetches_where_no_c_library_is() {
    Network::of_its_own(|network| fetches(&Root::bare(), network));
}

/// The C library of the stage3 is newer than this machine's. A program that takes its parts in crashes.
#[test]
fn it_fetches_beside_another_version_of_its_c_library() {
    let root = Root::bare();
    root.unpack_c_library(&Mirror::get());
    root.write("etc/nsswitch.conf", "hosts: hesiod files dns\npasswd: hesiod files\n");
    Network::of_its_own(|network| fetches(&root, network));
}

#[test]
fn it_fetches_beside_musl() {
    let root = Root::bare();
    root.put_musl();
    Network::of_its_own(|network| fetches(&root, network));
}

/// Or the tests above would show nothing.
#[test]
fn one_that_is_linked_dynamically_does_not_start_there() {
    let root = Root::with(support::bb());
    for musl in [false, true] {
        if musl {
            root.put_musl();
        }
        let run = root.untraced(&[], "--version");
        assert_eq!(run.code, Some(127), "{run:?}");
    }
}

/// Engines, registries and proxies have names as well.
#[test]
fn whoever_is_asked_is_looked_up_alike() {
    Network::of_its_own(|network| {
        let root = Root::bare();
        root.trusts(&network.authority());
        root.write("etc/resolv.conf", "nameserver 127.0.0.1\n");
        root.project(&format!("http://{MIRROR}"));
        let looked_up = |name: &str, variables: &[(&str, &str)], args: &str| {
            network.forget();
            let traced = root.bb_with(variables, args);
            untouched(&traced);
            assert_ne!(traced.run.code, Some(0), "{:?}", traced.run);
            let asked = network.asked();
            assert!(asked.contains(&name.to_owned()), "{name}: {asked:?}\n{:?}", traced.run);
        };
        let host = ("DOCKER_HOST", "tcp://engine.test");
        looked_up("engine.test", &[host], "status");
        let tls = [("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", "/etc")];
        looked_up("engine.test", &[host, tls[0], tls[1]], "status");
        looked_up("proxy.test", &[("http_proxy", "http://proxy.test:3128")], "update");
        root.dock("FROM registry.test/a:1\nCOPY f /\n");
        looked_up("registry.test", &[], "update");
    });
}

fn told(run: &Run) -> &str {
    run.stderr.trim_end()
}

#[test]
fn what_is_missing_is_said() {
    Network::of_its_own(|network| {
        let root = Root::bare();
        root.project(&format!("http://{MIRROR}"));
        let trusted = "error: cannot use HTTP: this machine has no certificates of authorities\n\
            hint: `SSL_CERT_FILE` names a PEM file of them; the package `ca-certificates` has those of most systems";
        assert_eq!(told(&root.bb("update").run), trusted);
        root.trusts(&network.authority());
        let unnamed = |why: &str| {
            let run = root.bb("update").run;
            let line = format!("\n  http://{MIRROR}: its name leads nowhere: {why}\n");
            assert!(run.stderr.contains(&line), "{}", run.stderr);
        };
        unnamed("there is no `/etc/resolv.conf`, which names the name servers");
        root.write("etc/resolv.conf", "search test\n");
        unnamed("`/etc/resolv.conf` names no name server");
        root.write("etc/resolv.conf", "nameserver 127.0.0.2\noptions timeout:1 attempts:1\n");
        unnamed("no name server answers");
        root.write("etc/resolv.conf", "nameserver 127.0.0.1\n");
        root.project("http://nobody.test");
        let run = root.bb("update").run;
        let line = "\n  http://nobody.test: its name leads nowhere: it has no address\n";
        assert!(run.stderr.contains(line), "{}", run.stderr);
    });
}

/// No home, no account, no /proc, no /dev, no /tmp, and a language that nobody has: what needs none of them works.
#[test]
fn nobody_without_a_home_is_served() {
    let root = Root::bare();
    root.project(&format!("http://{MIRROR}"));
    for (args, code) in [
        ("--version", 0),
        ("--help", 0),
        ("config", 0),
        ("doctor --offline", 1),
        ("status", 4),
        ("build", 4),
    ] {
        let traced = root.bb_as_nobody(args);
        untouched(&traced);
        assert_eq!(traced.run.code, Some(code), "{args}: {:?}", traced.run);
    }
    root.dock("FROM scratch\nCOPY f /\n");
    let natively = [("BB_ENGINE", "native"), ("BB_NATIVE_DIR", "/tmp/store")];
    let run =
        root.bb_with(&[("BB_SAFE_PROJECTS", "/project"), natively[0], natively[1]], "build").run;
    run.fails(
        4,
        "error: cannot start `/proc/self/exe` again for a box: no such file or directory\n\
         hint: `/proc` has to be mounted, and `/dev/null` to be there\n",
    );
}

/// All of `bb`, with boxes of its own, in an image of this program alone.
#[test]
fn it_builds_in_a_container_from_scratch() {
    let room = Room::with_engine();
    let root = Root::bare();
    root.write("project/bb.toml", "namespace = \"anywhere\"\n");
    root.dock("FROM scratch\nCOPY busybox /\nRUN [\"/busybox\", \"touch\", \"/made\"]\n");
    std::fs::copy("/bin/busybox", root.path("project/bb-dock/a/busybox")).unwrap();
    let image = room.image("anywhere");
    root.import(room.engine(), &image);
    let allowed = [
        // Namespaces, and a /proc in a box.
        "--cap-add=SYS_ADMIN",
        "--security-opt=seccomp=unconfined",
        "--security-opt=apparmor=unconfined",
        "--security-opt=systempaths=unconfined",
        // No box can be on a container's overlayfs.
        "--tmpfs=/store:exec",
    ];
    let natively = ["-e", "BB_ENGINE=native", "-e", "BB_NATIVE_DIR=/store"];
    let called = ["--network=none", "--workdir=/project", &image, "/bb", "build"];
    let words = [&["run", "--rm"][..], &allowed, &natively, &called].concat();
    let run = Run::of(room.engine().command(&words)).ok();
    assert!(run.stderr.contains("\ndone    image:a in "), "{run:?}");
}
