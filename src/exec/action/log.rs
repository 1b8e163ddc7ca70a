//! A step's log: a file, cause and last lines for a failure's report, the newest line for progress.
//!
//! Does not know what writes into it, nor how a cause is told from other lines.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::base::error::{Error, Result};
use crate::base::ids::StepId;
use crate::base::limits::{Limit, Limits};
use crate::exec::cause::Causes;
use crate::exec::event::Event;
use crate::exec::packages::Packages;
use crate::state::store::Store;

/// Lines that a failure repeats where nothing is known of the cause.
const TAIL: usize = 15;
/// The same below a cause.
const TAIL_BELOW: usize = 5;
/// What a failure repeats has, on a terminal, this many columns and, with the cause, at most this many rows: all of the
/// report has its place on one of 80 x 24. Elsewhere the same lines are whole.
const COLUMNS: usize = 78;
const ROWS: usize = 14;
/// A progress line at most this often.
const PACE: Duration = Duration::from_millis(100);
/// What the builder writes before a line that somebody is to read, even if all goes well.
const WARNING: &str = "bob: warning: ";
/// More of them are in the log only.
const MOST_WARNINGS: usize = 20;
/// What is longer is no line: only the file has it whole.
const WIDEST: usize = 1 << 16;

/// The log of one step, created when the first byte comes.
#[derive(Debug)]
pub struct Log {
    step: StepId,
    store: Store,
    events: UnboundedSender<Event>,
    is_kept: bool,
    file: Option<(File, PathBuf)>,
    /// How many bytes the file may still get; none once some were left out.
    left: Option<u64>,
    limits: Limits,
    failure: Option<Error>,
    tail: VecDeque<String>,
    causes: Causes,
    packages: Packages,
    line: Vec<u8>,
    shown: Option<Instant>,
    warnings: usize,
}

impl Log {
    /// A log that nothing was written to.
    pub fn new(
        step: &StepId,
        store: &Store,
        limits: Limits,
        events: UnboundedSender<Event>,
    ) -> Self {
        Self {
            step: step.clone(),
            store: store.clone(),
            events,
            is_kept: true,
            file: None,
            left: Some(limits.of(Limit::LogSize)),
            limits,
            failure: None,
            tail: VecDeque::new(),
            causes: Causes::default(),
            packages: Packages::default(),
            line: vec![],
            shown: None,
            warnings: 0,
        }
    }

    /// A log that leaves no file and that nobody listens to: only the report of a failure comes of it.
    pub fn of_nobody(step: &StepId, store: &Store, limits: Limits) -> Self {
        let (events, _nobody_listens) = unbounded_channel();
        Self { is_kept: false, ..Self::new(step, store, limits, events) }
    }

    /// Appends output; what is more than a log may have is only looked at. A failure to write is kept for
    /// [`Log::check`], so that a stream can be read on.
    pub fn write(&mut self, data: &[u8]) {
        if self.is_kept && self.failure.is_none() && !data.is_empty() {
            self.failure = self.try_write(data).err();
        }
        for byte in data {
            match byte {
                b'\n' => self.end_line(),
                b'\r' => self.line.clear(),
                _ if self.line.len() < WIDEST => self.line.push(*byte),
                _ => {}
            }
        }
    }

    fn try_write(&mut self, data: &[u8]) -> Result<()> {
        if self.file.is_none() {
            self.file = Some(self.store.new_log(&self.step)?);
        }
        let Some((file, path)) = &mut self.file else { return Ok(()) };
        let failed = |e| Error::file("write", path, &e);
        let Some(left) = self.left else { return Ok(()) };
        let kept = data.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.left = Some(left - kept as u64).filter(|_| kept == data.len());
        file.write_all(&data[..kept]).map_err(failed)?;
        if self.left.is_none() {
            let full = self.limits.exceeded(Limit::LogSize);
            writeln!(file, "\nbb: the rest is left out: {full}").map_err(failed)?;
        }
        Ok(())
    }

    fn end_line(&mut self) {
        let text = clean(&self.line);
        self.line.clear();
        self.causes.line(&text);
        if text.trim().is_empty() {
            return;
        }
        self.warn(&text);
        if let Some(at) = self.packages.line(&text).cloned() {
            let _ = self.events.send(Event::Package { step: self.step.clone(), at });
        }
        if self.shown.is_none_or(|at| at.elapsed() >= PACE) {
            self.shown = Some(Instant::now());
            let _ = self.events.send(Event::Line { step: self.step.clone(), text: text.clone() });
        }
        if self.causes.is_over() {
            return;
        }
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(text);
    }

    fn warn(&mut self, line: &str) {
        let Some(text) = line.strip_prefix(WARNING) else { return };
        self.warnings += 1;
        if self.warnings <= MOST_WARNINGS {
            let message = format!("{}: {text}", self.step);
            let _ = self.events.send(Event::Warned { message });
        }
    }

    /// Bytes of a transfer.
    pub fn bytes(&self, done: u64, total: Option<u64>) {
        self.transfer()(done, total);
    }

