//! A Dockerfile without heredocs, for a builder that knows none: Docker's classic one.
//!
//! Does not read Dockerfiles: what stands where is found by `dockerfile::template`. What each heredoc becomes does
//! what BuildKit does with it: a `RUN` gets the JSON form with its stage's shell, a `COPY` gets its texts as
//! files of the context.
//! Source: `dispatchRun` and `dispatchCopy` in BuildKit's `dockerfile2llb/convert.go`.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::dockerfile::limits;
use crate::dockerfile::scan::{Instruction, Word};

/// An instruction with heredocs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// Where it is in the Dockerfile, with its heredocs.
    pub span: Range<usize>,
    /// What it does.
    pub what: What,
}

/// What an instruction does with its heredocs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A `RUN`.
    Run {
        /// What runs it.
        shell: Shell,
        /// What it is given.
        script: String,
        /// The name of the file that it is in, where it has a `#!` line.
        file: Option<String>,
    },
    /// A `COPY` or an `ADD`.
    Copy {
        /// Its name and its flags.
        head: String,
        /// Its other sources, as they are written.
        sources: Vec<String>,
        /// Names and texts; of a text that needs it, the variable whose value is not known.
        texts: Vec<(String, Result<String, String>)>,
        /// Where they go.
        target: String,
    },
    /// An `ONBUILD`.
    Trigger,
}

/// The words before a command that is not in the JSON form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shell {
    /// These.
    Words(Vec<String>),
    /// What an image says.
    Of(String),
}

impl Default for Shell {
    fn default() -> Self {
        Self::Words(["/bin/sh", "-c"].map(str::to_owned).to_vec())
    }
}

/// The Dockerfile, and files that its context has besides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plain {
    /// The Dockerfile; each instruction is in the line that it was in.
    pub text: String,
    /// Paths and contents.
    pub files: Vec<(String, String)>,
}

/// Why there is none, where, and what to do.
pub type Fault = (String, Range<usize>, &'static str);

/// Where files of heredocs are in the context.
const FOLDER: &str = ".bb-heredocs";

/// Replaces the heredocs of a Dockerfile. `shells` are the shells of images, by reference.
///
/// # Errors
/// The classic builder has no way to do what one of them asks for.
pub fn write(
    text: &str,
    escape: char,
    heredocs: &[Replaced],
    shells: &BTreeMap<String, Vec<String>>,
) -> Result<Plain, Fault> {
    let (mut plain, mut done) = (Plain::default(), 0);
    for (number, Replaced { span, what }) in heredocs.iter().enumerate() {
        plain.text.push_str(&text[done..span.start]);
        let words = match what {
            What::Run { shell, script, file } => {
                format!("RUN {}", json(&command(words(shell, shells), script, file.as_deref())))
            }
            What::Copy { .. } => copy(number, span, what, &mut plain.files)?,
            What::Trigger => {
                let message = "the engine's builder knows no heredoc in a trigger".to_owned();
                return Err((message, span.clone(), "write its text into a file, and copy that"));
            }
        };
        let line = folded(&words, escape);
        plain.text.push_str(&line);
        let lines = |text: &str| text.matches('\n').count();
        let missing = lines(&text[span.clone()]).saturating_sub(lines(&line));
        plain.text.extend(std::iter::repeat_n('\n', missing));
        done = span.end;
    }
    plain.text.push_str(&text[done..]);
    Ok(plain)
}

fn json(words: &[String]) -> String {
    serde_json::Value::from(words).to_string()
}

/// A script with a `#!` line is a file that is run; `/dev` is no part of the image.
const RUN_FILE: &str = "mkdir -p /dev/pipes && printf %s \"$1\" >\"/dev/pipes/$2\" && \
    chmod 755 \"/dev/pipes/$2\" && file=/dev/pipes/$2 && shift 2 && exec \"$@\" \"$file\"";

/// The script of a `RUN` with heredocs, and the name of the file that it is in, where it has a `#!` line: a heredoc
/// alone is the script; what else there is around it is the shell's business.
pub(crate) fn script(at: &Instruction) -> (String, Option<String>) {
    let rest = Word { text: at.rest().to_owned(), range: at.rest_range() };
    if let Some(heredoc) = at.heredoc(&rest) {
        let file = heredoc.text.starts_with("#!").then(|| heredoc.name.clone());
        return (heredoc.body(), file);
    }
    let ends = at.heredocs.iter().flat_map(|h| ["\n", h.text.as_str(), h.name.as_str()]);
    ([at.rest()].into_iter().chain(ends).collect(), None)
}

/// The program of a script's first line, with its one argument, as Linux reads it. It is called and not the file, for
/// nothing below `/dev` may be executed on Podman.
fn interpreter(script: &str) -> Vec<String> {
    let first = script.lines().next().and_then(|line| line.strip_prefix("#!")).unwrap_or_default();
    let first = first.trim_matches([' ', '\t']);
    let (program, rest) = first.split_once([' ', '\t']).unwrap_or((first, ""));
    let words = [program, rest.trim_start_matches([' ', '\t'])];
    words.into_iter().filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The words that run a script, for a shell that may be Docker's own.
pub fn command(shell: &[String], script: &str, file: Option<&str>) -> Vec<String> {
    let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    if let Some(file) = file {
        let run = own(&["/bin/sh", "-c", RUN_FILE, "sh", script, file]);
        return run.into_iter().chain(interpreter(script)).collect();
    }
    let shell = if shell.is_empty() { own(&["/bin/sh", "-c"]) } else { shell.to_vec() };
    [shell, own(&[script])].concat()
}

fn words<'a>(shell: &'a Shell, shells: &'a BTreeMap<String, Vec<String>>) -> &'a [String] {
    match shell {
        Shell::Words(words) => words,
        Shell::Of(image) => shells.get(image).map_or(&[][..], Vec::as_slice),
    }
}

fn copy(
    number: usize,
    span: &Range<usize>,
    what: &What,
    files: &mut Vec<(String, String)>,
) -> Result<String, Fault> {
    let What::Copy { head, sources, texts, target } = what else { return Ok(String::new()) };
    let mut words = sources.clone();
    for (name, text) in texts {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if !name.chars().all(plain) {
            let message =
                format!("the engine's builder can make no file `{name}` out of a heredoc");
            return Err((
                message,
                span.clone(),
                "letters, digits, `-`, `_` and `.` are no trouble",
            ));
        }
        let text = text.as_ref().map_err(|variable| {
            let message =
                format!("the value of `{variable}` in this heredoc is known to the engine only");
            (
                message,
                span.clone(),
                "set it with `ENV` or `ARG` before, or put the heredoc's name in quotes",
            )
        })?;
        let path = format!("{FOLDER}/{number}/{name}");
        words.push(path.clone());
        files.push((path, text.clone()));
    }
    words.push(target.clone());
    Ok(format!("{head} {}", json(&words)))
}

/// The same in lines that are short enough for Docker, continued before a letter or a digit: nothing else is
/// safe at the beginning of a line.
fn folded(line: &str, escape: char) -> String {
    let mut out = String::with_capacity(line.len());
    let (mut length, mut last) = (0, ' ');
    for c in line.chars() {
        if length > limits::LINE / 2 && c.is_ascii_alphanumeric() && last != escape {
            out.extend([escape, '\n']);
            length = 0;
        }
        out.push(c);
        length += c.len_utf8();
        last = c;
    }
    out
}

#[cfg(test)]
mod tests;
