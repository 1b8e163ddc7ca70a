//! The plan as text for other executors: make, ninja, JSON; and as a picture.
//!
//! Pure. Every recipe is one `bb step ID`, which judges again before it works; what is up to date is
//! not known here.

pub mod catalogue;
pub mod graph;
pub mod json;
pub mod make;
pub mod ninja;
pub mod timeline;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use minijinja::syntax::SyntaxConfig;

use crate::base::error::{Error, Result};
use crate::base::ids::StepId;
use crate::plan::graph::{Plan, StepIx};

/// What an export is made of.
#[derive(Debug, Clone, Copy)]
pub struct Exported<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The state folder, relative to the project.
    pub state: &'a Path,
    /// Files and folders that the plan itself was computed from, relative to the project.
    pub sources: &'a BTreeSet<PathBuf>,
    /// Files that rules of the including Makefile make.
    pub made_by_make: &'a [PathBuf],
}

impl Exported<'_> {
    /// Input files of the project: what steps make is told by their stamps, and files elsewhere,
    /// such as a keyring, are looked at by the judge, so that the export is the same everywhere.
    fn user_files(&self, ix: StepIx) -> impl Iterator<Item = &PathBuf> {
        let of_project = |f: &&PathBuf| !f.starts_with(self.state) && f.is_relative();
        self.plan.step(ix).files.iter().filter(of_project)
    }

    /// All input files of the user's, once each, sorted.
    fn all_user_files(&self) -> BTreeSet<&PathBuf> {
        self.plan.order().iter().flat_map(|ix| self.user_files(*ix)).collect()
    }

    /// The steps before one, sorted.
    fn upstream(&self, ix: StepIx) -> BTreeSet<&StepId> {
        self.plan.upstream(ix).map(|up| &self.plan.step(up).id).collect()
    }
}

/// `stamps/KIND/NAME`, below the state folder.
pub fn stamp(id: &StepId) -> String {
    format!("stamps/{}/{}", id.kind, id.name)
}

/// A template with values; one whose name ends in `.html` or `.xml` escapes them.
pub(crate) fn render(
    name: &'static str,
    source: &'static str,
    values: &serde_json::Value,
) -> Result<String> {
    let mut environment = minijinja::Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).keep_trailing_newline(true).build();
    environment.set_syntax(syntax.map_err(|e| Error::bug(format!("template syntax: {e}")))?);
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    let rendered = environment.render_named_str(name, source, minijinja::value::Serde(values));
    rendered.map_err(|e| Error::bug(format!("the template `{name}`: {e}")))
}
