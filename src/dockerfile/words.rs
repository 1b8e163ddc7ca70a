//! Docker's words: quotes, the escape character, `$X` and `${X:-default}`.
//!
//! Does not know which variables there are: the caller's function says what each one is. The grammar is
//! that of `shell.Lex` in BuildKit, <https://github.com/moby/buildkit/blob/v0.12.0/frontend/dockerfile/shell/lex.go>,
//! on which Docker's classic builder stands as well. What each form means is documented at
//! <https://docs.docker.com/reference/dockerfile/#environment-replacement>.

use std::ops::Range;

use crate::dockerfile::limits;

mod lexer;
mod pattern;
mod split;

use lexer::{Lexer, Quotes, Style};
pub(crate) use split::split;

/// What is known of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Known(String),
    /// Surely without a value: `${X:-default}` is the default.
    Unset,
    /// It may have any value, so that not even a default helps.
    Unknown,
}

/// Says what a variable is.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Value;

/// A word with its variables replaced and its quotes gone.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Expanded {
    pub text: String,
    /// The same split at the white space that is not quoted, as `EXPOSE` wants it.
    pub words: Vec<String>,
    /// Variables without a value, which leave nothing in `text`.
    pub missing: Vec<Missing>,
    /// How much work it was: bytes of all values, and steps of patterns.
    pub cost: usize,
}

/// A variable without a value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub name: String,
    /// Bytes of the word, from the `$` on.
    pub range: Range<usize>,
}

/// Why a word is none, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub message: String,
    pub range: Range<usize>,
    pub hint: Option<&'static str>,
}

/// Replaces the variables of a word and removes its quotes.
pub(crate) fn expand(word: &str, escape: char, lookup: Lookup<'_>) -> Result<Expanded, Mistake> {
    run(word, escape, lookup, Style { quotes: Quotes::Removed, ..Style::default() })
}

/// Replaces the variables of a heredoc's text, where quotes are nothing special.
pub(crate) fn expand_text(text: &str, lookup: Lookup<'_>) -> Result<Expanded, Mistake> {
    run(text, '\\', lookup, Style { quotes: Quotes::Plain, ..Style::default() })
}

fn run(word: &str, escape: char, lookup: Lookup<'_>, style: Style) -> Result<Expanded, Mistake> {
    let mut lexer = Lexer::new(word, escape, lookup, style);
    let (text, words) = lexer.until(None)?;
    let words = words.into_iter().map(|(word, _)| word).collect();
    let cost = lexer.cost + text.len();
    Ok(Expanded { text, words, missing: lexer.missing, cost })
}

fn unset(_: &str) -> Value {
    Value::Unset
}

/// The words of a line as they are written, each with where it begins: quotes, escapes and variables stay.
/// None where a quote or a brace is never closed.
pub(crate) fn as_written(line: &str) -> Vec<(String, usize)> {
    let style = Style { quotes: Quotes::Kept, escapes_stay: true, unset_stay: true };
    Lexer::new(line, '\\', &unset, style).until(None).map_or(vec![], |(_, words)| words)
}

/// A text that is one word: without its quotes, and whether it had any.
pub(crate) fn unquoted(text: &str) -> Option<(String, bool)> {
    let style = |quotes| Style { quotes, escapes_stay: false, unset_stay: true };
    let one = |quotes| {
        let (_, words) = Lexer::new(text, '\\', &unset, style(quotes)).until(None).ok()?;
        let [(word, _)] = <[_; 1]>::try_from(words).ok()?;
        Some(word)
    };
    let (word, raw) = (one(Quotes::Removed)?, one(Quotes::Kept)?);
    let quotes = |text: &str| text.matches(['\'', '"']).count();
    let quoted = quotes(&word) != quotes(&raw);
    Some((word, quoted))
}

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
