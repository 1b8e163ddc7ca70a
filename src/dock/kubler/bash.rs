//! A bash script as far as a change of its words needs it: names, commands with their arguments, assignments, bodies
//! of functions.
//!
//! What is code, text or comment says `buildconfig::code`. Runs nothing, and knows no name of kubler's.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::dock::buildconfig::code::{Kind, kinds};

/// A script that ends as it should.
pub(super) struct Script<'a> {
    pub(super) text: &'a str,
    kinds: Vec<Kind>,
}

/// A word of letters, digits, `_` and inner dashes that is not quoted as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub(super) name: &'a str,
    pub(super) span: Range<usize>,
}

/// `NAME=…`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Assignment<'a> {
    pub(super) name: &'a str,
    /// From its name to the value's end.
    pub(super) span: Range<usize>,
    /// As it is written.
    pub(super) value: &'a str,
}

/// A function with its body, what is between the braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Function<'a> {
    pub(super) name: &'a str,
    pub(super) body: Range<usize>,
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

impl<'a> Script<'a> {
    /// Nothing where quotes or a here-document have no end.
    pub(super) fn new(text: &'a str) -> Option<Self> {
        Some(Self { text, kinds: kinds(text)? })
    }

    /// The line of a place, counted from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        1 + self.text[..at].matches('\n').count()
    }

    pub(super) fn kind(&self, at: usize) -> Option<Kind> {
        self.kinds.get(at).copied()
    }

    fn byte(&self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or(b'\n')
    }

    /// Whether variables are replaced there.
    fn is_read(&self, at: usize) -> bool {
        matches!(self.kind(at), Some(Kind::Code | Kind::Nested | Kind::Text))
    }

    fn is_commands(&self, at: usize) -> bool {
        matches!(self.kind(at), Some(Kind::Code | Kind::Nested))
    }

    /// All names in code and in text in which variables are replaced.
    pub(super) fn words(&self) -> Vec<Word<'a>> {
        self.split(is_name)
    }

    /// The same, where a dash is a part of a name.
    fn dashed(&self) -> Vec<Word<'a>> {
        self.split(|byte| is_name(byte) || byte == b'-')
    }

    fn split(&self, is_part: impl Fn(u8) -> bool) -> Vec<Word<'a>> {
        let (mut words, mut at) = (vec![], 0);
        while at < self.text.len() {
            let length =
                self.text.as_bytes()[at..].iter().take_while(|byte| is_part(**byte)).count();
            if length > 0 && self.is_read(at) {
                words.push(Word { name: &self.text[at..at + length], span: at..at + length });
            }
            at += length.max(1);
        }
        words
    }

    /// Whether a name is the one of a variable: `$A`, `${A}`, `${#A}`, `A=`, `local A`.
    pub(super) fn is_variable(&self, span: &Range<usize>) -> bool {
        if self.is_asked(span) {
            return true;
        }
        let (before, after) = (self.byte(span.start.wrapping_sub(1)), self.byte(span.end));
        let begins = span.start == 0 || before.is_ascii_whitespace() || b";(&|\"".contains(&before);
        self.is_commands(span.start) && begins && !b"/-.:,".contains(&after)
    }

    /// `$A`, `${A…}`
    pub(super) fn is_asked(&self, span: &Range<usize>) -> bool {
        let before = &self.text[..span.start];
        ["$", "${", "${#", "${!"].iter().any(|sign| before.ends_with(sign))
    }

    /// `$A` and `${A}` as they are written; nothing where more is done with the value, or where it is set.
    pub(super) fn plainly_asked(&self, span: &Range<usize>) -> Option<Range<usize>> {
        let before = &self.text[..span.start];
        if before.ends_with("${") {
            return (self.byte(span.end) == b'}').then(|| span.start - 2..span.end + 1);
        }
        before.ends_with('$').then(|| span.start - 1..span.end)
    }

    /// Calls of commands: their names, in order.
    pub(super) fn commands(&self) -> Vec<Word<'a>> {
        let called = |word: &Word<'_>| {
            let next = self.text[word.span.end..].trim_start_matches([' ', '\t']);
            self.is_commands(word.span.start)
                && self.begins_command(word.span.start)
                && !next.starts_with('(')
                && !self.text[word.span.end..].starts_with(['=', '+', '/', '.'])
        };
        self.dashed().into_iter().filter(called).collect()
    }

    fn begins_command(&self, at: usize) -> bool {
        const WORDS: [&str; 11] =
            ["then", "do", "else", "if", "elif", "while", "until", "!", "{", "time", "command"];
        let before = self.text[..at].trim_end_matches([' ', '\t']);
        if before.is_empty() || before.ends_with([';', '&', '|', '(', '`']) {
            return true;
        }
        if before.ends_with('\n') {
            return !before.ends_with("\\\n");
        }
        // A pattern of `case`.
        if before.ends_with(')') {
            return self.kind(before.len() - 1) == Some(Kind::Code);
        }
        let last = before.rsplit([' ', '\t', '\n', ';', '(']).next().unwrap_or_default();
        let is_setting = last
            .split_once('=')
            .is_some_and(|(name, _)| !name.is_empty() && name.bytes().all(is_name));
        before.len() < at && (WORDS.contains(&last) || is_setting)
    }

    /// The words after a command's name, up to its end.
    pub(super) fn arguments(&self, mut at: usize) -> Vec<Range<usize>> {
        let own = self.kind(at.saturating_sub(1));
        let is_own = |at: usize| self.kind(at) == own;
        let mut words: Vec<Range<usize>> = vec![];
        while at < self.text.len() {
            let byte = self.byte(at);
            if self.text.as_bytes()[at..].starts_with(b"\\\n") {
                at += 2;
                continue;
            }
            if is_own(at) && b"\n;&|)".contains(&byte) || self.kind(at) == Some(Kind::Comment) {
                break;
            }
            match words.last_mut() {
                _ if is_own(at) && byte.is_ascii_whitespace() => {}
                Some(last) if last.end == at => last.end += 1,
                _ => words.push(at..at + 1),
            }
            at += 1;
        }
        words
    }

    /// Assignments that are commands of the script itself, those in functions too.
    pub(super) fn assignments(&self) -> Vec<Assignment<'a>> {
        let words = self.words().into_iter().filter(|word| {
            self.kind(word.span.start) == Some(Kind::Code) && self.byte(word.span.end) == b'='
        });
        let words =
            words.filter(|word| self.begins_command(word.span.start) || self.is_declared(word));
        let assignment = |word: Word<'a>| {
            let start = word.span.end + 1;
            let end = self.value_end(start);
            Assignment {
                name: word.name,
                span: word.span.start..end,
                value: &self.text[start..end],
            }
        };
        words.map(assignment).collect()
    }

    /// `export A=…`
    fn is_declared(&self, word: &Word<'_>) -> bool {
        let before = self.text[..word.span.start].trim_end_matches([' ', '\t']);
        ["export", "declare", "readonly", "typeset"].iter().any(|known| before.ends_with(known))
    }

    fn value_end(&self, start: usize) -> usize {
        let ends = |at: &usize| {
            self.kind(*at) == Some(Kind::Comment)
                || self.kind(*at) == Some(Kind::Code)
                    && (self.byte(*at).is_ascii_whitespace() || b";&|".contains(&self.byte(*at)))
        };
        (start..self.text.len()).find(ends).unwrap_or(self.text.len())
    }

    /// Functions of the script itself whose body is in braces.
    pub(super) fn functions(&self) -> Vec<Function<'a>> {
        let code = self.words().into_iter().filter(|w| self.kind(w.span.start) == Some(Kind::Code));
        code.filter_map(|word| {
            let rest = self.text[word.span.end..].trim_start_matches([' ', '\t']);
            let before = self.text[..word.span.start].trim_end_matches([' ', '\t']);
            let after = match rest.strip_prefix('(') {
                Some(inner) => inner.trim_start_matches([' ', '\t']).strip_prefix(')')?,
                None if before.ends_with("function") => rest,
                None => return None,
            };
            let brace = after.trim_start().strip_prefix('{')?;
            let start = self.text.len() - brace.len();
            Some(Function { name: word.name, body: start..self.closing(start)? })
        })
        .collect()
    }

    /// Where the brace that has opened before a place is closed.
    fn closing(&self, start: usize) -> Option<usize> {
        let ends =
            |at: usize| self.byte(at).is_ascii_whitespace() || b";)".contains(&self.byte(at));
        let mut depth = 1_usize;
        for at in start..self.text.len() {
            if self.kind(at) != Some(Kind::Code) || !ends(at - 1) && self.byte(at - 1) != b'{' {
                continue;
            }
            match self.byte(at) {
                b'{' if ends(at + 1) => depth += 1,
                b'}' if ends(at + 1) || at + 1 == self.text.len() => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(at);
            }
        }
        None
    }
}

