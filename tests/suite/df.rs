//! `bb df`: its figures are those of `du`, what it says to be reclaimable is what `bb gc` frees, as root and as an
//! ordinary user; it makes and starts nothing.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use support::sealed::{Room, Run};

use crate::crowd;
use crate::native::{Native, STATE, USER, account};

/// What another program says that paths take together, in bytes.
fn du(paths: &[&Path]) -> u64 {
    let out = Command::new("du").args(["-s", "-c", "--block-size=1"]).args(paths).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).unwrap();
    text.lines().last().unwrap().split('\t').next().unwrap().parse().unwrap()
}

/// What `bb df` says.
struct Df(Value);

impl Df {
    fn of(run: &Run) -> Self {
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
        Self(serde_json::from_str(&run.stdout).unwrap())
    }

    fn row(&self, sort: &str) -> [Option<u64>; 3] {
        let mut rows = self.0["types"].as_array().unwrap().iter();
        let row = rows.find(|row| row["type"] == sort).unwrap_or_else(|| panic!("{sort}"));
        ["count", "size", "reclaimable"].map(|name| row[name].as_u64())
    }

    fn size(&self, sort: &str) -> u64 {
        self.row(sort)[1].unwrap()
    }

    fn total(&self) -> [u64; 2] {
        ["size", "reclaimable"].map(|name| self.0["total"][name].as_u64().unwrap())
    }
}

impl Native {
    fn df(&self) -> Df {
        Df::of(&self.bb("df --json"))
    }

    fn du(&self) -> u64 {
        du(&[&self.store, &self.room.path(STATE)])
    }
}

/// Megabytes that nothing makes smaller.
fn large(room: &Room, name: &str) {
    room.dock(
        name,
        "FROM ${NAMESPACE}/one\nCOPY large /large\nRUN cat /large > /again\nRUN true\n",
        &[],
    );
    let bytes = std::iter::repeat_with(|| fastrand::u8(..)).take(3_000_000).collect::<Vec<_>>();
    std::fs::write(room.path(format!("bb-dock/{name}/large")), bytes).unwrap();
}

#[test]
fn figures_are_those_of_another_count_and_what_may_go_is_what_goes() {
    let native = Native::of(Room::new());
    let room = &native.room;
    crowd::write(room, "said");
    large(room, "large");
    // What is not there takes nothing, and is not made.
    let before = native.df();
    assert_eq!((before.row("images"), before.total()[1]), ([Some(0); 3], 0));
    assert!(!native.store.exists() && !room.path(STATE).exists());
    native.bb("build").ok();
    // Layers are unpacked for boxes.
    native.bb("run large true").ok();
    let built = native.df();
    assert_eq!(built.total(), [native.du(), 0]);
    assert_eq!(built.row("images")[0], Some(5));
    assert!(built.row("layers")[0] >= Some(4) && built.size("layers") > 6_000_000);
    let own = du(&[&native.store]);
    let told = ["images", "builders", "layers", "boxes", "caches", "store"].map(|s| built.size(s));
    assert_eq!(told.iter().sum::<u64>(), own);
    // Another name of a blob takes nothing.
    let blobs = native.store.join("oci/blobs/sha256");
    let blob = std::fs::read_dir(&blobs).unwrap().map(|entry| entry.unwrap().path());
    let blob = blob.max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    std::fs::create_dir_all(room.path(format!("{STATE}/oci/blobs/sha256"))).unwrap();
    let other = room.path(format!("{STATE}/oci/blobs/sha256/other"));
    std::fs::hard_link(&blob, &other).unwrap();
    let linked = native.df();
    assert_eq!(linked.total(), [native.du(), 0]);
    assert_eq!((linked.row("blobs")[1], linked.size("images")), (Some(0), built.size("images")));
    // As long as it has that name, nothing of it is free.
    room.remove("bb-dock/large");
    let half = native.df().total()[1];
    std::fs::remove_file(&other).unwrap();
    let size = blob.metadata().unwrap().len();
    let whole = native.df();
    assert!(whole.total()[1] >= half + size, "{half} {size} {:?}", whole.total());
    assert!(whole.row("layers")[2] > Some(6_000_000), "{:?}", whole.row("layers"));
    let before = native.du();
    native.bb("gc").ok();
    assert_eq!(before - native.du(), whole.total()[1]);
    assert_eq!(native.df().total(), [native.du(), 0]);
    native.bb("build").fails(0, "nothing to do: 8 steps up to date\n");
    shown(&native);
}

