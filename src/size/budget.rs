//! How large an image may be, by its `dock.toml`.

use std::fmt;

use bytesize::ByteSize;
use serde::Deserialize;

use super::{Ledger, megabytes};
use crate::error::Error;

/// Bytes, written as `17 MB` or `16.5 MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Budget(pub u64);

impl TryFrom<String> for Budget {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let size = text.parse::<ByteSize>();
        size.map(|size| Self(size.as_u64()))
            .map_err(|_| format!("`{text}` is not a size, as `17 MB` is"))
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&megabytes(self.0))
    }
}

/// How many contributors are named.
const NAMED: usize = 3;

/// The error of an image that is larger than it may be, with what it has the most of.
pub fn over_budget(ledger: &Ledger, budget: Budget) -> Option<Error> {
    let over = ledger.total.checked_sub(budget.0).filter(|over| *over > 0)?;
    let message = format!(
        "the image `{}` is {} large, {} over its budget of {budget}",
        ledger.image,
        megabytes(ledger.total),
        megabytes(over)
    );
    let hint = "slim it, or raise `size_budget` in its `dock.toml`; see `bb size";
    let error = Error::step(message).hint(format!("{hint} {}`", ledger.image));
    let largest = ledger.packages.iter().take(NAMED);
    let line = |entry: &super::Entry| format!("  {:>10}  {}", megabytes(entry.size), entry.name);
    Some(largest.map(line).fold(error, Error::detail))
}
