//! Files, the clock, the environment and the output are for some rooms only: clippy finds who touches them,
//! and nobody lifts that unnoticed.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use regex::Regex;
use support::checkout;

use crate::rooms::{sources, without_test};

/// What may touch files, the clock, programs and the output: these, and what is below them.
const MAY: [&str; 24] = [
    "base/given.rs",
    "base/open.rs",
    "chain/compose.rs",
    "cli/mod.rs",
    "dock/discover.rs",
    "doctor/here.rs",
    "engine/address.rs",
    "engine/boxes.rs",
    "engine/docker/transport.rs",
    "engine/memory.rs",
    "engine/native.rs",
    "engine/native/guest.rs",
    "exec/mod.rs",
    "gentoo/keys.rs",
    "gentoo/openpgp.rs",
    "gentoo/release.rs",
    "image/archive.rs",
    "net/mod.rs",
    "report/fancy.rs",
    "report/fancy/keys.rs",
    "session/mod.rs",
    "shared/place.rs",
    "shared/signature.rs",
    "state/mod.rs",
];

/// Outside of `cli`, what asks the environment, and for what.
const ASKS: [(&str, &str); 1] = [("session/recall.rs", "env::current_exe")];

/// A line for each kind, and what clippy says of it.
const PLANTED: [(&str, &str); 13] = [
    ("let _ = std::fs::read(\"a\");", "`std::fs::read`"),
    ("let _ = std::fs::File::open(\"a\");", "`std::fs::File::open`"),
    ("let _ = std::path::Path::new(\"a\").exists();", "`std::path::Path::exists`"),
    ("let _ = std::time::SystemTime::now();", "`std::time::SystemTime::now`"),
    ("let _ = std::time::Instant::now();", "`std::time::Instant::now`"),
    ("let _ = std::env::var(\"A\");", "`std::env::var`"),
    ("let _ = std::env::vars_os();", "`std::env::vars_os`"),
    ("let _ = std::env::current_dir();", "`std::env::current_dir`"),
    ("let _ = std::env::args();", "`std::env::args`"),
    ("let _ = std::process::Command::new(\"a\");", "`std::process::Command::new`"),
    ("let _ = std::io::stdout();", "`std::io::stdout`"),
    ("println!(\"a\");", "`println!`"),
    ("eprintln!(\"a\");", "`eprintln!`"),
];

/// All sources but tests, by their paths in `src`, each without a test that it ends with.
fn texts() -> Vec<(String, String)> {
    let src = checkout().join("src");
    let text = |path: PathBuf| {
        let text = without_test(&fs::read_to_string(&path).unwrap()).to_owned();
        (path.strip_prefix(&src).unwrap().to_str().unwrap().to_owned(), text)
    };
    sources(&src).into_iter().map(text).collect()
}

/// The lints that a source lifts.
fn lifted(text: &str) -> BTreeSet<String> {
    let attribute = Regex::new(r"#!?\[(?:allow|expect)\(([^\]]*)\)\]").unwrap();
    let name = Regex::new(r"[a-z_]+(?:::[a-z_]+)?").unwrap();
    let lists = attribute.captures_iter(text).map(|found| found.get(1).unwrap().as_str());
    let lists = lists.map(|list| list.split("reason =").next().unwrap());
    lists.flat_map(|list| name.find_iter(list)).map(|found| found.as_str().to_owned()).collect()
}

/// How a source asks the environment.
fn asked(text: &str) -> BTreeSet<String> {
    let code = Regex::new(r"(?m)//.*$").unwrap().replace_all(text, "");
    let asking = r"\benv::(?:args|current_|home_dir|remove_|set_|temp_dir|var|\{|\*)\w*";
    let found = Regex::new(asking).unwrap();
    found.find_iter(&code).map(|found| found.as_str().to_owned()).collect()
}

