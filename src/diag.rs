//! The one renderer of errors: message, line with caret, details, hint.
//!
//! Does not know where errors come from and does not print: it returns text.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::error::{Error, Place};

/// The whole text of an error, ending in a newline.
///
/// ```
/// let error = gentoo_bb::Error::config("unknown image `ngin`").hint("did you mean `nginx`?");
/// assert_eq!(
///     gentoo_bb::diag::render(&error, false),
///     "error: unknown image `ngin`\nhint: did you mean `nginx`?\n",
/// );
/// ```
pub fn render(error: &Error, color: bool) -> String {
    let mut text = match error.place() {
        Some(place) => with_place(error.message(), place, color),
        None => format!("{} {}\n", paint("error:", RED, color), error.message()),
    };
    for line in error.details() {
        text.push_str(line);
        text.push('\n');
    }
    if let Some(hint) = error.hint_text() {
        text.push_str(&format!("{} {hint}\n", paint("hint:", CYAN, color)));
    }
    text
}

/// A warning in a line of its own, with what to do in another.
pub fn warning(message: &str, hint: &str, color: bool) -> String {
    let (warning, hint_word) = (paint("warning:", YELLOW, color), paint("hint:", CYAN, color));
    format!("{warning} {message}\n{hint_word} {hint}\n")
}

/// A whole line in red.
pub fn alarm(message: &str, color: bool) -> String {
    format!("{}\n", paint(&format!("WARNING: {message}"), RED, color))
}

fn with_place(message: &str, place: &Place, color: bool) -> String {
    let file = place.file.display().to_string();
    let end = place.span.end.min(place.text.len());
    let mut annotation = AnnotationKind::Primary.span(place.span.start.min(end)..end);
    if !place.label.is_empty() {
        annotation = annotation.label(place.label.as_str());
    }
    let snippet = Snippet::source(place.text.as_str()).path(file).annotation(annotation);
    let report: &[Group<'_>] = &[Level::ERROR.primary_title(message).element(snippet)];
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    format!("{}\n", renderer.render(report))
}

const RED: &str = "1;31";
const YELLOW: &str = "1;33";
const CYAN: &str = "1;36";

fn paint(text: &str, code: &str, color: bool) -> String {
    if color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}
