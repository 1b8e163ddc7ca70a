//! `RUN` in a box of ours, on the native engine and on Docker: the files that Docker's builder leaves, the same image
//! from both, once and no more than once, and nothing of the box in the image.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::LEFT_TO_BUILDER;
use support::sealed::{Engine, Room, Running};

use crate::image::{Entry, Image};
use crate::native::{Native, STATE};
use crate::slice::podman::Podman;

/// What commands run on: a shell and its tools, two accounts, and files to change.
const BASE: &str = r#"FROM scratch
COPY busybox /bin/busybox
COPY etc /etc
COPY --chown=5:6 old /old
RUN ["/bin/busybox", "--install", "-s", "/bin"]
RUN chmod 1777 /tmp 2>/dev/null || mkdir -m 1777 /tmp
ENV PATH=/bin GREETING=hello
"#;

/// Name and Dockerfile.
const DOCKS: &[(&str, &str)] = &[
    (
        "kinds",
        r"FROM BASE
RUN mkfifo -m 640 /p && ln -s p /l && ln -s /nowhere /d && mkdir -p -m 2750 /a/b && chmod 4711 /bin/busybox
RUN echo one > /a/one && ln /a/one /a/two && chown jo:jo /a/one && chown -h 7:8 /l && touch /a/empty
",
    ),
    ("gone", "FROM BASE\nRUN rm -r /old/folder /old/a && rm /etc/group-\nRUN echo new > /old/a\n"),
    (
        "replaced",
        r"FROM BASE
RUN rm -r /old/folder && mkdir /old/folder && echo x > /old/folder/new
RUN rm /old/a && mkdir /old/a && echo y > /old/a/in && rm -r /old/folder && echo file > /old/folder
RUN rm -rf /old && mkdir /old && echo z > /old/z
",
    ),
    // A new name of a file of the layers below, and names that go.
    (
        "names",
        "FROM BASE\nRUN ln /old/a /old/again && echo more >> /old/b\nRUN rm /old/a && ln /old/b /b\n\
         RUN echo same > /x; echo same > /y; echo same > /z\nRUN ln -f /x /y && ln /z /v\n",
    ),
    (
        "seen",
        r#"FROM BASE
ARG A=one
ARG GREETING=not-this
ARG NONE
ENV B="two words"
WORKDIR /work/here
USER jo
RUN id > /tmp/id; pwd > /tmp/pwd; env | grep -vE '^(HOME|HOSTNAME|container|SHLVL|PWD|TERM)=' | sort > /tmp/env
USER 12:34
RUN { id -u; id -g; id -G; } > /tmp/numbers; umask > /tmp/umask; echo "$A $GREETING $NONE $B" > /tmp/values
"#,
    ),
    (
        "forms",
        r#"FROM BASE
RUN ["echo", "$HOME is not replaced"]
RUN echo a \
    b > /ab
RUN ["sh", "-c", "echo \"$0\" > /zero", "it"]
SHELL ["sh", "-e", "-c"]
RUN false || echo shell > /shell
USER jo
RUN echo out > /dev/stdout && echo err > /dev/stderr && cat /dev/stdin && echo fine > /tmp/streams
"#,
    ),
    (
        "heredocs",
        r#"FROM BASE
RUN <<EOF
echo "$GREETING"  > /one
false
echo 'two' > /two
EOF
RUN cat > /three <<'X'
$GREETING
X
RUN <<SCRIPT
#!/bin/sh
echo "$0" > /four
SCRIPT
"#,
    ),
    (
        "stages",
        "FROM BASE AS one\nRUN mkdir /out && echo built > /out/f && chmod 600 /out/f\n\
         FROM BASE AS two\nRUN echo other > /other\n\
         FROM one\nCOPY --from=two /other /\nRUN cat /out/f /other > /both\n\
         ONBUILD RUN echo triggered > /triggered\n",
    ),
    ("triggered", "FROM stages\nRUN cat /triggered /both > /all\n"),
    // The same layer more than once.
    ("again", "FROM BASE\nRUN echo a > /x\nRUN echo b > /x\nRUN echo a > /x\nRUN cat /x > /y\n"),
    // What it leaves in the background ends with it.
    ("background", "FROM BASE\nRUN (sleep 60; echo late > /late) & echo now > /now\n"),
    ("folders", "FROM BASE\nRUN mkdir /run\nRUN echo a > /run/a\n"),
    ("removed", "FROM BASE\nWORKDIR /w/v\nRUN rm -rf /w; true\nRUN pwd > /pwd\n"),
    // Nothing that counts.
    ("touched", "FROM BASE\nRUN touch /old/a /etc/passwd && cat /old/b > /x && rm /x\n"),
];

