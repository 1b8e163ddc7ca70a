//! `bb push` to a real registry on this machine: the whole chain, and nothing twice.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use regex::Regex;
use support::sealed::{Room, Run};

use super::{IMAGES, Project};
use support::registry::Registry;

/// Image, layers sent and layers there of each line.
fn told(run: &Run, address: &str) -> Vec<(String, usize, usize)> {
    let line = Regex::new(r"^pushed  (\S+): (\d+) layers? sent, (\d+) already there$").unwrap();
    let lines = run.stderr.lines().filter(|line| line.starts_with("pushed  "));
    let parts = lines.map(|text| line.captures(text).unwrap_or_else(|| panic!("{text}")));
    let number = |text: &str| text.parse::<usize>().unwrap();
    let name = |text: &str| {
        let name = text.strip_prefix(&format!("{address}/")).unwrap();
        name.split_once('/').unwrap().1.to_owned()
    };
    parts.map(|c| (name(&c[1]), number(&c[2]), number(&c[3]))).collect()
}

#[test]
fn the_chain_is_pushed_once_and_a_second_push_sends_nothing() {
    let project = Project::get();
    let room = &project.room;
    let registry = Registry::start(false);
    let first = room.bb(&format!("push {}", registry.address)).ok();
    let sent = told(&first, &registry.address);
    let names = sent.iter().map(|(name, ..)| name.trim_end_matches(":latest"));
    assert_eq!(names.collect::<Vec<_>>(), IMAGES, "{}", first.stderr);
    assert!(sent.iter().all(|(_, sent, _)| *sent > 0), "{}", first.stderr);
    assert!(sent[1..].iter().all(|(_, _, there)| *there > 0), "{}", first.stderr);
    let digest = Regex::new(r"(?m)^localhost:\d+/[^/]+/nginx:latest@sha256:[0-9a-f]{64}$").unwrap();
    assert!(digest.is_match(&first.stdout), "{}", first.stdout);

    let blobs = registry.blobs();
    let second = room.bb(&format!("push {}", registry.address)).ok();
    assert!(told(&second, &registry.address).iter().all(|(_, sent, _)| *sent == 0));
    assert_eq!(second.stdout, first.stdout);
    assert_eq!(registry.blobs(), blobs);

    // By Zstandard it is the same image in other blobs.
    let zstd = room.bb(&format!("push --compress zstd {} busybox", registry.address)).ok();
    assert_eq!(told(&zstd, &registry.address), [("busybox:latest".to_owned(), 1, 0)]);
    assert!(!first.stdout.contains(zstd.stdout.trim()), "{}", zstd.stdout);
    let from = format!("docker://{}", zstd.stdout.trim().replace(":latest@", "@"));
    let args = ["inspect", "--raw", "--tls-verify=false", &from];
    let raw = Command::new("skopeo").args(args).output().unwrap().stdout;
    let manifest = serde_json::from_slice::<serde_json::Value>(&raw).unwrap();
    let kind = "application/vnd.oci.image.layer.v1.tar+zstd";
    assert_eq!(manifest["layers"][0]["mediaType"], kind, "{manifest}");
    let id = room.bb("image digest busybox").ok().stdout;
    assert_eq!(manifest["config"]["digest"], id.trim());

    // The engine can run what the registry has, and has no names left that it was not given.
    let pulled = format!("{}/{}", registry.address, room.image("nginx"));
    assert!(!room.engine().has_image(&pulled));
    room.engine().docker(&["pull", "-q", &pulled]);
    assert_eq!(room.engine().image_id(&pulled), room.engine().image_id(&room.image("nginx")));
    room.engine().docker(&["rmi", "--no-prune", &pulled]);
}

