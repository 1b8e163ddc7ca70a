//! A text's lines with their places, ended as Go's `bufio.ScanLines` ends them.
//!
//! Knows nothing of what is in them.

/// One line, without its end.
pub(super) struct Line<'a> {
    pub text: &'a str,
    /// Its offset.
    pub at: usize,
    /// With its end.
    pub whole: &'a str,
}

/// The lines of a text, without the mark of byte order at its beginning.
#[derive(Clone)]
pub(super) struct Lines<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { text, at }
    }

    /// Is there something like a line that begins so? Quicker than to read them all.
    pub(crate) fn may_have(&self, begin: &str, after_tabs: bool) -> bool {
        let rest = &self.text[self.at..];
        rest.starts_with(begin)
            || rest.contains(&format!("\n{begin}"))
            || after_tabs && rest.contains(&format!("\t{begin}"))
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let at = self.at;
        let whole = self.text[at..].split_inclusive('\n').next()?;
        self.at += whole.len();
        let text = whole.strip_suffix('\n').unwrap_or(whole);
        Some(Line { text: text.strip_suffix('\r').unwrap_or(text), at, whole })
    }
}
