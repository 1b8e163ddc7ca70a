//! Where the instructions of a Dockerfile begin and end, by the rules of Docker's own parser:
//! parser directives, continued lines with comments and blank lines in between, heredocs, flags, JSON form.
//!
//! Does not know what an instruction means, nor variables. (The crates `dockerfile-parser` 0.9 and
//! `dockerfile-parser-rs` 3.4 refuse heredocs, `# escape=`, `COPY ["a", "b"]` and blank lines inside
//! a continued one.) Where Docker's classic builder and BuildKit differ, this is the classic one, with what
//! only BuildKit knows besides: heredocs, and the directive `check`.
//! Source: `frontend/dockerfile/parser` of <https://github.com/moby/buildkit>, as of 0.8 and 0.12.

use std::ops::Range;

use crate::base::error::Result;
use crate::dockerfile::json::Form;
use crate::dockerfile::render::Rendered;
use crate::dockerfile::{json, limits, words};

mod directive;
mod flags;
mod heredoc;
mod lines;

pub(crate) use heredoc::Heredoc;
use lines::Lines;

/// All instructions of a Dockerfile.
pub(crate) struct Scan {
    pub escape: char,
    pub instructions: Vec<Instruction>,
    /// Where the frontend is named that `# syntax=` asks for.
    pub syntax: Option<Range<usize>>,
    /// What looks like a heredoc, and whose last line is not there: its name, and where it is.
    pub unended: Option<(String, Range<usize>)>,
}

/// One instruction. Ranges are offsets in its joined line; [`Instruction::span`] leads back.
pub(crate) struct Instruction {
    /// In lower case.
    pub name: String,
    line: String,
    /// For every byte of `line`, its offset in the Dockerfile.
    at: Vec<usize>,
    pub flags: Vec<Flag>,
    /// From its name on.
    own: Range<usize>,
    rest: Range<usize>,
    /// The texts that follow it, in the order of their words.
    pub heredocs: Vec<Heredoc>,
}

/// `--name=value` after an instruction's name.
pub(crate) struct Flag {
    pub name: String,
    /// Empty where there is no `=`.
    pub value: Word,
    /// Is there a `=`?
    pub given: bool,
    /// All of it.
    pub range: Range<usize>,
}

/// A word of an instruction.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    pub text: String,
    pub range: Range<usize>,
}

impl Instruction {
    /// The Dockerfile's bytes of a range of the line.
    pub(crate) fn span(&self, range: &Range<usize>) -> Range<usize> {
        let end = self.at.last().map_or(0, |at| at + 1);
        let start = self.at.get(range.start).copied().unwrap_or(end);
        if range.is_empty() {
            return start..start;
        }
        start..self.at.get(range.end - 1).map_or(end, |at| at + 1)
    }

    /// The Dockerfile's bytes of the whole instruction, without the heredocs that follow.
    pub(crate) fn whole(&self) -> Range<usize> {
        self.span(&self.own)
    }

    /// The Dockerfile's bytes of the whole instruction with its heredocs.
    pub(crate) fn all(&self) -> Range<usize> {
        let whole = self.whole();
        whole.start..self.heredocs.last().map_or(whole.end, |last| last.end)
    }

    /// The Dockerfile's bytes of the instruction's name.
    pub(crate) fn name_span(&self) -> Range<usize> {
        let own = &self.line[self.own.clone()];
        let end = self.own.start + own.find(is_blank).unwrap_or(own.len());
        self.span(&(self.own.start..end))
    }

    /// What follows the name and the flags.
    pub(crate) fn rest(&self) -> &str {
        &self.line[self.rest.clone()]
    }

    /// The name and the flags.
    pub(crate) fn head(&self) -> &str {
        self.line[self.own.start..self.rest.start].trim()
    }

    /// Where in the line that is.
    pub(crate) fn rest_range(&self) -> Range<usize> {
        self.rest.clone()
    }

    /// What comes after its name as a trigger keeps it: with flags, and with the blanks at its end. Docker takes
    /// off what its `\s` matches, which has no vertical tab.
    pub(crate) fn untrimmed(&self) -> &str {
        let after = &self.line[self.own.start + self.name.len()..];
        after.trim_start_matches(['\t', '\n', '\u{c}', '\r', ' '])
    }

    /// The words after the flags, split at ASCII's white space only.
    pub(crate) fn words(&self) -> Vec<Word> {
        let split = fields(&self.line, self.rest.clone());
        split.into_iter().map(|range| self.word(range)).collect()
    }

    /// The words after the flags, split at any white space outside of quotes.
    pub(crate) fn shell_words(&self, escape: char) -> Vec<Word> {
        let start = self.rest.start;
        let split = words::split(self.rest(), escape).into_iter();
        split.map(|r| self.word(r.start + start..r.end + start)).collect()
    }

    /// The strings of the JSON form, if this is one.
    pub(crate) fn json(&self) -> Option<Vec<Word>> {
        self.json_from(self.rest.start).ok().flatten()
    }

    /// The strings of the JSON form, from an offset in the line on; nothing if this is none.
    ///
    /// # Errors
    /// The range of what is in an array, and no string.
    pub(crate) fn json_from(
        &self,
        offset: usize,
    ) -> std::result::Result<Option<Vec<Word>>, Range<usize>> {
        let text = &self.line[offset.min(self.rest.end)..self.rest.end];
        let trimmed = text.trim_start();
        let start = offset + (text.len() - trimmed.len());
        let moved = |range: Range<usize>| range.start + start..range.end + start;
        match json::read(trimmed) {
            Form::Strings(strings) => {
                let word = |(text, range)| Word { text, range: moved(range) };
                Ok(Some(strings.into_iter().map(word).collect()))
            }
            Form::NotStrings(range) => Err(moved(range)),
            Form::Other => Ok(None),
        }
    }

