//! Patterns as Docker matches them: Go's `filepath.Match`, with `**` where it has a meaning.
//!
//! Patterns are text, what they are matched against is bytes: as in Go, a byte that is no part of a
//! character is one by itself. What a pattern is for is the caller's business.

use bstr::{BString, ByteSlice};

use crate::base::limits::{Limit, Limits};
use crate::dockerfile::limits;

/// A compiled pattern, matched against a whole path with `/` in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    tokens: Vec<Token>,
}

/// One state of the automaton.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Char(char),
    /// `?`: one character, not `/`.
    One,
    /// `*`: any characters, not `/`.
    Many,
    /// `**` at the end: anything.
    Rest,
    /// `**/`: nothing, or anything up to a `/`. May be skipped on arrival.
    Folders,
    /// The part of `Folders` that has begun.
    InFolders,
    Class {
        not: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Glob {
    /// Compiles a pattern; nothing if Go would refuse it, or if it is too long. `deep` gives `**` its meaning.
    pub fn new(pattern: &str, deep: bool) -> Option<Self> {
        // Matching takes this times the length of the path.
        Limits::default().check(Limit::Pattern, pattern.len() as u64).ok()?;
        Self::compiled(pattern, deep).filter(|glob| glob.tokens.len() <= limits::GLOB_TOKENS)
    }

    fn compiled(pattern: &str, deep: bool) -> Option<Self> {
        if let Some(suffix) = pattern.strip_prefix("**").filter(|_| deep).filter(is_plain_name) {
            let suffix = suffix.chars().map(Token::Char);
            return Some(Self { tokens: std::iter::once(Token::Rest).chain(suffix).collect() });
        }
        let mut tokens = vec![];
        let mut rest = pattern.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '*' if deep && rest.next_if_eq(&'*').is_some() => {
                    rest.next_if_eq(&'/');
                    match rest.peek() {
                        None => tokens.push(Token::Rest),
                        Some(_) => tokens.extend([Token::Folders, Token::InFolders]),
                    }
                }
                '*' if tokens.last() == Some(&Token::Many) => {}
                '*' => tokens.push(Token::Many),
                '?' => tokens.push(Token::One),
                '[' => tokens.push(class(&mut rest)?),
                '\\' => tokens.push(Token::Char(rest.next()?)),
                c => tokens.push(Token::Char(c)),
            }
        }
        Some(Self { tokens })
    }

    /// Does the whole path match?
    pub fn matches(&self, path: impl AsRef<[u8]>) -> bool {
        let mut states = vec![false; self.tokens.len() + 1];
        self.arrive(&mut states, 0);
        let mut rest = path.as_ref();
        while let Some((c, after)) = first_char(rest) {
            rest = after;
            let mut next = vec![false; states.len()];
            for (at, token) in self.tokens.iter().enumerate().filter(|(at, _)| states[*at]) {
                self.step(&mut next, at, token, c);
            }
            states = next;
        }
        states[self.tokens.len()]
    }

    /// Does the whole path match, or one of the folders that it is in?
    pub fn matches_or_parent(&self, path: impl AsRef<[u8]>) -> bool {
        let path = path.as_ref();
        self.matches(path) || path.find_iter("/").any(|at| self.matches(&path[..at]))
    }

    /// Enters a state, and those that follow it without a character.
    fn arrive(&self, states: &mut [bool], at: usize) {
        // Whoever was first has entered those that follow it.
        if std::mem::replace(&mut states[at], true) {
            return;
        }
        match self.tokens.get(at) {
            Some(Token::Many | Token::Rest) => self.arrive(states, at + 1),
            Some(Token::Folders) => {
                self.arrive(states, at + 1);
                self.arrive(states, at + 2);
            }
            _ => {}
        }
    }

    /// Where one character leads.
    fn step(&self, next: &mut [bool], at: usize, token: &Token, c: char) {
        match token {
            Token::Char(wanted) if *wanted == c => self.arrive(next, at + 1),
            Token::One if c != '/' => self.arrive(next, at + 1),
            Token::Many if c != '/' => self.arrive(next, at),
            Token::Rest => self.arrive(next, at),
            Token::InFolders => {
                next[at] = true;
                if c == '/' {
                    self.arrive(next, at + 1);
                }
            }
            Token::Class { not, ranges } => {
                if *not != ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) {
                    self.arrive(next, at + 1);
                }
            }
            Token::Char(_) | Token::One | Token::Many | Token::Folders => {}
        }
    }
}

/// What stands for a byte that is no part of a character: in no pattern by itself, for Go compares a plain
/// pattern byte by byte.
const NO_CHARACTER: char = '\u{10ffff}';

/// The first character and what follows it.
fn first_char(text: &[u8]) -> Option<(char, &[u8])> {
    match bstr::decode_utf8(text) {
        (_, 0) => None,
        (Some(c), length) => Some((c, &text[length..])),
        (None, _) => Some((NO_CHARACTER, &text[1..])),
    }
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// The rest of a `[…]`; like Go's, it may match a `/`.
fn class(rest: &mut Chars<'_>) -> Option<Token> {
    let not = rest.next_if_eq(&'^').is_some();
    let mut ranges = vec![];
    while ranges.is_empty() || rest.next_if_eq(&']').is_none() {
        let low = class_char(rest)?;
        let high = if rest.next_if_eq(&'-').is_some() { class_char(rest)? } else { low };
        ranges.push((low, high));
    }
    Some(Token::Class { not, ranges })
}

fn class_char(rest: &mut Chars<'_>) -> Option<char> {
    match rest.next()? {
        '-' | ']' => None,
        '\\' => rest.next(),
        c => Some(c),
    }
}

/// What to do about a pattern that is none.
pub const BAD_PATTERN_HINT: &str = "every `[` needs its `]`, a last `\\` a character after it, and it has an end within 1,024 characters";

/// Has the text any character that makes it a pattern?
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Docker takes `**NAME` for "ends in NAME", where `**/NAME` is "is NAME in any folder".
fn is_plain_name(text: &&str) -> bool {
    !text.is_empty() && !text.starts_with('/') && !text.contains(['*', '?', '[', ']', '\\'])
}

/// Go's `filepath.Clean` without a `/` at the beginning: no empty parts, no `.`, and `..` taken away
/// together with the part before it. `..` at the beginning of a relative path stays.
pub fn clean(path: &str) -> String {
    clean_name(path).to_string()
}

/// The same of a path in bytes.
pub fn clean_name(path: impl AsRef<[u8]>) -> BString {
    let path = path.as_ref();
    let absolute = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = vec![];
    for part in path.split_str("/") {
        match part {
            b"" | b"." => {}
            b".." if absolute || parts.last().is_some_and(|last| *last != b"..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    bstr::join("/", parts).into()
}

#[cfg(test)]
mod tests;
