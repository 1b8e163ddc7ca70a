//! One image ID, whoever makes it: what is shipped and a dock with commands, in six ways.

use std::os::unix::fs::chown;
use std::time::Instant;

use support::sealed::{Engine, Room, Run};

use crate::guest::{Job, shipped};
use crate::native::{Native, USER, account, built_by_a_user, id};
use crate::slice::podman::Podman;

fn ids(images: &[&str], of: impl Fn(&str) -> String) -> Vec<String> {
    images.iter().map(|name| of(name)).collect()
}

/// The IDs of what another engine makes of the same project.
fn by(engine: &Engine, room: &Room, state: &str, images: &[&str]) -> Vec<String> {
    let mut command = room.command(&format!("--state {state} build {}", images.join(" ")));
    command.env("DOCKER_HOST", &engine.host);
    Run::of(command).ok();
    ids(images, |name| id(&room.path(format!("{state}/images/{name}/image.json"))))
}

/// Says how long it took; nothing is expected of that.
#[allow(clippy::print_stdout, reason = "who runs this on demand wants the figures")]
fn made(how: &str, make: impl FnOnce() -> Vec<String>) -> Vec<String> {
    let begun = Instant::now();
    let made = make();
    println!("{how}: {} s: {}", begun.elapsed().as_secs(), made.join(" "));
    made
}

/// Podman without root, in a folder of its user.
fn rootless(room: &Room, images: &[&str]) -> Vec<String> {
    let user = account(USER);
    let user = user.unwrap_or_else(|| panic!("`useradd {USER}` as root makes the account"));
    let folder = tempfile::Builder::new().prefix("bb-podman-").tempdir_in("/tmp").unwrap();
    chown(folder.path(), Some(user.0), Some(user.1)).unwrap();
    let podman = Podman::start_rootless(&folder.path().join("podman"), user);
    let says = podman.podman(&["info", "--format", "{{.Host.Security.Rootless}}"]);
    assert_eq!(says, "true\n");
    by(&podman.engine(), room, ".rootless", images)
}

#[test]
#[ignore = "imports and compiles all of it five times: on demand"]
fn one_id_from_six() {
    six(&["busybox", "s6", "ran"]);
}

#[test]
#[ignore = "the same with OpenSSL and nginx, each compiled six times: an hour"]
fn one_id_from_six_for_the_whole_chain() {
    six(&CHAIN);
}

#[test]
#[ignore = "compiles OpenSSL and nginx in a container: eight minutes"]
fn a_jobs_container_makes_the_whole_chain() {
    let room = shipped();
    let docker = made("docker", || by(room.engine(), &room, ".bb", &CHAIN));
    assert_eq!(as_guest(room, &CHAIN), docker);
}

/// What is shipped, and a dock with commands.
const CHAIN: [&str; 5] = ["busybox", "s6", "openssl", "nginx", "ran"];

fn as_guest(room: Room, images: &[&str]) -> Vec<String> {
    made("guest", || {
        let job = Job::start(room);
        job.bb(&format!("build {}", images.join(" ")));
        ids(images, |name| job.id(name))
    })
}

fn six(images: &[&str]) {
    let build = format!("build {}", images.join(" "));
    let room = shipped();
    let docker = made("docker", || by(room.engine(), &room, ".bb", images));
    let native = Native::of(room);
    let as_root = made("native, as root", || {
        native.bb(&build).ok();
        ids(images, |name| native.id(crate::native::STATE, name))
    });
    assert_eq!(as_root, docker);
    let room = native.room;
    let as_user = made("native, as an ordinary user", || {
        let home = built_by_a_user(&room, &images.join(" "));
        let built = home.path().join("project/.bb/images");
        ids(images, |name| id(&built.join(name).join("image.json")))
    });
    assert_eq!(as_user, docker);
    let rootful = made("podman, as root", || {
        let folder = tempfile::tempdir().unwrap();
        let podman = Podman::start(&folder.path().join("podman"));
        by(&podman.engine(), &room, ".rootful", images)
    });
    assert_eq!(rootful, docker);
    assert_eq!(made("podman, rootless", || rootless(&room, images)), docker);
    assert_eq!(as_guest(room, images), docker);
}