#[test]
fn a_registry_gets_the_password_that_docker_keeps() {
    let project = Project::get();
    let room = &project.room;
    let registry = Registry::start(true);
    let push = format!("push {} busybox", registry.address);
    let run = room.bb(&push);
    let name = format!("{}/{}", registry.address, room.image("busybox"));
    let refused = refused(&name, &registry);
    let hint = format!("hint: `docker login {}` says who you are\n", registry.address);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.ends_with(&format!("{refused}{hint}")), "{}", run.stderr);
    assert!(!room.engine().has_image(&name));

    let settings = room.dir.join("home/.docker/config.json");
    fs::create_dir_all(settings.parent().unwrap()).unwrap();
    // `me:secret`, as `docker login` writes it.
    let auth = r#"{ "auth": "bWU6c2VjcmV0" }"#;
    fs::write(&settings, format!(r#"{{ "auths": {{ "{}": {auth} }} }}"#, registry.address))
        .unwrap();
    assert_eq!(told(&room.bb(&push).ok(), &registry.address).len(), 1);

    let helper = room.dir.join("home/docker-credential-test");
    let answer = r#"echo '{ "ServerURL": "x", "Username": "me", "Secret": "secret" }'"#;
    fs::write(&helper, format!("#!/bin/sh\nread -r server\n{answer}\n")).unwrap();
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).unwrap();
    let helpers = format!(r#"{{ "credHelpers": {{ "{}": "test" }} }}"#, registry.address);
    fs::write(&settings, helpers).unwrap();
    let path = format!("{}:{}", room.dir.join("home").display(), std::env::var("PATH").unwrap());
    assert_eq!(told(&room.bb_with(&[("PATH", &path)], &push).ok(), &registry.address).len(), 1);
    fs::remove_file(settings).unwrap();
}

/// What is said where a registry wants to know who asks.
fn refused(name: &str, registry: &Registry) -> String {
    format!("error: cannot push `{name}`: `{}` wants to know who asks\n", registry.address)
}

/// Docker's settings in a room, in each of the forms that `docker push` takes, and a helper that it asks.
struct Kept<'a> {
    room: &'a Room,
    path: String,
}

