//! Projects on the native engine: the same images as on Docker, as root and as an ordinary user; a build that is
//! killed goes on; what it does not do yet it says.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::Told;
use support::sealed::{Mirror, Room, Run, Running};

use crate::terminal::tmux::Terminal;

/// An account with a range of ids: `scripts/test.sh` makes it.
pub const USER: &str = "bb-boxes";
/// The state of what is built natively, beside that of what Docker has.
pub const STATE: &str = ".native";

/// A project with a native engine of its own.
pub struct Native {
    pub room: Room,
    pub store: PathBuf,
}

impl Native {
    pub fn of(room: Room) -> Self {
        let store = room.dir.join("store");
        Self { room, store }
    }

    pub fn command(&self, args: &str) -> Command {
        let mut command = self.room.command(&format!("--state {STATE} {args}"));
        command.env("BB_ENGINE", "native").env("BB_NATIVE_DIR", &self.store);
        // Nobody listens there: whatever is done, no daemon does it.
        command.env("DOCKER_HOST", "unix:///nonexistent/engine.sock");
        command
    }

    pub fn bb(&self, args: &str) -> Run {
        Run::of(self.command(args))
    }

    pub fn told(&self, args: &str) -> Told {
        Told::of(self.command(args))
    }

    pub fn id(&self, state: &str, name: &str) -> String {
        id(&self.room.path(format!("{state}/images/{name}/image.json")))
    }

    /// The boxes that have files.
    pub fn boxes(&self) -> usize {
        std::fs::read_dir(self.store.join("boxes")).map_or(0, Iterator::count)
    }
}

pub fn id(summary: &Path) -> String {
    let text = std::fs::read(summary).unwrap_or_else(|e| panic!("{}: {e}", summary.display()));
    let summary = serde_json::from_slice::<Value>(&text).unwrap();
    assert!(summary["built_by_engine"].is_null(), "{summary}");
    summary["id"].as_str().unwrap().to_owned()
}

const NO_DAEMON: &str = "error: no container engine answers at `unix:///nonexistent/engine.sock`\n  \
    unix:///nonexistent/engine.sock: socket not found: /nonexistent/engine.sock\n\
    hint: start Docker or Podman, or set DOCKER_HOST to where it listens\n";

fn copied(room: &Room) {
    room.dock("base", "FROM scratch\nCOPY a /a\n", &[("a", "one\n")]);
    let child = "FROM ${NAMESPACE}/base\nCOPY --chown=7:8 b /b/\nENV C=d\n";
    room.dock("child", child, &[("b", "two\n")]);
}

#[test]
fn what_is_only_copied_is_the_same_image_as_on_docker() {
    let native = Native::of(Room::with_engine());
    let room = &native.room;
    copied(room);
    room.bb("build").ok();
    native.told("build").ran("dockerfile:base dockerfile:child image:base image:child");
    for name in ["base", "child"] {
        assert_eq!(native.id(STATE, name), native.id(".bb", name), "{name}");
    }
    native.bb("build").fails(0, "nothing to do: 4 steps up to date\n");
    let none = "error: the image `child` says no command\n\
        hint: give one: `bb run child sh`; or a `CMD` in its Dockerfile.template\n";
    native.bb("run child").fails(1, none);
    room.bb("run child").fails(1, none);
    // Another program reads what is there.
    let layout = format!("oci:{}:{}", native.store.join("oci").display(), room.image("child"));
    let out = Command::new("skopeo").args(["inspect", "--config", &layout]).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let config = serde_json::from_slice::<Value>(&out.stdout).unwrap();
    assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 2);
    // Images that are gone come again, without a step.
    std::fs::remove_file(native.store.join("oci/index.json")).unwrap();
    let again = "done: 2 images put into the engine, 4 steps up to date";
    assert_eq!(native.told("build").ran("").summary(), again);
    room.write("bb-dock/child/b", "three\n");
    native.told("build").ran("image:child");
    // A daemon gets what it is to run.
    let loaded = |args: &str| {
        let args = format!("--state {STATE} image load {args}");
        room.bb_with(&[("BB_ENGINE", "native"), ("BB_NATIVE_DIR", "/nowhere")], &args)
    };
    for name in ["base", "child"] {
        room.engine().docker(&["rmi", "--force", &room.image(name)]);
    }
    loaded("child").is(0, "loaded: NAMESPACE/child:latest\n", "");
    assert_eq!(room.engine().image_id(&room.image("child")), native.id(STATE, "child"));
    let said = "loaded: NAMESPACE/base:latest\nwas there: NAMESPACE/child:latest\n";
    loaded("").is(0, said, "");
    native.bb("image load").fails(4, NO_DAEMON);
    let none = NO_DAEMON.replace(
        "hint:",
        "  chains run on Docker or Podman, whatever engine builds their images\nhint:",
    );
    native.bb("ps").fails(4, &none);
    // What needs Docker's own builder is told, and is not done by halves.
    room.dock("loads", "FROM ${NAMESPACE}/base\nADD http://127.0.0.1:1/x /x\n", &[]);
    let run = native.bb("build loads");
    assert_eq!(run.code, Some(4), "{}", run.stderr);
    assert!(
        run.stderr.contains(
            "error: the engine in use has no builder of its own, and it downloads `http://127.0.0.1:1/x`\n\
             hint: `BB_ENGINE=docker` leads to Docker or Podman, which have one\n"
        ),
        "{}",
        run.stderr
    );
}

