//! Where the instructions of a Dockerfile begin and end, by the rules of Docker's own parser:
//! `# escape=`, continued lines with comments and blank lines in between, heredocs, flags, JSON form.
//!
//! Does not know what an instruction means, nor variables. (The crates `dockerfile-parser` 0.9 and
//! `dockerfile-parser-rs` 3.4 refuse heredocs, `# escape=`, `COPY ["a", "b"]` and blank lines inside
//! a continued one.)

use std::ops::Range;

use super::render::Rendered;
use super::words;
use crate::error::Result;

/// All instructions of a Dockerfile.
pub(crate) struct Scan {
    pub escape: char,
    pub instructions: Vec<Instruction>,
}

/// One instruction. Ranges are offsets in its joined line; [`Instruction::span`] leads back.
pub(crate) struct Instruction {
    /// In lower case.
    pub name: String,
    line: String,
    /// For every byte of `line`, its offset in the Dockerfile.
    at: Vec<usize>,
    pub flags: Vec<Flag>,
    rest: Range<usize>,
}

/// `--name=value` after an instruction's name.
pub(crate) struct Flag {
    pub name: String,
    pub value: Word,
}

/// A word of an instruction.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    pub text: String,
    pub range: Range<usize>,
}

impl Instruction {
    /// The Dockerfile's bytes of a range of the line.
    pub fn span(&self, range: &Range<usize>) -> Range<usize> {
        let end = self.at.last().map_or(0, |at| at + 1);
        let start = self.at.get(range.start).copied().unwrap_or(end);
        if range.is_empty() {
            return start..start;
        }
        start..self.at.get(range.end - 1).map_or(end, |at| at + 1)
    }

    /// The Dockerfile's bytes of the whole instruction.
    pub fn whole(&self) -> Range<usize> {
        self.span(&(0..self.line.len()))
    }

    /// What follows the name and the flags.
    pub fn rest(&self) -> &str {
        &self.line[self.rest.clone()]
    }

    /// The words after the flags, split at white space only.
    pub fn words(&self) -> Vec<Word> {
        let split = fields(&self.line, self.rest.clone());
        split.into_iter().map(|range| self.word(range)).collect()
    }

    /// The words after the flags, split at white space outside of quotes; none if a quote is open.
    pub fn shell_words(&self, escape: char) -> Vec<Word> {
        let split = words::split(self.rest(), escape).unwrap_or_default();
        let start = self.rest.start;
        split.into_iter().map(|r| self.word(r.start + start..r.end + start)).collect()
    }

    /// The strings of the JSON form, if this is one.
    pub fn json(&self) -> Option<Vec<Word>> {
        if !self.rest().starts_with('[') {
            return None;
        }
        let texts: Vec<String> = serde_json::from_str(self.rest()).ok()?;
        let ranges = json_strings(self.rest()).into_iter();
        let start = self.rest.start;
        let words = texts.into_iter().zip(ranges);
        Some(words.map(|(text, r)| Word { text, range: r.start + start..r.end + start }).collect())
    }

    /// What `ONBUILD` is followed by, as an instruction of its own.
    pub fn inner(&self) -> Option<Instruction> {
        let line = self.line[..self.rest.end].to_owned();
        parse(line, self.at.clone(), self.rest.start)
    }

    /// The text of a parent's `ONBUILD` as an instruction; nothing if it is blank. `place` is where in the
    /// Dockerfile it takes effect.
    pub fn of_trigger(text: &str, place: usize) -> Option<Instruction> {
        parse(text.to_owned(), vec![place; text.len()], 0)
    }

    fn word(&self, range: Range<usize>) -> Word {
        Word { text: self.line[range.clone()].to_owned(), range }
    }
}

impl Word {
    /// The range of a part of the word; the whole where the text is not as written (JSON escapes).
    pub fn part(&self, part: &Range<usize>) -> Range<usize> {
        if self.text.len() == self.range.len() {
            self.range.start + part.start..self.range.start + part.end
        } else {
            self.range.clone()
        }
    }
}

/// Splits a Dockerfile into its instructions.
pub(crate) fn scan(source: &Rendered) -> Result<Scan> {
    let text = source.text();
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut lines = Lines { text, at: start };
    let escape = escape_directive(Lines { ..lines });
    let mut instructions = vec![];
    while let Some((line, at)) = logical_line(&mut lines, escape) {
        let Some(instruction) = parse(line, at, 0) else {
            continue;
        };
        for heredoc in heredocs(&instruction, escape) {
            if !lines.any(|(_, line)| heredoc.ends_at(line)) {
                let span = instruction.span(&heredoc.range);
                let message = format!("no line `{}` ends this heredoc", heredoc.name);
                return Err(source.mistake(message, &span));
            }
        }
        instructions.push(instruction);
    }
    Ok(Scan { escape, instructions })
}

