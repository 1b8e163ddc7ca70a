//! The frame of a clearsigned text (RFC 9580, section 7): what is text, what is signature.
//!
//! Checks no signature. Stricter than the RFC: nothing but blank lines may stand outside the
//! frame, no other header than `Hash`, one frame in a file.

use crate::base::error::{Error, Result};

const BEGIN: &[u8] = b"-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &[u8] = b"-----BEGIN PGP SIGNATURE-----";
const END: &[u8] = b"-----END PGP SIGNATURE-----";

/// A clearsigned file taken apart; nothing in it is verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<'a> {
    lines: Vec<&'a [u8]>,
    /// The armored signature, from its first line to its last.
    pub signature: Vec<u8>,
}

impl Frame<'_> {
    /// What the signature covers: lines ended by CRLF, without the last line ending.
    pub fn signed(&self) -> Vec<u8> {
        self.lines.join(&b"\r\n"[..])
    }

    /// The same text with lines ended by LF, the last one too; white space at the ends of
    /// lines, which the signature does not cover, is gone.
    pub fn text(&self) -> Vec<u8> {
        let mut text = self.lines.join(&b"\n"[..]);
        text.push(b'\n');
        text
    }
}

/// Takes `file` apart; `what` is its name for messages.
///
/// # Errors
/// Exit 5: no such frame, more than one, a cut one, or anything outside it.
pub fn split<'a>(what: &str, file: &'a [u8]) -> Result<Frame<'a>> {
    let lines: Vec<&[u8]> = file.split(|&byte| byte == b'\n').map(trim_end).collect();
    let count = lines.iter().filter(|line| **line == BEGIN).count();
    let first = lines.iter().position(|line| !line.is_empty());
    match (count, first) {
        (0, _) => Err(unsigned(what)),
        (1, Some(first)) if lines[first] == BEGIN => after_begin(what, &lines[first + 1..]),
        (1, _) => Err(outside(what)),
        _ => Err(refused(format!("`{what}` holds more than one signed text"))),
    }
}

fn after_begin<'a>(what: &str, lines: &[&'a [u8]]) -> Result<Frame<'a>> {
    let blank = lines.iter().position(|line| line.is_empty()).ok_or_else(|| cut(what))?;
    if let Some(header) = lines[..blank].iter().find(|line| !is_hash_header(line)) {
        let header = String::from_utf8_lossy(header).escape_debug().to_string();
        return Err(refused(format!("`{what}` has the unexpected header `{header}`")));
    }
    let body = &lines[blank + 1..];
    let sign = body.iter().position(|line| *line == SIGNATURE).ok_or_else(|| cut(what))?;
    let end = body.iter().position(|line| *line == END).ok_or_else(|| cut(what))?;
    if end < sign || body[end + 1..].iter().any(|line| !line.is_empty()) {
        return Err(outside(what));
    }
    let text = body[..sign].iter().map(|line| unescape(what, line)).collect::<Result<_>>()?;
    let mut signature = body[sign..=end].join(&b"\n"[..]);
    signature.push(b'\n');
    Ok(Frame { lines: text, signature })
}

fn unescape<'a>(what: &str, line: &'a [u8]) -> Result<&'a [u8]> {
    match line {
        [b'-', b' ', rest @ ..] => Ok(rest),
        // `- ` whose blank was trimmed: an escaped empty line
        b"-" => Ok(b""),
        [b'-', ..] => {
            let line = String::from_utf8_lossy(line).escape_debug().to_string();
            Err(refused(format!("`{what}` has the unescaped line `{line}` in its signed text")))
        }
        _ => Ok(line),
    }
}

fn is_hash_header(line: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-, ".contains(byte);
    line.strip_prefix(b"Hash: ").is_some_and(|names| names.iter().all(allowed))
}

fn trim_end(line: &[u8]) -> &[u8] {
    let blanks = line.iter().rev().take_while(|byte| b" \t\r".contains(byte)).count();
    &line[..line.len() - blanks]
}

fn unsigned(what: &str) -> Error {
    Error::trust(format!("`{what}` is not signed"))
        .hint("a signed text begins with `-----BEGIN PGP SIGNED MESSAGE-----`; try another mirror")
}

fn refused(message: String) -> Error {
    Error::trust(message).hint("the file is altered or malformed; try another mirror")
}

fn outside(what: &str) -> Error {
    Error::trust(format!("`{what}` has text outside its signed part"))
        .hint("nobody vouches for that text, so the file is refused; try another mirror")
}

/// The error for a signature whose end is missing.
pub fn cut(what: &str) -> Error {
    Error::trust(format!("the signature in `{what}` is cut off"))
        .hint("the file is incomplete; fetch it again")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512, SHA256\n\n\
        one  \n- -two\n\n-----BEGIN PGP SIGNATURE-----\n\nabcd\n-----END PGP SIGNATURE-----\n";

    fn message(file: &str) -> String {
        split("f", file.as_bytes()).unwrap_err().message().to_owned()
    }

    #[test]
    fn text_and_signature() {
        for file in [GOOD.to_owned(), GOOD.replace('\n', "\r\n"), format!("\n{GOOD}\n\r\n")] {
            let frame = split("f", file.as_bytes()).unwrap();
            assert_eq!(frame.signed(), b"one\r\n-two\r\n");
            assert_eq!(frame.text(), b"one\n-two\n\n");
            assert!(frame.signature.starts_with(SIGNATURE));
        }
    }

    #[test]
    fn anything_outside_is_refused() {
        let text = "`f` has text outside its signed part";
        assert_eq!(message(&format!("evil\n{GOOD}")), text);
        assert_eq!(message(&format!("{GOOD}evil\n")), text);
        let swapped = GOOD
            .replace("BEGIN PGP SIGNATURE", "X")
            .replace("END PGP SIGNATURE", "BEGIN PGP SIGNATURE")
            .replace('X', "END PGP SIGNATURE");
        assert_eq!(message(&swapped), text);
    }

    #[test]
    fn frames_in_frames_are_refused() {
        let more = "`f` holds more than one signed text";
        assert_eq!(message(&format!("{GOOD}{GOOD}")), more);
        assert_eq!(message(&GOOD.replace("one", GOOD)), more);
        assert_eq!(
            message(&GOOD.replace("- -two", "-two")),
            "`f` has the unescaped line `-two` in its signed text"
        );
    }

    #[test]
    fn headers_are_checked() {
        assert_eq!(
            message(&GOOD.replace("Hash: SHA512, SHA256", "Comment: \u{1b}[1m")),
            "`f` has the unexpected header `Comment: \\u{1b}[1m`"
        );
    }

    #[test]
    fn every_cut_is_an_error() {
        assert_eq!(message("# plain\n"), "`f` is not signed");
        assert_eq!(message(""), "`f` is not signed");
        for length in BEGIN.len()..GOOD.len() - 1 {
            assert_eq!(message(&GOOD[..length]), "the signature in `f` is cut off", "{length}");
        }
    }
}
