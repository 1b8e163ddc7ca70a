//! The variables that an instruction may use, and words with their values in.
//!
//! Unlike `dockerfile::template`, which reads a Dockerfile before the parent is there, this knows every value:
//! what is not set has none. Both use the same lexer.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::Left;
use super::config::Config;
use crate::dockerfile::grammar::Fault;
use crate::dockerfile::scan::Instruction;
use crate::dockerfile::words::{Expanded, Mistake, Value};
use crate::dockerfile::{grammar, limits, words};

/// `ARG`s by name; one without a value is declared only.
pub(super) type Args = BTreeMap<String, Option<String>>;

/// What a word is expanded with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Variables<'a> {
    pub escape: char,
    pub args: &'a Args,
    /// Their `ENV` wins; there is none before the first `FROM`.
    pub config: Option<&'a Config>,
    /// What all words have come to so far, in bytes.
    pub spent: &'a Cell<usize>,
}

/// What is wrong with an instruction is so for every builder.
pub(super) fn refused(fault: Fault) -> Left {
    Left::refused(fault.message)
}

/// Counts work against what a Dockerfile may ask for.
pub(super) fn spend(spent: &Cell<usize>, bytes: usize) -> Result<(), Left> {
    spent.set(spent.get().saturating_add(bytes));
    if spent.get() <= limits::EXPANDED {
        return Ok(());
    }
    let most = limits::EXPANDED;
    Err(Left::refused(format!("the variables of the Dockerfile come to more than {most} bytes")))
}

impl Variables<'_> {
    fn value(&self, name: &str) -> Value {
        let env = self.config.and_then(|config| config.variable(name)).map(str::to_owned);
        let value = env.or_else(|| self.args.get(name).cloned().flatten());
        value.map_or(Value::Unset, Value::Known)
    }

    fn finished(&self, word: &str, expanded: Result<Expanded, Mistake>) -> Result<Expanded, Left> {
        let expanded =
            expanded.map_err(|e| Left::refused(format!("in `{word}`: {}", e.message)))?;
        // Each variable is looked for in a list.
        let searched = self.config.map_or(0, |config| config.env.len());
        spend(self.spent, expanded.cost + searched * (1 + word.matches('$').count()))?;
        Ok(expanded)
    }

    fn expanded(&self, word: &str) -> Result<Expanded, Left> {
        self.finished(word, words::expand(word, self.escape, &|name| self.value(name)))
    }

    /// A word with its variables replaced and its quotes gone.
    pub(crate) fn expand(&self, word: &str) -> Result<String, Left> {
        Ok(self.expanded(word)?.text)
    }

    /// The same, where one word may become several.
    pub(crate) fn expand_words(&self, word: &str) -> Result<Vec<String>, Left> {
        Ok(self.expanded(word)?.words)
    }

    /// The text of a heredoc with its variables replaced.
    pub(crate) fn expand_text(&self, text: &str) -> Result<String, Left> {
        let expanded = words::expand_text(text, &|name| self.value(name));
        Ok(self.finished("<<", expanded)?.text)
    }

    /// The pairs of an `ENV` or a `LABEL`: `NAME=VALUE …` or `NAME VALUE`.
    pub(crate) fn pairs(&self, at: &Instruction) -> Result<Vec<(String, String)>, Left> {
        let pairs = grammar::pairs(at, self.escape).map_err(refused)?;
        let expand = |pair: grammar::Pair| {
            Ok((self.expand(&pair.name.text)?, self.expand(&pair.value.text)?))
        };
        pairs.into_iter().map(expand).collect()
    }

    /// The `ARG`s of an instruction; one without a value gets that of `before`, from before the first
    /// `FROM`.
    pub(crate) fn args(&self, at: &Instruction, before: Option<&Args>) -> Result<Args, Left> {
        let mut new = Args::new();
        for (name, value) in grammar::args(at, self.escape).map_err(refused)? {
            let name = self.expand(&name.text)?;
            let value = match value {
                Some(value) => Some(self.expand(&value.text)?),
                None => before.and_then(|args| args.get(&name).cloned().flatten()),
            };
            new.insert(name, value);
        }
        Ok(new)
    }
}
