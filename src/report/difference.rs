//! What two builds of an image differ in, as lines of text.

use crate::base::words::{megabytes, visible};
use crate::fresh::reason::short;
use crate::image::contents::{Difference, FileChange, PackageChange};
use crate::report::table;

/// The lines for people.
pub fn difference(name: &str, difference: &Difference) -> String {
    let Difference { before, now, sizes: [old, new], .. } = difference;
    let (before, now) = (id(before), id(now));
    let sizes = if old == new {
        format!("{}, as large as before", megabytes(*new))
    } else {
        format!("{} -> {}", megabytes(*old), megabytes(*new))
    };
    let name = plain(name);
    let mut text = format!("{name}: {before} -> {now}, {sizes}\n");
    let packages = difference.packages.iter().map(|(name, change)| package(name, change));
    text += &part("packages", &packages.collect::<Vec<_>>());
    let files = difference.files.iter().map(|(path, change)| file(path, change));
    text += &part("files", &files.collect::<Vec<_>>());
    if let Some(why) = &difference.unknown {
        text += &format!("\nfiles: not known, the engine has built it: {}\n", plain(why));
    } else if difference.files.is_empty() && difference.packages.is_empty() {
        text += "\nonly its settings differ: no file and no package does\n";
    }
    text
}

fn part(title: &str, rows: &[[String; 2]]) -> String {
    if rows.is_empty() { String::new() } else { format!("\n{title}\n{}", table::columns(rows)) }
}

fn package(name: &str, change: &PackageChange) -> [String; 2] {
    let (sign, what) = match change {
        PackageChange::Added { version } => ('+', version.clone()),
        PackageChange::Removed { version } => ('-', version.clone()),
        PackageChange::Changed { versions: [old, new], flags } => {
            ('~', other_package(old, new, flags))
        }
    };
    row(sign, name, &what)
}

/// A package that is there before and after.
pub(super) fn other_package(old: &str, new: &str, flags: &[String]) -> String {
    let version = if old == new { old.to_owned() } else { format!("{old} -> {new}") };
    let flags = flags.join(" ");
    if flags.is_empty() { version } else { format!("{version}, USE {flags}") }
}

fn file(path: &str, change: &FileChange) -> [String; 2] {
    match change {
        FileChange::Added { what } => row('+', path, what),
        FileChange::Removed { what } => row('-', path, what),
        FileChange::Changed { how } => row('~', path, &how.join(", ")),
    }
}

fn row(sign: char, name: &str, what: &str) -> [String; 2] {
    [format!("  {sign} {}", plain(name)), plain(what)]
}

/// A name out of an archive must not steer a terminal, nor break its lines.
pub(super) fn plain(text: &str) -> String {
    visible(text).into_owned()
}

fn id(id: &str) -> &str {
    short(id.strip_prefix("sha256:").unwrap_or(id))
}
