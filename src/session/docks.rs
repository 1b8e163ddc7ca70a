//! The docks of a project, and the plan that is computed from them. A dock that did not change since a build has read
//! it is not read again.
//!
//! What makes a dock one that is worth keeping, and how long what is kept holds, is told in `unchanged`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::error::{Error, Place, Result};
use crate::base::ids::DockName;
use crate::base::parallel;
use crate::base::reference::Reference;
use crate::config::Settings;
use crate::config::lock::Pins;
use crate::dock::discover;
use crate::dock::discover::{BUILDCONFIG, Dock, FileEntry, FileKind};
use crate::dockerfile::{Known, Markers, Parent, ParentKind, Rendered, Template, template};
use crate::exec::action::templates_digest;
use crate::gentoo::keys;
use crate::image::config::architecture;
use crate::plan::expand::Sources;
use crate::plan::{DockFacts, Plan, expand, stack};
use crate::session::facts::{facts, followed, too_high, triggers};
use crate::session::project::{Project, SETTINGS_FILE, folders, is_pattern};
use crate::session::unchanged::{Kept, Unchanged};

/// All docks of a project, each as it was read or as it is known to be still.
#[derive(Debug)]
pub struct Docks {
    all: Vec<State>,
    /// What the docks that are not read again were read with.
    kept: Unchanged,
}

#[derive(Debug)]
enum State {
    Read(Box<Dock>),
    Unchanged(Arc<Kept>),
}

impl State {
    fn name(&self) -> &DockName {
        match self {
            Self::Read(dock) => &dock.name,
            Self::Unchanged(kept) => &kept.name,
        }
    }
}

impl Docks {
    /// How many.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What is left of them once the plan is made: what only plans need is given back, for steps may take hours.
    pub(super) fn planned(self) -> Planned {
        let mut planned = Planned { read: vec![], unchanged: vec![] };
        for state in self.all {
            match state {
                State::Read(dock) => planned.read.push(*dock),
                State::Unchanged(kept) => planned.unchanged.push(kept.name.clone()),
            }
        }
        planned
    }

    /// Those that were read.
    fn read(&self) -> impl Iterator<Item = &Dock> {
        self.all.iter().filter_map(|state| match state {
            State::Read(dock) => Some(&**dock),
            State::Unchanged(_) => None,
        })
    }
}

/// Docks of which a plan was made.
#[derive(Debug)]
pub(super) struct Planned {
    read: Vec<Dock>,
    unchanged: Vec<DockName>,
}

impl Planned {
    /// Whether so many were read that keeping them may be worth the time.
    pub(super) fn may_be_kept(&self) -> bool {
        are_worth_keeping(self.read.len(), self.read.len() + self.unchanged.len())
    }
}

/// Of fewer new ones than a twentieth, what is kept is not written anew.
fn are_worth_keeping(new: usize, all: usize) -> bool {
    new > all / 20
}

/// What every dock is read with, besides its own files.
struct Reading<'a> {
    names: BTreeSet<DockName>,
    markers: Markers,
    triggers: BTreeMap<DockName, Vec<String>>,
    architecture: &'a str,
}

impl<'a> Reading<'a> {
    fn new(settings: &'a Settings, docks: &Docks, date: &str) -> Self {
        let markers = settings.markers(date).into();
        Self {
            names: docks.all.iter().map(|state| state.name().clone()).collect(),
            // What leaves triggers is never kept.
            triggers: triggers(docks.read(), &markers),
            markers,
            architecture: architecture(&settings.arch),
        }
    }

    fn known(&self) -> Known<'_> {
        Known {
            markers: &self.markers,
            docks: &self.names,
            triggers: &self.triggers,
            architecture: Some(self.architecture),
        }
    }

    fn template(&self, dock: &Dock) -> Result<(Rendered, Template)> {
        let rendered = dock.render(&self.markers)?;
        let template = template::parse(&rendered, self.known())?;
        Ok((rendered, template))
    }
}

impl Project {
    /// Reads the docks.
    ///
    /// # Errors
    /// A dock is not as it should be, or a link in it leads out of the project.
    pub fn docks(&self) -> Result<Vec<Dock>> {
        let names = discover::names(&self.settings.docks, &self.ground)?;
        parallel::map(&names, |name| self.dock(name))
    }

    fn dock(&self, name: &OsString) -> Result<Dock> {
        let mut dock = discover::dock(&self.settings.docks, name, &self.ground)?;
        for output in self.made() {
            will_have(&mut dock, output);
        }
        Ok(dock)
    }

