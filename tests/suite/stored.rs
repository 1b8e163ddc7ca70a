//! Several machines and one store: each step is compiled once in all; what does not count is not taken, and the build
//! goes on without it.
//!
//! A machine is a project at a place of its own with a native engine of its own.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::Value;
use sha2::{Digest, Sha256};
use support::Told;
use support::registry::Registry;
use support::sealed::{Mirror, Room, Run, Running};

/// A project with its own engine, and the store that it names.
struct Machine {
    room: Room,
    engine: PathBuf,
    key: Option<PathBuf>,
}

/// An engine for those that are to have one at once: stage3 and snapshot are brought there once.
pub static ENGINE: LazyLock<Room> = LazyLock::new(Room::with_engine);

/// The keys of a test, in a folder.
struct Keys(tempfile::TempDir);

impl Keys {
    fn make(names: &[&str]) -> Self {
        let keys = Self(tempfile::tempdir().unwrap());
        let room = Room::new();
        for name in names {
            room.bb(&format!("store key {}", keys.file(name).display())).ok();
        }
        keys
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

impl Machine {
    /// One that takes from a store what a key has signed, and, with that key, gives.
    fn of(room: Room, url: &str, keys: &Keys, gives: bool) -> Self {
        let (push, trust) = (if gives { "yes" } else { "no" }, keys.file("team.pub"));
        let trust = trust.display();
        room.append(
            "bb.toml",
            &format!("[store]\nurl = \"{url}\"\npush = \"{push}\"\ntrust = [\"{trust}\"]\n"),
        );
        let engine = room.dir.join("engine");
        Self { room, engine, key: gives.then(|| keys.file("team")) }
    }

    /// With nothing but a dock that takes no time: `app`, whose rootfs is a user's group.
    fn small(url: &str, keys: &Keys, gives: bool) -> Self {
        let room = Room::new().with_mirror(&Mirror::get());
        room.write("bb-dock/app/Dockerfile.template", "FROM scratch\nADD rootfs.tar /\n");
        room.write("bb-dock/app/Buildconfig.sh", "PACKAGES='acct-group/nginx'\n");
        Self { engine: ENGINE.dir.join("engine"), ..Self::of(room, url, keys, gives) }
    }

    /// With the pins of another one: no step of a builder is done twice.
    fn beside(self, other: &Self) -> Self {
        self.room.write("bb.lock", &other.room.read("bb.lock"));
        self
    }

    fn seal(&self, command: &mut Command) {
        command.env("BB_ENGINE", "native").env("BB_NATIVE_DIR", &self.engine);
        command.envs(self.key.iter().map(|key| ("BB_STORE_KEY", key)));
    }

    fn command(&self, args: &str) -> Command {
        let mut command = self.room.command(args);
        self.seal(&mut command);
        command
    }

    fn told(&self, args: &str) -> Told {
        Told::of(self.command(args)).ok()
    }

    fn bb(&self, args: &str) -> Run {
        Run::of(self.command(args))
    }

    fn id(&self, name: &str) -> String {
        crate::native::id(&self.room.path(format!(".bb/images/{name}/image.json")))
    }
}

/// What was said besides the progress.
fn warnings(told: &Told) -> String {
    let warned = told.of_type("warning").chain(told.of_type("warned"));
    warned.map(|message| message["message"].as_str().unwrap().to_owned() + "\n").collect()
}

/// Whether a step's result was taken.
fn taken(told: &Told, step: &str) -> bool {
    let done = told.of_type("done").find(|message| message["step"] == step);
    done.is_some_and(|message| message["note"].as_str().unwrap().ends_with(", from the store"))
}

const FOR_OTHERS: [&str; 4] = ["fetch:", "verify:", "import:", "builder:"];

#[test]
fn three_machines_compile_each_step_once() {
    let registry = Registry::start(false);
    let url = format!("oci://{}/team/store", registry.address);
    let keys = Keys::make(&["team"]);
    let shipped = || {
        let room = Room::new().with_mirror(&Mirror::get());
        crate::slice::copy_docks(&room);
        room
    };
    let first = Machine::of(shipped(), &url, &keys, true);
    let second = Machine::of(shipped(), &url, &keys, true);
    let made = first.told("build busybox");
    assert!(!taken(&made, "rootfs:busybox"), "{made}");
    assert_eq!(warnings(&made), "");
    second.room.write("bb.lock", &first.room.read("bb.lock"));
    let made = second.told("build s6");
    assert!(taken(&made, "rootfs:busybox") && !taken(&made, "rootfs:s6"), "{made}");
    // The third has nothing compiled, and nothing that compiling needs. By make, at another place.
    let room = shipped();
    fs::rename(room.path("bb-dock"), room.path("docks")).unwrap();
    let toml = room.read("bb.toml");
    room.write("bb.toml", &format!("docks = \"docks\"\n{toml}"));
    let third = Machine::of(room, &url, &keys, false);
    third.room.write("bb.lock", &first.room.read("bb.lock"));
    third.bb("makefile").ok();
    let mut make = third.room.telling("make", &["-j2", "-f", "Makefile.generated", "bb-s6"]);
    third.seal(&mut make);
    let made = Told::from(make.output().unwrap()).ok();
    assert!(taken(&made, "rootfs:busybox") && taken(&made, "rootfs:s6"), "{made}");
    let for_others = |step: &String| FOR_OTHERS.iter().any(|kind| step.starts_with(kind));
    assert_eq!(made.started().iter().find(|step| for_others(step)), None, "{made}");
    assert!(
        !third.engine.join("layers").exists()
            || fs::read_dir(third.engine.join("layers")).unwrap().next().is_none()
    );
    assert_eq!(third.id("busybox"), first.id("busybox"));
    let rootfs =
        |machine: &Machine| fs::read(machine.room.path(".bb/images/s6/rootfs.tar")).unwrap();
    assert!(rootfs(&third) == rootfs(&second));
    third.bb("build s6").fails(0, "nothing to do: 16 steps up to date\n");
    third.bb("store verify").is(
        0,
        "the store has nothing that differs from what was built here\n",
        "",
    );
    // What comes to be compiled after all gets its builder.
    third.room.append("docks/s6/Buildconfig.sh", "# Mine.\n");
    let made = third.told("build s6");
    assert!(
        made.started().contains(&"builder:bob".to_owned()) && !taken(&made, "rootfs:s6"),
        "{made}"
    );
    assert!(!made.started().contains(&"rootfs:busybox".to_owned()), "{made}");
}

/// A folder as store, with what one machine has given.
struct Given {
    folder: tempfile::TempDir,
    keys: Keys,
    first: Machine,
    statement: PathBuf,
}

impl Given {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::make(&["team", "stranger"]);
        let url = format!("file://{}", folder.path().display());
        let first = Machine::small(&url, &keys, true);
        let made = first.told("build");
        assert!(
            made.started().contains(&"rootfs:app".to_owned()) && warnings(&made).is_empty(),
            "{made}"
        );
        let statement = only(&folder.path().join("steps"));
        Self { folder, keys, first, statement }
    }

    fn url(&self) -> String {
        format!("file://{}", self.folder.path().display())
    }

    /// Another machine, that wants what the first has made.
    fn other(&self) -> Machine {
        Machine::small(&self.url(), &self.keys, false).beside(&self.first)
    }

    /// A blob that is not empty.
    fn blob(&self) -> PathBuf {
        let blobs = fs::read_dir(self.folder.path().join("blobs/sha256")).unwrap();
        let blobs = blobs.map(|entry| entry.unwrap().path());
        blobs.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap()
    }
}

fn only(folder: &Path) -> PathBuf {
    let mut all = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let one = all.next().unwrap();
    assert_eq!(all.next(), None);
    one
}

/// A machine that builds without what the store has, and says why.
#[track_caller]
fn goes_on(machine: &Machine, why: &str) {
    let made = machine.told("build");
    assert!(made.done().contains(&"image:app".to_owned()) && !taken(&made, "rootfs:app"), "{made}");
    let said = warnings(&made);
    assert!(said.contains(why) && said.lines().count() == 1, "{why}: {said}");
}

#[test]
fn what_does_not_count_is_not_taken_and_the_build_goes_on() {
    let given = Given::new();
    let good = fs::read(&given.statement).unwrap();
    let refused = |text: &[u8], why: &str| {
        fs::write(&given.statement, text).unwrap();
        goes_on(&given.other(), why);
        let stands = given.other().bb("store verify");
        assert!(stands.code == Some(5) && stands.stdout.contains(why), "{stands:?}");
    };
    let count = "`rootfs:app`: what the store has of it does not count: ";
    let envelope = serde_json::from_slice::<Value>(&good).unwrap();
    let mut unsigned = envelope.clone();
    unsigned["signatures"] = serde_json::json!([]);
    fs::write(&given.statement, unsigned.to_string()).unwrap();
    goes_on(&given.other(), &format!("{count}nobody has signed it"));
    refused(b"{\"payload\":", "it is no signed statement");
    // Of another step, whoever has moved it there.
    let elsewhere = given.first.room.read("bb-dock/app/Buildconfig.sh") + "# Other.\n";
    given.first.room.write("bb-dock/app/Buildconfig.sh", &elsewhere);
    given.first.told("build");
    let mut steps =
        fs::read_dir(given.statement.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let other = steps.find(|path| *path != given.statement).unwrap();
    refused(&fs::read(other).unwrap(), "it was signed for another key");
    // As good as the first, by somebody whom nobody trusts.
    let mut stranger = Machine::small(&given.url(), &given.keys, true).beside(&given.first);
    stranger.key = Some(given.keys.file("stranger"));
    let trust = stranger.room.read("bb.toml").replace("team.pub", "stranger.pub");
    stranger.room.write("bb.toml", &trust);
    fs::remove_file(&given.statement).unwrap();
    stranger.told("build");
    let theirs = fs::read(&given.statement).unwrap();
    refused(&theirs, "no key that is trusted has signed it");
    // It is in nobody's way: who may sign puts his own in its place.
    let own = Machine::small(&given.url(), &given.keys, true).beside(&given.first);
    own.told("build");
    assert!(taken(&given.other().told("build"), "rootfs:app"));
    // A statement without end, and files that are others, or half of them.
    fs::File::create(&given.statement).unwrap().set_len(1 << 30).unwrap();
    goes_on(&given.other(), "the store is not asked from here on");
    fs::write(&given.statement, &good).unwrap();
    let (blob, whole) = (given.blob(), fs::read(given.blob()).unwrap());
    let mut changed = whole.clone();
    changed[1000] ^= 1;
    for (bytes, why) in
        [(&changed[..], "is not what its digest says"), (&whole[..1000], "cannot be taken")]
    {
        fs::write(&blob, bytes).unwrap();
        goes_on(&given.other(), why);
    }
    fs::remove_file(&blob).unwrap();
    goes_on(&given.other(), "cannot be taken");
    // Who gives finds that something is missing of what is there, and mends it.
    given.first.room.write(
        "bb.toml",
        &given.first.room.read("bb.toml").replace("push = ", "pull = \"no\"\npush = "),
    );
    given.first.room.write("bb-dock/app/Buildconfig.sh", "PACKAGES='acct-group/nginx'\n");
    given.first.told("build");
    let taker = given.other();
    // What lies where it would arrive is not believed.
    let place = taker.room.path(".bb/arriving/rootfs/app/sha256");
    fs::create_dir_all(&place).unwrap();
    for blob in fs::read_dir(given.folder.path().join("blobs/sha256")).unwrap() {
        fs::write(place.join(blob.unwrap().file_name()), "bad").unwrap();
    }
    goes_on(&taker, "is not what its digest says");
    assert!(taken(&given.other().told("build"), "rootfs:app"));
}

/// What was brought and does not verify is not built of, whether the store has an image or not.
#[test]
fn a_signature_that_does_not_verify_is_told_all_the_same() {
    let given = Given::new();
    let other = Machine { engine: given.folder.path().join("none"), ..given.other() };
    other.told("build fetch:portage.tar.xz fetch:portage.tar.xz.gpgsig");
    other.room.write(".bb/downloads/portage.tar.xz.gpgsig", "evil");
    let made = Told::of(other.command("build"));
    assert!(made.code == Some(5) && made.failed() == ["verify:portage"], "{made}");
    other.room.append("bb-dock/app/Buildconfig.sh", "# Other.\n");
    let made = Told::of(other.command("build -k"));
    assert!(made.code == Some(5) && made.failed() == ["verify:portage"], "{made}");
    assert!(!made.started().contains(&"rootfs:app".to_owned()), "{made}");
}

/// A registry that says what a test wants, on a port of its own.
fn liar(answer: impl Fn(&str, &mut dyn Write) + Send + 'static) -> String {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in server.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap_or(0);
            let line = String::from_utf8_lossy(&request[..read])
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned();
            answer(&line, &mut stream);
        }
    });
    format!("oci://localhost:{}/team/store", address.port())
}

