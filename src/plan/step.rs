//! One step: its id, what dirties it, what it leaves, and the data its action works on.
//!
//! Does not know whether it is fresh, nor how its action works.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use litemap::LiteMap;
use serde::{Deserialize, Serialize};

use crate::base::ids::{DockName, StepId};
use crate::base::reference::spelling;
use crate::config::lock::Base;
use crate::dock::allowance::Allowance;
use crate::dock::budget::Budget;
use crate::dock::checks::Checks;
use crate::dock::fetched::Fetched;

/// A value that another step produces and that this one depends on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// The upstream step.
    pub step: StepId,
    /// Which of its products dirties this step; `None` where only the order matters.
    pub product: Option<&'static str>,
}

impl Need {
    /// Dirties this step when the product differs.
    pub fn product(step: StepId, product: &'static str) -> Self {
        Self { step, product: Some(product) }
    }

    /// Only has to be finished before.
    pub fn order(step: StepId) -> Self {
        Self { step, product: None }
    }
}

/// Something that a step leaves in the engine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    /// An image by `name:tag`.
    Image(String),
}

impl Object {
    /// An object from how it is displayed and recorded.
    pub fn of_record(text: &str) -> Option<Self> {
        let name = text.strip_prefix("image `")?.strip_suffix('`')?;
        Some(Self::Image(name.to_owned()))
    }
}

impl std::fmt::Display for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Object::Image(name) = self;
        write!(f, "image `{name}`")
    }
}

/// What the settings' names begin with that say which image from elsewhere a step is built on; the rest is the
/// image's name.
pub const BASE_PARAM: &str = "base ";

/// The setting of an image step that is what the image is called, with blanks between the names.
pub const REFERENCES: &str = "references";

/// The product of an image step that is the image's ID.
pub const IMAGE_ID: &str = "id";

/// The product of an image step whose base from elsewhere copies, by `ONBUILD`, what nobody knows before.
pub const WHOLE_CONTEXT: &str = "whole context";

/// One unit of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// `kind:name`.
    pub id: StepId,
    /// Files whose content, mode or link target dirties it; relative to the project.
    pub files: Vec<PathBuf>,
    /// Files that dirty it only where its action says so, by the product [`WHOLE_CONTEXT`].
    pub triggered_files: Vec<PathBuf>,
    /// Settings that dirty it.
    pub params: LiteMap<String, String>,
    /// Steps before it.
    pub needs: Vec<Need>,
    /// Files it leaves, relative to the project.
    pub outputs: Vec<PathBuf>,
    /// What it leaves in the engine. It answers for what its record notes of them; where that is nothing, they are
    /// copies of what it leaves in files.
    pub objects: Vec<Object>,
    /// What its action works on.
    pub work: Work,
}

impl Step {
    /// Whether a file is one that a step before this one downloads.
    pub fn is_brought(&self, path: &Path) -> bool {
        let Work::Verify { file, signature, digests, .. } = &self.work else { return false };
        path == file || path == signature || digests.as_deref() == Some(path)
    }

    /// What others may depend on, where that is known before the step is done: what is pinned is what it leads to, or
    /// the step fails.
    pub fn foretold(&self) -> Option<LiteMap<String, String>> {
        let product =
            |name: &str, value: &String| LiteMap::from_iter([(name.to_owned(), value.clone())]);
        match &self.work {
            Work::Fetch { .. } => Some(LiteMap::new()),
            Work::Verify { pinned, skipped: false, .. } => Some(product("sha512", &pinned.sha512)),
            Work::ImportStage3 { sha512, .. } => Some(product("content", sha512)),
            Work::ImportPortage { content, .. } | Work::Builder { content, .. } => {
                Some(product("content", content))
            }
            _ => None,
        }
    }

    /// The image that this step makes for others to work in, and what it is once it is made.
    pub fn made_for_others(&self) -> Option<(&str, &str)> {
        match &self.work {
            Work::ImportStage3 { image, sha512, .. } => Some((image, sha512)),
            Work::ImportPortage { image, content, .. } | Work::Builder { image, content, .. } => {
                Some((image, content))
            }
            _ => None,
        }
    }
}

/// What an action needs to know, by kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Download one file.
    Fetch {
        /// Path below the mirror.
        path: String,
        /// Where it goes.
        dest: PathBuf,
        /// Size and digests, where the lock pins them.
        pinned: Option<Pinned>,
    },
    /// Check a pinned file's signature and digests.
    Verify {
        /// The file.
        file: PathBuf,
        /// Its detached signature.
        signature: PathBuf,
        /// The clearsigned list of digests, for a stage3.
        digests: Option<PathBuf>,
        /// The name that the list of digests uses.
        name: String,
        /// Size and digests of the lock.
        pinned: Pinned,
        /// Check nothing.
        skipped: bool,
    },
    /// Bring the stage3 into the engine as an image.
    ImportStage3 {
        /// The archive.
        file: PathBuf,
        /// The image's reference.
        image: String,
        /// SHA-512 that was verified.
        sha512: String,
    },
    /// Unpack the snapshot on top of the stage3, as an image of the engine.
    ImportPortage {
        /// The archive.
        file: PathBuf,
        /// The image's reference.
        image: String,
        /// What it goes on top of; has tar and xz.
        stage3_image: String,
        /// SHA-512 that was verified.
        sha512: String,
        /// What the image is.
        content: String,
    },
    /// Build the builder image.
    Builder {
        /// What it is built on: stage3 and snapshot.
        portage_image: String,
        /// Its reference.
        image: String,
        /// What the image is.
        content: String,
    },
    /// Nothing: whoever gives the builder has done it.
    Given {
        /// What other steps may depend on: its name and value.
        product: Option<(String, String)>,
    },
    /// Compile in a fresh builder and pack the difference to the parent.
    Rootfs(Box<RootfsWork>),
    /// Put the values of the markers into the template.
    Dockerfile {
        /// The template.
        template: PathBuf,
        /// Where the Dockerfile goes.
        dest: PathBuf,
        /// Whether the template is minijinja.
        jinja: bool,
        /// Values.
        markers: LiteMap<String, String>,
    },
    /// Build and tag the image.
    Image(Box<ImageWork>),
    /// Audit the image, and check what it does where it runs.
    Test(Box<TestWork>),
    /// Run a user's own command.
    Task {
        /// For `sh -c`.
        run: String,
        /// Variables on top of the environment.
        env: BTreeMap<String, String>,
        /// Files that it must leave.
        outputs: Vec<PathBuf>,
    },
}

