//! Heredocs: `<<NAME` in a `RUN`, `COPY` or `ADD`, and the lines up to `NAME`.
//!
//! Does not know what is done with them. Docker's classic builder has none; the rules are BuildKit's
//! (`heredocsFromLine` and `heredocFromMatch` in its `parser.go`). Where BuildKit would say that one has no
//! end, it is no heredoc here, for the classic builder may well know what to do: `$((1 <<4))`.

use std::ops::Range;

use super::Instruction;
use super::lines::Lines;
use crate::dockerfile::words;

/// A heredoc with its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heredoc {
    pub name: String,
    /// Are variables in it left alone?
    pub quoted: bool,
    /// `<<-`: tabs at the beginning of its lines do not count.
    pub chomp: bool,
    /// Its text, with the ends of its lines.
    pub text: String,
    /// Where in the Dockerfile the text begins.
    pub at: usize,
    /// Where in the Dockerfile its last line ends.
    pub end: usize,
}

impl Heredoc {
    /// The text without what `<<-` takes away.
    pub(crate) fn body(&self) -> String {
        if !self.chomp {
            return self.text.clone();
        }
        self.text.split_inclusive('\n').map(|line| line.trim_start_matches('\t')).collect()
    }
}

/// What a heredoc begins with.
pub(crate) struct Begin {
    pub name: String,
    quoted: bool,
    chomp: bool,
    /// In the instruction's line.
    pub range: Range<usize>,
}

/// `<<NAME`, `<<-NAME`, with a number before it or quotes in it.
pub(super) fn begin(word: &str) -> Option<Begin> {
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<")?;
    let (chomp, name) = rest.strip_prefix('-').map_or((false, rest), |name| (true, name));
    if name.is_empty() || name.contains('<') {
        return None;
    }
    let (name, quoted) = words::unquoted(name)?;
    Some(Begin { name, quoted, chomp, range: 0..word.len() })
}

/// The heredocs of an instruction, whose texts are the next lines, and the lines after them.
///
/// # Errors
/// The first one that has no end.
pub(super) fn read<'a>(
    at: &Instruction,
    lines: &Lines<'a>,
) -> std::result::Result<(Vec<Heredoc>, Lines<'a>), Begin> {
    let mut rest = lines.clone();
    if !at.line.contains("<<") || !at.takes_heredocs() {
        return Ok((vec![], rest));
    }
    let mut heredocs = vec![];
    for (word, start) in words::as_written(&at.line) {
        let Some(mut begin) = begin(&word) else { continue };
        begin.range = start..(start + word.len()).min(at.line.len());
        heredocs.push(text(begin, &mut rest)?);
    }
    Ok((heredocs, rest))
}

fn text(begin: Begin, lines: &mut Lines<'_>) -> std::result::Result<Heredoc, Begin> {
    if !lines.may_have(&begin.name, begin.chomp) {
        return Err(begin);
    }
    let (mut text, mut start) = (String::new(), None);
    for line in lines.by_ref() {
        let at = *start.get_or_insert(line.at);
        let content = line.whole.trim_end_matches(['\r', '\n']);
        let content = if begin.chomp { content.trim_start_matches('\t') } else { content };
        if content == begin.name {
            let Begin { name, quoted, chomp, .. } = begin;
            let end = line.at + line.text.len();
            return Ok(Heredoc { name, quoted, chomp, text, at, end });
        }
        text.push_str(line.whole);
    }
    Err(begin)
}