    /// Says bytes of a transfer, for who outlives this borrow.
    pub fn transfer(&self) -> impl Fn(u64, Option<u64>) + Send + 'static {
        let (events, step) = (self.events.clone(), self.step.clone());
        move |done, total| {
            let _ = events.send(Event::Bytes { step: step.clone(), done, total });
        }
    }

    /// The error that writing met, if any.
    ///
    /// # Errors
    /// That error, once.
    pub fn check(&mut self) -> Result<()> {
        self.failure.take().map_or(Ok(()), Err)
    }

    /// An error with its cause, as far as the log has it, and the last lines of the log.
    pub fn failed(&mut self, message: impl Into<String>) -> Error {
        if !self.line.is_empty() {
            self.end_line();
        }
        let repeated = repeated(&self.causes.lines(), self.tail.make_contiguous());
        let lines = repeated.into_iter();
        lines.fold(Error::step(message), |error, (line, most)| error.long_detail(line, most))
    }
}

/// The cause first, then the last lines; the cause whole, if it is not the length of a page. Each with the characters
/// that a terminal shows of it.
fn repeated(causes: &[String], tail: &[String]) -> Vec<(String, usize)> {
    let indented = |line: &String, rows: usize| (format!("  {line}"), 2 + rows * COLUMNS);
    let known = causes.iter().all(|cause| tail.iter().any(|line| line.contains(cause.as_str())));
    if known {
        let rows = |line: &String| if is_cause(line, causes) { 2 } else { 1 };
        return tail.iter().map(|line| indented(line, rows(line))).collect();
    }
    let mut rows = ROWS - TAIL_BELOW - 1;
    let mut lines = vec![];
    for cause in causes {
        let (line, most) = indented(cause, rows.clamp(1, 3));
        rows = rows.saturating_sub(line.chars().count().min(most).div_ceil(COLUMNS + 2));
        lines.push((line, most));
        if rows == 0 {
            break;
        }
    }
    let last = tail.len().saturating_sub(TAIL_BELOW);
    lines.extend((last > 0).then(|| indented(&"...".to_owned(), 1)));
    lines.extend(tail.iter().skip(last).map(|line| indented(line, 1)));
    lines
}

/// One of the causes, or what the builder itself says of one.
fn is_cause(line: &str, causes: &[String]) -> bool {
    line.starts_with("error: ") || causes.iter().any(|cause| line.contains(cause.as_str()))
}

/// Text without colours and control characters: it goes to somebody's terminal.
pub(super) fn clean(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut clean = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\x1b' {
            skip_escape(&mut chars);
        } else if c == '\t' {
            clean.push(' ');
        } else if !c.is_control() {
            clean.push(c);
        }
    }
    clean
}

fn skip_escape(chars: &mut std::str::Chars<'_>) {
    if chars.next() == Some('[') {
        chars.find(|c| ('@'..='~').contains(c));
    }
}

#[cfg(test)]
mod tests {
    use super::{clean, repeated};
    use crate::base::error::Error;

    fn lines(count: usize, begin: &str) -> Vec<String> {
        (0..count).map(|n| format!("{begin}{n}")).collect()
    }

    /// What is shown of it, on a terminal or elsewhere.
    fn shown(causes: &[String], tail: &[String], terminal: bool) -> Vec<String> {
        let lines = repeated(causes, tail).into_iter();
        let error =
            lines.fold(Error::step(""), |error, (line, most)| error.long_detail(line, most));
        error.shown_details(terminal).collect()
    }

    #[test]
    fn the_cause_comes_before_the_last_lines() {
        let told = shown(&lines(2, "cause "), &lines(15, "line "), true);
        let expected =
            "  cause 0|  cause 1|  ...|  line 10|  line 11|  line 12|  line 13|  line 14";
        assert_eq!(told.join("|"), expected);
    }

    #[test]
    fn a_cause_among_the_last_lines_is_not_said_twice() {
        let tail = lines(3, "x: error: ");
        assert_eq!(
            shown(&tail[1..2], &tail, true),
            ["  x: error: 0", "  x: error: 1", "  x: error: 2"]
        );
        assert_eq!(shown(&[], &tail, true).len(), 3);
    }

    #[test]
    fn a_failure_has_its_place_on_a_small_terminal_and_is_whole_elsewhere() {
        let long = |n: usize| (0..n).map(|_| "x".repeat(400)).collect::<Vec<_>>();
        let tail = lines(15, &"y".repeat(300));
        for causes in 1..6 {
            let told = shown(&long(causes), &tail, true);
            let rows = told.iter().map(|l| l.chars().count().div_ceil(80)).sum::<usize>();
            assert!((1..=14).contains(&rows), "{rows}: {told:?}");
            let whole = shown(&long(causes), &tail, false);
            assert_eq!(whole.len(), told.len());
            assert_eq!(whole[0], format!("  {}", "x".repeat(400)));
            assert_eq!(whole.last().unwrap(), &format!("  {}14", "y".repeat(300)));
        }
    }

    #[test]
    fn colours_and_control_characters_go() {
        assert_eq!(clean(b"\x1b[32;01m * \x1b[39;49;00mERROR:\x07 x"), " * ERROR: x");
    }
}
