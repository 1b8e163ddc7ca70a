//! No panic on any input: every verb over projects in which one file is broken.
//!
//! For each file that a project has, its own and those of its state folder, and each way in which a file can be
//! wrong, a copy of the project is spoiled, and verbs are run in it, in turn: each file meets each verb. What
//! they say is other tests' business; here they have to end, by themselves, within time and memory, and not
//! with a bug.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use support::fake::room::{Room, Run};

use crate::family::{bb, unbuilt};

/// Every verb but `watch`, which does not end, `up` and `down`, which wait for the compose tool, and those that
/// read no project. `shell` and `run` are for a
/// terminal: with a wrong name they read the project, too.
const VERBS: [&str; 45] = [
    "status",
    "list",
    "tree",
    "why base",
    "why image:top",
    "logs",
    "logs base",
    "logs rootfs:base --previous 1",
    "config",
    "config --json limits.depth",
    "graph",
    "graph --steps --format dot",
    "graph --format html",
    "export ninja",
    "export json",
    "makefile -o out.mk",
    "sync",
    "size",
    "size base",
    "size --diff base",
    "diff base",
    "audit",
    "audit plain",
    "image digest base",
    "image sbom base",
    "image save base -o out.tar",
    "image save base -o out/",
    "keys list",
    "build --dry-run",
    "build -k",
    "missing",
    "step dockerfile:base",
    "step image:base",
    "test base",
    "push localhost:1 base",
    "outdated --offline base",
    "ps",
    "ps web",
    "clean --dry-run",
    "gc --dry-run",
    "clean base",
    "gc",
    "update --check",
    "shell nobody",
    "run nobody",
];

/// How many verbs each spoiled project meets. With all ways to spoil a file, it meets each verb.
const EACH: usize = 3;

/// A way in which a file can be wrong.
#[derive(Debug, Clone, Copy)]
enum Spoiled {
    Missing,
    Empty,
    Half,
    Zeros,
    Binary,
    NotUtf8,
    Huge,
    DeepLists,
    DeepTables,
    Number,
    Braces,
    LongLine,
    Folder,
    Dangling,
    Circle,
    Pipe,
    Unreadable,
    Device,
}

impl Spoiled {
    const ALL: [Self; 18] = [
        Self::Missing,
        Self::Empty,
        Self::Half,
        Self::Zeros,
        Self::Binary,
        Self::NotUtf8,
        Self::Huge,
        Self::DeepLists,
        Self::DeepTables,
        Self::Number,
        Self::Braces,
        Self::LongLine,
        Self::Folder,
        Self::Dangling,
        Self::Circle,
        Self::Pipe,
        Self::Unreadable,
        Self::Device,
    ];

    fn spoil(self, path: &Path) {
        let old = fs::read(path).unwrap();
        fs::remove_file(path).unwrap();
        let write = |text: &[u8]| fs::write(path, text).unwrap();
        match self {
            Self::Missing => {}
            Self::Empty => write(b""),
            Self::Half => write(&old[..old.len() / 2]),
            Self::Zeros => write(&[0; 4096]),
            Self::Binary => {
                let bytes = (0..4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8);
                write(&bytes.collect::<Vec<_>>());
            }
            Self::NotUtf8 => write(&[&old[..], b"\xff\xfe\n"].concat()),
            // As sparse as the file system has it. Of what is not read into memory, the digest is computed.
            Self::Huge => {
                let hashed = [".bb/images/", ".bb/downloads/", ".sh", "/f", ".in"];
                let hashed = hashed.iter().any(|part| path.to_str().unwrap().contains(part));
                let size = if hashed { 8 << 20 } else { 4 << 30 };
                fs::File::create(path).unwrap().set_len(size).unwrap();
            }
            Self::DeepLists => write(("a = ".to_owned() + &"[".repeat(100_000)).as_bytes()),
            Self::DeepTables => write("{\"a\":".repeat(100_000).as_bytes()),
            Self::Number => write(b"1"),
            Self::Braces => write("{{{{${a:-${b:-".repeat(10_000).as_bytes()),
            Self::LongLine => write("x".repeat(900_000).as_bytes()),
            Self::Folder => fs::create_dir(path).unwrap(),
            Self::Dangling => symlink("/nowhere/at/all", path).unwrap(),
            Self::Circle => symlink(path, path).unwrap(),
            Self::Pipe => assert!(Command::new("mkfifo").arg(path).status().unwrap().success()),
            Self::Unreadable => {
                write(&old);
                fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
            }
            Self::Device => symlink("/dev/zero", path).unwrap(),
        }
    }
}

