//! Where the words of an `ENV`, a `LABEL` or an `ARG` begin and end.
//!
//! Knows quotes and the escape character, but no variables: those are replaced in each word later.
//! The rules are those of `parseWords` in BuildKit's `line_parsers.go`.

use std::ops::Range;

/// The ranges of the words of a text, split at white space outside of quotes. A quote that is never closed
/// reaches to the end; an escape character at the very end is dropped.
pub(crate) fn split(text: &str, escape: char) -> Vec<Range<usize>> {
    let (mut words, mut start, mut quote) = (vec![], None, None);
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if quote.is_none() && c.is_whitespace() {
            words.extend(start.take().map(|from| from..at));
            continue;
        }
        let from = *start.get_or_insert(at);
        if c == escape && quote != Some('\'') {
            if chars.next().is_none() {
                words.extend(Some(from..at).filter(|word| !word.is_empty()));
                return words;
            }
            continue;
        }
        quote = match (c, quote) {
            ('"' | '\'', None) => Some(c),
            (_, Some(open)) if c == open => None,
            _ => quote,
        };
    }
    words.extend(start.map(|from| from..text.len()));
    words
}
