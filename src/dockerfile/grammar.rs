//! What Docker's parser refuses, each with its place and what to do: instructions, their arguments and flags.
//!
//! Looks at one instruction at a time, and knows no variables' values: what depends on them is
//! [`values`]' business, and asked by who expands them. Where the classic builder and BuildKit differ, the
//! classic one counts, but for flags and forms that only BuildKit has.
//! Source: `frontend/dockerfile/instructions/parse.go` of <https://github.com/moby/buildkit>, as of 0.8
//! (which the classic builder of Docker 20.10 uses) and 0.12.

use std::ops::Range;

use crate::dockerfile::scan::{Instruction, Word};

mod flags;
pub(crate) mod healthcheck;
pub(crate) mod mount;
pub(crate) mod values;

/// What is wrong, and where in the Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub message: String,
    pub span: Range<usize>,
    pub hint: Option<String>,
}

impl Fault {
    /// Something wrong with a part of an instruction's line.
    pub(crate) fn new(at: &Instruction, message: impl Into<String>, range: &Range<usize>) -> Self {
        Self { message: message.into(), span: at.span(range), hint: None }
    }

    /// Something wrong with all of an instruction.
    pub(crate) fn whole(at: &Instruction, message: impl Into<String>) -> Self {
        Self { message: message.into(), span: at.whole(), hint: None }
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

type Result<T> = std::result::Result<T, Fault>;

/// All instructions, in lower case.
const NAMES: [&str; 18] = [
    "add",
    "arg",
    "cmd",
    "copy",
    "entrypoint",
    "env",
    "expose",
    "from",
    "healthcheck",
    "label",
    "maintainer",
    "onbuild",
    "run",
    "shell",
    "stopsignal",
    "user",
    "volume",
    "workdir",
];

/// Looks for what Docker refuses in an instruction.
pub(crate) fn check(at: &Instruction, escape: char) -> Result<()> {
    if !NAMES.contains(&at.name.as_str()) {
        return Err(unknown(at));
    }
    line(at, escape)?;
    flags::check(at)?;
    match at.name.as_str() {
        "from" => from(at).map(drop),
        "env" | "label" => pairs(at, escape).map(drop),
        "arg" => args(at, escape).map(drop),
        "copy" | "add" => transfer(at).map(drop),
        "volume" => volumes(at).map(drop),
        "expose" => some(at),
        "workdir" | "user" | "stopsignal" | "maintainer" => one(at),
        "shell" => shell(at).map(drop),
        "healthcheck" => healthcheck::parse(at).map(drop),
        "onbuild" => trigger(at, escape),
        _ => Ok(()),
    }
}

fn upper(at: &Instruction) -> String {
    at.name.to_uppercase()
}

fn unknown(at: &Instruction) -> Fault {
    let mut fault = Fault::whole(at, format!("unknown instruction `{}`", upper(at)));
    fault.span = at.name_span();
    let near = |name: &&str| strsim::jaro_winkler(name, &at.name);
    let best = NAMES.iter().copied().max_by(|a, b| near(a).total_cmp(&near(b)));
    match best.filter(|best| near(best) > 0.8) {
        Some(best) => fault.hint(format!("did you mean `{}`?", best.to_uppercase())),
        None => fault.hint("a line that goes on must end in `\\`"),
    }
}

/// What Docker refuses while it reads lines, and so also in a trigger.
fn line(at: &Instruction, escape: char) -> Result<()> {
    match at.name.as_str() {
        "add" | "cmd" | "copy" | "entrypoint" | "run" | "shell" | "volume" => json(at).map(drop),
        "healthcheck" => healthcheck::command(at).map(drop),
        "env" | "label" if !at.rest().is_empty() => split_pairs(at, escape).map(drop),
        _ => Ok(()),
    }
}

/// The strings of the JSON form; an array with something else in it is an error.
pub(crate) fn json(at: &Instruction) -> Result<Option<Vec<Word>>> {
    json_from(at, at.rest_range().start)
}

fn json_from(at: &Instruction, offset: usize) -> Result<Option<Vec<Word>>> {
    at.json_from(offset).map_err(|range| {
        Fault::new(at, "there is something else than strings in a JSON array", &range)
            .hint("write it as `\"…\"`")
    })
}

fn some(at: &Instruction) -> Result<()> {
    if at.rest().is_empty() {
        return Err(Fault::whole(at, format!("`{}` needs an argument", upper(at))));
    }
    Ok(())
}

/// One argument, which is all of the line.
fn one(at: &Instruction) -> Result<()> {
    some(at)
}

/// A `FROM`.
pub(crate) struct From {
    pub image: Word,
    /// The stage's name, in lower case.
    pub alias: Option<String>,
}

/// The words of a `FROM`.
pub(crate) fn from(at: &Instruction) -> Result<From> {
    let words = at.words();
    let Some(image) = words.first().cloned() else {
        return Err(Fault::whole(at, "`FROM` needs an image"));
    };
    let Some(second) = words.get(1) else { return Ok(From { image, alias: None }) };
    let end = words.last().map_or(second.range.end, |last| last.range.end);
    let rest = second.range.start..end;
    // What Go takes for equal without regard to case.
    let is_as = second.text.replace('ſ', "s").eq_ignore_ascii_case("as");
    match words.get(2) {
        _ if second.text.starts_with('#') => {
            Err(Fault::new(at, "`#` begins no comment here", &rest)
                .hint("a comment is a line of its own"))
        }
        Some(name) if is_as && words.len() == 3 => {
            Ok(From { image, alias: Some(stage_name(at, name)?) })
        }
        None if is_as => {
            Err(Fault::new(at, "the stage's name is missing", &rest).hint("`FROM IMAGE AS NAME`"))
        }
        _ => Err(Fault::new(at, "`FROM` takes an image, and `AS NAME`", &rest)),
    }
}

fn stage_name(at: &Instruction, word: &Word) -> Result<String> {
    let name = word.text.to_lowercase();
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    if name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(inside) {
        return Ok(name);
    }
    let message = format!("`{}` cannot be a stage's name", word.text);
    let hint = "it begins with a letter, and goes on with letters, digits, `-`, `_` and `.`";
    Err(Fault::new(at, message, &word.range).hint(hint))
}

/// A name and what is given to it.
pub(crate) struct Pair {
    pub name: Word,
    pub value: Word,
}

/// The pairs of an `ENV` or a `LABEL`: `NAME=VALUE …` or `NAME VALUE`.
pub(crate) fn pairs(at: &Instruction, escape: char) -> Result<Vec<Pair>> {
    some(at)?;
    let pairs = split_pairs(at, escape)?;
    match pairs.iter().find(|pair| pair.name.text.is_empty()) {
        Some(pair) => Err(blank_name(at, &pair.value)),
        None => Ok(pairs),
    }
}

fn blank_name(at: &Instruction, value: &Word) -> Fault {
    let range = value.range.start.saturating_sub(1)..value.range.end;
    Fault::new(at, "there is no name before the `=`", &range)
}

fn split_pairs(at: &Instruction, escape: char) -> Result<Vec<Pair>> {
    let words = at.shell_words(escape);
    let upper = upper(at);
    let Some(first) = words.first() else { return Ok(vec![]) };
    if !first.text.contains('=') {
        let words = at.words();
        let Some((name, second)) = words.first().zip(words.get(1)) else {
            let message = format!("`{upper}` needs a name and a value");
            return Err(Fault::whole(at, message).hint(format!("`{upper} NAME=VALUE`")));
        };
        let range = second.range.start..at.rest_range().end;
        let text = at.rest()[range.start - at.rest_range().start..].to_owned();
        return Ok(vec![Pair { name: name.clone(), value: Word { text, range } }]);
    }
    let pair = |word: Word| {
        split_at_equals(&word).ok_or_else(|| {
            let message = format!("there is no `=` in `{}`", word.text);
            Fault::new(at, message, &word.range).hint("a value with blanks needs quotes")
        })
    };
    words.into_iter().map(pair).collect()
}

fn split_at_equals(word: &Word) -> Option<Pair> {
    let (name, value) = word.text.split_once('=')?;
    let middle = word.range.start + name.len();
    Some(Pair {
        name: Word { text: name.to_owned(), range: word.range.start..middle },
        value: Word { text: value.to_owned(), range: middle + 1..word.range.end },
    })
}

/// The names of an `ARG`, with their values.
pub(crate) fn args(at: &Instruction, escape: char) -> Result<Vec<(Word, Option<Word>)>> {
    let words = at.shell_words(escape);
    if words.is_empty() {
        return Err(Fault::whole(at, "`ARG` needs a name").hint("`ARG NAME` or `ARG NAME=VALUE`"));
    }
    let arg = |word: Word| match split_at_equals(&word) {
        Some(pair) if pair.name.text.is_empty() => Err(blank_name(at, &pair.value)),
        Some(pair) => Ok((pair.name, Some(pair.value))),
        None => Ok((word, None)),
    };
    words.into_iter().map(arg).collect()
}

/// The words of a `COPY` or an `ADD`: its sources, at least one, and its target.
pub(crate) fn transfer(at: &Instruction) -> Result<(Vec<Word>, Word)> {
    let mut words = json(at)?.unwrap_or_else(|| at.words());
    let name = upper(at);
    let target = words.pop().filter(|_| !words.is_empty());
    let target = target.ok_or_else(|| {
        let message = format!("`{name}` needs a source and a target");
        Fault::whole(at, message).hint(format!("`{name} SOURCE… TARGET`"))
    })?;
    if at.heredoc(&target).is_some() {
        return Err(Fault::new(at, "a heredoc cannot be the target", &target.range)
            .hint(format!("`{name} <<NAME TARGET`")));
    }
    Ok((words, target))
}

/// The paths of a `VOLUME`, without the blanks around them.
pub(crate) fn volumes(at: &Instruction) -> Result<Vec<Word>> {
    let words = json(at)?.unwrap_or_else(|| at.words());
    if words.is_empty() {
        return Err(Fault::whole(at, "`VOLUME` needs an argument"));
    }
    let trimmed = |word: Word| match word.text.trim() {
        "" => Err(Fault::new(at, "a volume has no path", &word.range)),
        text if text.len() == word.text.len() => Ok(word),
        text => Ok(Word { text: text.to_owned(), range: word.range }),
    };
    words.into_iter().map(trimmed).collect()
}

/// The words of a `SHELL`.
pub(crate) fn shell(at: &Instruction) -> Result<Vec<String>> {
    let hint = "`SHELL [\"/bin/sh\", \"-c\"]`";
    match json(at)? {
        Some(words) if !words.is_empty() => Ok(words.into_iter().map(|word| word.text).collect()),
        None if !at.rest().is_empty() => {
            Err(Fault::whole(at, "`SHELL` takes the JSON form only").hint(hint))
        }
        _ => Err(Fault::whole(at, "`SHELL` needs an argument").hint(hint)),
    }
}

/// An `ONBUILD`: whether its trigger can be one. What else is wrong with it is found where it is run.
fn trigger(at: &Instruction, escape: char) -> Result<()> {
    let Some(inner) = at.inner() else {
        return Err(Fault::whole(at, "`ONBUILD` needs an instruction"));
    };
    match inner.name.as_str() {
        "onbuild" | "from" | "maintainer" => {
            let mut fault = Fault::whole(at, format!("`{}` cannot be a trigger", upper(&inner)));
            fault.span = at.span(&at.rest_range());
            Err(fault)
        }
        _ => line(&inner, escape),
    }
}

#[cfg(test)]
mod tests;
