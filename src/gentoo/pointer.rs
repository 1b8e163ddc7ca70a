//! The pointer to the newest stage3: `latest-stage3-ARCH-FLAVOUR.txt`.
//!
//! Its signed text is comments (`# ts=EPOCH` among them) and one line
//! `TS/stage3-ARCH-FLAVOUR-TS.tar.xz BYTES`, TS being `YYYYMMDDThhmmssZ`. Does not know mirrors and
//! does not judge how old a pointer may be.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{Line, lines, malformed};
use crate::base::error::{Error, Result};

/// Where the newest stage3 of one flavour is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    /// When the pointer was made, in seconds since 1970, if it says so.
    pub made_at: Option<u64>,
    /// The build's time, `YYYYMMDDThhmmssZ`.
    pub timestamp: String,
    /// The tarball's file name.
    pub name: String,
    /// The tarball's path, relative to the folder of the pointer: `TIMESTAMP/NAME`.
    pub path: String,
    /// The tarball's size in bytes, as the pointer says.
    pub size: u64,
}

/// Reads the pointer called `file` in messages, for exactly `arch` and `flavour`.
///
/// # Errors
/// Anything but comments and one entry of that name: another flavour, a path that leads
/// elsewhere, two entries, none.
pub fn parse(text: &str, arch: &str, flavour: &str, file: &str) -> Result<Pointer> {
    let mut made_at = None;
    let mut found: Option<Pointer> = None;
    for line in lines(text) {
        let fault = |message: &str| malformed(file, text, line.span.clone(), message);
        if let Some(comment) = line.text.strip_prefix('#') {
            if let Some(epoch) = comment.trim().strip_prefix("ts=") {
                made_at = Some(epoch.parse().map_err(|_| fault("has a malformed time"))?);
            }
        } else if !line.text.trim().is_empty() {
            if found.is_some() {
                return Err(fault("names more than one file"));
            }
            found = Some(
                entry(&line, arch, flavour)
                    .map_err(|(span, why)| malformed(file, text, span, &why))?,
            );
        }
    }
    let pointer = found.ok_or_else(|| {
        Error::trust(format!("`{file}` names no stage3"))
            .hint("the mirror may be broken; try another")
    })?;
    Ok(Pointer { made_at, ..pointer })
}

type Fault = (Range<usize>, String);

fn entry(line: &Line<'_>, arch: &str, flavour: &str) -> Result<Pointer, Fault> {
    let all = line.span.clone();
    let (path, size) = line
        .text
        .trim_end()
        .split_once(' ')
        .ok_or_else(|| (all.clone(), "has a line that is not `PATH BYTES`".to_owned()))?;
    let size_at = line.span.start + path.len() + 1..line.span.start + path.len() + 1 + size.len();
    let path_at = line.span.start..line.span.start + path.len();
    let size = match size.parse() {
        Ok(size) if size > 0 => size,
        _ => return Err((size_at, "has a malformed size".to_owned())),
    };
    let (timestamp, name) =
        path.split_once('/').filter(|(timestamp, _)| is_timestamp(timestamp)).ok_or_else(|| {
            (path_at.clone(), "has a path that does not begin with a time".to_owned())
        })?;
    if name != format!("stage3-{arch}-{flavour}-{timestamp}.tar.xz") {
        let wanted = format!("does not name a stage3 of `{arch}-{flavour}`");
        return Err((path_at, wanted));
    }
    Ok(Pointer {
        made_at: None,
        timestamp: timestamp.to_owned(),
        name: name.to_owned(),
        path: path.to_owned(),
        size,
    })
}

/// The flavours of `arch` that a text names, whatever the text is: a list of files, or the pointer
/// to all stage3s.
///
/// ```
/// let text = r#"<a href="latest-stage3-amd64-musl-openrc.txt">"#;
/// assert!(gentoo_bb::gentoo::pointer::flavours(text, "amd64").contains("musl-openrc"));
/// ```
pub fn flavours(text: &str, arch: &str) -> BTreeSet<String> {
    let begin = format!("stage3-{arch}-");
    let named = text.split(begin.as_str()).skip(1).filter_map(|rest| {
        let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
        let word = rest.split(|c| !inside(c) && !matches!(c, 'T' | 'Z')).next()?;
        let timed = || word.rsplit_once('-').filter(|(_, time)| is_timestamp(time));
        if rest[word.len()..].starts_with(".txt") { Some(word) } else { timed().map(|(f, _)| f) }
    });
    named.filter(|word| !word.is_empty() && !word.contains(['T', 'Z'])).map(str::to_owned).collect()
}

