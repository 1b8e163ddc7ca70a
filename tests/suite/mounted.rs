//! `RUN --mount` on the native engine, on Docker and on Podman: the files that Docker's own BuildKit leaves, the same
//! image from all, caches that stay, and nothing of a mount or a secret anywhere else.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use support::sealed::{Room, Running};

use crate::image::{Image, Kind};
use crate::native::{Native, STATE};
use crate::ran::{Files, difference, load, loaded};
use crate::slice::podman::Podman;

/// What commands run on.
const BASE: &str = r#"FROM scratch
COPY busybox /bin/busybox
COPY old /old
COPY old/a /etc/a
RUN ["/bin/busybox", "--install", "-s", "/bin"]
RUN mkdir -m 1777 /tmp && ln -s old/folder /to && ln -s ../../../../tmp/made /out
ENV PATH=/bin
"#;

/// Name, Dockerfile, and what only BuildKit before 0.12 leaves: folders that were made for a mount.
const DOCKS: &[(&str, &str, &[&str])] = &[
    (
        "kinds",
        r"FROM BASE
RUN --mount=source=d,target=/in --mount=type=bind,src=d/f,dst=/one --mount=type=cache,target=/c \
    --mount=type=tmpfs,target=/t,size=64m \
    find /in | sort > /list && cat /in/f /in/sub/g /one > /cat && \
    stat -c '%n %a %u %g' /in /in/sub /in/f /in/run /in/l /one /c > /modes && \
    touch /c/x /t/x && ls /c /t > /made && ! touch /in/x && ! touch /one && ! rm /in/f && ! rmdir /t
",
        &["/in", "/c", "/t"],
    ),
    (
        "written",
        r"FROM BASE
RUN --mount=source=d,target=/in,rw echo more >> /in/f && rm -r /in/sub && touch /in/x && ls /in > /one && cat /in/f > /f
RUN --mount=source=d,target=/in,readwrite=true ls /in > /two; cat /in/f > /g
RUN --mount=type=cache,id=w,target=/c,ro ls -la /c | wc -l > /three; ! touch /c/x
",
        &["/in", "/c"],
    ),
    (
        "there",
        r"FROM BASE
RUN --mount=source=d,target=/old/folder --mount=source=d/f,target=/old/a cat /old/a /old/folder/f > /cat; ! test -e /old/folder/deep
RUN --mount=type=tmpfs,target=/old ls -a /old > /empty; echo x > /old/x; mkdir /old/folder
RUN --mount=type=cache,target=/old/folder,mode=750,uid=7,gid=8 stat -c '%a %u %g' /old/folder > /mode; touch /old/folder/x /old/new; chmod 700 /old
RUN cat /old/a > /after; find /old | sort > /all
",
        &[],
    ),
    (
        "links",
        r"FROM BASE
RUN --mount=source=d,target=/to ls /old/folder > /one
RUN --mount=source=d,target=/to/sub/in ls /old/folder/sub/in > /two; touch /old/folder/sub/beside
RUN --mount=source=d,target=/out ls /tmp/made > /three
RUN --mount=source=l,target=/l cat /l > /four
",
        &["/tmp/made", "/old/folder/sub/in"],
    ),
    (
        "words",
        r#"FROM BASE
ARG T=in
ENV S=d
WORKDIR /w/v
RUN --mount=target=${T}/here,source=$S ls in/here > names; pwd > pwd
RUN --mount=target=../here,"source=d/f" cat ../here > cat
RUN --mount=target=/x,source=d --mount=source=.,target=/y ls /y/d/sub > /names; cmp /x/f /y/d/f; cat /y/rest > /rest
"#,
        &["/w/v/in/here", "/w/v/in", "/x", "/y"],
    ),
    (
        "nested",
        r"FROM BASE
RUN --mount=type=tmpfs,target=/a/sub --mount=source=d,target=/a ls -a /a /a/sub > /one; touch /a/sub/x
RUN --mount=type=cache,id=n,target=/c --mount=source=d/f,target=/c/deep/f --mount=type=tmpfs,target=/c/t cat /c/deep/f > /two; ls /c > /three
",
        &["/a", "/c"],
    ),
    (
        "others",
        r"FROM BASE AS one
RUN mkdir /made && echo built > /made/f && chmod 640 /made/f && chown 7:8 /made/f && ln -s f /made/l
FROM BASE
RUN --mount=from=one,source=/made,target=/in cp -a /in /copied; ls /in > /names
RUN --mount=from=one,source=made/l,target=/f stat -c '%a %u' /f > /mode
RUN --mount=from=BASE,source=/old,target=/whole ls /whole > /root; ! test -e /whole/whole
RUN --mount=from=scratch,target=/none ls -a /none > /nothing
",
        &["/in", "/whole", "/none"],
    ),
    (
        "beside",
        "FROM BASE\nRUN --mount=source=d,target=/new/place/in cp /new/place/in/f /new/place/beside && chmod 751 /new\n\
         RUN --mount=source=d,target=/other/in true\nRUN ls -R / > /tmp/x; rm /tmp/x\n",
        &["/new/place/in", "/other/in", "/other"],
    ),
    (
        "heredocs",
        "FROM BASE\nRUN --mount=source=d,target=/in <<EOF\ncat /in/f > /one\nEOF\n\
         RUN --network=none --mount=source=d,target=/in <<EOF cat > /two\n$(cat /in/f)\nEOF\n",
        &["/in"],
    ),
];

