//! The variables of one stage, or those before the first `FROM`.
//!
//! Does not know where their values are used.

use std::collections::BTreeMap;

use crate::dockerfile::words::Value;

/// Variables by name; `None` is one whose value is not known here.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    args: BTreeMap<String, Option<String>>,
    env: BTreeMap<String, Option<String>>,
}

impl Scope {
    /// The scope of a stage built on another: its `ENV` is inherited, its `ARG`s are not.
    pub(crate) fn child(&self) -> Self {
        Self { args: BTreeMap::new(), env: self.env.clone() }
    }

    /// How much that copies: bytes of names and values, and a few for each.
    pub(crate) fn cost(&self) -> usize {
        let bytes = |(name, value): (&String, &Option<String>)| {
            name.len() + value.as_ref().map_or(0, String::len) + 16
        };
        self.env.iter().map(bytes).sum()
    }

    /// Is there an `ARG` of this name?
    pub(crate) fn declares(&self, name: &str) -> bool {
        self.args.contains_key(name)
    }

    /// The value in a stage: what is not set here may come from the parent image.
    pub(crate) fn in_stage(&self, name: &str) -> Value {
        let found = self.env.get(name).or_else(|| self.args.get(name));
        found.cloned().flatten().map_or(Value::Unknown, Value::Known)
    }

    /// The value in a `FROM`, where only the `ARG`s before the first one count.
    pub(crate) fn in_from(&self, name: &str) -> Value {
        self.args.get(name).cloned().flatten().map_or(Value::Unset, Value::Known)
    }

    /// The value of an `ARG`, if it is known.
    pub(crate) fn arg(&self, name: &str) -> Option<String> {
        self.args.get(name).cloned().flatten()
    }

    /// Sets an `ARG`.
    pub(crate) fn set_arg(&mut self, name: String, value: Option<String>) {
        self.args.insert(name, value);
    }

    /// Sets an `ENV`.
    pub(crate) fn set_env(&mut self, name: String, value: Option<String>) {
        self.env.insert(name, value);
    }
}