/// Whether a text has the form `YYYYMMDDThhmmssZ`.
fn is_timestamp(text: &str) -> bool {
    let form = b"00000000T000000Z";
    text.len() == form.len()
        && text.bytes().zip(form).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            fixed => byte == *fixed,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# Latest as of Sun, 01 Mar 2026 17:30:01 +0000\n# ts=1772386201\n\
        20260301T170104Z/stage3-amd64-openrc-20260301T170104Z.tar.xz 271234567\n";

    fn read(text: &str) -> Result<Pointer> {
        parse(text, "amd64", "openrc", "latest.txt")
    }

    #[test]
    fn a_pointer() {
        let pointer = read(GOOD).unwrap();
        assert_eq!(pointer.made_at, Some(1_772_386_201));
        assert_eq!(pointer.timestamp, "20260301T170104Z");
        assert_eq!(pointer.name, "stage3-amd64-openrc-20260301T170104Z.tar.xz");
        assert_eq!(pointer.path, format!("20260301T170104Z/{}", pointer.name));
        assert_eq!(pointer.size, 271_234_567);
        assert_eq!(read(&GOOD.replace('\n', "\r\n")).unwrap(), pointer);
        assert_eq!(read(&GOOD.replace("# ts=1772386201\n", "")).unwrap().made_at, None);
    }

    #[test]
    fn flavours_with_dashes() {
        let text = GOOD.replace("openrc", "musl-hardened");
        assert!(parse(&text, "amd64", "musl-hardened", "f").is_ok());
        let error = read(&text).unwrap_err();
        assert_eq!(error.message(), "`latest.txt` does not name a stage3 of `amd64-openrc`");
        assert!(read(&GOOD.replace("amd64", "arm64")).is_err());
    }

    #[test]
    fn flavours_in_lists() {
        let page = "<a href=\"latest-stage3-amd64-openrc.txt\">latest-stage3-amd64-openrc.txt</a>\n\
            <a href=\"latest-stage3-arm64-systemd.txt\"> latest-stage3-amd64-x32.txt.sig \
            stage3-amd64-\u{1b}[1m.txt stage3-amd64-.txt latest-stage3-amd64.txt";
        let found = |text: &str| flavours(text, "amd64").into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(found(page), "openrc x32");
        let time = "20260301T170104Z";
        let all = format!("{time}/stage3-amd64-musl-openrc-{time}.tar.xz 1\n");
        assert_eq!(found(&all), "musl-openrc");
        assert_eq!(found(""), "");
    }

    #[test]
    fn everything_else_is_refused() {
        let begin = "`latest.txt` has a path that does not begin with a time";
        let name = "`latest.txt` does not name a stage3 of `amd64-openrc`";
        for (from, to, message) in [
            ("20260301T170104Z/", "../", begin),
            ("20260301T170104Z/", "/20260301T170104Z/", begin),
            ("20260301T170104Z/", "", begin),
            ("20260301T170104Z/", "20260301T170104Z/../", name),
            ("20260301T170104Z/", "20260302T170104Z/", name),
            (".tar.xz", ".tar.bz2", name),
            (" 271234567", "", "`latest.txt` has a line that is not `PATH BYTES`"),
            ("271234567", "0", "`latest.txt` has a malformed size"),
            ("271234567", "-1", "`latest.txt` has a malformed size"),
            ("271234567", "99999999999999999999999", "`latest.txt` has a malformed size"),
            ("271234567", "271234567 x", "`latest.txt` has a malformed size"),
            ("ts=1772386201", "ts=soon", "`latest.txt` has a malformed time"),
        ] {
            let error = read(&GOOD.replacen(from, to, 1)).unwrap_err();
            assert_eq!(error.message(), message, "{from} -> {to}");
            assert!(error.place().is_some());
        }
        assert_eq!(read("# ts=1\n").unwrap_err().message(), "`latest.txt` names no stage3");
        let twice = GOOD.replace("# ts", &format!("{}\n# ts", GOOD.lines().nth(2).unwrap()));
        assert_eq!(read(&twice).unwrap_err().message(), "`latest.txt` names more than one file");
    }
}