/// On a machine where nothing of Docker or Podman is: nobody has to say so.
#[test]
fn where_there_is_no_daemon_the_native_engine_is_taken() {
    let native = Native::of(Room::new());
    copied(&native.room);
    let bare = |args: &str| {
        let mut command = Command::new("unshare");
        // What is in /run is hidden, and with it all sockets.
        command.args(["--mount", "sh", "-c", "mount -t tmpfs none /run && exec \"$@\"", "sh"]);
        command.arg(support::bb()).args(args.split_whitespace());
        native.room.seal(&mut command);
        command.current_dir(native.room.path("")).env_remove("DOCKER_HOST");
        command.env("BB_NATIVE_DIR", &native.store);
        Run::of(command)
    };
    bare("build").ok();
    assert!(native.store.join("oci/index.json").exists());
    let why = "for there is no socket of Docker or Podman: boxes start here";
    let doctor = bare("doctor --offline");
    assert!(doctor.stdout.contains(why), "{}", doctor.stdout);
    let told = bare("config engine").stdout;
    assert!(told.starts_with("native, in "), "{told}");
}

/// The variable wins over the file, and the file over whatever leads to a daemon.
#[test]
fn the_engine_that_the_settings_name_is_taken() {
    let native = Native::of(Room::new());
    copied(&native.room);
    let settings = native.room.read("bb.toml");
    native.room.write("bb.toml", &format!("engine = \"native\"\n{settings}"));
    let with = |engine: &str, args: &str| {
        let mut command = native.command(args);
        command.env("BB_ENGINE", engine);
        Run::of(command)
    };
    with("", "build").ok();
    assert!(native.store.join("oci/index.json").exists());
    let shown = with("", "config").stdout;
    let line = shown.lines().find(|line| line.starts_with("engine ")).unwrap();
    assert!(line.contains(" bb.toml:1 ") && line.contains("native, in "), "{line}");
    let doctor = with("", "doctor --offline").stdout;
    assert!(doctor.contains("boxes start here"), "{doctor}");
    with("docker", "build -f").fails(4, NO_DAEMON);
    native.room.write("bb.toml", &format!("engine = \"podman\"\n{settings}"));
    let refused = with("", "build");
    assert!(
        refused.code == Some(3) && refused.stderr.contains("1 | engine = \"podman\"\n"),
        "{}",
        refused.stderr
    );
}

#[test]
fn an_unknown_engine_is_refused() {
    let room = Room::new();
    copied(&room);
    room.bb_with(&[("BB_ENGINE", "dcoker")], "build").fails(
        3,
        "error: `BB_ENGINE` is `dcoker`, which is no engine\nhint: `native`, `docker`, `guest`, or `auto`\n",
    );
}

