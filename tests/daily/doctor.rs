//! `bb doctor` in many states of the engine, the mirrors, the keys and the project. What differs between
//! machines is made here or shown as `N`.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use gentoo_bb::base::time::stamp;
use pgp::cert::CertBuilder;
use pgp::serialize::SerializeInto;
use regex::Regex;
use sequoia_openpgp as pgp;
use serde_json::{Value, json};
use support::fake::engine::World;
use support::fake::mirror::MIRROR;
use support::fake::room::{Room, Run, says};
use support::programs;

/// A project with one dock, and an engine that says what a good one does. There is one program, `make`.
fn room() -> Room {
    let mut room = Room::new(World::default());
    room.dock("plain", "FROM scratch\nCOPY f /\n");
    room.settings("", "");
    room.pin();
    program(&room, "make");
    let bin = room.path("../bin").display().to_string();
    room.env = vec![("PATH".into(), bin), ("LANG".into(), "C.UTF-8".into())];
    engine(&room, "1.41", |_| {});
    room
}

fn program(room: &Room, name: &str) {
    room.write(&format!("../bin/{name}"), "");
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(room.path(&format!("../bin/{name}")), mode).unwrap();
}

/// What the engine says of itself, with a change.
fn engine(room: &Room, api: &str, change: impl FnOnce(&mut Value)) {
    let version =
        json!({ "Version": "20.10.24", "ApiVersion": api, "Os": "linux", "Arch": "amd64" });
    room.engine.tell("version", version);
    let mut info = json!({
        "Driver": "overlay2",
        "DriverStatus": [["Backing Filesystem", "extfs"], ["Supports d_type", "true"]],
        "DockerRootDir": "/nonexistent/data",
        "SecurityOptions": ["name=seccomp,profile=default"],
        "SystemTime": stamp(SystemTime::now()),
    });
    change(&mut info);
    room.engine.tell("info", info);
}

/// `bb doctor ARGS`, as it would be said on any machine.
fn doctor(room: &Room, args: &[&str]) -> Run {
    let bb = programs().join("bb").display().to_string();
    let run = room.run(&bb, &[&["doctor"], args].concat());
    let root = room.path("").parent().unwrap().display().to_string();
    let rules = [
        (
            r"(?m)^(?:ok   |warn |wrong)  disk( +)\d+(?:\.\d)? [GM]B free(.*)\n(?: {16}.*\n)?",
            "ok     disk${1}N GB free$2\n",
        ),
        (r"\(.*/?\bp/?\)", "(ROOM)"),
        (r"inotify( +)\d+ folders", "inotify${1}N folders"),
        (r"\b[0-9A-F]{40}\b", "KEY"),
        (r"127\.0\.0\.1:\d+", "HOST"),
        (r"for temporary files \(.*\)", "for temporary files (TEMP)"),
    ];
    let text = run.text.replace(&root, "ROOT");
    let text = rules.iter().fold(text, |text, (rule, with)| {
        Regex::new(rule).unwrap().replace_all(&text, *with).into_owned()
    });
    let mirror = MIRROR.settings.0.split('"').nth(1).unwrap();
    Run { text: text.replace(mirror, "MIRROR"), ..run }
}

