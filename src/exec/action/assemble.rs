//! An image put together from its dock's files and its parents' archives, without an engine.
//!
//! Brings the files to `oci`, which knows what to make of them. Whether the engine takes the result is
//! not this file's business.

use std::collections::BTreeSet;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::error::{Error, Exit, Result};
use crate::base::ids::DockName;
use crate::base::label::Labels;
use crate::base::limits::{Limit, Limits};
use crate::base::{label, read};
use crate::config::Settings;
use crate::dockerfile::{Markers, Rendered, template};
use crate::exec::action::below::{keep_in, lists};
use crate::exec::action::bom::Documents;
use crate::exec::action::command::{Asker, With};
use crate::exec::action::pinned::{self, Elsewhere, Images};
use crate::exec::archives::Archives;
use crate::image::Left;
use crate::image::archive::bundle::{Bundle, Plan};
use crate::image::archive::{bundle, listing};
use crate::image::assemble::{Assembled, Base, Inputs, assemble};
use crate::image::below::{Below, Undone};
use crate::image::run::{Command, Commands};
use crate::image::tree::{Content, Kind, Node, Nodes, Tree, parent};
use crate::net::registry::Blobs;
use crate::plan::results::SUMMARY;
use crate::plan::step::ImageWork;
use crate::state::store::Store;

/// What `image.json` says of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Its ID.
    pub id: String,
    /// What it is called.
    pub references: Vec<String>,
    /// Bytes, not compressed, as the engine counts.
    pub size: i64,
    /// How many layers it has.
    pub layers: usize,
    /// Why the engine had to build it, if so.
    pub built_by_engine: Option<String>,
    /// The dock whose layers are below its own.
    pub base: Option<String>,
    /// The image from elsewhere whose layers are below its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<Elsewhere>,
    /// What Dockerfiles had made, and its rootfs has undone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undone: Vec<Undone>,
}

/// An image's archive, written.
pub(super) struct Written {
    /// The image's ID.
    pub id: String,
    /// The archive.
    pub file: PathBuf,
    /// The archives of the images below.
    pub below: Vec<Bundle>,
    /// The dock whose layers are below its own.
    pub base: Option<String>,
    /// The image from elsewhere whose layers are.
    pub elsewhere: Option<Elsewhere>,
    /// How many layers are its own.
    pub layers: usize,
    /// What Dockerfiles had made, and its rootfs has undone.
    pub undone: Vec<Undone>,
    /// What its commands have changed, by the names of files beside its results.
    pub ran: BTreeSet<String>,
}

/// Writes an image's archive into a folder; `Left` where the engine has to build it.
pub(super) fn write(
    images: &Images,
    dockerfile: &Rendered,
    documents: &Documents,
    settings: &Settings,
    folder: &Path,
) -> Result<std::result::Result<Written, Left>> {
    let work = &images.work;
    let (context, hidden) = context(work)?;
    let limits = &settings.limits;
    let lists = lists(work, limits)?;
    let keep = keep_in(folder);
    let read = |content: &Content| listing::read(content, limits);
    let rootfs = work.rootfs.as_deref();
    let rootfs = rootfs.map(|file| Below::new(file, &lists, &read, &keep));
    let epoch = settings.source_date_epoch;
    let with = With { dockerfile, folder, epoch, limits, same: &same };
    let run = |command: &Command<'_>| run(command, images, with);
    let commands = Commands { run: &run, same: &same };
    let inputs = Inputs {
        dockerfile,
        context: &context,
        hidden: &hidden,
        image: &|reference| base(reference, images),
        unpack: &|content| listing::entries(content, limits),
        read: &read,
        keep: &keep,
        rootfs: rootfs.as_ref(),
        epoch,
        arch: &settings.arch,
        commands: images.asker.as_ref().map(|_| commands),
    };
    let Assembled { base, mut config, layers } = match assemble(inputs) {
        Ok(assembled) => assembled,
        Err(left) => return left.failure().map_or(Ok(Err(left)), Err),
    };
    let below = images.below(base.as_deref())?;
    let elsewhere = base.as_deref().and_then(|reference| work.pinned(reference));
    let base = base.as_ref().and_then(|reference| work.parents.get(reference));
    stackable(config.rootfs.diff_ids.len() + layers.len(), work)?;
    let base_id = below.first().map(Bundle::id);
    config.config.labels.extend(labels(work, dockerfile, documents, base_id));
    let file = folder.join("image.tar");
    let references = &work.references;
    let id = bundle::write(&file, Plan { config, layers: &layers, references, epoch })?;
    let (base, layers) = (base.map(|dir| name(dir)), layers.len());
    let elsewhere =
        elsewhere.map(|base| Elsewhere { name: base.name.to_string(), id: base.id.clone() });
    let undone = rootfs.map_or(vec![], |rootfs| rootfs.undone.take().into_iter().collect());
    let ran = images.asker.as_ref().map(Asker::used).unwrap_or_default();
    Ok(Ok(Written { id, file, below, base, elsewhere, layers, undone, ran }))
}