/// Files beside each Dockerfile.
const CONTEXT: [(&str, &str); 6] = [
    ("d/f", "f\n"),
    ("d/run", "#!/bin/sh\n"),
    ("d/sub/g", "g\n"),
    ("rest", "rest\n"),
    ("old/a", "a\n"),
    ("old/folder/deep/f", "f\n"),
];

fn text(room: &Room, text: &str) -> String {
    text.replace("BASE", &room.image("base").replace(":latest", ""))
}

fn dock(room: &Room, name: &str, dockerfile: &str) {
    room.dock(name, &text(room, dockerfile), &CONTEXT);
    for (link, target) in [("l", "d/f"), ("d/l", "f")] {
        let link = room.path(format!("bb-dock/{name}/{link}"));
        let _ = std::os::unix::fs::symlink(target, link);
    }
    room.chmod(&format!("bb-dock/{name}/d/run"), 0o755);
    room.chmod(&format!("bb-dock/{name}/d/sub"), 0o750);
}

fn base(room: &Room) {
    dock(room, "base", BASE);
    let busybox = std::fs::read("/bin/busybox").expect("busybox-static");
    std::fs::write(room.path("bb-dock/base/busybox"), busybox).unwrap();
    room.chmod("bb-dock/base/busybox", 0o755);
}

fn write(room: &Room) {
    base(room);
    for (name, dockerfile, _) in DOCKS {
        dock(room, name, dockerfile);
    }
}

/// Gives an archive to whoever asks, as long as the test runs.
fn serve(file: Vec<u8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/x-tar\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n",
                file.len()
            );
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&file));
        }
    });
    port
}

/// The image as Docker's own BuildKit makes it. The client needs a plug-in for that; the daemon itself does not, where
/// it gets its context from an address.
fn as_buildkit_builds(room: &Room, name: &str) -> Files {
    let folder = room.path(format!("bb-dock/{name}"));
    // What is newer than that of Docker 20.10: a key, and variables.
    let file = format!("bb-dock/{name}/Dockerfile.template");
    let dockerfile = room.read(&file);
    let older = [(",size=64m", ""), ("source=$S", "source=d"), ("target=${T}", "target=in")];
    let older = older.iter().fold(dockerfile.clone(), |text, (new, old)| text.replace(new, old));
    room.write(&file, &older);
    let mut tar = Command::new("tar");
    tar.args(["--owner=0", "--group=0", "--transform=s/Dockerfile.template/Dockerfile/", "-c"]);
    let context = tar.arg("-C").arg(&folder).arg(".").output().unwrap();
    assert!(context.status.success());
    room.write(&file, &dockerfile);
    let (port, tag) = (serve(context.stdout), format!("{}-kit", room.image(name)));
    let socket = room.engine().host.strip_prefix("unix://").unwrap().to_owned();
    let mut engine = UnixStream::connect(socket).unwrap();
    let query = format!("version=2&remote=http://127.0.0.1:{port}/c.tar&t={tag}&nocache=1");
    write!(engine, "POST /build?{query} HTTP/1.0\r\nHost: d\r\nContent-Length: 0\r\n\r\n").unwrap();
    let mut said = vec![];
    engine.read_to_end(&mut said).unwrap();
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("moby.image.id"), "{name}: {}", base64_texts(&said));
    let files = Image::read(room.engine(), &tag).entries;
    room.engine().docker(&["rmi", &tag]);
    files
}