/// What clippy says of a small crate with these lines, by the rules of this one.
fn told(lines: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let rules = fs::read_to_string(checkout().join("Cargo.toml")).unwrap();
    let rules = rules.split("[workspace.lints.clippy]\n").nth(1).unwrap();
    let rules = rules.split("\n[").next().unwrap();
    let package = "[package]\nname = \"planted\"\nversion = \"0.0.0\"\nedition = \"2024\"\n";
    let manifest = format!("{package}[workspace]\n[lints.clippy]\n{rules}");
    fs::write(dir.path().join("Cargo.toml"), manifest).unwrap();
    fs::create_dir(dir.path().join("src")).unwrap();
    let body = lines.join("\n    ");
    fs::write(dir.path().join("src/lib.rs"), format!("pub fn planted() {{\n    {body}\n}}\n"))
        .unwrap();
    let mut clippy = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    clippy.args(["clippy", "--offline", "--quiet", "--message-format", "short"]);
    clippy.env("CLIPPY_CONF_DIR", checkout()).env("CARGO_TARGET_DIR", dir.path().join("target"));
    let out = clippy.current_dir(dir.path()).output().unwrap();
    let told = String::from_utf8(out.stderr).unwrap();
    assert!(out.status.success(), "{told}");
    told
}

#[test]
fn clippy_finds_a_planted_call_of_each_kind() {
    let lines = PLANTED.map(|(line, _)| line);
    let told = told(&lines);
    for (at, (line, name)) in PLANTED.iter().enumerate() {
        let place = format!("src/lib.rs:{}:", at + 2);
        let found = told.lines().any(|said| said.starts_with(&place) && said.contains(name));
        assert!(found, "`{line}` is not found in\n{told}");
    }
}

#[test]
fn clippy_finds_nothing_in_what_is_pure() {
    let pure = "let _ = std::path::Path::new(\"a\").join(\"b\").file_name().is_some();";
    assert_eq!(told(&[pure]), "");
}

#[test]
fn only_some_sources_lift_it() {
    let lint = "clippy::disallowed_methods";
    let texts = texts();
    let lifting = texts.iter().filter(|(_, text)| lifted(text).contains(lint));
    let lifting = lifting.map(|(path, _)| path.as_str()).collect::<BTreeSet<_>>();
    assert_eq!(lifting, BTreeSet::from(MAY));
}

#[test]
fn nobody_lifts_it_by_another_name() {
    let groups = ["clippy::all", "clippy::style", "warnings"];
    let prints = ["clippy::print_stdout", "clippy::print_stderr", "clippy::disallowed_macros"];
    for (path, text) in texts() {
        let lifted = lifted(&text);
        let found = groups.iter().chain(&prints).find(|name| lifted.contains(**name));
        assert_eq!(found, None, "{path}");
    }
    let manifest = fs::read_to_string(checkout().join("Cargo.toml")).unwrap();
    assert!(!manifest.contains("disallowed_methods"), "clippy warns by itself");
}

#[test]
fn the_order_of_work_is_pure_in_a_room_that_is_not() {
    let text = fs::read_to_string(checkout().join("src/exec/sched.rs")).unwrap();
    let denied = Regex::new(r"(?m)^#!\[deny\(\s*clippy::disallowed_methods").unwrap();
    assert!(denied.is_match(&text));
}

#[test]
fn only_the_command_line_asks_the_environment() {
    let outside = texts().into_iter().filter(|(path, _)| !path.starts_with("cli/"));
    let asking = outside.flat_map(|(path, text)| {
        asked(&text).into_iter().map(move |what| (path.clone(), what)).collect::<Vec<_>>()
    });
    let known = ASKS.map(|(path, what)| (path.to_owned(), what.to_owned()));
    assert_eq!(asking.collect::<BTreeSet<_>>(), BTreeSet::from(known));
}

#[test]
fn a_planted_exception_is_found() {
    let allow = "#![allow(\n    clippy::disallowed_methods,\n    reason = \"why not\"\n)]";
    assert!(lifted(allow).contains("clippy::disallowed_methods"));
    assert!(lifted("#[expect(dead_code, clippy::all)]").contains("clippy::all"));
    assert!(lifted("#![deny(clippy::disallowed_methods)]").is_empty());
    assert_eq!(asked("use std::env::{var};").len(), 1);
    assert_eq!(asked("let a = std::env::var_os(A);").into_iter().next().unwrap(), "env::var_os");
    assert!(asked("// env::var\nlet a = env!(\"A\"); env::split_paths(a);").is_empty());
}
