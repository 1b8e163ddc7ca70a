//! What a child makes of its parent's paths: random chains of ROOTs, packed by the builder's own code,
//! unpacked by Docker, by umoci and by our own reader. Each image is what its ROOT was.
//!
//! A folder becomes a link, a link a device, and so on, with whatever was below. `BB_KINDS=250` tries that
//! many chains, two pairs of parent and child in each; `BB_SEED` says which.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use gentoo_bb::base::hex::hex;
use gentoo_bb::base::limits::Limits;
use gentoo_bb::image::archive::bundle::Bundle;
use gentoo_bb::image::archive::{bundle, listing};
use gentoo_bb::image::tree::{Content, Kind, Tree};
use serde_json::json;
use sha2::{Digest, Sha256};
use support::sealed::Room;

/// Generations in a chain.
const GENERATIONS: usize = 3;

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[test]
fn a_childs_image_is_its_root_whatever_has_become_of_its_parents_paths() {
    let room = Room::with_engine();
    let (chains, seed) = (setting("BB_KINDS", 20), setting("BB_SEED", 1));
    let folder = room.dir.join("kinds");
    let numbers = [seed.to_string(), chains.to_string()];
    python(&["make", folder.to_str().unwrap(), &numbers[0], &numbers[1]]);
    docks(&room, &folder, chains);
    room.bb("build").ok();
    let cases = (0..chains).flat_map(|chain| (1..GENERATIONS).map(move |child| (chain, child)));
    let cases = Mutex::new(cases);
    let failures = Mutex::new(vec![]);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some((chain, child)) = { cases.lock().unwrap().next() } {
                    let case =
                        Case { room: &room, folder: folder.join(chain.to_string()), chain, child };
                    let told = case.differences().into_iter();
                    let told = told.map(|text| format!("chain {chain}, image {child}: {text}"));
                    failures.lock().unwrap().extend(told);
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn python(args: &[&str]) -> String {
    let bob = support::checkout().join("bob");
    let mut python = Command::new("python3");
    // What is compiled would be beside the builder's files.
    python.env("PYTHONPATH", bob.join("image")).arg("-B");
    let out = python.arg(bob.join("tests/kinds.py")).args(args).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// Each ROOT's archive in a dock of its own, unpacked by `ADD` on the one before.
fn docks(room: &Room, folder: &Path, chains: usize) {
    for chain in 0..chains {
        for generation in 0..GENERATIONS {
            let parent = match generation {
                0 => "scratch".to_owned(),
                _ => format!("${{NAMESPACE}}/kinds-{chain}-{}", generation - 1),
            };
            let name = format!("kinds-{chain}-{generation}");
            room.dock(&name, &format!("FROM {parent}\nADD layer.tar /\n"), &[]);
            let archive = folder.join(format!("{chain}/{generation}/rootfs.tar"));
            fs::copy(archive, room.path(format!("bb-dock/{name}/layer.tar"))).unwrap();
        }
    }
}

/// One child with all below it.
struct Case<'a> {
    room: &'a Room,
    folder: PathBuf,
    chain: usize,
    child: usize,
}

impl Case<'_> {
    /// Who has something else than ROOT had.
    fn differences(&self) -> Vec<String> {
        let expected =
            fs::read_to_string(self.folder.join(format!("{}/expected", self.child))).unwrap();
        let expected = expected.lines().map(str::to_owned).collect::<BTreeSet<_>>();
        let archive = self.write_archive();
        let mut told = vec![];
        let mut check = |who: &str, found: String| {
            let found = found.lines().filter(|line| !is_engines_own(line)).map(str::to_owned);
            let found = found.collect::<BTreeSet<_>>();
            let differences = expected.symmetric_difference(&found);
            let text = differences.map(|line| format!("\n  {}", readable(line, &expected)));
            let text = text.collect::<String>();
            if !text.is_empty() {
                told.push(format!("{who}{text}"));
            }
        };
        let engine = self.room.engine();
        engine.docker(&["load", "-q", "-i", archive.to_str().unwrap()]);
        check("layers by Docker", self.by_docker(&self.reference()));
        check("layers by umoci", self.by_umoci(&archive));
        check("layers by our reader", Self::by_reader(&archive));
        let added = self.room.image(&format!("kinds-{}-{}", self.chain, self.child));
        check("ADD, by Docker", self.by_docker(&added));
        let own = format!(".bb/images/kinds-{}-{}/image.tar", self.chain, self.child);
        if fs::metadata(self.room.path(own)).unwrap().len() > 0 {
            let saved = self.scratch("saved.tar");
            let args =
                format!("image save kinds-{}-{} -o {}", self.chain, self.child, saved.display());
            self.room.bb(&args).ok();
            check("ADD, by umoci", self.by_umoci(&saved));
            check("ADD, by our reader", Self::by_reader(&saved));
        }
        engine.docker(&["rmi", "-f", &self.reference()]);
        told
    }

    fn reference(&self) -> String {
        format!("{}/layers-{}:{}", self.room.namespace, self.chain, self.child)
    }

    fn scratch(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{}/{name}", self.child))
    }

    /// An image of which each ROOT's archive is a layer, as `docker load` takes it.
    fn write_archive(&self) -> PathBuf {
        let path = self.scratch("image.tar");
        let layers = (0..=self.child).map(|generation| {
            fs::read(self.folder.join(format!("{generation}/rootfs.tar"))).unwrap()
        });
        let layers = layers.map(|layer| (hex(&Sha256::digest(&layer)), layer)).collect::<Vec<_>>();
        let ids = layers.iter().map(|(digest, _)| format!("sha256:{digest}")).collect::<Vec<_>>();
        let config = json!({
            "architecture": "amd64", "os": "linux", "config": {"Labels": {"case": self.reference()}},
            "rootfs": {"type": "layers", "diff_ids": ids},
        });
        let files = layers.iter().map(|(digest, _)| format!("{digest}.tar")).collect::<Vec<_>>();
        let manifest =
            json!([{"Config": "config.json", "RepoTags": [self.reference()], "Layers": files}]);
        let mut tar = tar::Builder::new(fs::File::create(&path).unwrap());
        let mut add = |name: &str, bytes: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(0);
            tar.append_data(&mut header, name, bytes).unwrap();
        };
        for (name, (_, bytes)) in files.iter().zip(&layers) {
            add(name, bytes);
        }
        add("config.json", config.to_string().as_bytes());
        add("manifest.json", manifest.to_string().as_bytes());
        tar.finish().unwrap();
        path
    }

    /// What a container of an image exports, unpacked by GNU tar.
    fn by_docker(&self, reference: &str) -> String {
        let engine = self.room.engine();
        let container = engine.docker(&["create", "--label", &Room::label(), reference, "/none"]);
        let target = self.scratch("exported");
        fs::create_dir(&target).unwrap();
        let mut export = engine.command(&["export", &container]);
        let mut export = export.stdout(Stdio::piped()).spawn().unwrap();
        let mut tar = Command::new("tar");
        tar.args(["-x", "-p", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-C"])
            .arg(&target);
        let unpacked = tar.stdin(export.stdout.take().unwrap()).status().unwrap();
        assert!(unpacked.success() && export.wait().unwrap().success());
        engine.docker(&["rm", "-f", &container]);
        told(&target)
    }

    fn by_umoci(&self, archive: &Path) -> String {
        let (layout, target) = (self.scratch("layout"), self.scratch("bundle"));
        let image = format!("{}:it", layout.display());
        let from = format!("docker-archive:{}", archive.display());
        run(Command::new("skopeo").args(["copy", "-q", &from, &format!("oci:{image}")]));
        run(Command::new("umoci").args(["unpack", "--image", &image]).arg(&target));
        fs::remove_dir_all(layout).unwrap();
        let lines = python(&["tell", target.join("rootfs").to_str().unwrap()]);
        fs::remove_dir_all(target).unwrap();
        lines
    }

    /// The layers one above another, as `bb` itself reads them.
    fn by_reader(archive: &Path) -> String {
        let read = Bundle::open(archive, &Limits::default())
            .and_then(|bundle| bundle::tree(&[bundle.unwrap()]));
        lines(&read.unwrap_or_else(|error| panic!("{}", error.message())))
    }
}

/// Lines as the script tells them of a folder, which then goes.
fn told(folder: &Path) -> String {
    let lines = python(&["tell", folder.to_str().unwrap()]);
    fs::remove_dir_all(folder).unwrap();
    lines
}

fn run(command: &mut Command) {
    let out = command.output().unwrap();
    assert!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr));
}

