//! Progress on a terminal: one moving line per running step, finished ones above, and below them how far the run is.
//!
//! The progress bars and what a terminal understands are a library's business.

#![allow(clippy::disallowed_methods, reason = "what moves is drawn where it stands")]

use std::collections::{HashMap, VecDeque};
use std::io::{Write, stderr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytesize::ByteSize;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::termios::tcgetwinsize;

use crate::base::ids::StepId;
use crate::base::words::{counted, visible};
use crate::exec::event::Event;
use crate::exec::standing::Standing;
use crate::report::plain::line;
use crate::report::{Report, progress};

use self::keys::{Input, Keys};
use self::page::{Page, Size};

mod keys;
mod page;

/// What moves takes no more of a terminal than one in so many of its lines.
const SHARE: usize = 3;
/// Where nobody says how large it is.
const USUAL: Size = Size { rows: 24, columns: 80 };

// Source: XTerm Control Sequences, and ECMA-48.
// On the other screen, what is wider than the terminal is cut.
const OTHER_SCREEN: &str = "\x1b[?1049h\x1b[?7l\x1b[2J";
const FIRST_SCREEN: &str = "\x1b[?7h\x1b[?1049l";
const HOME: &str = "\x1b[H";
const REST_OF_LINE: &str = "\x1b[K";

/// The end of a step's log, if it has one.
type Logs = Box<dyn Fn(&StepId) -> Option<String> + Send>;

/// Moving lines on standard error, and the log of a step where somebody asks for it by a key.
#[derive(Debug)]
pub struct Fancy {
    screen: Arc<Mutex<Screen>>,
    keys: Option<Keys>,
    /// Most runs are over before anybody presses one.
    has_listened: bool,
}

/// What is to be seen.
struct Screen {
    all: MultiProgress,
    /// The last line.
    standing: Option<ProgressBar>,
    progress: String,
    bars: HashMap<StepId, ProgressBar>,
    /// Steps that run and have no line, in the order in which they get one.
    folded: VecDeque<(StepId, ProgressBar)>,
    /// All that run, in the order in which they began.
    running: Vec<StepId>,
    /// The package that each is at.
    places: HashMap<StepId, String>,
    logs: Logs,
    page: Option<Page>,
    /// Whether the terminal shows a page, or did when something went wrong with it.
    shows_page: bool,
    /// What is printed when the page is closed.
    held: Vec<String>,
    has_keys: bool,
    color: bool,
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Screen").field("running", &self.running).finish_non_exhaustive()
    }
}

impl Fancy {
    /// Nothing is shown until the first event.
    pub fn new(logs: impl Fn(&StepId) -> Option<String> + Send + 'static, color: bool) -> Self {
        Self {
            screen: Arc::new(Mutex::new(Screen::new(Box::new(logs), color))),
            keys: None,
            has_listened: false,
        }
    }

    fn listen(&mut self) {
        if std::mem::replace(&mut self.has_listened, true) {
            return;
        }
        let screen = self.screen.clone();
        self.keys = Keys::listen(move |input| lock(&screen).input(input));
        lock(&self.screen).has_keys = self.keys.is_some();
    }
}

/// Whoever panicked with it has not left it half changed in a way that matters here.
fn lock(screen: &Mutex<Screen>) -> MutexGuard<'_, Screen> {
    screen.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Fancy {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Report for Fancy {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Standing { .. } => self.listen(),
            // Whatever is typed from now on is for whoever comes after.
            Event::Stopping => self.keys = None,
            _ => {}
        }
        lock(&self.screen).event(event);
    }

    fn finish(&mut self) {
        // Its thread takes the lock.
        self.keys = None;
        lock(&self.screen).finish();
    }
}

