//! A second reading of Docker's documentation of words, for the tests: first the tree of a word, then its
//! value. Slow and plain; it shares nothing with the lexer.
//!
//! <https://docs.docker.com/reference/dockerfile/#environment-replacement>

/// The variables that random words may find.
pub(super) fn value(name: &str) -> Option<&'static str> {
    match name {
        "A" => Some("a"),
        "B" => Some("b/b.b"),
        "E" => Some(""),
        "S" => Some("s  s"),
        _ => None,
    }
}

enum Part {
    Text(String),
    Variable(String),
    Modified(String, String, Vec<Part>),
    Replaced(String, bool, Vec<Part>, Vec<Part>),
}

/// The value of a word; nothing if it is none.
pub(super) fn expand(word: &str, escape: char) -> Option<String> {
    let mut tree = Tree { rest: word.chars().rev().collect(), escape };
    evaluate(&tree.parts(None, false)?)
}

struct Tree {
    /// Backwards.
    rest: Vec<char>,
    escape: char,
}

impl Tree {
    fn next_is(&self, c: char) -> bool {
        self.rest.last() == Some(&c)
    }

    fn parts(&mut self, end: Option<char>, pattern: bool) -> Option<Vec<Part>> {
        let mut parts = vec![];
        loop {
            let Some(c) = self.rest.pop() else {
                return if end.is_none() { Some(parts) } else { None };
            };
            if Some(c) == end {
                return Some(parts);
            }
            match c {
                '\'' => parts.push(Part::Text(self.up_to_quote()?)),
                '"' => self.quoted(&mut parts, pattern)?,
                '$' => parts.push(self.dollar()?),
                // In a pattern the escape character is the pattern's business.
                c if c == self.escape => {
                    let mut text = if pattern { c.to_string() } else { String::new() };
                    text.extend(self.rest.pop());
                    parts.push(Part::Text(text));
                }
                c => parts.push(Part::Text(c.to_string())),
            }
        }
    }

    fn up_to_quote(&mut self) -> Option<String> {
        let mut text = String::new();
        loop {
            match self.rest.pop()? {
                '\'' => return Some(text),
                c => text.push(c),
            }
        }
    }

    fn quoted(&mut self, parts: &mut Vec<Part>, pattern: bool) -> Option<()> {
        loop {
            match self.rest.pop()? {
                '"' => return Some(()),
                '$' => parts.push(self.dollar()?),
                c if c == self.escape => {
                    if pattern {
                        parts.push(Part::Text(c.to_string()));
                    }
                    let special = self.next_is('"') || self.next_is('$') || self.next_is(c);
                    let kept = if special { self.rest.pop()? } else { c };
                    parts.push(Part::Text(kept.to_string()));
                }
                c => parts.push(Part::Text(c.to_string())),
            }
        }
    }

    fn dollar(&mut self) -> Option<Part> {
        if !self.next_is('{') {
            let name = self.name();
            let lone = name.is_empty();
            return Some(if lone { Part::Text("$".to_owned()) } else { Part::Variable(name) });
        }
        self.rest.pop();
        if [':', '{', '}'].iter().any(|c| self.next_is(*c)) {
            return None;
        }
        let name = self.name();
        let mut operator = String::new();
        if self.next_is(':') {
            operator.extend(self.rest.pop());
        }
        let kind = self.rest.pop()?;
        operator.push(kind);
        match operator.as_str() {
            "}" => Some(Part::Variable(name)),
            "/" => {
                let all = self.next_is('/');
                if all {
                    self.rest.pop();
                }
                let pattern = self.parts(Some('/'), true)?;
                Some(Part::Replaced(name, all, pattern, self.parts(Some('}'), true)?))
            }
            ":-" | "-" | ":+" | "+" | ":?" | "?" | "#" | "%" | ":#" | ":%" => {
                let word = self.parts(Some('}'), kind == '#' || kind == '%')?;
                Some(Part::Modified(name, operator, word))
            }
            _ => None,
        }
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        if let Some(c) = self.rest.last().copied().filter(|c| "@*#?-$!".contains(*c)) {
            self.rest.pop();
            return c.to_string();
        }
        let digits = self.rest.last().is_some_and(char::is_ascii_digit);
        let fits = |c: &char| c.is_ascii_digit() || !digits && (c.is_alphabetic() || *c == '_');
        while let Some(c) = self.rest.pop_if(|c| fits(c)) {
            name.push(c);
        }
        name
    }
}

fn evaluate(parts: &[Part]) -> Option<String> {
    let mut out = String::new();
    for part in parts {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Variable(name) => out.push_str(value(name).unwrap_or_default()),
            Part::Modified(name, operator, word) => {
                out.push_str(&modified(value(name), operator, &evaluate(word)?)?);
            }
            Part::Replaced(name, all, pattern, with) => {
                let (pattern, with) = (evaluate(pattern)?, evaluate(with)?);
                let pattern = compiled(&pattern).filter(|_| !with.contains('$'))?;
                out.push_str(&replaced(value(name).unwrap_or_default(), &pattern, &with, *all));
            }
        }
    }
    Some(out)
}

