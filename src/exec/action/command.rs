//! `RUN`: a command in a box, on what the instructions before it have made.
//!
//! Images are put together on a thread that may wait, and boxes are started by one that may not: so the first asks and
//! the second answers. What a command has changed is kept beside the image, by what the command is and all that it
//! sees: the same is not run again. What of the changes counts is not known here.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bstr::{BStr, ByteSlice};
use tokio::sync::{mpsc, oneshot};

use crate::base::error::{Error, Result};
use crate::base::ids::{Kind, StepId};
use crate::base::limits::Limits;
use crate::dockerfile::Rendered;
use crate::engine::{Account, Commands, ContainerSpec, ImageCommand, Network, Owner};
use crate::exec::action::mounts::{Laid, Mounts};
use crate::exec::action::{Log, container};
use crate::exec::put::{self, Given};
use crate::exec::work::Context;
use crate::image::archive::bundle::{Bundle, Plan};
use crate::image::archive::{bundle, listing, save};
use crate::image::run::Command;
use crate::image::tree::{self, Node, Nodes, Tree};
use crate::image::{Left, ran};
use crate::plan::step::ImageWork;
use crate::state::store::remove_if_there;

/// Where an image's results have what commands have changed, a file each.
pub const RAN: &str = "ran";

/// The first part of the names of images that commands run in.
pub const RUN_IMAGES: &str = "bb-run";

/// Tells images of commands apart by what else these see.
const MOUNTS_LABEL: &str = "bb.mounts";

/// Who asks for commands to be run.
#[derive(Debug)]
pub(super) struct Asker {
    to: mpsc::Sender<(Asked, Tell)>,
    /// The folder of what is kept.
    kept: PathBuf,
    /// Whether the commands have the network.
    network: bool,
    /// What the images are called that they run in, one after the other. Another dock may have the same one, and takes
    /// only its own name away.
    name: String,
    /// What was asked for, by the names of the files.
    used: RefCell<BTreeSet<String>>,
}

/// How it went.
pub(super) type Tell = oneshot::Sender<Result<Told>>;

/// What the archive is that the engine has given out of a command's box.
#[derive(Debug)]
pub(super) enum Told {
    /// The changes.
    Changes,
    /// All that is there.
    Whole(Marks),
}

/// What an engine says of all that is there.
#[derive(Debug)]
pub(super) struct Marks {
    /// These paths were touched, if anybody knows.
    touched: Option<BTreeSet<String>>,
    /// Lines that are the engine's own.
    added: Vec<(&'static str, String)>,
}

/// A command to run.
#[derive(Debug)]
pub(super) struct Asked {
    /// The archive of the image that it runs in.
    image: PathBuf,
    /// Those of the images below.
    below: Vec<Bundle>,
    id: String,
    name: String,
    words: Vec<String>,
    /// What it sees besides its image.
    mounts: Mounts,
    /// Where it begins.
    folder: String,
    /// Whether it has the network.
    network: bool,
    /// Where the engine's archive is to be put.
    to: PathBuf,
}

/// One who asks for an image's commands, and what is asked for.
pub(super) fn asking(work: &ImageWork, owner: &Owner) -> (Asker, mpsc::Receiver<(Asked, Tell)>) {
    let (to, asked) = mpsc::channel(1);
    let (kept, network) = (work.dir.join(RAN), work.run_network);
    let name = format!("{RUN_IMAGES}/{}/{}:latest", owner.0, work.name);
    (Asker { to, kept, network, name, used: RefCell::default() }, asked)
}

/// What a command is run with, besides what it sees.
#[derive(Clone, Copy)]
pub(super) struct With<'a> {
    /// Where it stands.
    pub dockerfile: &'a Rendered,
    /// For what has to be written.
    pub folder: &'a Path,
    pub epoch: u64,
    pub limits: &'a Limits,
    /// Whether two files have the same bytes.
    pub same: ran::Same<'a>,
}