pub fn names() -> impl Iterator<Item = String> {
    DOCKS.iter().map(|(name, _)| (*name).to_owned())
}

pub fn write(room: &Room) {
    write_with(room, "");
}

/// The docks, each with something before its first line.
fn write_with(room: &Room, before: &str) {
    room.dock("base", &format!("{before}{BASE}"), &[("f", "")]);
    let busybox = std::fs::read("/bin/busybox").expect("busybox-static");
    let files = [
        ("etc/passwd", "root:x:0:0::/root:/bin/sh\njo:x:7:8::/work:/bin/sh\n"),
        ("etc/group", "root:x:0:\njo:x:8:\nmore:x:9:jo\n"),
        ("etc/group-", "\n"),
        ("old/a", "a\n"),
        ("old/b", "b\n"),
        ("old/folder/deep/f", "f\n"),
    ];
    for (path, text) in files {
        room.write(&format!("bb-dock/base/{path}"), text);
    }
    std::fs::write(room.path("bb-dock/base/busybox"), busybox).unwrap();
    room.chmod("bb-dock/base/busybox", 0o755);
    for (name, text) in DOCKS {
        let text = text.replace("BASE", "${NAMESPACE}/base");
        let text = text.replace("FROM stages", "FROM ${NAMESPACE}/stages");
        room.dock(name, &format!("{before}{text}"), &[("f", "")]);
    }
}

/// Takes images that the native engine has built into Docker: all, or one by name.
pub fn load(native: &Native, name: &str) {
    let args = format!("--state {STATE} image load {name}");
    native.room.bb_with(&[("BB_ENGINE", "native"), ("BB_NATIVE_DIR", "/nowhere")], &args).ok();
}

/// One of them, as Docker has it then.
pub fn loaded(native: &Native, name: &str) -> Image {
    load(native, name);
    Image::read(native.room.engine(), &native.room.image(name))
}

fn summary(room: &Room, state: &str, name: &str) -> Value {
    serde_json::from_str(&room.read(&format!("{state}/images/{name}/image.json"))).unwrap()
}

/// The images as the engine's own builder makes them.
fn as_docker_builds(room: &Room, names: &[&str]) -> Vec<(Files, BTreeMap<String, Value>)> {
    write_with(room, LEFT_TO_BUILDER);
    room.bb("build").ok();
    for name in names {
        assert!(summary(room, ".bb", name)["built_by_engine"].is_string(), "{name}");
    }
    names.iter().map(|name| image(room.engine(), &room.image(name))).collect()
}

pub type Files = BTreeMap<String, Entry>;

/// An image's files, and its settings but for labels.
fn image(engine: &Engine, name: &str) -> (Files, BTreeMap<String, Value>) {
    let text = engine.docker(&["image", "inspect", name]);
    let [image] = serde_json::from_str::<[Value; 1]>(&text).unwrap();
    let mut config =
        serde_json::from_value::<BTreeMap<String, Value>>(image["Config"].clone()).unwrap();
    let empty = ["null", "\"\"", "false", "{}"];
    config.retain(|key, value| {
        !["Hostname", "Image", "Labels"].contains(&key.as_str())
            && !empty.contains(&value.to_string().as_str())
    });
    (Image::read(engine, name).entries, config)
}

