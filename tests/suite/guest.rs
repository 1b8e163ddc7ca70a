//! Builds in a container of the builder's image, as a job of a CI has it: `docker run` with its defaults, no volume, no
//! network. The same images as elsewhere; the container's root is afterwards as it was.

use std::process::Output;

use serde_json::Value;
use support::sealed::{Mirror, Room};

/// Where the project is in the container.
const PROJECT: &str = "/builds/me/project";

/// A container in which a project is built, and the project on this machine.
pub struct Job {
    pub room: Room,
    container: String,
}

impl Job {
    /// A container of the builder for this project, whose builder is in the engine.
    pub fn start(room: Room) -> Self {
        let program = support::static_bb().display();
        let file = room.dir.join("guest.tar");
        let image = format!("builder image --program {program} -o {}", file.display());
        room.bb(&image).ok();
        let engine = room.engine();
        engine.docker(&["load", "-i", file.to_str().unwrap()]);
        let label = Room::label();
        let run = ["run", "-d", "--network", "none", "--label", &label, "gentoo-bb/guest"];
        let container = engine.docker(&[&run[..], &["sleep", "infinity"]].concat());
        let job = Self { room, container };
        job.takes(job.room.path(".").to_str().unwrap(), PROJECT);
        job.ok(&format!("rm -rf {PROJECT}/.bb"));
        let mirror = Mirror::get().folder;
        for part in ["distfiles", "key.asc"] {
            let from = mirror.join(part);
            job.takes(from.to_str().unwrap(), from.to_str().unwrap());
        }
        job
    }

    /// Copies something into it.
    fn takes(&self, from: &str, to: &str) {
        let folder = to.rsplit_once('/').unwrap().0;
        self.ok(&format!("mkdir -p {folder}"));
        self.room.engine().docker(&["cp", from, &format!("{}:{to}", self.container)]);
    }

    fn sh(&self, script: &str) -> Output {
        let args = ["exec", "-w", "/", &self.container, "bash", "-c", script];
        self.room.engine().command(&args).output().unwrap()
    }

    #[track_caller]
    fn ok(&self, script: &str) -> String {
        let out = self.sh(script);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success(), "{script}: {:?}\n{said}", out.status);
        String::from_utf8(out.stdout).unwrap()
    }

    /// What a failure says.
    #[track_caller]
    fn fails(&self, code: i32, script: &str) -> String {
        let out = self.sh(script);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(code), "{script}\n{said}");
        said
    }

    /// How many processes are called so.
    fn running(&self, name: &str) -> usize {
        let names = self.ok("cat /proc/[0-9]*/comm 2>/dev/null || true");
        names.lines().filter(|line| *line == name).count()
    }

    pub fn bb(&self, args: &str) -> String {
        self.ok(&format!("cd {PROJECT} && bb {args}"))
    }

    pub fn id(&self, name: &str) -> String {
        let summary = self.ok(&format!("cat {PROJECT}/.bb/images/{name}/image.json"));
        let summary = serde_json::from_str::<Value>(&summary).unwrap();
        assert!(summary["built_by_engine"].is_null(), "{summary}");
        summary["id"].as_str().unwrap().to_owned()
    }

    /// That the container's root is as it was.
    #[track_caller]
    fn is_as(&self, before: &str) {
        let after = self.root();
        let less = |one: &str, other: &str| {
            let other = other.lines().collect::<std::collections::BTreeSet<_>>();
            one.lines().filter(|line| !other.contains(line)).map(str::to_owned).collect::<Vec<_>>()
        };
        let (new, gone) = (less(&after, before), less(before, &after));
        assert!(new.is_empty() && gone.is_empty(), "new: {new:#?}\ngone: {gone:#?}");
    }

    /// All that is in the container but what `bb` and the job have there: kind, rights, owners, bytes.
    fn root(&self) -> String {
        self.ok(ROOT)
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.room.engine().try_docker(&["rm", "-f", &self.container]);
    }
}

const ROOT: &str = r"
cd /
find . -xdev \( -path ./builds -o -path ./var/lib/gentoo-bb -o -path ./run/gentoo-bb -o -path ./proc -o -path ./sys \
	-o -path ./dev \) -prune -o \( -type d -printf '%p %y %m %U %G\n' \) -o -printf '%p %y %m %U %G %l %n\n' | sort
find . -xdev \( -path ./builds -o -path ./var/lib/gentoo-bb -o -path ./run/gentoo-bb -o -path ./proc -o -path ./sys \
	-o -path ./dev \) -prune -o -type f -exec sha256sum {} + | sort
