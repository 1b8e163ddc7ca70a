//! What a command says beside its data, as data: rendered here for people, in `json` for programs.
//!
//! Does not know where it goes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::base::diag;
use crate::base::error::{Error, Exit};
use crate::base::ids::StepId;
use crate::base::secret::without_secrets;
use crate::base::words::{counted, visible};
use crate::config::lock::Base;
use crate::exec::event::{Event, Summary};
use crate::report;
use crate::report::plain::line;
use crate::report::short_id;

/// One thing to say.
#[derive(Debug)]
#[allow(missing_docs, reason = "the fields are what their names say")]
pub enum Message<'a> {
    /// Something happens to a step.
    Event(&'a Event),
    /// How a step stands before anything is done: a word, and why.
    Planned { step: String, state: &'static str, reason: String },
    /// Stage3 and snapshot were pinned.
    Pinned { stage3: &'a str, snapshot: &'a str },
    /// An image from elsewhere, as Dockerfiles call it, was pinned.
    PinnedBase { name: &'a str, base: &'a Base },
    /// A mirror's or key server's answer that was not taken, and why.
    PassedOver { what: &'a str },
    /// Portage is asked what it would install for a step.
    Resolving { step: &'a StepId },
    /// Something could not be looked into or removed, and why.
    Kept { what: &'a str, why: &'a str },
    /// What nobody should overlook.
    Alarm { message: &'a str },
    /// What will be a problem soon, and what to do.
    Warning { message: &'a str, hint: &'a str },
    /// A run has come to its end.
    Summary { summary: &'a Summary, took: Duration, exit: Option<Exit> },
    /// The engine has all that was asked for: so many images, in words.
    NothingMissing { images: &'a str },
    /// An image is in a registry: so many layers were sent, so many were there.
    Pushed { image: &'a str, digest: &'a str, sent: usize, there: usize },
    /// Nothing is done until something changes.
    Watching,
    /// Files changed, as seen from the project.
    Changed { files: &'a BTreeSet<PathBuf> },
    /// The command ends because of this.
    Error(&'a Error),
}

impl Message<'_> {
    /// Lines for people, each ending in a newline; empty for what only programs care for.
    pub fn text(&self, color: bool) -> String {
        match self {
            Self::Event(event) => line(event, color, false).unwrap_or_default(),
            Self::Planned { step, state, reason } => {
                format!("{state}  {}  {}\n", visible(step), visible(reason))
            }
            Self::Pinned { stage3, snapshot } => {
                let (stage3, snapshot) = (visible(stage3), visible(snapshot));
                format!("pinned  stage3 {stage3} and snapshot {snapshot} in bb.lock\n")
            }
            Self::PinnedBase { name, base } => {
                let (name, id) = (visible(name), visible(short_id(&base.id)));
                let origin = report::origin(base.origin());
                format!("pinned  `{name}` as {id}, from {origin}, in bb.lock\n")
            }
            Self::PassedOver { what } => {
                format!("passed over: {}\n", visible(&without_secrets(what)))
            }
            Self::Resolving { step } => format!("resolve {step}\n"),
            Self::Kept { what, why } => format!("kept    {what}: {why}\n"),
            Self::Alarm { message } => diag::alarm(message, color),
            Self::Warning { message, hint } => diag::warning(message, hint, color),
            Self::Summary { summary, took, .. } => format!("{}\n", report::summary(summary, *took)),
            Self::NothingMissing { images } => {
                format!("nothing is missing: the engine has {images}\n")
            }
            Self::Pushed { image, sent, there, .. } => {
                format!(
                    "pushed  {}: {} sent, {there} already there\n",
                    visible(image),
                    counted(*sent, "layer")
                )
            }
            Self::Watching => "watch   waiting for changes; Ctrl-C ends it\n".to_owned(),
            Self::Changed { files } => changed(files),
            Self::Error(error) => diag::render(error, color),
        }
    }
}

fn changed(files: &BTreeSet<PathBuf>) -> String {
    let first = files.first().map_or(Path::new(""), PathBuf::as_path).display().to_string();
    let first = if first.is_empty() { "many files".to_owned() } else { first };
    let first = visible(&first);
    match files.len() {
        0 | 1 => format!("change  {first}\n"),
        n => format!("change  {first}, and {} more\n", n - 1),
    }
}
