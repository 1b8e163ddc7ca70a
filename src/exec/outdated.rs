//! What an update would change: images with their packages, and how long it would take.
//!
//! Pure: compares what is there with what was foreseen. Asks nobody, and prints nothing.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::base::ids::StepId;
use crate::config::lock::{Lock, Pin};
use crate::exec::preview::{Foreseen, Listed};
use crate::image::contents::{Package, PackageChange, packages};

/// What is pinned, and what it would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// In the lock.
    pub pinned: String,
    /// What the mirrors have.
    pub offered: String,
}

/// All that is foreseen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outdated {
    /// With another one, everything is compiled again.
    pub stage3: Moved,
    /// The ebuild repository.
    pub snapshot: Moved,
    /// Every image that was asked for, and what it stands on; parents first.
    pub images: Vec<Image>,
    /// What would run, in order.
    pub steps: Vec<Run>,
}

/// One image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Image {
    /// Of the dock.
    pub name: String,
    /// It has no list of packages to compare with.
    pub never_built: bool,
    /// Packages of its own, without those of the images below.
    pub packages: BTreeMap<String, PackageChange>,
    /// Packages that are compiled again in the same version, since what they are built with changes; with it.
    pub compiled_again: BTreeMap<String, String>,
    /// Images below, or that it takes from, that change.
    pub because_of: Vec<String>,
    /// Its Dockerfile names the snapshot's date.
    pub dated: bool,
}

/// A step that would run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Run {
    /// As `rootfs:nginx`.
    pub step: StepId,
    /// Of the last run; of a rootfs step, of the last one of this sort.
    pub took_ms: Option<u64>,
    /// It only puts binary packages together.
    pub from_binary_packages: bool,
}

impl Image {
    /// Compares what an image has with what it would have.
    pub fn compared(name: &str, before: Option<&[Listed]>, foreseen: &Foreseen) -> Self {
        let own = |list: &[Listed]| {
            let own = list.iter().filter(|listed| listed.image == name);
            own.map(|listed| listed.package.clone()).collect::<Vec<Package>>()
        };
        let now = own(&foreseen.packages);
        let changes = packages(&own(before.unwrap_or_default()), &now);
        let compiled = |package: &&Package| {
            let Package { category, name, version, .. } = package;
            foreseen.compiled.for_image.contains(&format!("{category}/{name}-{version}"))
                && !changes.contains_key(&package.key())
        };
        let again = now.iter().filter(compiled).map(|p| (p.key(), p.version.clone()));
        Self {
            name: name.to_owned(),
            never_built: before.is_none(),
            compiled_again: again.collect(),
            packages: changes,
            ..Self::default()
        }
    }

    /// Whether it would be another one, as far as can be foreseen.
    pub fn changes(&self) -> bool {
        let Self { never_built, dated, packages, compiled_again, because_of, .. } = self;
        *never_built
            || *dated
            || !(packages.is_empty() && compiled_again.is_empty() && because_of.is_empty())
    }
}

impl Moved {
    /// Whether it would be another one.
    pub fn moves(&self) -> bool {
        self.pinned != self.offered
    }
}

impl Outdated {
    /// From one lock to another, nothing foreseen yet.
    pub fn between(old: &Lock, new: &Lock) -> Self {
        let moved = |old: &Pin, new: &Pin| Moved {
            pinned: old.timestamp.clone(),
            offered: new.timestamp.clone(),
        };
        Self {
            stage3: moved(&old.stage3, &new.stage3),
            snapshot: moved(&old.portage, &new.portage),
            images: vec![],
            steps: vec![],
        }
    }

    /// How long the steps took, as far as it is known, in milliseconds.
    pub fn known_ms(&self) -> u64 {
        self.steps.iter().filter_map(|run| run.took_ms).sum()
    }

    /// Whether it is known of all.
    pub fn is_all_known(&self) -> bool {
        self.steps.iter().all(|run| run.took_ms.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::preview::Compiled;

    fn listed(image: &str, name: &str, version: &str, flags: &[&str]) -> Listed {
        let flags = flags.iter().map(|&flag| flag.to_owned()).collect();
        let package = Package {
            category: "cat".to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
            slot: "0".to_owned(),
            flags,
            size: 1,
        };
        Listed { package, image: image.to_owned() }
    }

    #[test]
    fn only_an_images_own_packages_count() {
        let before = [listed("low", "a", "1", &[]), listed("top", "b", "1", &["x"])];
        let packages = vec![listed("low", "a", "2", &[]), listed("top", "b", "1", &["x"])];
        let same = Foreseen { packages, compiled: Compiled::default() };
        let image = Image::compared("top", Some(&before), &same);
        assert!(!image.changes(), "{image:?}");
        let image = Image::compared("low", Some(&before), &same);
        assert_eq!(image.packages.keys().collect::<Vec<_>>(), ["cat/a"]);
    }

    #[test]
    fn what_is_compiled_again_is_told_unless_it_changes_anyway() {
        let before = [listed("i", "a", "1", &[]), listed("i", "b", "1", &[])];
        let packages = vec![listed("i", "a", "2", &[]), listed("i", "b", "1", &[])];
        let for_image = vec!["cat/a-2".to_owned(), "cat/b-1".to_owned()];
        let foreseen = Foreseen { packages, compiled: Compiled { for_image, in_all: 2 } };
        let image = Image::compared("i", Some(&before), &foreseen);
        assert_eq!(image.packages.keys().collect::<Vec<_>>(), ["cat/a"]);
        let again = BTreeMap::from([("cat/b".to_owned(), "1".to_owned())]);
        assert_eq!(image.compiled_again, again);
    }
}
