//! Standard output and error: the only writer of both.
//!
//! What could not be written is remembered: a command whose data is lost must not end as if all were well. A
//! reader that has gone away is no failure.

use std::io;
use std::io::{ErrorKind, Write};
use std::sync::Mutex;

use serde::Serialize;

use crate::base::error::{Error, Result, io_reason};
use crate::base::words::{plain_json, safe_lines};

/// Why data on standard output was lost, the first time it was.
static LOST: Mutex<Option<io::Error>> = Mutex::new(None);

/// Text for people, on standard error.
pub(in crate::cli) fn say(text: &str) {
    let _ = io::stderr().write_all(safe_lines(text).as_bytes());
}

/// Data that people read, on standard output.
pub(in crate::cli) fn print(text: &str) {
    print_exactly(&safe_lines(text));
}

/// Data for other programs, byte by byte.
pub(in crate::cli) fn print_exactly(text: &str) {
    // Whether it was written is asked at the end.
    let _ = Output.write_all(text.as_bytes());
}

/// Data as JSON, to be read by people, too.
pub(in crate::cli) fn print_json(data: &impl Serialize) -> Result<()> {
    print_exactly(&json_text(data)?);
    Ok(())
}

/// The same as text, ending in a newline.
pub(in crate::cli) fn json_text(data: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(data);
    let text = text.map_err(|e| Error::bug(format!("cannot write JSON: {e}")))?;
    Ok(plain_json(&text).into_owned() + "\n")
}

/// Whether who read standard output has gone away.
pub(in crate::cli) fn nobody_reads() -> bool {
    let lost = LOST.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    lost.as_ref().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// Standard output is complete.
///
/// # Errors
/// Something of it could not be written, but for want of a reader.
pub(in crate::cli) fn complete() -> Result<()> {
    // A failure of this is remembered, too.
    let _ = Output.flush();
    let lost = LOST.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    match lost.as_ref().filter(|error| error.kind() != ErrorKind::BrokenPipe) {
        Some(error) => {
            Err(Error::step(format!("cannot write standard output: {}", io_reason(error))))
        }
        None => Ok(()),
    }
}

/// Standard output, with what was lost remembered.
#[derive(Debug)]
pub(in crate::cli) struct Output;

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        remember(io::stdout().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        remember(io::stdout().flush())
    }
}

fn remember<T>(written: io::Result<T>) -> io::Result<T> {
    if let Err(error) = &written
        && error.kind() != ErrorKind::Interrupted
    {
        let mut lost = LOST.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        lost.get_or_insert_with(|| io::Error::new(error.kind(), io_reason(error)));
    }
    written
}
