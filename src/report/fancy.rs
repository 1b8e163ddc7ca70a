//! Progress on a terminal: one moving line per running step, finished ones above.
//!
//! The progress bars and the terminal's width are a library's business.

use std::collections::HashMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::base::ids::StepId;
use crate::base::words::visible;
use crate::exec::event::Event;
use crate::report::Report;
use crate::report::plain::line;

/// Moving lines on standard error.
#[derive(Debug)]
pub struct Fancy {
    all: MultiProgress,
    bars: HashMap<StepId, ProgressBar>,
    /// The package that each is at.
    places: HashMap<StepId, String>,
    color: bool,
}

impl Fancy {
    /// Nothing is shown until the first event.
    pub fn new(color: bool) -> Self {
        Self { all: MultiProgress::new(), bars: HashMap::new(), places: HashMap::new(), color }
    }

    fn bar(&mut self, step: &StepId) -> &ProgressBar {
        let all = &self.all;
        self.bars.entry(step.clone()).or_insert_with(|| {
            let bar = all.add(ProgressBar::new_spinner().with_style(working()));
            bar.set_prefix(step.to_string());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        })
    }

    /// What a step is at, cut where the line ends.
    fn show(&mut self, step: &StepId, text: &str) {
        let bar = self.bar(step);
        if bar.length().is_some() {
            bar.set_style(working());
            bar.unset_length();
        }
        bar.set_message(visible(text).into_owned());
    }

    fn print(&mut self, text: &str) {
        // A terminal that is gone is no reason to stop working.
        let _ = self.all.println(text.trim_end_matches('\n'));
    }
}

fn working() -> ProgressStyle {
    style("{spinner} {prefix} {elapsed} {wide_msg:.dim}")
}

fn transfer() -> ProgressStyle {
    style("{spinner} {prefix} {elapsed} [{bar:20}] {bytes}/{total_bytes} {bytes_per_sec} {eta}")
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

impl Report for Fancy {
    fn event(&mut self, event: &Event) {
        let color = self.color;
        match event {
            Event::Started { step, reason } => {
                self.bar(step).set_message(visible(reason).into_owned());
            }
            Event::Line { step, text } => {
                let place = self.places.get(step).map_or("", String::as_str);
                let text = format!("{place}{text}");
                self.show(step, &text);
            }
            Event::Waiting { step, owner } => {
                self.bar(step).set_message(format!("waiting for {}", visible(owner)));
            }
            Event::Bytes { step, done, total } => {
                let bar = self.bar(step);
                if let Some(total) = total.filter(|t| bar.length() != Some(*t)) {
                    bar.set_style(transfer());
                    bar.set_length(total);
                }
                bar.set_position(*done);
            }
            Event::Package { step, at } => {
                self.places.insert(step.clone(), format!("{at}  "));
                self.show(step, &at.to_string());
            }
            // What moves says so.
            Event::Still { .. } => {}
            Event::Put { .. } | Event::Warned { .. } => {
                self.print(&line(event, color, true).unwrap_or_default());
            }
            Event::Stopping => {
                self.finish();
                self.print(&line(event, color, true).unwrap_or_default());
            }
            Event::Done { step, .. } | Event::Failed { step, .. } => {
                self.places.remove(step);
                if let Some(bar) = self.bars.remove(step) {
                    bar.finish_and_clear();
                }
                if let Some(text) = line(event, color, true) {
                    self.print(&text);
                }
            }
        }
    }

    fn finish(&mut self) {
        for (_, bar) in self.bars.drain() {
            bar.finish_and_clear();
        }
        let _ = self.all.clear();
    }
}