/// A project with all that one can have, built.
fn whole() -> Room {
    let room = unbuilt();
    room.settings("", "");
    let text = fs::read_to_string(room.path("bb.toml")).unwrap();
    let task =
        "[task.notes]\nrun = \"touch notes\"\ninputs = [\"notes.*\"]\noutputs = [\"notes\"]\n";
    room.write("bb.toml", &(text + task));
    room.write("notes.in", "");
    room.dock("base", "FROM scratch\nADD rootfs.tar /\nCOPY f /\nLABEL a=${b:-c}\n");
    room.write("bb-dock/base/dock.toml", "[rootfs]\ninputs = [\"f\"]\n[labels]\nvendor = \"me\"\n");
    room.write("bb-dock/base/.dockerignore", "*.md\n!README.md\n");
    room.write("bb-dock/base/test.sh", "true\n");
    room.write("chains/web.yaml", "services:\n  a:\n    image: ${NAMESPACE}/base\n");
    bb(&room, "build").ok();
    room.write("bb-dock/base/f", "other");
    bb(&room, "build").ok();
    bb(&room, "status").ok();
    room
}

/// Files of the project, and one of each sort of its state folder.
fn files(room: &Room) -> Vec<String> {
    let own = [
        "bb.toml",
        "bb.lock",
        "bb-dock/base/Dockerfile.template",
        "bb-dock/base/Buildconfig.sh",
        "bb-dock/base/dock.toml",
        "bb-dock/base/.dockerignore",
        "bb-dock/base/test.sh",
        "bb-dock/base/f",
        "chains/web.yaml",
        "notes.in",
    ];
    let mut files = own.map(str::to_owned).to_vec();
    let state = walkdir::WalkDir::new(room.path(".bb")).sort_by_file_name().into_iter();
    for entry in state.map(Result::unwrap).filter(|e| e.file_type().is_file()) {
        let path = entry.path().strip_prefix(room.path("")).unwrap().to_str().unwrap().to_owned();
        let of_base = path.contains("/base") || !path.contains("/images/");
        let sort = |path: &str| {
            let (folder, name) = path.rsplit_once('/').unwrap();
            let by_name = folder.ends_with("/images/base");
            if by_name { path.to_owned() } else { format!("{folder} {}", name.contains(".log")) }
        };
        if of_base
            && !files.iter().any(|known| known.starts_with(".bb") && sort(known) == sort(&path))
        {
            files.push(path);
        }
    }
    files
}

/// Runs a verb, for no longer than 10 s and with no more than 2 GiB of addresses.
fn limited(room: &Room, args: &str) -> Run {
    let line = format!("ulimit -v 2097152; exec timeout 10 bb {args}");
    let mut command = room.command("bash", &["-c", &line]);
    command.stdin(Stdio::null()).output().unwrap().into()
}

/// What is wrong with how a verb ended, if anything.
fn fault(args: &str, run: &Run) -> Option<String> {
    let expected = matches!(run.code, Some(0..=5));
    let bad = !expected || run.text.contains("panicked") || run.text.contains("a bug in bb");
    let text = run.text.chars().take(600).collect::<String>();
    bad.then(|| format!("`bb {args}` ended with {:?}:\n{text}", run.code))
}