    /// Files that tasks and make make.
    pub(super) fn made(&self) -> impl Iterator<Item = &Path> {
        let outputs = self.settings.tasks.iter().flat_map(|task| &task.outputs);
        let outputs = outputs.map(|output| Path::new(&output.text));
        outputs.chain(self.settings.made_by_make.iter().map(PathBuf::as_path))
    }

    /// The docks as far as the plan has to know them: reads those that have changed.
    ///
    /// # Errors
    /// As of [`docks`](Self::docks).
    pub fn known_docks(&self) -> Result<Docks> {
        let names = discover::names(&self.settings.docks, &self.ground)?;
        let kept = Unchanged::load(self, &names);
        let all = parallel::map(&names, |name| match kept.get(self, name) {
            Some(kept) => Ok::<_, Error>(State::Unchanged(kept.clone())),
            None => Ok(State::Read(Box::new(self.dock(name)?))),
        })?;
        Ok(Docks { all, kept: kept.emptied() })
    }

    /// The docks of a plan as they were when it was made.
    ///
    /// # Errors
    /// As of [`docks`](Self::docks).
    pub(super) fn docks_of(&self, planned: Planned) -> Result<Docks> {
        let names = discover::names(&self.settings.docks, &self.ground)?;
        let kept = Unchanged::load(self, &names);
        let unchanged = parallel::map(&planned.unchanged, |name| match kept.of_name(name) {
            Some(kept) => Ok::<_, Error>(State::Unchanged(kept.clone())),
            // Somebody else has written what is kept anew.
            None => Ok(State::Read(Box::new(self.dock(&name.as_str().into())?))),
        })?;
        let read = planned.read.into_iter().map(|dock| State::Read(Box::new(dock)));
        Ok(Docks { all: read.chain(unchanged).collect(), kept: kept.emptied() })
    }

    /// Keeps what was read of the docks, if that is worth it. `seen` is when the first of it was looked at,
    /// nanoseconds since 1970. Only to be quick: where it cannot be written, nothing is lost.
    pub(super) fn keep(&self, docks: &Docks, seen: i64) {
        let reading = Reading::new(&self.settings, docks, "");
        let lasting = docks.read().filter(|dock| Kept::lasts(self, dock, &reading.triggers));
        let lasting = lasting.collect::<Vec<_>>();
        if !are_worth_keeping(lasting.len(), docks.all.len()) {
            return;
        }
        let new = parallel::map(&lasting, |dock| {
            let facts = facts(dock, reading.known(), &self.ground)?;
            Ok::<_, Error>(Kept::of(dock, &facts, seen))
        });
        let Ok(new) = new else { return };
        let old = docks.all.iter().filter_map(|state| match state {
            State::Unchanged(kept) => Some(&**kept),
            State::Read(_) => None,
        });
        let same = docks.kept.read_with(&reading.triggers);
        let old = old.filter(|_| same);
        let all = new.iter().flatten().chain(old).collect::<Vec<_>>();
        docks.kept.save(self, &all, &reading.triggers);
    }

    /// Whether a dock is compiled, or names the snapshot's date. One that cannot be read needs none: the plan
    /// says what is wrong.
    pub fn needs_lock(&self, docks: &Docks) -> bool {
        let reading = Reading::new(&self.settings, docks, "");
        let compiled =
            |dock: &Dock| reading.template(dock).is_ok_and(|(_, template)| template.uses_rootfs);
        docks.all.iter().any(|state| match state {
            State::Read(dock) => {
                dock.is_jinja || dock.template.contains("${DATE}") || compiled(dock)
            }
            State::Unchanged(kept) => kept.has_rootfs,
        })
    }

    /// Where a dock names an image from elsewhere, the first one.
    pub(super) fn named_at(&self, name: &Reference, docks: &Docks, pins: &Pins) -> Option<Place> {
        let reading = Reading::new(&self.settings, docks, pins.date());
        let is_named = |parent: &&Parent| match &parent.target {
            ParentKind::External(reference) => {
                reference.parse::<Reference>().is_ok_and(|r| r == *name)
            }
            _ => false,
        };
        self.docks().ok()?.iter().find_map(|dock| {
            let (rendered, template) = reading.template(dock).ok()?;
            let parent = template.parents.iter().find(is_named)?;
            Some(rendered.place(parent.span.clone()))
        })
    }