python3 - <<-'END'
	import os
	for folder, folders, files in os.walk('/'):
	    if folder == '/':
	        folders[:] = [f for f in folders if f not in ('builds', 'proc', 'sys', 'dev', 'run')]
	    for name in folders + files:
	        path = os.path.join(folder, name)
	        if path.startswith('/var/lib/gentoo-bb'): continue
	        found = os.listxattr(path, follow_symlinks=False)
	        if found: print(path, found)
END
";

/// The shipped docks, and one with commands on top of them.
pub fn shipped() -> Room {
    let room = Room::with_engine().with_mirror(&Mirror::get());
    crate::slice::copy_docks(&room);
    let ran = "FROM ${NAMESPACE}/busybox\nARG WORD=made\nRUN mkdir -p /a/b && echo $WORD > /a/b/c && \
        chmod 4750 /a/b/c && ln -s c /a/b/d && mkdir -m 777 /w && test -c /dev/null && \\\n\
        stat -c '%Y %n' /bin/busybox /etc/passwd /bin/sh > /a/times\nUSER 5:6\nWORKDIR /w\nRUN id -u > /w/id\n";
    room.dock("ran", ran, &[]);
    room
}

#[test]
fn a_jobs_container_makes_the_same_images() {
    let room = shipped();
    room.bb("build s6 ran").ok();
    let job = Job::start(room);
    let before = job.root();
    job.bb("build s6 ran");
    for name in ["busybox", "s6", "ran"] {
        let summary = job.room.read(&format!(".bb/images/{name}/image.json"));
        let summary = serde_json::from_str::<Value>(&summary).unwrap();
        assert_eq!(job.id(name), summary["id"].as_str().unwrap(), "{name}");
    }
    job.is_as(&before);
    let again = job.ok(&format!("cd {PROJECT} && bb build s6 ran 2>&1"));
    assert!(again.starts_with("nothing to do: "), "{again}");
    // It makes images, and runs none.
    let said = job.fails(4, &format!("cd {PROJECT} && bb run busybox true"));
    assert!(said.contains("running an image needs an engine"), "{said}");
    // Another lock needs another builder.
    let first = r#"0,/sha512 = "./{s/sha512 = "0/sha512 = "1/;t;s/sha512 = "./sha512 = "0/}"#;
    job.ok(&format!("cd {PROJECT} && sed -i '{first}' bb.lock"));
    let said = job.fails(4, &format!("cd {PROJECT} && bb build s6"));
    assert!(said.contains("this container's builder was made for another `bb.lock`"), "{said}");
}

#[test]
fn it_is_refused_where_there_is_no_builder() {
    let room = shipped();
    room.bb_with(&[("BB_ENGINE", "guest")], "build busybox").fails(
        4,
        "error: this is no container of a builder's image\n\
         hint: `bb builder image` makes such an image, for jobs of a CI\n",
    );
    room.bb("builder image -o /dev/null --program /bin/sh").fails(
        2,
        "error: `/bin/sh` is not linked statically\n\
         hint: `make static` makes one that is; `--program FILE` names it\n",
    );
}

/// What is planted by a dock's own code, of every kind, and what it tries.
const PLANTS: &str = r#"PACKAGES="app-misc/none"
configure_rootfs_build() {
	cp -p /usr/bin/make /tmp/make
	printf x | dd of=/usr/bin/make bs=1 seek=100 conv=notrunc status=none
	touch -r /tmp/make /usr/bin/make
	rm /usr/bin/patch
	rm -r /usr/share/doc /var/db/repos/gentoo/profiles/desc || true
	rm /usr/bin/sed.old /etc/hosts.allow 2>/dev/null || true
	mv /usr/bin/find /usr/bin/find.real && ln -s find.real /usr/bin/find
	rm /usr/bin/xargs && mkdir /usr/bin/xargs && echo x >/usr/bin/xargs/in
	chmod 4777 /usr/bin/grep
	chmod 777 /usr/lib
	chown 5:5 /etc/passwd
	ln /etc/group /etc/group.too
	echo planted >/usr/lib/planted
	mkdir -p /planted/deep && mkfifo /planted/deep/pipe && mknod /planted/null c 1 3
	python3 -c 'import os; os.setxattr("/usr/bin/diff", "user.planted", b"x")' || true
	(sleep 1000; echo late >/planted-late) &
	for other in 1; do
		cat /proc/$other/environ >/dev/null 2>&1 && echo "BB-SAW: variables of $other" >&2
		ls -l /proc/$other/fd >/dev/null 2>&1 && echo "BB-SAW: files of $other" >&2
	done
	python3 - <<-'END' >&2
		import socket, ctypes
		for family, kind in ((socket.AF_INET, socket.SOCK_STREAM), (socket.AF_INET6, socket.SOCK_DGRAM),
		        (socket.AF_PACKET, socket.SOCK_RAW), (40, socket.SOCK_STREAM)):
		    try:
		        socket.socket(family, kind)
		        print('BB-SAW: a socket of', int(family))
		    except PermissionError: pass
		socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
		socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)
		libc = ctypes.CDLL(None, use_errno=True)
		for name, number in (('io_uring_setup', 425), ('ptrace', 101), ('process_vm_readv', 310), ('unshare', 272)):
		    if libc.syscall(number, 0x10000000, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() not in (1, 38):
		        print('BB-SAW:', name)
		import os
		print('BB-SAW:', sorted(os.environ)) if 'SECRET' in os.environ else None
	END
	exit 3
}
"#;

