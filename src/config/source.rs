//! Where a setting is from. What puts a value in its place notes its source: the order of precedence is
//! written down once.
//!
//! Does not know which settings there are.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use toml::Spanned;

use crate::base::error::{Error, Result};

/// Where one setting is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Nobody says otherwise.
    Default,
    /// `bb.toml`, in this line.
    Line(usize),
    /// A variable of the environment.
    Variable(&'static str),
    /// An option of the command line.
    Option(&'static str),
    /// The current context of the docker client.
    Context,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Line(line) => write!(f, "bb.toml:{line}"),
            Self::Variable(name) | Self::Option(name) => f.write_str(name),
            Self::Context => f.write_str("docker's context"),
        }
    }
}

/// Where settings are from, by name. What is not there is a default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    named: BTreeMap<String, Source>,
    /// Where the lines of `bb.toml` begin.
    lines: Vec<usize>,
}

impl Sources {
    /// For settings from this text.
    pub(super) fn of(text: &str) -> Self {
        let lines = text.match_indices('\n').map(|(at, _)| at + 1).collect();
        Self { lines, ..Self::default() }
    }

    /// Where a setting is from.
    pub fn of_setting(&self, name: &str) -> Source {
        self.named.get(name).copied().unwrap_or(Source::Default)
    }

    /// It stands in `bb.toml`.
    pub(super) fn at(&mut self, name: String, span: Range<usize>) {
        let line = 1 + self.lines.partition_point(|begin| *begin <= span.start);
        self.named.insert(name, Source::Line(line));
    }

    /// A variable leads to it.
    pub(super) fn variable(&mut self, name: &str, variable: &'static str) {
        self.named.insert(name.to_owned(), Source::Variable(variable));
    }

    /// Takes what `bb.toml` says, if it does.
    pub(super) fn file<T>(&mut self, name: &str, slot: &mut T, value: Option<Spanned<T>>) {
        if let Some(value) = value {
            self.at(name.to_owned(), value.span());
            *slot = value.into_inner();
        }
    }

    /// What a variable says that is yes or no, if it is set and not empty.
    ///
    /// # Errors
    /// It says neither: a guess could be the dangerous one.
    pub(super) fn flag(
        &mut self,
        (env, variable): (&BTreeMap<String, String>, &'static str),
        name: &str,
    ) -> Result<Option<bool>> {
        let Some(said) = env.get(variable).filter(|said| !said.is_empty()) else { return Ok(None) };
        let flag = match said.to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "on" => true,
            "0" | "false" | "no" | "off" => false,
            _ => {
                let message = format!("`{variable}` is `{said}`, which is neither yes nor no");
                return Err(Error::config(message)
                    .hint("write 1, true, yes or on, or else 0, false, no or off"));
            }
        };
        self.variable(name, variable);
        Ok(Some(flag))
    }

    /// Takes what a variable says, if it is set and not empty.
    pub(super) fn env<T>(
        &mut self,
        (env, variable): (&BTreeMap<String, String>, &'static str),
        name: &str,
        slot: &mut T,
        read: impl FnOnce(&str) -> T,
    ) {
        if let Some(value) = env.get(variable).filter(|value| !value.is_empty()) {
            self.variable(name, variable);
            *slot = read(value);
        }
    }
}
