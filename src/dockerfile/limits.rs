//! How much a Dockerfile may ask for before it is refused: each of its parsers counts against these.
//!
//! Numbers only. They are far above what anybody writes by hand, and far below what hurts: a Dockerfile is
//! read by every command, also by the completion of a shell. A file itself is at most 1 MiB
//! (`dock::discover`), so that what is linear in it needs no limit of its own.

use std::time::Duration;

/// Bytes of one line, as in Docker: `bufio.MaxScanTokenSize` less one.
pub(crate) const LINE: usize = 65_535;

/// `${a:-${b:-…` in each other.
pub(crate) const NESTED_VARIABLES: usize = 100;

/// Arrays and objects in each other, in the JSON form. Go's decoder has the same number.
pub(crate) const NESTED_JSON: usize = 10_000;

/// Bytes that one word may come to, with its variables replaced: no more fit into one variable or argument
/// of a program on Linux (`MAX_ARG_STRLEN`).
pub(crate) const WORD: usize = 128 << 10;

/// Bytes that all words of a Dockerfile may come to, together with the values in them and with what each stage
/// inherits; steps of patterns count as bytes.
pub(crate) const EXPANDED: usize = 16 << 20;

/// Steps that matching one `${NAME%pattern}` may take: bytes of the value by those of the pattern.
pub(crate) const PATTERN_STEPS: usize = 1_000_000;

/// What looks like heredocs and has no end: for each, all lines that follow are read.
pub(crate) const UNENDED_HEREDOCS: usize = 30;

/// Tokens of a pattern of `COPY`, `ADD` or `.dockerignore`.
pub(crate) const GLOB_TOKENS: usize = 1_024;

/// Instructions that a template may run; a plain Dockerfile of 1 MiB takes a twentieth of it. What one
/// expression makes counts by its size, so that memory has an end, too.
pub(crate) const TEMPLATE_FUEL: u64 = 2_000_000;

/// Bytes of a `Dockerfile.j2`: its parser calls itself for each operator, and people write some hundred lines.
pub(crate) const TEMPLATE: usize = 64 << 10;

/// Stack for a template of that size, in bytes: at most 1 KiB for each of its smallest parts, of two bytes.
pub(crate) const TEMPLATE_STACK: usize = 64 << 20;

/// How long a template may run, where what it does is not counted as fuel (lists in lists).
pub(crate) const TEMPLATE_TIME: Duration = Duration::from_secs(3);

/// Bytes that a template may come to: as many as a Dockerfile may have.
pub(crate) const RENDERED: usize = 1 << 20;
