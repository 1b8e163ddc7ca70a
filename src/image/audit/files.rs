//! Faults of modes and links.

use bstr::{BStr, ByteSlice};

use super::{Finding, Subject};
use crate::base::name;
use crate::dock::allowance::Rule;
use crate::image::Left;
use crate::image::tree::{Content, Kind, Node};

/// Folders that are filled when a container runs.
const MOUNTED: [&str; 4] = ["dev", "proc", "run", "sys"];

pub(super) fn check(subject: Subject<'_>) -> Result<Vec<Finding>, Left> {
    let mut findings = vec![];
    for (path, node) in subject.tree.nodes() {
        findings.extend(writable(path.as_bstr(), node));
        match &node.kind {
            Kind::Link(target) => {
                findings.extend(dangling(subject, path.as_bstr(), target.as_bstr()));
            }
            Kind::File(content) => {
                if node.mode & 0o6000 != 0 {
                    findings.push(Finding::new(Rule::Setuid, path, mode(node)));
                }
                findings.extend(script(subject, path.as_bstr(), node, content)?);
            }
            _ => {}
        }
    }
    Ok(findings)
}

fn mode(node: &Node) -> String {
    format!("mode {:04o}", node.mode)
}

/// In a folder with the sticky bit, one removes only what is one's own.
fn writable(path: &BStr, node: &Node) -> Option<Finding> {
    let anybody = node.mode & 0o002 != 0;
    let fault = match node.kind {
        Kind::File(_) => anybody,
        Kind::Folder => anybody && node.mode & 0o1000 == 0,
        _ => false,
    };
    fault.then(|| Finding::new(Rule::WorldWritable, path, mode(node)))
}

fn dangling(subject: Subject<'_>, path: &BStr, target: &BStr) -> Option<Finding> {
    let tree = subject.tree;
    let there = match tree.resolve("", path) {
        Ok(to) => {
            let mounted =
                MOUNTED.iter().any(|folder| to.split_str("/").next() == Some(folder.as_bytes()));
            mounted || tree.is_folder(&to) || tree.get(&to).is_some()
        }
        Err(_) => false,
    };
    (!there).then(|| Finding::new(Rule::DanglingLink, path, format!("to {}", name::text(target))))
}

/// A script's `#!` leads to nothing.
fn script(
    subject: Subject<'_>,
    path: &BStr,
    node: &Node,
    content: &Content,
) -> Result<Option<Finding>, Left> {
    if node.mode & 0o111 == 0 || content.size < 3 {
        return Ok(None);
    }
    let start = subject.start(content, 128)?;
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Some(words) = line.strip_prefix(b"#!") else { return Ok(None) };
    let words = String::from_utf8_lossy(words);
    let interpreter = words.split_whitespace().next().unwrap_or_default();
    let there = subject.tree.resolve("", interpreter)?;
    let there = matches!(subject.tree.get(&there).map(|n| &n.kind), Some(Kind::File(_)));
    Ok((!there).then(|| Finding::new(Rule::Loader, path, format!("it needs {interpreter}"))))
}