/// The value of a word as bash would make it, if that takes nothing but variables that are known.
pub(super) fn value(word: &str, known: &BTreeMap<String, String>) -> Option<String> {
    let (mut out, mut rest, mut quoted) = (String::new(), word, false);
    while let Some(first) = rest.chars().next() {
        let tail = &rest[first.len_utf8()..];
        rest = match first {
            '"' => {
                quoted = !quoted;
                tail
            }
            '\'' if !quoted => {
                let (inner, after) = tail.split_once('\'')?;
                out.push_str(inner);
                after
            }
            '$' => {
                let (value, after) = expansion(tail, known)?;
                out.push_str(&value);
                after
            }
            '\\' => {
                let next = tail.chars().next()?;
                out.push(next);
                &tail[next.len_utf8()..]
            }
            '`' | '(' if first == '`' || !quoted => return None,
            _ => {
                out.push(first);
                tail
            }
        };
    }
    Some(out)
}

/// What follows a `$`: `A`, `{A}`, `{A:-word}`.
fn expansion<'a>(text: &'a str, known: &BTreeMap<String, String>) -> Option<(String, &'a str)> {
    let name_end = |text: &str| text.bytes().take_while(|byte| is_name(*byte)).count();
    let Some(inner) = text.strip_prefix('{') else {
        let (name, rest) = text.split_at(name_end(text));
        return Some((known.get(name)?.clone(), rest));
    };
    let (name, rest) = inner.split_at(name_end(inner));
    if let Some(rest) = rest.strip_prefix('}') {
        return Some((known.get(name)?.clone(), rest));
    }
    let (default, rest) = rest.strip_prefix(":-")?.split_once('}')?;
    let known_value = known.get(name).filter(|value| !value.is_empty()).cloned();
    Some((known_value.or_else(|| value(default, known))?, rest))
}
