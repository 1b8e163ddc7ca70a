//! Columns of text, each as wide as its widest cell.

use std::borrow::Cow;

use crate::base::words::visible;

/// Rows as lines; the last column is not padded.
///
/// ```
/// let rows = [["a".to_owned(), "1".to_owned()], ["long".to_owned(), "2".to_owned()]];
/// assert_eq!(gentoo_bb::report::table::columns(&rows), "a     1\nlong  2\n");
/// ```
pub fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let rows = rows.iter().map(|row| row.each_ref().map(|cell| visible(cell)));
    let rows = rows.collect::<Vec<_>>();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[Cow<'_, str>; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}
