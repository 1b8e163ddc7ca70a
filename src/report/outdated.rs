//! What an update would change, as lines of text.

use std::time::Duration;

use crate::base::ids::Kind;
use crate::exec::outdated::{Image, Outdated, Run};
use crate::image::contents::PackageChange;
use crate::report::difference::{other_package, plain};
use crate::report::{duration, table};

/// Images with their packages, those that stay, and how long it would take.
pub fn text(outdated: &Outdated) -> String {
    let (changed, same): (Vec<_>, Vec<_>) = outdated.images.iter().partition(|i| i.changes());
    let head = ["IMAGE", "PACKAGE", "CHANGE"].map(str::to_owned);
    let rows = std::iter::once(head)
        .chain(changed.iter().flat_map(|image| rows(image, outdated.stage3.moves())));
    let mut text = if changed.is_empty() {
        "no image changes\n".to_owned()
    } else {
        table::columns(&rows.collect::<Vec<_>>())
    };
    if !changed.is_empty() && !same.is_empty() {
        let names = same.iter().map(|image| image.name.as_str()).collect::<Vec<_>>();
        text += &format!("unchanged: {}\n", names.join(", "));
    }
    text + "\n" + &time(outdated)
}

/// Where everything is compiled again, it is not told package by package.
fn rows(image: &Image, everything: bool) -> Vec<[String; 3]> {
    let row = |package: &str, change: String| [image.name.clone(), plain(package), plain(&change)];
    let mut rows = vec![];
    if image.never_built {
        rows.push(row("-", "not built yet".to_owned()));
    } else {
        rows.extend(image.packages.iter().map(|(name, change)| row(name, told(change))));
    }
    let again = image.compiled_again.iter();
    if everything {
        let count = again.len();
        rows.extend((count > 0).then(|| row("-", format!("{count} in the same version"))));
    } else {
        rows.extend(again.map(|(name, version)| row(name, format!("{version}, compiled again"))));
    }
    if image.dated {
        rows.push(row("-", "names the snapshot's date".to_owned()));
    }
    if rows.is_empty() {
        rows.push(row("-", format!("because of {}", image.because_of.join(", "))));
    }
    rows
}

fn told(change: &PackageChange) -> String {
    match change {
        PackageChange::Added { version } => format!("new, {version}"),
        PackageChange::Removed { version } => format!("gone, {version}"),
        PackageChange::Changed { versions: [old, new], flags } => other_package(old, new, flags),
    }
}

fn time(outdated: &Outdated) -> String {
    let known = duration(Duration::from_millis(outdated.known_ms()));
    let as_before = "if each takes as long as last time";
    let head = if outdated.is_all_known() {
        format!("about {known}, {as_before}:\n")
    } else {
        format!("at least {known}, {as_before}; some are not known:\n")
    };
    let rows = outdated.steps.iter().map(|run| [format!("  {}", run.step), of_step(run)]);
    head + &table::columns(&rows.collect::<Vec<_>>())
}

fn of_step(run: &Run) -> String {
    let took = run.took_ms.map(|ms| duration(Duration::from_millis(ms)));
    let took = took.unwrap_or_else(|| "not known".to_owned());
    let how = match (run.step.kind, run.from_binary_packages) {
        (Kind::Rootfs, true) => ", from binary packages",
        (Kind::Rootfs, false) => ", compiles",
        _ => "",
    };
    took + how
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::base::ids::StepId;
    use crate::exec::outdated::Moved;

    #[test]
    fn with_another_stage3_only_what_is_another_version_is_told_by_name() {
        let moved =
            |from: &str, to: &str| Moved { pinned: from.to_owned(), offered: to.to_owned() };
        let versions = ["1".to_owned(), "2".to_owned()];
        let change = PackageChange::Changed { versions, flags: vec!["-x".to_owned()] };
        let packages = BTreeMap::from([("cat/a\u{1b}".to_owned(), change)]);
        let same = ["cat/b", "cat/c"].map(|name| (name.to_owned(), "1".to_owned()));
        let name = "nginx".to_owned();
        let image = Image { name, packages, compiled_again: same.into(), ..Image::default() };
        let step = StepId::new(Kind::Rootfs, "nginx");
        let run = Run { step, took_ms: Some(125_000), from_binary_packages: false };
        let mut outdated = Outdated {
            stage3: moved("a", "b"),
            snapshot: moved("1", "1"),
            images: vec![image],
            steps: vec![run],
        };
        let time = "\nabout 2 min 05 s, if each takes as long as last time:\n  \
                    rootfs:nginx  2 min 05 s, compiles\n";
        let wanted = "IMAGE  PACKAGE      CHANGE\n\
                      nginx  cat/a\\u{1b}  1 -> 2, USE -x\n\
                      nginx  -            2 in the same version\n";
        assert_eq!(text(&outdated), format!("{wanted}{time}"));
        outdated.stage3 = moved("a", "a");
        let wanted = "IMAGE  PACKAGE      CHANGE\n\
                      nginx  cat/a\\u{1b}  1 -> 2, USE -x\n\
                      nginx  cat/b        1, compiled again\n\
                      nginx  cat/c        1, compiled again\n";
        assert_eq!(text(&outdated), format!("{wanted}{time}"));
    }
}
