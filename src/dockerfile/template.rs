//! What a Dockerfile is built on and what it takes from its context.
//!
//! Knows no file and no graph: text and names in, parents and sources out. What Docker would refuse is
//! refused here, as far as it can be told without the parent's variables and the files.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::base::error::Result;
use crate::base::ids::DockName;
use crate::dockerfile::plain::Replaced;
use crate::dockerfile::render::{Markers, Rendered};
use crate::dockerfile::scan;

mod build;
mod parent;
mod scope;

/// Everything that is known when a template is read.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Values of the markers; `NAMESPACE` and `TAG` decide which references are docks.
    pub markers: &'a Markers,
    /// The names of all docks.
    pub docks: &'a BTreeSet<DockName>,
    /// What the docks leave to those that are built on them, where they do.
    pub triggers: &'a BTreeMap<DockName, Vec<String>>,
    /// What images are built for, as OCI calls it: `amd64`. None: the plan has seen that each is for that.
    pub architecture: Option<&'a str>,
}

/// What a Dockerfile says about its inputs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template {
    /// Every image that a `FROM`, `COPY --from=` or a mount names, in order.
    pub parents: Vec<Parent>,
    /// What comes from the context.
    pub copies: Vec<CopySource>,
    /// What `ONBUILD` takes from the context of the images built on this one.
    pub onbuild_copies: Vec<CopySource>,
    /// Is `rootfs.tar` one of the sources?
    pub uses_rootfs: bool,
    /// Is there a `RUN`?
    pub has_run: bool,
    /// Has one of them a flag? The engine's own builder knows none.
    pub has_run_flags: bool,
    /// Secrets that have to be there, and where they are named.
    pub required: Vec<(String, Range<usize>)>,
    /// The number of the parent that the last stage goes back to, through other stages; none if from scratch.
    base: Option<usize>,
    /// The labels that the last stage gets from this Dockerfile, as far as their names are known.
    pub labels: BTreeSet<String>,
    /// `# syntax=`, which is not obeyed, for [`Rendered::place`].
    pub syntax: Option<Range<usize>>,
    /// Instructions with heredocs.
    pub heredocs: Vec<Replaced>,
    /// The escape character.
    pub escape: char,
}

impl Template {
    /// The image that the last stage goes back to, unless from scratch.
    pub fn base(&self) -> Option<&Parent> {
        self.parents.get(self.base?)
    }

    /// The docks among the parents, each once, by name.
    pub fn docks(&self) -> BTreeSet<&DockName> {
        self.parents.iter().filter_map(|parent| parent.target.dock()).collect()
    }
}

/// One image that is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// As the engine sees it, with markers and `ARG`s replaced.
    pub reference: String,
    /// What it means.
    pub target: ParentKind,
    /// Where it is written, for [`Rendered::place`].
    pub span: Range<usize>,
    /// In which instruction.
    pub role: Role,
}

/// What a reference means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParentKind {
    /// `FROM scratch`.
    Scratch,
    /// An earlier stage of the same file.
    Stage,
    /// A dock.
    Dock(DockName),
    /// An image from elsewhere.
    External(String),
}

impl ParentKind {
    /// The dock, if it is one.
    pub fn dock(&self) -> Option<&DockName> {
        if let Self::Dock(name) = self { Some(name) } else { None }
    }
}

/// The instruction that names a parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `FROM`.
    From,
    /// `COPY --from=`, or `from=` of a mount.
    CopyFrom,
}

/// One source of a `COPY` or an `ADD`, or of what a `RUN` mounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopySource {
    /// What it names.
    pub source: Source,
    /// Where it is written, for [`Rendered::place`].
    pub span: Range<usize>,
    /// The stage, counted from 0.
    pub stage: usize,
    /// Sources of one instruction have the same number: Docker accepts a glob that matches nothing
    /// where another source of the instruction matches.
    pub instruction: usize,
    /// `--parents`, which gives `**` its meaning.
    pub parents: bool,
    /// Is it from an `ONBUILD` of the image below?
    pub triggered: bool,
}

/// What a source names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `rootfs.tar`, which the rootfs step makes.
    Rootfs,
    /// A path or a pattern in the context, as Docker sees it.
    Path(String),
    /// A path that a `RUN` mounts: no pattern, and nothing is copied.
    Mounted(String),
    /// It depends on variables that only the engine knows: any file of the context.
    Everything,
    /// Something outside of the context, which `ADD` downloads.
    Url(String),
}

/// Reads a Dockerfile.
///
/// # Errors
/// An instruction is wrong or has what is not known here, or a `FROM` names no dock: with its place.
pub fn parse(source: &Rendered, known: Known<'_>) -> Result<Template> {
    let scanned = scan::scan(source)?;
    let mut builder = build::Builder::new(source, known, &scanned);
    for (number, instruction) in scanned.instructions.iter().enumerate() {
        builder.instruction(number, instruction)?;
    }
    builder.finish()
}

/// Reads a Dockerfile in which no marker is left: every image that it names is one from elsewhere.
///
/// # Errors
/// As of [`parse`].
pub fn parse_rendered(source: &Rendered) -> Result<Template> {
    let (markers, docks, triggers) = Default::default();
    parse(
        source,
        Known { markers: &markers, docks: &docks, triggers: &triggers, architecture: None },
    )
}

/// What a Dockerfile's last stage leaves, by `ONBUILD`, to the images that are built on it.
///
/// # Errors
/// The text is no Dockerfile.
pub fn triggers(source: &Rendered) -> Result<Vec<String>> {
    let mut triggers = vec![];
    for at in scan::scan(source)?.instructions {
        match at.name.as_str() {
            "from" => triggers.clear(),
            "onbuild" => triggers.push(at.rest().to_owned()),
            _ => {}
        }
    }
    Ok(triggers)
}

/// Is a source of `ADD` something to download?
pub(crate) fn is_remote(source: &str) -> bool {
    let remote = ["http://", "https://", "git://", "ssh://", "git@"];
    remote.iter().any(|start| source.starts_with(start))
}

/// The names of the labels that an image gets from its Dockerfile: those of the last stage and of the stages
/// that it is built on, as far as they can be told without the image below.
pub fn labels(dockerfile: &Rendered) -> BTreeSet<String> {
    parse_rendered(dockerfile).map(|template| template.labels).unwrap_or_default()
}

#[cfg(test)]
mod tests;