/// What is wrong is told in the last lines.
fn base64_texts(said: &str) -> &str {
    said.rsplit_once("errorDetail").map_or(said, |(_, end)| end)
}

fn is_empty_folder(files: &Files, path: &str) -> bool {
    let inside = format!("{path}/");
    files.get(path).is_some_and(|entry| entry.kind == Kind::Folder)
        && !files.keys().any(|other| other.starts_with(&inside))
}

#[test]
fn what_is_mounted_leaves_what_it_leaves_with_buildkit() {
    let native = Native::of(Room::with_engine());
    let room = &native.room;
    write(room);
    native.bb("build").ok();
    native.bb("build").fails(0, "nothing to do: 20 steps up to date\n");
    assert_eq!(native.boxes(), 0);
    load(&native, "");
    let mut told = vec![];
    // That of Docker 20.10 knows no heredocs.
    for (name, _, made) in DOCKS.iter().filter(|(name, ..)| *name != "heredocs") {
        let mut theirs = as_buildkit_builds(room, name);
        for path in *made {
            assert!(is_empty_folder(&theirs, path), "{name}: {path}");
            theirs.remove(*path);
        }
        let ours = Image::read(room.engine(), &room.image(name)).entries;
        let different = difference(&ours, &theirs);
        told.extend(different.into_iter().map(|line| format!("{name}: {line}")));
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
    // The same from Docker, in whose containers the commands run now.
    room.bb("build").ok();
    room.bb("build").fails(0, "nothing to do: 20 steps up to date\n");
    for (name, ..) in DOCKS {
        assert_eq!(native.id(".bb", name), native.id(STATE, name), "{name}");
    }
    assert_eq!(made_caches(room), "", "what was brought for one command is gone");
    // Caches are there until somebody cleans.
    assert_ne!(caches(room), "");
    room.bb("gc").ok();
    assert_ne!(caches(room), "");
    room.bb("clean").ok();
    assert_eq!(caches(room), "");
    native.bb("clean").ok();
    let left = std::fs::read_dir(native.store.join("caches")).unwrap().count();
    assert_eq!(left, 0);
}

/// The volumes of a project that begin so.
fn volumes(room: &Room, begin: &str) -> String {
    let filter = format!("name=bb-{}-{begin}", room.owner());
    room.engine().docker(&["volume", "ls", "-q", "--filter", &filter])
}

fn caches(room: &Room) -> String {
    volumes(room, "cache-")
}

fn made_caches(room: &Room) -> String {
    volumes(room, "mounts-")
}

#[test]
fn the_image_is_the_same_on_podman() {
    let folder = tempfile::tempdir().unwrap();
    let podman = Podman::start(&folder.path().join("podman"));
    let native = Native::of(Room::with_private_engine(podman.engine()));
    let room = &native.room;
    write(room);
    room.bb("build").ok();
    native.bb("build").ok();
    let files = |name: &str| Image::read(room.engine(), &room.image(name)).entries;
    let theirs = DOCKS.iter().map(|(name, ..)| files(name)).collect::<Vec<_>>();
    load(&native, "");
    for ((name, ..), theirs) in DOCKS.iter().zip(theirs) {
        let different = difference(&files(name), &theirs);
        assert!(different.is_empty(), "{name}: {}", different.join("\n"));
        assert_eq!(native.id(".bb", name), native.id(STATE, name), "{name}");
    }
}

/// Does something on both engines: natively, and on Docker.
fn on_both(room: &Native, act: impl Fn(&dyn Fn(&str) -> support::sealed::Run, &str)) {
    act(&|args| room.bb(args), STATE);
    act(&|args| room.room.bb(args), ".bb");
}

#[test]
fn a_file_that_is_mounted_makes_the_image_stale_and_no_other_does() {
    let native = Native::of(Room::with_engine());
    let room = &native.room;
    base(room);
    dock(room, "other", "FROM BASE\nCOPY rest /r/f\n");
    let dockerfile = "FROM BASE\nARG S=d\nRUN --mount=source=$S,target=/in cat /in/f > /f\n\
        RUN --mount=from=OTHER,source=/r,target=/r cat /r/f > /g\n";
    dock(room, "mounts", &dockerfile.replace("OTHER", &room.image("other").replace(":latest", "")));
    room.write("bb-dock/mounts/.dockerignore", "d/sub\n");
    native.told("build").ok();
    let ran = |steps: &str| drop(native.told("build").ran(steps));
    ran("");
    let first = native.id(STATE, "mounts");
    room.write("bb-dock/mounts/rest", "another\n");
    ran("");
    room.write("bb-dock/mounts/d/sub/g", "ignored\n");
    ran("");
    room.write("bb-dock/mounts/d/f", "another\n");
    ran("image:mounts");
    assert_ne!(native.id(STATE, "mounts"), first);
    assert_eq!(loaded(&native, "mounts").text("/f"), "another\n");
    // What was there again is not run again, and is the same image.
    room.write("bb-dock/mounts/d/f", "f\n");
    ran("image:mounts");
    assert_eq!(native.id(STATE, "mounts"), first);
    room.write("bb-dock/mounts/d/new", "new\n");
    ran("image:mounts");
    room.chmod("bb-dock/mounts/d/f", 0o600);
    ran("image:mounts");
    // What is mounted of another dock is an input, too.
    room.write("bb-dock/other/rest", "another\n");
    ran("image:mounts image:other");
    assert_eq!(loaded(&native, "mounts").text("/g"), "another\n");
}

#[test]
fn a_cache_stays_and_is_in_no_image() {
    let native = Native::of(Room::with_engine());
    let room = &native.room;
    base(room);
    let dockerfile =
        "FROM BASE\nRUN --mount=type=cache,id=n,target=/c echo x >> /c/n; wc -l < /c/n > /count\n";
    dock(room, "one", dockerfile);
    dock(room, "two", &dockerfile.replace("target=/c", "target=/c,sharing=locked"));
    // Another owner, another cache.
    dock(room, "three", &dockerfile.replace("target=/c", "target=/c,uid=7"));
    on_both(&native, |bb, state| {
        let count = |name: &str, args: &str| {
            bb(args).ok();
            let args = format!("--state {state} image load {name}");
            room.bb_with(&[("BB_ENGINE", "native"), ("BB_NATIVE_DIR", "/nowhere")], &args).ok();
            Image::read(room.engine(), &room.image(name)).text("/count").trim().to_owned()
        };
        assert_eq!(count("one", "build one"), "1", "{state}");
        assert_eq!(count("two", "build two"), "2", "{state}");
        assert_eq!(count("one", "build -f image:one"), "3", "{state}");
        assert_eq!(count("three", "build three"), "1", "{state}");
        // What is in a cache makes nothing stale.
        bb("build").fails(0, "nothing to do: 8 steps up to date\n");
    });
}

/// Six at the same time, in one process and in several: each alone with the cache.
#[test]
fn a_locked_cache_has_one_user_at_a_time() {
    let native = Native::of(Room::with_engine());
    let room = &native.room;
    base(room);
    let command = "mkdir /c/busy && usleep 100000 && rmdir /c/busy && echo x >> /c/n";
    for number in 0..6 {
        let mount = "--mount=type=cache,id=n,target=/c,sharing=locked";
        dock(
            room,
            &format!("n{number}"),
            &format!("FROM BASE\nRUN {mount} {command}; echo {number}\n"),
        );
    }
    let private = "--mount=type=cache,id=p,target=/p,sharing=private";
    for number in 0..2 {
        let command = "mkdir /p/busy && sleep 1 && rmdir /p/busy";
        dock(
            room,
            &format!("p{number}"),
            &format!("FROM BASE\nRUN {private} {command} && echo {number}\n"),
        );
    }
    native.bb("build base").ok();
    let begin = |name: &str| Running::start(native.command(&format!("build {name}")));
    let running = ["n0", "n1", "p0", "p1"].map(begin);
    native.bb("build -j 4 n2 n3 n4 n5").ok();
    for running in running {
        assert_eq!(running.end().code, Some(0));
    }
    room.bb("build -j 4").ok();
}

#[test]
fn a_trigger_may_mount() {
    let native = Native::of(Room::with_engine());
    let room = &native.room;
    base(room);
    dock(
        room,
        "leaves",
        "FROM BASE\nONBUILD RUN --mount=source=d,target=/in cat /in/f > /triggered\n",
    );
    dock(room, "has", &format!("FROM {}\n", room.image("leaves").replace(":latest", "")));
    native.bb("build").ok();
    assert_eq!(loaded(&native, "has").text("/triggered"), "f\n");
    native.told("build").ran("");
    room.write("bb-dock/has/d/f", "another\n");
    native.told("build").ran("image:has");
    assert_eq!(loaded(&native, "has").text("/triggered"), "another\n");
}

/// Part of each secret.
const HUSH: &str = "hush-hush";

/// A secret is in no file of these folders.
#[track_caller]
fn is_nowhere(folders: &[&Path]) {
    for entry in folders.iter().flat_map(walkdir::WalkDir::new) {
        let entry = entry.unwrap();
        let is_settings = entry.path().ends_with("token");
        if entry.file_type().is_file() && !is_settings {
            let bytes = std::fs::read(entry.path()).unwrap();
            let has = bytes.windows(HUSH.len()).any(|window| window == HUSH.as_bytes());
            assert!(!has, "{}", entry.path().display());
        }
    }
}

#[test]
fn a_secret_is_seen_by_its_command_and_by_nobody_else() {
    let native = Native::of(Room::with_engine());
    let room = &native.room;
    base(room);
    let settings = room.read("bb.toml");
    let secrets = "\n[secrets]\nfile = { file = \"token\" }\nvariable = { env = \"TOKEN\" }\n";
    room.write("bb.toml", &format!("{settings}{secrets}"));
    room.write("token", &format!("{HUSH} one"));
    let dockerfile = "FROM BASE\n\
        RUN --mount=type=secret,id=file,required stat -c '%a %u %g' /run/secrets/file > /modes && wc -c < /run/secrets/file > /size\n\
        RUN --mount=type=secret,id=file,dst=/k/s,mode=440,uid=7,gid=8 stat -c '%n %a %u %g' /k/s >> /modes\n\
        RUN --mount=type=secret,id=variable,env=GIVEN,required=true echo ${#GIVEN} > /length; ! test -e /run/secrets\n\
        RUN --mount=type=secret,id=nobody,env=NONE ls -a /run > /none 2>&1; echo \"<$NONE>\" >> /none\n";
    dock(room, "secret", dockerfile);
    let token = format!("{HUSH} two");
    let build = |is_native: bool, args: &str, token: &str| {
        let mut command = if is_native { native.command(args) } else { room.command(args) };
        command.env("TOKEN", token);
        support::sealed::Run::of(command)
    };
    for is_native in [true, false] {
        let run = build(is_native, "build secret", &token).ok();
        assert!(!run.stderr.contains(HUSH), "{}", run.stderr);
        let plan = build(is_native, "plan --json", &token);
        assert!(!format!("{}{}", plan.stdout, plan.stderr).contains(HUSH));
        let config = build(is_native, "config", &token);
        assert!(!format!("{}{}", config.stdout, config.stderr).contains(HUSH));
    }
    assert_eq!(native.id(".bb", "secret"), native.id(STATE, "secret"));
    is_nowhere(&[&room.dir]);
    assert_eq!(made_caches(room), "");
    let image = loaded(&native, "secret");
    assert_eq!(image.text("/modes"), "400 0 0\n/k/s 440 7 8\n");
    assert_eq!((image.text("/size").trim(), image.text("/length").trim()), ("13", "13"));
    assert_eq!(image.text("/none"), "ls: /run: No such file or directory\n<>\n");
    assert!(!image.entries.contains_key("/k") && !image.entries.contains_key("/run"));
    // Another value makes nothing stale.
    room.write("token", &format!("{HUSH} another"));
    let run = build(true, "build secret", "hush-hush three");
    run.fails(0, "nothing to do: 4 steps up to date\n");
    // One that is missing is told before anything is run.
    room.remove("token");
    let run = build(true, "build -f image:secret", &token);
    let told = "error: the secret `file` is missing: the file token is not there\n \
        --> .native/images/secret/Dockerfile:2:5\n";
    assert!(run.code == Some(3) && run.stderr.contains(told), "{}", run.stderr);
    let log = std::fs::read_to_string(room.path(format!("{STATE}/logs/image/secret.log")));
    assert!(!log.unwrap_or_default().contains("bb: RUN"));
}

#[test]
fn a_build_that_is_killed_leaves_no_mounts_for_long() {
    let native = Native::of(Room::with_engine());
    let room = &native.room;
    base(room);
    let dockerfile = "FROM BASE\nRUN --mount=source=d,target=/in --mount=type=cache,target=/c,sharing=locked \
        touch /c/begun; sleep 4713; true\n";
    dock(room, "sleeps", dockerfile);
    native.bb("build base").ok();
    room.bb("build base").ok();
    on_both(&native, |bb, state| {
        let is_native = state == STATE;
        let command =
            if is_native { native.command("build sleeps") } else { room.command("build sleeps") };
        let running = Running::telling_in_group(command);
        let runs = || Command::new("pgrep").args(["-f", "^sleep 4713"]).output().unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        while !runs().status.success() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(runs().status.success(), "{state}");
        running.signal_group("KILL");
        drop(running.told());
        room.remove("bb-dock/sleeps");
        bb("gc").ok();
        if is_native {
            let left = std::fs::read_dir(native.store.join("caches")).unwrap();
            let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let left = left.filter(|name| name.contains("-mounts-")).collect::<Vec<_>>();
            assert_eq!((left, native.boxes()), (vec![], 0));
        } else {
            assert_eq!(made_caches(room), "");
        }
        // Its lock is nobody's any more, and what had come into the cache is there.
        dock(room, "sleeps", &dockerfile.replace("touch /c/begun; sleep 4713", "test -e /c/begun"));
        bb("build sleeps").ok();
        dock(room, "sleeps", dockerfile);
    });
}

#[test]
fn what_cannot_be_mounted_is_told() {
    let native = Native::of(Room::with_engine());
    let room = &native.room;
    base(room);
    let table = [
        ("target=/in,source=nowhere", "error: `nowhere` matches no file of the dock\n"),
        ("target=../..,source=d", "error: at `/`, nothing can be mounted\n"),
        (
            "target=/old/folder,source=d/f",
            "error: at `/old/folder`, the image has a folder for a file, or a file for a folder\n",
        ),
        ("target=/old/a/b,source=d", "error: at `/old/a/b`, a file of the image is in the way\n"),
        ("target=/etc/hosts,source=d/f", "error: nothing can be mounted at `/etc/hosts`\n"),
        (
            "target=/x,source=d --mount=type=tmpfs,target=/x",
            "error: there are two mounts at `/x`\n",
        ),
        (
            "target=/to,source=d --mount=type=tmpfs,target=/old/folder",
            "error: there are two mounts at `/old/folder`\n",
        ),
        (
            "target=/x,source=d --mount=type=tmpfs,target=/x/f/in",
            "error: what is mounted around `/x/f/in` has something else there\n",
        ),
        (
            "target=/x,from=scratch,source=/a",
            "error: `scratch` has no `/a` that could be mounted\n",
        ),
    ];
    native.bb("build base").ok();
    for (mount, told) in table {
        dock(room, "wrong", &format!("FROM BASE\nRUN --mount={mount} true\n"));
        let run = native.bb("build wrong");
        assert!(run.code == Some(3) && run.stderr.contains(told), "{mount}: {}", run.stderr);
    }
    assert_eq!(native.boxes(), 0);
    // What needs the engine's own builder has none of it.
    for flag in ["--mount=source=d,target=/in", "--network=none"] {
        dock(room, "wrong", &format!("FROM BASE\nADD http://127.0.0.1:1/x /x\nRUN {flag} true\n"));
        let run = room.bb("build wrong");
        let told =
            "error: a `RUN` has flags that the engine's builder does not know, and it downloads";
        assert!(run.code == Some(1) && run.stderr.contains(told), "{}", run.stderr);
    }
}