impl<'a> Kept<'a> {
    fn new(room: &'a Room) -> Self {
        fs::create_dir_all(room.dir.join("home/.docker")).unwrap();
        let helper = room.dir.join("home/docker-credential-knows");
        let answer = r#"echo '{ "ServerURL": "x", "Username": "me", "Secret": "secret" }'"#;
        fs::write(&helper, format!("#!/bin/sh\ncat >/dev/null\n{answer}\n")).unwrap();
        let nobody = room.dir.join("home/docker-credential-nobody");
        let answer = "echo 'credentials not found in native keychain'; exit 1";
        fs::write(&nobody, format!("#!/bin/sh\ncat >/dev/null\n{answer}\n")).unwrap();
        for file in [helper, nobody] {
            fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let path = std::env::var("PATH").unwrap();
        Self { room, path: format!("{}:{path}", room.dir.join("home").display()) }
    }

    fn write(&self, text: &str) {
        fs::write(self.room.dir.join("home/.docker/config.json"), text).unwrap();
    }

    fn bb(&self, args: &str) -> Run {
        self.room.bb_with(&[("PATH", &self.path)], args)
    }

    /// The forms, for a registry: those with which it is known who asks, and those with which it is not.
    fn forms(registry: &str) -> ([String; 10], [String; 4]) {
        // `me:secret`, with two zero bytes, and with another password.
        let [auth, zeros, old] = ["bWU6c2VjcmV0", "bWU6c2VjcmV0AAA=", "bWU6b2xk"];
        let auths = |key: &str, login: &str| format!(r#""auths": {{ "{key}": {{ {login} }} }}"#);
        let plain = format!(r#""auth": "{auth}""#);
        let known = [
            auths(registry, &plain),
            auths(&format!("{registry}/some/path"), &plain),
            auths(&format!("https://{registry}/v1/"), &plain),
            auths(registry, &format!(r#""auth": "{zeros}""#)),
            auths(registry, &format!(r#"{plain}, "identitytoken": """#)),
            auths(registry, r#""username": "me", "password": "secret""#),
            format!(r#"{}, "credsStore": "knows""#, auths(registry, r#""auth": """#)),
            format!(
                r#"{}, "credsStore": "knows""#,
                auths(registry, &format!(r#""auth": "{old}""#))
            ),
            format!(r#""credHelpers": {{ "{registry}": "knows" }}, "credsStore": "nobody""#),
            format!(r#"{}, "credsStore": """#, auths(registry, &plain)),
        ];
        let unknown = [
            String::new(),
            auths("localhost:1", &plain),
            r#""credsStore": "nobody""#.to_owned(),
            auths(registry, r#""auth": """#),
        ];
        (known.map(|form| format!("{{ {form} }}")), unknown.map(|form| format!("{{ {form} }}")))
    }
}

/// Images that are built and tested are sent where no engine runs; others are not.
#[test]
fn what_is_built_is_pushed_without_an_engine() {
    let room = Room::with_engine();
    room.dock("a", "FROM scratch\nCOPY f /\n", &[("f", "x")]);
    room.dock("b", "FROM ${NAMESPACE}/a\nCOPY g /\n", &[("g", "y")]);
    room.bb("test").ok();
    let registry = Registry::start(false);
    let push = format!("push {}", registry.address);
    let away = [("DOCKER_HOST", "unix:///nonexistent/docker.sock")];
    let run = room.bb_with(&away, &push).ok();
    assert_eq!(told(&run, &registry.address).len(), 2, "{}", run.stderr);
    for image in ["a", "b"] {
        let name = format!("{}/{}", registry.address, room.image(image));
        room.engine().docker(&["pull", "-q", &name]);
        assert_eq!(room.engine().image_id(&name), room.engine().image_id(&room.image(image)));
        room.engine().docker(&["rmi", "--no-prune", &name]);
    }
    room.write("bb-dock/a/f", "changed");
    let run = room.bb_with(&away, &push);
    assert_eq!(run.code, Some(4), "{}", run.stderr);
    assert!(told(&run, &registry.address).is_empty());
}

/// What the plain docker client says of each form is the same: it is asked, too.
#[test]
fn every_form_of_dockers_settings_pushes() {
    let room = Room::with_engine();
    room.dock("a", "FROM scratch\nCOPY f /\n", &[("f", "x")]);
    room.bb("build").ok();
    let registry = Registry::start(true);
    let kept = Kept::new(&room);
    let (known, unknown) = Kept::forms(&registry.address);
    let name = format!("{}/{}", registry.address, room.image("a"));
    let docker = |form: &str| {
        kept.write(form);
        // `bb push` takes the name away again.
        room.engine().docker(&["tag", &room.image("a"), &name]);
        let mut push = room.engine().command(&["push", "-q", &name]);
        push.env("PATH", &kept.path).env("HOME", room.dir.join("home"));
        push.output().unwrap().status.success()
    };
    for form in &known {
        assert!(docker(form), "{form}");
        kept.bb(&format!("push {}", registry.address)).ok();
    }
    for form in &unknown {
        assert!(!docker(form), "{form}");
        let run = kept.bb(&format!("push {}", registry.address));
        assert_eq!(run.code, Some(1), "{form}: {}", run.stderr);
        let refused = refused(&name, &registry);
        assert!(run.stderr.contains(&refused), "{form}: {}", run.stderr);
    }
    room.engine().try_docker(&["rmi", &name]);
}

/// A base that only those may have who have logged in: the registry is told who asks.
#[test]
fn a_private_base_is_built_on() {
    let room = Room::with_engine();
    let registry = Registry::start(true);
    let kept = Kept::new(&room);
    let (known, unknown) = Kept::forms(&registry.address);
    room.dock("base", "FROM scratch\nCOPY f /\n", &[("f", "x")]);
    kept.write(&known[0]);
    kept.bb(&format!("push {}", registry.address)).ok();
    let base = format!("{}/{}", registry.address, room.image("base"));
    room.remove("bb-dock/base");
    room.dock("a", &format!("FROM {base}\nLABEL n=0\n"), &[]);
    for (n, form) in unknown.iter().enumerate() {
        kept.write(form);
        room.write("bb-dock/a/Dockerfile.template", &format!("FROM {base}\nLABEL n=no{n}\n"));
        let run = kept.bb("build a");
        assert_eq!(run.code, Some(1), "{form}: {}", run.stderr);
        assert!(run.stderr.contains("hint: `docker login"), "{form}: {}", run.stderr);
    }
    for (n, form) in known.iter().enumerate() {
        kept.write(form);
        for left in ["bb.lock", ".bb/oci"] {
            if room.exists(left) {
                room.remove(left);
            }
        }
        room.write("bb-dock/a/Dockerfile.template", &format!("FROM {base}\nLABEL n={n}\n"));
        kept.bb("build a").ok();
    }
    // A helper that is not there is no reason not to build on what is here.
    kept.write(r#"{ "credsStore": "missing" }"#);
    room.write("bb-dock/a/Dockerfile.template", &format!("FROM {base}\nLABEL n=x\n"));
    kept.bb("build a").ok();
}

#[test]
fn a_registry_that_does_not_answer_is_told() {
    let project = Project::get();
    let room = &project.room;
    let run = room.bb("push localhost:1 busybox");
    let name = format!("localhost:1/{}", room.image("busybox"));
    assert_eq!(run.code, Some(1));
    let message = format!("error: cannot push `{name}`: nobody listens at `localhost:1`\n");
    assert!(run.stderr.contains(&message), "{}", run.stderr);
    assert!(!room.engine().has_image(&name));
    let room = Room::new();
    room.write("bb-dock/a/Dockerfile.template", "FROM scratch\n");
    room.write("bb-dock/a/Buildconfig.sh", "");
    room.bb("push b").fails(2, "error: unknown image `b`\nhint: did you mean `a`?\n");
}
