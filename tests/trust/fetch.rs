//! Downloads that break and go on, from nginx and from a server that misbehaves.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use support::sealed::{Run, normal};

use crate::keys;
use crate::mirror::{DATE, NAME, Place, blake2b, digests, sha512, stage3};
use crate::server::{Reply, Request, Server};

const FETCH: &str = "step fetch:stage3-amd64-nomultilib-openrc.tar.xz";

/// Different everywhere, and longer than what a socket takes at once.
fn content(length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    (0..length).map(|_| random.u8(..)).collect()
}

/// A place whose stage3 is that long, pinned.
fn place_of(length: usize) -> (Place, Vec<u8>) {
    let (place, data) = (Place::new(), content(length));
    let mirror = &place.mirror;
    let pointer = crate::mirror::pointer(crate::mirror::TIME);
    let pointer = pointer.replace(" 21\n", &format!(" {length}\n"));
    mirror.write(crate::mirror::POINTER, keys::clearsigned(&pointer));
    mirror.write(&stage3(""), &data);
    mirror.write(&stage3(".DIGESTS"), keys::clearsigned(&digests(NAME, &data)));
    place.bb("update").ok();
    (place, data)
}

fn download(place: &Place) -> PathBuf {
    place.room.path(".bb/downloads/stage3-amd64-nomultilib-openrc.tar.xz")
}

fn fetch(place: &Place, url: &str) -> Run {
    place.bb_with(&[("DATE", DATE), ("MIRROR", url)], FETCH)
}

/// The stage3 is there, as it should be, and no half of it is left.
#[track_caller]
fn complete(place: &Place, data: &[u8]) {
    let got = fs::read(download(place)).unwrap();
    assert_eq!((sha512(&got), blake2b(&got)), (sha512(data), blake2b(data)));
    let names = fs::read_dir(place.room.path(".bb/downloads")).unwrap();
    let names = names.map(|e| e.unwrap().file_name().into_string().unwrap());
    let halves = names.filter(|name| name.contains(".part")).collect::<Vec<_>>();
    assert!(halves.is_empty(), "{halves:?}");
}

/// A real nginx on a port of 127.0.0.1; it ends with the test.
struct Nginx {
    child: Child,
    url: String,
}