/// Has a command run.
fn run(command: &Command<'_>, images: &Images, with: With<'_>) -> std::result::Result<Nodes, Left> {
    let asker = images.asker.as_ref().ok_or_else(|| Left::new("it has a `RUN`"))?;
    // Before hours are spent on it.
    let layers = command.image.rootfs.diff_ids.len() + command.layers.len();
    stackable(layers, &images.work).map_err(Left::failed)?;
    asker.run(command, || images.below(command.base), with)
}

fn same(one: &Content, other: &Content) -> std::result::Result<bool, Left> {
    let unread = |e| Left::failed(Error::file("read", &other.file, &e));
    listing::is_same(one, other).map_err(unread)
}

/// The plan knows only of layers that Dockerfiles show.
fn stackable(layers: usize, work: &ImageWork) -> Result<()> {
    let few = Limits::default().check(Limit::Layers, layers as u64);
    few.map_err(|e| e.error(Exit::Config, &format!("the image of `{}`", work.dock.display())))
}

pub(super) fn dockerfile(work: &ImageWork) -> Result<Rendered> {
    let text = read::state(&work.dockerfile, Limit::StateSize)?;
    let text = String::from_utf8_lossy(&text);
    Ok(Rendered::from_template(&work.dockerfile, &text, &Markers::default()))
}

/// The labels that the Dockerfile does not give itself, and those that it cannot give. `base` is the ID of
/// the image below.
pub(super) fn labels(
    work: &ImageWork,
    dockerfile: &Rendered,
    documents: &Documents,
    base: Option<String>,
) -> Labels {
    let below = work.base.as_deref().zip(base).into_iter();
    let below = below.flat_map(|(name, digest)| label::of_base(name, &digest));
    let all = work.labels.clone().into_iter().chain(below);
    let written = template::labels(dockerfile);
    all.filter(|(name, _)| !written.contains(name)).chain(documents.labels()).collect()
}

