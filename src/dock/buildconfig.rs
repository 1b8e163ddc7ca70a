//! What is wrong with a `Buildconfig.sh` by its text alone: line ends, blanks that are none to a shell, and
//! names that are nearly those of the builder's contract (`bob/README.md`).
//!
//! Pure. Does not run it and does not know bash's grammar: [`code`] tells code from quoted text, here-documents
//! and comments, and where that is not sure nothing is said. What else may be wrong, bash says in the builder.

use std::ops::Range;
use std::path::Path;

use self::code::code;
use crate::base::error::{Error, Place, Result};

pub(super) mod code;

/// Variables that the builder reads.
const VARIABLES: [&str; 9] = [
    "BUILD_PACKAGES",
    "KEEP",
    "KEEP_CHARSETS",
    "REQUIRES_EXCLUDE",
    "KEEP_HEADERS",
    "KEEP_IF_NEEDED",
    "KEEP_LOCALES",
    "KEEP_STATIC_LIBS",
    "PACKAGES",
];
/// Functions that the builder calls.
const HOOKS: [&str; 2] = ["configure_rootfs_build", "finish_rootfs_build"];

/// Characters that look like a blank, or like nothing, and are part of a word to a shell.
const NO_BLANKS: &[char] =
    &['\u{a0}', '\u{2007}', '\u{200b}', '\u{2028}', '\u{2029}', '\u{202f}', '\u{3000}', '\u{feff}'];
/// What a web page makes of quotation marks.
const QUOTES: &[char] = &['“', '”', '„', '‘', '’'];

/// Checks the text of a `Buildconfig.sh`.
///
/// # Errors
/// The first thing that cannot be meant so, with its place.
pub(super) fn check(file: &Path, text: &str) -> Result<()> {
    let checks = [byte_order_mark, line_ends, odd_blanks, names];
    let code = code(text);
    let found = checks.iter().find_map(|check| check(text, &code));
    let Some(Fault { span, message, hint }) = found else { return Ok(()) };
    let hint = hint.replace("FILE", &file.display().to_string());
    Err(Error::config(message).at(Place::new(file, text, span)).hint(hint))
}

/// Something that is wrong. In the hint, `FILE` is the file's path.
struct Fault {
    span: Range<usize>,
    message: String,
    hint: String,
}

impl Fault {
    fn new(span: Range<usize>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { span, message: message.into(), hint: hint.into() }
    }
}

fn byte_order_mark(text: &str, _: &str) -> Option<Fault> {
    let message =
        "the file begins with a byte order mark, which bash takes for a part of the first word";
    let hint = r"`sed -i '1s/^\xef\xbb\xbf//' FILE` takes it away";
    text.starts_with('\u{feff}').then(|| Fault::new(0..'\u{feff}'.len_utf8(), message, hint))
}

/// One in a here-document may be meant so, but not where each line of the file has it.
fn line_ends(text: &str, code: &str) -> Option<Fault> {
    let mut lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let everywhere = lines.all(|line| line.ends_with("\r\n")).then(|| text.find("\r\n")).flatten();
    let at = everywhere.or_else(|| code.find("\r\n"))?;
    let message = "a line ends as on Windows, and bash takes the carriage return for a part of the word before it";
    Some(Fault::new(at..at + 1, message, r"`sed -i 's/\r$//' FILE` takes all of them away"))
}

fn odd_blanks(_: &str, code: &str) -> Option<Fault> {
    let (at, found) = code.char_indices().find(|(_, found)| NO_BLANKS.contains(found))?;
    let message = format!("U+{:04X} is no blank to bash", u32::from(found));
    Some(Fault::new(at..at + found.len_utf8(), message, "write a plain blank instead"))
}

/// Names that nothing reads or calls and that are nearly known ones.
fn names(text: &str, code: &str) -> Option<Fault> {
    let mut start = 0;
    for line in code.split_inclusive('\n') {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        let found = Line { text, whole: line, at: start, indent };
        if let Some(fault) = found.function().or_else(|| found.variable()) {
            return Some(fault);
        }
        start += line.len();
    }
    None
}

/// A line of code, quoted text and comments blanked.
struct Line<'a> {
    text: &'a str,
    whole: &'a str,
    /// Where it begins in the text.
    at: usize,
    /// Where it begins in itself.
    indent: usize,
}

impl<'a> Line<'a> {
    /// A span of the text, by places in the line.
    fn span(&self, from: usize, length: usize) -> Range<usize> {
        self.at + from..self.at + from + length
    }

