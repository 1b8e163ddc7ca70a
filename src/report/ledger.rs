//! Ledgers of sizes as lines of text.

use std::collections::BTreeSet;

use crate::base::words::{counted, cut, megabytes, visible};
use crate::dock::budget::Budget;
use crate::image::size::difference::{Change, Difference};
use crate::image::size::left_out::LeftOut;
use crate::image::size::{Entry, Ledger, Sent};
use crate::report::table;

/// One image in one line of several: its size, its name, what is to be said of it. `before` where it is
/// to be compared, if there is anything to compare with.
pub fn row(
    ledger: &Ledger,
    budget: Option<Budget>,
    before: Option<Option<&Difference>>,
) -> [String; 3] {
    let budget = budget.map(|budget| {
        let how = if ledger.total > budget.0 { "over" } else { "within" };
        format!("{how} its budget of {budget}")
    });
    let change = before.map(compared);
    let notes = change.into_iter().chain(budget).collect::<Vec<_>>().join(", ");
    [format!("{:>10}", megabytes(ledger.total)), ledger.image.clone(), notes]
}

/// The rows of several images.
pub fn overview(rows: &[[String; 3]]) -> String {
    table::columns(rows)
}

/// Images, and where it is asked for their layers, as they are and on their way. What is not known is `-`.
pub fn compressed(images: &[(&Ledger, Option<&[Sent]>)], layers: bool) -> String {
    let mut text = travelling(["SIZE", "GZIP", "ZSTD"].map(str::to_owned), "IMAGE");
    for (ledger, sent) in images {
        let total = sent.map(|layers| layers.iter().sum());
        text += &travelling(bytes(ledger.total, total), &ledger.image);
        for (at, layer) in ledger.layers.iter().enumerate().filter(|_| layers) {
            let sent = sent.and_then(|layers| layers.get(at).copied());
            text += &travelling(bytes(layer.size, sent), &format!("  {}", visible(&layer.name)));
        }
    }
    text
}

fn bytes(size: u64, sent: Option<Sent>) -> [String; 3] {
    let known = |bytes: Option<u64>| bytes.map_or_else(|| "-".to_owned(), megabytes);
    [megabytes(size), known(sent.map(|sent| sent.gzip)), known(sent.map(|sent| sent.zstd))]
}

fn travelling([size, gzip, zstd]: [String; 3], name: &str) -> String {
    format!("{size:>10}  {gzip:>10}  {zstd:>10}  {name}\n")
}

/// One image with all its parts. Where a width is given, names are cut to it.
pub fn whole(ledger: &Ledger, budget: Option<Budget>, width: Option<usize>) -> String {
    let budget = budget.map_or(String::new(), |budget| format!(", its budget is {budget}"));
    let mut text = format!("{}: {}{budget}\n", ledger.image, megabytes(ledger.total));
    text += &unknown(ledger);
    let line = |entry: &Entry| amount(&megabytes(entry.size), &entry.name, width);
    text += &part("layers", ledger.layers.iter().map(line));
    text += &part("packages", ledger.packages.iter().map(line));
    text + &part("folders", folders(&ledger.folders).into_iter().map(line))
}

/// What is another size than in the build before, likewise.
pub fn changed(ledger: &Ledger, before: Option<&Difference>, width: Option<usize>) -> String {
    let title = format!("{}: {}", ledger.image, megabytes(ledger.total));
    let mut text = format!("{title}, {}\n", compared(before));
    let Some(difference) = before else { return text };
    text += &unknown(ledger);
    let line = |change: &Change| {
        let (more, bytes) = change.by();
        let sign = if more { '+' } else { '-' };
        amount(&format!("{sign}{}", megabytes(bytes)), &change.name, width)
    };
    text += &part("layers", difference.layers.iter().map(line));
    text += &part("packages", difference.packages.iter().map(line));
    text + &part("folders", difference.folders.iter().map(line))
}

/// What of an image's ROOT is not in it, by rule.
pub fn left_out(image: &str, list: &[LeftOut]) -> String {
    let total = |list: &[LeftOut]| megabytes(list.iter().map(|one| one.size).sum());
    let paths = counted(list.len(), "path");
    let mut text = format!("{image}: {paths} left out, {}\n", total(list));
    let rules = list.iter().map(|one| one.rule.as_str()).collect::<BTreeSet<_>>();
    for rule in rules {
        let mut of = list.iter().filter(|one| one.rule == rule).cloned().collect::<Vec<_>>();
        of.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.path.cmp(&b.path)));
        let line = |one: &LeftOut| {
            let shown = format!("/{}", one.path.escape_debug());
            format!("{:>12}  {shown}\n", megabytes(one.size))
        };
        text += &part(&format!("{rule}, {}", total(&of)), of.iter().map(line));
    }
    text
}

fn compared(before: Option<&Difference>) -> String {
    let Some(difference) = before else { return "nothing to compare with".to_owned() };
    match difference.total.by() {
        (_, 0) => "as large as before".to_owned(),
        (true, bytes) => format!("{} more than before", megabytes(bytes)),
        (false, bytes) => format!("{} less than before", megabytes(bytes)),
    }
}

fn unknown(ledger: &Ledger) -> String {
    let why = ledger.built_by_engine.as_ref();
    why.map_or(String::new(), |why| {
        format!("by the engine, so what it consists of is not known: {}\n", visible(why))
    })
}

fn part(title: &str, lines: impl Iterator<Item = String>) -> String {
    let lines = lines.collect::<String>();
    if lines.is_empty() { lines } else { format!("\n{title}\n{lines}") }
}

fn amount(size: &str, name: &str, width: Option<usize>) -> String {
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(BEFORE).max(NARROWEST));
    // A name out of an archive must not steer a terminal, nor break its lines.
    format!("{size:>12}  {}\n", cut(&visible(name), room))
}

/// Columns before a name.
const BEFORE: usize = 14;
/// A name has at least this many.
const NARROWEST: usize = 20;

/// The largest first, each followed by those in it, likewise.
fn folders(folders: &[Entry]) -> Vec<&Entry> {
    let top = |entry: &Entry| {
        let first = entry.name.split('/').nth(1).unwrap_or_default();
        format!("/{first}")
    };
    let size = |name: &str| folders.iter().find(|e| e.name == name).map_or(0, |e| e.size);
    let mut sorted = folders.iter().collect::<Vec<_>>();
    sorted.sort_by_cached_key(|entry| {
        let top = top(entry);
        let largest_first = std::cmp::Reverse;
        let inside = entry.name != top;
        (largest_first(size(&top)), top, inside, largest_first(entry.size), entry.name.clone())
    });
    sorted
}

#[cfg(test)]
mod tests {
    use super::amount;

    #[test]
    fn names_are_cut_where_a_width_is_given() {
        let name = "é".repeat(70);
        assert_eq!(amount("1 MB", &name, None), format!("        1 MB  {name}\n"));
        let cut = amount("1 MB", &name, Some(80));
        assert_eq!(cut, format!("        1 MB  {}...\n", "é".repeat(63)));
        assert_eq!(
            amount("1 MB", &name, Some(0)),
            format!("        1 MB  {}...\n", "é".repeat(17))
        );
        assert_eq!(amount("1 MB", "a\nb", Some(80)), "        1 MB  a\\nb\n");
    }
}
