//! The lexer of words: one pass from left to right, into itself for what stands in `${…}`.
//!
//! Does not know what a word is for; the style says what becomes of quotes, escapes and variables.

use std::ops::Range;

use unicode_general_category::{GeneralCategory, get_general_category};

use super::pattern::Pattern;
use super::{Lookup, Missing, Mistake, Value, limits};

/// What becomes of quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Quotes {
    #[default]
    Removed,
    Kept,
    /// They are characters like all others.
    Plain,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Style {
    pub quotes: Quotes,
    /// Escape characters stay, too.
    pub escapes_stay: bool,
    /// Variables without a value stay as they are written.
    pub unset_stay: bool,
}

pub(super) struct Lexer<'a> {
    word: &'a str,
    at: usize,
    escape: char,
    lookup: Lookup<'a>,
    style: Style,
    depth: usize,
    pub missing: Vec<Missing>,
    /// Bytes of values that were looked at, and steps of patterns.
    pub cost: usize,
}

type Result<T> = std::result::Result<T, Mistake>;

/// The words that a text falls into, each with where it begins.
#[derive(Default)]
struct Words {
    done: Vec<(String, usize)>,
    word: String,
    inside: bool,
    start: usize,
}

impl Words {
    fn begin(&mut self, at: usize) {
        if self.word.is_empty() {
            self.start = at;
        }
        self.inside = true;
    }

    fn raw(&mut self, text: &str, at: usize) {
        self.begin(at);
        self.word.push_str(text);
    }

    /// White space that is not quoted ends a word, but not one that is empty yet, as in `""`.
    fn push(&mut self, c: char, at: usize) {
        if !c.is_whitespace() {
            self.begin(at);
            self.word.push(c);
        } else if self.inside && !self.word.is_empty() {
            self.end();
            self.inside = false;
        }
    }

    fn end(&mut self) {
        if !self.word.is_empty() {
            self.done.push((std::mem::take(&mut self.word), self.start));
        }
    }
}

/// What stands between a variable's name and its word.
struct Operator {
    /// `-`, `+`, `?`, `#` or `%`.
    kind: char,
    /// With a `:`, an empty value counts as none.
    colon: bool,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(word: &'a str, escape: char, lookup: Lookup<'a>, style: Style) -> Self {
        // Go's scanner takes a mark of byte order at the beginning for none of the text.
        let at = if word.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { word, at, escape, lookup, style, depth: 0, missing: vec![], cost: 0 }
    }