impl Asker {
    /// What a command changes, as the engine tells it. `below`: the archives of the images below the stage's own
    /// layers, for one that has to be run.
    pub(super) fn run(
        &self,
        command: &Command<'_>,
        below: impl FnOnce() -> Result<Vec<Bundle>>,
        with: With<'_>,
    ) -> Result<Nodes, Left> {
        let image = with.folder.join("run.tar");
        let (layers, epoch) = (command.layers, with.epoch);
        let references = std::slice::from_ref(&self.name);
        let mounts = Mounts::of(command.seen, with.folder, epoch)?;
        let mut config = command.image.clone();
        // Whoever sees something else has another image.
        let key = mounts.key.iter().map(|key| (MOUNTS_LABEL.to_owned(), key.clone()));
        config.config.labels.extend(key);
        let plan = Plan { config, layers, references, epoch };
        let id = bundle::write(&image, plan).map_err(Left::failed)?;
        let network = self.network && !command.alone;
        let reach = if network { "-network" } else { "" };
        let name = format!("{}{reach}", id.trim_start_matches("sha256:"));
        let to = self.kept.join(&name);
        self.used.borrow_mut().insert(name);
        if let Ok(kept) = account(&to, with.limits) {
            return Ok(kept);
        }
        let config = &command.image.config;
        let (words, folder) = (config.cmd.clone().unwrap_or_default(), config.working_dir.clone());
        let below = below().map_err(Left::failed)?;
        let told = with.folder.join("ran.tar");
        let name = self.name.clone();
        let to_here = told.clone();
        let asked = Asked { image, below, id, name, words, mounts, folder, network, to: to_here };
        let place = with.dockerfile.place(command.at.clone());
        let changes = match self.ask(asked).map_err(|error| Left::failed(error.at(place)))? {
            Told::Changes => told,
            Told::Whole(marks) => {
                changes(command.tree, &told, &marks, with).map_err(|left| unkept(&left))?
            }
        };
        keep(&changes, &to).map_err(Left::failed)?;
        account(&to, with.limits).map_err(|left| unkept(&left))
    }

    fn ask(&self, asked: Asked) -> Result<Told> {
        let (tell, told) = oneshot::channel();
        // Whoever would answer has been told to stop.
        let stopped = || Error::step("the command was not run to its end");
        self.to.blocking_send((asked, tell)).map_err(|_| stopped())?;
        told.blocking_recv().map_err(|_| stopped())?
    }

    /// The names of all files that were of use.
    pub(super) fn used(&self) -> BTreeSet<String> {
        self.used.take()
    }
}

/// No builder has to do again what a command has done.
fn unkept(left: &Left) -> Left {
    Left::failed(left.error(|why| format!("what a `RUN` has changed cannot be kept: {why}")))
}

/// Removes what commands have changed that are no more in the image. `used`: those that are.
pub(super) fn keep_only(used: &BTreeSet<String>, work: &ImageWork) -> Result<()> {
    let Ok(entries) = std::fs::read_dir(work.dir.join(RAN)) else { return Ok(()) };
    for entry in entries.flatten() {
        let is_used = entry.file_name().to_str().is_some_and(|name| used.contains(name));
        if !is_used {
            remove_if_there(&entry.path())?;
        }
    }
    Ok(())
}

