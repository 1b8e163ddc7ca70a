//! Boxes as they are asked for and found: what they run on, whose they are, what they may use.
//!
//! Values only. Engines call them containers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::engine::TerminalSize;
use crate::image::archive::Body;

/// A container to work in.
#[derive(Debug, Clone, Default)]
pub struct ContainerSpec {
    /// What it runs on.
    pub image: String,
    /// Whose it is: no image can give a container a name.
    pub owner: Owner,
    /// What it is for: read back by [`Boxes::containers_of`](super::Boxes::containers_of).
    pub labels: BTreeMap<String, String>,
    /// Caches that it sees.
    pub caches: Vec<CacheMount>,
    /// A jobserver's fifo on this machine, which it has at [`JOBSERVER`]: for engines that see this machine's files.
    pub jobserver: Option<PathBuf>,
    /// Runs what its image says, and does not wait for commands.
    pub as_its_image_says: bool,
    /// What it reaches.
    pub network: Network,
    /// What it may use; then no program in it gets more rights than it was started with.
    pub bounds: Option<Bounds>,
}

/// Where a box has its jobserver.
pub const JOBSERVER: &str = "/bb/jobserver";

/// What a box reaches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Network {
    /// Itself.
    #[default]
    None,
    /// What the container with this id reaches.
    Of(String),
    /// What containers of the engine reach; the native engine's, what this machine does.
    Outside,
}

/// A cache of the engine as a box sees it: the same name, the same cache, whoever asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CacheMount {
    /// What the engine calls it.
    pub name: String,
    /// Which file or folder of it; all of it, if empty. For boxes of one command only.
    pub part: String,
    /// Path in the box.
    pub at: String,
    /// Whether the box can write in it.
    pub writable: bool,
}

/// Whose a container or a cache is: a project by its random id. It is in the container's name, which only the one who
/// makes a container gives it; labels may come from its image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owner(pub String);

/// Counts the containers that this process makes.
static MADE: AtomicUsize = AtomicUsize::new(0);

impl Owner {
    /// What the names of its containers and caches begin with.
    fn prefix(&self) -> String {
        format!("bb-{}-", self.0)
    }

    /// The name of a cache of its own.
    pub fn cache(&self, name: &str) -> String {
        format!("{}{name}", self.prefix())
    }

    /// The name of another container: no two are the same, whichever process makes them.
    #[expect(
        clippy::disallowed_methods,
        reason = "the time is a part of a name, and decides nothing"
    )]
    pub(super) fn next_name(&self) -> String {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
        format!("{}{}-{now}-{number}", self.prefix(), std::process::id())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        let name = name.strip_prefix('/').unwrap_or(name);
        !self.0.is_empty() && name.starts_with(&self.prefix())
    }
}

/// A container that exists in the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundContainer {
    /// The engine's id.
    pub id: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// A container of an image as it is meant to run.
#[derive(Debug, Clone, Default)]
pub struct RunSpec {
    /// The image's reference.
    pub image: String,
    /// Instead of the image's command, unless empty.
    pub command: Vec<String>,
    /// `NAME=VALUE`.
    pub env: Vec<String>,
    /// Whose it is.
    pub owner: Owner,
    /// What it is for.
    pub labels: BTreeMap<String, String>,
    /// What is reachable from outside.
    pub ports: Vec<Port>,
    /// The size of the terminal that it has, if it has one.
    pub tty: Option<TerminalSize>,
}

/// A container's port and where it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Address on the engine's machine; all if empty.
    pub address: String,
    /// Port there; any free one if empty.
    pub outside: String,
    /// Port in the container, with its protocol: `80/tcp`.
    pub inside: String,
}

/// What a container may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Processes and threads at one time.
    pub processes: u64,
    /// Bytes of memory; none if 0.
    pub memory: u64,
}

/// A command that an image is there for.
#[derive(Clone, Copy)]
pub struct ImageCommand<'a> {
    /// The program and its arguments, as the image has them.
    pub words: &'a [String],
    /// Where it begins; empty: at the root.
    pub folder: &'a str,
    /// `NAME=VALUE` besides those of the image. An engine keeps them no longer than the box, and tells nobody.
    pub env: &'a [String],
}

/// What a command has changed in its box, as an engine tells it.
pub enum Account {
    /// The layer that would make it so.
    Layer(Body),
    /// All that is there, besides what the engine mounts, and the paths that were touched, beginning with `/`: as far
    /// as text can be, so that one byte that is no UTF-8 is U+FFFD.
    Whole {
        /// An archive (tar) of the root.
        tree: Body,
        /// Not one that is new is missing. None, where the engine cannot tell.
        touched: Option<Vec<String>>,
        /// Lines that the engine has added to files: the path from the root, and what the line begins with.
        added: Vec<(&'static str, String)>,
    },
}

/// What became of a path of a container since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It, or something below it, is another one.
    Modified,
    /// It was not there.
    Added,
    /// It is gone.
    Removed,
}