/// What is different, by path.
pub fn difference(ours: &Files, theirs: &Files) -> Vec<String> {
    let paths = ours.keys().chain(theirs.keys()).collect::<std::collections::BTreeSet<_>>();
    let differs = paths.into_iter().filter(|path| ours.get(*path) != theirs.get(*path));
    let told = differs.map(|path| {
        format!("{path}\n  ours   {:?}\n  theirs {:?}", ours.get(path), theirs.get(path))
    });
    told.collect()
}

#[test]
fn what_runs_leaves_what_it_leaves_on_docker() {
    let native = Native::of(Room::with_engine());
    let room = &native.room;
    let names = DOCKS.iter().map(|(name, _)| *name).chain(["base"]).collect::<Vec<_>>();
    let theirs = as_docker_builds(room, &names);
    write(room);
    native.bb("build").ok();
    native.bb("build").fails(0, "nothing to do: 30 steps up to date\n");
    assert_eq!(native.boxes(), 0);
    load(&native, "");
    for (name, theirs) in names.iter().zip(&theirs) {
        let ours = image(room.engine(), &room.image(name));
        assert_ne!(native.id(STATE, name), "", "assembled");
        let different = difference(&ours.0, &theirs.0);
        assert!(different.is_empty(), "{name}:\n{}", different.join("\n"));
        assert_eq!(ours.1, theirs.1, "{name}");
    }
    // What was only touched leaves no layer.
    let layers = |name: &str| summary(room, STATE, name)["layers"].clone();
    assert_eq!(layers("touched"), layers("base"));
    // The same from Docker, in whose containers the commands run now.
    room.bb("build").ok();
    room.bb("build").fails(0, "nothing to do: 30 steps up to date\n");
    for name in &names {
        assert_eq!(native.id(".bb", name), native.id(STATE, name), "{name}");
    }
    // The same from another store, with nothing of what was kept.
    let ids = || names.iter().map(|name| native.id(STATE, name)).collect::<Vec<_>>();
    let before = ids();
    for name in &names {
        let _ = std::fs::remove_dir_all(room.path(format!("{STATE}/images/{name}/ran")));
    }
    native.bb("build -f").ok();
    assert_eq!(ids(), before);
}

#[test]
fn the_image_is_the_same_on_podman() {
    let folder = tempfile::tempdir().unwrap();
    let podman = Podman::start(&folder.path().join("podman"));
    let native = Native::of(Room::with_private_engine(podman.engine()));
    let room = &native.room;
    write(room);
    // Each of its containers has a `/run`.
    let others = || DOCKS.iter().map(|(name, _)| *name).filter(|name| *name != "folders");
    room.remove("bb-dock/folders");
    room.bb("build").ok();
    room.bb("build").fails(0, "nothing to do: 28 steps up to date\n");
    native.bb("build").ok();
    for name in others().chain(["base"]) {
        assert_eq!(native.id(".bb", name), native.id(STATE, name), "{name}");
    }
}