impl Nginx {
    fn start(place: &Place, settings: &str) -> Self {
        let dir = place.room.dir.join("nginx");
        fs::create_dir_all(&dir).unwrap();
        // A port that was free just now: nginx cannot say which one it took.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (dir, root) = (dir.display(), place.mirror.root.display());
        let user = "user root;";
        let temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let temp = temp.map(|name| format!("{name}_temp_path {dir}/{name};")).join(" ");
        let config = format!(
            "daemon off; master_process off; {user} pid {dir}/pid; error_log {dir}/error;\n\
             events {{}}\n\
             http {{ access_log {dir}/access; {temp}\n\
             server {{ listen 127.0.0.1:{port}; root {root}; {settings} }} }}\n"
        );
        let file = place.room.dir.join("nginx/nginx.conf");
        fs::write(&file, config).unwrap();
        let mut nginx = Command::new("/usr/sbin/nginx");
        nginx.arg("-c").arg(&file).stdin(Stdio::null()).stderr(Stdio::null());
        let child = nginx.spawn().expect("no nginx: install Debian's package `nginx`");
        let mut nginx = Self { child, url: format!("http://127.0.0.1:{port}") };
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(nginx.child.try_wait().unwrap().is_none(), "nginx ended: see its error log");
            std::thread::yield_now();
        }
        nginx
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What nginx noted: status and bytes of each answer, without the probe that it runs.
fn answers(place: &Place) -> Vec<String> {
    let log = fs::read_to_string(place.room.dir.join("nginx/access")).unwrap();
    let status = |line: &str| {
        let after = line.split("\" ").nth(1)?;
        Some(after.split(' ').next()?.to_owned())
    };
    log.lines().filter(|line| line.contains("GET /releases")).filter_map(status).collect()
}

#[test]
fn from_nginx() {
    let (place, data) = place_of(3_000_000);
    let nginx = Nginx::start(&place, "");
    fetch(&place, &nginx.url).ok();
    complete(&place, &data);
    assert_eq!(answers(&place), ["200"]);
}

/// A half as a killed download leaves it, of the file that nginx serves.
fn half(place: &Place, nginx: &Nginx, data: &[u8], length: usize) {
    let meta = fs::metadata(place.mirror.root.join(stage3(""))).unwrap();
    let seconds = std::os::unix::fs::MetadataExt::mtime(&meta);
    // What nginx makes of time and size.
    let etag = format!("\\\"{seconds:x}-{:x}\\\"", data.len());
    let note = format!(
        "{{\"address\":\"{}/{}\",\"etag\":\"{etag}\",\"last_modified\":null}}",
        nginx.url,
        stage3("")
    );
    let part = place.room.path(".bb/downloads/stage3-amd64-nomultilib-openrc.tar.xz.part");
    fs::create_dir_all(part.parent().unwrap()).unwrap();
    fs::write(&part, &data[..length]).unwrap();
    fs::write(part.with_extension("part.meta"), note).unwrap();
}

#[test]
fn nginx_goes_on_where_it_stopped() {
    let (place, data) = place_of(3_000_000);
    let nginx = Nginx::start(&place, "");
    half(&place, &nginx, &data, 1_234_567);
    fetch(&place, &nginx.url).ok();
    complete(&place, &data);
    assert_eq!(answers(&place), ["206"]);
}

#[test]
fn nginx_with_another_file_begins_anew() {
    let (place, data) = place_of(3_000_000);
    let nginx = Nginx::start(&place, "");
    half(&place, &nginx, &content(4_000_000), 1_234_567);
    fetch(&place, &nginx.url).ok();
    complete(&place, &data);
    assert_eq!(answers(&place), ["200"]);
}

#[test]
fn nginx_without_ranges_or_tags() {
    for settings in ["max_ranges 0;", "etag off; add_header Last-Modified '';"] {
        let (place, data) = place_of(1_000_000);
        let nginx = Nginx::start(&place, settings);
        half(&place, &nginx, &data, 500_000);
        fetch(&place, &nginx.url).ok();
        complete(&place, &data);
        assert!(!answers(&place).is_empty());
    }
}

/// Cut at 20 random places, at most 5 in one run: each run goes on where the one before was.
#[test]
fn cut_at_twenty_places_and_resumed_to_the_right_digest() {
    let (place, data) = place_of(2_000_000);
    let mut random = fastrand::Rng::with_seed(20);
    let mut cuts = (0..20).map(|_| random.usize(1..data.len())).collect::<Vec<_>>();
    cuts.sort_unstable();
    cuts.dedup();
    let left = Arc::new(Mutex::new(std::collections::VecDeque::from(cuts.clone())));
    let server = Server::start(place.mirror.root.clone(), move |request: &Request| {
        let at = left.lock().unwrap().pop_front()?;
        Some(Reply::Cut(at - request.from.unwrap_or(0)))
    });
    let mut runs = 1;
    while fetch(&place, &server.url).code != Some(0) {
        runs += 1;
        assert!(runs < 20, "it does not get on");
    }
    complete(&place, &data);
    let asked = server.requests().iter().filter_map(|r| r.from).collect::<Vec<_>>();
    assert_eq!(asked, cuts);
    assert!(runs > 3, "{runs}");
}

#[test]
fn a_killed_download_continues() {
    let (place, data) = place_of(4_000_000);
    let (sent, told) = channel();
    let server = Server::start(place.mirror.root.clone(), move |request: &Request| {
        sent.send(()).unwrap();
        (request.count == 0).then_some(Reply::Stall(3_000_000))
    });
    let env = [("DATE", DATE), ("MIRROR", &*server.url)];
    let mut command = place.room.command(FETCH);
    command.envs(env).env("DOCKER_HOST", place.engine.host());
    let run = support::sealed::Running::start(command);
    told.recv().unwrap();
    let part = place.room.path(".bb/downloads/stage3-amd64-nomultilib-openrc.tar.xz.part");
    let there = || fs::metadata(&part).map_or(0, |meta| meta.len());
    while there() < 1_000_000 {
        std::thread::yield_now();
    }
    run.kill();
    let kept = there();
    fetch(&place, &server.url).ok();
    complete(&place, &data);
    let from = server.requests()[1].from.unwrap() as u64;
    assert_eq!(from, kept);
}

#[test]
fn a_file_that_changes_between_two_ranges() {
    let (place, data) = place_of(1_000_000);
    let other = data.iter().map(|byte| !byte).collect::<Vec<_>>();
    let elsewhere = crate::mirror::Mirror { root: place.room.dir.join("elsewhere") };
    elsewhere.write(&stage3(""), &other);
    // The first half is of another file under the same name; the digest tells.
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\nETag: \"{}\"\r\nConnection: close\r\n\r\n",
        &sha512(&data)[..16]
    );
    let half = [head.as_bytes(), &other[..400_000]].concat();
    let server = Server::start(place.mirror.root.clone(), move |request: &Request| {
        (request.count == 0).then(|| Reply::Raw(half.clone()))
    });
    fetch(&place, &server.url).ok();
    complete(&place, &data);
    let asked = server.requests().iter().map(|r| r.from).collect::<Vec<_>>();
    assert_eq!(asked, [None, Some(400_000), None]);
}

