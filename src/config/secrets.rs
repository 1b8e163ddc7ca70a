//! `[secrets]`: where the values of secrets are that commands of Dockerfiles see.
//!
//! Reads no file. A value is told to nobody: it is in no message, no debug text and nothing that is kept.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use crate::base::error::{Error, Place, Result};
use crate::base::secret::hidden_settings;

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// In a file, relative to the project.
    File(PathBuf),
    /// In a variable of this name; its value, if it has one.
    Variable(String, Option<Hidden>),
}

/// A value that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(pub String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Variable(name, _) => write!(f, "the variable {name}"),
        }
    }
}

/// `NAME = { file = "PATH" }` or `NAME = { env = "…" }`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    file: Option<PathBuf>,
    env: Option<String>,
}

impl Row {
    fn secret(&self, env: &BTreeMap<String, String>) -> Option<Secret> {
        match (&self.file, &self.env) {
            (Some(path), None) => Some(Secret::File(path.clone())),
            (None, Some(name)) => {
                Some(Secret::Variable(name.clone(), env.get(name).cloned().map(Hidden)))
            }
            _ => None,
        }
    }
}

/// The secrets of a table. `place` is the text of `bb.toml` and its file.
pub(super) fn read(
    rows: &BTreeMap<String, Spanned<Row>>,
    env: &BTreeMap<String, String>,
    (file, text): (&std::path::Path, &str),
) -> Result<BTreeMap<String, Secret>> {
    let secret = |(name, row): (&String, &Spanned<Row>)| {
        let secret = row.get_ref().secret(env).ok_or_else(|| {
            let message = format!("the secret `{name}` is in a file or in a variable");
            Error::config(message)
                .at(Place::new(file, hidden_settings(text), row.span()))
                .hint("`{ file = \"PATH\" }` or `{ env = \"…\" }`")
        })?;
        Ok((name.clone(), secret))
    };
    rows.iter().map(secret).collect()
}