fn done(program: &str, args: &[&str]) {
    let out = Command::new(program).args(args).output().unwrap();
    assert!(out.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
}

/// The native store is an OCI layout like any: others copy, unpack and run what is in it.
#[test]
fn strangers_read_the_store() {
    let native = Native::of(Room::new());
    let room = &native.room;
    write(room);
    native.bb("build replaced").ok();
    // They read the index alone, and know nothing of changes since.
    assert!(!native.store.join("oci/index.changes").exists());
    let layout = native.store.join("oci").display().to_string();
    let image = format!("oci:{layout}:{}", room.image("replaced"));
    let copy = room.dir.join("copy").display().to_string();
    done("skopeo", &["copy", "-q", &image, &format!("oci:{copy}:it")]);
    let unpacked = room.dir.join("unpacked");
    let bundle = unpacked.display().to_string();
    done("umoci", &["unpack", "--image", &format!("{copy}:it"), &bundle]);
    let read = |path: &str| std::fs::read_to_string(unpacked.join("rootfs").join(path));
    assert_eq!((read("old/z").unwrap().as_str(), read("old/b").is_ok()), ("z\n", false));
    let folder = tempfile::tempdir().unwrap();
    let podman = Podman::start(&folder.path().join("podman"));
    let id = podman.podman(&["pull", "-q", &image]);
    assert_eq!(format!("sha256:{}", id.trim()), native.id(STATE, "replaced"));
    let run = ["run", "--rm", "--network", "none", id.trim(), "ls", "/old"];
    assert_eq!(podman.podman(&run), "z\n");
}

/// A file whose text no two runs have in common.
const RANDOM: &str = "cat /proc/sys/kernel/random/uuid";

#[test]
fn a_command_is_run_again_only_where_what_it_sees_is_another() {
    let native = Native::of(Room::with_engine());
    let room = &native.room;
    write(room);
    let text = |middle: &str, last: &str| {
        let from = "FROM ${NAMESPACE}/base\n";
        format!("{from}RUN {RANDOM} > /one\n{middle}RUN {RANDOM} > /two\n{last}")
    };
    let built = |text: &str| {
        room.dock("random", text, &[("f", "1\n")]);
        native.bb("build random").ok();
        let log = native.room.read(&format!("{STATE}/logs/image/random.log"));
        log.lines().filter(|line| line.starts_with("bb: RUN ")).count()
    };
    assert_eq!(built(&text("", "")), 2);
    let first = native.id(STATE, "random");
    // What comes after them is no concern of theirs.
    assert_eq!(built(&text("", "COPY f /\nLABEL a=b\n")), 0);
    // What is between them is one of the second's.
    assert_eq!(built(&text("COPY f /\n", "")), 1);
    assert_eq!(built(&text("ENV A=b\n", "")), 1);
    // What is not in the Dockerfile any more is not kept.
    assert_eq!(built(&text("", "")), 1);
    assert_ne!(native.id(STATE, "random"), first);
    let kept = room.path(format!("{STATE}/images/random/ran"));
    assert_eq!(std::fs::read_dir(&kept).unwrap().count(), 2);
    // A file that somebody has emptied tells nothing.
    for file in std::fs::read_dir(&kept).unwrap() {
        std::fs::write(file.unwrap().path(), "").unwrap();
    }
    assert_eq!(built(&text("", "LABEL c=d\n")), 2);
    let second = native.id(STATE, "random");
    native.bb("build -f image:random").ok();
    assert_ne!(native.id(STATE, "random"), second, "asked for");
}

#[test]
fn a_command_that_fails_is_told_with_its_place_and_leaves_nothing() {
    let native = Native::of(Room::with_engine());
    let room = &native.room;
    write(room);
    let text = "FROM ${NAMESPACE}/base\nRUN echo fine > /fine\nRUN echo it ends here >&2; exit 7\n";
    room.dock("fails", text, &[]);
    let run = native.bb("build fails");
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let told =
        "error: a `RUN` ended with exit status 7\n --> .native/images/fails/Dockerfile:3:1\n";
    assert!(run.stderr.contains(told), "{}", run.stderr);
    assert!(run.stderr.contains("  it ends here\n"), "{}", run.stderr);
    let no_shell = "FROM scratch\nCOPY f /f\nRUN echo nobody is there\n";
    room.dock("fails", no_shell, &[("f", "1\n")]);
    let run = native.bb("build fails");
    let told = "error: cannot run `/bin/sh` in the box: no such file or directory\n";
    assert!(run.code == Some(1) && run.stderr.contains(told), "{}", run.stderr);
    // No box can have its `/dev` there.
    room.dock("fails", "FROM ${NAMESPACE}/base\nCOPY d /\nRUN true\n", &[("d/f", "1\n")]);
    std::os::unix::fs::symlink("nowhere", room.path("bb-dock/fails/d/dev")).unwrap();
    assert_eq!(native.bb("build fails").code, Some(4));
    assert_eq!(native.boxes(), 0);
    let index = std::fs::read_to_string(native.store.join("oci/index.json")).unwrap();
    let index = serde_json::from_str::<Value>(&index).unwrap();
    assert_eq!(index["manifests"].as_array().unwrap().len(), 1, "only the base: {index}");
}

/// What a project has in Docker besides its images: containers, and images that commands ran in.
fn left_in_docker(room: &Room) -> String {
    let containers = room.engine().docker(&["ps", "-aq", "--filter", &room.project_filter()]);
    let images = format!("reference=bb-run/{}/*", room.owner());
    let images = room.engine().docker(&["images", "-q", "--filter", &images]);
    format!("{containers}\n{images}").trim().to_owned()
}

#[test]
fn nothing_of_a_command_stays_in_docker() {
    let room = Room::with_engine();
    write(&room);
    for (name, _) in DOCKS {
        room.remove(&format!("bb-dock/{name}"));
    }
    let text = |command: &str| format!("FROM ${{NAMESPACE}}/base\nRUN {command}\n");
    room.dock("fails", &text("echo it ends here >&2; exit 7"), &[]);
    let run = room.bb("build fails");
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("error: a `RUN` ended with exit status 7\n"), "{}", run.stderr);
    assert!(run.stderr.contains("  it ends here"), "{}", run.stderr);
    assert_eq!(left_in_docker(&room), "");
    for (signal, code) in [("INT", Some(130)), ("KILL", None)] {
        room.dock("fails", &text("sleep 4712"), &[]);
        let running = Running::start(room.command("build fails"));
        let until = Instant::now() + Duration::from_secs(60);
        while left_in_docker(&room).lines().count() < 2 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(left_in_docker(&room).lines().count(), 2, "a container and its image");
        running.signal(signal);
        assert_eq!(running.end().code, code, "{signal}");
        // The image goes with the next command of the dock, or when somebody tidies up.
        room.remove("bb-dock/fails");
        room.bb("gc").ok();
        assert_eq!(left_in_docker(&room), "", "{signal}");
    }
    room.bb("clean").ok();
    let files = std::fs::read_dir(room.path(".bb/images")).map_or(0, Iterator::count);
    assert_eq!(files, 0, "nothing that commands have changed is kept");
}