    /// A name at a place of the line, with what follows it.
    fn name_at(&self, from: usize) -> (&'a str, &'a str) {
        let rest = &self.whole[from..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        rest.split_at(end.unwrap_or(rest.len()))
    }

    /// `NAME()` or `function NAME`.
    fn function(&self) -> Option<Fault> {
        let (word, rest) = self.name_at(self.indent);
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let (from, name) = match word {
            "function" if blanks > 0 => {
                let from = self.indent + word.len() + blanks;
                (from, self.name_at(from).0)
            }
            _ if rest.trim_start_matches([' ', '\t']).starts_with('(') => (self.indent, word),
            _ => return None,
        };
        let known = hook_like(name).filter(|_| words(self.text, name) == 1)?;
        let message = format!("nothing calls `{name}`");
        Some(Fault::new(self.span(from, name.len()), message, format!("did you mean `{known}`?")))
    }

    /// `NAME=…` or `NAME+=…` with nothing after it.
    fn variable(&self) -> Option<Fault> {
        let (name, rest) = self.name_at(self.indent);
        let span = self.span(self.indent, name.len());
        if VARIABLES.contains(&name) {
            return blank_beside(name, rest, span);
        }
        let value = rest.strip_prefix('+').unwrap_or(rest).strip_prefix('=')?;
        let after = value.trim_start_matches(|c: char| !c.is_whitespace() && c != ';');
        let alone = after.trim_start_matches([' ', '\t']).starts_with(['\n', '\r', ';', '#'])
            || after.trim().is_empty();
        if !alone || name.is_empty() || is_used(self.text, name) {
            return None;
        }
        let known = variable_like(name)?;
        let hint = format!("did you mean `{known}`?");
        Some(Fault::new(span, format!("nothing reads `{name}`"), hint))
    }
}

/// `PACKAGES = x` is a command, and so is the `x` in `PACKAGES= x`.
fn blank_beside(name: &str, rest: &str, span: Range<usize>) -> Option<Fault> {
    let trimmed = rest.trim_start_matches([' ', '\t']);
    let before = trimmed.len() < rest.len() && trimmed.starts_with('=');
    let value = rest.strip_prefix('=').unwrap_or_default();
    let word = value.trim_start_matches([' ', '\t']);
    let after =
        word.len() < value.len() && !word.trim().is_empty() && !word.starts_with([';', '#']);
    let quote = value.starts_with(QUOTES);
    let hint = || format!("write `{name}=\"…\"`");
    let blank = format!("a blank beside the `=` of `{name}` makes it a command");
    let quoted = format!("the value of `{name}` begins with a quotation mark that is none to bash");
    match (before || after, quote) {
        (true, _) => Some(Fault::new(span, blank, hint())),
        (_, true) => Some(Fault::new(span, quoted, hint())),
        _ => None,
    }
}

/// The hook that a function nobody calls was probably meant to be.
fn hook_like(name: &str) -> Option<&'static str> {
    if HOOKS.contains(&name) {
        return None;
    }
    let plain = name.trim_matches('_').to_ascii_lowercase();
    let verb = |hook: &str| plain.split('_').next() == hook.split('_').next();
    let near = |hook: &&&str| verb(hook) || strsim::osa_distance(&plain, hook) <= 3;
    HOOKS.iter().find(near).copied()
}

/// The variable that one nobody reads was probably meant to be.
fn variable_like(name: &str) -> Option<&'static str> {
    let plain = name.trim_matches('_').to_ascii_uppercase();
    let distance = |known: &&&str| strsim::osa_distance(&plain, known);
    let nearest = VARIABLES.iter().min_by_key(distance)?;
    let allowed = match plain.len() {
        0..=5 => 0,
        6..=8 => 1,
        _ => 2,
    };
    let near = distance(&nearest) <= allowed || plain.starts_with("KEEP_");
    near.then_some(*nearest)
}

/// Is a variable's value asked for?
fn is_used(text: &str, name: &str) -> bool {
    let asked = ["$", "${", "${#", "${!", "-v ", "((", "[["];
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    text.match_indices(name).any(|(at, _)| {
        ends(&text[at + name.len()..]) && asked.iter().any(|sign| text[..at].ends_with(sign))
    })
}

/// How often a word is there, wherever.
fn words(text: &str, word: &str) -> usize {
    let parts = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    parts.filter(|part| *part == word).count()
}

#[cfg(test)]
mod tests;
