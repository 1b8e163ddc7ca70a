//! Faults of accounts: passwords that are empty, owners that nobody knows.

use std::collections::BTreeSet;

use super::{Finding, Subject};
use crate::dock::allowance::Rule;
use crate::image::Left;
use crate::image::tree::Kind;

pub(super) fn check(subject: Subject<'_>) -> Result<Vec<Finding>, Left> {
    let mut findings = vec![];
    for file in ["etc/passwd", "etc/shadow"] {
        for line in lines(subject, file)? {
            let mut fields = line.split(':');
            if let (Some(name), Some("")) = (fields.next(), fields.next()) {
                findings.push(Finding::new(Rule::EmptyPassword, file, format!("of `{name}`")));
            }
        }
    }
    let (users, groups) = (numbers(subject, "etc/passwd")?, numbers(subject, "etc/group")?);
    for (path, node) in subject.tree.nodes() {
        if !users.contains(&node.uid) {
            let detail = format!("user {}", node.uid);
            findings.push(Finding::new(Rule::UnknownOwner, path, detail));
        }
        if !groups.contains(&node.gid) {
            let detail = format!("group {}", node.gid);
            findings.push(Finding::new(Rule::UnknownOwner, path, detail));
        }
    }
    Ok(findings)
}

fn lines(subject: Subject<'_>, file: &str) -> Result<Vec<String>, Left> {
    let path = subject.tree.resolve("", file)?;
    let Some(Kind::File(content)) = subject.tree.get(&path).map(|node| &node.kind) else {
        return Ok(vec![]);
    };
    let text = (subject.read)(content)?;
    let text = String::from_utf8_lossy(&text);
    Ok(text.lines().filter(|line| line.contains(':')).map(str::to_owned).collect())
}

/// The numbers that have a name; the superuser's needs none.
fn numbers(subject: Subject<'_>, file: &str) -> Result<BTreeSet<u64>, Left> {
    let lines = lines(subject, file)?;
    let number = |line: &String| line.split(':').nth(2)?.parse().ok();
    Ok(lines.iter().filter_map(number).chain([0]).collect())
}