/// Lines with their offsets, without their ends.
struct Lines<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Lines<'a> {
    type Item = (usize, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at;
        let line = self.text[at..].split_inclusive('\n').next()?;
        self.at += line.len();
        Some((at, line.trim_end_matches(['\r', '\n'])))
    }
}

/// The escape character that a directive in the first lines asks for.
fn escape_directive(lines: Lines<'_>) -> char {
    for (_, line) in lines {
        let Some(comment) = line.strip_prefix('#') else {
            break;
        };
        let Some((name, value)) = comment.split_once('=') else {
            break;
        };
        match name.trim().to_ascii_lowercase().as_str() {
            "escape" => return if value.trim() == "`" { '`' } else { '\\' },
            "syntax" | "check" => {}
            _ => break,
        }
    }
    '\\'
}

/// The next line that is not blank and not a comment, with the lines that continue it.
fn logical_line(lines: &mut Lines<'_>, escape: char) -> Option<(String, Vec<usize>)> {
    let (mut text, mut at) = (String::new(), vec![]);
    let mut open = false;
    for (start, line) in lines.by_ref() {
        let trimmed = line.trim_start();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let skipped = if open { 0 } else { line.len() - trimmed.len() };
        let (content, more) = continued(&line[skipped..], escape);
        text.push_str(content);
        at.extend(start + skipped..start + skipped + content.len());
        open = more;
        if !open {
            return Some((text, at));
        }
    }
    open.then_some((text, at))
}

/// The line without its continuation character, and whether it had one.
fn continued(line: &str, escape: char) -> (&str, bool) {
    match line.trim_end_matches([' ', '\t']).strip_suffix(escape) {
        Some(content) if !content.ends_with(escape) => (content, true),
        _ => (line, false),
    }
}

/// Name, flags and rest of a joined line from an offset on; nothing if it is blank.
fn parse(line: String, at: Vec<usize>, start: usize) -> Option<Instruction> {
    let end = line.trim_end().len().max(start);
    let words = fields(&line, start..end);
    let (first, others) = words.split_first()?;
    let flag_words = others.iter().take_while(|r| line[(*r).clone()].starts_with("--"));
    let flags: Vec<Flag> = flag_words.map(|range| flag(&line, range)).collect();
    let rest = others.get(flags.len()).map_or(end, |word| word.start)..end;
    let name = line[first.clone()].to_ascii_lowercase();
    Some(Instruction { name, line, at, flags, rest })
}

fn flag(line: &str, range: &Range<usize>) -> Flag {
    let text = &line[range.start + 2..range.end];
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    let quoted = ['"', '\''].iter().find_map(|q| value.strip_prefix(*q)?.strip_suffix(*q));
    let (value, end) = match quoted {
        Some(inner) => (inner, range.end - 1),
        None => (value, range.end),
    };
    let value = Word { text: value.to_owned(), range: end - value.len()..end };
    Flag { name: name.to_ascii_lowercase(), value }
}

/// The ranges of the words of a part of a line, split at white space.
fn fields(line: &str, part: Range<usize>) -> Vec<Range<usize>> {
    let (mut found, mut at) = (vec![], part.start);
    for piece in line[part].split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        if !word.is_empty() {
            found.push(at..at + word.len());
        }
        at += piece.len();
    }
    found
}

/// The ranges of the contents of the strings in a JSON array of strings.
fn json_strings(text: &str) -> Vec<Range<usize>> {
    let (mut found, mut start, mut escaped) = (vec![], None, false);
    for (at, c) in text.char_indices() {
        match (start, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(from), '"') => {
                found.push(from..at);
                start = None;
            }
            (None, '"') => start = Some(at + 1),
            _ => {}
        }
    }
    found
}

/// `<<NAME` or `<<-NAME`, whose text follows the instruction.
struct Heredoc {
    name: String,
    /// Tabs before its last line do not count.
    chomp: bool,
    range: Range<usize>,
}

impl Heredoc {
    fn ends_at(&self, line: &str) -> bool {
        let line = if self.chomp { line.trim_start_matches('\t') } else { line };
        line == self.name
    }
}

fn heredocs(instruction: &Instruction, escape: char) -> Vec<Heredoc> {
    match instruction.name.as_str() {
        "onbuild" => instruction.inner().map_or(vec![], |inner| heredocs(&inner, escape)),
        "add" | "copy" | "run" if instruction.json().is_none() => {
            instruction.shell_words(escape).iter().filter_map(heredoc).collect()
        }
        _ => vec![],
    }
}

fn heredoc(word: &Word) -> Option<Heredoc> {
    let rest = word.text.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<")?;
    let (chomp, name) = rest.strip_prefix('-').map_or((false, rest), |name| (true, name));
    let name = name.replace(['"', '\''], "");
    let good = !name.is_empty() && !name.contains('<');
    good.then(|| Heredoc { name, chomp, range: word.range.clone() })
}

/// Is this word of a COPY or ADD a heredoc?
pub(crate) fn is_heredoc(word: &Word) -> bool {
    heredoc(word).is_some()
}

#[cfg(test)]
mod tests;