/// Links and pipes with two names have both, and what runs at the same time on the same files is nobody else's.
#[test]
fn docks_with_the_same_command_do_not_take_each_others_image_away() {
    let native = Native::of(Room::with_engine());
    let room = &native.room;
    write(room);
    let commands = "RUN usleep $((0x$(head -c 2 /dev/urandom | hexdump -v -e '/1 \"%02x\"')))\n\
        RUN test -e /p || { ln -s x /a && ln /a /b && mkfifo /p && ln /p /q; }\n";
    for number in 0..12 {
        let text = format!("FROM ${{NAMESPACE}}/base\nLABEL n={number}\n{commands}{commands}");
        room.dock(&format!("same{number}"), &text, &[]);
    }
    for (name, _) in DOCKS {
        room.remove(&format!("bb-dock/{name}"));
    }
    native.bb("build -j 6").ok();
    let image = loaded(&native, "same1");
    for name in ["/a", "/b", "/p", "/q"] {
        assert!(image.entries.contains_key(name), "{name}");
    }
}

/// The box of a command shows nothing of this machine: no network but its own, none of its files.
#[test]
fn a_command_sees_nothing_of_this_machine() {
    let native = Native::of(Room::with_engine());
    let room = &native.room;
    write(room);
    let secret = room.path("secret");
    std::fs::write(&secret, "of this machine\n").unwrap();
    let tries = format!(
        "FROM ${{NAMESPACE}}/base\nRUN ls /sys/class/net > /net; ! cat {} && ! wget -T 2 -O /x http://1.1.1.1/ \
         && ! mount -t tmpfs none /old && ! mknod /dev/sda b 8 0 && ! kill -0 {}; echo $? > /held\n",
        secret.display(),
        std::process::id()
    );
    room.dock("tries", &tries, &[]);
    native.bb("build tries").ok();
    let image = loaded(&native, "tries");
    assert_eq!((image.text("/net").as_str(), image.text("/held").as_str()), ("lo\n", "0\n"));
}

