//! What two ledgers of one image differ in.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Entry, Ledger};

/// Something that has another size now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// A package, a folder, …
    pub name: String,
    /// Bytes before.
    pub before: u64,
    /// Bytes now.
    pub now: u64,
}

impl Change {
    /// By how much, and is it more?
    pub fn by(&self) -> (bool, u64) {
        (self.now > self.before, self.now.abs_diff(self.before))
    }
}

/// All that has another size than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The id before.
    pub id: String,
    /// Of the whole image.
    pub total: Change,
    /// Of its layers.
    pub layers: Vec<Change>,
    /// Of its packages, whatever their version.
    pub packages: Vec<Change>,
    /// Of its folders.
    pub folders: Vec<Change>,
}

/// From one ledger to another, the largest changes first.
pub fn difference(before: &Ledger, now: &Ledger) -> Difference {
    let (old, new) = (before.total, now.total);
    Difference {
        id: before.id.clone(),
        total: Change { name: now.image.clone(), before: old, now: new },
        layers: changes(&before.layers, &now.layers, str::to_owned),
        packages: changes(&before.packages, &now.packages, without_version),
        folders: changes(&before.folders, &now.folders, str::to_owned),
    }
}

fn changes(before: &[Entry], now: &[Entry], name: fn(&str) -> String) -> Vec<Change> {
    let (before, now) = (sums(before, name), sums(now, name));
    let size = |of: &BTreeMap<String, u64>, name| of.get(name).copied().unwrap_or(0);
    let names = before.keys().chain(now.keys()).collect::<BTreeSet<_>>();
    let changes = names.into_iter().map(|name| Change {
        name: name.clone(),
        before: size(&before, name),
        now: size(&now, name),
    });
    let mut changes = changes.filter(|change| change.before != change.now).collect::<Vec<_>>();
    changes.sort_by(|a, b| b.by().1.cmp(&a.by().1).then_with(|| a.name.cmp(&b.name)));
    changes
}

fn sums(entries: &[Entry], name: fn(&str) -> String) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::<String, u64>::new();
    for entry in entries {
        let sum = sums.entry(name(&entry.name)).or_default();
        *sum = sum.saturating_add(entry.size);
    }
    sums
}

/// `a/b` of `a/b-1.2-r3`: after the last `-` that a digit follows, and before a revision, is the version.
fn without_version(package: &str) -> String {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let unrevised = package.rsplit_once("-r").filter(|(_, revision)| digits(revision));
    let text = unrevised.map_or(package, |(text, _)| text);
    let version = |(_, version): &(&str, &str)| version.starts_with(|c: char| c.is_ascii_digit());
    let name = text.rsplit_once('-').filter(version).map(|(name, _)| name);
    name.unwrap_or(package).to_owned()
}
