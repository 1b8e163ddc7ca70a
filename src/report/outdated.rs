//! What an update would change, as lines of text.

use std::time::Duration;

use crate::contents::PackageChange;
use crate::ids::Kind;
use crate::outdated::{Image, Outdated, Run};
use crate::report::difference::{other_package, plain};
use crate::report::{duration, table};

/// Images with their packages, those that stay, and how long it would take.
pub fn text(outdated: &Outdated) -> String {
    let (changed, same): (Vec<_>, Vec<_>) = outdated.images.iter().partition(|i| i.changes());
    let head = ["IMAGE", "PACKAGE", "CHANGE"].map(str::to_owned);
    let rows = std::iter::once(head).chain(changed.iter().flat_map(|image| rows(image)));
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

fn rows(image: &Image) -> Vec<[String; 3]> {
    let row = |package: &str, change: String| [image.name.clone(), plain(package), plain(&change)];
    let mut rows = vec![];
    if image.never_built {
        rows.push(row("-", "not built yet".to_owned()));
    } else {
        rows.extend(image.packages.iter().map(|(name, change)| row(name, told(change))));
    }
    let again = image.compiled_again.iter();
    rows.extend(again.map(|(name, version)| row(name, format!("{version}, compiled again"))));
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
        format!("at least {known}, {as_before}; some never did this yet:\n")
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
