//! A project as the test sees it: docks and tasks in an order in which each needs only earlier ones,
//! and the tree of files that they are written as.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use support::fake::engine::pulled;
use support::fake::mirror::MIRROR;
pub use support::fake::room::Node;

/// Path → what is there.
pub type Tree = BTreeMap<String, Node>;

/// What an image is built on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    Scratch,
    Elsewhere(u8),
    Dock(String),
}

/// A dock, less its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dock {
    pub base: Base,
    /// Docks of which it copies a file.
    pub from: BTreeSet<String>,
    pub rootfs: bool,
    pub maintainer: bool,
    pub comment: u32,
    /// A task makes one of its files.
    pub made: Option<String>,
    /// Files but the template, below the dock.
    pub files: Tree,
    pub template_mode: u32,
}

/// A task, less its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    pub needs: BTreeSet<String>,
    pub output: String,
    /// Below `src/NAME`.
    pub files: Tree,
    pub word: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    Dock(Dock),
    Task(Task),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// By the environment, over what `bb.toml` says.
    pub namespace: String,
    pub maintainer: u32,
    pub tag: &'static str,
    pub cflags: u32,
    /// Versions of the images of another registry that are pinned.
    pub elsewhere: [u32; 2],
    /// Part of the maintainer's name.
    pub token: String,
    /// Prerequisites first.
    pub items: Vec<(String, Item)>,
}

/// The name of an image of another registry.
pub fn elsewhere(n: impl std::fmt::Display) -> String {
    format!("elsewhere.example/base:{n}")
}

impl Dock {
    pub fn template(&self) -> String {
        let mut text = match &self.base {
            Base::Scratch => "FROM scratch\n".to_owned(),
            Base::Elsewhere(n) => format!("FROM {}\n", elsewhere(n)),
            Base::Dock(name) => format!("FROM ${{NAMESPACE}}/{name}\n"),
        };
        let _ = writeln!(text, "# {}", self.comment);
        if self.maintainer {
            text.push_str("LABEL maintainer=\"${MAINTAINER}\"\n");
        }
        for name in &self.from {
            let _ = writeln!(text, "COPY --from=${{NAMESPACE}}/{name} /files /from-{name}");
        }
        if self.rootfs {
            text.push_str("ADD rootfs.tar /\n");
        }
        text.push_str("COPY files /files\n");
        text
    }

    /// The docks it needs.
    pub fn docks(&self) -> BTreeSet<&String> {
        let base = if let Base::Dock(name) = &self.base { Some(name) } else { None };
        self.from.iter().chain(base).collect()
    }
}

impl Project {
    pub fn dock(&self, name: &str) -> Option<&Dock> {
        self.docks().find(|(n, _)| *n == name).map(|(_, d)| d)
    }

    pub fn docks(&self) -> impl Iterator<Item = (&String, &Dock)> {
        self.items.iter().filter_map(|(name, item)| match item {
            Item::Dock(dock) => Some((name, dock)),
            Item::Task(_) => None,
        })
    }

    pub fn tasks(&self) -> impl Iterator<Item = (&String, &Task)> {
        self.items.iter().filter_map(|(name, item)| match item {
            Item::Task(task) => Some((name, task)),
            Item::Dock(_) => None,
        })
    }

    pub fn has_rootfs(&self) -> bool {
        self.docks().any(|(_, d)| d.rootfs)
    }

    /// Everything but what is made.
    pub fn tree(&self) -> Tree {
        let mut tree = Tree::from([("bb.toml".to_owned(), Node::text(self.settings()))]);
        tree.insert("bb.lock".to_owned(), Node::text(self.lock()));
        for (name, dock) in self.docks() {
            let template = Node::File(dock.template(), dock.template_mode);
            tree.insert(format!("bb-dock/{name}/Dockerfile.template"), template);
            let files = dock.files.iter();
            tree.extend(files.map(|(p, n)| (format!("bb-dock/{name}/{p}"), n.clone())));
        }
        for (name, task) in self.tasks() {
            let files = task.files.iter();
            tree.extend(files.map(|(p, n)| (format!("src/{name}/{p}"), n.clone())));
        }
        tree
    }

    fn lock(&self) -> String {
        let mut text = if self.has_rootfs() { MIRROR.lock.clone() } else { String::new() };
        for (n, version) in self.elsewhere.iter().enumerate() {
            let name = elsewhere(n);
            let id = pulled(&name, *version);
            let _ = writeln!(text, "[[base]]\nname = {name:?}\nid = {id:?}\nsource = \"engine\"");
        }
        text
    }

    /// The value of the marker.
    pub fn author(&self) -> String {
        format!("M{}{}", self.maintainer, self.token)
    }

    fn settings(&self) -> String {
        let (mirrors, trust) = &MIRROR.settings;
        let mut text = format!(
            "namespace = \"of-the-file\"\nmaintainer = \"{}\"\ntag = \"{}\"\n{mirrors}{trust}\
             [build]\nCFLAGS = \"-O{}\"\n",
            self.author(),
            self.tag,
            self.cflags
        );
        for (name, task) in self.tasks() {
            let _ = write!(
                text,
                "[task.{name}]\nrun = {:?}\ninputs = [\"src/{name}/*\"]\noutputs = [{:?}]\n\
                 needs = {:?}\n",
                task.run(name),
                task.output,
                task.needs.iter().collect::<Vec<_>>(),
            );
        }
        text
    }
}

impl Task {
    pub fn run(&self, name: &str) -> String {
        let output = &self.output;
        format!("mkdir -p $(dirname {output}); (echo {}; cat src/{name}/*) > {output}", self.word)
    }

    /// What its output says.
    pub fn makes(&self) -> String {
        let text = |node: &Node| match node {
            Node::File(text, _) => text.clone(),
            Node::Link(_) => String::new(),
        };
        format!("{}\n{}", self.word, self.files.values().map(text).collect::<String>())
    }
}