    fn peek(&self) -> Option<char> {
        self.word[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn mistake<T>(&self, message: impl Into<String>, from: usize) -> Result<T> {
        Err(Mistake { message: message.into(), range: from..self.at, hint: None })
    }

    /// All up to a character, which is passed, or up to the end: as text and as words.
    pub(crate) fn until(&mut self, stop: Option<char>) -> Result<(String, Vec<(String, usize)>)> {
        let (mut text, mut words) = (String::new(), Words::default());
        while let Some(c) = self.peek() {
            let at = self.at;
            match c {
                _ if Some(c) == stop => {
                    self.next();
                    words.end();
                    return Ok((text, words.done));
                }
                '\'' | '"' if self.style.quotes != Quotes::Plain => {
                    let part = if c == '"' { self.double_quoted()? } else { self.single_quoted()? };
                    words.raw(&part, at);
                    text.push_str(&part);
                }
                '$' => {
                    let part = self.dollar()?;
                    part.chars().for_each(|c| words.push(c, at));
                    text.push_str(&part);
                }
                _ => self.plain(&mut text, &mut words),
            }
            self.within_limit(&text)?;
        }
        match stop {
            Some(stop) => self.mistake(format!("a `{stop}` is missing"), 0),
            None => {
                words.end();
                Ok((text, words.done))
            }
        }
    }

    fn within_limit(&self, text: &str) -> Result<()> {
        if text.len() <= limits::WORD {
            return Ok(());
        }
        let message = format!("with its variables, this is longer than {} bytes", limits::WORD);
        self.mistake(message, 0)
    }

    /// One character, or what an escape character makes of the next one; one at the end is dropped.
    fn plain(&mut self, text: &mut String, words: &mut Words) {
        let at = self.at;
        let Some(c) = self.next() else { return };
        if c != self.escape {
            words.push(c, at);
            text.push(c);
            return;
        }
        let mut both = String::new();
        both.extend(self.style.escapes_stay.then_some(c));
        both.extend(self.next());
        if !both.is_empty() {
            words.raw(&both, at);
            text.push_str(&both);
        }
    }

    fn single_quoted(&mut self) -> Result<String> {
        let start = self.at;
        self.next();
        let Some(length) = self.word[self.at..].find('\'') else {
            self.at = self.word.len();
            return self.mistake("this `'` is never closed", start);
        };
        let inner = self.at..self.at + length;
        self.at = inner.end + 1;
        let kept = self.style.quotes == Quotes::Kept;
        Ok(self.word[if kept { start..self.at } else { inner }].to_owned())
    }

    /// Between double quotes the escape character stays, except before `"`, `$` and itself.
    fn double_quoted(&mut self) -> Result<String> {
        let start = self.at;
        let quote = (self.style.quotes == Quotes::Kept).then_some('"');
        self.next();
        let mut text = String::from_iter(quote);
        loop {
            match self.peek() {
                None => return self.mistake("this `\"` is never closed", start),
                Some('"') => break,
                Some('$') => text.push_str(&self.dollar()?),
                Some(c) => {
                    self.next();
                    self.quoted(c, &mut text);
                }
            }
            self.within_limit(&text)?;
        }
        self.next();
        text.extend(quote);
        Ok(text)
    }

    fn quoted(&mut self, c: char, text: &mut String) {
        if c != self.escape {
            text.push(c);
            return;
        }
        text.extend(self.style.escapes_stay.then_some(c));
        match self.peek() {
            None => {}
            Some(next) if next == '"' || next == '$' || next == self.escape => {
                text.extend(self.next());
            }
            Some(_) => text.push(c),
        }
    }

    /// What follows a `$`.
    fn dollar(&mut self) -> Result<String> {
        let start = self.at;
        self.next();
        if self.peek() != Some('{') {
            let name = self.name();
            return match name {
                "" => Ok("$".to_owned()),
                _ => Ok(self.value_of(name, start)),
            };
        }
        self.next();
        self.depth += 1;
        if self.depth > limits::NESTED_VARIABLES {
            let most = limits::NESTED_VARIABLES;
            return self.mistake(format!("more than {most} `${{…}}` stand in each other"), start);
        }
        let text = self.braced(start);
        self.depth -= 1;
        text
    }

    fn look_up(&mut self, name: &str) -> Value {
        let value = (self.lookup)(name);
        if let Value::Known(text) = &value {
            self.cost += text.len();
        }
        value
    }

    /// The value of a plain `$NAME` or `${NAME}`.
    fn value_of(&mut self, name: &str, start: usize) -> String {
        match self.look_up(name) {
            Value::Known(value) => value,
            Value::Unset if self.style.unset_stay => self.word[start..self.at].to_owned(),
            Value::Unset | Value::Unknown => self.miss(name, start..self.at),
        }
    }

    fn miss(&mut self, name: &str, range: Range<usize>) -> String {
        self.missing.push(Missing { name: name.to_owned(), range });
        String::new()
    }

    /// What follows a `${`.
    fn braced(&mut self, start: usize) -> Result<String> {
        match self.peek() {
            None => return self.mistake("a `}` is missing", start),
            Some('{' | '}' | ':') => {
                self.next();
                return self.mistake("there is no variable's name after `${`", start);
            }
            _ => {}
        }
        let name = self.name();
        let colon = self.peek() == Some(':');
        if colon {
            self.next();
        }
        match self.next() {
            None => self.mistake("a `}` is missing", start),
            Some('}') if !colon => Ok(self.value_of(name, start)),
            Some('/') if !colon => self.replaced(name, start),
            Some(kind @ ('-' | '+' | '?' | '#' | '%')) => {
                self.operated(name, &Operator { kind, colon }, start)
            }
            Some(other) => {
                let colon = if colon { ":" } else { "" };
                self.mistake(format!("`{colon}{other}` is no operator of `${{…}}`"), start)
            }
        }
    }

    /// A word inside of the braces, and the variables in it that have no value.
    fn inner(
        &mut self,
        stop: char,
        escapes_stay: bool,
        start: usize,
    ) -> Result<(String, Vec<Missing>)> {
        let outer = std::mem::take(&mut self.missing);
        let before = std::mem::replace(&mut self.style.escapes_stay, escapes_stay);
        let word = self.until(Some(stop));
        self.style.escapes_stay = before;
        let missing = std::mem::replace(&mut self.missing, outer);
        match word {
            Ok((text, _)) => Ok((text, missing)),
            // Of its own end the inner one only knows that it is not there.
            Err(mistake) if mistake.range.start == 0 => {
                Err(Mistake { range: start..self.at, ..mistake })
            }
            Err(mistake) => Err(mistake),
        }
    }

    /// `NAME:-word`, `NAME-word`, `NAME:+word`, `NAME+word`, `NAME:?word`, `NAME?word`, `NAME#pattern`,
    /// `NAME##pattern`, `NAME%pattern`, `NAME%%pattern`.
    fn operated(&mut self, name: &str, operator: &Operator, start: usize) -> Result<String> {
        let is_pattern = matches!(operator.kind, '#' | '%');
        let (word, missing) = self.inner('}', is_pattern, start)?;
        let value = match self.look_up(name) {
            Value::Unknown => return Ok(self.miss(name, start..self.at)),
            Value::Unset if self.style.unset_stay => {
                let colon = if operator.colon { ":" } else { "" };
                return Ok(format!("${{{name}{colon}{}{word}}}", operator.kind));
            }
            Value::Unset => None,
            Value::Known(value) => Some(value),
        };
        let set = value.as_ref().is_some_and(|value| !(operator.colon && value.is_empty()));
        match operator.kind {
            '-' | '+' if set != (operator.kind == '+') => {
                Ok(value.filter(|_| set).unwrap_or_default())
            }
            '-' | '+' => {
                self.missing.extend(missing);
                Ok(word)
            }
            '?' if set => Ok(value.unwrap_or_default()),
            '?' => self.mistake(demanded(name, &word, value.is_some()), start),
            _ => self.trimmed(operator.kind, &word, &value.unwrap_or_default(), start),
        }
    }

    fn trimmed(&mut self, kind: char, word: &str, value: &str, start: usize) -> Result<String> {
        let longest = word.strip_prefix(kind);
        let pattern = self.pattern(longest.unwrap_or(word), value.len(), start)?;
        Ok(match kind {
            '#' => pattern.without_prefix(value, longest.is_some()),
            _ => pattern.without_suffix(value, longest.is_some()),
        })
    }

    /// `NAME/pattern/word` and `NAME//pattern/word`.
    fn replaced(&mut self, name: &str, start: usize) -> Result<String> {
        let all = self.peek() == Some('/');
        if all {
            self.next();
        }
        let (pattern, mut missing) = self.inner('/', true, start)?;
        let (with, more) = self.inner('}', true, start)?;
        missing.extend(more);
        let value = match self.look_up(name) {
            Value::Unknown => return Ok(self.miss(name, start..self.at)),
            Value::Unset if self.style.unset_stay => {
                let slashes = if all { "//" } else { "/" };
                return Ok(format!("${{{name}{slashes}{pattern}/{with}}}"));
            }
            Value::Unset => String::new(),
            Value::Known(value) => value,
        };
        self.missing.extend(missing);
        if with.contains('$') {
            return self.mistake("a `$` in what `${…/…/…}` puts in is not evaluated here", start);
        }
        let steps = value.len().saturating_mul(value.len());
        let text = self.pattern(&pattern, steps, start)?.replaced(&value, &with, all);
        self.within_limit(&text)?;
        Ok(text)
    }

    /// A pattern that `times` characters are matched with.
    fn pattern(&mut self, text: &str, times: usize, start: usize) -> Result<Pattern> {
        let steps = text.len().saturating_mul(times);
        self.cost = self.cost.saturating_add(steps);
        if steps > limits::PATTERN_STEPS {
            return self.mistake("this pattern is too long for the variable's value", start);
        }
        match Pattern::new(text) {
            Some(pattern) => Ok(pattern),
            None => self.mistake(format!("`{text}` is not a pattern"), start),
        }
    }

    /// A variable's name: letters, digits and `_`; or digits only; or one of the shell's own.
    fn name(&mut self) -> &'a str {
        let rest = &self.word[self.at..];
        let digits = rest.find(|c| !is_digit(c)).unwrap_or(rest.len());
        let valid = |c: char| c == '_' || is_letter(c) || is_digit(c);
        let length = match rest.chars().next() {
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => 1,
            _ if digits > 0 => digits,
            _ => rest.find(|c| !valid(c)).unwrap_or(rest.len()),
        };
        self.at += length;
        &rest[..length]
    }
}

/// What `${NAME:?word}` has to say of a variable that has no value, or an empty one.
fn demanded(name: &str, word: &str, set: bool) -> String {
    let state = if set { "empty" } else { "unset" };
    match word {
        "" => format!("`{name}` is not allowed to be {state}"),
        _ => format!("`{name}` is {state}: {word}"),
    }
}

fn is_letter(c: char) -> bool {
    use GeneralCategory::{
        LowercaseLetter, ModifierLetter, OtherLetter, TitlecaseLetter, UppercaseLetter,
    };
    c.is_ascii_alphabetic()
        || !c.is_ascii()
            && matches!(
                get_general_category(c),
                UppercaseLetter | LowercaseLetter | TitlecaseLetter | ModifierLetter | OtherLetter
            )
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || !c.is_ascii() && get_general_category(c) == GeneralCategory::DecimalNumber
}
