//! What publishers sign, as text: fingerprints, the cleartext frame, digest lists, the pointer to
//! the newest stage3.
//!
//! Pure but for [`keys`], which are files, [`release`], which asks mirrors, and [`openpgp`], which asks the
//! clock and alone knows cryptography. Whoever calls the parsers of `digests` and `pointer` hands them text
//! that `gentoo::openpgp` returned as verified.

use std::ops::Range;

use crate::base::error::{Error, Place};

pub mod cleartext;
pub mod digests;
pub mod fingerprint;
pub mod keys;
pub mod openpgp;
pub mod pointer;
pub mod release;

pub use fingerprint::Fingerprint;

/// A line of a text with its byte range, without its line ending (LF or CRLF).
struct Line<'a> {
    text: &'a str,
    span: Range<usize>,
}

fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut start = 0;
    text.split('\n').map(move |raw| {
        let line = raw.strip_suffix('\r').unwrap_or(raw);
        let span = start..start + line.len();
        start += raw.len() + 1;
        Line { text: line, span }
    })
}

/// The error for one line of a signed file; `file` is its name for messages.
fn malformed(file: &str, text: &str, span: Range<usize>, message: &str) -> Error {
    Error::trust(format!("`{file}` {message}")).at(Place::new(file, text, span))
}
