//! Docks that mean harm, with the real engine and real Portage: what they try gets nowhere, and what they compile is
//! nobody else's.

use std::net::TcpListener;

use support::sealed::{Engine, Mirror, Room, Run};

/// Caches of one test, and the projects that share them.
struct Caches {
    name: String,
    room: Room,
}

impl Caches {
    fn new(what: &str) -> Self {
        let name = format!("bbtest-{}-{what}", std::process::id());
        let room = project(&name);
        Self { name, room }
    }

    /// The names of the binary packages, each with a digest over the files that it would merge. (Beside them it
    /// has the time at which it was made.)
    fn packages(&self) -> Vec<String> {
        let volume = format!("{}-binpkgs:/packages:ro", self.name);
        let engine = self.room.engine();
        let bob = bob(engine);
        let run = ["run", "--rm", "--network", "none", "-v", &volume, &bob, "bash", "-ec", DIGESTS];
        support::sealed::sorted(engine.docker(&run).lines())
    }
}

const DIGESTS: &str = r"
cd /packages
find -name '*.gpkg.tar' | while read -r package; do
	rm -rf /tmp/package && mkdir -p /tmp/package/image
	tar -xf $package -C /tmp/package --strip-components=1
	tar -xf /tmp/package/image.tar.* -C /tmp/package/image
	cd /tmp/package/image
	echo ${package#./} $({
		find . -printf '%p %y %m %u %g %l\n' | sort
		find . -type f -exec sha256sum {} + | sort
	} | sha256sum)
	cd /packages
done
";

impl Drop for Caches {
    fn drop(&mut self) {
        for kind in ["sources", "binpkgs"] {
            self.room.engine().try_docker(&["volume", "rm", &format!("{}-{kind}", self.name)]);
        }
    }
}

/// A project with its own name for the caches.
fn project(caches: &str) -> Room {
    let room = Room::with_engine().with_mirror(&Mirror::get());
    room.write("bb.toml", &format!("caches = \"{caches}\"\n{}", room.read("bb.toml")));
    room
}

/// A dock FROM scratch that compiles something, the same in each room.
/// The newest builder that an engine has.
pub fn bob(engine: &Engine) -> String {
    let bobs = engine.docker(&["images", "--format", "{{.Repository}}:{{.Tag}}", "gentoo-bb/bob"]);
    bobs.lines().next().unwrap().to_owned()
}

/// A project whose engine has a builder.
pub fn with_builder() -> Room {
    let room = project("shared");
    dock(&room, "clean", CLEAN);
    room.bb("build clean").ok();
    room
}

fn dock(room: &Room, name: &str, buildconfig: &str) {
    let folder = format!("bb-dock/{name}");
    room.write(&format!("{folder}/Dockerfile.template"), "FROM scratch\nADD rootfs.tar /\n");
    room.write(&format!("{folder}/Buildconfig.sh"), buildconfig);
}

/// The image's id, whatever the project is called.
fn built(room: &Room, name: &str) -> String {
    room.bb_with(&[("NAMESPACE", "bbtest-same")], &format!("build {name}")).ok();
    room.bb_with(&[("NAMESPACE", "bbtest-same")], &format!("image digest {name}")).ok().stdout
}

/// A library alone: what uses it brings the C library.
const CLEAN: &str = "PACKAGES='sys-libs/zlib' REQUIRES_EXCLUDE='libc.so.6'\n";

/// Gets at zlib in all ways that a dock has: a hook of Portage's that runs in the same box, a program of the
/// builder's, and the folder of binary packages.
const POISON: &str = r#"PACKAGES='sys-libs/zlib' REQUIRES_EXCLUDE='libc.so.6'
configure_rootfs_build() {
	cat >/etc/portage/bashrc <<-'END'
		post_src_install() { mkdir -p "${D}/usr/share"; echo poisoned >"${D}/usr/share/poisoned-${PN}"; mkdir -p /packages/x; }
		pre_src_unpack() { for f in /packages /distfiles; do touch $f/poisoned 2>/dev/null && die "$f is writable"; done; true; }
	END
}
finish_rootfs_build() {
	! touch /packages/poisoned || return 1
	! touch /distfiles/poisoned || return 1
	grep -q '^NoNewPrivs:.*1$' /proc/self/status
}
"#;

/// The builder's own program says the keys that others have.
const LYING: &str = r"PACKAGES='sys-libs/zlib' REQUIRES_EXCLUDE='libc.so.6'
configure_rootfs_build() {
	sed -i 's/^def own_key.*/def own_key(key, code):\n    return key\n\ndef other(key, code):/' /usr/lib/bob/gentoo_bob/keys.py
}
";