    /// Computes the plan. Without stage3 and snapshot, for docks of which none [needs them](Self::needs_lock).
    ///
    /// # Errors
    /// A Dockerfile or a pattern is wrong, a file that is copied is not there, an image would have too many
    /// layers, or docks or tasks need each other in a circle.
    pub fn plan_of(&self, docks: &Docks, pins: &Pins) -> Result<Plan> {
        let reading = Reading::new(&self.settings, docks, pins.date());
        reading.markers.check()?;
        let facts = self.facts(docks, &reading)?;
        if let Some(name) = stack::too_high(&facts) {
            let dock = self.dock(&name.as_str().into())?;
            return Err(too_high(&dock, reading.known())?);
        }
        let keyrings = keys::files(&self.settings).into_iter().flat_map(followed);
        let given = self.given()?;
        expand(Sources {
            given: given.as_deref(),
            settings: &self.settings,
            pins,
            layout: &self.layout,
            keyrings: &keyrings.collect::<Vec<_>>(),
            bob_digest: &templates_digest(),
            docks: &facts,
            tasks: &self.tasks()?,
        })
    }

    /// What the plan has to know of each dock.
    fn facts(&self, docks: &Docks, reading: &Reading<'_>) -> Result<Vec<DockFacts>> {
        let same = docks.kept.read_with(&reading.triggers);
        let read = docks.read().collect::<Vec<_>>();
        let of = |dock: &Dock| facts(dock, reading.known(), &self.ground);
        let mut read = parallel::map(&read, |dock| of(dock))?.into_iter();
        let mut all = Vec::with_capacity(docks.all.len());
        for state in &docks.all {
            let kept = match state {
                State::Read(_) => {
                    all.extend(read.next());
                    continue;
                }
                State::Unchanged(kept) => kept,
            };
            // In this thread: what others have used and given back, only they use again.
            all.push(match kept.facts().filter(|_| same) {
                Some(facts) => facts,
                None => of(&self.dock(&kept.name.as_str().into())?)?,
            });
        }
        Ok(all)
    }

    /// The files and folders that the plan is computed from: a change of one may change the plan.
    pub fn sources(&self, docks: &Docks) -> BTreeSet<PathBuf> {
        let mut sources =
            BTreeSet::from([PathBuf::from(SETTINGS_FILE), self.settings.docks.clone()]);
        for state in &docks.all {
            match state {
                State::Read(dock) => sources.extend(read_from(dock)),
                State::Unchanged(kept) => {
                    let paths = kept.looked_at(&self.settings.docks);
                    sources.extend(paths.filter(|path| !path.ends_with(BUILDCONFIG)));
                }
            }
        }
        sources
    }

    /// All files and folders (as `FOLDER/.`) that were looked at to make the plan.
    pub fn looked_at(&self, docks: &Docks) -> BTreeSet<PathBuf> {
        let sources = self.sources(docks).into_iter().flat_map(followed);
        let mut looked = sources.map(|s| if s.is_dir() { s.join(".") } else { s }).collect();
        let folder = &self.settings.docks;
        let buildconfigs =
            docks.all.iter().map(|state| folder.join(state.name().as_str()).join(BUILDCONFIG));
        BTreeSet::extend(&mut looked, buildconfigs.flat_map(followed));
        // A link is a dock where it leads to a folder.
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let links = entries.filter(|e| e.file_type().is_ok_and(|t| t.is_symlink()));
        looked.extend(links.map(|link| link.path().join(".")));
        looked.extend(keys::own_files(&self.settings));
        let patterns = self.settings.tasks.iter().flat_map(|t| &t.inputs);
        let patterns = patterns.map(|input| input.text.as_str()).filter(|p| is_pattern(p));
        looked.extend(patterns.flat_map(|p| folders(p).map(|folder| folder.join("."))));
        looked
    }
}

/// Its folders, and the files that decide what the plan is.
pub(super) fn read_from(dock: &Dock) -> BTreeSet<PathBuf> {
    let mut sources = BTreeSet::from([dock.dir.clone(), dock.template_file.clone()]);
    for file in &dock.files {
        let own = matches!(file.kind, FileKind::EmptyFolder | FileKind::Folder)
            .then_some(file.path.as_path());
        let above = file.path.ancestors().skip(1);
        let folders = own.into_iter().chain(above).filter(|dir| *dir != Path::new(""));
        sources.extend(folders.map(|dir| dock.dir.join(dir)));
    }
    for name in ["dock.toml", ".dockerignore"].map(Path::new) {
        if dock.files.iter().any(|f| f.path == name) {
            sources.insert(dock.dir.join(name));
        }
    }
    sources
}

/// A file that a task makes in a dock belongs to the dock before it is there.
fn will_have(dock: &mut Dock, output: &Path) {
    let Ok(path) = output.strip_prefix(&dock.dir) else { return };
    if let Err(at) = dock.files.binary_search_by(|f| bytes(&f.path).cmp(bytes(path))) {
        dock.files.insert(at, FileEntry { path: path.to_owned(), kind: FileKind::File });
    }
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}