fn respond(to: &mut dyn Write, kind: &str, body: &[u8]) {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = to.write_all(head.as_bytes()).and_then(|()| to.write_all(body));
}

#[test]
fn a_registry_that_lies_or_never_ends_holds_nobody_up() {
    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    let given = Given::new();
    let on = |url: &str| Machine::small(url, &given.keys, false).beside(&given.first);
    let endless = liar(|_, to| {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {MANIFEST}\r\nContent-Length: 1073741824\r\n\r\n"
        );
        let _ = to.write_all(head.as_bytes());
        while to.write_all(&[b' '; 4096]).is_ok() {}
    });
    goes_on(&on(&endless), "the store is not asked from here on");
    let statement = fs::read(&given.statement).unwrap();
    let digest = format!("sha256:{}", "0".repeat(64));
    let lies = liar(move |line, to| {
        if line.contains("/manifests/") {
            let config = serde_json::json!({
                "mediaType": "application/vnd.dsse.envelope.v1+json", "digest": digest, "size": statement.len(),
            });
            let manifest = serde_json::json!({
                "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [],
            });
            respond(to, MANIFEST, manifest.to_string().as_bytes());
        } else if line.contains("/blobs/") {
            respond(to, "application/octet-stream", &statement);
        } else {
            respond(to, "application/json", b"{}");
        }
    });
    goes_on(&on(&lies), "sent something else than `sha256:0000");
    // Nobody is there: told once, and that is all.
    goes_on(&on("oci://localhost:1/team/store"), "the store is not asked from here on");
}