fn faults(whole: &Room, file: &str, turn: usize) -> Vec<String> {
    let mut faults = vec![];
    for (at, how) in Spoiled::ALL.into_iter().enumerate() {
        let room = whole.copy();
        how.spoil(&room.path(file));
        for verb in 0..EACH {
            let args = VERBS[(turn + at * EACH + verb) % VERBS.len()];
            let fault = fault(args, &limited(&room, args));
            let fault = fault.map(|fault| format!("{file} {how:?}: {fault}"));
            faults.extend(fault);
        }
    }
    faults
}

/// The files are shared out, for tests run beside each other.
const SHARES: usize = 4;

#[track_caller]
fn no_verb_panics(share: usize) {
    // Each file meets each verb.
    const { assert!(Spoiled::ALL.len() * EACH >= VERBS.len()) };
    let whole = whole();
    let files = files(&whole);
    assert!(files.len() > 25, "{files:?}");
    let mine = files.iter().enumerate().filter(|(at, _)| at % SHARES == share);
    let found = mine.flat_map(|(at, file)| faults(&whole, file, at * 7)).collect::<Vec<_>>();
    assert!(found.is_empty(), "{} faults:\n{}", found.len(), found.join("\n"));
}

#[test]
fn no_verb_panics_over_a_broken_project() {
    no_verb_panics(0);
}

#[test]
fn no_verb_panics_over_another() {
    no_verb_panics(1);
}

#[test]
fn no_verb_panics_over_a_third() {
    no_verb_panics(2);
}

#[test]
fn no_verb_panics_over_a_fourth() {
    no_verb_panics(3);
}

/// As many docks as `count`, each as `text` has it for its number.
fn docks(count: usize, text: impl Fn(usize) -> String) -> Room {
    let room = unbuilt();
    for at in 0..count {
        room.dock(&format!("d{at}"), &text(at));
    }
    room
}

#[test]
fn more_layers_than_an_engine_stacks_are_refused_with_their_place() {
    let text = |at: usize| match at {
        0 => "FROM scratch\nENV a=b\n".to_owned(),
        at => format!("FROM ${{NAMESPACE}}/d{}\nENV a=b\n", at - 1),
    };
    let run = limited(&docks(127, text), "status");
    assert_eq!(run.code, Some(0), "{}", run.text);
    let room = docks(5000, text);
    for verb in ["status", "tree", "build", "graph --steps --format dot", "export ninja"] {
        let run = limited(&room, verb);
        let expected = "error: `d127` would have more than 127 layers with those below it\n \
                        --> bb-dock/d127/Dockerfile.template:1:6\n";
        assert_eq!(run.code, Some(3), "{verb}: {}", run.text);
        assert!(run.text.starts_with(expected), "{verb}: {}", run.text);
    }
}

#[test]
fn docks_that_copy_from_each_other_may_be_many() {
    let text = |at: usize| match at {
        0 => "FROM scratch\nCOPY f /\n".to_owned(),
        at => format!("FROM scratch\nCOPY --from=${{NAMESPACE}}/d{} /f /\n", at - 1),
    };
    let room = docks(3000, text);
    for verb in
        ["status d2999", "list d2999", "tree d2999", "why d2999", "graph --steps --format dot"]
    {
        let run = limited(&room, verb);
        assert!(matches!(run.code, Some(0..=1)), "{verb}: {:?} {:.300}", run.code, run.text);
    }
    // All in a circle.
    room.dock("d0", "FROM scratch\nCOPY --from=${NAMESPACE}/d2999 /f /\n");
    let run = limited(&room, "status");
    assert_eq!(run.code, Some(3), "{:.300}", run.text);
    assert!(run.text.starts_with("error: images depend on themselves: "), "{:.300}", run.text);
    assert!(run.text.contains(" -> … -> ") && run.text.len() < 2000, "{:.300}", run.text);
}
