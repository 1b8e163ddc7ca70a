//! Images from elsewhere that `bb.lock` pins: with Debian's `docker-registry`, and an engine that knows none of them.

use std::fs;

use gentoo_bb::net::registry::{Blobs, Settings};
use serde_json::Value;
use support::LEFT_TO_BUILDER;
use support::fake::engine::World;
use support::fake::room::{Room, says};
use support::registry::Registry;

use super::{client, digest, image, name, tar, wait};

/// A registry with `base:1` in it.
struct Place {
    registry: Registry,
    room: Room,
    dir: tempfile::TempDir,
}

/// What was pushed: the digest of its manifest, and its ID.
struct Sent {
    digest: String,
    id: String,
}

impl Place {
    fn new() -> Self {
        let room = Room::new(World::default());
        room.settings("", "");
        Self { registry: Registry::start(false), room, dir: tempfile::tempdir().unwrap() }
    }

    fn base(&self) -> String {
        format!("{}/base:1", self.registry.address)
    }

    /// Puts another image under the tag.
    fn push(&self, size: usize) -> Sent {
        let image = image(self.dir.path(), &[tar("from-below", size)]);
        let (client, to) = (client(Settings::default()), name(&self.base()));
        let pushed = wait(client.push(&image, &to, self.dir.path())).unwrap();
        Sent { digest: pushed.digest, id: digest(&image.config) }
    }

    fn bb(&self, args: &str) -> support::fake::room::Run {
        self.room.run("bb", &args.split(' ').collect::<Vec<_>>())
    }