fn modified(value: Option<&str>, operator: &str, word: &str) -> Option<String> {
    let there = value.filter(|text| !(operator.starts_with(':') && text.is_empty()));
    match operator.trim_start_matches(':') {
        "-" => Some(there.unwrap_or(word).to_owned()),
        "+" => Some(there.map_or("", |_| word).to_owned()),
        "?" => there.map(str::to_owned),
        kind => Some(trimmed(value.unwrap_or_default(), kind, word)?),
    }
}

enum Sign {
    Any,
    Some,
    Is(char),
}

type Pattern = Vec<Sign>;

fn compiled(text: &str) -> Option<Pattern> {
    let (mut pattern, mut chars) = (vec![], text.chars());
    while let Some(c) = chars.next() {
        pattern.push(match c {
            '*' => Sign::Some,
            '?' => Sign::Any,
            '\\' => match chars.next()? {
                c @ ('*' | '?' | '\\' | '}' | '/') => Sign::Is(c),
                _ => return None,
            },
            c => Sign::Is(c),
        });
    }
    Some(pattern)
}

fn fits(pattern: &[Sign], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, _) => text.is_empty(),
        (Some((Sign::Some, rest)), _) => (0..=text.len()).any(|n| fits(rest, &text[n..])),
        (Some((Sign::Any, rest)), Some((_, more))) => fits(rest, more),
        (Some((Sign::Is(c), rest)), Some((first, more))) => c == first && fits(rest, more),
        (Some(_), None) => false,
    }
}

fn trimmed(value: &str, kind: &str, word: &str) -> Option<String> {
    let (longest, word) = match word.strip_prefix(kind) {
        Some(word) => (true, word),
        None => (false, word),
    };
    let pattern = compiled(word)?;
    let text = value.chars().collect::<Vec<_>>();
    let mut lengths = (0..=text.len()).collect::<Vec<_>>();
    if longest {
        lengths.reverse();
    }
    let cut =
        |n: &usize| if kind == "#" { text.split_at(*n) } else { text.split_at(text.len() - n) };
    let found = lengths.iter().map(cut).find_map(|(before, after)| {
        let (gone, kept) = if kind == "#" { (before, after) } else { (after, before) };
        fits(&pattern, gone).then(|| kept.iter().collect())
    });
    Some(found.unwrap_or_else(|| value.to_owned()))
}

fn replaced(value: &str, pattern: &[Sign], with: &str, all: bool) -> String {
    let text = value.chars().collect::<Vec<_>>();
    let (mut out, mut at, mut last, mut done) = (String::new(), 0, usize::MAX, false);
    while at <= text.len() {
        let longest = (at..=text.len()).rev().find(|end| fits(pattern, &text[at..*end]));
        let found = longest.filter(|end| !done && (*end > at || last != at));
        if let Some(end) = found {
            out.push_str(with);
            done = !all;
            last = end;
            if end > at {
                at = end;
                continue;
            }
        }
        out.extend(text.get(at));
        at += 1;
    }
    out
}

/// Numbers that are the same each time.
pub(super) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, most: usize) -> usize {
        // Knuth's, as in his MMIX.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % most
    }

    /// A word out of all that has a meaning in one.
    pub(crate) fn word(&mut self, escape: char, blanks: bool) -> String {
        let mut word = String::new();
        for _ in 0..=self.below(7) {
            self.piece(&mut word, escape, blanks, 0);
        }
        word
    }

    fn piece(&mut self, word: &mut String, escape: char, blanks: bool, depth: usize) {
        const NAMES: [&str; 10] = ["A", "B", "E", "S", "NO", "_x", "1", "12", "@", "Ab"];
        const OPERATORS: [&str; 14] =
            [":-", ":+", ":?", "-", "+", "?", "#", "##", "%", "%%", "/", "//", ":", "="];
        const PLAIN: [&str; 16] =
            ["a", "b", "x", ".", "*", "?", "/", "{", "}", "'", "\"", "$", ":", "-", "ä", "\\"];
        let name = NAMES[self.below(NAMES.len())];
        match self.below(9) {
            0 => word.push_str(&format!("${name}")),
            1 => word.push_str(&format!("${{{name}}}")),
            2 | 3 if depth < 3 => {
                let operator = OPERATORS[self.below(OPERATORS.len())];
                word.push_str(&format!("${{{name}{operator}"));
                for _ in 0..self.below(3) {
                    self.piece(word, escape, blanks, depth + 1);
                }
                if operator.starts_with('/') {
                    word.push('/');
                    self.piece(word, escape, blanks, depth + 1);
                }
                word.push('}');
            }
            4 => {
                let quote = ['\'', '"'][self.below(2)];
                word.push(quote);
                for _ in 0..self.below(3) {
                    self.piece(word, escape, blanks, depth + 1);
                }
                word.push(quote);
            }
            5 => {
                word.push(escape);
                word.push_str(PLAIN[self.below(PLAIN.len())]);
            }
            6 if blanks => word.push(' '),
            _ => word.push_str(PLAIN[self.below(PLAIN.len())]),
        }
    }
}