impl Asked {
    /// Runs the command.
    pub(super) async fn run(
        &self,
        work: &ImageWork,
        context: &Context,
        log: &mut Log,
    ) -> Result<Told> {
        let none = || Error::engine("the engine in use does not say what a box has changed");
        let commands = context.engine.commands().ok_or_else(none)?;
        log.write(format!("bb: RUN {}\n", self.words.join(" ")).as_bytes());
        // One that is there is of somebody who was killed.
        context.engine.remove_image(&self.name).await?;
        let names = std::slice::from_ref(&self.name);
        let image = Given { own: &self.image, below: &self.below, id: &self.id, names };
        if self.network && context.registry.is_none() {
            let message = "a `RUN` is to have the network, and no network is to be used";
            return Err(Error::step(message).hint("run the same without `--offline`"));
        }
        let done = match give(image, context, log).await {
            Ok(called) => {
                let step = StepId::new(Kind::Image, work.name.as_str());
                let network = if self.network { Network::Outside } else { Network::None };
                let spec = container(&step, &called, context);
                match self.mounts.lay(&spec, work.name.as_str(), context, log).await {
                    Ok(laid) => {
                        let caches = laid.caches.clone();
                        let spec = ContainerSpec { caches, network, ..spec };
                        let done = self.run_on(&spec, &laid, commands, context, log).await;
                        laid.take_away(context, log).await;
                        done
                    }
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error),
        };
        // Where that cannot be done now, the next command of this dock does it, or `bb gc`.
        if let Err(error) = context.engine.remove_image(&self.name).await {
            log.write(format!("bb: {}\n", error.message()).as_bytes());
        }
        done
    }

    async fn run_on(
        &self,
        spec: &ContainerSpec,
        laid: &Laid,
        commands: &dyn Commands,
        context: &Context,
        log: &mut Log,
    ) -> Result<Told> {
        let command = ImageCommand { words: &self.words, folder: &self.folder, env: &laid.env.0 };
        let id = commands.box_of(spec, &command).await?;
        let done = self.run_in(&id, &command, commands, context, log).await;
        let removed = context.engine.remove_container(&id).await;
        done.and_then(|told| removed.map(|()| told))
    }

    /// Runs the command in a box, and takes out what it has changed there.
    async fn run_in(
        &self,
        id: &str,
        command: &ImageCommand<'_>,
        commands: &dyn Commands,
        context: &Context,
        log: &mut Log,
    ) -> Result<Told> {
        let status = commands.run(id, command, &mut |data: &[u8]| log.write(data)).await?;
        if status != 0 {
            return Err(log.failed(format!("a `RUN` ended with exit status {status}")));
        }
        let limits = &context.settings.limits;
        match commands.account(id).await? {
            Account::Layer(layer) => save(layer, &self.to, limits).await.map(|()| Told::Changes),
            Account::Whole { tree, touched, added } => {
                save(tree, &self.to, limits).await?;
                let relative = |path: String| path.trim_start_matches('/').to_owned();
                let touched = touched.map(|all| all.into_iter().map(relative).collect());
                Ok(Told::Whole(Marks { touched, added }))
            }
        }
    }
}

/// How often an image is given to a daemon.
const ATTEMPTS: usize = 3;

/// Gives an image to the engine. Podman 4.3 was seen, once, not to know one that it had just taken in, while images of other
/// commands came and went: it is given again then.
async fn give(image: Given<'_>, context: &Context, log: &mut Log) -> Result<String> {
    let attempts = if context.engine.daemon().is_some() { ATTEMPTS } else { 1 };
    for _ in 1..attempts {
        if let Ok((called, _)) = put::give(image, context, &mut |data| log.write(data)).await {
            return Ok(called);
        }
    }
    Ok(put::give(image, context, &mut |data| log.write(data)).await?.0)
}

/// Writes the changes out of all that is there.
fn changes(tree: &Tree, whole: &Path, marks: &Marks, with: With<'_>) -> Result<PathBuf, Left> {
    let failed = |e: std::io::Error| Left::failed(Error::file("read", whole, &e));
    let size = std::fs::symlink_metadata(whole).map_err(failed)?.len();
    let mut nodes = listing::layer(&listing::whole(whole, size), with.limits)?;
    for (number, (path, begin)) in marks.added.iter().enumerate() {
        let to = with.folder.join(format!("without-{number}"));
        take_away((tree, &mut nodes), path, begin, &to, with.limits)?;
    }
    let empty = listing::whole(whole, 0);
    let account = ran::account(tree, nodes, marks.touched.as_ref(), with.same, &empty)?;
    let changes = with.folder.join("changes.tar");
    bundle::write_archive(&changes, &account, with.epoch).map_err(Left::failed)?;
    Ok(changes)
}

/// Takes an engine's own line away from the end of a file, unless the image has it. What the file has then is written
/// to `to`.
fn take_away(
    (tree, nodes): (&Tree, &mut Nodes),
    path: &str,
    begin: &str,
    to: &Path,
    limits: &Limits,
) -> Result<(), Left> {
    let file = |node: &Node| match &node.kind {
        tree::Kind::File(content) => Some(content.clone()),
        _ => None,
    };
    let Some(content) = nodes.get(BStr::new(path)).and_then(file) else { return Ok(()) };
    let text = listing::read(&content, limits)?;
    let whole = text.strip_suffix(b"\n").unwrap_or(&text);
    let last = whole.rfind_byte(b'\n').map_or(0, |end| end + 1);
    // Where the file had no line end, the line goes on from what was there.
    let Some(at) = whole[last..].rfind(begin).map(|at| last + at) else { return Ok(()) };
    let before = tree.get(path).and_then(file);
    let before = before.map(|content| listing::read(&content, limits)).transpose()?;
    if before.is_some_and(|before| before.contains_str(&whole[at..])) {
        return Ok(());
    }
    std::fs::write(to, &text[..at]).map_err(|e| Left::failed(Error::file("write", to, &e)))?;
    if let Some(node) = nodes.get_mut(BStr::new(path)) {
        node.kind = tree::Kind::File(listing::whole(to, at as u64));
    }
    Ok(())
}

/// Puts what a command has changed where it is looked for: all of it, whatever happens to the machine.
fn keep(file: &Path, to: &Path) -> Result<()> {
    let failed = |e: std::io::Error| Error::file("write", to, &e);
    std::fs::File::open(file).and_then(|file| file.sync_all()).map_err(failed)?;
    std::fs::create_dir_all(to.parent().unwrap_or(Path::new("."))).map_err(failed)?;
    std::fs::rename(file, to).map_err(failed)
}

/// What a command has changed. An archive of nothing has an end, too.
fn account(file: &Path, limits: &Limits) -> std::result::Result<Nodes, Left> {
    let meta = std::fs::symlink_metadata(file);
    let size = meta.ok().filter(std::fs::Metadata::is_file).map_or(0, |meta| meta.len());
    if size == 0 {
        return Err(Left::new("what a command has changed was not kept"));
    }
    listing::layer(&listing::whole(file, size), limits)
}
