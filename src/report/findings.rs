//! Findings of a check-up as lines for people.
//!
//! Does not know what was looked at.

use crate::base::secret::without_secrets;
use crate::base::words::visible;
use crate::doctor::{Finding, Verdict};

/// A line for each, and below it what to do. Only the verdict has a colour. Where a width is given, longer
/// lines are broken between words.
pub fn text(findings: &[Finding], color: bool, width: Option<usize>) -> String {
    let subject = findings.iter().map(|finding| finding.subject.len()).max().unwrap_or(0);
    findings.iter().map(|finding| lines(finding, subject, color, width)).collect()
}

/// As wide as the longest word for a verdict.
const WORD: usize = 5;
/// What is broken has at least this many columns.
const NARROWEST: usize = 20;

fn lines(finding: &Finding, subject: usize, color: bool, width: Option<usize>) -> String {
    let indent = WORD + 2 + subject + 2;
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(indent).max(NARROWEST));
    let texts = [Some(&finding.text), finding.todo.as_ref()];
    let texts =
        texts.into_iter().flatten().map(|text| visible(&without_secrets(text)).into_owned());
    let broken = texts.flat_map(|text| broken(&text, room));
    let rest = broken.collect::<Vec<_>>().join(&format!("\n{:indent$}", ""));
    let word = format!("{:WORD$}", finding.verdict.word());
    let word = if color { paint(&word, finding.verdict) } else { word };
    format!("{word}  {:subject$}  {rest}\n", visible(finding.subject))
}

fn paint(word: &str, verdict: Verdict) -> String {
    let code = match verdict {
        Verdict::Ok => "32",
        Verdict::Skip => "2",
        Verdict::Warn => "1;33",
        Verdict::Wrong => "1;31",
    };
    format!("\x1b[{code}m{word}\x1b[0m")
}

/// Lines of at most so many letters, but for longer words.
fn broken(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.len() - 1;
        let length = lines[line].chars().count();
        match length {
            0 => lines[line].push_str(word),
            _ if length.saturating_add(1 + word.chars().count()) <= room => {
                lines[line].push(' ');
                lines[line].push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_where_a_width_is_given() {
        let found = [
            Finding::ok("a", "short"),
            Finding::wrong(
                "longer",
                "one two three four five six",
                "seven-is-a-long-word-that-stays ü",
            ),
        ];
        assert_eq!(
            text(&found, false, Some(35)),
            "ok     a       short\n\
             wrong  longer  one two three four\n\
             \x20              five six\n\
             \x20              seven-is-a-long-word-that-stays\n\
             \x20              ü\n"
        );
        let whole = text(&found, true, None);
        assert_eq!(whole.lines().count(), 3);
        assert!(whole.starts_with("\u{1b}[32mok   \u{1b}[0m  a       short\n\u{1b}[1;31mwrong"));
        assert_eq!(text(&found, false, Some(0)), text(&found, false, Some(35)));
        assert_eq!(text(&[], false, None), "");
    }
}
