//! The variables of one stage, or those before the first `FROM`.
//!
//! Does not know where their values are used.

use std::collections::BTreeMap;

use crate::dock::scan::Instruction;
use crate::dock::words::{Expanded, Value, expand, split};

/// Variables by name; `None` is one whose value is not known here.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    args: BTreeMap<String, Option<String>>,
    env: BTreeMap<String, Option<String>>,
}

impl Scope {
    /// The scope of a stage built on another: its `ENV` is inherited, its `ARG`s are not.
    pub fn child(&self) -> Self {
        Self {
            args: BTreeMap::new(),
            env: self.env.clone(),
        }
    }

    /// Is there an `ARG` of this name?
    pub fn declares(&self, name: &str) -> bool {
        self.args.contains_key(name)
    }

    /// The value in a stage: what is not set here may come from the parent image.
    pub fn in_stage(&self, name: &str) -> Value {
        let found = self.env.get(name).or_else(|| self.args.get(name));
        found
            .cloned()
            .flatten()
            .map_or(Value::Unknown, Value::Known)
    }

    /// The value in a `FROM`, where only the `ARG`s before the first one count.
    pub fn in_from(&self, name: &str) -> Value {
        self.args
            .get(name)
            .cloned()
            .flatten()
            .map_or(Value::Unset, Value::Known)
    }

    /// An `ARG`; without a value it takes the one from before the first `FROM`.
    pub fn add_args(&mut self, instruction: &Instruction, escape: char, global: Option<&Scope>) {
        for word in instruction.shell_words(escape) {
            let (name, value) = match word.text.split_once('=') {
                Some((name, value)) => (name, self.value(value, escape, global.is_some())),
                None => (
                    word.text.as_str(),
                    global.and_then(|g| g.args.get(&word.text)?.clone()),
                ),
            };
            self.args.insert(name.to_owned(), value);
        }
    }

    /// An `ENV`, as `NAME=value …` or as `NAME value`.
    pub fn add_env(&mut self, instruction: &Instruction, escape: char) {
        let text = instruction.rest();
        let first = text.split_whitespace().next().unwrap_or_default();
        if !first.contains('=') {
            let value = self.value(text[first.len()..].trim_start(), escape, true);
            self.env.insert(first.to_owned(), value);
            return;
        }
        let words = split(text, escape).unwrap_or_default();
        let pairs = words
            .into_iter()
            .filter_map(|range| text[range].split_once('='));
        let values: Vec<_> = pairs
            .map(|(n, v)| (n.to_owned(), self.value(v, escape, true)))
            .collect();
        self.env.extend(values);
    }

    /// A value, with the variables that are known so far; `None` if one of them is not.
    fn value(&self, text: &str, escape: char, stage: bool) -> Option<String> {
        let lookup = |name: &str| {
            if stage {
                self.in_stage(name)
            } else {
                self.in_from(name)
            }
        };
        let Expanded { text, missing } = expand(text, escape, &lookup);
        missing.is_empty().then_some(text)
    }
}