#[test]
fn what_a_dock_compiles_beside_its_own_code_is_its_own() {
    let shared = Caches::new("shared");
    dock(&shared.room, "evil", POISON);
    shared.room.bb("build evil").ok();
    let poisoned = shared.packages();
    assert!(poisoned.iter().any(|name| name.starts_with("sys-libs/zlib-")), "{poisoned:?}");
    shared.room.append("bb-dock/evil/Buildconfig.sh", "# again\n");
    shared.room.bb("build evil").ok();
    let log = shared.room.read(".bb/logs/rootfs/evil.log");
    assert!(log.contains(" packages, 0 to compile, "), "its own packages are found again: {log}");
    dock(&shared.room, "lying", LYING);
    shared.room.bb("build lying").ok();
    assert_eq!(shared.packages(), poisoned, "nothing is kept under keys that were not expected");

    let victim = project(&shared.name);
    dock(&victim, "clean", CLEAN);
    let id = built(&victim, "clean");
    let log = victim.read(".bb/logs/rootfs/clean.log");
    assert!(log.contains(" 0 fit, "), "none of the other's packages is taken: {log}");

    // One that only has lists shares what it compiles with others that have only those.
    dock(
        &victim,
        "other",
        &format!("{CLEAN}configure_rootfs_build() {{ update_use dev-libs/openssl -x; }}\n"),
    );
    victim.bb("build other").ok();
    let log = victim.read(".bb/logs/rootfs/other.log");
    assert!(log.contains(" packages, 0 to compile, "), "{log}");

    let fresh = Caches::new("fresh");
    dock(&fresh.room, "clean", CLEAN);
    assert_eq!(built(&fresh.room, "clean"), id);
    let clean = fresh.packages();
    assert!(clean.iter().all(|name| !poisoned.contains(name)), "{clean:?} {poisoned:?}");
    let mut all = [poisoned, clean].concat();
    all.sort();
    assert_eq!(shared.packages(), all, "the same keys, one beside the other");
}

/// A parent's record of a package has code that runs when a child replaces the package.
const RECORDS: &str = r#"finish_rootfs_build() {
	local record
	for record in "$EMERGE_ROOT"/var/db/pkg/sys-libs/zlib-*; do
		{
			bzcat "$record/environment.bz2"
			cat <<-'END'
				pkg_prerm() {
					echo ran >"$ROOT/ran"
					mkdir -p /bb/out/new/sys-libs
					touch /packages/poisoned /distfiles/poisoned /bb/out/new/sys-libs/poisoned
					true
				}
			END
		} | bzip2 >/tmp/environment
		cat /tmp/environment >"$record/environment.bz2"
		echo prerm >>"$record/DEFINED_PHASES"
	done
}
"#;

#[test]
fn what_a_parent_leaves_in_its_records_reaches_no_package_of_a_child() {
    let packages = ["", RECORDS].map(|finish| {
        let caches = Caches::new(if finish.is_empty() { "honest" } else { "records" });
        let room = &caches.room;
        dock(room, "parent", &format!("{CLEAN}{finish}"));
        dock(
            room,
            "child",
            &format!(
                "{CLEAN}configure_rootfs_build() {{ update_use sys-libs/zlib +static-libs; }}\n"
            ),
        );
        room.write(
            "bb-dock/child/Dockerfile.template",
            "FROM ${NAMESPACE}/parent\nADD rootfs.tar /\n",
        );
        room.bb("build child").ok();
        let list = std::process::Command::new("tar")
            .args(["-tf", room.path(".bb/images/child/rootfs.tar").to_str().unwrap()])
            .output()
            .unwrap();
        let ran = String::from_utf8(list.stdout).unwrap().lines().any(|path| path == "ran");
        assert_eq!(ran, !finish.is_empty(), "the record's code runs");
        caches.packages()
    });
    assert_eq!(packages[0].len(), 3);
    assert_eq!(packages[0], packages[1]);
}

/// A builder's own program, replaced by a dock: it says what `bb` reads.
fn says(plan: &str) -> String {
    format!(
        "PACKAGES='sys-libs/zlib'\nconfigure_rootfs_build() {{\n\
         \tcat >/usr/lib/bob/__main__.py <<-'END'\n\t\timport sys\n\t\tif sys.argv[1] == 'plan': open(sys.argv[2], 'w').write('''{plan}''')\n\tEND\n\
         \tmkdir -p /var/db/repos/own/a/b && : >/var/db/repos/own/a/b/b-1.ebuild\n}}\n"
    )
}

fn source(name: &str, uri: &str) -> String {
    let digest = "0".repeat(128);
    format!(
        r#"{{"format": 1, "packages": [], "compile": 1, "sources": [{{"name": "{name}", "size": 3,
        "blake2b": "{digest}", "sha512": null, "uris": ["{uri}"], "there": false}}]}}"#
    )
}

