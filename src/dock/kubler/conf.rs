//! `build.conf` and `kubler.conf`: assignments that are read and not run.
//!
//! What a line says is known as far as it is made of words and of variables that are known. Does not know `build.sh`.

use std::collections::BTreeMap;

use super::bash::{Assignment, Script, value};
use super::known::{SETTINGS, find};
use super::{Named, Namespace, Note, Weight};
use crate::base::ids::DockName;

/// What an image's settings come to.
#[derive(Debug, Default)]
pub(super) struct Conf {
    /// What the image stands on, as `FROM` takes it.
    pub(super) parent: String,
    /// Variables of its own, which `build.sh` and the Dockerfile may use: name, and value if it is known.
    pub(super) own: BTreeMap<String, Option<String>>,
    /// Seconds that a test may take.
    pub(super) timeout: Option<u64>,
    pub(super) notes: Vec<Note>,
}

/// Of `kubler.conf`.
const DEFAULT_BUILDER: &str = "DEFAULT_BUILDER";
/// kubler's own defaults, in seconds.
const MAX_DURATION: u64 = 30;
const START_PERIOD: u64 = 3;

/// Reads the settings of an image.
pub(super) fn of_image(conf: Option<Named<'_>>, namespace: &Namespace) -> Conf {
    let mut values = namespace.values.clone();
    values.insert("NAMESPACE".to_owned(), namespace.name.clone());
    let mut read =
        Conf { parent: "scratch".to_owned(), own: own(&namespace.values), ..Conf::default() };
    let Some(conf) = conf else { return read };
    let Some(script) = Script::new(conf.text) else {
        read.notes.push(unread(conf.name));
        return read;
    };
    for assignment in script.assignments() {
        let value = value(assignment.value, &values);
        let at = (conf.name, script.line(assignment.span.start));
        read.take(&assignment, value.as_deref(), at, namespace);
        values.extend(value.map(|value| (assignment.name.to_owned(), value)));
    }
    read.timeout = timeout(&values);
    read
}

/// Those of a namespace that its images may use.
fn own(values: &BTreeMap<String, String>) -> BTreeMap<String, Option<String>> {
    let own = values.iter().filter(|(name, _)| is_own(name));
    own.map(|(name, value)| (name.clone(), Some(value.clone()))).collect()
}

fn is_own(name: &str) -> bool {
    name.starts_with("BOB_") && find(SETTINGS, name).is_none()
}

pub(super) fn unread(file: &str) -> Note {
    let instead = "close it: nothing of this file was read or changed";
    Note::new(Weight::Hand, (file, 0), "a quote, bracket or here-document does not end", instead)
}

impl Conf {
    fn take(
        &mut self,
        assignment: &Assignment<'_>,
        value: Option<&str>,
        at: (&str, usize),
        namespace: &Namespace,
    ) {
        let name = assignment.name;
        match (name, value) {
            ("IMAGE_PARENT", Some(parent)) => self.stands_on(parent, at, namespace),
            ("BUILDER", Some(builder)) if is_usual(builder, namespace) => {}
            _ if is_own(name) => {
                self.own.insert(name.to_owned(), value.map(str::to_owned));
                if value.is_none() {
                    let instead = "write what it comes to in Buildconfig.sh, and in the Dockerfile where it is used";
                    self.notes.push(Note::new(Weight::Hand, at, name, instead));
                }
            }
            _ => self.tell(name, at),
        }
        if name == "IMAGE_PARENT" && value.is_none() {
            let instead = "write what it comes to behind `FROM` of the Dockerfile.template";
            self.notes.push(Note::new(Weight::Hand, at, name, instead));
        }
    }

    fn tell(&mut self, name: &str, at: (&str, usize)) {
        let Some(known) = find(SETTINGS, name) else { return };
        let note = known.told.map(|weight| Note::new(weight, at, name, known.instead));
        self.notes.extend(note);
    }

    fn stands_on(&mut self, parent: &str, at: (&str, usize), namespace: &Namespace) {
        let (owner, name) = parent.split_once('/').unwrap_or(("", parent));
        let is_dock = name.parse::<DockName>().is_ok_and(|name| namespace.docks.contains(&name));
        self.parent = match parent {
            "" | "scratch" => "scratch".to_owned(),
            _ if owner == namespace.name || is_dock => format!("${{NAMESPACE}}/{name}"),
            _ => parent.to_owned(),
        };
        if owner.is_empty() || owner == namespace.name || parent == "scratch" {
            return;
        }
        let note = if is_dock {
            (
                Weight::Differs,
                format!("the dock `{name}`: docks of all namespaces are in one project"),
            )
        } else {
            let instead = "import its namespace first, or make such a dock; as it is, the image is taken from its \
                           registry, and nothing is known of its packages";
            (Weight::Hand, instead.to_owned())
        };
        let what = format!("the parent `{parent}` is another namespace's");
        self.notes.push(Note::new(note.0, at, &what, &note.1));
    }
}

/// Whether nothing was special about a builder.
fn is_usual(builder: &str, namespace: &Namespace) -> bool {
    let default = namespace.values.get(DEFAULT_BUILDER).map_or("kubler/bob", String::as_str);
    builder.is_empty() || builder == default || builder.ends_with("/bob")
}

/// Only where somebody has set one of the two.
fn timeout(values: &BTreeMap<String, String>) -> Option<u64> {
    let [longest, start] = ["MAX_DURATION", "START_PERIOD"].map(|name| {
        values.get(&format!("POST_BUILD_HC_{name}")).and_then(|value| value.parse::<u64>().ok())
    });
    (longest.is_some() || start.is_some())
        .then(|| longest.unwrap_or(MAX_DURATION).saturating_add(start.unwrap_or(START_PERIOD)))
}

/// Reads a `kubler.conf`.
pub(super) fn of_namespace(conf: Named<'_>) -> (BTreeMap<String, String>, Vec<Note>) {
    let (mut values, mut notes) = (BTreeMap::new(), vec![]);
    let Some(script) = Script::new(conf.text) else { return (values, vec![unread(conf.name)]) };
    for assignment in script.assignments() {
        let at = (conf.name, script.line(assignment.span.start));
        let known = find(SETTINGS, assignment.name).filter(|_| assignment.name != "IMAGE_TAG");
        let told = known.and_then(|known| Some((known.told?, known.instead)));
        notes.extend(told.map(|(weight, instead)| Note::new(weight, at, assignment.name, instead)));
        if let Some(value) = value(assignment.value, &values) {
            values.insert(assignment.name.to_owned(), value);
        }
    }
    (values, notes)
}
