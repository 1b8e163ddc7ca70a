//! The only place that knows which steps a dock, the stage3 and the snapshot consist of.
//!
//! Pure: from settings, lock and the docks' facts to a [`Plan`]. Knows no files.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;

use litemap::LiteMap;
use serde::{Deserialize, Serialize};

use crate::base::error::{Error, Result};
use crate::base::ids::{DockName, Kind, StepId};
use crate::config::lock::{Lock, Pins};
use crate::config::{Settings, Task};
use crate::dock::allowance::Allowance;
use crate::dock::budget::Budget;
use crate::dock::checks::Checks;
use crate::dock::fetched::Fetched;
use crate::dock::settings::RunSettings;
use crate::plan::graph::Plan;
use crate::plan::step::{DockContext, Need, Object, RootfsWork, Step, Work};
use crate::plan::tasks;

mod below;
mod downloads;
mod image;
mod test;

use downloads::PORTAGE;
pub use test::RESULT;

/// What the plan has to know of a dock; everything else stays with `dock`. What its settings say is not written with
/// the rest: who keeps it keeps their text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DockFacts {
    /// Name of the folder and of the image.
    pub name: DockName,
    /// The folder, relative to the project.
    pub dir: PathBuf,
    /// The template, relative to the project.
    pub template: PathBuf,
    /// The template, and what it leads to where it is a link; relative to the project.
    pub template_files: Vec<PathBuf>,
    /// Whether the template is minijinja.
    pub jinja: bool,
    /// Docks that a FROM or COPY --from names.
    pub parents: Vec<DockName>,
    /// The same by the references that name them.
    #[serde(with = "crate::base::table")]
    pub references: LiteMap<String, DockName>,
    /// What the last stage is built on, as the Dockerfile calls it.
    pub base_reference: Option<String>,
    /// Labels besides those of the Dockerfile and of the settings, by short or whole name.
    #[serde(skip)]
    pub labels: BTreeMap<String, String>,
    /// The dock that the rootfs goes on top of.
    pub base: Option<DockName>,
    /// How many layers of its own the image has at least.
    pub layers: u64,
    /// Images from elsewhere that a FROM or COPY --from names, each in its one spelling.
    pub externals: Vec<String>,
    /// Whether the Dockerfile copies or adds `rootfs.tar`.
    pub has_rootfs: bool,
    /// Whether it has a `RUN`, or is triggered to.
    pub has_run: bool,
    /// What a `RUN` may do.
    #[serde(skip)]
    pub run: RunSettings,
    /// Files from elsewhere for its hooks.
    #[serde(skip)]
    pub fetch: Vec<Fetched>,
    /// `Buildconfig.sh` and the files that the dock lists, relative to the project.
    pub rootfs_files: Vec<PathBuf>,
    /// What the image sees of the dock.
    pub context: DockContext,
    /// How much memory its compilers need.
    #[serde(skip)]
    pub memory: Option<Budget>,
    /// How large the image may be.
    #[serde(skip)]
    pub budget: Option<Budget>,
    /// Findings of the audit that are meant so.
    #[serde(skip)]
    pub allowed: Vec<Allowance>,
    /// What it has to do where it runs.
    #[serde(skip)]
    pub checks: Checks,
    /// The dock's test script, and what it leads to where it is a link; relative to the project.
    pub test_files: Vec<PathBuf>,
    /// The markers that the template uses, with their values.
    #[serde(with = "crate::base::table")]
    pub markers: LiteMap<String, String>,
}

/// Where everything that `bb` makes is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The state folder, relative to the project.
    pub state: PathBuf,
}

impl Layout {
    /// `.bb/images/NAME`.
    pub fn image_dir(&self, name: &DockName) -> PathBuf {
        self.state.join("images").join(name.as_str())
    }

    /// `.bb/downloads/fetched/SHA512`.
    fn fetched(&self, file: &Fetched) -> PathBuf {
        self.download("fetched").join(&file.sha512)
    }

    /// `.bb/downloads/FILE`.
    pub fn download(&self, file: &str) -> PathBuf {
        self.state.join("downloads").join(file)
    }
}

/// All that a plan is computed from.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// Effective settings.
    pub settings: &'a Settings,
    /// Pinned inputs. Stage3 and snapshot are not needed if no dock has a rootfs.
    pub pins: &'a Pins,
    /// Where results go.
    pub layout: &'a Layout,
    /// The files that certificates may be in.
    pub keyrings: &'a [PathBuf],
    /// SHA-256 of the builder's own files.
    pub bob_digest: &'a str,
    /// The docks.
    pub docks: &'a [DockFacts],
    /// Users' own steps.
    pub tasks: &'a [TaskFacts],
    /// What the builder is that is there already, whoever has made it.
    pub given: Option<&'a str>,
}

/// What the plan has to know of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFacts {
    /// Its place in the settings.
    pub task: Task,
    /// The files that its patterns match, relative to the project.
    pub inputs: Vec<PathBuf>,
}

