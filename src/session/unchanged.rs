//! What is kept of docks that do not change: their facts, with the stat of all that these were read from.
//!
//! Never the truth: what is kept of a dock holds for the very files that it was read from, for the same settings,
//! names of docks and triggers, and for this very program. Whatever is wrong with the file that it is kept in, docks
//! are read.
//!
//! Kept are only docks whose facts follow from files in their own folder: no link leads anywhere, no task makes a
//! file there, the Dockerfile is no jinja and does not name the snapshot's date, and it leaves no triggers.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::ids::DockName;
use crate::base::limits::Limit;
use crate::base::read;
use crate::dock::discover::{Dock, FileKind};
use crate::dock::settings;
use crate::plan::DockFacts;
use crate::session::docks::read_from;
use crate::session::project::Project;
use crate::session::recall::{Key, key, program};
use crate::state::store::file_state;
use crate::state::trace::Stat;

/// Version of the file's format.
const FORMAT: u32 = 2;

/// One dock.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Which.
    pub(super) name: DockName,
    /// Whether it is compiled.
    pub(super) has_rootfs: bool,
    /// What was looked at, relative to the dock.
    looked: Vec<(Vec<u8>, Stat)>,
    /// The facts, but those that the settings say.
    facts: Vec<u8>,
    /// The text of its settings; none: it has none.
    settings: Option<String>,
}

impl Kept {
    /// Whether nothing but the dock's own folder decides what its facts are.
    pub(super) fn lasts(
        project: &Project,
        dock: &Dock,
        triggers: &BTreeMap<DockName, Vec<String>>,
    ) -> bool {
        let links = dock.files.iter().any(|file| matches!(file.kind, FileKind::Link(_)));
        let dated = dock.is_jinja || dock.template.contains("DATE");
        let made = project.made().any(|output| output.starts_with(&dock.dir));
        !links && !dated && !made && !dock.dir.is_symlink() && !triggers.contains_key(&dock.name)
    }

    /// None, if anything of it is so young that its times could not tell of a change.
    pub(super) fn of(dock: &Dock, facts: &DockFacts, seen: i64) -> Option<Self> {
        let mut paths = read_from(dock);
        paths.insert(dock.buildconfig_file.clone());
        let look = |path: PathBuf| {
            let state = file_state(&path);
            let inside = path.strip_prefix(&dock.dir).ok()?.as_os_str().as_bytes().to_vec();
            state.is_settled(seen).then(|| (inside, Stat::from(&state)))
        };
        Some(Self {
            name: dock.name.clone(),
            has_rootfs: facts.has_rootfs,
            looked: paths.into_iter().map(look).collect::<Option<_>>()?,
            facts: postcard::to_allocvec(facts).ok()?,
            settings: dock.settings_text.clone(),
        })
    }

    /// Whether all is as it was.
    fn holds(&self, docks: &Path) -> bool {
        let stats = self.looked.iter().map(|(_, stat)| stat);
        self.looked_at(docks).zip(stats).all(|(path, stat)| Stat::from(&file_state(&path)) == *stat)
    }

    /// The folders and files that it was read from.
    pub(super) fn looked_at(&self, docks: &Path) -> impl Iterator<Item = PathBuf> {
        let dir = docks.join(self.name.as_str());
        self.looked.iter().map(move |(inside, _)| match inside.as_slice() {
            [] => dir.clone(),
            inside => dir.join(OsStr::from_bytes(inside)),
        })
    }

    /// What the plan has to know of it.
    pub(super) fn facts(&self) -> Option<DockFacts> {
        let facts = postcard::from_bytes::<DockFacts>(&self.facts).ok()?;
        let Some(text) = &self.settings else { return Some(facts) };
        let settings = settings::parse(Path::new(""), text).ok()?;
        Some(DockFacts {
            labels: settings.labels,
            memory: settings.memory,
            budget: settings.size_budget,
            run: settings.run,
            fetch: settings.rootfs.fetch,
            allowed: settings.audit.allow,
            checks: settings.test,
            ..facts
        })
    }
}

/// What is written.
#[derive(Serialize, Deserialize)]
struct Written<D> {
    format: u32,
    question: Key,
    triggers: Key,
    docks: D,
}

/// The docks that did not change.
#[derive(Debug)]
pub(super) struct Unchanged {
    question: Key,
    triggers: Key,
    docks: HashMap<OsString, Arc<Kept>>,
}

impl Unchanged {
    /// Looks which of the docks with these names are as they were.
    pub(super) fn load(project: &Project, names: &[OsString]) -> Self {
        let question = question(project, names);
        let bytes = read::state(&project.store().docks(), Limit::StateSize).unwrap_or_default();
        let written = postcard::from_bytes::<Written<Vec<Kept>>>(&bytes).ok();
        let same = written.filter(|w| w.format == FORMAT && w.question == question);
        let (triggers, docks) = same.map(|w| (w.triggers, w.docks)).unwrap_or_default();
        let docks =
            docks.into_iter().map(|kept| (OsString::from(kept.name.as_str()), Arc::new(kept)));
        Self { question, triggers, docks: docks.collect() }
    }

    /// What is known of a dock, if it is as it was. Looks at its files.
    pub(super) fn get(&self, project: &Project, name: &OsStr) -> Option<&Arc<Kept>> {
        self.docks.get(name).filter(|kept| kept.holds(&project.settings.docks))
    }

    /// What was known of a dock when this was written.
    pub(super) fn of_name(&self, name: &DockName) -> Option<&Arc<Kept>> {
        self.docks.get(OsStr::new(name.as_str()))
    }

    /// The same without the docks.
    pub(super) fn emptied(self) -> Self {
        Self { docks: HashMap::new(), ..self }
    }

    /// Whether the docks left these triggers to each other when they were read.
    pub(super) fn read_with(&self, triggers: &BTreeMap<DockName, Vec<String>>) -> bool {
        self.triggers == of_triggers(triggers)
    }

    /// Writes what is kept anew.
    pub(super) fn save(
        &self,
        project: &Project,
        docks: &[&Kept],
        triggers: &BTreeMap<DockName, Vec<String>>,
    ) {
        let triggers = of_triggers(triggers);
        let written = Written { format: FORMAT, question: self.question, triggers, docks };
        let store = project.store();
        let written = postcard::to_allocvec(&written).ok();
        let _ = written.map(|bytes| store.replace(&store.docks(), &bytes));
    }
}

/// What decides a dock's facts besides its files and the others' triggers.
fn question(project: &Project, names: &[OsString]) -> Key {
    let about = [program(), format!("{:?}", project.settings)];
    let names = names.iter().map(|name| name.as_bytes());
    key(about.iter().map(String::as_bytes).chain(names))
}

fn of_triggers(triggers: &BTreeMap<DockName, Vec<String>>) -> Key {
    key([format!("{triggers:?}").as_bytes()])
}