#[test]
fn another_result_of_the_same_inputs_is_found() {
    let given = Given::new();
    let unsteady = "PACKAGES='acct-group/nginx'\nfinish_rootfs_build() { date +%N >\"${EMERGE_ROOT}/etc/now\"; }\n";
    let [one, two] = [(); 2].map(|()| {
        let machine = Machine::small(&given.url(), &given.keys, true).beside(&given.first);
        machine.room.write("bb-dock/app/Buildconfig.sh", unsteady);
        machine
    });
    one.told("build");
    two.room
        .write("bb.toml", &(two.room.read("bb.toml").replace("push = ", "pull = \"no\"\npush = ")));
    let said = warnings(&two.told("build"));
    assert!(
        said.contains(
            "`rootfs:app`: the store has another result of the same inputs, and keeps it"
        ),
        "{said}"
    );
    let run = two.bb("store verify");
    assert!(
        run.code == Some(5) && run.stdout.contains("another result: 1 files differ"),
        "{run:?}"
    );
    assert!(run.stdout.contains("\nrootfs:app:\n  etc/now\n"), "{run:?}");
    one.bb("store verify").ok();
    // Compiled once more at another time: what counts is the same.
    let again = Machine::small(&given.url(), &given.keys, true).beside(&given.first);
    again
        .room
        .write("bb.toml", &again.room.read("bb.toml").replace("push = ", "pull = \"no\"\npush = "));
    let made = again.told("build");
    assert!(!taken(&made, "rootfs:app") && warnings(&made).is_empty(), "{made}");
    again.bb("store verify").ok();
}