/// Names of the images that the builder consists of; each names its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuilderNames {
    /// The imported stage3.
    pub stage3: String,
    /// The stage3 with the snapshot.
    pub portage: String,
    /// The builder.
    pub bob: String,
    /// What the image with the snapshot is: both digests.
    pub portage_content: String,
    /// What the builder is: both digests and the templates'.
    pub bob_content: String,
}

impl BuilderNames {
    fn new(lock: &Lock, bob_digest: &str) -> Self {
        let short = |hex: &str| hex.get(..12).unwrap_or(hex).to_owned();
        let (stage3, portage) = (&lock.stage3.sha512, &lock.portage.sha512);
        let both = format!("{}-{}", short(stage3), short(portage));
        Self {
            stage3: format!("gentoo-bb/stage3:{}", short(stage3)),
            portage: format!("gentoo-bb/portage:{both}"),
            bob: format!("gentoo-bb/bob:{both}-{}", short(bob_digest)),
            portage_content: format!("{stage3}-{portage}"),
            bob_content: format!("{stage3}-{portage}-{bob_digest}"),
        }
    }
}

/// The docks.
type ByName<'a> = HashMap<&'a DockName, &'a DockFacts>;

/// The whole plan.
///
/// # Errors
/// A cycle of images.
pub fn expand(sources: Sources<'_>) -> Result<Plan> {
    let by_name = sources.docks.iter().map(|d| (&d.name, d)).collect::<ByName<'_>>();
    let mut steps = Vec::with_capacity(sources.docks.len() * 3 + 9);
    let compiled = sources.docks.iter().find(|d| d.has_rootfs);
    // There is no builder where nothing is compiled, whether there is a lock or not.
    let builder = match (&sources.pins.gentoo, compiled) {
        (_, None) => None,
        (Some(lock), Some(_)) => Some(Builder::new(sources, lock)),
        (None, Some(dock)) => return Err(Error::bug(format!("no lock for `{}`", dock.name))),
    };
    steps.extend(builder.iter().flat_map(Builder::steps));
    let unverified = unverified(sources);
    let below = below::Below::of(sources.docks, &by_name)?;
    for dock in sources.docks {
        if let (true, Some(builder)) = (dock.has_rootfs, &builder) {
            let elsewhere = below.has_externals(&dock.name);
            steps.push(builder.rootfs(dock, rootfs_parent(&by_name, dock), elsewhere));
        }
        steps.push(image::dockerfile(sources, dock));
        steps.push(image::image(sources, &below, dock, unverified.contains(&dock.name)));
        steps.push(test::test(sources.layout, &by_name, dock, builder.as_ref())?);
    }
    tasks::join(sources, steps)
}

/// The docks with something in them that was not verified: those that are compiled, and all that
/// take from one.
fn unverified<'a>(sources: Sources<'a>) -> HashSet<&'a DockName> {
    if !sources.settings.skip_verify {
        return HashSet::new();
    }
    let mut children = HashMap::<&DockName, Vec<&'a DockName>>::new();
    for dock in sources.docks {
        for parent in &dock.parents {
            children.entry(parent).or_default().push(&dock.name);
        }
    }
    let compiled = sources.docks.iter().filter(|dock| dock.has_rootfs);
    let mut waiting = compiled.map(|dock| &dock.name).collect::<Vec<&'a _>>();
    let mut found = HashSet::new();
    while let Some(name) = waiting.pop() {
        if found.insert(name) {
            waiting.extend(children.get(name).into_iter().flatten());
        }
    }
    found
}

/// The nearest ancestor that has a rootfs. Stops at a cycle, which the graph reports.
fn rootfs_parent<'a>(by_name: &ByName<'a>, dock: &'a DockFacts) -> Option<&'a DockName> {
    let mut base = dock.base.as_ref();
    for _ in 0..=by_name.len() {
        let parent = by_name.get(base?)?;
        if parent.has_rootfs {
            return Some(&parent.name);
        }
        base = parent.base.as_ref();
    }
    None
}

/// Makes the steps that all rootfs steps share, and the rootfs steps.
struct Builder<'a> {
    sources: Sources<'a>,
    lock: &'a Lock,
    names: BuilderNames,
}

impl<'a> Builder<'a> {
    fn new(sources: Sources<'a>, lock: &'a Lock) -> Self {
        Self { sources, lock, names: BuilderNames::new(lock, sources.bob_digest) }
    }

    fn steps(&self) -> Vec<Step> {
        let settings = self.sources.settings;
        let stage3 = stage3_file(settings);
        let (stage3_pin, portage_pin) = (&self.lock.stage3, &self.lock.portage);
        let steps = vec![
            self.fetch(&stage3, stage3_pin),
            self.fetch_beside(&stage3, ".asc", stage3_pin),
            self.fetch_beside(&stage3, ".DIGESTS", stage3_pin),
            self.fetch(PORTAGE, portage_pin),
            self.fetch_beside(PORTAGE, ".gpgsig", portage_pin),
            self.verify("stage3", &stage3, ".asc", Some(".DIGESTS"), stage3_pin),
            self.verify("portage", PORTAGE, ".gpgsig", None, portage_pin),
            self.import_stage3(&stage3),
            self.import_portage(),
            self.builder(),
        ];
        match self.sources.given {
            Some(content) if content == self.names.bob_content => {
                steps.into_iter().map(|step| given(step, content)).collect()
            }
            _ => steps,
        }
    }

