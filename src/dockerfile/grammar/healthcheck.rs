//! `HEALTHCHECK`: its command and its times.
//!
//! Knows no image's settings. Source: `parseHealthcheck` in BuildKit's `parse.go`.

use super::{Fault, Result, json_from, values};
use crate::dockerfile::scan::{Flag, Instruction, Word, is_blank};

/// What a `HEALTHCHECK` says; times in nanoseconds, 0 for what it does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Healthcheck {
    pub test: Vec<String>,
    pub interval: u64,
    pub timeout: u64,
    pub start_period: u64,
    pub start_interval: u64,
    pub retries: u64,
}

/// The word after `HEALTHCHECK`, and its command in the JSON form and as it is written.
pub(super) struct Command<'a> {
    kind: &'a str,
    json: Option<Vec<Word>>,
    text: &'a str,
}

pub(super) fn command(at: &Instruction) -> Result<Command<'_>> {
    let rest = at.rest();
    let end = rest.find(is_blank).unwrap_or(rest.len());
    let text = rest[end..].trim_start_matches(is_blank);
    let json = json_from(at, at.rest_range().end - text.len())?;
    Ok(Command { kind: &rest[..end], json, text })
}

/// Reads a `HEALTHCHECK`.
pub(crate) fn parse(at: &Instruction) -> Result<Healthcheck> {
    let Command { kind, json, text } = command(at)?;
    let hint = "`HEALTHCHECK [--interval=30s …] CMD COMMAND` or `HEALTHCHECK NONE`";
    let wrong = |message: &str| Err(Fault::whole(at, message).hint(hint));
    let one = |word: &str| vec![word.to_owned()];
    let test = match (kind.to_uppercase().as_str(), json) {
        ("", _) => return wrong("`HEALTHCHECK` needs an argument"),
        ("NONE", _) if !text.is_empty() => return wrong("`HEALTHCHECK NONE` takes no argument"),
        ("NONE", _) => return Ok(Healthcheck { test: one("NONE"), ..Healthcheck::default() }),
        ("CMD", Some(words)) if !words.is_empty() => {
            [one("CMD"), words.into_iter().map(|word| word.text).collect()].concat()
        }
        ("CMD", None) if !text.is_empty() => [one("CMD-SHELL"), one(text)].concat(),
        ("CMD", _) => return wrong("a command is missing after `HEALTHCHECK CMD`"),
        (other, _) => {
            let message = format!("`HEALTHCHECK` is followed by `CMD` or `NONE`, not by `{other}`");
            return wrong(&message);
        }
    };
    let mut check = Healthcheck { test, ..Healthcheck::default() };
    for flag in at.flags.iter().filter(|flag| !flag.value.text.is_empty()) {
        match flag.name.as_str() {
            "interval" => check.interval = time(at, flag)?,
            "timeout" => check.timeout = time(at, flag)?,
            "start-period" => check.start_period = time(at, flag)?,
            "start-interval" => check.start_interval = time(at, flag)?,
            _ => check.retries = retries(at, flag)?,
        }
    }
    Ok(check)
}

/// Docker's shortest, a millisecond.
const SHORTEST: u64 = 1_000_000;

fn time(at: &Instruction, flag: &Flag) -> Result<u64> {
    let text = &flag.value.text;
    let hint = "a number with `h`, `m`, `s` or `ms`, such as `30s` or `1m30s`; at least `1ms`";
    let wrong = |message: String| Fault::new(at, message, &flag.value.range).hint(hint);
    let time = values::duration(text).ok_or_else(|| wrong(format!("`{text}` is no duration")))?;
    if time < SHORTEST {
        return Err(wrong(format!("`{text}` is too short")));
    }
    Ok(time)
}

fn retries(at: &Instruction, flag: &Flag) -> Result<u64> {
    let number = flag.value.text.parse::<i32>().ok().filter(|number| *number >= 1);
    number.and_then(|number| u64::try_from(number).ok()).ok_or_else(|| {
        Fault::new(at, "`--retries` must be a number, at least 1", &flag.value.range)
    })
}
