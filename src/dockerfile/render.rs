//! Markers and minijinja: from the text of a template to the text of a Dockerfile.
//!
//! Does not know Docker's grammar, and reads no file. A [`Rendered`] remembers which bytes came from
//! where, so that an error about the Dockerfile points into the template.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::mpsc::RecvTimeoutError;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, UndefinedBehavior};

use crate::base::error::{Error, Place, Result};
use crate::dockerfile::limits;

/// Names and values of the markers: `NAMESPACE`, `TAG`, `MAINTAINER`, `DATE` …
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Markers(BTreeMap<String, String>);

impl Markers {
    /// The value of a marker.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Refuses values that would not stay in the line of the Dockerfile that they are put into.
    ///
    /// # Errors
    /// A value has a control character or a line's end, ends in an escape character, or begins a heredoc.
    pub fn check(&self) -> Result<()> {
        for (name, value) in self.iter() {
            let ends_line = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
            let problem = if value.contains(ends_line) {
                "has a control character or a line's end"
            } else if value.trim_end().ends_with(['\\', '`']) {
                "ends in an escape character, which would continue its line"
            } else if value.contains("<<") {
                "has `<<`, which begins a heredoc"
            } else {
                continue;
            };
            return Err(Error::config(format!("the value of `{name}` {problem}")).hint(
                "it is put into a line of each Dockerfile that names it, and has to stay there",
            ));
        }
        Ok(())
    }

    /// All names, by name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl From<BTreeMap<String, String>> for Markers {
    fn from(values: BTreeMap<String, String>) -> Self {
        Self(values)
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Markers {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(values: I) -> Self {
        Self(values.into_iter().map(|(k, v)| (k.into(), v.into())).collect())
    }
}

/// A Dockerfile, with the way back to the template it was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    file: PathBuf,
    shown: String,
    text: String,
    cuts: Vec<Cut>,
}

/// One replaced marker: where in the Dockerfile, and where in the template.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cut {
    out: Range<usize>,
    template: Range<usize>,
}

impl Rendered {
    /// A `Dockerfile.template`: known markers replaced, all else byte for byte.
    pub fn from_template(file: &Path, text: &str, markers: &Markers) -> Self {
        let (rendered, cuts) = replace(text, markers);
        Self { file: file.to_owned(), shown: text.to_owned(), text: rendered, cuts }
    }

    /// A `Dockerfile.j2`. Errors about the result show the result, for one line of it may come from
    /// several places of the template.
    ///
    /// # Errors
    /// The template is too large, runs for too long, or is wrong in what it says: with its place.
    pub fn from_jinja(file: &Path, text: &str, markers: &Markers) -> Result<Self> {
        let rendered = render_j2(text, markers, file)?;
        let file = PathBuf::from(format!("{} (rendered)", file.display()));
        Ok(Self { file, shown: rendered.clone(), text: rendered, cuts: vec![] })
    }

    /// The Dockerfile.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The place to show for a span of the template, as found in a [`super::Template`].
    pub fn place(&self, span: Range<usize>) -> Place {
        Place::new(&self.file, self.shown.as_str(), span)
    }

    /// The template's bytes that a span of the Dockerfile came from.
    pub(super) fn origin(&self, span: &Range<usize>) -> Range<usize> {
        let start = self.map(span.start).start;
        if span.is_empty() { start..start } else { start..self.map(span.end - 1).end }
    }

    /// The template's bytes that one byte of the Dockerfile came from.
    fn map(&self, at: usize) -> Range<usize> {
        let after = self.cuts.partition_point(|cut| cut.out.start <= at);
        match after.checked_sub(1).map(|last| &self.cuts[last]) {
            Some(cut) if at < cut.out.end => cut.template.clone(),
            Some(cut) => {
                let start = cut.template.end + (at - cut.out.end);
                start..start + 1
            }
            None => at..at + 1,
        }
    }

    /// A mistake in the Dockerfile, shown where it was written.
    pub(crate) fn mistake(&self, message: impl Into<String>, span: &Range<usize>) -> Error {
        Error::config(message).at(self.place(self.origin(span)))
    }
}

/// The text with every `${NAME}` of a known marker replaced, and all else byte for byte.
///
/// ```
/// use gentoo_bb::dockerfile::render::{Markers, render};
/// let markers = Markers::from_iter([("NAMESPACE", "jdoe")]);
/// assert_eq!(render("FROM ${NAMESPACE}/a:${V} $NAMESPACE", &markers), "FROM jdoe/a:${V} $NAMESPACE");
/// ```
pub fn render(text: &str, markers: &Markers) -> String {
    replace(text, markers).0
}