/// A job in the background of a shell does not hear Ctrl-C, `nohup` no hang-up: its boxes do.
#[test]
fn a_command_hears_what_whoever_started_bb_does_not() {
    let native = Native::of(Room::with_engine());
    write(&native.room);
    let text = "FROM ${NAMESPACE}/base\nRUN grep SigIgn /proc/self/status > /ignored\n";
    native.room.dock("signals", text, &[]);
    let bb = native.command("build signals");
    let mut deaf = Command::new("sh");
    deaf.args(["-c", "trap '' HUP INT QUIT USR1 TERM CHLD; exec \"$@\"", "sh"]);
    deaf.arg(bb.get_program()).args(bb.get_args()).current_dir(bb.get_current_dir().unwrap());
    deaf.env_clear().envs(bb.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let out = deaf.output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let ignored = loaded(&native, "signals").text("/ignored");
    let mask = u64::from_str_radix(ignored.trim_start_matches("SigIgn:").trim(), 16).unwrap();
    // SIGQUIT is what the box's own shell does not hear.
    for (name, number) in [("HUP", 1), ("INT", 2), ("USR1", 10), ("TERM", 15), ("CHLD", 17)] {
        assert_eq!(mask >> (number - 1) & 1, 0, "{name}: {ignored}");
    }
}

/// Says the same to whoever asks, as long as the test runs.
fn server(text: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = [0; 1024];
            let _ = stream.read(&mut asked);
            let _ = write!(stream, "HTTP/1.0 200 OK\r\n\r\n{text}");
        }
    });
    port
}

/// Fails where there is nothing but the box's own network.
const DEVICES: &str = "FROM ${NAMESPACE}/base\nRUN test $(wc -l < /proc/net/dev) -gt 3\n";

#[test]
fn a_command_has_the_network_where_its_dock_says_so() {
    let native = Native::of(Room::with_engine());
    let room = &native.room;
    write(room);
    let says = [("dock.toml", "[run]\nnetwork = true\n")];
    room.dock("net", DEVICES, &says);
    let run = native.bb("build net --offline");
    let told = "error: a `RUN` is to have the network, and no network is to be used\n";
    assert!(run.code == Some(1) && run.stderr.contains(told), "{}", run.stderr);
    for is_native in [true, false] {
        let bb = |args: &str| if is_native { native.bb(args) } else { room.bb(args) };
        room.dock("net", DEVICES, &says);
        bb("build net").ok();
        bb("build net").fails(0, "nothing to do: 4 steps up to date\n");
        // What was done with it does not count without.
        room.remove("bb-dock/net/dock.toml");
        assert_eq!(bb("build net").code, Some(1));
    }
    let port = server("from outside\n");
    let page = format!("FROM ${{NAMESPACE}}/base\nRUN wget -O /page http://127.0.0.1:{port}/\n");
    room.dock("net", &page, &says);
    native.bb("build net").ok();
    assert_eq!(loaded(&native, "net").text("/page"), "from outside\n");
}

/// Killed in the middle of a command: nothing of it goes on, and the next build ends as any.
#[test]
fn a_build_that_is_killed_takes_its_command_with_it() {
    let native = Native::of(Room::with_engine());
    write(&native.room);
    let text = "FROM ${NAMESPACE}/base\nRUN echo one > /one\nRUN test -e /done || sleep 4711.5\n";
    native.room.dock("sleeps", text, &[]);
    let runs = || {
        let out = Command::new("pgrep").args(["-f", "^sleep 4711.5"]).output().unwrap();
        out.status.success()
    };
    let running = Running::telling_in_group(native.command("build sleeps"));
    let wait = |wanted: bool| {
        let until = Instant::now() + Duration::from_secs(60);
        while runs() != wanted && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(runs(), wanted);
    };
    wait(true);
    running.signal_group("KILL");
    drop(running.told());
    wait(false);
    let text = text.replace("RUN echo one > /one", "RUN echo one > /one\nRUN touch /done");
    native.room.dock("sleeps", &text, &[]);
    native.bb("build sleeps").ok();
    assert_eq!(native.boxes(), 0);
    let log = native.room.read(&format!("{STATE}/logs/image/sleeps.log"));
    assert!(!log.contains("echo one"), "what had ended was kept: {log}");
}
