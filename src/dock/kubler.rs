//! An image of kubler's as a dock: its texts as ours, and what has to be told of them.
//!
//! ```text
//! build.conf ─► conf ──┐
//! build.sh ──► script ─┴─► Buildconfig.sh, dock.toml       Dockerfile.template ─► template
//! ```
//!
//! Pure: texts in, texts and notes out. Words are changed where they stand, all else stays byte for byte, comments
//! too. Bash is read as far as `buildconfig::code` does, and run nowhere. What is known of kubler's names is in
//! `known`; which files there are, `session` has looked.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::ids::DockName;

mod bash;
mod conf;
mod edits;
pub(crate) mod known;
mod script;
mod settings;
mod template;
#[cfg(test)]
mod tests;
mod testscript;

/// How much a note matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It is done, and is another than before.
    Differs,
    /// Somebody has to do something.
    Hand,
}

impl Weight {
    /// As it is shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::Differs => "differs",
            Self::Hand => "hand",
        }
    }
}

/// Something of kubler's that is not here as it was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// How much it matters.
    pub weight: Weight,
    /// The file in kubler's folder.
    pub file: String,
    /// Its line, counted from 1; 0: all of it.
    pub line: usize,
    /// What it is about.
    pub what: String,
    /// What is so instead, or what to do.
    pub instead: String,
}

impl Note {
    fn new(weight: Weight, (file, line): (&str, usize), what: &str, instead: &str) -> Self {
        let [file, what, instead] = [file, what, instead].map(str::to_owned);
        Self { weight, file, line, what, instead }
    }

    /// `build.sh:12`
    pub fn place(&self) -> String {
        match self.line {
            0 => self.file.clone(),
            line => format!("{}:{line}", self.file),
        }
    }
}

/// What is known of a namespace, for each of its images.
#[derive(Debug, Clone, Default)]
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// What `kubler.conf` sets, as far as it can be told without running it.
    pub values: BTreeMap<String, String>,
    /// Docks that there are, or will be.
    pub docks: BTreeSet<DockName>,
}

/// A file of an image's with its name.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// As it is called in kubler's folder.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// The texts of an image of kubler's.
#[derive(Debug, Clone, Copy)]
pub struct Image<'a> {
    /// `build.sh`
    pub script: Option<Named<'a>>,
    /// `build.conf`, in older ones `image.conf`.
    pub conf: Option<Named<'a>>,
    /// `Dockerfile.template`
    pub template: Named<'a>,
    /// `build-test.sh`
    pub test: Option<Named<'a>>,
    /// All other files, by their paths in it.
    pub files: &'a BTreeSet<String>,
}

/// The texts of a dock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    /// `Buildconfig.sh`
    pub buildconfig: String,
    /// `Dockerfile.template`
    pub template: String,
    /// `dock.toml`, if it needs one.
    pub settings: Option<String>,
    /// What has to be told, by file and line.
    pub notes: Vec<Note>,
}

/// Makes an image a dock.
pub fn convert(image: &Image<'_>, namespace: &Namespace) -> Converted {
    let conf = conf::of_image(image.conf, namespace);
    let script = script::convert(image.script, &conf, image.files);
    let template = template::convert(image.template, &conf, namespace);
    let test = image.test.map_or(vec![], testscript::notes);
    let settings = settings::text(&script, &conf);
    let mut notes = [conf.notes, script.notes, template.notes, test].concat();
    notes.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    notes.dedup();
    Converted { buildconfig: script.text, template: template.text, settings, notes }
}

/// Reads a `kubler.conf`: what it sets, and what has to be told of it.
pub fn read_namespace(conf: Named<'_>) -> (BTreeMap<String, String>, Vec<Note>) {
    conf::of_namespace(conf)
}

/// What a namespace's settings are in `bb.toml`, a line each.
pub fn project_settings(namespace: &Namespace) -> Vec<String> {
    settings::of_project(namespace)
}
