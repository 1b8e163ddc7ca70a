//! Times as people write them, in UTC.
//!
//! Pure: knows no clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::base::error::{Error, Result};

const DAY: u64 = 86_400;

/// The day of a time in UTC as `YYYY-MM-DD`; times before 1970 count as 1970-01-01.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// let time = UNIX_EPOCH + Duration::from_secs(1_772_323_200);
/// assert_eq!(gentoo_bb::base::time::date(time), "2026-03-01");
/// ```
pub fn date(time: SystemTime) -> String {
    let (year, month, day) = civil(seconds(time) / DAY);
    format!("{year:04}-{month:02}-{day:02}")
}

/// A time in UTC as `YYYY-MM-DDThh:mm:ssZ`.
pub fn stamp(time: SystemTime) -> String {
    let second = seconds(time) % DAY;
    format!("{}T{:02}:{:02}:{:02}Z", date(time), second / 3600, second / 60 % 60, second % 60)
}

/// Reads `YYYY-MM-DD`, `YYYY-MM-DDThh:mm:ssZ` (also with a blank for the `T`, without seconds or
/// `Z`) or seconds since 1970; the time is in UTC.
///
/// # Errors
/// Exit 2: it is none of these.
pub fn parse(text: &str) -> Result<SystemTime> {
    let since = text.parse().ok().or_else(|| written(text)).ok_or_else(|| {
        Error::usage(format!("`{text}` is not a time"))
            .hint("write `2026-03-01`, `2026-03-01T12:00:00Z` or seconds since 1970; in UTC")
    })?;
    UNIX_EPOCH
        .checked_add(Duration::from_secs(since))
        .ok_or_else(|| Error::usage(format!("`{text}` is too far in the future")))
}

/// Reads a day as files' names have it, `YYYYMMDD`: its first second in UTC.
pub fn parse_compact(text: &str) -> Option<SystemTime> {
    if text.len() != 8 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = text.split_at_checked(4)?;
    let (month, day) = rest.split_at_checked(2)?;
    UNIX_EPOCH.checked_add(Duration::from_secs(written(&format!("{year}-{month}-{day}"))?))
}

/// Reads a time of a web server's: `Sun, 01 Mar 2026 12:00:00 GMT`.
///
/// Source: RFC 9110, 5.6.7; the two obsolete forms do not count.
pub fn parse_http(text: &str) -> Option<SystemTime> {
    let mut words = text.split_once(", ")?.1.split(' ');
    let (day, month, year, time) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let months =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = 1 + months.iter().position(|name| *name == month)?;
    let since = written(&format!("{year}-{month}-{day}T{time}"))?;
    let gmt = words.next() == Some("GMT") && words.next().is_none();
    UNIX_EPOCH.checked_add(Duration::from_secs(since)).filter(|_| gmt)
}

/// Reads a time with an offset, as engines write it: `2026-03-01T12:00:00.123456789+01:00`.
///
/// Source: RFC 3339.
pub fn parse_rfc3339(text: &str) -> Option<SystemTime> {
    let (time, rest) = text.split_at_checked("2026-03-01T12:00:00".len())?;
    let digits = rest
        .strip_prefix('.')
        .map_or(rest, |rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    let local = UNIX_EPOCH.checked_add(Duration::from_secs(written(time)?))?;
    if matches!(digits, "Z" | "z") {
        return Some(local);
    }
    let (sign, offset) = digits.split_at_checked(1)?;
    let (hours, minutes) = offset.split_once(':')?;
    let offset = Duration::from_secs(number(hours)? * 3_600 + number(minutes)? * 60);
    match sign {
        "+" => local.checked_sub(offset),
        "-" => local.checked_add(offset),
        _ => None,
    }
}

fn written(text: &str) -> Option<u64> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00:00"));
    let mut fields = date.splitn(3, '-').map(number);
    let (year, month, day) = (fields.next()??, fields.next()??, fields.next()??);
    let days = days_since_1970(year, month, day).filter(|days| civil(*days) == (year, month, day));
    let mut fields = time.splitn(3, ':').map(number);
    let (hour, minute) = (fields.next()??, fields.next()??);
    let second = fields.next().unwrap_or(Some(0))?;
    let in_day = hour < 24 && minute < 60 && second < 60;
    Some(days? * DAY + hour * 3600 + minute * 60 + second).filter(|_| in_day)
}