    fn builder(&self) -> Step {
        let work = Work::Builder {
            portage_image: self.names.portage.clone(),
            image: self.names.bob.clone(),
            content: self.names.bob_content.clone(),
        };
        Step {
            params: params([("templates", self.sources.bob_digest)]),
            needs: vec![Need::product(StepId::new(Kind::Import, "portage"), "content")],
            objects: vec![Object::Image(self.names.bob.clone())],
            ..step(Kind::Builder, "bob", work)
        }
    }

    fn rootfs(&self, dock: &DockFacts, parent: Option<&DockName>, elsewhere: bool) -> Step {
        let dir = self.sources.layout.image_dir(&dock.name);
        let mut needs = vec![Need::product(StepId::new(Kind::Builder, "bob"), "content")];
        needs.extend(
            parent.map(|p| Need::product(StepId::new(Kind::Rootfs, p.as_str()), "sysroot")),
        );
        let work = RootfsWork {
            name: dock.name.clone(),
            dir: dir.clone(),
            dock: dock.dir.clone(),
            parent: parent.map(|p| (p.clone(), self.sources.layout.image_dir(p))),
            bob: self.names.bob.clone(),
            make_conf: self.sources.settings.build.clone(),
            epoch: self.sources.settings.source_date_epoch,
            stage3_digest: self.lock.stage3.sha512.clone(),
            elsewhere,
            fetch: dock.fetch.iter().map(|f| (f.clone(), self.sources.layout.fetched(f))).collect(),
            memory: dock.memory.map(|memory| memory.0),
        };
        let mut params = params([("source_date_epoch", &work.epoch.to_string())]);
        params.extend(work.make_conf.iter().map(|(k, v)| (format!("build.{k}"), v.clone())));
        let fetched =
            |f: &Fetched| (format!("fetch {}", f.name), format!("{} {}", f.size, f.sha512));
        params.extend(dock.fetch.iter().map(fetched));
        // Its libraries are looked for in ROOT, or are not.
        params.extend(elsewhere.then(|| ("base".to_owned(), "elsewhere".to_owned())));
        Step {
            files: dock.rootfs_files.clone(),
            params,
            needs,
            outputs: ROOTFS_OUTPUTS.iter().map(|f| dir.join(f)).collect(),
            ..step(Kind::Rootfs, dock.name.as_str(), Work::Rootfs(Box::new(work)))
        }
    }
}

/// A step of which somebody else has done the work: `content` is the builder that it was done for.
fn given(step: Step, content: &str) -> Step {
    let product = |name: &str, value: String| Some((name.to_owned(), value));
    let product = match step.work {
        Work::Verify { pinned, .. } => product("sha512", pinned.sha512),
        Work::ImportStage3 { sha512, .. } => product("content", sha512),
        Work::ImportPortage { content, .. } | Work::Builder { content, .. } => {
            product("content", content)
        }
        _ => None,
    };
    Step {
        id: step.id,
        needs: step.needs,
        files: vec![],
        triggered_files: vec![],
        params: params([("given", content)]),
        outputs: vec![],
        objects: vec![],
        work: Work::Given { product },
    }
}

fn params<const N: usize>(pairs: [(&str, &str); N]) -> LiteMap<String, String> {
    pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).into_iter().collect()
}

fn step(kind: Kind, name: &str, work: Work) -> Step {
    Step {
        id: StepId::new(kind, name),
        files: vec![],
        triggered_files: vec![],
        params: LiteMap::new(),
        needs: vec![],
        outputs: vec![],
        objects: vec![],
        work,
    }
}

/// The stage3's name among the downloads.
pub fn stage3_file(settings: &Settings) -> String {
    format!("stage3-{}-{}.tar.xz", settings.arch, settings.flavour)
}

/// What a rootfs step leaves in `.bb/images/NAME/`.
pub const ROOTFS_OUTPUTS: [&str; 7] =
    ["rootfs.tar", WAYS, BASE, LEFT_OUT, SYSROOT, PACKAGES, "package.provided"];

/// What of it others depend on. What else its record notes is of this machine: how long it took.
pub const ROOTFS_PRODUCTS: [&str; 3] = ["tar", "packages", "sysroot"];

/// Folders that are in `rootfs.tar` only as the way to others.
pub const WAYS: &str = "rootfs.ways";

/// What the parent's ROOT had where `rootfs.tar` has something else.
pub const BASE: &str = "rootfs.base";

/// What of ROOT is not in `rootfs.tar`, and why.
pub const LEFT_OUT: &str = "rootfs.left-out";

/// The list of packages among them.
pub const PACKAGES: &str = "packages.json";

/// The whole ROOT with Portage's records, among them.
pub const SYSROOT: &str = "sysroot.tar.zst";

#[cfg(test)]
pub mod tests;
