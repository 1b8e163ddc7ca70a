//! Findings of a check-up as lines for people.
//!
//! Does not know what was looked at.

use crate::doctor::{Finding, Verdict};

/// A line for each, and below it what to do. Only the verdict has a colour.
pub fn text(findings: &[Finding], color: bool) -> String {
    let width = findings.iter().map(|finding| finding.subject.len()).max().unwrap_or(0);
    findings.iter().map(|finding| lines(finding, width, color)).collect()
}

/// As wide as the longest word for a verdict.
const WORD: usize = 5;

fn lines(Finding { verdict, subject, text, todo }: &Finding, width: usize, color: bool) -> String {
    let word = format!("{:WORD$}", verdict.word());
    let word = if color { format!("\x1b[{}m{word}\x1b[0m", code(*verdict)) } else { word };
    let line = format!("{word}  {subject:width$}  {text}\n");
    let indent = WORD + 2 + width + 2;
    line + &todo.as_ref().map_or(String::new(), |todo| format!("{:indent$}{todo}\n", ""))
}

fn code(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "32",
        Verdict::Skip => "2",
        Verdict::Warn => "1;33",
        Verdict::Wrong => "1;31",
    }
}