fn number(field: &str) -> Option<u64> {
    let digits = (1..=4).contains(&field.len()) && field.bytes().all(|b| b.is_ascii_digit());
    field.parse().ok().filter(|_| digits)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |past| past.as_secs())
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

/// The inverse (his `days_from_civil`); `None` before 1970.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    let (shifted, month) =
        if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let (era, year_of_era) = (shifted / 400, shifted % 400);
    let day_of_year = (153 * month + 2) / 5 + day.checked_sub(1)?;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let day = |days: u64| date(UNIX_EPOCH + Duration::from_secs(days * 86_400 + 86_399));
        assert_eq!(day(0), "1970-01-01");
        assert_eq!(day(59), "1970-03-01");
        assert_eq!(day(11_016), "2000-02-29");
        assert_eq!(day(20_635), "2026-07-01");
        assert_eq!(date(UNIX_EPOCH - Duration::from_secs(5)), "1970-01-01");
    }

    #[test]
    fn what_is_written_is_read() {
        for days in (0..40_000).step_by(17) {
            let time = UNIX_EPOCH + Duration::from_secs(days * DAY + 45_296);
            assert_eq!(parse(&stamp(time)).unwrap(), time);
        }
        let noon = UNIX_EPOCH + Duration::from_secs(1_772_366_400);
        for text in ["2026-03-01T12:00:00Z", "2026-03-01 12:00", "1772366400"] {
            assert_eq!(parse(text).unwrap(), noon, "{text}");
        }
        assert_eq!(stamp(noon), "2026-03-01T12:00:00Z");
        assert_eq!(stamp(parse("2026-03-01").unwrap()), "2026-03-01T00:00:00Z");
    }

    #[test]
    fn what_servers_and_engines_write_is_read() {
        let noon = UNIX_EPOCH + Duration::from_secs(1_772_366_400);
        assert_eq!(parse_http("Sun, 01 Mar 2026 12:00:00 GMT"), Some(noon));
        for text in [
            "2026-03-01T12:00:00Z",
            "2026-03-01T12:00:00.123456789Z",
            "2026-03-01T13:00:00.1+01:00",
            "2026-03-01T06:30:00-05:30",
        ] {
            assert_eq!(parse_rfc3339(text), Some(noon), "{text}");
        }
        for text in [
            "",
            "Sun, 01 Mar 2026 12:00:00",
            "Sun, 01 Mar 2026 12:00:00 CET",
            "Sun, 32 Mar 2026 12:00:00 GMT",
            "Sun, 01 Mrz 2026 12:00:00 GMT",
            "Sunday, 01-Mar-26 12:00:00 GMT",
            "2026-03-01T12:00:00",
            "2026-03-01T12:00:00+1",
            "2026-03-01T12:00:00 01:00",
            "2026-03-01T12:00:0é",
            "9999999-03-01T12:00:00Z",
        ] {
            assert_eq!((parse_http(text), parse_rfc3339(text)), (None, None), "{text}");
        }
    }

    #[test]
    fn days_in_names() {
        assert_eq!(parse_compact("20260301").map(date).as_deref(), Some("2026-03-01"));
        for text in ["", "2026", "20260230", "202603011", "2026é1", "20260301T000000Z", "-0260301"]
        {
            assert_eq!(parse_compact(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_time() {
        for text in
            ["", "now", "2026-02-29", "2026-13-01", "2026-00-01", "1969-12-31", "2026-03-01T24:00"]
        {
            assert_eq!(parse(text).unwrap_err().message(), format!("`{text}` is not a time"));
        }
        for text in
            ["2026-03-01T12", "2026-3", "+2026-03-01", "2026-03-00", "-1", "2026-03-01T1:2:3:4"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