fn replace(text: &str, markers: &Markers) -> (String, Vec<Cut>) {
    let (mut out, mut cuts, mut done) = (String::with_capacity(text.len()), vec![], 0);
    for (at, _) in text.match_indices("${") {
        let Some((name, _)) = text[at + 2..].split_once('}') else {
            break;
        };
        let Some(value) = markers.get(name) else {
            continue;
        };
        out.push_str(&text[done..at]);
        done = at + name.len() + 3;
        cuts.push(Cut { out: out.len()..out.len() + value.len(), template: at..done });
        out.push_str(value);
    }
    out.push_str(&text[done..]);
    (out, cuts)
}

/// Renders a `Dockerfile.j2`: full minijinja with the markers as its variables; an undefined one is
/// an error.
///
/// # Errors
/// It is no template, or goes on for too long.
pub fn render_j2(text: &str, markers: &Markers, file: &Path) -> Result<String> {
    let whole = |message: String| Error::config(message).at(Place::new(file, text, 0..0));
    if text.len() > limits::TEMPLATE {
        return Err(whole(format!("this template has more than {} bytes", limits::TEMPLATE)));
    }
    // In a thread with a stack for it, that is not waited for: what has no end there ends with the process.
    let (tell, told) = std::sync::mpsc::channel();
    let owned = (text.to_owned(), markers.clone(), file.to_owned());
    let rendering = move || drop(tell.send(rendered(&owned.0, &owned.1, &owned.2)));
    let thread = std::thread::Builder::new().stack_size(limits::TEMPLATE_STACK).spawn(rendering);
    thread.map_err(|cause| whole(format!("this template cannot be run: {cause}")))?;
    match told.recv_timeout(limits::TEMPLATE_TIME) {
        Ok(done) => done,
        Err(RecvTimeoutError::Timeout) => Err(whole("this template runs for too long".to_owned())),
        Err(RecvTimeoutError::Disconnected) => Err(Error::bug("a template's thread has ended")),
    }
}

fn rendered(text: &str, markers: &Markers, file: &Path) -> Result<String> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
        env.set_syntax(syntax);
    }
    env.set_debug(true);
    env.set_fuel(Some(limits::TEMPLATE_FUEL));
    let mut out = Limited::default();
    let template = env.template_from_named_str(JINJA, text);
    let done = template.and_then(|t| t.render_captured_to(&markers.0, &mut out).map(drop));
    if out.full {
        let message = format!("it comes to more than {} bytes", limits::RENDERED);
        return Err(Error::config(message).at(Place::new(file, text, 0..0)));
    }
    done.map_err(|cause| jinja_error(&cause, text, file))?;
    String::from_utf8(out.text)
        .map_err(|_| Error::bug("a template has made bytes that are no text"))
}

/// What a template writes, up to the size that a Dockerfile may have.
#[derive(Default)]
struct Limited {
    text: Vec<u8>,
    full: bool,
}

impl std::io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.text.len() + bytes.len() > limits::RENDERED {
            self.full = true;
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

const JINJA: &str = "Dockerfile.j2";

fn jinja_error(cause: &minijinja::Error, text: &str, file: &Path) -> Error {
    // A range may end inside of a character.
    let range = cause.range().filter(|range| text.get(range.clone()).is_some());
    let span = range.or_else(|| line_span(text, cause.line()?)).unwrap_or(0..0);
    let written = text.get(span.clone()).unwrap_or_default();
    let message = match (cause.kind(), cause.detail()) {
        (ErrorKind::OutOfFuel, _) => "this template runs for too long".to_owned(),
        (ErrorKind::UndefinedError, None) => format!("undefined variable `{written}`"),
        (ErrorKind::UnknownFilter, _) => format!("unknown filter `{written}`"),
        (ErrorKind::UnknownTest, _) => format!("unknown test `{written}`"),
        (ErrorKind::UnknownFunction, _) => format!("unknown function `{written}`"),
        (_, Some(detail)) => detail.to_owned(),
        (kind, None) => kind.to_string(),
    };
    Error::config(message).at(Place::new(file, text, span))
}

/// The bytes of a line, counted from 1, without its end.
fn line_span(text: &str, line: usize) -> Option<Range<usize>> {
    let start = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let content = text.get(start..)?.lines().next().unwrap_or_default();
    Some(start..start + content.len())
}

#[cfg(test)]
mod tests;