/// `bb build` of a dock with a command, after a script has made it hard, in mounts and namespaces of its own.
fn refused(flags: &str, script: &str, store: &Path) -> String {
    let room = Room::new();
    room.dock("a", "FROM scratch\nCOPY f /\nRUN [\"/f\"]\n", &[("f", "")]);
    let build = room.command("build");
    let mut command = Command::new("unshare");
    command.args([flags, "sh", "-c", &format!("{script}\nexec \"$@\""), "sh"]);
    command.arg(build.get_program()).args(build.get_args());
    command.current_dir(build.get_current_dir().unwrap()).env_clear();
    command.envs(build.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("BB_ENGINE", "native").env("BB_NATIVE_DIR", store);
    let run = Run::of(command);
    assert_eq!(run.code, Some(4), "{}", run.stderr);
    let lines = run.stderr.lines().filter(|l| l.starts_with("error: ") || l.starts_with("hint: "));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn where_no_box_can_be_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["lower", "upper", "work", "top"] {
        std::fs::create_dir(path(name)).unwrap();
    }
    let at = folder.path().display();
    let overlay = format!(
        "mount -t overlay -o lowerdir={at}/lower,upperdir={at}/upper,workdir={at}/work none {at}/top"
    );
    assert_eq!(
        refused("-m", &overlay, &path("top/store")),
        format!(
            "error: the store `{at}/top/store` is on overlayfs, and no box can be there\n\
             hint: `BB_NATIVE_DIR` names a folder on another file system, such as ext4, xfs, btrfs or tmpfs"
        )
    );
    assert_eq!(
        refused("-Urm", "echo 0 > /proc/sys/user/max_user_namespaces", &path("store")),
        "error: cannot make a user namespace: no space left on device\n\
         hint: `/proc/sys/user/max_user_namespaces` and, on Ubuntu, AppArmor's profile for `bb` decide that"
    );
}

/// What a filter answers to a call.
pub struct Refusal {
    /// The call's number.
    call: i64,
    /// Only where these bits of an argument are so.
    only: Option<(u8, u64, u64)>,
}

/// `EPERM`.
const NOT_PERMITTED: u32 = 1;
/// `ENODEV`.
const NO_DEVICE: u32 = 19;

/// Numbers of x86_64.
const MOUNT: i64 = 165;
const PIVOT_ROOT: i64 = 155;
const UNSHARE: i64 = 272;
const CLONE: i64 = 56;
const CLONE_NEWUSER: u64 = 0x1000_0000;

fn refuse(calls: &[i64]) -> Vec<Refusal> {
    calls.iter().map(|&call| Refusal { call, only: None }).collect()
}

/// What AppArmor leaves of a user namespace on Ubuntu: it is there, and nobody has any rights in it. The calls are
/// chroot, setgroups, setresuid, setresgid, umount2, sethostname and those that mount.
fn without_rights() -> Vec<Refusal> {
    let mut all = refuse(&[161, 116, 117, 119, 166, 170, MOUNT, PIVOT_ROOT]);
    all.push(Refusal { call: UNSHARE, only: Some((0, CLONE_NEWUSER, 0)) });
    all
}

/// What Docker's default profile does with them.
fn in_a_container() -> Vec<Refusal> {
    let mut all = refuse(&[MOUNT, PIVOT_ROOT, UNSHARE, 166, 308]);
    all.push(Refusal { call: CLONE, only: Some((0, CLONE_NEWUSER, CLONE_NEWUSER)) });
    all
}

/// No filter reads what is to be mounted. Overlayfs is the one kind that boxes mount without any flags.
fn no_overlay() -> Vec<Refusal> {
    vec![Refusal { call: MOUNT, only: Some((3, u64::from(u32::MAX), 0)) }]
}

/// Runs a command whose calls are refused: what a thread starts has its filter.
pub fn filtered(refusals: Vec<Refusal>, errno: u32, command: Command) -> Run {
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
        SeccompRule,
    };
    let rule = |refusal: Refusal| {
        let condition = |(argument, mask, value)| {
            let operator = SeccompCmpOp::MaskedEq(mask);
            let condition =
                SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value).unwrap();
            SeccompRule::new(vec![condition]).unwrap()
        };
        (refusal.call, refusal.only.map(condition).into_iter().collect::<Vec<_>>())
    };
    let rules = refusals.into_iter().map(rule).collect();
    let (otherwise, refused) = (SeccompAction::Allow, SeccompAction::Errno(errno));
    let machine = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules, otherwise, refused, machine).unwrap();
    let program = BpfProgram::try_from(filter).unwrap();
    let run = move || {
        seccompiler::apply_filter(&program).unwrap();
        Run::of(command)
    };
    std::thread::spawn(run).join().unwrap()
}