#[test]
fn what_a_builder_says_is_no_instruction() {
    let caches = Caches::new("says");
    let room = &caches.room;
    let inside = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = inside.local_addr().unwrap().port();
    inside.set_nonblocking(true).unwrap();
    let local = format!("http://127.0.0.1:{port}/secret");
    for (name, uri, told) in [
        ("x", "file:///etc/shadow", "from `file:///etc/shadow`, which is no web address"),
        ("x", "/etc/shadow", "from `/etc/shadow`, which is no web address"),
        ("x", "./bb.toml", "from `./bb.toml`, which is no web address"),
        (
            "../../etc/cron.d/x",
            "https://host.example/x",
            "`../../etc/cron.d/x` is not the name of a source",
        ),
        ("x", local.as_str(), "is `127.0.0.1`, which is not public: it is not asked"),
        ("x", "http://169.254.169.254/latest", "is `169.254.169.254`, which is not public"),
        ("x", "http://[::1]/x", "is `::1`, which is not public"),
    ] {
        dock(room, "evil", &says(&source(name, uri)));
        let run = room.bb("build evil");
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(run.stderr.contains(told), "{uri}: {}", run.stderr);
    }
    // A dock without ebuilds of its own names what those of the repository name.
    let without = says(&source("x", "https://host.example/x")).replace("b-1.ebuild", "b-1.txt");
    dock(room, "evil", &without);
    let told = "error: `evil` asks for the source `x`, which no verified ebuild names\n";
    let run = room.bb("build evil");
    assert!(run.code == Some(1) && run.stderr.contains(told), "{}", run.stderr);
    assert!(inside.accept().is_err(), "somebody was asked");
    assert!(!room.exists(".bb/images/evil/rootfs.tar"));
}

#[test]
fn what_is_no_package_is_no_option_either() {
    let caches = Caches::new("words");
    for word in ["--config-root=/config", "/config/x.ebuild", "-C"] {
        dock(&caches.room, "evil", &format!("PACKAGES='{word}'\n"));
        let run = caches.room.bb("build evil");
        let told = format!(
            "error: `evil` asks for something that is no package: `{word}` in `PACKAGES` is no package\n"
        );
        assert!(run.code == Some(1) && run.stderr.contains(&told), "{}", run.stderr);
    }
}

/// Nobody remembers the wrong one: it is the same the next time, and there is no first time for the right one.
#[test]
fn a_wrong_source_leads_to_the_next_mirror() {
    let caches = Caches::new("wrong");
    let room = &caches.room;
    let mirror = Mirror::get().folder;
    let sources = walkdir::WalkDir::new(mirror.join("distfiles")).into_iter();
    for source in sources.map(Result::unwrap).filter(|source| source.file_type().is_file()) {
        let path = source.path().strip_prefix(&mirror).unwrap();
        room.write(&format!("wrong/{}", path.display()), "no");
    }
    let settings = room.read("bb.toml");
    room.write("bb.toml", &settings.replace("mirrors = [", "mirrors = [\"./wrong\", "));
    dock(room, "clean", "PACKAGES='sys-libs/glibc'\n");
    room.bb("build clean").ok();
    // Where none has the right one, nothing is taken.
    let none = Caches::new("none");
    let only = settings.replace(&format!("file://{}", mirror.display()), "./wrong");
    room.write("bb.toml", &only.replace(&caches.name, &none.name));
    room.append("bb-dock/clean/Buildconfig.sh", "# again\n");
    let run = room.bb("build clean");
    assert_eq!(run.code, Some(5), "{}", run.stderr);
    let told = |line: &str| {
        line.starts_with("  ./wrong/distfiles/") && line.contains(": has 2 bytes instead of ")
    };
    assert!(run.stderr.lines().any(told), "{}", run.stderr);
}

fn limited(what: &str, hook: &str) -> Run {
    let caches = Caches::new("limits");
    let room = &caches.room;
    room.append("bb.toml", &format!("[builder]\n{what}\n"));
    dock(room, "evil", &format!("configure_rootfs_build() {{\n{hook}\n}}\n"));
    room.bb("build evil")
}

#[test]
fn a_builder_has_so_much_memory_and_so_many_processes() {
    let run = limited("memory = \"128 MiB\"", "head -c 1000000000 /dev/zero | tail");
    let told = "error: the builder needs more memory than 128.0 MiB, which `builder.memory` is\n";
    assert!(run.code == Some(1) && run.stderr.contains(told), "{}", run.stderr);
    // What a process may not start is an error at once in Python; a shell would try again for a while.
    let fork =
        "python3 -c 'import subprocess as s; [s.Popen([\"sleep\", \"99\"]) for _ in range(200)]'";
    let run = limited("processes = 100", fork);
    let told = "error: the builder needs more processes than 100, which `builder.processes` is\n";
    assert!(run.code == Some(1) && run.stderr.contains(told), "{}", run.stderr);
}