#[test]
fn who_is_killed_leaves_nothing_half_made_in_the_store() {
    let given = Given::new();
    let (good, url) = (fs::read(&given.statement).unwrap(), given.url());
    let steps = given.statement.parent().unwrap().to_owned();
    let checked = |machine: &Machine| {
        for statement in fs::read_dir(&steps).unwrap().map(|entry| entry.unwrap().path()) {
            if !statement.file_name().unwrap().to_string_lossy().starts_with('.') {
                is_whole(&statement, &given.folder.path().join("blobs/sha256"));
            }
        }
        assert_ne!(machine.bb("store verify").code, Some(5));
    };
    let times = if std::env::var_os("BB_KILLS").is_some() { 50 } else { 6 };
    for round in 0..times {
        let gives = round % 2 == 0;
        if gives {
            fs::remove_file(&given.statement).ok();
            fs::remove_dir_all(given.folder.path().join("blobs")).ok();
        }
        let machine = Machine::small(&url, &given.keys, gives).beside(&given.first);
        let running = Running::telling_in_group(machine.command("build"));
        // From before it begins to after its end, which is there in two seconds.
        std::thread::sleep(Duration::from_millis(37 + 2100 * round / times));
        running.signal_group("KILL");
        drop(running.told());
        checked(&machine);
        machine.told("build");
        assert_eq!(machine.id("app"), given.first.id("app"));
        if gives && !given.statement.exists() {
            // It was killed between its own end and the store's: what it has is not given later.
            fs::write(&given.statement, &good).unwrap();
            Machine::small(&url, &given.keys, true).beside(&given.first).told("build");
        }
    }
}

/// What a statement names is there, all of it.
#[track_caller]
fn is_whole(statement: &Path, blobs: &Path) {
    let envelope = serde_json::from_slice::<Value>(&fs::read(statement).unwrap()).unwrap();
    let payload = BASE64_STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
    let said = serde_json::from_slice::<Value>(&payload).unwrap();
    let files = said["subject"].as_array().unwrap();
    assert_eq!(files.len(), 7);
    for file in files {
        let digest = file["digest"]["sha256"].as_str().unwrap();
        let bytes = fs::read(blobs.join(digest)).unwrap();
        assert_eq!(format!("{:x}", Sha256::digest(bytes)), digest, "{}", file["name"]);
    }
}