#[test]
fn where_a_filter_lets_no_box_be_it_is_said() {
    let no_rights = "hint: whoever has a user namespace has no rights in it: on Ubuntu, \
        `sysctl kernel.apparmor_restrict_unprivileged_userns` is 1, and a profile of AppArmor with `userns,` \
        for `bb` gives them; with `BB_ENGINE=docker`, a daemon makes the boxes\n";
    let refused = "hint: a filter of system calls (seccomp), as containers have it, or AppArmor refuses it; with \
        `BB_ENGINE=docker`, a daemon makes the boxes\n";
    let some_rights = || vec![Refusal { call: UNSHARE, only: Some((0, CLONE_NEWUSER, 0)) }];
    let no_mounts = "hint: a profile of seccomp or AppArmor, as containers have them, lets nobody mount; with \
        `BB_ENGINE=docker`, a daemon makes the boxes\n";
    let table = [
        (without_rights(), "become user 0 of the box", no_rights),
        (some_rights(), "make a box's namespaces", no_rights),
        (refuse(&[161]), "stay in the store", no_rights),
        (in_a_container(), "make a user namespace", refused),
        (refuse(&[MOUNT]), "keep the box's mounts apart", no_mounts),
    ];
    for (refusals, what, hint) in table {
        let native = Native::of(Room::new());
        native.room.dock("a", "FROM scratch\nCOPY f /\nRUN [\"/f\"]\n", &[("f", "")]);
        let run = filtered(refusals, NOT_PERMITTED, native.command("build"));
        let said = format!("error: cannot {what}: operation not permitted\n");
        assert_eq!(run.code, Some(4), "{what}: {}", run.stderr);
        assert!(run.stderr.contains(&said) && run.stderr.contains(hint), "{what}: {}", run.stderr);
        // It is the filter alone.
        let other = native.bb("build");
        assert!(other.stderr.contains("error: cannot run `/f` in the box"), "{}", other.stderr);
    }
}

