//! Chance, and the smallest parts of what is generated: names, words, text, JSON.

use fastrand::Rng;

use super::features::{Feature, on};

/// A source of cases; the same seed makes the same ones.
pub struct Source {
    pub rng: Rng,
    /// The Dockerfile's escape character.
    pub escape: char,
}

/// Variables that are used, some of which are never set.
pub const NAMES: &[&str] = &["A", "B", "C", "A_B2", "INHERITED", "LIST", "PATH", "n", "_u", "NONE"];

/// What words consist of, besides quotes, variables and escapes.
const PLAIN: &[&str] = &[
    "a", "b", "xyz", "0", "19", ".", "_", "-", "/", ":", "@", "%", "+", ",", "=", "~", "^", "&",
    "*", "#", "(", ")", "<", ">", "|", ";", "!", "?", "[", "]", "{", "}", "é", "日", "$", "$-",
    "$1", "$@",
];

impl Source {
    pub fn new(seed: u64) -> Self {
        Self { rng: Rng::with_seed(seed), escape: '\\' }
    }

    /// So many times in a hundred.
    pub fn chance(&mut self, percent: u32) -> bool {
        self.rng.u32(0..100) < percent
    }

    pub fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.rng.usize(0..all.len())]
    }

    pub fn of_some<T: Clone>(&mut self, all: &[T]) -> Option<T> {
        (!all.is_empty()).then(|| all[self.rng.usize(0..all.len())].clone())
    }

    /// One of these, each as often as its number says.
    pub fn weighted<T: Copy>(&mut self, all: &[(u32, T)]) -> T {
        let mut at = self.rng.u32(0..all.iter().map(|(weight, _)| weight).sum());
        for (weight, value) in all {
            match at.checked_sub(*weight) {
                Some(rest) => at = rest,
                None => return *value,
            }
        }
        unreachable!("a number below the sum")
    }

    /// Between the words of an instruction.
    pub fn gap(&mut self) -> String {
        let gap = self.weighted(&[(80, " "), (8, "  "), (6, "\t"), (6, " \t ")]);
        if on(Feature::Blanks) && self.chance(2) {
            self.of(&["\u{b}", "\u{c}", " \u{b}"]).to_owned()
        } else {
            gap.to_owned()
        }
    }

    /// Words with gaps in between.
    pub fn spaced(&mut self, words: &[String]) -> String {
        let mut text = String::new();
        for (at, word) in words.iter().enumerate() {
            if at > 0 {
                text += &self.gap();
            }
            text += word;
        }
        text
    }

    /// A variable in any of its forms.
    pub fn variable(&mut self, depth: u32) -> String {
        let name = self.of(NAMES);
        let form = self.weighted(&[(40, 0), (30, 1), (15, 2), (15, 3), (4, 4)]);
        match form {
            0 => format!("${name}"),
            1 => format!("${{{name}}}"),
            2 => format!("${{{name}:-{}}}", self.nested(depth)),
            3 => format!("${{{name}:+{}}}", self.nested(depth)),
            _ if on(Feature::Words) => self.odd_variable(name),
            _ => format!("${name}.{name}"),
        }
    }

    /// The operators of BuildKit's that the classic builder refuses (`#`, `%`, `/`, `-` without a colon)
    /// are no part of this: about them it cannot be asked.
    fn odd_variable(&mut self, name: &str) -> String {
        let forms =
            [":-\"}\"}", ":-{\"x\":1}}", ":-'}'}", ":?no}", "", ":}", ":-$}", ":-${B:-\"c d\"}}"];
        format!("${{{name}{}", self.of(&forms))
    }

    /// The word after an operator.
    fn nested(&mut self, depth: u32) -> String {
        if depth > 1 {
            return self.of(&["x", "", "y z"]).replace(' ', "_");
        }
        if on(Feature::Words) && self.chance(30) {
            return self.word_of(depth + 1, &[(5, 0), (2, 1), (2, 2), (1, 3), (3, 4)]);
        }
        let text = self.of(&["", "x", "a/b", "1.2", "é", "a:b"]);
        if self.chance(30) { text.to_owned() + &self.variable(depth + 1) } else { text.to_owned() }
    }

    /// A word: text, quotes, escapes and variables.
    pub fn word(&mut self) -> String {
        self.word_of(0, &[(40, 0), (15, 1), (10, 2), (8, 3), (25, 4)])
    }

    fn word_of(&mut self, depth: u32, kinds: &[(u32, u32)]) -> String {
        let mut text = String::new();
        for _ in 0..self.rng.u32(1..4) {
            text += &match self.weighted(kinds) {
                0 => self.plain(),
                1 => self.double_quoted(depth),
                2 => self.single_quoted(),
                3 => self.escaped(),
                _ => self.variable(depth),
            };
        }
        text
    }

    fn plain(&mut self) -> String {
        let text = (0..self.rng.u32(1..4)).map(|_| self.of(PLAIN)).collect::<String>();
        // `${` would begin a variable, which has a place of its own.
        text.replace("${", "$_{")
    }

    fn double_quoted(&mut self, depth: u32) -> String {
        let mut text = String::from("\"");
        for _ in 0..self.rng.u32(0..4) {
            text += &match self.rng.u32(0..6) {
                0 => self.of(&[" ", "  ", "'", "\t"]).to_owned(),
                1 => self.escaped_one(&['"', '$', 'x', 'n', ' ']),
                2 => format!("{0}{0}", self.escape),
                3 => self.variable(depth + 1),
                _ => self.plain(),
            };
        }
        text + "\""
    }

    fn single_quoted(&mut self) -> String {
        let inner = ["", "a", " ", "\"", "$A", "${A}", "x\\y", "\\", "`", "a  b", "#", "é"];
        let inner = (0..self.rng.u32(0..4)).map(|_| self.of(&inner)).collect::<String>();
        format!("'{inner}'")
    }

    fn escaped(&mut self) -> String {
        self.escaped_one(&['a', '$', '"', '\'', ' ', 'n', '#', '='])
    }

    fn escaped_one(&mut self, all: &[char]) -> String {
        [self.escape, self.of(all)].iter().collect()
    }

    /// What a shell would get: not for Docker to understand.
    pub fn shell(&mut self) -> String {
        let parts = [
            "echo",
            "\"$HOME\"",
            "'x  y'",
            "&&",
            "exit",
            "1",
            "|",
            "a\\b",
            "${X:-y}",
            "\\$z",
            "`id`",
            "#no",
            "[ x ]",
            "é",
            "\"",
            "'",
        ];
        let words = (0..self.rng.u32(1..6)).map(|_| self.of(&parts).to_owned()).collect::<Vec<_>>();
        self.spaced(&words)
    }

    /// An array of strings as somebody might write it.
    pub fn json(&mut self, strings: &[String]) -> String {
        let strings = strings.iter().map(|text| self.json_string(text)).collect::<Vec<_>>();
        let comma = self.of(&[",", ", ", " , ", ",\t"]);
        let (open, close) = self.of(&[("[", "]"), ("[ ", " ]"), ("[", " ]")]);
        let tail = if on(Feature::JsonTails) && self.chance(6) {
            self.of(&[" # why", " x", " ]", "]", " [\"y\"]"])
        } else {
            ""
        };
        format!("{open}{}{close}{tail}", strings.join(comma))
    }

    fn json_string(&mut self, text: &str) -> String {
        if self.chance(10) && text.is_ascii() && !text.is_empty() {
            let units = text.chars().map(|c| format!("\\u{:04x}", c as u32));
            let units = units.collect::<Vec<_>>().concat();
            return format!("\"{units}\"");
        }
        let written = serde_json::to_string(text).unwrap();
        if self.chance(10) { written.replace('/', "\\/") } else { written }
    }

    /// An instruction's name as somebody might write it.
    pub fn name(&mut self, name: &str) -> String {
        let mixed = || {
            let (first, rest) = name.split_at(1);
            first.to_uppercase() + rest
        };
        match self.weighted(&[(85, 0), (10, 1), (5, 2)]) {
            0 => name.to_uppercase(),
            1 => name.to_owned(),
            _ => mixed(),
        }
    }

    /// A line on several lines, with what may stand in between.
    pub fn wrapped(&mut self, line: &str) -> String {
        let mut text = String::new();
        let mut parts = line.split(' ').peekable();
        while let Some(part) = parts.next() {
            text += part;
            let last = parts.peek().is_none();
            let safe = !part.ends_with(self.escape);
            if !last {
                text.push(' ');
            }
            if !last && safe && self.chance(12) {
                text.push(self.escape);
                text += self.weighted(&[(60, ""), (10, " "), (5, "\t ")]);
                text += self.weighted(&[
                    (60, "\n"),
                    (20, "\n# a comment\n"),
                    (10, "\n\n"),
                    (10, "\n  # x \\\n\t\n"),
                ]);
                text += self.weighted(&[(50, ""), (40, "    "), (10, "\t")]);
            }
        }
        text
    }
}
