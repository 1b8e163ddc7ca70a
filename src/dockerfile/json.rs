//! The JSON form of an instruction, as Go's `encoding/json` reads it: the first value counts, and what
//! follows it is not looked at.
//!
//! Knows no instruction. (`serde_json` has other limits of depth and refuses half of a surrogate pair, where
//! Go puts U+FFFD; and it does not tell where a string is written.)
//! Source: `parseJSON` in BuildKit's `frontend/dockerfile/parser/line_parsers.go`.

use std::ops::Range;

use crate::dockerfile::limits;

/// What a text that begins with `[` is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// An array of strings, with the ranges of what is between their quotes.
    Strings(Vec<(String, Range<usize>)>),
    /// An array with something else in it, at this range.
    NotStrings(Range<usize>),
    /// No JSON.
    Other,
}

/// Reads the first value of a text.
pub(crate) fn read(text: &str) -> Form {
    if !text.starts_with('[') {
        return Form::Other;
    }
    let mut reader = Reader { text, at: 0 };
    reader.array().unwrap_or(Form::Other)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

/// What a value is a part of.
enum Open {
    Array,
    Object,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.blanks();
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// The array that the text begins with.
    fn array(&mut self) -> Option<Form> {
        let (mut strings, mut wrong) = (vec![], None);
        self.take(b'[')?;
        self.blanks();
        let mut more = self.take(b']').is_none();
        while more {
            self.blanks();
            let start = self.at;
            if self.peek()? == b'"' {
                strings.push(self.string()?);
            } else {
                self.value()?;
                wrong.get_or_insert(start..self.at);
            }
            more = self.take(b',').is_some();
            if !more {
                self.take(b']')?;
            }
        }
        Some(wrong.map_or(Form::Strings(strings), Form::NotStrings))
    }

    /// Passes any value, without a call for each depth.
    fn value(&mut self) -> Option<()> {
        let mut open = vec![];
        loop {
            self.blanks();
            let opened = match self.peek()? {
                b'[' => Some(Open::Array),
                b'{' => Some(Open::Object),
                b'"' => self.string().map(|_| None)?,
                b't' => self.word("true").map(|()| None)?,
                b'f' => self.word("false").map(|()| None)?,
                b'n' => self.word("null").map(|()| None)?,
                _ => self.number().map(|()| None)?,
            };
            if let Some(opened) = opened {
                self.at += 1;
                open.push(opened);
                // The outermost array is one more.
                if open.len() >= limits::NESTED_JSON {
                    return None;
                }
                if self.begins(open.last()?)? {
                    continue;
                }
                open.pop();
            }
            if self.ended(&mut open)? {
                return Some(());
            }
        }
    }

    /// Has what was just opened a first value? Its name is passed.
    fn begins(&mut self, open: &Open) -> Option<bool> {
        let end = if matches!(open, Open::Array) { b']' } else { b'}' };
        if self.take(end).is_some() {
            return Some(false);
        }
        if matches!(open, Open::Object) {
            self.key()?;
        }
        Some(true)
    }

    /// Goes on after a value: is it the last of all?
    fn ended(&mut self, open: &mut Vec<Open>) -> Option<bool> {
        while let Some(last) = open.last() {
            let object = matches!(last, Open::Object);
            if self.take(b',').is_some() {
                if object {
                    self.key()?;
                }
                return Some(false);
            }
            self.take(if object { b'}' } else { b']' })?;
            open.pop();
        }
        Some(true)
    }

    fn key(&mut self) -> Option<()> {
        self.blanks();
        self.string()?;
        self.take(b':')
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.text[self.at..].starts_with(word).then(|| self.at += word.len())
    }

    /// A number; one that a `float64` cannot hold is an error.
    fn number(&mut self) -> Option<()> {
        let start = self.at;
        if self.peek()? == b'-' {
            self.at += 1;
        }
        if self.peek()? == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let number = self.text[start..self.at].parse::<f64>().ok()?;
        number.is_finite().then_some(())
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn string(&mut self) -> Option<(String, Range<usize>)> {
        self.at += 1;
        let start = self.at;
        let mut out = String::new();
        loop {
            let c = self.text.get(self.at..)?.chars().next()?;
            self.at += c.len_utf8();
            match c {
                '"' => return Some((out, start..self.at - 1)),
                '\\' => out.push(self.escaped()?),
                c if c < ' ' => return None,
                c => out.push(c),
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        let byte = self.peek()?;
        self.at += 1;
        Some(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => self.unicode()?,
            _ => return None,
        })
    }

    /// `\u` and four digits, or two of these; half of a pair is U+FFFD.
    fn unicode(&mut self) -> Option<char> {
        let high = self.unit()?;
        if let Some(c) = char::from_u32(high) {
            return Some(c);
        }
        let at = self.at;
        if high < 0xdc00 && self.word("\\u").is_some() {
            let low = self.unit()?;
            if (0xdc00..0xe000).contains(&low) {
                return char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00));
            }
            self.at = at;
        }
        Some(char::REPLACEMENT_CHARACTER)
    }

    fn unit(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        let all = digits.bytes().all(|b| b.is_ascii_hexdigit());
        self.at += 4;
        u32::from_str_radix(digits, 16).ok().filter(|_| all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(text: &str) -> Option<Vec<String>> {
        match read(text) {
            Form::Strings(strings) => Some(strings.into_iter().map(|(text, _)| text).collect()),
            _ => None,
        }
    }

    #[test]
    fn the_first_value_counts_and_no_other() {
        let table: [(&str, &[&str]); 8] = [
            (r#"["/bin/a","b"]  # why"#, &["/bin/a", "b"]),
            (r#"["a"]["b"]"#, &["a"]),
            (r#"["a"]]]} '"#, &["a"]),
            ("[]x", &[]),
            (" [ ]".trim_start(), &[]),
            (r#"[ "a" ,	"b" ]"#, &["a", "b"]),
            (r#"["\"\\\/\b\f\n\r\t\u00e4"]"#, &["\"\\/\u{8}\u{c}\n\r\tä"]),
            (
                r#"["\ud83d\ude00\ud800x\udc00\ud800\u0041"]"#,
                &["\u{1f600}\u{fffd}x\u{fffd}\u{fffd}A"],
            ),
        ];
        for (text, wanted) in table {
            let wanted = wanted.iter().map(ToString::to_string).collect();
            assert_eq!(strings(text), Some(wanted), "{text}");
        }
    }

    #[test]
    fn an_array_of_other_things_is_told_from_no_json() {
        let wrong = [
            r#"["a", 1]"#,
            "[null]",
            "[true,false]",
            "[[]]",
            "[{}]",
            r#"[{"a":[1,{"b":-0.5e+3}]},"c"]"#,
            "[1e308]",
            r#"["a",0]x"#,
        ];
        for text in wrong {
            assert!(matches!(read(text), Form::NotStrings(_)), "{text}");
        }
        assert_eq!(read(r#"["a", 12 ]"#), Form::NotStrings(6..8));
        let other = [
            "",
            "a",
            "[",
            "[a]",
            "['a']",
            r#"["a""#,
            r#"["a",]"#,
            r#"["a" "b"]"#,
            "[01]",
            "[1.]",
            "[-]",
            "[1e999]",
            r#"["\x"]"#,
            r#"["\u12g4"]"#,
            "[\"a\tb\"]",
            r#"[{"a"}]"#,
            r#"[{"a":}]"#,
            "[nul]",
            "[,]",
            r#"[{"a":1,}]"#,
            "[[1,]]",
            r#"["a"#,
        ];
        for text in other {
            assert_eq!(read(text), Form::Other, "{text}");
        }
    }

    #[test]
    fn depth_is_limited_as_in_go_and_takes_no_stack() {
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(matches!(read(&deep(10_000)), Form::NotStrings(_)));
        assert_eq!(read(&deep(10_001)), Form::Other);
        assert_eq!(read(&"[".repeat(1_000_000)), Form::Other);
        assert_eq!(read(&r#"[{"a":"#.repeat(500_000)), Form::Other);
    }
}