#[test]
fn whatever_a_box_has_done_is_undone() {
    let room = shipped();
    room.dock("plants", "FROM scratch\nADD rootfs.tar /\n", &[("Buildconfig.sh", PLANTS)]);
    room.bb("build busybox").ok();
    let job = Job::start(room);
    job.ok("echo mine >/etc/job && mkdir -p /opt/job && echo mine >/opt/job/file");
    let before = job.root();
    let out = job.sh(&format!("cd {PROJECT} && SECRET=x bb build plants"));
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(!said.contains("BB-SAW"), "{said}");
    let log =
        job.ok(&format!("cat {PROJECT}/.bb/logs/rootfs/plants.log || find {PROJECT}/.bb/logs"));
    assert!(!log.contains("BB-SAW"), "{log}");
    job.is_as(&before);
    assert_eq!(job.running("sleep"), 1, "what it left running has ended");
    // What is the job's own cannot be brought back.
    let own = "configure_rootfs_build() { echo theirs >/etc/job; exit 3; }\nPACKAGES=x/y\n";
    job.ok(&format!("cat >{PROJECT}/bb-dock/plants/Buildconfig.sh <<'END'\n{own}END"));
    let said = job.fails(4, &format!("cd {PROJECT} && bb build plants"));
    assert!(said.contains("files of this container that are none of the builder's"), "{said}");
    assert!(said.contains("  /etc/job\n"), "{said}");
}

#[test]
fn a_job_that_was_killed_is_gone_on_with() {
    let room = shipped();
    room.bb("build busybox").ok();
    let job = Job::start(room);
    let before = job.root();
    // A compiler runs in a box, and in no other place.
    let kill = format!(
        "set -e; cd {PROJECT}; bb build busybox >/tmp/said 2>&1 & bb=$!; \
         until grep -qsx cc1 /proc/[0-9]*/comm; do kill -0 $bb; sleep 0.05; done; \
         kill -9 $bb; sleep 1; rm /tmp/said"
    );
    job.ok(&kill);
    for name in ["bb", "emerge", "build-root", "python3.13", "make"] {
        assert_eq!(job.running(name), 0, "{name} does not run any more");
    }
    job.ok("test -e /bb/job.env");
    job.bb("build busybox");
    let summary = job.room.read(".bb/images/busybox/image.json");
    let summary = serde_json::from_str::<Value>(&summary).unwrap();
    assert_eq!(job.id("busybox"), summary["id"].as_str().unwrap());
    job.is_as(&before);
    job.ok(&format!(
        "cd {PROJECT}/bb-dock && find . -mindepth 1 -maxdepth 1 ! -name busybox -exec rm -r {{}} +"
    ));
    for lines in [gitlabs(), githubs()] {
        job.ok(&format!("rm -f {PROJECT}/busybox.tar"));
        for line in lines {
            job.ok(&format!("cd {PROJECT} && {line}"));
        }
        job.ok(&format!("tar -tf {PROJECT}/busybox.tar manifest.json"));
    }
}

/// What the example's job for GitLab runs.
fn gitlabs() -> Vec<String> {
    let file = include_str!("../../examples/ci/gitlab-ci.yml");
    let file = serde_saphyr::from_str::<Value>(file).unwrap();
    let lines = file["images"]["script"].as_array().unwrap();
    lines.iter().map(|line| line.as_str().unwrap().to_owned()).collect()
}

/// What the example's job for GitHub runs.
fn githubs() -> Vec<String> {
    let file = include_str!("../../examples/ci/github.yml");
    let file = serde_saphyr::from_str::<Value>(file).unwrap();
    let steps = file["jobs"]["images"]["steps"].as_array().unwrap();
    let lines = steps.iter().filter_map(|step| step["run"].as_str());
    lines.map(str::to_owned).collect()
}
