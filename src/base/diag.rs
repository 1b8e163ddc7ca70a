//! The one renderer of errors: message, line with caret, details, hint.
//!
//! Does not know where errors come from and does not print: it returns text. Whatever of it is somebody else's
//! words goes through [`visible`]: a name may hold what steers a terminal or a CI's runner.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::base::error::{Error, Place};
use crate::base::secret::{hidden, without_secrets};
use crate::base::words::{is_hostile, visible, visible_but};

/// The whole text of an error, ending in a newline.
///
/// ```
/// let error = gentoo_bb::Error::config("unknown image `ngin`").hint("did you mean `nginx`?");
/// assert_eq!(
///     gentoo_bb::base::diag::render(&error, false),
///     "error: unknown image `ngin`\nhint: did you mean `nginx`?\n",
/// );
/// ```
pub fn render(error: &Error, color: bool) -> String {
    rendered(error, color, false)
}

/// The same for a terminal, where a long line would push others out of sight.
pub fn on_terminal(error: &Error, color: bool) -> String {
    rendered(error, color, true)
}

fn rendered(error: &Error, color: bool, terminal: bool) -> String {
    let mut text = match error.place() {
        Some(place) => with_place(error.message(), place, color),
        None => format!("{} {}\n", paint("error:", RED, color), words(error.message())),
    };
    for line in error.shown_details(terminal) {
        text.push_str(&visible(&line));
        text.push('\n');
    }
    if let Some(hint) = error.hint_text() {
        text.push_str(&format!("{} {}\n", paint("hint:", CYAN, color), words(hint)));
    }
    text
}

/// A warning in a line of its own, with what to do in another.
pub fn warning(message: &str, hint: &str, color: bool) -> String {
    let (warning, hint_word) = (paint("warning:", YELLOW, color), paint("hint:", CYAN, color));
    format!("{warning} {}\n{hint_word} {}\n", words(message), words(hint))
}

/// A whole line in red.
pub fn alarm(message: &str, color: bool) -> String {
    format!("{}\n", paint(&format!("WARNING: {}", words(message)), RED, color))
}

fn with_place(message: &str, place: &Place, color: bool) -> String {
    let file = place.file.display().to_string();
    let (text, span, label) = (shown(&place.text), shown_span(place), visible(&place.label));
    let (message, file) = (words(message), visible(&file));
    let mut annotation = AnnotationKind::Primary.span(span);
    if !label.is_empty() {
        annotation = annotation.label(&*label);
    }
    let snippet = Snippet::source(text.as_str()).path(&*file).annotation(annotation);
    let report: &[Group<'_>] = &[Level::ERROR.primary_title(message.as_str()).element(snippet)];
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    format!("{}\n", renderer.render(report))
}

/// Somebody's words on one line, without what is secret in addresses.
fn words(text: &str) -> String {
    visible(&without_secrets(text)).into_owned()
}

/// The text of a file with its lines as they are.
fn shown(text: &str) -> String {
    visible_but(&hidden(text), LINES).into_owned()
}

/// What makes lines and columns of a text.
const LINES: &str = "\n\r\t";

/// A span in the shown text.
fn shown_span(place: &Place) -> Range<usize> {
    let before = |end: usize| place.text.get(..end).map_or(0, |text| shown(text).len());
    let whole = |at: usize| (0..=at).rev().find(|at| place.text.is_char_boundary(*at)).unwrap_or(0);
    let end = whole(place.span.end.min(place.text.len()));
    let start = whole(place.span.start.min(end));
    if place.text.contains(|c| is_hostile(c) && !LINES.contains(c)) {
        before(start)..before(end).max(before(start))
    } else {
        start..end
    }
}

const RED: &str = "1;31";
const YELLOW: &str = "1;33";
const CYAN: &str = "1;36";

fn paint(text: &str, code: &str, color: bool) -> String {
    if color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}