/// Size and digests of a file, from `bb.lock`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// Bytes.
    pub size: u64,
    /// Lower-case hex.
    pub sha512: String,
    /// Lower-case hex.
    pub blake2b: String,
}

/// The data of a `rootfs:` step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootfsWork {
    /// The image.
    pub name: DockName,
    /// Where its results go.
    pub dir: PathBuf,
    /// The dock's folder; paths of `files` below it are shown to the builder at `/config`.
    pub dock: PathBuf,
    /// The nearest ancestor with a rootfs, and the folder of its results.
    pub parent: Option<(DockName, PathBuf)>,
    /// The builder image.
    pub bob: String,
    /// Settings for `make.conf`.
    pub make_conf: BTreeMap<String, String>,
    /// Seconds since 1970.
    pub epoch: u64,
    /// Digest of the stage3, part of the key of each binary package.
    pub stage3_digest: String,
    /// Whether something of the image is from elsewhere: then not all that its programs need is in ROOT.
    pub elsewhere: bool,
    /// Files from elsewhere that its hooks get, and where they are kept.
    pub fetch: Vec<(Fetched, PathBuf)>,
    /// How much memory its compilers need, in bytes: it changes nothing in what they make.
    pub memory: Option<u64>,
}

/// What an image sees of its dock; paths are relative to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DockContext {
    /// Files, links, and folders whose modes are in the image.
    pub files: Vec<PathBuf>,
    /// Folders that only have to be there.
    pub folders: Vec<PathBuf>,
    /// Images from elsewhere that a stage is built on, as the Dockerfile calls them.
    pub bases: Vec<String>,
    /// All else that is not ignored, where there are such bases: their triggers may copy it.
    pub rest: Vec<PathBuf>,
    /// What of that which `bb` makes is copied, besides a `rootfs.tar` that is called by its name.
    pub made: Vec<String>,
    /// What of it would be, if the ignore file did not keep it out.
    pub hidden: Vec<String>,
}

/// The data of an `image:` step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageWork {
    /// The image.
    pub name: DockName,
    /// `NAMESPACE/NAME:TAG` first, then `NAMESPACE/NAME:latest`.
    pub references: Vec<String>,
    /// The rendered Dockerfile.
    pub dockerfile: PathBuf,
    /// The difference to the parent.
    pub rootfs: Option<PathBuf>,
    /// The dock's folder: paths of the context are relative to it.
    pub dock: PathBuf,
    /// What the image sees of the dock.
    pub context: DockContext,
    /// Docks by the references that the Dockerfile uses, with the folders of their results.
    pub parents: LiteMap<String, PathBuf>,
    /// What the last stage is built on, as the Dockerfile calls it.
    pub base: Option<String>,
    /// Labels besides those of the Dockerfile, by whole name.
    pub labels: LiteMap<String, String>,
    /// The lists of packages that cover all that is in the image: its own first.
    pub packages: Vec<PathBuf>,
    /// Images from elsewhere that are in it or in one below it.
    pub externals: Vec<String>,
    /// Images from elsewhere that the Dockerfile names, each in its one spelling, with what is pinned.
    pub elsewhere: LiteMap<String, Option<Base>>,
    /// The tag.
    pub version: String,
    /// Whether its commands have the network.
    pub run_network: bool,
    /// Where its results go.
    pub dir: PathBuf,
}

impl ImageWork {
    /// The image from elsewhere that a Dockerfile's text names, if that is pinned.
    pub fn pinned(&self, reference: &str) -> Option<&Base> {
        self.elsewhere.get(&spelling(reference))?.as_ref()
    }
}

/// The data of a `test:` step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestWork {
    /// The image.
    pub name: DockName,
    /// The folder of its results.
    pub dir: PathBuf,
    /// Findings of the audit that its dock allows.
    pub allowed: Vec<Allowance>,
    /// Those that the docks below it allow.
    pub inherited: Vec<Allowance>,
    /// The whole ROOT with Portage's records.
    pub sysroot: Option<PathBuf>,
    /// The dock's own script.
    pub script: Option<PathBuf>,
    /// How large it may be.
    pub budget: Option<Budget>,
    /// What it has to do where it runs.
    pub checks: Checks,
    /// The builder, from where ports are asked.
    pub bob: Option<String>,
}
