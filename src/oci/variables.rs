//! The variables that an instruction may use, and words with their values in.
//!
//! Unlike `dock::template`, which reads a Dockerfile before the parent is there, this knows every value:
//! what is not set has none.

use std::collections::BTreeMap;

use super::Left;
use super::config::Config;
use crate::dock::scan::Instruction;
use crate::dock::words::{self, Value};

/// `ARG`s by name; one without a value is declared only.
pub(super) type Args = BTreeMap<String, Option<String>>;

/// What a word is expanded with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Variables<'a> {
    pub escape: char,
    pub args: &'a Args,
    /// Their `ENV` wins; there is none before the first `FROM`.
    pub config: Option<&'a Config>,
}

impl Variables<'_> {
    fn value(&self, name: &str) -> Value {
        let env = self.config.and_then(|config| config.variable(name)).map(str::to_owned);
        let value = env.or_else(|| self.args.get(name).cloned().flatten());
        value.map_or(Value::Unset, Value::Known)
    }

    /// A word with its variables replaced and its quotes gone.
    pub fn expand(&self, word: &str) -> Result<String, Left> {
        if words::split(word, self.escape).is_none() {
            return Err(Left::new("a quote is never closed"));
        }
        let expanded = words::expand(word, self.escape, &|name| self.value(name));
        for missing in expanded.missing {
            let written = &word[missing.range];
            if missing.operator || written.contains('?') {
                return Err(Left::new(format!("`{written}` is not evaluated here")));
            }
        }
        Ok(expanded.text)
    }

    /// Words, each expanded.
    pub fn expand_all(&self, words: impl IntoIterator<Item = String>) -> Result<Vec<String>, Left> {
        words.into_iter().map(|word| self.expand(&word)).collect()
    }

    /// The pairs of an `ENV` or a `LABEL`: `NAME=VALUE …` or `NAME VALUE`.
    pub fn pairs(&self, at: &Instruction) -> Result<Vec<(String, String)>, Left> {
        let text = at.rest();
        let malformed = || Left::new(format!("`{} {text}` is malformed", at.name.to_uppercase()));
        let split = words::split(text, self.escape).ok_or_else(malformed)?;
        let words = split.into_iter().map(|range| &text[range]).collect::<Vec<_>>();
        let pairs = if words.first().ok_or_else(malformed)?.contains('=') {
            let pairs = words.into_iter().map(|word| word.split_once('='));
            pairs.collect::<Option<Vec<_>>>().ok_or_else(malformed)?
        } else {
            let (name, value) = text.split_once(char::is_whitespace).ok_or_else(malformed)?;
            vec![(name, value.trim_start())]
        };
        let expand = |(name, value): (&str, &str)| Ok((self.expand(name)?, self.expand(value)?));
        let pairs = pairs.into_iter().map(expand).collect::<Result<Vec<_>, _>>()?;
        if pairs.iter().any(|(name, _)| name.is_empty()) { Err(malformed()) } else { Ok(pairs) }
    }

    /// The `ARG`s of an instruction; one without a value gets that of `before`, from before the first
    /// `FROM`.
    pub fn args(&self, at: &Instruction, before: Option<&Args>) -> Result<Args, Left> {
        let mut new = Args::new();
        for word in at.shell_words(self.escape) {
            let (name, value) = match word.text.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(self.expand(value)?)),
                None => {
                    let value = before.and_then(|args| args.get(&word.text).cloned().flatten());
                    (word.text, value)
                }
            };
            new.insert(name, value);
        }
        Ok(new)
    }
}