/// A disk that is full, and then has room: in one mount namespace, with a store on a small file system.
fn on_a_small_disk(native: &Native, size: &str) -> Run {
    let build = native.command("build");
    let line = |command: &Command| {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        words.map(|word| word.to_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    let store = native.store.display();
    let script = format!(
        "mkdir {store} && mount -t tmpfs -o size={size} none {store} || exit 99
        {build}; echo code $?
        find {store} -name '*.new' -o -name '.*' -o -name '*.part' -o -path '*/sha256/*' -o -path '*/layers/*'
        mount -o remount,size=100m {store}; {build} >&2; echo code $?",
        build = line(&build)
    );
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", &script]);
    command.current_dir(build.get_current_dir().unwrap()).env_clear();
    command.envs(build.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Run::of(command)
}

#[test]
fn a_full_disk_leaves_nothing_by_halves() {
    let hint = "hint: free some space (`bb df` tells what takes it, `bb gc` removes what nothing needs) and run the \
        same command again; nothing is lost\n";
    let busybox = std::fs::metadata("/bin/busybox").expect("busybox-static").len() / 1024;
    // Where the blob has no room; where it has, and what is unpacked has none.
    let blob = (format!("{}k", busybox / 2), "oci/blobs/sha256");
    let unpacked = (format!("{}k", busybox + busybox / 2), "layers");
    for (size, place) in [blob, unpacked] {
        let native = Native::of(Room::new());
        let base =
            "FROM scratch\nCOPY busybox /bin/busybox\nRUN [\"/bin/busybox\", \"mkdir\", \"/d\"]\n";
        native.room.dock("base", base, &[]);
        let copied = std::fs::copy("/bin/busybox", native.room.path("bb-dock/base/busybox"));
        copied.unwrap();
        native.room.chmod("bb-dock/base/busybox", 0o755);
        let run = on_a_small_disk(&native, &size);
        assert_eq!(run.stdout, "code 1\ncode 0\n", "{}", run.stderr);
        assert!(run.stderr.contains("no space left on device\n"), "{}", run.stderr);
        assert!(
            run.stderr.contains(&format!("{}/{place}", native.store.display())),
            "{}",
            run.stderr
        );
        assert!(run.stderr.contains(hint), "{}", run.stderr);
    }
}

/// Builds images, and once more where overlayfs cannot be mounted, in another store: boxes stand on copies there, and
/// all comes out the same.
fn same_without_overlayfs(native: Native, names: &[String]) -> Native {
    let said =
        "warning: overlayfs cannot be mounted here, so each box stands on a copy of its layers\n";
    let args = format!("build {}", names.join(" "));
    let run = native.bb(&args).ok();
    assert!(!run.stderr.contains(said), "{}", run.stderr);
    let ids = names.iter().map(|name| native.id(STATE, name)).collect::<Vec<_>>();
    let copies = Native { store: native.room.dir.join("copies"), room: native.room };
    std::fs::rename(copies.room.path(STATE), copies.room.path(".before")).unwrap();
    let run = filtered(no_overlay(), NO_DEVICE, copies.command(&args)).ok();
    assert_eq!(run.stderr.matches(said).count(), 1, "{}", run.stderr);
    for (name, id) in names.iter().zip(ids) {
        assert_eq!(copies.id(STATE, name), id, "{name}");
    }
    let again = filtered(no_overlay(), NOT_PERMITTED, copies.command(&args));
    assert!(again.stderr.starts_with("nothing to do: "), "{}", again.stderr);
    assert_eq!(copies.boxes(), 0);
    copies
}

#[test]
fn without_overlayfs_a_run_leaves_the_same_image() {
    let native = Native::of(Room::new());
    crate::ran::write(&native.room);
    let copies = same_without_overlayfs(native, &crate::ran::names().collect::<Vec<_>>());
    let run = filtered(no_overlay(), NOT_PERMITTED, copies.command("run base cat /old/a"));
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "a\n"), "{}", run.stderr);
}

#[test]
#[ignore = "imports and compiles all of it twice, with copies of a whole stage3 for each box: on demand"]
fn without_overlayfs_a_rootfs_is_the_same() {
    let native = Native::of(shipped());
    let runs = "FROM ${NAMESPACE}/busybox\nRUN echo made > /made && chown nobody /made\n";
    native.room.dock("runs", runs, &[]);
    same_without_overlayfs(native, &["busybox", "runs"].map(str::to_owned));
}

/// The shipped busybox, with the mirror.
fn shipped() -> Room {
    let room = Room::with_engine().with_mirror(&Mirror::get());
    crate::slice::copy_docks(&room);
    room
}

#[test]
fn what_is_shipped_is_built_tested_and_removed_without_a_daemon() {
    let native = Native::of(crate::guest::shipped());
    native.room.bb("build s6 ran").ok();
    killed(&native);
    native.told("build s6").ran("image:busybox image:s6 rootfs:busybox rootfs:s6");
    native.told("build ran").ran("dockerfile:ran image:ran");
    assert_eq!(native.boxes(), 0, "what was left has been removed");
    for name in ["busybox", "s6", "ran"] {
        assert_eq!(native.id(STATE, name), native.id(".bb", name), "{name}");
    }
    native.bb("build s6").fails(0, "nothing to do: 16 steps up to date\n");
    native.told("test busybox s6").ran("test:busybox test:s6");
    faulty(&native);
    linked_statically(&native);
    sound(&native);
    talked_to(&native);
    called_at(&native);
    on_a_terminal(&native);
    crate::tried::from_everywhere(&native);
    assert_eq!(native.boxes(), 0);
    // Another project of the same store has it all but its own images.
    let other = Native { room: shipped(), store: native.store.clone() };
    other.room.write("bb.lock", &native.room.read("bb.lock"));
    other.told("build s6");
    // Its children name it as their base, by its namespace.
    assert_eq!(other.id(STATE, "busybox"), native.id(STATE, "busybox"));
    removed(&native, &other);
}

/// Killed in the middle, whatever it was doing: nothing of it runs, and the next build goes on.
fn killed(native: &Native) {
    let mut running = Running::telling_in_group(native.command("build s6"));
    running.wait_for_message("started", "rootfs:busybox");
    let until = Instant::now() + Duration::from_secs(60);
    while native.boxes() == 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(native.boxes() > 0, "there was a box");
    running.signal_group("KILL");
    let before = running.told();
    assert!(before.done().contains(&"builder:bob".to_owned()), "{before}");
}

/// The same by the program with its C library in it, which starts itself again for each box.
fn linked_statically(native: &Native) {
    native.bb("clean busybox").ok();
    let like = native.command("build busybox");
    let mut command = Command::new(support::static_bb());
    command.args(like.get_args()).current_dir(like.get_current_dir().unwrap()).env_clear();
    command.envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Told::of(command).ran("dockerfile:busybox image:busybox rootfs:busybox");
    assert_eq!(native.id(STATE, "busybox"), native.id(".bb", "busybox"));
    native.bb("build s6").fails(0, "nothing to do: 16 steps up to date\n");
}

const FAULTY: &str = "FROM ${NAMESPACE}/busybox
HEALTHCHECK CMD echo not today; exit 1
CMD [\"sleep\", \"600\"]
";

const CHECKS: &str = r#"
[test]
timeout = 2

[[test.port]]
port = 80

[[test.process]]
name = "httpd"
user = "root"

[[test.process]]
name = "sleep"
user = "nobody"

[[test.command]]
run = "echo one; exit 3"

[[test.command]]
run = ["sleep", "600"]
"#;

const TOLD: &str = "error: the image `faulty` has 7 faults
  health check: `/bin/sh -c echo not today; exit 1`: not today
  nothing listens on port 80
  no process `httpd` runs
  no process `sleep` runs as `nobody`
  `echo one; exit 3` ended with 3, not with 0: one
  `sleep 600` did not end within 2 s
  `test.sh` ended with 1: here it ends
";

/// Each check of an image says what it finds.
fn faulty(native: &Native) {
    let script = "echo here it ends\nexit 1\n";
    native.room.dock("faulty", FAULTY, &[("dock.toml", CHECKS), ("test.sh", script)]);
    let run = native.bb("test faulty");
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains(TOLD), "{}", run.stderr);
    let ends = "FROM ${NAMESPACE}/busybox\nCMD [\"sh\", \"-c\", \"echo bye; exit 7\"]\n";
    let checks = "[[test.port]]\nport = 80\n";
    native.room.dock("faulty", ends, &[("dock.toml", checks)]);
    native.room.remove("bb-dock/faulty/test.sh");
    let run = native.bb("test faulty");
    let told = "the image `faulty` has 1 fault\n  it ended by itself, with exit status 7\n";
    assert!(run.stderr.contains(told), "{}", run.stderr);
    assert!(native.room.read(&format!("{STATE}/logs/test/faulty.log")).contains("bye\n"));
    native.room.remove("bb-dock/faulty");
}

const SOUND: &str = "FROM ${NAMESPACE}/busybox
COPY page /srv/
HEALTHCHECK CMD wget -q -O - http://127.0.0.1:8080/page
CMD [\"httpd\", \"-f\", \"-p\", \"8080\", \"-h\", \"/srv\"]
";

const ANSWERS: &str = r#"
[test]
timeout = 30

[[test.port]]
port = 8080
send = "GET /page HTTP/1.0\r\n\r\n"
contains = "served"

[[test.process]]
name = "httpd"
user = "root"

[[test.command]]
run = "cat /srv/page"
contains = "served"
"#;

/// One that is as it should be passes them all, from the outside as well.
fn sound(native: &Native) {
    let files =
        [("dock.toml", ANSWERS), ("test.sh", "grep served /srv/page\n"), ("page", "served\n")];
    native.room.dock("sound", SOUND, &files);
    native.told("test sound").ran("dockerfile:sound image:sound test:sound");
    let seen = native.room.read(&format!("{STATE}/images/sound/test.json"));
    for passed in ["audit", "health check", "test.sh", "3 of its own"] {
        assert!(seen.contains(passed), "{seen}");
    }
}

/// A command of one's own in an image, over pipes.
fn talked_to(native: &Native) {
    let run = |args: &[&str], input: &str| {
        let mut command = native.command("run");
        command.args(args);
        Run::fed(command, input)
    };
    let both = "echo out; echo err >&2; exit 7";
    run(&["busybox", "sh", "-c", both], "").is(7, "out\n", "err\n");
    run(&["busybox", "tr", "a-z", "A-Z"], "piped\n").is(0, "PIPED\n", "");
    let show = "echo $A $B; pwd; id -u; ls /dev/shm /proc/1 >/dev/null; tty";
    let said = run(&["-e", "A=1", "-e", "B=x=y", "busybox", "sh", "-c", show], "");
    said.is(1, "1 x=y\n/\n0\nnot a tty\n", "");
    let none = run(&["busybox", "none"], "");
    none.fails(1, "error: cannot run `none` in the box: no such file or directory\n");
    // A builder, at the point at which its step would begin.
    let shell = Run::fed(native.command("shell busybox"), "echo $((6*7)); ls -d $ROOT/usr; exit 5");
    assert!(shell.code == Some(5) && shell.stdout.starts_with("42\n"), "{shell:?}");
    assert_eq!(native.boxes(), 0);
}

fn get(port: u16, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A server is reached from outside; asked to, it ends.
fn called_at(native: &Native) {
    // Bound and given back: nobody else takes it at once.
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    let taken = native.bb(&format!("run -p 127.0.0.1:{port}:8080 sound"));
    assert_eq!(taken.code, Some(4));
    let said = format!("error: cannot listen at `127.0.0.1:{port}`: address already in use\n");
    assert!(taken.stderr.starts_with(&said), "{}", taken.stderr);
    drop(free);
    let server = Running::start(native.command(&format!("run -p 127.0.0.1:{port}:8080 sound")));
    let until = Instant::now() + Duration::from_secs(30);
    // Who calls before anybody listens inside is hung up on.
    while get(port, "/page").map_or(true, |answer| answer.is_empty()) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::scope(|scope| {
        let callers = (0..20).map(|_| scope.spawn(|| get(port, "/page").unwrap()));
        for caller in callers.collect::<Vec<_>>() {
            assert!(caller.join().unwrap().ends_with("\r\n\r\nserved\n"));
        }
    });
    server.signal("INT");
    assert_eq!(server.end().code, Some(130));
    assert!(get(port, "/page").is_err());
    assert_eq!(native.boxes(), 0);
}

/// Somebody sits at it: it has a terminal of its own box, of the right size, and keys reach what runs.
fn on_a_terminal(native: &Native) {
    let start = |number: u8, args: &str| {
        let mut tmux = Command::new("tmux");
        let like = native.command("");
        for (name, value) in like.get_envs() {
            value.map(|value| tmux.env(name, value));
        }
        tmux.current_dir(native.room.path(""));
        let line = format!("{} --state {STATE} {args}", support::bb().display());
        Terminal::start(tmux, native.room.dir.join(format!("tmux{number}")), &line)
    };
    let script = "tty; stty size; read x; stty size; echo got $x; exit 4";
    let terminal = start(1, &format!("run busybox sh -c '{script}'"));
    terminal.shows("/dev/pts/0\n24 80\n");
    terminal.resize(100);
    terminal.keys(&["hi", "Enter"]);
    terminal.shows("24 100\ngot hi\nexit code 4\n");
    drop(terminal);
    let terminal = start(2, "run busybox sh -c 'echo sleeps; sleep 600'");
    terminal.shows("sleeps\n");
    terminal.keys(&["C-c"]);
    terminal.shows("exit code 130\n");
    drop(terminal);
    let terminal = start(3, "shell busybox");
    terminal.keys(&["echo $((6*7))", "Enter", "exit 6", "Enter"]);
    terminal.shows("\n42\n");
    terminal.shows("exit code 6\n");
    drop(terminal);
    assert_eq!(native.boxes(), 0);
}

/// What nobody needs any more goes, and only that; in the end the store is empty.
fn removed(native: &Native, other: &Native) {
    let doctor = native.bb("doctor --offline");
    let fit =
        format!("native, in {}: boxes start here, no daemon is needed\n", native.store.display());
    assert!(doctor.stdout.contains(&fit), "{}", doctor.stdout);
    let names = |native: &Native| {
        let index = std::fs::read_to_string(native.store.join("oci/index.json")).unwrap();
        ["sound", "s6", "busybox", "bob"].map(|name| index.contains(&format!("/{name}:")))
    };
    assert_eq!(names(native), [true; 4]);
    native.room.remove("bb-dock/sound");
    native.bb("gc --unused-for 90").ok();
    assert_eq!(names(native), [false, true, true, true]);
    native.bb("build s6").fails(0, "nothing to do: 16 steps up to date\n");
    other.bb("clean").ok();
    native.bb("clean s6").ok();
    assert_eq!(names(native), [false, false, true, true]);
    native.told("build s6").ran("dockerfile:s6 image:s6 rootfs:s6");
    native.bb("clean").ok();
    native.bb("clean fetch verify import builder").ok();
    for left in ["layers", "boxes", "notes", "oci/blobs/sha256"] {
        assert_eq!(std::fs::read_dir(native.store.join(left)).unwrap().count(), 0, "{left}");
    }
}

/// User and group of an account.
pub fn account(name: &str) -> Option<(u32, u32)> {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = passwd.lines().find(|line| line.starts_with(&format!("{name}:")))?;
    let mut numbers = line.split(':').skip(2).map(|number| number.parse().unwrap());
    Some((numbers.next()?, numbers.next()?))
}

/// Where only that user may look: the program, the mirror, and a project with the docks of a room.
fn home(room: &Room, user: (u32, u32)) -> tempfile::TempDir {
    let home = tempfile::Builder::new().prefix("bb-home-").tempdir_in("/tmp").unwrap();
    let copy = |from: &Path, to: &str| {
        let copied = Command::new("cp").arg("-rL").arg(from).arg(home.path().join(to)).status();
        assert!(copied.unwrap().success());
    };
    copy(Path::new(support::bb()), "bb");
    copy(&Mirror::get().folder, "mirror");
    copy(&room.path(""), "project");
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    for entry in walkdir::WalkDir::new(home.path()) {
        chown(entry.unwrap().path(), Some(user.0), Some(user.1)).unwrap();
    }
    home
}

/// Builds docks of a room natively as an ordinary user, in his own copy of the project. Gives his home.
pub fn built_by_a_user(room: &Room, docks: &str) -> tempfile::TempDir {
    let user = account(USER);
    let user = user
        .unwrap_or_else(|| panic!("`useradd {USER}` as root makes the account that this needs"));
    let home = home(room, user);
    let settings = Mirror { folder: home.path().join("mirror") }.settings();
    let settings = format!("namespace = \"{}\"\n{settings}", room.namespace);
    std::fs::write(home.path().join("project/bb.toml"), settings).unwrap();
    std::fs::remove_dir_all(home.path().join("project/.bb")).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", &user.0.to_string(), "--regid", &user.1.to_string()]);
    command.args(["--clear-groups", "--inh-caps=-all", "--"]).arg(home.path().join("bb"));
    command.arg("build").args(docks.split(' '));
    room.seal(&mut command);
    command.current_dir(home.path().join("project")).env("HOME", home.path()).env("USER", USER);
    command.env("BB_ENGINE", "native").env("DOCKER_HOST", "unix:///nonexistent/engine.sock");
    Run::of(command).ok();
    home
}

#[test]
fn an_ordinary_user_builds_the_same_image() {
    let room = crate::guest::shipped();
    room.bb("build s6 ran").ok();
    let home = built_by_a_user(&room, "s6 ran");
    for image in ["busybox", "s6", "ran"] {
        let summary = format!(".bb/images/{image}/image.json");
        let own = id(&home.path().join("project").join(&summary));
        assert_eq!(own, id(&room.path(&summary)), "{image}");
    }
    let store = home.path().join(".local/share/gentoo-bb/native");
    assert_eq!(std::fs::read_dir(store.join("boxes")).unwrap().count(), 0);
}
