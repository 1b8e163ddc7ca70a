//! The log of one running step over the whole terminal, for as long as somebody looks at it.
//!
//! Pure: is told what runs and how large the terminal is.

use crate::base::ids::StepId;
use crate::base::words::{cut, visible};

/// Which log is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) step: StepId,
    /// What has become of the step meanwhile.
    pub(super) end: Option<String>,
}

/// Of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) columns: usize,
}

impl Page {
    pub(super) fn of(step: StepId) -> Self {
        Self { step, end: None }
    }

    /// That of the step after it, or before it, among those that run, first of the first and last of the last.
    pub(super) fn turned(&self, running: &[StepId], forward: bool) -> Self {
        let here = running.iter().position(|step| *step == self.step);
        let next = match (here, forward) {
            (Some(here), true) => (here + 1) % running.len(),
            (Some(here), false) => (here + running.len() - 1) % running.len(),
            (None, _) => 0,
        };
        running.get(next).map_or_else(|| self.clone(), |step| Self::of(step.clone()))
    }

    /// The terminal's lines: what is shown, the end of the log, and where the run stands.
    pub(super) fn lines(
        &self,
        log: &str,
        running: &[StepId],
        run: &str,
        size: Size,
    ) -> Vec<String> {
        let place = running.iter().position(|step| *step == self.step);
        let place = place.map_or(String::new(), |at| format!(" ({} of {})", at + 1, running.len()));
        let keys = "n: next, p: previous, q: back";
        let head = format!("{}{place}  {keys}", self.step);
        let room = size.rows.saturating_sub(2);
        let log = log.lines().rev().filter(|line| !line.trim().is_empty()).take(room);
        let mut lines = vec![head];
        lines.extend(log.collect::<Vec<_>>().into_iter().rev().map(str::to_owned));
        lines.resize(size.rows.saturating_sub(1).max(1), String::new());
        lines.push(self.end.clone().unwrap_or_else(|| run.to_owned()));
        let shown = lines.iter().map(|line| cut(&visible(line.trim_end()), size.columns));
        shown.take(size.rows).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps() -> Vec<StepId> {
        ["rootfs:a", "rootfs:b", "rootfs:c"].map(|name| name.parse().unwrap()).into()
    }

    #[test]
    fn pages_are_turned_in_a_circle() {
        let running = steps();
        let first = Page::of(running[0].clone());
        assert_eq!(first.turned(&running, true), Page::of(running[1].clone()));
        assert_eq!(first.turned(&running, false), Page::of(running[2].clone()));
        // What has ended has no place among them.
        assert_eq!(first.turned(&running[1..], true), Page::of(running[1].clone()));
        assert_eq!(first.turned(&[], true), first);
    }

    #[test]
    fn a_page_is_as_large_as_the_terminal() {
        let page = Page::of(steps()[1].clone());
        let lines = |log: &str, rows: usize, columns: usize| {
            page.lines(log, &steps(), "1 of 3 steps", Size { rows, columns }).join("|")
        };
        let log = "one\n\ntwo \u{1b}[2J\nthree, which is long\n";
        assert_eq!(
            lines(log, 4, 60),
            "rootfs:b (2 of 3)  n: next, p: previous, q: back|two \\u{1b}[2J|three, which is long|1 of 3 steps"
        );
        assert_eq!(lines(log, 5, 10), "rootfs:...|one|two \\u{...|three, ...|1 of 3 ...");
        assert_eq!(lines("", 4, 12), "rootfs:b ...|||1 of 3 steps");
        assert_eq!((lines(log, 1, 9), lines(log, 0, 9)), ("rootfs...".into(), String::new()));
    }
}
