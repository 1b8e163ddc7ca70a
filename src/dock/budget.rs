//! How large an image may be, by its `dock.toml`.

use std::fmt;

use bytesize::ByteSize;
use serde::Deserialize;

use crate::base::words::megabytes;

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
