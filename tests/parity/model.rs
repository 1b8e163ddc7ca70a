//! Which steps' actions must run: compares everything that a step depends on, every time.
//!
//! Knows no times, no files and no engine: an image that the engine has lost is no step's.

use std::collections::{BTreeMap, BTreeSet};

use support::digest;

use crate::project::{Base, Dock, Item, Node, Project};

/// What every step saw and made when it ran last.
#[derive(Debug, Clone, Default)]
pub struct Model {
    done: BTreeMap<String, Done>,
    /// Runs now.
    ran: BTreeSet<String>,
    /// Steps made on demand whose results are gone: they run for a step that runs, and for no other reason.
    gone: BTreeSet<String>,
    /// Docks whose images the engine has lost.
    lost: BTreeSet<String>,
    /// Docks whose images are put into the engine now, with no step.
    pub put: BTreeSet<String>,
}

#[derive(Debug, Clone)]
struct Done {
    saw: String,
    /// Something that it left is gone or changed.
    broken: bool,
}

/// What a dock's steps made.
#[derive(Default)]
struct Made {
    id: String,
    sysroot: String,
    /// What is in `/files`.
    files: Files,
}

type Files = BTreeMap<String, Node>;

const ONCE: [&str; 10] = [
    "fetch:stage3-amd64-nomultilib-openrc.tar.xz",
    "fetch:stage3-amd64-nomultilib-openrc.tar.xz.asc",
    "fetch:stage3-amd64-nomultilib-openrc.tar.xz.DIGESTS",
    "fetch:portage.tar.xz",
    "fetch:portage.tar.xz.gpgsig",
    "verify:stage3",
    "verify:portage",
    "import:stage3",
    "import:portage",
    "builder:bob",
];

/// What each of them needs to run, but where the engine has what it makes.
const NEEDS: [(&str, &[&str]); 4] = [
    ("verify:portage", &["fetch:portage.tar.xz"]),
    ("import:portage", &["verify:portage", "import:stage3"]),
    ("import:stage3", &[]),
    ("builder:bob", &["import:portage"]),
];

impl Model {
    /// What a step left that is made on demand is gone.
    pub fn lose(&mut self, id: &str) {
        self.gone.insert(id.to_owned());
    }

    /// A step that runs needs what another one makes.
    fn demand(&mut self, id: &str) {
        let needs = NEEDS.iter().find(|(of, _)| *of == id).map_or(&[][..], |(_, needs)| needs);
        let is_gone = self.gone.remove(id);
        // It was looked through before; it only has to be there.
        if is_gone || id.starts_with("verify:") {
            for need in needs {
                self.demand(need);
            }
        }
        if is_gone {
            self.ran.insert(id.to_owned());
        }
    }

    /// What a step left is gone or changed, or its stamp is.
    pub fn break_step(&mut self, id: &str) {
        if let Some(done) = self.done.get_mut(id) {
            done.broken = true;
        }
    }

    /// The engine has lost a dock's image.
    pub fn lose_image(&mut self, dock: &str) {
        self.lost.insert(dock.to_owned());
    }

    /// All steps that ever ran.
    pub fn known(&self) -> impl Iterator<Item = &String> {
        self.done.keys()
    }

    /// The steps that have to run now; from then on they have.
    pub fn run(&mut self, project: &Project) -> BTreeSet<String> {
        self.ran.clear();
        if project.has_rootfs() {
            for id in ONCE {
                self.step(id, "");
            }
        }
        let (mut docks, mut tasks) = (BTreeMap::new(), BTreeMap::new());
        for (name, item) in &project.items {
            match item {
                Item::Dock(dock) => {
                    let made = self.dock(project, name, dock, &docks, &tasks);
                    docks.insert(name.as_str(), made);
                }
                Item::Task(task) => {
                    let product = |need: &String| match need.split_once(':').unwrap() {
                        ("image", dock) => docks[dock].id.clone(),
                        (_, task) => digest(&tasks[task]),
                    };
                    let needs = task.needs.iter().map(|n| (n, product(n))).collect::<Vec<_>>();
                    let saw = format!("{needs:?} {:?} {}", task.files, task.run(name));
                    self.step(&format!("task:{name}"), &saw);
                    tasks.insert(name.as_str(), task.makes());
                }
            }
        }
        let ran = |dock: &String| self.ran.contains(&format!("image:{dock}"));
        self.put = std::mem::take(&mut self.lost).into_iter().filter(|dock| !ran(dock)).collect();
        self.ran.clone()
    }

    fn step(&mut self, id: &str, saw: &str) {
        if self.done.get(id).is_none_or(|done| done.broken || done.saw != saw) {
            let is_made = ONCE.contains(&id);
            if id.starts_with("rootfs:") {
                self.demand("builder:bob");
            } else if id.starts_with("verify:") || is_made && self.gone.contains(id) {
                self.demand(id);
            }
            if is_made {
                self.gone.remove(id);
            }
            self.ran.insert(id.to_owned());
            self.done.insert(id.to_owned(), Done { saw: saw.to_owned(), broken: false });
        }
    }

