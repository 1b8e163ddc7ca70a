//! The graph as a picture: docks or steps with their state, as dot, Mermaid, SVG or a page.
//!
//! Pure. What a node is called, how it stands and what it has come to is told by the caller; names and
//! reasons may hold anything.

pub mod dot;
pub mod layout;
pub mod mermaid;
pub mod page;

use std::time::Duration;

use serde::Serialize;

use crate::base::words::{is_hostile, megabytes};
use crate::report::duration;

/// How a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing is to be done.
    Fresh,
    /// It waits for a stale one.
    Waits,
    /// Its action has to run again.
    Stale,
    /// It has never been built.
    Never,
}

impl State {
    /// All of them.
    pub const ALL: [State; 4] = [State::Fresh, State::Waits, State::Stale, State::Never];

    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            State::Fresh => "fresh",
            State::Waits => "waits",
            State::Stale => "stale",
            State::Never => "never built",
        }
    }

    /// A sign to tell it by without its colour.
    pub fn mark(self) -> char {
        match self {
            State::Fresh => '✓',
            State::Waits => '…',
            State::Stale => '!',
            State::Never => '○',
        }
    }

    /// One word, for a class of a style sheet.
    pub fn class(self) -> &'static str {
        match self {
            State::Never => "never",
            other => other.word(),
        }
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// `kind:name`.
    pub id: String,
    /// How it stands.
    pub state: State,
    /// Why, or for what it waits; empty if it is fresh.
    pub reason: String,
    /// Bytes that it left.
    pub size: Option<u64>,
    /// How long its last run took.
    pub took: Option<Duration>,
}

/// A box of the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is called: a dock's name, or a step's id.
    pub name: String,
    /// Positions of those before it.
    pub up: Vec<usize>,
    /// Its steps, in the order in which they run.
    pub parts: Vec<Part>,
    /// The image's size.
    pub size: Option<u64>,
    /// How many packages are in the image.
    pub packages: Option<usize>,
    /// What the image is called.
    pub references: Vec<String>,
    /// Images from elsewhere that it is built on.
    pub bases: Vec<String>,
}

impl Node {
    /// The worst of its steps; one that was never built counts only if it ends there.
    pub fn state(&self) -> State {
        let worst = self.parts.iter().map(|part| part.state).max().unwrap_or(State::Fresh);
        let last = self.parts.last().map_or(State::Fresh, |part| part.state);
        if worst == State::Never && last != State::Never { State::Stale } else { worst }
    }

    /// How long all of its steps took, as far as they ever ran.
    pub fn took(&self) -> Option<Duration> {
        self.parts.iter().filter_map(|part| part.took).reduce(|a, b| a + b)
    }

    /// State, size and duration in one line.
    pub fn summary(&self) -> String {
        let size = self.size.map(megabytes);
        let took = self.took().map(duration);
        let words = [Some(self.state().word().to_owned()), size, took];
        words.into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }
}

/// The text without what neither XML nor a terminal can show.
fn printable(text: &str) -> String {
    text.chars().map(|c| if is_hostile(c) { '\u{fffd}' } else { c }).collect()
}

/// The text, cut to so many letters.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests;
