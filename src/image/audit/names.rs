//! Faults that a name gives away.
//!
//! Reads no content: a compiler under another name is not found.

use bstr::{BStr, ByteSlice};

use super::Finding;
use crate::dock::allowance::Rule;
use crate::image::tree::{Kind, Node, Tree};

const COMPILERS: &[&str] = &[
    "as", "c++", "cc", "clang", "clang++", "cpp", "g++", "gcc", "gfortran", "go", "ld", "ld.bfd",
    "ld.gold", "ld.lld", "rustc", "tcc",
];
const BUILD_TOOLS: &[&str] = &[
    "autoconf",
    "automake",
    "cmake",
    "gmake",
    "libtool",
    "m4",
    "make",
    "meson",
    "ninja",
    "pkg-config",
    "pkgconf",
];
const PACKAGE_MANAGERS: &[&str] = &[
    "apk", "apt", "apt-get", "dnf", "dpkg", "ebuild", "emerge", "opkg", "pacman", "pip",
    "portageq", "qmerge", "rpm", "yum",
];
const INTERPRETERS: &[&str] = &["node", "perl", "php", "python", "ruby"];
/// Folders of package managers' records; what is in them is not told one by one.
const RECORDS: &[&str] =
    &["lib/apk/db", "var/db/pkg", "var/lib/dpkg", "var/lib/portage", "var/lib/rpm"];
const DATA: &[&str] = &["home", "root", "srv", "usr/share", "var"];
const FOR_COMPILERS: &[&str] = &["usr/share/aclocal", "usr/share/cmake", "usr/share/pkgconfig"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let found = tree.nodes().iter().filter_map(|(path, node)| {
        let path = path.as_bstr();
        let rule = of_path(path, node).or_else(|| of_program(path, node, tree))?;
        Some(Finding::new(rule, path, ""))
    });
    found.collect()
}

fn of_path(path: &BStr, node: &Node) -> Option<Rule> {
    // What gives something away is ASCII.
    let name = path.rsplit_str("/").next()?.to_str().ok()?;
    if node.kind == Kind::Folder {
        let library =
            version_less(name) == "python" && name.contains(['2', '3']) || name == "perl5";
        let records = RECORDS.iter().any(|records| path == records).then_some(Rule::PackageRecords);
        return records.or(library.then_some(Rule::Interpreter));
    }
    if is_data(path) {
        return None;
    }
    match name.rsplit_once('.')?.1 {
        "h" | "hh" | "hpp" | "hxx" => Some(Rule::Header),
        "a" => Some(Rule::StaticLibrary),
        // In a folder of its own it tells a program of its modules.
        "la" => in_folder(path, "lib").then_some(Rule::StaticLibrary),
        "cmake" | "m4" | "pc" => Some(Rule::Development),
        _ => None,
    }
}

/// A name's ending is no sign where anybody's files are, or what a program reads.
fn is_data(path: &[u8]) -> bool {
    let is_in = |folders: &[&str]| {
        let below = |folder: &&str| {
            path.strip_prefix(folder.as_bytes()).is_some_and(|p| p.starts_with(b"/"))
        };
        folders.iter().any(below)
    };
    is_in(DATA) && !is_in(FOR_COMPILERS)
}

/// Is it in `lib`, `lib64` or the like?
fn in_folder(path: &[u8], begin: &str) -> bool {
    let folder = path.rsplit_str("/").nth(1).unwrap_or_default();
    folder.strip_prefix(begin.as_bytes()).is_some_and(|rest| rest.len() <= 3)
}

/// A program by its name, without the machine before it and the version after it.
fn of_program(path: &BStr, node: &Node, tree: &Tree) -> Option<Rule> {
    let (folder, name) = path.rsplit_once_str("/")?;
    let place = folder.rsplit_str("/").next().unwrap_or_default();
    let name = name.to_str().ok()?;
    let program = match &node.kind {
        Kind::File(_) => node.mode & 0o111 != 0,
        // Busybox has small applets of such names: they are it.
        Kind::Link(_) => !tree.resolve("", path).is_ok_and(|to| to.ends_with(b"/busybox")),
        _ => false,
    };
    if !program || ![&b"bin"[..], b"sbin", b"libexec"].contains(&place) {
        return None;
    }
    let plain = version_less(name);
    let bare = plain.rsplit_once("-linux-").and_then(|(_, rest)| Some(rest.split_once('-')?.1));
    let names = [name, plain, bare.unwrap_or(plain)];
    let is = |list: &[&str]| names.iter().any(|name| list.contains(name));
    let rules = [
        (COMPILERS, Rule::Compiler),
        (BUILD_TOOLS, Rule::BuildTool),
        (PACKAGE_MANAGERS, Rule::PackageManager),
        (INTERPRETERS, Rule::Interpreter),
    ];
    rules.into_iter().find(|(list, _)| is(list)).map(|(_, rule)| rule)
}

/// `python3.13` and `gcc-14` without their numbers.
fn version_less(name: &str) -> &str {
    name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.').trim_end_matches('-')
}