impl Screen {
    fn new(logs: Logs, color: bool) -> Self {
        Self {
            all: MultiProgress::new(),
            standing: None,
            progress: String::new(),
            bars: HashMap::new(),
            folded: VecDeque::new(),
            running: vec![],
            places: HashMap::new(),
            logs,
            page: None,
            shows_page: false,
            held: vec![],
            has_keys: false,
            color,
        }
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Started { step, reason } => self.begin(step, reason),
            Event::Line { step, text } => {
                let place = self.places.get(step).map_or("", String::as_str);
                self.show(step, &format!("{place}{text}"));
            }
            Event::Waiting { step, owner } => self.begin(step, &format!("waiting for {owner}")),
            Event::Crowded { step, bytes } => {
                self.begin(
                    step,
                    &format!("waiting for {} of memory", ByteSize::b(*bytes).display().si()),
                );
            }
            Event::Bytes { step, done, total } => self.transfer(step, *done, *total),
            Event::Package { step, at } => {
                self.places.insert(step.clone(), format!("{at}  "));
                self.show(step, &at.to_string());
            }
            // What moves says so.
            Event::Still { .. } => {}
            Event::Standing { standing, .. } => {
                self.stands(standing);
                self.tell_folded();
            }
            Event::Put { .. } | Event::Warned { .. } => self.print_event(event),
            Event::Stopping => {
                self.finish();
                self.print_event(event);
            }
            Event::Done { step, .. } | Event::Failed { step, .. } => {
                self.end(step);
                self.end_page(step, event);
                self.print_event(event);
            }
        }
    }

    fn finish(&mut self) {
        self.close();
        for (_, bar) in self.bars.drain() {
            bar.finish_and_clear();
        }
        self.folded.clear();
        self.running.clear();
        if let Some(last) = self.standing.take() {
            last.finish_and_clear();
        }
        let _ = self.all.clear();
    }

    fn input(&mut self, input: Input) {
        let page = self.page.take();
        self.page = match (input, page) {
            (Input::Key(b'l' | b'n' | b'p'), None) => self.open(),
            (Input::Key(b'n'), Some(page)) => Some(page.turned(&self.running, true)),
            (Input::Key(b'p'), Some(page)) => Some(page.turned(&self.running, false)),
            (Input::Key(b'q' | b'l') | Input::Away, _) => {
                self.close();
                None
            }
            (_, page) => page,
        };
        self.draw();
    }

    /// The page of the step that began first, on a screen of its own.
    fn open(&mut self) -> Option<Page> {
        let step = self.running.first()?.clone();
        let _ = self.all.clear();
        self.all.set_draw_target(ProgressDrawTarget::hidden());
        write(OTHER_SCREEN);
        self.shows_page = true;
        Some(Page::of(step))
    }

    fn close(&mut self) {
        self.page = None;
        if !std::mem::take(&mut self.shows_page) {
            return;
        }
        write(FIRST_SCREEN);
        self.all.set_draw_target(ProgressDrawTarget::stderr());
        for text in std::mem::take(&mut self.held) {
            self.print(&text);
        }
    }

    fn draw(&self) {
        let Some(page) = &self.page else { return };
        let log = (self.logs)(&page.step).unwrap_or_default();
        let lines = page.lines(&log, &self.running, &self.progress, size());
        // What was there goes before what comes: behind a full line, terminals differ in where they are.
        let lines = lines.into_iter().map(|line| format!("{REST_OF_LINE}{line}"));
        let lines = lines.collect::<Vec<_>>().join("\r\n");
        write(&format!("{HOME}{lines}"));
    }

    /// Who looks at the log of a step sees how it ended.
    fn end_page(&mut self, step: &StepId, event: &Event) {
        let text = line(event, false, true).unwrap_or_default();
        if let Some(page) = self.page.as_mut().filter(|page| page.step == *step) {
            page.end = text.lines().next().map(str::to_owned);
        }
    }

    fn begin(&mut self, step: &StepId, reason: &str) {
        if !self.running.contains(step) {
            self.running.push(step.clone());
        }
        if let Some(bar) = self.bars.get(step) {
            // It has waited.
            bar.reset_elapsed();
            bar.set_message(visible(reason).into_owned());
            return;
        }
        self.folded.retain(|(folded, _)| folded != step);
        // Its time begins, whether it is shown or not.
        let bar = ProgressBar::hidden().with_style(working());
        bar.set_prefix(step.to_string());
        bar.set_message(visible(reason).into_owned());
        self.folded.push_back((step.clone(), bar));
        self.unfold();
    }

    /// Lines for the first steps that have none, as long as there is room.
    fn unfold(&mut self) {
        while self.bars.len() < lines()
            && let Some((step, bar)) = self.folded.pop_front()
        {
            let bar = match &self.standing {
                Some(last) => self.all.insert_before(last, bar),
                None => self.all.add(bar),
            };
            bar.enable_steady_tick(Duration::from_millis(120));
            self.bars.insert(step, bar);
        }
        self.tell_folded();
    }

    fn end(&mut self, step: &StepId) {
        self.places.remove(step);
        self.running.retain(|other| other != step);
        self.folded.retain(|(folded, _)| folded != step);
        if let Some(bar) = self.bars.remove(step) {
            bar.finish_and_clear();
        }
        self.unfold();
    }

    /// What a step is at, cut where the line ends.
    fn show(&self, step: &StepId, text: &str) {
        let Some(bar) = self.bars.get(step) else { return };
        if bar.length().is_some() {
            bar.set_style(working());
            bar.unset_length();
        }
        bar.set_message(visible(text).into_owned());
    }

    fn transfer(&self, step: &StepId, done: u64, total: Option<u64>) {
        let Some(bar) = self.bars.get(step) else { return };
        if let Some(total) = total.filter(|total| bar.length() != Some(*total)) {
            bar.set_style(transfer());
            bar.set_length(total);
        }
        bar.set_position(done);
    }

    fn stands(&mut self, standing: &Standing) {
        self.progress = progress(standing);
        let keys = if self.has_keys { "; l: log" } else { "" };
        let text = format!("{}{keys}", self.progress);
        let all = &self.all;
        let last = self.standing.get_or_insert_with(|| {
            all.add(ProgressBar::new_spinner().with_style(style("{prefix:.dim}{wide_msg:.dim}")))
        });
        last.set_message(text);
    }

    fn tell_folded(&self) {
        let Some(last) = &self.standing else { return };
        last.set_prefix(match self.folded.len() {
            0 => String::new(),
            more => format!("{} more; ", counted(more, "step")),
        });
    }

    fn print(&mut self, text: &str) {
        if self.page.is_some() {
            self.held.push(text.to_owned());
            return;
        }
        // A terminal that is gone is no reason to stop working.
        let _ = self.all.println(text.trim_end_matches('\n'));
    }

    fn print_event(&mut self, event: &Event) {
        if let Some(text) = line(event, self.color, true) {
            self.print(&text);
        }
    }
}

/// How many steps may have a line.
fn lines() -> usize {
    (size().rows / SHARE).saturating_sub(1).max(1)
}

fn size() -> Size {
    let known = tcgetwinsize(stderr()).ok().filter(|size| size.ws_row > 0 && size.ws_col > 0);
    known.map_or(USUAL, |size| Size { rows: size.ws_row.into(), columns: size.ws_col.into() })
}

fn write(text: &str) {
    // A terminal that is gone is no reason to stop working.
    let _ = stderr().write_all(text.as_bytes());
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
