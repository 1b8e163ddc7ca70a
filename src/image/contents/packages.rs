//! Packages of an image, as the builder lists them, and what two lists differ in.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// One package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// As `dev-libs`.
    pub category: String,
    /// As `openssl`.
    pub name: String,
    /// With the revision.
    pub version: String,
    /// Slot and sub-slot.
    pub slot: String,
    /// USE flags that are on.
    #[serde(rename = "use", default)]
    pub flags: Vec<String>,
    /// Bytes, as it was installed, before anything was left out.
    #[serde(default)]
    pub size: u64,
}

impl Package {
    /// Its name, with the slot where that is not the usual one: several slots of one package may be installed beside each other.
    pub fn key(&self) -> String {
        let Self { category, name, slot, .. } = self;
        match slot.split('/').next().unwrap_or("0") {
            "0" => format!("{category}/{name}"),
            slot => format!("{category}/{name}:{slot}"),
        }
    }
}

/// What became of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "change")]
#[allow(missing_docs)]
pub enum PackageChange {
    Added {
        version: String,
    },
    Removed {
        version: String,
    },
    Changed {
        /// Before and now.
        versions: [String; 2],
        /// `+flag` and `-flag`.
        flags: Vec<String>,
    },
}

/// From one list to another, by name.
pub fn packages(before: &[Package], now: &[Package]) -> BTreeMap<String, PackageChange> {
    fn by_key(list: &[Package]) -> BTreeMap<String, &Package> {
        list.iter().map(|package| (package.key(), package)).collect()
    }
    let (before, now) = (by_key(before), by_key(now));
    let names = before.keys().chain(now.keys()).collect::<BTreeSet<_>>();
    let change = |name: &String| match (before.get(name), now.get(name)) {
        (None, Some(new)) => Some(PackageChange::Added { version: new.version.clone() }),
        (Some(old), None) => Some(PackageChange::Removed { version: old.version.clone() }),
        (Some(old), Some(new)) => changed(old, new),
        (None, None) => None,
    };
    names.into_iter().filter_map(|name| Some((name.clone(), change(name)?))).collect()
}

fn changed(old: &Package, new: &Package) -> Option<PackageChange> {
    let flags = |package: &Package| package.flags.iter().cloned().collect::<BTreeSet<_>>();
    let (before, now) = (flags(old), flags(new));
    let on = now.difference(&before).map(|flag| format!("+{flag}"));
    let off = before.difference(&now).map(|flag| format!("-{flag}"));
    let flags = on.chain(off).collect::<Vec<_>>();
    let versions = [old.version.clone(), new.version.clone()];
    (old.version != new.version || !flags.is_empty())
        .then_some(PackageChange::Changed { versions, flags })
}