/// What a container has in any case, and the folder of the builder's own list.
fn is_engines_own(line: &str) -> bool {
    let path = line.split(' ').next().unwrap();
    let top = path.split("2f").next().unwrap();
    [".dockerenv", "dev", "etc", "proc", "sys", "var"]
        .iter()
        .any(|name| hex(name.as_bytes()) == top)
}

/// The lines of a tree, as the script writes them.
fn lines(tree: &Tree) -> String {
    let mut text = String::new();
    for (path, node) in tree.nodes() {
        let (kind, data) = match &node.kind {
            Kind::Folder => ('d', vec![]),
            Kind::File(content) => ('f', digest(content).into_bytes()),
            Kind::Link(target) => ('l', target.to_vec()),
            Kind::Device(block, major, minor) => {
                (if *block { 'b' } else { 'c' }, format!("{major}:{minor}").into_bytes())
            }
            Kind::Fifo => ('p', vec![]),
        };
        let capability = node.xattrs.get("security.capability").map(|value| hex(value));
        let shown = |text: String| if text.is_empty() { "-".to_owned() } else { text };
        let (data, capability) = (shown(hex(&data)), shown(capability.unwrap_or_default()));
        let (path, mode, uid, gid) = (hex(path), node.mode, node.uid, node.gid);
        writeln!(text, "{path} {kind} {mode:o} {uid} {gid} {data} {capability}").unwrap();
    }
    text
}

fn digest(content: &Content) -> String {
    listing::digest(content).unwrap()
}

/// A line for people: ROOT's, or what there is instead.
fn readable(line: &str, expected: &BTreeSet<String>) -> String {
    let unhex = |text: &str| {
        let digits = text.as_bytes().chunks(2);
        let bytes = digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16));
        bytes
            .collect::<Result<Vec<_>, _>>()
            .map_or("-".to_owned(), |b| b.escape_ascii().to_string())
    };
    let (path, rest) = line.split_once(' ').unwrap();
    let (rest, capability) = rest.rsplit_once(' ').unwrap();
    let (rest, data) = rest.rsplit_once(' ').unwrap();
    let whose = if expected.contains(line) { "ROOT has" } else { "found is" };
    format!("{whose} {} {rest} {} {capability}", unhex(path), unhex(data))
}
