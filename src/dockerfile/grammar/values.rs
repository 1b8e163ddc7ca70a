//! What the values of instructions may be, with their variables replaced: ports, signals, durations.
//!
//! Pure: texts in, values out.

use std::net::IpAddr;

/// The ports of one word of `EXPOSE`, as `80/tcp`: `PORT` or `FIRST-LAST`, both with `/tcp`, `/udp` or `/sctp`;
/// a port or an address of this machine before it is checked and left away, as in Docker.
/// Source: `ParsePortSpec` of <https://github.com/docker/go-connections/blob/v0.4.0/nat/nat.go>.
pub(crate) fn ports(text: &str) -> Option<impl Iterator<Item = String>> {
    let mut parts = text.rsplitn(3, ':');
    let (port, outside, address) = (parts.next()?, parts.next(), parts.next());
    let address = address.unwrap_or_default();
    let inner = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    // An address with colons has its brackets.
    let plain = inner.is_some() || !address.contains(':');
    let address = inner.unwrap_or(address);
    if !plain || !address.is_empty() && address.parse::<IpAddr>().is_err() {
        return None;
    }
    let mut parts = port.split('/');
    let (range, protocol) = (parts.next()?, parts.next().filter(|text| !text.is_empty()));
    let protocol = protocol.unwrap_or("tcp").to_lowercase();
    let (first, last) = port_range(range)?;
    if let Some(outside) = outside.filter(|text| !text.is_empty()) {
        let (from, to) = port_range(outside)?;
        if first != last && to - from != last - first {
            return None;
        }
    }
    let known = ["tcp", "udp", "sctp"].contains(&protocol.as_str());
    known.then(|| (first..=last).map(move |number| format!("{number}/{protocol}")))
}

fn port_range(text: &str) -> Option<(u16, u16)> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if digits { text.parse().ok() } else { None }
    };
    let mut parts = text.split('-');
    let first = number(parts.next()?)?;
    let last = parts.next().map_or(Some(first), number)?;
    (first <= last).then_some((first, last))
}

/// Names that every Linux has, without the real-time ones.
const SIGNALS: [&str; 34] = [
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL",
    "PIPE", "POLL", "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP",
    "TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ",
];

/// Is this a signal as `STOPSIGNAL` takes it: a name with or without `SIG`, or any number but 0?
/// Source: `pkg/signal` of <https://github.com/moby/moby/tree/v20.10.24>.
pub(crate) fn is_signal(text: &str) -> bool {
    if let Ok(number) = text.parse::<i64>() {
        return number != 0;
    }
    let upper = text.to_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let real_time = |prefix: &str, most: u8| {
        let number = name.strip_prefix(prefix);
        number.is_some_and(|text| (1..=most).any(|number| number.to_string() == text))
    };
    SIGNALS.contains(&name)
        || ["RTMIN", "RTMAX"].contains(&name)
        || real_time("RTMIN+", 15)
        || real_time("RTMAX-", 14)
}

/// Nanoseconds of a duration as Go writes it: `1m30s`, `500ms`, `1.5h`, `0`; nothing if it is none, or below 0.
/// Source: `time.ParseDuration`.
pub(crate) fn duration(text: &str) -> Option<u64> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" || rest == "-0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (part, after) = after.strip_prefix('.').map_or(("", after), digits);
        if whole.is_empty() && part.is_empty() {
            return None;
        }
        let end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let unit = unit(&after[..end])?;
        let number = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
        total = total.checked_add(number.checked_mul(unit)?)?.checked_add(fraction(part, unit))?;
        rest = &after[end..];
    }
    i64::try_from(total).is_ok().then_some(total)
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// That part of a unit, cut to whole nanoseconds.
fn fraction(digits: &str, unit: u64) -> u64 {
    let (mut number, mut scale) = (0_u128, 1_u128);
    for digit in digits.bytes().take(18) {
        number = number * 10 + u128::from(digit - b'0');
        scale *= 10;
    }
    u64::try_from(number * u128::from(unit) / scale).unwrap_or(0)
}

fn unit(text: &str) -> Option<u64> {
    Some(match text {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        let table = [
            ("1m30s", 90_000_000_000),
            ("500ms", 500_000_000),
            ("0", 0),
            ("+5s", 5_000_000_000),
            ("1.5s", 1_500_000_000),
            (".5m", 30_000_000_000),
            ("1.s", 1_000_000_000),
            ("1h1ns", 3_600_000_000_001),
            ("3µs", 3_000),
            ("0.3333333333333333333h", 1_199_999_999_999),
            ("0s", 0),
        ];
        for (text, wanted) in table {
            assert_eq!(duration(text), Some(wanted), "{text}");
        }
        let none =
            ["", "5", "s", ".s", ".", "1d", "-1s", "1 s", "1.2.3s", "9999999h", "+", "1s-", "１s"];
        for bad in none {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn ports_are_dockers() {
        let one = |text: &str| ports(text).map(|ports| ports.collect::<Vec<_>>().join(" "));
        let table = [
            ("80", "80/tcp"),
            ("80/", "80/tcp"),
            ("53/UDP", "53/udp"),
            ("1-3/sctp", "1/sctp 2/sctp 3/sctp"),
            ("1-2-9", "1/tcp 2/tcp"),
            ("80/tcp/x", "80/tcp"),
            ("8080:80", "80/tcp"),
            ("1.2.3.4:1:2/udp", "2/udp"),
            ("[::1]:1:2", "2/tcp"),
            ("1.2.3.4::2", "2/tcp"),
            ("1-3:4-6", "4/tcp 5/tcp 6/tcp"),
            ("1-3:4", "4/tcp"),
            ("0", "0/tcp"),
            ("65535", "65535/tcp"),
        ];
        for (text, wanted) in table {
            assert_eq!(one(text).as_deref(), Some(wanted), "{text}");
        }
        let none = [
            "",
            "x",
            "+5",
            "-1",
            "65536",
            "5-4",
            "80/icmp",
            ":",
            "1:",
            "x:80",
            "1.2.3:1:2",
            "::1:1:2",
            "1-2:4-9",
            "80 81",
            "/tcp",
        ];
        for bad in none {
            assert_eq!(one(bad), None, "{bad}");
        }
    }

    #[test]
    fn signals_are_dockers() {
        for good in
            ["9", "-3", "99", "term", "SIGTERM", "sigrtmin+3", "RTMIN", "RTMAX-14", "iot", "SIGCLD"]
        {
            assert!(is_signal(good), "{good}");
        }
        let none = [
            "",
            "0",
            "SIGRTMIN+99",
            "RTMIN+16",
            "RTMIN+01",
            "RTMAX-15",
            "RTMAX+1",
            "X",
            "SIG",
            "SIGSIGTERM",
            "9x",
        ];
        for bad in none {
            assert!(!is_signal(bad), "{bad}");
        }
    }
}
