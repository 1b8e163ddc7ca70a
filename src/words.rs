//! Numbers in words.

/// ```
/// use gentoo_bb::words::counted;
/// assert_eq!([counted(1, "layer"), counted(2, "layer")], ["1 layer", "2 layers"]);
/// ```
pub fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
