//! Images put together by `bb`, beside those that the engine's own builder makes of the same
//! Dockerfiles and files: the same files, modes, owners, attributes and settings.

mod cases;
mod context;
pub mod files;
mod generated;
mod language;
mod onbuild;
mod pinned;
pub mod words;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};
use support::sealed::{Engine, Room};

use self::cases::{BASE, CASES, LEFT};
use crate::image::Image;

/// A dock of a case. `BASE` in its Dockerfile is the image of that name, `BASE/NAME` another dock.
fn dock(room: &Room, name: &str, text: &str) {
    let template = text.replace("BASE/", "${NAMESPACE}/").replace("BASE", "${NAMESPACE}/base");
    room.write(&format!("bb-dock/{name}/Dockerfile.template"), &template);
    room.write(&format!("bb-dock/{name}/Buildconfig.sh"), "");
    files::write(&room.path(format!("bb-dock/{name}")));
}

fn summary(room: &Room, name: &str) -> Value {
    serde_json::from_str(&room.read(&format!(".bb/images/{name}/image.json"))).unwrap()
}

#[test]
fn an_assembled_image_is_what_the_engine_builds() {
    assert!(CASES.len() >= 40);
    let room = Room::with_engine();
    dock(&room, "base", BASE);
    for (name, text) in CASES {
        dock(&room, name, text);
    }
    room.bb("build -k").ok();
    let cases = Mutex::new(CASES.iter().map(|(name, _)| *name).chain(["base"]));
    let failures = Mutex::new(vec![]);
    let next = || cases.lock().unwrap().next();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some(name) = next() {
                    let differences = compare(&room, name);
                    failures.lock().unwrap().extend(differences.map(|d| format!("{name}: {d}")));
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// What is different between the assembled image of a dock and the one that the engine builds.
fn compare(room: &Room, name: &str) -> Option<String> {
    let left = summary(room, name)["built_by_engine"].clone();
    if !left.is_null() {
        return Some(format!("it was not assembled: {left}"));
    }
    let engine = room.engine();
    let (ours, theirs) = (room.image(name), room.image(&format!("{name}-by-engine")));
    if let Err(said) = build(room, name, &theirs) {
        return Some(format!("the engine cannot build it: {said}"));
    }
    let (config, other) = (config(engine, &ours), config(engine, &theirs));
    if config != other {
        return Some(format!("settings\n  ours   {config:?}\n  theirs {other:?}"));
    }
    let (files, other) = (Image::read(engine, &ours).entries, Image::read(engine, &theirs).entries);
    let paths = files.keys().chain(other.keys()).filter(|p| files.get(*p) != other.get(*p));
    let told = paths.map(|path| {
        let shown = |entry: Option<&_>| format!("{entry:?}").chars().take(200).collect::<String>();
        format!("{path}\n  ours   {}\n  theirs {}", shown(files.get(path)), shown(other.get(path)))
    });
    let told = told.collect::<std::collections::BTreeSet<_>>();
    (!told.is_empty()).then(|| told.into_iter().collect::<Vec<_>>().join("\n"))
}

/// The rendered Dockerfile, in a folder with what the image sees.
fn build(room: &Room, name: &str, reference: &str) -> Result<(), String> {
    let contexts = room.dir.join("contexts");
    fs::create_dir_all(&contexts).unwrap();
    let context = contexts.join(name);
    let dock = room.path(format!("bb-dock/{name}"));
    assert!(Command::new("cp").arg("-a").args([&dock, &context]).status().unwrap().success());
    fs::copy(room.path(format!(".bb/images/{name}/Dockerfile")), context.join("Dockerfile"))
        .unwrap();
    by_classic_builder(room.engine(), &context, reference)
}

/// Builds with the engine's own builder, once more where another test has removed a layer of the same content
/// meanwhile: the engine loses sight of it.
fn by_classic_builder(engine: &Engine, context: &Path, reference: &str) -> Result<(), String> {
    let context = context.to_str().unwrap();
    let args = ["build", "--no-cache", "--force-rm", "--quiet", "--tag", reference, context];
    // A layer that other images have just lost is missing for a while.
    let mut attempts = 0..10;
    loop {
        let out = engine.command(&args).env("DOCKER_BUILDKIT", "0").output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        match attempts.next() {
            _ if out.status.success() => return Ok(()),
            Some(_) if said.contains("layer does not exist") => {
                std::thread::sleep(Duration::from_millis(300));
            }
            _ => return Err(said),
        }
    }
}

/// An image's settings without those that say nothing and those that tell how it was made.
fn config(engine: &Engine, reference: &str) -> BTreeMap<String, Value> {
    let text = engine.docker(&["image", "inspect", reference]);
    let [image] = serde_json::from_str::<[Value; 1]>(&text).unwrap();
    let mut config: BTreeMap<String, Value> =
        serde_json::from_value(image["Config"].clone()).unwrap();
    for key in ["Author", "Architecture", "Os"] {
        config.insert(key.to_owned(), image[key].clone());
    }
    let made = ["Hostname", "Image"];
    let empty = ["null", "\"\"", "false", "{}"];
    if let Some(Value::Object(labels)) = config.get_mut("Labels") {
        let ours = ["org.opencontainers.", "bb."];
        labels.retain(|name, _| !ours.iter().any(|begin| name.starts_with(begin)));
    }
    config.retain(|key, value| {
        !made.contains(&key.as_str()) && !empty.contains(&value.to_string().as_str())
    });
    config
}

#[test]
fn what_cannot_be_assembled_is_left_to_the_engine_with_the_reason() {
    let room = Room::with_engine();
    dock(&room, "base", BASE);
    for (name, text, _) in LEFT {
        dock(&room, name, text);
    }
    fs::write(room.path("bb-dock/compressed/arch.tar.gz"), files::COMPRESSED).unwrap();
    // What is built on an image that the engine has built is put together on it.
    dock(&room, "child", "FROM BASE/compressed\nCOPY f /g\n");
    let run = room.bb("build -k");
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    for (name, _, why) in LEFT {
        let log = room.read(&format!(".bb/logs/image/{name}.log"));
        assert_eq!(log.lines().next(), Some(format!("bb: built by the engine: {why}").as_str()));
    }
    let why = LEFT[1].2;
    assert_eq!(summary(&room, "compressed")["built_by_engine"], why);
    let done = format!(", by the engine: {why}\n");
    assert!(run.stderr.contains(&done), "no `{done}` in {}", run.stderr);
    assert_eq!(summary(&room, "child")["built_by_engine"], Value::Null);
    assert_eq!(Image::read(room.engine(), &room.image("child")).text("/g"), "f\n");
    let run = room.bb("build compressed child");
    assert!(run.stderr.starts_with("nothing to do"), "{}", run.stderr);
}

/// The image's ID is a digest of what the archive says, and the same wherever it is made.
#[test]
fn an_image_has_the_same_id_each_time() {
    let (one, other) = (Room::with_engine(), Room::with_engine());
    let env = [("NAMESPACE", one.namespace.as_str())];
    for room in [&one, &other] {
        dock(room, "base", BASE);
        dock(room, "child", "FROM BASE\nCOPY dir f /to/\nADD arch.tar /\n");
        room.touch_all(if room.dir == one.dir { 1_000_000_000 } else { 1_500_000_000 });
        room.bb_with(&env, "build").ok();
    }
    for name in ["base", "child"] {
        let ids = [&one, &other].map(|room| summary(room, name)["id"].clone());
        assert_eq!(ids[0], ids[1], "{name}");
        let archive = format!(".bb/images/{name}/image.tar");
        let same = fs::read(one.path(&archive)).unwrap() == fs::read(other.path(&archive)).unwrap();
        assert!(same, "{name}'s archives differ");
    }
    let child =
        one.engine().docker(&["image", "inspect", "--format", "{{.Created}}", &one.image("child")]);
    assert_eq!(child, "2010-01-01T00:00:00Z");
}

/// An image's labels, those of a standard by their short names.
fn labels(room: &Room, name: &str) -> BTreeMap<String, String> {
    let text = room.engine().docker(&["image", "inspect", &room.image(name)]);
    let [image] = serde_json::from_str::<[Value; 1]>(&text).unwrap();
    let labels = image["Config"]["Labels"].clone();
    let labels = serde_json::from_value::<BTreeMap<String, String>>(labels).unwrap();
    let short = |name: String| name.replace("org.opencontainers.image.", "");
    labels.into_iter().map(|(name, value)| (short(name), value)).collect()
}

const SBOM: [(&str, &str); 2] =
    [("bb.sbom.cyclonedx", "sbom.cdx.json"), ("bb.sbom.spdx", "sbom.spdx.json")];

#[test]
fn labels_tell_what_an_image_is_and_what_it_is_built_on() {
    let room = Room::with_engine();
    room.append("bb.toml", "[labels]\nsource = \"https://example.org/\"\nlicenses = \"MIT\"\n");
    dock(&room, "base", "FROM scratch\nCOPY f /\nLABEL org.opencontainers.image.vendor=them a=1\n");
    let template = "LABEL org.opencontainers.image.title=\"Mine\"\nCOPY x /\n";
    dock(&room, "child", &format!("FROM BASE\n{template}"));
    dock(&room, "engines", &format!("FROM BASE\n{template}ADD arch.tar.gz /\n"));
    fs::write(room.path("bb-dock/engines/arch.tar.gz"), files::COMPRESSED).unwrap();
    for name in ["child", "engines"] {
        let toml =
            "[labels]\ndescription = \"A test\"\nlicenses = \"BSD-2\"\n\"org.example.x\" = \"y\"\n";
        room.write(&format!("bb-dock/{name}/dock.toml"), toml);
    }
    let env = [("REVISION", "abc"), ("TAG", "1.2")];
    room.bb_with(&env, "build").ok();
    let base = room.engine().image_id(&room.image("base"));
    for (name, inherited) in [("child", ""), ("engines", "them")] {
        let mut labels = labels(&room, name);
        let fingerprint = labels.remove("bb.fingerprint").unwrap();
        assert_eq!(fingerprint.len(), 64, "{name}");
        for (label, file) in SBOM {
            let text = fs::read(room.path(format!(".bb/images/{name}/{file}"))).unwrap();
            let digest = gentoo_bb::base::hex::hex(&Sha256::digest(text));
            assert_eq!(labels.remove(label).unwrap(), format!("sha256:{digest}"), "{name}");
        }
        assert_eq!(labels.remove("vendor").unwrap_or_default(), inherited, "{name}");
        let parent = format!("{}/base", room.namespace);
        let expected = [
            ("a", "1"),
            ("base.digest", base.as_str()),
            ("base.name", parent.as_str()),
            ("description", "A test"),
            ("licenses", "BSD-2"),
            ("org.example.x", "y"),
            ("revision", "abc"),
            ("source", "https://example.org/"),
            ("title", "Mine"),
            ("version", "1.2"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(labels, BTreeMap::from(expected), "{name}");
    }
    assert_eq!(labels(&room, "base")["licenses"], "MIT");
    room.bb_with(&env, "build").fails(0, "nothing to do: 6 steps up to date\n");
    room.write("bb-dock/child/dock.toml", "[labels]\ndescription = \"Another\"\n");
    room.told_with(&env, "build").ran("image:child");
}

/// Saved without an engine, an image is what the engine has.
#[test]
fn a_saved_image_is_the_one_in_the_engine() {
    let room = Room::with_engine();
    dock(&room, "base", BASE);
    dock(&room, "child", "FROM BASE\nCOPY dir f /to/\nADD arch.tar /\n");
    dock(&room, "engines", "FROM BASE\nADD arch.tar.gz /\n");
    fs::write(room.path("bb-dock/engines/arch.tar.gz"), files::COMPRESSED).unwrap();
    room.bb("image digest child")
        .fails(1, "error: the image `child` is not built\nhint: run `bb build child` first\n");
    room.bb("build child").ok();
    let id = room.engine().image_id(&room.image("child"));
    let alone = [("DOCKER_HOST", "unix:///nonexistent/engine.sock")];
    room.bb_with(&alone, "image digest child").is(0, &format!("{id}\n"), "");
    room.bb_with(&alone, "image save child -o child.tar").is(0, "", "");
    room.bb_with(&alone, "image save child -o layout/").is(0, "", "");
    room.bb_with(&alone, "image save child -o layout").is(0, "", "");
    fs::write(room.path("bb-dock/child/f"), "2\n").unwrap();
    room.bb("build child").ok();
    assert_ne!(room.engine().image_id(&room.image("child")), id);
    // The old one comes back from the file, whole.
    for name in ["child", "base"] {
        room.engine().docker(&["rmi", "-f", &room.image(name)]);
    }
    room.engine().docker(&["load", "-i", room.path("child.tar").to_str().unwrap()]);
    assert_eq!(room.engine().image_id(&room.image("child")), id);
    assert_eq!(Image::read(room.engine(), &room.image("child")).text("/to/f"), "f\n");
    check_layout(&room, &id);
    save_compressed(&room);
    save_what_the_engine_has_built(&room);
    room.bb("image save child -o bb-dock").fails(
        2,
        "error: `ROOM/project/bb-dock` is neither empty nor an OCI layout\n\
         hint: name a folder that is not there yet\n",
    );
}

/// What is compressed is the same image: a file unpacks to what it would be, a layout's manifest says how its layers
/// are, and engines and other tools take both.
fn save_compressed(room: &Room) {
    room.bb("image save child -o plain.tar").is(0, "", "");
    let plain = fs::read(room.path("plain.tar")).unwrap();
    let id = room.bb("image digest child").ok().stdout.trim().to_owned();
    for format in ["gzip", "zstd"] {
        room.bb(&format!("image save child -o packed --compress {format}")).is(0, "", "");
        let out = Command::new(format).arg("-dc").arg(room.path("packed")).output().unwrap();
        assert!(out.stdout == plain, "{format}: {}", String::from_utf8_lossy(&out.stderr));
        assert!(fs::metadata(room.path("packed")).unwrap().len() * 2 < plain.len() as u64);
        room.bb(&format!("image save child -o {format}/ --compress {format}")).is(0, "", "");
        let layout = format!("oci:{}", room.path(format).display());
        let copy = format!("oci:{}", room.path(format!("{format}-copy")).display());
        for args in [["inspect", "--config", &layout], ["copy", "-q", &layout]] {
            let to = (args[0] == "copy").then_some(&copy);
            let out = Command::new("skopeo").args(args).args(to).output().unwrap();
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        }
        let blob = |digest: &Value| {
            let name = digest.as_str().unwrap().replace(':', "/");
            fs::read(room.path(format!("{format}/blobs/{name}"))).unwrap()
        };
        let index = fs::read(room.path(format!("{format}/index.json"))).unwrap();
        let index = serde_json::from_slice::<Value>(&index).unwrap();
        let manifest = blob(&index["manifests"][0]["digest"]);
        let manifest = serde_json::from_slice::<Value>(&manifest).unwrap();
        assert_eq!(manifest["config"]["digest"], id.as_str());
        for layer in manifest["layers"].as_array().unwrap() {
            let kind = format!("application/vnd.oci.image.layer.v1.tar+{format}");
            assert_eq!(layer["mediaType"], kind);
            assert_eq!(blob(&layer["digest"]).len() as u64, layer["size"].as_u64().unwrap());
        }
        sent_as(room, format, &manifest["layers"]);
    }
    room.engine().docker(&["rmi", "-f", &room.image("child")]);
    room.bb("image save child -o child.tar.gz --compress gzip").is(0, "", "");
    room.engine().docker(&["load", "-i", room.path("child.tar.gz").to_str().unwrap()]);
    assert_eq!(room.engine().image_id(&room.image("child")), id);
}

/// What `bb size` says of how large layers are on their way is what they are there.
fn sent_as(room: &Room, format: &str, layers: &Value) {
    let layers = layers.as_array().unwrap();
    let said = room.bb("size child --compressed --json").ok().stdout;
    let said = &serde_json::from_str::<Value>(&said).unwrap()[0]["sent"];
    let sizes = layers.iter().map(|layer| layer["size"].as_u64().unwrap()).collect::<Vec<_>>();
    let told = said["layers"].as_array().unwrap().iter();
    let told = told.map(|layer| layer[format].as_u64().unwrap());
    assert_eq!(told.collect::<Vec<_>>(), sizes);
    assert_eq!(said[format], sizes.iter().sum::<u64>());
    // Once it is known it takes no time, and nothing is said.
    assert_eq!(room.bb("size child --compressed").ok().stderr, "");
}

/// It is in the state folder like any other, and comes back into the engine as it was.
fn save_what_the_engine_has_built(room: &Room) {
    room.bb("build engines").ok();
    let (engine, image) = (room.engine(), room.image("engines"));
    let id = engine.image_id(&image);
    assert_eq!(summary(room, "engines")["id"], id);
    room.bb("image save engines -o x.tar").is(0, "", "");
    engine.docker(&["rmi", "-f", &image]);
    engine.docker(&["load", "-i", room.path("x.tar").to_str().unwrap()]);
    assert_eq!(engine.image_id(&image), id);
    engine.docker(&["rmi", "-f", &image]);
    let told = room.told("build engines").ran("");
    assert_eq!(told.of_type("put").count(), 1, "{told}");
    assert_eq!(engine.image_id(&image), id);
}

/// Every blob is what its name says, and the index leads to the image's configuration.
fn check_layout(room: &Room, id: &str) {
    use sha2::{Digest, Sha256};
    let mut blobs = BTreeMap::new();
    for entry in fs::read_dir(room.path("layout/blobs/sha256")).unwrap() {
        let path = entry.unwrap().path();
        let data = fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(gentoo_bb::base::hex::hex(&Sha256::digest(&data)), name);
        blobs.insert(format!("sha256:{name}"), data);
    }
    let json = |text: &[u8]| serde_json::from_slice::<Value>(text).unwrap();
    assert_eq!(json(room.read("layout/oci-layout").as_bytes())["imageLayoutVersion"], "1.0.0");
    let index = json(room.read("layout/index.json").as_bytes());
    let described = |value: &Value| {
        let blob = &blobs[value["digest"].as_str().unwrap()];
        assert_eq!(value["size"], blob.len());
        blob
    };
    let manifest = json(described(&index["manifests"][0]));
    assert_eq!(manifest["config"]["digest"], id);
    let config = json(described(&manifest["config"]));
    let layers = manifest["layers"].as_array().unwrap();
    let digests = layers.iter().map(|layer| (described(layer), layer["digest"].clone()).1);
    assert_eq!(config["rootfs"]["diff_ids"], digests.collect::<Value>());
    assert_eq!(blobs.len(), layers.len() + 2);
}