    /// What is said of the image of `a`.
    fn summary(&self) -> Value {
        let text = fs::read(self.room.path(".bb/images/a/image.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    fn lock(&self) -> String {
        fs::read_to_string(self.room.path("bb.lock")).unwrap()
    }

    fn moves(&self, old: &Sent, new: &Sent) -> String {
        format!("base {}: {} -> {}\n", self.base(), &old.id[..19], &new.id[..19])
    }
}

#[test]
fn an_image_is_put_together_on_what_is_pinned() {
    let place = Place::new();
    let one = place.push(3000);
    let base = place.base();
    let room = &place.room;
    room.dock("a", &format!("FROM {base}\nCOPY f /\n"));
    let said = place.bb("build").ok().text;
    let pinned = format!("pinned  `{base}` as {}, from its registry, in bb.lock\n", &one.id[..19]);
    assert!(said.contains(&pinned), "{said}");
    let entry = format!(
        "[[base]]\nname = \"{base}\"\ndigest = \"{}\"\nid = \"{}\"\nsource = \"registry\"\n",
        one.digest, one.id
    );
    assert!(place.lock().ends_with(&entry), "{}", place.lock());
    let summary = place.summary();
    assert_eq!(summary["built_by_engine"], Value::Null, "{summary}");
    assert_eq!(summary["elsewhere"]["id"], Value::String(one.id.clone()));
    // The engine has never heard of the base.
    assert_eq!(room.engine.images().into_keys().collect::<Vec<_>>(), ["ns/a:latest"]);
    // All layers are in what is saved, those below first.
    place.bb("image save a -o saved/").ok();
    let below = digest(&tar("from-below", 3000));
    let saved = room.path("saved/blobs/sha256").join(&below[7..]);
    assert_eq!(fs::read(saved).unwrap(), tar("from-below", 3000));

    let said = place.bb("status").ok().text;
    let trust = format!("{}, from its registry, not signed\n", &one.id[..19]);
    assert!(said.contains(&base) && said.ends_with(&trust), "{said}");

    // The tag moves: nothing changes, also where the image is made anew.
    let two = place.push(4000);
    room.told("build").ran("");
    room.write("bb-dock/a/f", "changed");
    room.told("build").ran("image:a");
    assert_eq!(place.summary()["elsewhere"]["id"], Value::String(one.id.clone()));
    says(&place.bb("update --check"), 1, &place.moves(&one, &two));
    says(&place.bb("outdated"), 0, &place.moves(&one, &two));
    room.told("build").ran("");
    says(&place.bb("update"), 0, &place.moves(&one, &two));
    let said = place.bb("why a").ok().text;
    assert!(said.contains(&format!("image `{base}` is another one\n")), "{said}");
    room.told("build").ran("image:a");
    assert_eq!(place.summary()["elsewhere"]["id"], Value::String(two.id.clone()));

    // What was brought stays: no registry is needed, nor an answer of one.
    let Place { registry, room, .. } = place;
    drop(registry);
    room.write("bb-dock/a/f", "changed again");
    room.told("build --offline").ran("image:a");
    room.write("bb-dock/a/f", "and again");
    room.told("build").ran("image:a");
    let run = room.run("bb", &["update"]);
    let stays = format!("base {base}: stays {}: ", &two.id[..19]);
    assert!(run.code == Some(1) && run.text.starts_with(&stays), "{}", run.text);
    for verb in ["update --check", "outdated", "outdated --exit-code"] {
        let run = room.run("bb", &verb.split(' ').collect::<Vec<_>>());
        assert!(run.code == Some(1) && run.text.contains(&stays), "{verb}: {}", run.text);
    }
    room.told("build --offline").ran("");
}

/// What was never pinned is not pinned by an update that could ask nobody, either.
#[test]
fn where_nobody_answers_no_lock_is_written() {
    let Place { registry, room, .. } = Place::new();
    let base = format!("{}/base:1", registry.address);
    drop(registry);
    room.dock("a", &format!("FROM {base}\nCOPY f /\n"));
    let run = room.run("bb", &["update"]);
    let said = format!("base {base}: not pinned: ");
    assert!(run.code == Some(1) && run.text.starts_with(&said), "{}", run.text);
    assert!(!room.path("bb.lock").exists());
}

/// The engine may have it: it is the engine that is missing.
#[test]
fn without_an_engine_nobody_knows_what_only_that_has() {
    let place = Place::new();
    let (base, host) = (place.base(), &place.registry.address);
    place.room.dock("a", &format!("FROM {base}\nCOPY f /\n"));
    let run = place.room.run("env", &["DOCKER_HOST=unix:///nowhere.sock", "bb", "build"]);
    let said =
        format!("error: cannot find `{base}`, which is built on: `{host}` does not have it, and ");
    assert!(run.code == Some(4) && run.text.starts_with(&said), "{}", run.text);
    assert!(run.text.contains("\nhint: "), "{}", run.text);
}

/// The registry has thrown it away, and nothing of it is here.
#[test]
fn a_pinned_image_that_is_gone_is_moved_by_an_update() {
    let place = Place::new();
    let one = place.push(100);
    place.room.dock("a", &format!("FROM {}\nCOPY f /\n", place.base()));
    place.bb("build").ok();
    fs::remove_dir_all(place.room.path(".bb")).unwrap();
    place.registry.forget(&one.digest);
    let run = place.bb("build");
    let hint = "hint: it was there once: `bb update` looks up what its name means now\n";
    assert!(run.code == Some(1) && run.text.contains(hint), "{}", run.text);
    let two = place.push(200);
    says(&place.bb("update"), 0, &place.moves(&one, &two));
    place.bb("build").ok();
}

#[test]
fn the_engine_builds_on_what_is_pinned() {
    let place = Place::new();
    let one = place.push(100);
    let base = place.base();
    let room = &place.room;
    room.dock("a", &format!("{LEFT_TO_BUILDER}FROM {base}\n"));
    place.bb("build").ok();
    assert_eq!(place.summary()["built_by_engine"], "the source `\\f*` has a `\\`");
    assert_eq!(room.engine.nameless(), std::slice::from_ref(&one.id));
    let made = room.engine.images()["ns/a:latest"].clone();
    // Somebody pulls the tag, which has moved.
    let two = place.push(200);
    room.engine.pull(&base, 7);
    room.told("build -f a").ran("image:a");
    assert_eq!(room.engine.images()["ns/a:latest"], made);
    says(&place.bb("update"), 0, &place.moves(&one, &two));
    room.told("build").ran("image:a");
    assert_ne!(room.engine.images()["ns/a:latest"], made);
}

#[test]
fn what_a_registry_does_not_have_the_engine_may_have() {
    let place = Place::new();
    let base = place.base();
    let room = &place.room;
    room.dock("a", &format!("FROM {base}\nRUN true\n"));
    let run = place.bb("build");
    let host = &place.registry.address;
    let message = format!(
        "error: `{base}`, which is built on, is nowhere: `{host}` does not have it, and the engine does not have it\n"
    );
    assert!(run.code == Some(3) && run.text.starts_with(&message), "{}", run.text);
    room.engine.pull(&base, 1);
    place.bb("build").ok();
    assert!(place.lock().ends_with("source = \"engine\"\n"), "{}", place.lock());
    // Now it is at the registry, too.
    let one = place.push(100);
    room.told("build").ran("");
    place.bb("update").ok();
    assert!(place.lock().contains(&one.digest), "{}", place.lock());
}

/// Somebody has edited the lock: digest and ID are those of two images.
#[test]
fn a_lock_that_contradicts_itself_is_not_built_on() {
    let place = Place::new();
    let (one, two) = (place.push(100), place.push(200));
    let room = &place.room;
    room.dock("a", &format!("FROM {}\nCOPY f /\n", place.base()));
    place.bb("build").ok();
    fs::remove_dir_all(room.path(".bb/oci")).unwrap();
    room.write("bb.lock", &place.lock().replace(&two.id, &one.id));
    let run = place.bb("build");
    assert!(run.code == Some(5), "{}", run.text);
    assert!(run.text.contains(&format!("is not the image `{}` that `bb.lock` pins", one.id)));
}

/// What is there under a digest is never asked for again.
#[test]
fn what_is_unpacked_is_kept_once() {
    let place = Place::new();
    let one = place.push(3000);
    let room = &place.room;
    room.dock("a", &format!("FROM {}\nCOPY f /\n", place.base()));
    place.bb("build").ok();
    let folder = room.path(".bb/oci/blobs");
    let names = fs::read_dir(folder.join("sha256")).unwrap().map(|e| e.unwrap().file_name());
    let mut names = names.map(|name| name.into_string().unwrap()).collect::<Vec<_>>();
    names.sort();
    let mut kept =
        [&one.digest, &one.id, &digest(&tar("from-below", 3000))].map(|d| d[7..].to_owned());
    kept.sort();
    assert_eq!(names, kept);
    assert!(Blobs::at(&folder).has(&one.id).unwrap());
}
