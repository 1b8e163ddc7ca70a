//! Lists of digests as Gentoo publishes them beside a stage3 (`NAME.DIGESTS`).
//!
//! Two forms, also mixed: `# SHA512 HASH` followed by lines of `HEX  NAME`, and `SHA512 (NAME) =
//! HEX`. Does not know whether the text is signed and computes no digest.

use super::{Line, lines, malformed};
use crate::base::error::{Error, Result};

/// The digests a list gives for one file, in lower-case hex; at least one is present.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Digests {
    /// SHA-512, 128 digits.
    pub sha512: Option<String>,
    /// `BLAKE2b` with 512 bits, 128 digits; lists before 2021 lack it.
    pub blake2b: Option<String>,
}

/// One line of a list, whatever its form.
struct Entry<'a> {
    algorithm: &'a str,
    hex: &'a str,
    name: &'a str,
}

/// The digests of exactly `name` in `text`, a list called `file` in messages.
///
/// # Errors
/// A line that is no digest, two values for one digest, or no usable digest of `name`.
pub fn parse(text: &str, name: &str, file: &str) -> Result<Digests> {
    let mut found = Digests::default();
    let mut names = Vec::new();
    let mut header = None;
    for line in lines(text) {
        if let Some(comment) = line.text.strip_prefix('#') {
            header = algorithm_of(comment);
        } else if !line.text.trim().is_empty() {
            let entry = entry(&line, header)
                .ok_or_else(|| malformed(file, text, line.span.clone(), "has a malformed line"))?;
            names.push(entry.name);
            if entry.name == name {
                found.add(&entry).map_err(|why| malformed(file, text, line.span.clone(), &why))?;
            }
        }
    }
    if found == Digests::default() { Err(absent(file, name, names)) } else { Ok(found) }
}

impl Digests {
    /// Keeps an entry; algorithms that are neither SHA512 nor BLAKE2B are ignored.
    fn add(&mut self, entry: &Entry<'_>) -> Result<(), String> {
        let slot = match entry.algorithm {
            "SHA512" => &mut self.sha512,
            "BLAKE2B" => &mut self.blake2b,
            _ => return Ok(()),
        };
        let hex = entry.hex.to_ascii_lowercase();
        if hex.len() != 128 {
            return Err(format!("has a {} that is not 128 digits long", entry.algorithm));
        }
        match slot {
            Some(other) if *other != hex => {
                Err(format!("has two different {} values for `{}`", entry.algorithm, entry.name))
            }
            _ => {
                *slot = Some(hex);
                Ok(())
            }
        }
    }
}

/// `SHA512` of the comment ` SHA512 HASH`.
fn algorithm_of(comment: &str) -> Option<&str> {
    let mut words = comment.split_whitespace();
    let algorithm = words.next()?;
    (words.next() == Some("HASH") && words.next().is_none()).then_some(algorithm)
}

fn entry<'a>(line: &Line<'a>, header: Option<&'a str>) -> Option<Entry<'a>> {
    let entry = bsd(line.text).or_else(|| plain(line.text, header?))?;
    let is_hex = !entry.hex.is_empty() && entry.hex.bytes().all(|b| b.is_ascii_hexdigit());
    (is_hex && !entry.name.is_empty()).then_some(entry)
}

fn plain<'a>(text: &'a str, algorithm: &'a str) -> Option<Entry<'a>> {
    let (hex, rest) = text.split_once(' ')?;
    let name = rest.strip_prefix([' ', '*']).unwrap_or(rest);
    Some(Entry { algorithm, hex, name })
}

fn bsd(text: &str) -> Option<Entry<'_>> {
    let (algorithm, rest) = text.split_once(" (")?;
    let (name, hex) = rest.rsplit_once(") = ")?;
    (!algorithm.contains(' ')).then_some(Entry { algorithm, hex, name })
}

