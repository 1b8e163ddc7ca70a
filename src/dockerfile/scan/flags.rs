//! The flags after an instruction's name, split as Docker does: quotes and `\` have a meaning in them,
//! whatever the escape character is.
//!
//! Does not know which flags there are.
//! Source: `extractBuilderFlags` in BuildKit's `split_command.go`.

use std::ops::Range;

use super::{Flag, Word};

/// The flags in a part of a line, and where what follows them begins.
pub(super) fn read(line: &str, part: Range<usize>) -> (Vec<Flag>, usize) {
    let (mut flags, mut at) = (vec![], part.start);
    loop {
        let rest = &line[at..part.end];
        let start = at + (rest.len() - rest.trim_start().len());
        if !line[start..part.end].starts_with("--") {
            return (flags, start);
        }
        let (text, end) = word(&line[..part.end], start);
        at = end;
        if text == "--" {
            return (flags, end);
        }
        flags.push(flag(&text, start..end));
    }
}

/// A word without its quotes and escapes, and where it ends. Docker takes each byte for a character.
fn word(line: &str, start: usize) -> (String, usize) {
    let bytes = line.as_bytes();
    let (mut text, mut quote, mut at) = (String::new(), None, start);
    while let Some(&byte) = bytes.get(at) {
        let c = char::from(byte);
        match (c, quote) {
            (_, None) if c.is_whitespace() => break,
            ('\'' | '"', None) => quote = Some(c),
            (_, Some(open)) if c == open => quote = None,
            ('\\', _) => {
                at += 1;
                text.extend(bytes.get(at).map(|byte| char::from(*byte)));
            }
            _ => text.push(c),
        }
        at += 1;
    }
    // A byte of a character may look like a blank.
    let mut end = at.min(bytes.len());
    while !line.is_char_boundary(end) {
        end += 1;
    }
    (text, end)
}

fn flag(text: &str, range: Range<usize>) -> Flag {
    let text = text.strip_prefix("--").unwrap_or(text);
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    let end = range.end;
    // Where it has quotes or escapes, its place is all of the flag but its name.
    let start = if text.len() + 2 == range.len() {
        end - value.len()
    } else {
        (range.start + name.len() + 3).min(end)
    };
    let value = Word { text: value.to_owned(), range: start..end };
    Flag { name: name.to_owned(), given: text.contains('='), value, range }
}
