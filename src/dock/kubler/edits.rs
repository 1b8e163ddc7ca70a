//! Changes of a text at places: what is not named stays byte for byte.
//!
//! Does not know what the text means.

use std::ops::Range;

/// The changes so far.
#[derive(Debug, Default)]
pub(super) struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    /// Another text in the place of a span.
    pub(super) fn replace(&mut self, span: Range<usize>, by: impl Into<String>) {
        self.0.push((span, by.into()));
    }

    /// A text before a place.
    pub(super) fn insert(&mut self, at: usize, new: impl Into<String>) {
        self.replace(at..at, new);
    }

    /// The changed text. Of two changes of one place the one that begins first counts.
    pub(super) fn applied(mut self, text: &str) -> String {
        self.0.sort_by_key(|(span, _)| (span.start, span.end));
        let (mut out, mut done) = (String::with_capacity(text.len()), 0);
        for (span, new) in self.0 {
            if span.start < done {
                continue;
            }
            out.push_str(&text[done..span.start]);
            out.push_str(&new);
            done = span.end;
        }
        out + &text[done..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_stays() {
        let mut edits = Edits::default();
        edits.replace(4..5, "B");
        edits.insert(0, ">");
        edits.replace(2..5, "x");
        edits.insert(6, "<");
        assert_eq!(edits.applied("a b c\n"), ">a x\n<");
        assert_eq!(Edits::default().applied("é"), "é");
    }
}