/// The lines of some subjects, with what to do.
fn only(run: &Run, subjects: &[&str]) -> String {
    let mut shown = false;
    let lines = run.text.lines().filter(|line| {
        if !line.starts_with(' ') {
            shown = subjects.contains(&line.split_whitespace().nth(1).unwrap());
        }
        shown
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}

const GOOD: &str = "\
ok     project  1 dock; stage3 20261122T170104Z, snapshot 20261122
ok     engine   20.10.24 at unix://ROOT/engine.sock: API 1.41, linux/amd64
ok     storage  overlay2 on extfs in /nonexistent/data
ok     seccomp  containers may not use dangerous system calls
ok     disk     N GB free for the state folder (.bb)
ok     disk     N GB free for temporary files (TEMP)
ok     keys     KEY never expires
ok     clock    agrees with the engine
ok     mirror   MIRROR
ok     files    .bb keeps parts of seconds, and `a` is not `A` there
ok     inotify  N folders may be watched; `bb watch` needs 3 here
ok     locale   C.UTF-8, as LANG says
ok     login    at no registry
ok     tools    make; not there: bmake, ninja
";

#[test]
fn where_all_is_well_each_line_says_ok_and_nothing_is_changed() {
    let room = room();
    says(&doctor(&room, &[]), 0, GOOD);
    let left = fs::read_dir(room.path("")).unwrap().count();
    assert_eq!(left, 3, "bb.lock, bb.toml, bb-dock");
    let colour = doctor(&room, &["--color", "always"]);
    let words = GOOD.replace("ok     ", "\u{1b}[32mok   \u{1b}[0m  ");
    assert_eq!(only(&colour, &["locale"]), "");
    assert_eq!(colour.text.matches("\u{1b}[32mok   \u{1b}[0m  ").count(), words.lines().count());
    let found = doctor(&room, &["--json"]).ok().text;
    let found = serde_json::from_str::<Value>(&found).unwrap();
    assert_eq!(found["healthy"], true);
    let seccomp = json!({ "verdict": "ok", "subject": "seccomp", "todo": null,
                          "text": "containers may not use dangerous system calls" });
    assert_eq!(found["findings"][3], seccomp);
}

#[test]
fn no_engine() {
    let mut room = room();
    let nowhere = format!("unix://{}/None", room.path("").display());
    room.env.push(("DOCKER_HOST".into(), nowhere));
    let run = doctor(&room, &[]);
    let seen = ["engine", "storage", "seccomp", "clock", "locale"];
    assert_eq!(
        (only(&run, &seen).as_str(), run.code),
        (
            "wrong  engine   no container engine answers at `unix://ROOT/p//None`: \
             socket not found: ROOT/p//None\n\
             \x20               start Docker or Podman, or set DOCKER_HOST to where it listens\n\
             skip   clock    there is nobody to compare it with\n\
             ok     locale   C.UTF-8, as LANG says\n",
            Some(1)
        )
    );
    room.env.push(("DOCKER_HOST".into(), "nonsense://me:secret@x".into()));
    let run = doctor(&room, &["--json"]);
    let found = serde_json::from_str::<Value>(&run.text).unwrap();
    let text = found["findings"][1]["text"].as_str().unwrap();
    assert!(text.starts_with("no container engine answers at `nonsense://***@x`: "), "{text}");
    assert_eq!((found["healthy"].clone(), run.code), (json!(false), Some(1)));
}

#[test]
fn a_word_that_is_no_engine() {
    let mut room = room();
    room.env.push(("BB_ENGINE".into(), "dcoker".into()));
    let run = doctor(&room, &[]);
    assert_eq!(
        (only(&run, &["engine", "storage"]).as_str(), run.code),
        (
            "wrong  engine   `BB_ENGINE` is `dcoker`, which is no engine\n\
             \x20               `native`, `docker`, `guest`, or `auto`\n",
            Some(1)
        )
    );
}

/// The one that is pinned.
fn fingerprint() -> &'static str {
    MIRROR.settings.1.rsplit('"').nth(1).unwrap()
}

/// Something that nobody ever writes to: who reads it waits.
fn fifo(room: &Room, path: &str) {
    let path = room.path(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
}

/// Nobody waits for an answer longer than it is told to.
#[test]
fn an_engine_a_mirror_and_files_that_are_silent() {
    let room = room();
    room.engine.fall_silent(true);
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let mirror = format!("mirrors = [\"http://{}/\"]\n", deaf.local_addr().unwrap());
    room.write("bb.toml", &format!("{mirror}{}", MIRROR.settings.1));
    fs::remove_file(room.path("bb.lock")).unwrap();
    for path in ["bb.lock", "../.local/share/gentoo-bb/keys/KEY", "../.docker/config.json"] {
        fifo(&room, &path.replace("KEY", &format!("{}.asc", fingerprint())));
    }
    let run = doctor(&room, &["--timeout", "1"]);
    room.engine.fall_silent(false);
    // What a project or a user keeps is a file, or it is not read.
    let pipe = "wrong  project  `bb.lock` is a pipe, not a file\n                put a file in its place\n";
    assert_eq!(only(&run, &["project"]), pipe);
    let keys = only(&run, &["keys"]);
    assert!(keys.contains("it is a pipe, not a file"), "{keys}");
    let login = only(&run, &["login"]);
    assert!(login.contains("it is a pipe, not a file"), "{login}");
    assert_eq!(
        only(&run, &["engine", "mirror"]),
        "wrong  engine   no container engine answers at `unix://ROOT/engine.sock`: no answer within 1 s\n\
         \x20               start Docker or Podman, or set DOCKER_HOST to where it listens\n\
         wrong  mirror   http://HOST: no answer within 1 s\n\
         \x20               `mirrors` in bb.toml or MIRROR names others; a proxy is taken from https_proxy\n"
    );
    says(
        &doctor(&room, &["--timeout", "0"]),
        2,
        "error: invalid value '0' for '--timeout <SECONDS>': 0 is not in 1..=600\n\n\
         For more information, try '--help'.\n",
    );
}

#[test]
fn an_old_engine_an_odd_one_and_one_that_lies() {
    let room = room();
    engine(&room, "1.24", |info| {
        info["Driver"] = json!("vfs");
        info["DriverStatus"] = json!(null);
        info["SecurityOptions"] = json!([]);
        info["SystemTime"] = json!(stamp(SystemTime::now() - Duration::from_secs(7_500)));
    });
    let seen = ["engine", "storage", "seccomp", "clock"];
    let run = doctor(&room, &[]);
    assert_eq!(
        only(&run, &seen),
        "warn   engine   20.10.24 at unix://ROOT/engine.sock: API 1.24, linux/amd64\n\
         \x20               older than what bb is tested with: API 1.41, as in Docker 20.10 and Podman 4\n\
         warn   storage  vfs in /nonexistent/data\n\
         \x20               every layer is a whole copy: use `overlay2` or `fuse-overlayfs`, in the engine's \
         settings\n\
         warn   seccomp  containers may use every system call\n\
         \x20               the kernel or the engine is built without seccomp\n\
         wrong  clock    2 h 05 min ahead of the engine\n\
         \x20               set it (`timedatectl set-ntp true`): signatures and stamps go wrong\n"
    );
    room.write("bb.toml", &format!("arch = \"arm64\"\n{}", MIRROR.settings.1));
    engine(&room, "1.41", |info| *info = json!({ "Driver": 7, "DriverStatus": "x" }));
    let run = doctor(&room, &["--offline"]);
    assert_eq!(
        only(&run, &seen),
        "warn   engine   20.10.24 at unix://ROOT/engine.sock: API 1.41, linux/amd64\n\
         \x20               the project is for arm64: set `arch` in bb.toml, or let the kernel run programs \
         of arm64 (binfmt_misc with qemu)\n\
         warn   storage  the engine does not say how it keeps images: the engine could not tell about \
         itself: failed to deserialize JSON: invalid type: integer `7`, expected a string at line 1 column 11\n\
         \x20               look into the engine's own log\n\
         skip   clock    there is nobody to compare it with\n"
    );
    let version = json!({ "Version": "\u{1b}]0;x\u{7}", "ApiVersion": "1.41", "Os": "plan9" });
    room.engine.tell("version", version);
    assert_eq!(
        only(&doctor(&room, &["--offline"]), &["engine"]),
        "wrong  engine   \\u{1b}]0;x\\u{7} at unix://ROOT/engine.sock: API 1.41, plan9/\n\
         \x20               images are for Linux: let the engine run Linux containers\n"
    );
    for nonsense in [json!([]), json!({ "ApiVersion": "x.y" }), json!({})] {
        room.engine.tell("version", nonsense);
        let run = doctor(&room, &["--offline"]);
        assert!(only(&run, &["engine"]).starts_with("wrong  engine   no container engine answers"));
        assert_eq!(run.code, Some(1));
    }
}

#[test]
fn a_key_that_has_expired_and_one_that_is_missing() {
    let room = room();
    let made = SystemTime::now() - Duration::from_secs(40 * 86_400);
    let cert = CertBuilder::new().add_userid("Test <test@example.org>").add_signing_subkey();
    let cert = cert.set_creation_time(made).set_validity_period(Duration::from_secs(86_400));
    let cert = cert.generate().unwrap().0;
    fs::write(room.path("key"), cert.to_vec().unwrap()).unwrap();
    let fingerprint = cert.fingerprint().to_hex();
    let expired = stamp(made + Duration::from_secs(86_400));
    let keys = |pinned: &str| {
        let trust = format!("[trust]\nkeyring = \"key\"\nfingerprints = [{pinned}]\n");
        room.write("bb.toml", &format!("{}{trust}", MIRROR.settings.0));
        let run = doctor(&room, &[]);
        assert_eq!(run.code, Some(1));
        only(&run, &["keys"])
    };
    let todo = "                `bb keys refresh` fetches the pinned certificates again\n";
    let other = "A".repeat(40);
    assert_eq!(
        keys(&format!("\"{fingerprint}\", \"{other}\"")),
        format!(
            "wrong  keys     KEY expired on {}\n{todo}wrong  keys     KEY is missing\n{todo}",
            &expired[..10]
        )
    );
    assert_eq!(
        keys("\"12\""),
        "wrong  keys     `12` is not the fingerprint of a key\n\
         \x20               write all 40 hexadecimal digits; a short key id is not enough\n"
    );
    fs::remove_file(room.path("key")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", room.path("key")).unwrap();
    let endless = keys(&format!("\"{fingerprint}\""));
    let first = "wrong  keys     the link `key` leads out of the project, to `/dev/zero`\n";
    assert!(endless.starts_with(first), "{endless}");
    fs::remove_file(room.path("key")).unwrap();
    assert_eq!(
        keys(&format!("\"{fingerprint}\"")),
        "wrong  keys     cannot read the keyring `key`: no such file or directory\n\
         \x20               `keyring` in `[trust]` of bb.toml names a file with the publisher's certificates\n"
    );
}

/// Answers each request with this, and ends with the process.
fn web(answer: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answer = format!("{answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let _ = lines.map_while(Result::ok).find(String::is_empty);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

#[test]
fn mirrors_that_answer_and_mirrors_that_do_not() {
    let room = room();
    let mirrors = |mirrors: &[String], args: &[&str]| {
        room.write("bb.toml", &format!("mirrors = {mirrors:?}\n{}", MIRROR.settings.1));
        let run = doctor(&room, args);
        (only(&run, &["mirror", "clock"]), run.code)
    };
    let far = "HTTP/1.1 200 OK\r\nDate: Sun, 01 Mar 2026 12:00:00 GMT";
    let good = format!("http://me:secret@{}/gentoo", web("HTTP/1.1 200 OK"));
    let empty = format!("http://{}", web("HTTP/1.1 404 Not Found"));
    let refused = format!("http://me:secret@{}", web("HTTP/1.1 401 Unauthorized"));
    let elsewhere = format!("http://{}", web("HTTP/1.1 302 Found\r\nLocation: file:///etc"));
    let nobody = "http://127.0.0.1:1/".to_owned();
    let all = [empty.clone(), refused, elsewhere, nobody.clone(), "ftp://u:p@x/".into(), good];
    let todo = "                `mirrors` in bb.toml or MIRROR names others; a proxy is taken from \
                https_proxy\n";
    let lacks = "                `arch` and `flavour` in bb.toml say which stage3; `mirrors` names others\n";
    let file = "releases/amd64/autobuilds/latest-stage3-amd64-nomultilib-openrc.txt";
    assert_eq!(
        mirrors(&all, &[]),
        (
            format!(
                "ok     clock    agrees with the engine\n\
                 warn   mirror   http://HOST does not have {file}\n{lacks}\
                 warn   mirror   http://HOST: answered 401 Unauthorized\n{todo}\
                 warn   mirror   http://HOST: leads to `file:///etc`, which is not followed\n{todo}\
                 warn   mirror   http://HOST: connection refused\n{todo}\
                 warn   mirror   ftp://***@x/: a mirror is `https://…`, `http://…` or a folder\n{todo}\
                 ok     mirror   http://HOST/gentoo\n"
            ),
            Some(0)
        )
    );
    let (text, code) = mirrors(&[nobody.clone(), "./none".into(), ".".into()], &[]);
    assert_eq!(
        text,
        format!(
            "ok     clock    agrees with the engine\n\
             wrong  mirror   http://HOST: connection refused\n{todo}\
             wrong  mirror   ./none: no such folder\n{todo}\
             wrong  mirror   . does not have {file}\n{lacks}"
        )
    );
    assert_eq!(code, Some(1));
    assert_eq!(
        mirrors(&[nobody], &["--offline"]),
        (
            "ok     clock    agrees with the engine\n\
             skip   mirror   http://HOST is not asked, because of --offline\n"
                .to_owned(),
            Some(0)
        )
    );
    // A mirror of another time is not believed where the engine agrees, and is where nobody does.
    let (text, code) = mirrors(&[format!("http://{}", web(far))], &[]);
    assert!(
        text.starts_with("warn   clock    ") && text.contains("but agrees with the engine"),
        "{text}"
    );
    assert_eq!(code, Some(0));
    room.engine.go_down();
    let (text, _) = mirrors(&[format!("http://{}", web(far))], &[]);
    assert!(text.starts_with("wrong  clock    ") && text.contains("timedatectl"), "{text}");
}

#[test]
fn outside_of_a_project_the_rest_is_looked_at() {
    let room = room();
    fs::remove_dir_all(room.path("bb-dock")).unwrap();
    fs::remove_file(room.path("bb.toml")).unwrap();
    let run = doctor(&room, &["--offline"]);
    assert_eq!(
        only(&run, &["project", "engine", "keys", "mirror"]),
        "skip   project  no `bb.toml`, here or above: defaults are judged below\n\
         ok     engine   20.10.24 at unix://ROOT/engine.sock: API 1.41, linux/amd64\n\
         wrong  keys     there are no certificates of the pinned keys; neither in \
         `/usr/share/openpgp-keys/gentoo-release.asc` nor among those imported\n\
         \x20               `bb keys refresh` fetches them, `bb keys import FILE` takes them from a file\n\
         skip   mirror   https://distfiles.gentoo.org is not asked, because of --offline\n"
    );
    assert_eq!(run.code, Some(1));
}

#[test]
fn a_project_that_cannot_be_read() {
    let room = room();
    let project = || {
        let run = doctor(&room, &[]);
        assert_eq!(only(&run, &["engine"]).get(..2), Some("ok"));
        (only(&run, &["project"]), run.code)
    };
    room.write("bb-dock/plain/Dockerfile.template", "FROM scratch\nFROM ${nobody}\n");
    assert_eq!(
        project(),
        (
            "wrong  project  bb-dock/plain/Dockerfile.template:2: undefined variable `nobody` in FROM\n\
             \x20               add `ARG nobody=…` before the first FROM, or use a marker: `${DATE}`, \
             `${MAINTAINER}`, `${NAMESPACE}`, `${TAG}`\n"
                .to_owned(),
            Some(1)
        )
    );
    room.write("bb-dock/plain/Dockerfile.template", "FROM scratch\n");
    room.write("bb.lock", "x");
    let (text, code) = project();
    assert!(text.starts_with("wrong  project  bb.lock:1: "), "{text}");
    assert_eq!(code, Some(1));
    room.write("bb.toml", "mirrors = \"https://me:secret@x\"\n");
    assert_eq!(
        project(),
        (
            "wrong  project  bb.toml:1: invalid type: string \"https://***@x\", expected a sequence\n\
             \x20               correct it; `bb status` shows the place\n"
                .to_owned(),
            Some(1)
        )
    );
    assert_eq!(only(&doctor(&room, &[]), &["keys", "mirror"]), "");
}

#[test]
fn what_this_machine_has() {
    let mut room = room();
    let seen = ["locale", "login", "tools"];
    room.env[1].1 = "C".into();
    room.write("chains/web.yaml", "");
    room.write("../.docker/config.json", r#"{"auths": {"ghcr.io": {"auth": "c2VjcmV0"}}}"#);
    room.write("bb.toml", &format!("namespace = \"ghcr.io/me\"\n{}", MIRROR.settings.1));
    let run = doctor(&room, &["--offline"]);
    assert_eq!(
        only(&run, &seen),
        "warn   locale   C, as LANG says, is not UTF-8\n\
         \x20               names of files with other letters than a to z may be shown wrong: set \
         LANG=C.UTF-8\n\
         ok     login    ghcr.io\n\
         warn   tools    make; not there: bmake, ninja; no compose tool\n\
         \x20               the project has chains: install `docker compose` or `docker-compose`\n"
    );
    for tool in ["docker", "bmake", "ninja"] {
        program(&room, tool);
    }
    room.write("../.docker/cli-plugins/docker-compose", "");
    let plugin = room.path("../.docker/cli-plugins/docker-compose");
    fs::set_permissions(plugin, fs::Permissions::from_mode(0o755)).unwrap();
    room.write("../.docker/config.json", r#"{"credsStore": "pass", "auths": {"ghcr.io": {}}}"#);
    let login = |room: &Room| only(&doctor(room, &["--offline"]), &["login", "tools"]);
    assert_eq!(
        login(&room),
        "warn   login    ROOT/.docker/config.json names the helper `docker-credential-pass`, which is not \
         in PATH\n\
         \x20               install it, or remove it from that file\n\
         ok     tools    make, bmake, ninja, docker compose\n"
    );
    program(&room, "docker-credential-pass");
    assert!(login(&room).starts_with("ok     login    ghcr.io, with docker-credential-pass\n"));
    room.write("../.docker/config.json", "{ secret");
    assert!(login(&room).starts_with(
        "warn   login    ROOT/.docker/config.json cannot be read: not docker's settings, from line 1, \
         column 3\n                `bb push` reads it: correct it, or `docker login`\n"
    ));
}
