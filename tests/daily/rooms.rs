//! The rooms of the house: each uses only those above it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;
use support::checkout;

/// Each may use what stands before it.
const ROOMS: [&str; 19] = [
    "base",
    "config",
    "dockerfile",
    "dock",
    "plan",
    "fresh",
    "image",
    "state",
    "net",
    "gentoo",
    "shared",
    "engine",
    "exec",
    "doctor",
    "chain",
    "report",
    "export",
    "session",
    "cli",
];

/// All sources but tests.
pub(crate) fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let is_test = |path: &Path| path.file_stem().is_some_and(|name| name == "tests");
    let own = files.into_iter().filter(|path| path.extension().is_some_and(|kind| kind == "rs"));
    let below = folders.iter().filter(|path| !is_test(path)).flat_map(|path| sources(path));
    own.filter(|path| !is_test(path)).chain(below).collect()
}

/// A source without the test that it ends with.
pub(crate) fn without_test(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod tests {").next().unwrap()
}

/// The rooms that a source names, be it in `use` or in a path, groups as well.
fn named(text: &str) -> BTreeSet<String> {
    let text = without_test(text);
    let code = Regex::new(r"(?m)//.*$").unwrap().replace_all(text, "");
    let path = Regex::new(r"\bcrate::(?:(\w+)|\{([^;]*)\})").unwrap();
    let first = Regex::new(r"(?:^|[{,]\s*)(\w+)").unwrap();
    let names = path.captures_iter(&code).flat_map(|found| match (found.get(1), found.get(2)) {
        (Some(one), _) => vec![one.as_str().to_owned()],
        (_, Some(group)) => {
            first.captures_iter(group.as_str()).map(|name| name[1].to_owned()).collect()
        }
        _ => vec![],
    });
    names.collect()
}

/// What a room's source may not use.
fn arrows_up(room: &str, text: &str) -> Vec<String> {
    let place = |name: &str| ROOMS.iter().position(|room| *room == name);
    let own = place(room).unwrap_or_else(|| panic!("`{room}` is no room"));
    named(text).into_iter().filter(|name| place(name).is_some_and(|other| other > own)).collect()
}

#[test]
fn each_room_uses_only_rooms_above_it() {
    let src = checkout().join("src");
    let mut wrong = vec![];
    for path in sources(&src) {
        let inner = path.strip_prefix(&src).unwrap();
        let room = inner.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        if ["lib", "main"].contains(&room) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let arrows = arrows_up(room, &text).into_iter();
        wrong.extend(arrows.map(|other| format!("{} uses {other}", inner.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What only the engines' room names, and the part of it that does.
const OF_ENGINES: [(&str, &str); 6] = [
    ("bollard::", "engine/docker"),
    ("nix::", "engine/native"),
    ("seccompiler::", "engine/native"),
    ("close_fds::", "engine/native"),
    ("rustix::mount", "engine/native"),
    ("rustix::thread", "engine/native"),
];

#[test]
fn only_the_engines_room_names_the_client_of_docker_and_namespaces() {
    let src = checkout().join("src");
    let sources = sources(&src);
    for (word, part) in OF_ENGINES {
        let word = Regex::new(&format!(r"\b{word}")).unwrap();
        let named = |path: &&PathBuf| word.is_match(&fs::read_to_string(path).unwrap());
        let naming = sources.iter().filter(named).collect::<Vec<_>>();
        assert!(!naming.is_empty(), "{word}");
        for path in naming {
            let inner = path.strip_prefix(&src).unwrap().to_str().unwrap();
            assert!(inner.starts_with(part), "{inner} names {word}");
        }
    }
}

/// Sources that name one of these words, relative to `src`.
fn naming(words: &[&str]) -> Vec<PathBuf> {
    let src = checkout().join("src");
    let comment = Regex::new(r"(?m)//.*$").unwrap();
    let named = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let code = comment.replace_all(&text, "");
        words.iter().any(|word| code.contains(word))
    };
    let paths = sources(&src).into_iter().filter(named);
    paths.map(|path| path.strip_prefix(&src).unwrap().to_owned()).collect()
}

/// What a program that uses the library does without.
#[test]
fn only_the_command_line_names_its_libraries() {
    let naming = naming(&["clap", "indicatif"]);
    assert!(!naming.is_empty());
    for path in naming {
        assert!(path.starts_with("cli") || path == Path::new("report/fancy.rs"), "{path:?}");
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tree = ["tree", "--locked", "--offline", "--no-default-features"];
    let tree = Command::new(cargo)
        .args(tree)
        .args(["--edges", "normal", "--prefix", "none", "--package", "gentoo-bb"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let text = String::from_utf8(tree.stdout).unwrap();
    assert!(text.contains("tokio v"), "{text}{}", String::from_utf8_lossy(&tree.stderr));
    let others = text.lines().filter(|line| line.contains("clap") || line.contains("indicatif"));
    assert_eq!(others.collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn the_session_reads_no_environment_and_prints_nothing() {
    let words = ["env::var", "current_dir", "print!", "println!", "stdout()", "stderr()"];
    let naming = naming(&words);
    assert!(naming.iter().any(|path| path.starts_with("cli")));
    let session = naming.iter().filter(|path| path.starts_with("session"));
    assert_eq!(session.collect::<Vec<_>>(), Vec::<&PathBuf>::new());
}

#[test]
fn a_planted_arrow_is_found() {
    assert_eq!(arrows_up("plan", "use crate::cli::io;\n"), ["cli"]);
    assert_eq!(arrows_up("plan", "use crate::{base::ids, exec::{job, run}};\n"), ["exec"]);
    assert_eq!(arrows_up("plan", "fn f() { crate::state::store::x() }\n"), ["state"]);
    assert!(arrows_up("plan", "// crate::cli\nuse crate::base::ids;\n").is_empty());
    let test = "\n#[cfg(test)]\nmod tests";
    assert_eq!(arrows_up("plan", &format!("{test};\nuse crate::cli::io;\n")), ["cli"]);
    assert!(arrows_up("plan", &format!("{test} {{\nuse crate::cli::io;\n}}\n")).is_empty());
}