#[test]
fn a_mirror_with_wrong_bytes_is_named_and_the_next_one_asked() {
    let (place, data) = place_of(100_000);
    let bad = crate::mirror::Mirror { root: place.room.dir.join("bad") };
    bad.write(&stage3(""), &content(100_001)[1..]);
    let (first, second) = (
        Server::start(bad.root.clone(), |_| None),
        Server::start(place.mirror.root.clone(), |_| None),
    );
    let run = fetch(&place, &format!("{} {}", first.url, second.url)).ok();
    complete(&place, &data);
    let told = normal(&run.stderr.replace(&first.url, "FIRST"));
    assert_eq!(
        told,
        "start   fetch:stage3-amd64-nomultilib-openrc.tar.xz (never built)\n\
         done    fetch:stage3-amd64-nomultilib-openrc.tar.xz in TIME, SIZE; passed over FIRST: has another SHA512\n"
    );
}

/// Stage3 and snapshot are under way at the same time: each is answered when the other was asked for.
#[test]
fn downloads_are_parallel() {
    let (place, data) = place_of(1000);
    let asked = Arc::new((Mutex::new(0), std::sync::Condvar::new()));
    let both = asked.clone();
    let server = Server::start(place.mirror.root.clone(), move |request: &Request| {
        if request.path == stage3("") || request.path == crate::mirror::SNAPSHOT {
            let (count, changed) = &*both;
            *count.lock().unwrap() += 1;
            changed.notify_all();
            let waiting = changed.wait_while(count.lock().unwrap(), |count| *count < 2);
            drop(waiting.unwrap());
        }
        None
    });
    fs::remove_dir_all(place.room.path(".bb")).unwrap();
    let env = [("DATE", DATE), ("MIRROR", &*server.url)];
    let run = place.told_with(&env, "build -j 2 verify:stage3 verify:portage");
    assert_eq!(*asked.0.lock().unwrap(), 2);
    // The signature on the mirror is of another stage3; fetching is all that is asked here.
    assert!(run.done().contains(&"fetch:portage.tar.xz".to_owned()), "{run}");
    complete(&place, &data);
}

/// Says that this process is in a network of its own, where the machine has an address of the internet.
const ELSEWHERE: &str = "BB_TEST_NETWORK";
/// A public address: only this machine has it there.
const PUBLIC: &str = "9.9.9.9";

/// Runs one test of this program again, in a network of its own.
fn in_a_network_of_its_own(test: &str) {
    let program = std::env::current_exe().unwrap();
    let script = format!(
        "set -e; ip link set lo up; ip address add {PUBLIC}/32 dev lo; exec \"$0\" --exact {test}"
    );
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "sh", "-c", &script]).arg(program);
    let output = command.env(ELSEWHERE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{told}");
}

#[test]
fn a_public_mirror_does_not_lead_to_this_machine() {
    if std::env::var_os(ELSEWHERE).is_none() {
        return in_a_network_of_its_own("fetch::a_public_mirror_does_not_lead_to_this_machine");
    }
    let (place, data) = place_of(1000);
    let inside = Server::start(place.mirror.root.clone(), |_| None);
    let redirecting = |to: String| {
        let answer = move |request: &Request| {
            let head = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nConnection: close\r\nLocation: ";
            Some(Reply::Raw(format!("{head}{to}/{}\r\n\r\n", request.path).into_bytes()))
        };
        Server::start_at(PUBLIC, place.mirror.root.clone(), answer)
    };
    let (_, port) = inside.url.rsplit_once(':').unwrap();
    for to in
        [inside.url.clone(), format!("http://localhost:{port}"), format!("http://0x7f.1:{port}")]
    {
        let run = fetch(&place, &redirecting(to.clone()).url);
        assert_eq!(run.code, Some(1), "{to}: {}", run.stderr);
        assert!(
            run.stderr.contains("which is not public: it is not asked"),
            "{to}: {}",
            run.stderr
        );
        assert_eq!(inside.requests().len(), 0, "{to}");
        assert!(!download(&place).exists(), "{to}");
    }
    // To another public place it leads, and a mirror that is inside may lead inside.
    let public = Server::start_at(PUBLIC, place.mirror.root.clone(), |_| None);
    fetch(&place, &redirecting(public.url.clone()).url).ok();
    complete(&place, &data);
    fs::remove_file(download(&place)).unwrap();
    let url = inside.url.clone();
    let leading = Server::start(place.mirror.root.clone(), move |request| {
        let head = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nConnection: close\r\nLocation: ";
        Some(Reply::Raw(format!("{head}{url}/{}\r\n\r\n", request.path).into_bytes()))
    });
    // No step needs it: it is made for who asks for it.
    let unmade = fetch(&place, &leading.url);
    let told = "warning: `fetch:stage3-amd64-nomultilib-openrc.tar.xz` is up to date, but what it made is not there\n\
        hint: a step that needs it has it made; so does `bb build fetch:stage3-amd64-nomultilib-openrc.tar.xz`\n";
    unmade.is(0, "", told);
    place
        .bb_with(&[("DATE", DATE), ("MIRROR", &leading.url)], &FETCH.replace("step", "build"))
        .ok();
    complete(&place, &data);
}