    /// The heredoc that a word of this instruction stands for.
    pub(crate) fn heredoc(&self, word: &Word) -> Option<&Heredoc> {
        if self.heredocs.is_empty() {
            return None;
        }
        let begin = heredoc::begin(&word.text)?;
        self.heredocs.iter().rev().find(|heredoc| heredoc.name == begin.name)
    }

    /// What `ONBUILD` is followed by, as an instruction of its own.
    pub(crate) fn inner(&self) -> Option<Instruction> {
        let line = self.line[..self.rest.end].to_owned();
        let inner = parse(line, self.at.clone(), self.rest.start);
        (!inner.name.is_empty()).then(|| Instruction { heredocs: self.heredocs.clone(), ..inner })
    }

    /// May it have heredocs?
    fn takes_heredocs(&self) -> bool {
        match self.name.as_str() {
            "onbuild" => {
                self.inner().is_some_and(|inner| inner.name != "onbuild" && inner.takes_heredocs())
            }
            "add" | "copy" | "run" => self.json().is_none(),
            _ => false,
        }
    }

    /// The text of a parent's `ONBUILD` as an instruction; nothing if it is blank. `place` is where in the
    /// Dockerfile it takes effect.
    pub(crate) fn of_trigger(text: &str, place: usize) -> Option<Instruction> {
        let trigger = parse(text.to_owned(), vec![place; text.len()], 0);
        (!trigger.name.is_empty()).then_some(trigger)
    }

    fn word(&self, range: Range<usize>) -> Word {
        Word { text: self.line[range.clone()].to_owned(), range }
    }
}

impl Word {
    /// The range of a part of the word; the whole where the text is not as written (JSON escapes).
    pub(crate) fn part(&self, part: &Range<usize>) -> Range<usize> {
        if self.text.len() == self.range.len() {
            self.range.start + part.start..self.range.start + part.end
        } else {
            self.range.clone()
        }
    }
}

/// Splits a Dockerfile into its instructions.
pub(crate) fn scan(source: &Rendered) -> Result<Scan> {
    let mut lines = Lines::new(source.text());
    if let Some(long) = Lines::new(source.text()).find(|line| line.text.len() > limits::LINE) {
        let message = format!("a line is longer than {} bytes", limits::LINE);
        let error = source.mistake(message, &(long.at..long.at + 1));
        return Err(error.hint("Docker reads no longer ones; continue it on the next line"));
    }
    let (escape, syntax) = directive::read(source)?;
    let mut unended = 0;
    let mut scan = Scan { escape, instructions: vec![], syntax, unended: None };
    while let Some((line, at)) = logical_line(&mut lines, escape) {
        let mut instruction = parse(line, at, 0);
        match heredoc::read(&instruction, &lines) {
            Ok((heredocs, rest)) => (instruction.heredocs, lines) = (heredocs, rest),
            Err(begin) => {
                let span = instruction.span(&begin.range);
                unended += 1;
                if unended > limits::UNENDED_HEREDOCS {
                    let most = limits::UNENDED_HEREDOCS;
                    let message = format!("more than {most} heredocs have no end");
                    return Err(source.mistake(message, &span));
                }
                scan.unended.get_or_insert((begin.name, span));
            }
        }
        scan.instructions.push(instruction);
    }
    Ok(scan)
}

/// The next line that is not blank and not a comment, with the lines that continue it.
fn logical_line(lines: &mut Lines<'_>, escape: char) -> Option<(String, Vec<usize>)> {
    let (mut text, mut at) = (String::new(), vec![]);
    let mut open = false;
    for line in lines.by_ref() {
        let trimmed = line.text.trim_start();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let skipped = if open { 0 } else { line.text.len() - trimmed.len() };
        let (content, more) = continued(&line.text[skipped..], escape);
        text.push_str(content);
        at.extend(line.at + skipped..line.at + skipped + content.len());
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

/// Name, flags and rest of a joined line from an offset on; the name may be empty.
fn parse(line: String, at: Vec<usize>, start: usize) -> Instruction {
    let trimmed = line[start..].trim();
    let start = start + (line[start..].len() - line[start..].trim_start().len());
    let end = start + trimmed.len();
    let name_end = start + trimmed.find(is_blank).unwrap_or(trimmed.len());
    let name = line[start..name_end].to_lowercase();
    let (flags, after) = flags::read(&line, name_end..end);
    let skipped = line[after..end].len() - line[after..end].trim_start().len();
    Instruction {
        name,
        line,
        at,
        flags,
        own: start..end,
        rest: after + skipped..end,
        heredocs: vec![],
    }
}

/// What Docker splits at where it does not look for quotes: `[\t\v\f\r ]`.
pub(crate) fn is_blank(c: char) -> bool {
    matches!(c, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ')
}

/// The ranges of the words of a part of a line, split at blanks.
fn fields(line: &str, part: Range<usize>) -> Vec<Range<usize>> {
    let (mut found, mut at) = (vec![], part.start);
    for piece in line[part].split_inclusive(is_blank) {
        let word = piece.trim_end_matches(is_blank);
        if !word.is_empty() {
            found.push(at..at + word.len());
        }
        at += piece.len();
    }
    found
}

#[cfg(test)]
mod tests;