/// What people see.
fn shown(native: &Native) {
    let table = native.bb("df").stdout;
    let words =
        |line: usize| table.lines().nth(line).unwrap().split_whitespace().collect::<Vec<_>>();
    assert_eq!(words(0), ["TYPE", "TOTAL", "SIZE", "RECLAIMABLE"]);
    assert_eq!(words(1)[..2], ["images", "4"]);
    assert_eq!(table.lines().last().unwrap().split_whitespace().next(), Some("total"));
    let each = native.bb("df -v").stdout;
    assert!(each.starts_with("TYPE     SIZE"), "{each}");
    for name in ["base", "one", "two", "three"] {
        assert!(each.contains(&native.room.image(name)), "{each}");
    }
    // An image has what it is built on as well.
    let objects = native.df().0["objects"].as_array().unwrap().clone();
    let image = |name: &str| {
        let called = native.room.image(name);
        let object = objects.iter().find(|object| object["name"] == called).unwrap().clone();
        ["size", "shared"].map(|name| object[name].as_u64().unwrap())
    };
    let ([base, _], [one, shared]) = (image("base"), image("one"));
    assert!(shared >= base - 8192 && one > shared, "{base} {one} {shared}");
}

/// Files come and go while they are counted.
#[test]
fn what_vanishes_meanwhile_is_no_failure() {
    let native = Native::of(Room::new());
    native.room.dock("a", "FROM scratch\nCOPY f /\n", &[("f", "")]);
    native.bb("build").ok();
    let folders = [native.store.join("caches/many"), native.room.path(format!("{STATE}/logs/x"))];
    let (ended, made) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for folder in &folders {
            let (ended, made) = (&ended, &made);
            scope.spawn(move || {
                while !ended.load(Ordering::Relaxed) {
                    for number in 0..300 {
                        std::fs::create_dir_all(folder.join(number.to_string())).unwrap();
                        std::fs::write(folder.join(format!("{number}/f")), "x").unwrap();
                    }
                    made.store(true, Ordering::Relaxed);
                    std::fs::remove_dir_all(folder).unwrap();
                }
            });
        }
        for _ in 0..40 {
            native.df();
        }
        ended.store(true, Ordering::Relaxed);
    });
    assert!(made.load(Ordering::Relaxed));
}

/// Ids of boxes own what the user cannot read.
#[test]
fn an_ordinary_users_boxes_are_counted_too() {
    let user = account(USER);
    let user = user.unwrap_or_else(|| panic!("`useradd {USER}` as root makes the account"));
    let room = Room::new();
    crowd::write(&room, "said");
    let secret = "FROM ${NAMESPACE}/base\nRUN mkdir -m 700 /secret && head -c 2000000 /dev/urandom > /secret/f\nRUN true\n";
    room.dock("secret", secret, &[]);
    let home = tempfile::Builder::new().prefix("bb-home-").tempdir_in("/tmp").unwrap();
    let done = |command: &str| {
        let script = format!(
            "cp {} bb && cp -r {}/. project && {command}",
            support::bb().display(),
            room.path("").display()
        );
        let done = Command::new("sh").args(["-c", &script]).current_dir(home.path()).status();
        assert!(done.unwrap().success());
    };
    done(&format!("chown -R {}:{} .", user.0, user.1));
    let bb = |args: &str| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &user.0.to_string(), "--regid", &user.1.to_string()]);
        command.args(["--clear-groups", "--inh-caps=-all", "--"]).arg(home.path().join("bb"));
        room.seal(command.args(args.split_whitespace()));
        command.current_dir(home.path().join("project")).env("HOME", home.path()).env("USER", USER);
        command.env("BB_ENGINE", "native").env("DOCKER_HOST", "unix:///nonexistent/engine.sock");
        Run::of(command)
    };
    bb("build secret").ok();
    bb("run secret true").ok();
    let store = home.path().join(".local/share/gentoo-bb/native");
    let all = || du(&[&store, &home.path().join("project/.bb")]);
    let df = Df::of(&bb("df --json"));
    assert_eq!(df.total(), [all(), 0]);
    assert!(df.size("layers") > 2_000_000);
    std::fs::remove_dir_all(home.path().join("project/bb-dock/secret")).unwrap();
    let (before, [_, reclaimable]) = (all(), Df::of(&bb("df --json")).total());
    bb("gc").ok();
    assert!(reclaimable > 4_000_000);
    assert_eq!(before - all(), reclaimable);
}

