//! The plan for other executors: make, ninja, or whoever reads JSON.
//!
//! What is written here calls `bb step`; where it is put is not decided here.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::base::error::Result;
use crate::export::{Exported, json, make, ninja};
use crate::plan::{Plan, select};
use crate::session::docks::Docks;
use crate::session::project::Project;

/// A form of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// `build.ninja`, to be run as `bb sync && ninja`, with the command that it calls.
    Ninja {
        /// Most often `bb`.
        bb: String,
    },
    /// Steps, edges, inputs, outputs, commands.
    Json,
}

/// A Makefile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Makefile {
    /// Its text.
    pub text: String,
    /// The digest of what it says, which is in it, too.
    pub digest: String,
    /// The files that it was computed from: make compares their times with its own.
    pub sources: BTreeSet<PathBuf>,
}

impl Project {
    /// The plan of some images (none: all but the excluded ones) with their tests, for another executor. With no
    /// lock yet, as if everything were unpinned: the export is the same.
    ///
    /// # Errors
    /// A dock or the lock is wrong (exit code 3), or an unknown image (2).
    pub fn export(&self, images: &[String], form: &Form) -> Result<String> {
        self.export_of(&self.shape()?, images, form)
    }

    /// The same as a Makefile that is to be called `name`.
    ///
    /// # Errors
    /// As of [`export`](Self::export), and make cannot express a path (3).
    pub fn makefile(&self, form: make::Form<'_>) -> Result<Makefile> {
        self.makefile_of(&self.shape()?, form)
    }

    pub(super) fn export_of(
        &self,
        shape: &(Docks, Plan),
        images: &[String],
        form: &Form,
    ) -> Result<String> {
        let (plan, sources) = self.exported(shape, images)?;
        let exported = self.for_others(&plan, &sources);
        match form {
            Form::Ninja { bb } => ninja::ninja(exported, bb, images),
            Form::Json => json::json(exported),
        }
    }

    pub(super) fn makefile_of(
        &self,
        shape: &(Docks, Plan),
        form: make::Form<'_>,
    ) -> Result<Makefile> {
        let (plan, sources) = self.exported(shape, form.chosen)?;
        let exported = self.for_others(&plan, &sources);
        let (text, digest) = make::makefile(exported, form)?;
        Ok(Makefile { text, digest, sources })
    }

    /// The part of the plan, and what all of it was computed from.
    fn exported(
        &self,
        (docks, plan): &(Docks, Plan),
        images: &[String],
    ) -> Result<(Plan, BTreeSet<PathBuf>)> {
        let plan = select::with_tests(plan, images, &self.settings.exclude)?;
        Ok((plan, self.sources(docks)))
    }

    fn for_others<'a>(&'a self, plan: &'a Plan, sources: &'a BTreeSet<PathBuf>) -> Exported<'a> {
        let (state, made_by_make) = (&self.layout.state, &self.settings.made_by_make);
        Exported { plan, state, sources, made_by_make }
    }
}