pub(super) fn name(dir: &Path) -> String {
    dir.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What `COPY` and `ADD` see: the dock's files that the plan has found, and what `bb` has made; and what
/// only its very name leads to. Folders that the plan has not found are root's and readable, as in the
/// context that the engine gets.
pub(super) fn context(work: &ImageWork) -> Result<(Tree, Tree)> {
    let (mut tree, mut hidden) = (Tree::default(), Tree::default());
    let made =
        [Some(("Dockerfile", &work.dockerfile)), work.rootfs.as_ref().map(|r| ("rootfs.tar", r))];
    for (path, file) in made.into_iter().flatten() {
        let is_copied = work.context.made.iter().any(|name| name == path);
        let tree = if is_copied { &mut tree } else { &mut hidden };
        tree.put(path, Node { mode: 0o644, ..node(file)? });
    }
    for folder in &work.context.folders {
        tree.make_folders(folder.as_os_str().as_bytes());
    }
    for file in &work.context.files {
        let path = file.as_os_str().as_bytes();
        tree.make_folders(parent(path));
        tree.put(path, node(&work.dock.join(file))?);
    }
    Ok((tree, hidden))
}

fn node(path: &Path) -> Result<Node> {
    use std::os::unix::fs::PermissionsExt;
    let failed = |e| Error::file("read", path, &e);
    let meta = std::fs::symlink_metadata(path).map_err(failed)?;
    let kind = match meta.file_type() {
        t if t.is_dir() => Kind::Folder,
        t if t.is_file() => Kind::File(listing::whole(path, meta.len())),
        t if t.is_symlink() => {
            let target = std::fs::read_link(path).map_err(failed)?;
            Kind::Link(target.into_os_string().into_vec().into())
        }
        _ => {
            let message = format!("`{}` is neither a file nor a link", path.display());
            return Err(Error::step(message));
        }
    };
    let mode = if meta.is_symlink() { 0o777 } else { meta.permissions().mode() & 0o7777 };
    Ok(Node::of_root(kind, mode))
}

/// An image to build on or to copy from. What one from elsewhere copies by `ONBUILD`, nobody has looked for.
fn base(reference: &str, images: &Images) -> std::result::Result<Base, Left> {
    let base = images.get(reference)?;
    let is_elsewhere = images.work.pinned(reference).is_some();
    match base.config.config.on_build.iter().find(|text| is_elsewhere && copies(text)) {
        Some(trigger) => Err(Left::new(format!("`{reference}` leaves `{trigger}`"))),
        None => Ok(base),
    }
}

/// May a trigger read the context?
pub(super) fn copies(trigger: &str) -> bool {
    let name = trigger.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    ["add", "copy"].contains(&name.as_str()) || name == "run" && trigger.contains("--mount")
}

/// An image's archive and those of the images below it, itself first; nothing where only the engine has
/// it. `dir` is the folder of its results.
///
/// # Errors
/// One of them cannot be read.
pub fn chain(dir: &Path, limits: &Limits) -> Result<Option<Vec<Bundle>>> {
    chain_of(dir, &Archives::default(), limits)
}

/// The same of those that were read already.
pub(super) fn chain_of(
    dir: &Path,
    archives: &Archives,
    limits: &Limits,
) -> Result<Option<Vec<Bundle>>> {
    let mut chain = vec![];
    for (at, summary) in stack(dir, archives)? {
        let Some(bundle) = archives.open(&at, limits)? else { return Ok(None) };
        chain.push(bundle);
        let Some(base) = &summary.elsewhere else { continue };
        let bundle = pinned::open(&blobs(&at), &base.id, limits)?.ok_or_else(|| {
            let name = summary.references.first().map_or("", String::as_str);
            Error::step(format!(
                "the layers of `{}` are gone, which `{name}` is built on",
                base.name
            ))
            .hint("`bb build -f` brings them again")
        })?;
        chain.push(bundle);
    }
    Ok(Some(chain))
}

/// The blobs of the state folder that an image's results are in.
fn blobs(dir: &Path) -> Blobs {
    let state = dir.ancestors().nth(2).unwrap_or(dir);
    Blobs::at(&Store::at(state).blobs())
}

/// The folders of an image's results and of those of the docks below it, itself first, with what is said there.
pub(super) fn stack(dir: &Path, archives: &Archives) -> Result<Vec<(PathBuf, Arc<Summary>)>> {
    let mut stack = vec![];
    let mut dir = Some(dir.to_owned());
    while let Some(at) = dir {
        let summary = archives.summary(&at)?;
        dir = folder_below(&at, &summary, stack.len() + 1)?;
        stack.push((at, summary));
    }
    Ok(stack)
}

/// The folder of the image below, which is the `depth`th: what is written there may go in a circle.
fn folder_below(dir: &Path, summary: &Summary, depth: usize) -> Result<Option<PathBuf>> {
    let Some(base) = &summary.base else { return Ok(None) };
    let few = Limits::default().check(Limit::Layers, depth as u64);
    few.map_err(|e| e.error(Exit::Step, &format!("the image in `{}`", dir.display())))?;
    // A name, and no path that leads elsewhere.
    let name = base.parse::<DockName>().map_err(|e| Error::step(e.message()))?;
    Ok(Some(dir.with_file_name(name.as_str())))
}

/// An image that has just been made, with those below it.
pub(super) struct Seen {
    /// The folders of the docks' results, its own first, with what is said there.
    pub stack: Vec<(PathBuf, Arc<Summary>)>,
    /// The archives, its own first, and all its files; nothing where only the engine has it.
    pub files: Option<(Vec<Bundle>, Tree)>,
}

impl Seen {
    /// `dir` is the folder of its results.
    pub(super) fn of(dir: &Path, archives: &Archives, limits: &Limits) -> Result<Self> {
        let with_tree = |chain: Vec<Bundle>| bundle::tree(&chain).map(|tree| (chain, tree));
        let files = chain_of(dir, archives, limits)?.map(with_tree).transpose()?;
        Ok(Self { stack: stack(dir, archives)?, files })
    }
}

/// What `image.json` says. `dir` is the folder of the image's results.
///
/// # Errors
/// It is not there or malformed.
pub fn summary(dir: &Path) -> Result<Summary> {
    let path = dir.join(SUMMARY);
    let text = read::state(&path, Limit::ConfigSize)?;
    serde_json::from_slice(&text)
        .map_err(|e| Error::step(format!("`{}` is malformed: {e}", path.display())))
}
