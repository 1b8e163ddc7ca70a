//! What `bb … --message-format json` tells: which steps ran, why, and how each ended. No sentence is read for
//! that.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use serde_json::Value;

use crate::sealed::sorted;

/// How a step's action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nobody has told an end.
    Begun,
    Done,
    Failed,
}

/// A finished run, or several that are looked at as one.
#[derive(Debug, Clone)]
pub struct Told {
    /// None: killed by a signal.
    pub code: Option<i32>,
    pub messages: Vec<Value>,
    /// All lines that are no message: of make and ninja, and of verbs that have none.
    pub beside: String,
}

impl From<Output> for Told {
    fn from(out: Output) -> Self {
        let text = String::from_utf8([out.stdout, out.stderr].concat()).unwrap();
        Self::read(out.status.code(), &text)
    }
}

impl Told {
    /// Runs `bb VERB …`, which is to tell.
    pub fn of(mut command: Command) -> Self {
        command.args(["--message-format", "json"]).output().unwrap().into()
    }

    pub fn read(code: Option<i32>, text: &str) -> Self {
        let (messages, beside): (Vec<_>, Vec<_>) =
            text.lines().partition(|line| line.starts_with("{\"type\":"));
        let message =
            |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let messages = messages.into_iter().map(message).collect();
        let beside = beside.into_iter().flat_map(|line| [line, "\n"]).collect();
        let told = Self { code, messages, beside };
        told.agrees();
        told
    }

    /// The summary of a build names the steps of which was told that they are done, and no others.
    fn agrees(&self) {
        for summary in self.of_type("summary") {
            let words = |key: &str| {
                let ids = summary[key].as_array().unwrap().iter();
                sorted(ids.map(|id| id.as_str().unwrap()))
            };
            assert_eq!(words("executed"), self.done(), "{self}");
            assert_eq!(words("failed"), self.failed(), "{self}");
        }
    }

    pub fn of_type<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Value> {
        self.messages.iter().filter(move |message| message["type"] == name)
    }

    /// The steps whose actions began, with what came of them.
    pub fn executed(&self) -> BTreeMap<String, Outcome> {
        let ends = self.messages.iter().filter_map(|message| {
            let outcome = match message["type"].as_str()? {
                "started" => Outcome::Begun,
                "done" => Outcome::Done,
                "failed" => Outcome::Failed,
                _ => return None,
            };
            Some((message["step"].as_str()?.to_owned(), outcome))
        });
        ends.collect()
    }

    /// The steps whose actions began, sorted; one that began twice is there twice.
    pub fn started(&self) -> Vec<String> {
        self.steps("started")
    }

    /// The steps whose actions ended well, sorted.
    pub fn done(&self) -> Vec<String> {
        self.steps("done")
    }

    /// The steps whose actions failed, sorted.
    pub fn failed(&self) -> Vec<String> {
        self.steps("failed")
    }

    fn steps(&self, of_type: &str) -> Vec<String> {
        sorted(self.of_type(of_type).map(|message| message["step"].as_str().unwrap()))
    }

    /// Of a dry run: so many steps are looked at, and all are up to date.
    pub fn all_fresh(&self, steps: usize) -> bool {
        let fresh = self.of_type("planned").filter(|message| message["state"] == "fresh").count();
        (fresh, self.of_type("planned").count()) == (steps, steps)
    }

    /// Why a step began.
    #[track_caller]
    pub fn reason(&self, step: &str) -> &str {
        let started = self.of_type("started").find(|message| message["step"] == step);
        let reason = started.and_then(|message| message["reason"].as_str());
        reason.unwrap_or_else(|| panic!("{step} did not begin: {self}"))
    }

    /// What the end of a build says.
    #[track_caller]
    pub fn summary(&self) -> &str {
        let summary =
            self.of_type("summary").last().and_then(|message| message["message"].as_str());
        summary.unwrap_or_else(|| panic!("no summary: {self}"))
    }

    /// What people would read: the lines that are no message, and the errors.
    pub fn words(&self) -> String {
        let errors = self.messages.iter().filter_map(|message| message.get("error"));
        errors.map(in_words).chain([self.beside.clone()]).collect()
    }

    /// Whether a step's log got this text.
    pub fn logged(&self, text: &str) -> bool {
        self.of_type("line").any(|message| message["text"].as_str().unwrap().contains(text))
    }

    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{self}");
        self
    }

    /// It succeeded, and exactly these steps began and ended well; split at blanks.
    #[track_caller]
    pub fn ran(self, steps: &str) -> Self {
        let wanted = sorted(steps.split_whitespace());
        assert_eq!(
            (self.code, self.started(), self.done()),
            (Some(0), wanted.clone(), wanted),
            "{self}"
        );
        self
    }
}

/// An error without its place.
fn in_words(error: &Value) -> String {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let details = error["details"].as_array().into_iter().flatten().filter_map(text);
    let message = text(&error["message"]).map(|message| format!("error: {message}"));
    let hint = text(&error["hint"]).map(|hint| format!("hint: {hint}"));
    message.into_iter().chain(details).chain(hint).map(|line| line + "\n").collect()
}

/// Everything, for a test that fails.
impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "exit {:?}", self.code)?;
        self.messages.iter().try_for_each(|message| writeln!(f, "{message}"))?;
        f.write_str(&self.beside)
    }
}
