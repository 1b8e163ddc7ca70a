//! What publishers sign, as text: fingerprints, the cleartext frame, digest lists, the pointer to
//! the newest stage3.
//!
//! Pure: knows no file, no network, no clock and no cryptography. Whoever calls the parsers of
//! `digests` and `pointer` hands them text that `world::openpgp` returned as verified.

use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{Error, Place};

pub mod cleartext;
pub mod digests;
pub mod fingerprint;
pub mod pointer;

pub use fingerprint::Fingerprint;

/// The day of a time in UTC as `YYYY-MM-DD`; times before 1970 count as 1970-01-01.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// let time = UNIX_EPOCH + Duration::from_secs(1_772_323_200);
/// assert_eq!(gentoo_bb::trust::date(time), "2026-03-01");
/// ```
pub fn date(time: SystemTime) -> String {
    let days = time.duration_since(UNIX_EPOCH).map_or(0, |past| past.as_secs() / 86_400);
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Days since 1970-01-01 as year, month, day (Howard Hinnant's `civil_from_days`).
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year_of_era + era * 400 + next, month, day)
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn dates() {
        let day = |days: u64| date(UNIX_EPOCH + Duration::from_secs(days * 86_400 + 86_399));
        assert_eq!(day(0), "1970-01-01");
        assert_eq!(day(59), "1970-03-01");
        assert_eq!(day(11_016), "2000-02-29");
        assert_eq!(day(20_635), "2026-07-01");
        assert_eq!(date(UNIX_EPOCH - Duration::from_secs(5)), "1970-01-01");
    }
}