    fn dock(
        &mut self,
        project: &Project,
        name: &str,
        dock: &Dock,
        docks: &BTreeMap<&str, Made>,
        tasks: &BTreeMap<&str, String>,
    ) -> Made {
        let markers = [("${NAMESPACE}", &project.namespace), ("${MAINTAINER}", &project.author())];
        let template = dock.template();
        let mut text = template.clone();
        for (marker, value) in markers {
            text = text.replace(marker, value);
        }
        self.step(
            &format!("dockerfile:{name}"),
            &format!("{template} {:o} {text}", dock.template_mode),
        );
        let (tar, sysroot) =
            if dock.rootfs { self.rootfs(project, name, dock, docks) } else { <_>::default() };
        let seen = |path: &str| path.starts_with("files/") && path != "files/x.bak";
        let mut files = dock.files.clone();
        files.retain(|path, _| seen(path));
        files.extend(
            dock.made.iter().map(|t| ("files/made".to_owned(), Node::text(&tasks[t.as_str()]))),
        );
        let parents =
            dock.docks().into_iter().map(|d| (d, &docks[d.as_str()].id)).collect::<Vec<_>>();
        // The engine sees the parents' ids, not their names, and no comments.
        let base = match &dock.base {
            Base::Scratch => String::new(),
            Base::Elsewhere(n) => format!("{n} {}", project.elsewhere[usize::from(*n)]),
            Base::Dock(name) => docks[name.as_str()].id.clone(),
        };
        let references = format!("{}/{name}:{}", project.namespace, project.tag);
        let saw = format!("{references} {text} {tar} {files:?} {parents:?} {base}");
        self.step(&format!("image:{name}"), &saw);
        let maintainer = dock.maintainer.then_some(project.maintainer);
        let own = format!("{base} {maintainer:?} {tar} {files:?}");
        let (content, mut below) = match contents(dock, docks) {
            Some((below, from)) => {
                // Names are in the history and in labels; what is copied counts, not from which image.
                let namespace = (!dock.docks().is_empty()).then_some(&project.namespace);
                (format!("{name} {} {namespace:?} {from:?} {own}", project.tag), below)
            }
            // A digest of all that the engine's builder is sent is among the labels.
            None => {
                let from = dock.from.iter().map(|d| (d, &docks[d.as_str()].id));
                let from = from.collect::<Vec<_>>();
                (format!("{name} {} {text} {from:?} {own}", project.tag), Files::new())
            }
        };
        below.extend(files);
        Made { id: digest(content), sysroot, files: below }
    }

    fn rootfs(
        &mut self,
        project: &Project,
        name: &str,
        dock: &Dock,
        docks: &BTreeMap<&str, Made>,
    ) -> (String, String) {
        let mut parent = None;
        let mut base = &dock.base;
        while let Base::Dock(above) = base {
            let above_dock = project.dock(above).unwrap();
            if above_dock.rootfs {
                parent = Some((above, &docks[above.as_str()].sysroot));
                break;
            }
            base = &above_dock.base;
        }
        let given = |path: &str| path == "Buildconfig.sh" || path.starts_with("conf/");
        let files = dock.files.iter().filter(|(path, _)| given(path)).collect::<Vec<_>>();
        let saw = format!("{parent:?} {} {files:?}", project.cflags);
        self.step(&format!("rootfs:{name}"), &saw);
        let without = |word: &str| {
            let Node::File(text, mode) = &dock.files["Buildconfig.sh"] else { unreachable!() };
            let lines = text.lines().filter(|l| !l.starts_with('#') && !l.starts_with(word));
            let conf = files.iter().filter(|(path, _)| path.starts_with("conf/"));
            let (lines, conf) = (lines.collect::<Vec<_>>(), conf.collect::<Vec<_>>());
            digest(format!("{name} {parent:?} {} {lines:?} {mode:o} {conf:?}", project.cflags))
        };
        (without("sys"), without("tar"))
    }
}

/// What is in `/files` of the image below, and of those that are copied from; nothing of an image that the engine
/// builds, because it is built on one from elsewhere that only the engine has.
fn contents<'a>(
    dock: &'a Dock,
    docks: &BTreeMap<&str, Made>,
) -> Option<(Files, Vec<(&'a String, Files)>)> {
    let below = match &dock.base {
        Base::Scratch => Files::new(),
        Base::Elsewhere(_) => return None,
        Base::Dock(name) => docks[name.as_str()].files.clone(),
    };
    let from = dock.from.iter().map(|d| (d, docks[d.as_str()].files.clone()));
    Some((below, from.collect()))
}