#[test]
fn docker_tells_of_images_and_not_of_caches() {
    let room = Room::with_engine();
    room.dock("base", "FROM scratch\nCOPY a /a\n", &[("a", &"a".repeat(2_000_000))]);
    room.dock("child", "FROM ${NAMESPACE}/base\nCOPY b /b\n", &[("b", &"b".repeat(1_000_000))]);
    room.bb("build").ok();
    let df = || serde_json::from_str(&room.bb("df --json").stdout).map(Df).unwrap();
    let size = |name: &str| {
        let image = room.image(name);
        let told = room.engine().docker(&["image", "inspect", "-f", "{{.Size}}", &image]);
        told.trim().parse::<u64>().unwrap()
    };
    // What is below counts once.
    let built = df();
    assert_eq!(built.row("images"), [Some(2), Some(size("child")), Some(0)]);
    assert_eq!(built.row("layers")[0], Some(0));
    let added = size("child") - size("base");
    room.remove("bb-dock/child");
    assert_eq!(df().row("images"), [Some(2), Some(size("child")), Some(added)]);
    room.bb("gc").ok();
    assert_eq!(df().row("images"), [Some(1), Some(size("base")), Some(0)]);
    // A cache that is there: nobody is told how large it is.
    room.write("bb.toml", &format!("{}caches = \"{}\"\n", room.read("bb.toml"), room.namespace));
    let volume = format!("{}-sources", room.namespace);
    room.engine().docker(&["volume", "create", &volume]);
    let run = room.bb("df");
    room.engine().docker(&["volume", "rm", &volume]);
    assert_eq!(run.stderr, "the engine does not tell what its caches take\n");
    let line = run.stdout.lines().find(|line| line.starts_with("caches")).unwrap();
    assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["caches", "1", "-", "-"]);
}

#[test]
fn without_an_engine_the_state_folder_is_told() {
    let native = Native::of(Room::new());
    native.room.dock("a", "FROM scratch\nCOPY f /\n", &[("f", "")]);
    native.bb("build").ok();
    let state = native.room.path(STATE);
    let mut command = native.command("df");
    command.env("BB_ENGINE", "docker");
    let run = Run::of(command);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let said = "warning: what an engine has is not counted: no container engine answers at \
        `unix:///nonexistent/engine.sock`\nhint: start Docker or Podman, or set DOCKER_HOST to where it listens\n";
    assert_eq!(run.stderr, said);
    assert!(run.stdout.lines().last().unwrap().ends_with(" -"), "{}", run.stdout);
    // A dock that is wrong says only that it is not known what would go.
    native.room.write("bb-dock/a/Dockerfile.template", "FRM scratch\n");
    let run = native.bb("df --json");
    assert!(
        run.code == Some(0)
            && run.stderr.starts_with("warning: what `bb gc` would free is not known: "),
        "{}",
        run.stderr
    );
    let told = serde_json::from_str::<Value>(&run.stdout).unwrap();
    assert_eq!(told["total"]["size"].as_u64(), Some(du(&[&native.store, &state])));
    assert!(told["total"]["reclaimable"].is_null());
}