fn absent(file: &str, name: &str, mut names: Vec<&str>) -> Error {
    names.sort_unstable();
    names.dedup();
    let error = Error::trust(format!("`{file}` has no SHA512 and no BLAKE2B of `{name}`"));
    match names.as_slice() {
        [] => error.hint("it lists no file at all"),
        names => error.hint(format!("it lists `{}`", names.join("`, `"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "stage3-amd64-openrc-20260301T170104Z.tar.xz";

    fn hex(digit: char) -> String {
        digit.to_string().repeat(128)
    }

    fn fails(text: &str) -> String {
        parse(text, NAME, "x.DIGESTS").unwrap_err().message().to_owned()
    }

    fn both() -> Digests {
        Digests { sha512: Some(hex('a')), blake2b: Some(hex('b')) }
    }

    #[test]
    fn todays_layout() {
        let (a, b, c) = (hex('A'), hex('b'), hex('c'));
        let text = format!(
            "# BLAKE2B HASH\n{b}  {NAME}\n# SHA512 HASH\n{a}  {NAME}\n\
             # BLAKE2B HASH\n{c}  {NAME}.CONTENTS.gz\n# SHA512 HASH\n{c}  {NAME}.CONTENTS.gz\n"
        );
        assert_eq!(parse(&text, NAME, "x").unwrap(), both());
        assert_eq!(parse(&text.replace('\n', "\r\n"), NAME, "x").unwrap(), both());
        assert_eq!(parse(&text.replace("  stage", " *stage"), NAME, "x").unwrap(), both());
    }

    #[test]
    fn old_layout_with_whirlpool() {
        let (a, w) = (hex('a'), hex('d'));
        let text = format!("# SHA512 HASH\n{a}  {NAME}\n# WHIRLPOOL HASH\n{w}  {NAME}\n");
        let digests = parse(&text, NAME, "x").unwrap();
        assert_eq!(digests, Digests { sha512: Some(a), blake2b: None });
    }

    #[test]
    fn bsd_form() {
        let text = format!("BLAKE2B ({NAME}) = {}\nSHA512 ({NAME}) = {}", hex('b'), hex('a'));
        assert_eq!(parse(&text, NAME, "x").unwrap(), both());
    }

    #[test]
    fn two_values_are_refused_and_repeats_are_not() {
        let (a, c) = (hex('a'), hex('c'));
        let text = format!("# SHA512 HASH\n{a}  {NAME}\n{a}  {NAME}\n");
        assert!(parse(&text, NAME, "x").is_ok());
        assert_eq!(
            fails(&format!("{text}SHA512 ({NAME}) = {c}\n")),
            format!("`x.DIGESTS` has two different SHA512 values for `{NAME}`")
        );
    }

    #[test]
    fn only_the_exact_name_counts() {
        let text = format!("# SHA512 HASH\n{}  ./{NAME}\n{}  {NAME}.asc\n", hex('a'), hex('b'));
        let error = parse(&text, NAME, "x").unwrap_err();
        assert_eq!(error.message(), format!("`x` has no SHA512 and no BLAKE2B of `{NAME}`"));
        assert_eq!(error.hint_text(), Some(&*format!("it lists `./{NAME}`, `{NAME}.asc`")));
        assert_eq!(parse("", NAME, "x").unwrap_err().hint_text(), Some("it lists no file at all"));
        let md5 = format!("# MD5 HASH\n{}  {NAME}\n", "a".repeat(32));
        assert_eq!(fails(&md5), format!("`x.DIGESTS` has no SHA512 and no BLAKE2B of `{NAME}`"));
    }

    #[test]
    fn malformed_lines() {
        let a = hex('a');
        let malformed = "`x.DIGESTS` has a malformed line";
        for text in [
            format!("{a}  {NAME}\n"),
            format!("# SHA512 HASH\n{a}\n"),
            format!("# SHA512 HASH\n  {NAME}\n"),
            format!("# SHA512 HASH\n{a}  \n"),
            format!("# SHA512 HASH\nxyz  {NAME}\n"),
            format!("# SHA512 HASH\n# a comment\n{a}  {NAME}\n"),
            format!("SHA512 ({NAME}) = \n"),
            "<html>\n".to_owned(),
        ] {
            assert_eq!(fails(&text), malformed, "{text}");
        }
        let short = format!("# SHA512 HASH\n{}  {NAME}\n", &a[1..]);
        assert_eq!(fails(&short), "`x.DIGESTS` has a SHA512 that is not 128 digits long");
    }
}
