//! The table `[limits]` of `bb.toml`.
//!
//! Which limits there are, and what they are for, only [`crate::base::limits`] knows.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use super::Settings;
use crate::base::error::{Error, Place, Result};
use crate::base::limits::{Limit, Unit};
use crate::base::words::suggestion;

/// Values by name.
pub(super) type Table = BTreeMap<Spanned<String>, Spanned<Given>>;

/// A number, or a size as text.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "a limit is a number, or a size such as \"4 GiB\"")]
pub(super) enum Given {
    Number(u64),
    Text(String),
}

impl Settings {
    pub(super) fn apply_limits(&mut self, file: &Path, text: &str, table: &Table) -> Result<()> {
        for (name, given) in table {
            let wrong =
                |message: String, span| Error::config(message).at(Place::new(file, text, span));
            let Some(limit) = Limit::named(name.get_ref()) else {
                let known = Limit::settable().map(|limit| limit.row().name.to_owned());
                let hint = suggestion(name.get_ref(), &known.collect::<Vec<_>>());
                let message = format!("`{}` is not a limit", name.get_ref());
                return Err(wrong(message, name.span()).hint(hint));
            };
            let written = match given.get_ref() {
                Given::Number(number) => number.to_string(),
                Given::Text(text) => text.clone(),
            };
            let value = limit.parse(&written).ok_or_else(|| {
                let what = limit.row().what;
                let message = format!("`{written}` is not a number of {what}");
                wrong(message, given.span())
                    .hint(EXAMPLE[usize::from(limit.row().unit == Unit::Bytes)])
            })?;
            self.sources.at(format!("limits.{}", limit.row().name), name.span());
            self.limits.set(limit, value);
        }
        Ok(())
    }
}

/// What to write for a number, and for a size.
const EXAMPLE: [&str; 2] = ["a whole number above 0, such as 1000", "a size, such as \"4 GiB\""];
