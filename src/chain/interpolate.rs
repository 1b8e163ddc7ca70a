//! Variables in a Compose file, as the compose tools replace them.
//!
//! Source: <https://github.com/compose-spec/compose-spec/blob/main/12-interpolation.md>; docker-compose 1.29
//! knows the same forms but `+`, and none inside of another. Knows text only.

use std::collections::BTreeMap;

/// Deeper than this, nobody means it.
const DEEPEST: usize = 16;

/// A text with its variables replaced; nothing where the tool refuses it, or wants a value that is not there.
/// A variable that is not set is empty.
pub(crate) fn interpolate(text: &str, values: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    Reader { rest: text, values, depth: 0 }.text(false)
}

struct Reader<'a> {
    rest: &'a str,
    values: &'a dyn Fn(&str) -> Option<String>,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// Up to the end, or to the brace that ends what this is inside of.
    fn text(&mut self, inside: bool) -> Option<String> {
        let mut done = String::new();
        loop {
            let stop = |c: char| c == '$' || (inside && c == '}');
            let Some(at) = self.rest.find(stop) else {
                done.push_str(std::mem::take(&mut self.rest));
                return (!inside).then_some(done);
            };
            done.push_str(&self.rest[..at]);
            let found = &self.rest[at..];
            self.rest = &found[1..];
            if found.starts_with('}') {
                return Some(done);
            }
            done.push_str(&self.dollar()?);
        }
    }

    /// What follows a `$`.
    fn dollar(&mut self) -> Option<String> {
        if self.skip("$") {
            return Some("$".to_owned());
        }
        if self.skip("{") {
            return self.braced();
        }
        let name = self.name()?;
        Some((self.values)(name).unwrap_or_default())
    }

    fn skip(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn name(&mut self) -> Option<&'a str> {
        let first = |c: char| c.is_ascii_alphabetic() || c == '_';
        let end = self.rest.find(|c: char| !(first(c) || c.is_ascii_digit()));
        let (name, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        name.starts_with(first).then_some(name)
    }

    fn braced(&mut self) -> Option<String> {
        let name = self.name()?;
        let value = (self.values)(name);
        if self.skip("}") {
            return Some(value.unwrap_or_default());
        }
        // With a colon, an empty value is as good as none.
        let value = if self.skip(":") { value.filter(|value| !value.is_empty()) } else { value };
        let operator = self.rest.chars().next().filter(|c| matches!(c, '-' | '?' | '+'))?;
        self.rest = &self.rest[1..];
        self.depth += 1;
        let word = if self.depth > DEEPEST { None } else { self.text(true) };
        self.depth -= 1;
        match (operator, value) {
            ('-', None) | ('+', Some(_)) => word,
            ('-' | '?', Some(value)) => word.map(|_| value),
            ('+', None) => word.map(|_| String::new()),
            _ => None,
        }
    }
}

/// The values of a `.env` file, as docker-compose reads one: `NAME=VALUE`, also after `export`, in quotes or
/// up to a comment. Other lines say nothing.
pub fn env_file(text: &str) -> BTreeMap<String, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.lines().filter_map(line).collect()
}

fn line(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let name = name.trim().trim_matches('\'');
    let is_name = !name.is_empty() && !name.starts_with('#') && !name.contains(char::is_whitespace);
    is_name.then(|| (name.to_owned(), unquoted(value.trim())))
}

fn unquoted(value: &str) -> String {
    let inside = |quote: char| Some(value.strip_prefix(quote)?.split_once(quote)?.0.to_owned());
    let bare = || {
        let end = value
            .match_indices('#')
            .find(|(at, _)| value[..*at].chars().next_back().is_none_or(char::is_whitespace));
        value[..end.map_or(value.len(), |(at, _)| at)].trim_end().to_owned()
    };
    inside('\'').or_else(|| inside('"')).unwrap_or_else(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<String> {
        let value = |name: &str| match name {
            "A" | "_a1" => Some("x".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        interpolate(text, &value)
    }

    /// What docker-compose 1.29 does with each of these is the same, but for `+` and what is nested.
    #[test]
    fn as_composes_own() {
        let cases = [
            ("", Some("")),
            ("a/b:c", Some("a/b:c")),
            ("$A/y", Some("x/y")),
            ("$A-y", Some("x-y")),
            ("$_a1.", Some("x.")),
            ("$NONE/y", Some("/y")),
            ("${A}", Some("x")),
            ("${NONE}", Some("")),
            ("${A:-d}", Some("x")),
            ("${NONE:-d}", Some("d")),
            ("${EMPTY:-d}", Some("d")),
            ("${EMPTY-d}", Some("")),
            ("${NONE-d}", Some("d")),
            ("${NONE:-}", Some("")),
            ("${NONE:-a:b/c}", Some("a:b/c")),
            ("${A:?no}", Some("x")),
            ("${EMPTY?no}", Some("")),
            ("${EMPTY:?no}", None),
            ("${NONE?no}", None),
            ("$$A", Some("$A")),
            ("$${A}", Some("${A}")),
            ("$$$A", Some("$x")),
            ("${A:+y}", Some("y")),
            ("${NONE+y}", Some("")),
            ("${NONE:-${A}}", Some("x")),
            ("${NONE:-${B:-$A}}z", Some("xz")),
            ("a}", Some("a}")),
            ("$", None),
            ("$ a", None),
            ("$1", None),
            ("${}", None),
            ("${A", None),
            ("${A:d}", None),
            ("${A!}", None),
            ("${A:-d", None),
            ("${ A}", None),
        ];
        for (text, expected) in cases {
            assert_eq!(of(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn nesting_has_an_end() {
        let deep = |n: usize| format!("{}a{}", "${N:-".repeat(n), "}".repeat(n));
        assert_eq!(of(&deep(DEEPEST)).as_deref(), Some("a"));
        assert_eq!(of(&deep(100_000)), None);
    }

    #[test]
    fn values_of_a_file() {
        let text =
            "\u{feff}A=1\n# B=2\n export C = 'a # b' \nD=\"x\"\nE=a#b # c\nF=\nbad\n=x\nA=3\r\n";
        let values = env_file(text).into_iter().map(|(k, v)| format!("{k}:{v}"));
        assert_eq!(values.collect::<Vec<_>>(), ["A:3", "C:a # b", "D:x", "E:a#b", "F:"]);
    }
}
