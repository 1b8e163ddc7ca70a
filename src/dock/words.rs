//! Docker's words: quotes, the escape character, `$X` and `${X:-default}`.
//!
//! Does not know which variables there are: the caller's function says what each one is.

use std::ops::Range;

/// What is known of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Known(String),
    /// Surely without a value: `${X:-default}` is the default.
    Unset,
    /// It may have any value, so that not even a default helps.
    Unknown,
}

/// A word with its variables replaced and its quotes gone.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Expanded {
    pub text: String,
    /// Variables without a value, which leave nothing in `text`.
    pub missing: Vec<Missing>,
}

/// A variable without a value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub name: String,
    /// Bytes of the word, from the `$` on.
    pub range: Range<usize>,
    /// `${X#…}` and the like, which are not evaluated here.
    pub operator: bool,
}

/// Replaces the variables of a word and removes its quotes.
pub(crate) fn expand(word: &str, escape: char, lookup: &dyn Fn(&str) -> Value) -> Expanded {
    let mut expander = Expander { word, at: 0, escape, lookup, out: Expanded::default() };
    expander.run();
    expander.out
}

/// The ranges of the words of a text, split at white space outside of quotes; nothing if a quote is
/// never closed.
pub(crate) fn split(text: &str, escape: char) -> Option<Vec<Range<usize>>> {
    let (mut words, mut start, mut quote, mut escaped) = (vec![], None, None, false);
    for (at, c) in text.char_indices() {
        if quote.is_none() && !escaped && c.is_whitespace() {
            words.extend(start.take().map(|from| from..at));
            continue;
        }
        start.get_or_insert(at);
        match (c, quote) {
            _ if escaped => escaped = false,
            (_, Some('\'')) if c != '\'' => {}
            _ if c == escape => escaped = true,
            ('"' | '\'', None) => quote = Some(c),
            (_, Some(open)) if c == open => quote = None,
            _ => {}
        }
    }
    words.extend(start.map(|from| from..text.len()));
    quote.is_none().then_some(words)
}

struct Expander<'a> {
    word: &'a str,
    at: usize,
    escape: char,
    lookup: &'a dyn Fn(&str) -> Value,
    out: Expanded,
}

impl Expander<'_> {
    fn run(&mut self) {
        let mut quote = None;
        while let Some(c) = self.next() {
            match (c, quote) {
                ('\'', None) => self.single_quoted(),
                ('"', None) => quote = Some('"'),
                ('"', Some(_)) => quote = None,
                ('$', _) => self.variable(),
                _ if c == self.escape => self.escaped(quote.is_some()),
                _ => self.out.text.push(c),
            }
        }
    }

    fn next(&mut self) -> Option<char> {
        let c = self.word[self.at..].chars().next()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn single_quoted(&mut self) {
        while let Some(c) = self.next().filter(|c| *c != '\'') {
            self.out.text.push(c);
        }
    }

    /// Between double quotes the escape character stays, except before `"`, `$` and itself.
    fn escaped(&mut self, quoted: bool) {
        let escape = self.escape;
        match self.next() {
            Some(c) if quoted && c != '"' && c != '$' && c != escape => {
                self.out.text.extend([escape, c]);
            }
            Some(c) => self.out.text.push(c),
            None => self.out.text.push(escape),
        }
    }

    /// What follows a `$`.
    fn variable(&mut self) {
        let start = self.at - 1;
        let rest = &self.word[self.at..];
        if let Some(inner) = rest.strip_prefix('{') {
            let length = closing(inner, self.escape);
            self.at += (length + 2).min(rest.len());
            self.braced(&inner[..length], start..self.at);
        } else {
            let name = &rest[..name_length(rest)];
            self.at += name.len();
            match name {
                "" => self.out.text.push('$'),
                _ => self.plain(name, start..self.at),
            }
        }
    }

    fn plain(&mut self, name: &str, range: Range<usize>) {
        match (self.lookup)(name) {
            Value::Known(value) => self.out.text.push_str(&value),
            Value::Unset | Value::Unknown => self.miss(name, range, false),
        }
    }

    /// `NAME`, `NAME:-word`, `NAME-word`, `NAME:+word`, `NAME+word`, `NAME:?word`, `NAME?word`.
    fn braced(&mut self, inner: &str, range: Range<usize>) {
        let (name, operation) = inner.split_at(name_length(inner));
        let colon = operation.starts_with(':');
        let mut rest = operation[usize::from(colon)..].chars();
        let operator = rest.next();
        let word = rest.as_str();
        let value = (self.lookup)(name);
        let set = match &value {
            Value::Known(text) => !(colon && text.is_empty()),
            Value::Unset => false,
            Value::Unknown => return self.miss(name, range, false),
        };
        match operator {
            None if !colon => self.plain(name, range),
            Some('?' | '-') if set => self.plain(name, range),
            Some('?') => self.miss(name, range, false),
            Some('-') => self.nested(word, range),
            Some('+') if set => self.nested(word, range),
            Some('+') => {}
            _ => self.miss(name, range, true),
        }
    }

    /// The word after an operator, which may hold variables again.
    fn nested(&mut self, word: &str, range: Range<usize>) {
        let inner = expand(word, self.escape, self.lookup);
        self.out.text.push_str(&inner.text);
        for missing in inner.missing {
            self.miss(&missing.name, range.clone(), missing.operator);
        }
    }

    fn miss(&mut self, name: &str, range: Range<usize>, operator: bool) {
        self.out.missing.push(Missing { name: name.to_owned(), range, operator });
    }
}

/// The length of the variable's name that a text begins with.
fn name_length(text: &str) -> usize {
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let length = text.find(|c| !valid(c)).unwrap_or(text.len());
    // The shell's own, which have no value here.
    if text.starts_with(['@', '*', '#', '?', '-', '$', '!']) {
        return 1;
    }
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    if digits > 0 { digits } else { length }
}

/// Where the `}` is that closes a `${`, with the `${…}` inside skipped.
fn closing(text: &str, escape: char) -> usize {
    let (mut depth, mut escaped) = (0_usize, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            _ if c == escape => escaped = true,
            '{' => depth += 1,
            '}' if depth == 0 => return at,
            '}' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests;
