//! Expected failures as data: what happened, where, what to do, and the exit code it leads to.
//!
//! Knows nothing of terminals or colours: `diag` is the one place that turns an [`Error`] into text.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::base::secret::without_secrets;
use crate::base::words::cut;

/// Result with this project's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Exit codes of `bb`, one for each kind of expected failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// A step failed (1).
    Step = 1,
    /// The command line is wrong (2).
    Usage = 2,
    /// `bb.toml`, `bb.lock` or a dock is wrong (3).
    Config = 3,
    /// The engine cannot be reached (4).
    Engine = 4,
    /// Something did not verify (5).
    Trust = 5,
    /// A bug in this program (70).
    Bug = 70,
    /// Ctrl-C (130).
    Interrupted = 130,
}

impl Exit {
    /// The process exit code.
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// A byte range in a text file, to be shown with line and caret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Path as the user would type it.
    pub file: PathBuf,
    /// The whole text of the file.
    pub text: String,
    /// Byte offsets into `text`.
    pub span: Range<usize>,
    /// Words beside the caret, may be empty.
    pub label: String,
}

impl Place {
    /// A place with no label.
    pub fn new(file: impl Into<PathBuf>, text: impl Into<String>, span: Range<usize>) -> Self {
        Self { file: file.into(), text: text.into(), span, label: String::new() }
    }

    /// Where it begins; both count from 1, the column in characters.
    pub fn line_and_column(&self) -> (usize, usize) {
        let before = self.text.get(..self.span.start).unwrap_or(&self.text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        (before.matches('\n').count() + 1, line.chars().count() + 1)
    }

    /// The same with words beside the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }
}

/// What to do where a disk is full.
pub const NO_ROOM: &str = "free some space (`bb df` tells what takes it, `bb gc` removes what nothing needs) and run \
    the same command again; nothing is lost";

/// One expected failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    inner: Box<Inner>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inner {
    exit: Exit,
    message: String,
    place: Option<Place>,
    detail: Vec<String>,
    /// How each of them is shown.
    manners: Vec<Manner>,
    hint: Option<String>,
}

/// How a line of detail is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Manner {
    /// Its addresses are published: their queries are no secrets.
    public: bool,
    /// A terminal shows so many characters of it.
    most: Option<usize>,
}

impl Error {
    /// A failure with a lower-case sentence, names in backticks.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        let (message, detail, manners) = (message.into(), vec![], vec![]);
        let inner = Inner { exit, message, place: None, detail, manners, hint: None };
        Self { inner: Box::new(inner) }
    }

    /// A step failed.
    pub fn step(message: impl Into<String>) -> Self {
        Self::new(Exit::Step, message)
    }

    /// Wrong use of the command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Wrong settings, lock or dock.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(Exit::Config, message)
    }

    /// No engine, or one that does not answer as it should.
    pub fn engine(message: impl Into<String>) -> Self {
        Self::new(Exit::Engine, message)
    }

    /// Something is not what its publisher signed.
    pub fn trust(message: impl Into<String>) -> Self {
        Self::new(Exit::Trust, message)
    }

    /// An impossible state: our mistake, not the user's.
    pub fn bug(message: impl Into<String>) -> Self {
        Self::new(Exit::Bug, message).hint("this is a bug in bb; please report it")
    }

    /// Ctrl-C.
    pub fn interrupted() -> Self {
        Self::new(Exit::Interrupted, "interrupted")
    }

    /// A failed file operation: `cannot VERB `PATH`: REASON`.
    pub fn file(verb: &str, path: &Path, cause: &std::io::Error) -> Self {
        let error = Self::step(format!("cannot {verb} `{}`: {}", path.display(), io_reason(cause)));
        match cause.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                error.hint(NO_ROOM)
            }
            _ => error,
        }
    }

    /// Adds the place in a text file.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.inner.place = Some(place);
        self
    }

    /// Adds the one hint: what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.inner.hint = Some(hint.into());
        self
    }

    /// Adds a line of detail, printed as it is after the message.
    #[must_use]
    pub fn detail(self, line: impl Into<String>) -> Self {
        self.detail_in(Manner::default(), line)
    }

    /// The same of a line whose addresses are published: they are shown with their queries.
    #[must_use]
    pub fn public_detail(self, line: impl Into<String>) -> Self {
        self.detail_in(Manner { public: true, ..Manner::default() }, line)
    }

    /// The same of a line that may be very long: a terminal shows only so many characters of it.
    #[must_use]
    pub fn long_detail(self, line: impl Into<String>, most: usize) -> Self {
        self.detail_in(Manner { most: Some(most), ..Manner::default() }, line)
    }

    fn detail_in(mut self, manner: Manner, line: impl Into<String>) -> Self {
        self.inner.detail.push(line.into());
        self.inner.manners.push(manner);
        self
    }

    /// What kind of failure, and its exit code.
    pub fn exit(&self) -> Exit {
        self.inner.exit
    }

    /// The sentence.
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// Where, if in a text file.
    pub fn place(&self) -> Option<&Place> {
        self.inner.place.as_ref()
    }

    /// Lines of detail.
    pub fn details(&self) -> &[String] {
        &self.inner.detail
    }

    /// Lines of detail as they may be shown, without what is secret in addresses: for a terminal, or whole.
    pub fn shown_details(&self, terminal: bool) -> impl Iterator<Item = String> {
        let Inner { detail, manners, .. } = &*self.inner;
        detail.iter().zip(manners).map(move |(line, manner)| {
            let line = if manner.public { line.clone() } else { without_secrets(line) };
            match manner.most.filter(|_| terminal) {
                Some(most) => cut(&line, most),
                None => line,
            }
        })
    }

    /// What to do.
    pub fn hint_text(&self) -> Option<&str> {
        self.inner.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.message)
    }
}

impl std::error::Error for Error {}

/// The reason without the ` (os error N)` that `io::Error` appends, in lower case.
pub fn io_reason(cause: &std::io::Error) -> String {
    let text = cause.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    lower_first(text)
}

/// The text with its first letter in lower case, as messages begin; a word in capitals stays.
///
/// ```
/// use gentoo_bb::base::error::lower_first;
/// assert_eq!(lower_first("No such URI"), "no such URI");
/// assert_eq!(lower_first("URI is not supported"), "URI is not supported");
/// ```
pub fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) if !chars.as_str().starts_with(char::is_uppercase) => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}
