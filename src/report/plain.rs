//! One line per state change: for logs, pipes and dumb terminals.

use std::io::Write;

use bytesize::ByteSize;

use crate::base::diag;
use crate::base::words::visible;
use crate::exec::event::Event;
use crate::report::{Report, duration, progress};

/// Plain lines.
#[derive(Debug)]
pub struct Plain<W> {
    out: W,
    color: bool,
}

impl<W: Write + Send> Plain<W> {
    /// Lines go to `out`.
    pub fn new(out: W, color: bool) -> Self {
        Self { out, color }
    }
}

impl<W: Write + Send> Report for Plain<W> {
    fn event(&mut self, event: &Event) {
        if let Some(text) = line(event, self.color, false) {
            // Nobody reads any more: the work goes on, its results are in files.
            let _ = write!(self.out, "{text}");
        }
    }

    fn finish(&mut self) {
        let _ = self.out.flush();
    }
}

/// An event as lines, if it is a change of state.
pub(super) fn line(event: &Event, color: bool, terminal: bool) -> Option<String> {
    match event {
        Event::Started { step, reason } => Some(format!("start   {step} ({})\n", visible(reason))),
        Event::Waiting { step, owner } => {
            Some(format!("wait    {step} ({} is at it)\n", visible(owner)))
        }
        Event::Crowded { step, bytes } => Some(format!(
            "wait    {step} (until {} of memory are free)\n",
            ByteSize::b(*bytes).display().si()
        )),
        Event::Done { step, took, note } if note.is_empty() => {
            Some(format!("done    {step} in {}\n", duration(*took)))
        }
        Event::Done { step, took, note } => {
            Some(format!("done    {step} in {}, {}\n", duration(*took), visible(note)))
        }
        Event::Failed { step, error, log } => {
            let render = if terminal { diag::on_terminal } else { diag::render };
            let mut text = format!("failed  {step}\n{}", render(error, color));
            if let Some(log) = log {
                text.push_str(&format!("log: {}\n", visible(&log.display().to_string())));
            }
            text.push_str(&format!("again: bb step {step}\n"));
            Some(text)
        }
        Event::Put { images, .. } => {
            Some(format!("put     {} into the engine\n", visible(&images.join(", "))))
        }
        Event::Warned { message } => Some(format!("warning: {}\n", visible(message))),
        Event::Stopping => Some("stop    all that runs (Ctrl-C again leaves at once)\n".to_owned()),
        Event::Still { step, took, at } => {
            let at =
                at.as_ref().map_or(String::new(), |at| format!(": {}", visible(&at.to_string())));
            Some(format!("still   {step}, for {}{at}\n", duration(*took)))
        }
        Event::Standing { standing, is_sign: true } => {
            Some(format!("so far  {}\n", progress(standing)))
        }
        Event::Standing { is_sign: false, .. }
        | Event::Bytes { .. }
        | Event::Line { .. }
        | Event::Package { .. } => None,
    }
}
