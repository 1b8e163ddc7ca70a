//! Parser directives: the comments `# escape=`, `# syntax=` and `# check=` at a Dockerfile's beginning.
//!
//! Reads only the lines that can be directives: the first line that is none ends them.

use std::ops::Range;

use super::lines::{Line, Lines};
use crate::base::error::Result;
use crate::dockerfile::render::Rendered;

/// The escape character, and where the frontend of `# syntax=` is named.
pub(super) fn read(source: &Rendered) -> Result<(char, Option<Range<usize>>)> {
    let (mut escape, mut syntax, mut seen) = ('\\', None, vec![]);
    for line in Lines::new(source.text()) {
        let Some((name, value)) = directive(&line) else { break };
        let span = line.at..line.at + line.text.len();
        if seen.contains(&name) {
            let error = source.mistake(format!("a second directive `{name}`"), &span);
            return Err(error.hint("Docker takes each only once"));
        }
        match (name.as_str(), value) {
            ("escape", "\\" | "`") => escape = if value == "`" { '`' } else { '\\' },
            ("escape", _) => {
                let message = format!("`{value}` cannot be the escape character");
                return Err(source.mistake(message, &span).hint("it is `\\` or a backtick"));
            }
            ("syntax", _) => syntax = Some(span),
            ("check", _) => {}
            _ => break,
        }
        seen.push(name);
    }
    Ok((escape, syntax))
}

/// Name, in lower case, and value of `# NAME = VALUE`.
fn directive<'a>(line: &Line<'a>) -> Option<(String, &'a str)> {
    // Go's `\s`.
    let blank = ['\t', '\n', '\u{c}', '\r', ' '];
    let comment = line.text.trim_start().strip_prefix('#')?;
    let (name, value) = comment.split_once('=')?;
    let name = name.trim_matches(blank);
    let good = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric());
    // A value of blanks is one of them.
    let trimmed = value.trim_matches(blank);
    let value =
        if trimmed.is_empty() { value.get(value.len().checked_sub(1)?..)? } else { trimmed };
    good.then(|| (name.to_ascii_lowercase(), value))
}
