//! Programs and libraries that need what is not there.
//!
//! Sees what the loader sees when a program starts; a library that a program asks for later by name
//! is not found here.

use bstr::{BStr, ByteSlice};
use goblin::elf::Elf;

use super::{Finding, Subject};
use crate::base::name;
use crate::dock::allowance::Rule;
use crate::image::Left;
use crate::image::tree::{Content, Kind};

/// Where the loaders of glibc and musl look by themselves.
const BUILT_IN: [&str; 5] = ["/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib"];
/// Class and machine are in the first bytes.
const HEADER: u64 = 20;

pub(super) fn check(subject: Subject<'_>) -> Result<Vec<Finding>, Left> {
    let configured = configured(subject)?;
    let mut findings = vec![];
    for (path, node) in subject.tree.nodes() {
        let Kind::File(content) = &node.kind else { continue };
        let start = subject.start(content, HEADER)?;
        if start.starts_with(b"\x7fELF") {
            let data = (subject.read)(content)?;
            match Elf::parse(&data) {
                Ok(elf) => {
                    findings.extend(one(subject, path.as_bstr(), &elf, &start, &configured)?);
                }
                Err(cause) => {
                    findings.push(Finding::new(Rule::Library, path, format!("damaged: {cause}")));
                }
            }
        }
    }
    Ok(findings)
}

fn one(
    subject: Subject<'_>,
    path: &BStr,
    elf: &Elf<'_>,
    start: &[u8],
    configured: &[String],
) -> Result<Vec<Finding>, Left> {
    let mut findings = vec![];
    if let Some(loader) = elf.interpreter
        && !fits(subject, loader, start)?
    {
        findings.push(Finding::new(Rule::Loader, path, format!("it needs {loader}")));
    }
    let origin = path.rsplit_once_str("/").map_or(&b""[..], |(folder, _)| folder);
    let origin = name::text(origin);
    let own = elf.rpaths.iter().chain(&elf.runpaths).flat_map(|list| list.split(':'));
    let own = own.map(|folder| {
        folder.replace("${ORIGIN}", "$ORIGIN").replace("$ORIGIN", &format!("/{origin}"))
    });
    let folders = own.chain(configured.iter().cloned()).chain(BUILT_IN.map(str::to_owned));
    let folders = folders.collect::<Vec<_>>();
    for library in &elf.libraries {
        if !is_somewhere(subject, library, &folders, start)? {
            findings.push(Finding::new(Rule::Library, path, format!("it needs {library}")));
        }
    }
    Ok(findings)
}

/// A name with a `/` in it is a path, and not looked for.
fn is_somewhere(
    subject: Subject<'_>,
    library: &str,
    folders: &[String],
    start: &[u8],
) -> Result<bool, Left> {
    if library.contains('/') {
        return fits(subject, library, start);
    }
    for folder in folders {
        if fits(subject, &format!("{folder}/{library}"), start)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Is there a program or library for the same machine?
fn fits(subject: Subject<'_>, path: &str, start: &[u8]) -> Result<bool, Left> {
    let Ok(real) = subject.tree.resolve("", path) else { return Ok(false) };
    let Some(Kind::File(content)) = subject.tree.get(&real).map(|node| &node.kind) else {
        return Ok(false);
    };
    let header = subject.start(content, HEADER)?;
    let machine = |header: &[u8]| Some((header.get(4)?.to_owned(), header.get(18..20)?.to_owned()));
    Ok(header.starts_with(b"\x7fELF") && machine(&header) == machine(start))
}

/// The folders that `ld.so.conf` and the files beside it name.
fn configured(subject: Subject<'_>) -> Result<Vec<String>, Left> {
    let files = subject.tree.nodes().iter().filter_map(|(path, node)| match &node.kind {
        Kind::File(content) if path == "etc/ld.so.conf" => Some(content),
        Kind::File(content) if path.starts_with(b"etc/ld.so.conf.d/") => Some(content),
        _ => None,
    });
    let mut folders = vec![];
    for content in files.collect::<Vec<&Content>>() {
        let text = (subject.read)(content)?;
        let text = String::from_utf8_lossy(&text);
        folders
            .extend(text.lines().map(str::trim).filter(|l| l.starts_with('/')).map(str::to_owned));
    }
    Ok(folders)
}
