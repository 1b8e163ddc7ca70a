//! Messages as JSON, one object a line: `doc/messages.schema.json` says what is in each.
//!
//! Knows no clock: of a transfer it tells as it grows, not as time passes.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use serde::Serialize;

use crate::base::error::{Error, Exit, Place};
use crate::base::ids::StepId;
use crate::base::secret::without_secrets;
use crate::base::words::plain_json;
use crate::config::lock::Origin;
use crate::exec::event::Event;
use crate::exec::packages::At;
use crate::exec::standing::Standing;
use crate::report;
use crate::report::Report;
use crate::report::message::Message;

/// A transfer of unknown length is told once for so many bytes.
const UNKNOWN_LENGTH_STEP: u64 = 1 << 20;

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Entry<'a> {
    Started { step: String, reason: &'a str },
    Waiting { step: String, owner: &'a str },
    Crowded { step: String, bytes: u64 },
    Progress { step: String, bytes: u64, total: Option<u64> },
    Line { step: String, text: &'a str },
    Package { step: String, package: &'a str, phase: String, number: usize, total: usize },
    Still { step: String, seconds: f64, package: Option<&'a str> },
    Standing { done: usize, all: usize, jobs: usize, of_jobs: Option<usize>, left: Option<f64> },
    Done { step: String, seconds: f64, note: &'a str },
    Failed { step: String, error: Failure<'a>, log: Option<String>, again: String },
    Put { step: String, images: &'a [String] },
    Stopping,
    Planned { step: &'a str, state: &'a str, reason: &'a str },
    Pinned { stage3: &'a str, snapshot: &'a str },
    PinnedBase { image: &'a str, id: &'a str, digest: Option<&'a str>, source: Origin },
    PassedOver { message: String },
    Resolving { step: String },
    Kept { what: &'a str, why: &'a str },
    Warning { message: &'a str, hint: Option<&'a str> },
    Summary(Total),
    NothingMissing { images: &'a str },
    Pushed { image: &'a str, digest: &'a str, layers_sent: usize, layers_there: usize },
    Watching,
    Changed { files: Vec<String> },
    Error { error: Failure<'a> },
}

#[derive(Serialize)]
struct Total {
    executed: Vec<String>,
    fresh: usize,
    taken: usize,
    failed: Vec<String>,
    skipped: Vec<String>,
    seconds: f64,
    exit: u8,
    message: String,
}

#[derive(Serialize)]
struct Failure<'a> {
    exit: u8,
    message: String,
    details: Vec<String>,
    place: Option<Spot<'a>>,
    hint: Option<String>,
}

#[derive(Serialize)]
struct Spot<'a> {
    file: String,
    line: usize,
    column: usize,
    label: &'a str,
}

/// One line, ending in a newline.
pub fn json(message: &Message<'_>) -> String {
    let line = serde_json::to_string(&line(message));
    // Nothing in a line can fail to be written: its keys are strings, its numbers finite.
    plain_json(&line.unwrap_or_default()).into_owned() + "\n"
}

fn line<'a>(message: &'a Message<'_>) -> Entry<'a> {
    match message {
        Message::Event(event) => of_event(event),
        Message::Planned { step, state, reason } => Entry::Planned { step, state, reason },
        Message::Pinned { stage3, snapshot } => Entry::Pinned { stage3, snapshot },
        Message::PinnedBase { name, base } => Entry::PinnedBase {
            image: name,
            id: &base.id,
            digest: base.digest.as_deref(),
            source: base.origin(),
        },
        Message::PassedOver { what } => Entry::PassedOver { message: without_secrets(what) },
        Message::Resolving { step } => Entry::Resolving { step: step.to_string() },
        Message::Kept { what, why } => Entry::Kept { what, why },
        Message::Alarm { message } => Entry::Warning { message, hint: None },
        Message::Warning { message, hint } => Entry::Warning { message, hint: Some(hint) },
        Message::Summary { summary, took, exit } => Entry::Summary(Total {
            executed: ids(&summary.executed),
            fresh: summary.fresh,
            taken: summary.taken,
            failed: ids(&summary.failed),
            skipped: ids(&summary.skipped),
            seconds: took.as_secs_f64(),
            exit: exit.map_or(0, Exit::code),
            message: report::summary(summary, *took),
        }),
        Message::NothingMissing { images } => Entry::NothingMissing { images },
        Message::Pushed { image, digest, sent, there } => {
            Entry::Pushed { image, digest, layers_sent: *sent, layers_there: *there }
        }
        Message::Watching => Entry::Watching,
        Message::Changed { files } => {
            Entry::Changed { files: files.iter().map(|file| shown(file)).collect() }
        }
        Message::Error(error) => Entry::Error { error: failure(error) },
    }
}

fn of_event(event: &Event) -> Entry<'_> {
    match event {
        Event::Started { step, reason } => Entry::Started { step: step.to_string(), reason },
        Event::Waiting { step, owner } => Entry::Waiting { step: step.to_string(), owner },
        Event::Crowded { step, bytes } => Entry::Crowded { step: step.to_string(), bytes: *bytes },
        Event::Bytes { step, done, total } => {
            Entry::Progress { step: step.to_string(), bytes: *done, total: *total }
        }
        Event::Line { step, text } => Entry::Line { step: step.to_string(), text },
        Event::Package { step, at: At { package, phase, number, total } } => Entry::Package {
            step: step.to_string(),
            package,
            phase: phase.to_string(),
            number: *number,
            total: *total,
        },
        Event::Still { step, took, at } => Entry::Still {
            step: step.to_string(),
            seconds: took.as_secs_f64(),
            package: at.as_ref().map(|at| at.package.as_str()),
        },
        Event::Standing { standing: Standing { done, all, jobs, left }, .. } => Entry::Standing {
            done: *done,
            all: *all,
            jobs: jobs.0,
            of_jobs: jobs.1,
            left: left.map(|left| left.as_secs_f64()),
        },
        Event::Done { step, took, note } => {
            Entry::Done { step: step.to_string(), seconds: took.as_secs_f64(), note }
        }
        Event::Failed { step, error, log } => Entry::Failed {
            step: step.to_string(),
            error: failure(error),
            log: log.as_deref().map(shown),
            again: format!("bb step {step}"),
        },
        Event::Put { step, images } => Entry::Put { step: step.to_string(), images },
        Event::Warned { message } => Entry::Warning { message, hint: None },
        Event::Stopping => Entry::Stopping,
    }
}

fn ids(steps: &[StepId]) -> Vec<String> {
    steps.iter().map(ToString::to_string).collect()
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn failure(error: &Error) -> Failure<'_> {
    Failure {
        exit: error.exit().code(),
        message: without_secrets(error.message()),
        // For people they are set off by two blanks.
        details: error
            .shown_details(false)
            .map(|line| line.strip_prefix("  ").map(str::to_owned).unwrap_or(line))
            .collect(),
        place: error.place().map(spot),
        hint: error.hint_text().map(without_secrets),
    }
}

fn spot(place: &Place) -> Spot<'_> {
    let (line, column) = place.line_and_column();
    Spot { file: shown(&place.file), line, column, label: &place.label }
}

/// Events as they come.
#[derive(Debug)]
pub struct Json<W> {
    out: W,
    told: HashMap<StepId, u64>,
}

impl<W: Write + Send> Json<W> {
    /// Lines go to `out`.
    pub fn new(out: W) -> Self {
        Self { out, told: HashMap::new() }
    }

    /// Of a transfer each hundredth is told, or each megabyte where nobody knows how long it is.
    fn is_news(&mut self, event: &Event) -> bool {
        let Event::Bytes { step, done, total } = event else { return true };
        let part = match total {
            Some(total @ 1..) => u128::from(*done) * 100 / u128::from(*total),
            _ => u128::from(done / UNKNOWN_LENGTH_STEP),
        };
        let part = u64::try_from(part).unwrap_or(u64::MAX);
        self.told.insert(step.clone(), part) != Some(part)
    }
}

impl<W: Write + Send> Report for Json<W> {
    fn event(&mut self, event: &Event) {
        if self.is_news(event) {
            // Nobody reads any more: the work goes on, its results are in files.
            let _ = self.out.write_all(json(&Message::Event(event)).as_bytes());
        }
    }

    fn finish(&mut self) {
        let _ = self.out.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(done: u64, total: Option<u64>) -> Event {
        Event::Bytes { step: "fetch:a".parse().unwrap(), done, total }
    }

    #[test]
    fn a_transfer_is_told_as_it_grows() {
        let mut report = Json::new(vec![]);
        for done in [0, 1, 4, 5, 500] {
            report.event(&bytes(done, Some(500)));
        }
        let text = String::from_utf8(report.out).unwrap();
        let line = |done| {
            format!(
                "{{\"type\":\"progress\",\"step\":\"fetch:a\",\"bytes\":{done},\"total\":500}}\n"
            )
        };
        assert_eq!(text, [0, 5, 500].map(line).concat());
    }

    #[test]
    fn one_of_unknown_length_is_told_each_megabyte() {
        let mut report = Json::new(vec![]);
        for done in [1, 1000, 1 << 20, (1 << 20) + 1, u64::MAX] {
            report.event(&bytes(done, None));
        }
        let text = String::from_utf8(report.out).unwrap();
        assert_eq!(text.lines().count(), 3, "{text}");
    }

    #[test]
    fn a_place_is_a_line_and_a_column_in_characters() {
        let place = Place::new("f", "a\nä b\n", 5..6).label("here");
        let spot = spot(&place);
        assert_eq!((spot.line, spot.column, spot.label), (2, 3, "here"));
        let beyond = Place::new("f", "ab", 9..10);
        assert_eq!(super::spot(&beyond).column, 3);
    }
}
