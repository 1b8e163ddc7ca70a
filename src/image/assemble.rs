//! One pass over a Dockerfile's instructions: from parents and contents to the image.
//!
//! Knows what each instruction does, but not how a file is read or written, nor what an engine is. The
//! layers come out as tables; who writes them learns their digests.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::below::Below;
use super::change::Change;
use super::chmod::Chmod;
use super::config::{History, ImageConfig, rfc3339};
use super::copy::{Copy, Manner, Unpack};
use super::mount::{Said, Seen, What};
use super::run::{Command, Commands};
use super::setting::only_flags;
use super::tree::{Content, Kind, Node, Nodes, Tree};
use super::variables::{Args, Variables, refused, spend};
use super::{Left, mount, ran, run, setting};
use crate::base::label;
use crate::base::reference::is_digest;
use crate::dockerfile::glob::{Glob, clean};
use crate::dockerfile::grammar::mount::Type;
use crate::dockerfile::scan::{Flag, Heredoc, Instruction};
use crate::dockerfile::{Rendered, grammar, scan, template};

/// All that an image is made from.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The Dockerfile.
    pub dockerfile: &'a Rendered,
    /// What `COPY` and `ADD` see.
    pub context: &'a Tree,
    /// What of the context only its very name leads to: an ignore file keeps it out of folders and patterns.
    pub hidden: &'a Tree,
    /// An image by reference, for `FROM` and `COPY --from`.
    pub image: &'a dyn Fn(&str) -> Result<Base, Left>,
    /// What is in a file that `ADD` names, if it is an archive.
    pub unpack: Unpack<'a>,
    /// The bytes of a small file.
    pub read: &'a dyn Fn(&Content) -> Result<Vec<u8>, Left>,
    /// The rootfs archive of the context.
    pub rootfs: Option<&'a Below<'a>>,
    /// Keeps bytes that are in no file yet: the text of a heredoc.
    pub keep: &'a dyn Fn(&[u8]) -> Result<Content, Left>,
    /// The time of everything, in seconds since 1970.
    pub epoch: u64,
    /// Gentoo's name of the architecture.
    pub arch: &'a str,
    /// Who runs commands; nobody: a `RUN` is left to the engine.
    pub commands: Option<Commands<'a>>,
}

/// An image to build on.
#[derive(Debug, Clone)]
pub struct Base {
    /// Its configuration.
    pub config: ImageConfig,
    /// All its files.
    pub tree: Tree,
}

/// An image, complete but for the digests of its own layers.
#[derive(Debug, Clone)]
pub struct Assembled {
    /// The reference of the image whose layers are below its own.
    pub base: Option<String>,
    /// Its configuration, with the digests of the layers below only.
    pub config: ImageConfig,
    /// Its own layers, lowest first.
    pub layers: Vec<Nodes>,
}

/// Puts an image together; `Left` where the engine has to.
///
/// # Errors
/// Why the engine has to do it, or why it is wrong.
pub fn assemble(inputs: Inputs<'_>) -> Result<Assembled, Left> {
    let scanned = scan::scan(inputs.dockerfile).map_err(|e| Left::refused(e.message()))?;
    let escape = scanned.escape;
    for instruction in &scanned.instructions {
        grammar::check(instruction, escape).map_err(refused)?;
    }
    if inputs.commands.is_none() && scanned.instructions.iter().any(|at| at.name == "run") {
        return Err(Left::new("it has a `RUN`"));
    }
    // What is left to the engine for sure is left before a command has run for nothing.
    let unchecked = |at: &&Instruction| !at.flags.iter().any(|flag| flag.name == "checksum");
    for at in scanned.instructions.iter().filter(|at| at.name == "add").filter(unchecked) {
        remote(&grammar::transfer(at).map_err(refused)?.0)?;
    }
    let mut work = Assembler::new(inputs, escape);
    for instruction in &scanned.instructions {
        work.instruction(instruction)?;
    }
    let last = work.stages.pop().ok_or_else(|| Left::new("it has no `FROM`"))?;
    Ok(Assembled { base: last.base, config: last.image, layers: last.layers })
}

/// Goes on until the rootfs archive has been unpacked, as far as that goes: what cannot be assembled on the way
/// there, and changes files, is passed over. For an image that the engine builds, which is sent the archive as
/// [`Below`] has it then.
///
/// # Errors
/// The Dockerfile cannot be read, or the `FROM` or the instruction that unpacks the archive cannot be done
/// here.
pub fn look_below(inputs: Inputs<'_>) -> Result<(), Left> {
    let scanned = scan::scan(inputs.dockerfile).map_err(|e| Left::new(e.message()))?;
    let mut work = Assembler::new(inputs, scanned.escape);
    let unpacked = || inputs.rootfs.is_none_or(|below| below.adjusted.borrow().is_some());
    for instruction in &scanned.instructions {
        let stages = work.stages.clone();
        let done = work.instruction(instruction);
        if unpacked() || instruction.name == "from" && done.is_err() {
            return done;
        }
        if done.is_err() {
            work.stages = stages;
        }
    }
    Ok(())
}

/// Files that are in no context yet, and the names of those to copy.
type Texts = (Tree, Vec<String>);

struct Assembler<'a> {
    inputs: Inputs<'a>,
    escape: char,
    /// The `ARG`s before the first `FROM`.
    before: Args,
    stages: Vec<Stage>,
    /// The numbers of the finished stages, by name.
    names: BTreeMap<String, usize>,
    /// What all words have come to, in bytes.
    spent: Cell<usize>,
}

#[derive(Clone)]
struct Stage {
    /// In lower case.
    name: Option<String>,
    base: Option<String>,
    image: ImageConfig,
    tree: Tree,
    layers: Vec<Nodes>,
    args: Args,
    has_cmd: bool,
}

impl Stage {
    fn variables<'a>(&'a self, escape: char, spent: &'a Cell<usize>) -> Variables<'a> {
        Variables { escape, args: &self.args, config: Some(&self.image.config), spent }
    }

    /// One more instruction, and what it has changed.
    fn record(&mut self, at: &Instruction, layer: Nodes, epoch: u64) {
        let empty_layer = layer.is_empty();
        let created_by = as_written(at);
        self.image.history.push(History { created: rfc3339(epoch), created_by, empty_layer });
        self.layers.extend(Some(layer).filter(|layer| !layer.is_empty()));
    }
}

/// An instruction on one line.
fn as_written(at: &Instruction) -> String {
    let flags = at.flags.iter().map(|flag| format!("--{}={}", flag.name, flag.value.text));
    let words = [at.name.to_uppercase()].into_iter().chain(flags).chain([at.rest().to_owned()]);
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

impl<'a> Assembler<'a> {
    fn new(inputs: Inputs<'a>, escape: char) -> Self {
        let (before, spent, names) = (Args::new(), Cell::new(0), BTreeMap::new());
        Self { inputs, escape, before, stages: vec![], names, spent }
    }
}

impl Assembler<'_> {
    fn instruction(&mut self, at: &Instruction) -> Result<(), Left> {
        let known: &[&str] = match at.name.as_str() {
            "copy" => &["from", "chown", "chmod", "link", "parents", "exclude"],
            "add" => &["chown", "chmod", "link", "exclude", "checksum"],
            // The plan has seen that it is this machine's.
            "from" => &["platform"],
            // The grammar has looked at theirs.
            _ => return self.known(at),
        };
        only_flags(at, known)?;
        self.known(at)
    }

    fn known(&mut self, at: &Instruction) -> Result<(), Left> {
        if at.name == "from" {
            return self.from(at);
        }
        if at.name == "arg" && self.stages.is_empty() {
            let new = self.variables_before().args(at, None)?;
            self.before.extend(new);
            return Ok(());
        }
        let mut stage = self.stages.pop().ok_or_else(|| Left::new("its first is not `FROM`"))?;
        let layer = self.in_stage(at, &mut stage)?;
        stage.record(at, layer, self.inputs.epoch);
        self.stages.push(stage);
        Ok(())
    }

    fn from(&mut self, at: &Instruction) -> Result<(), Left> {
        let grammar::From { image, alias } = grammar::from(at).map_err(refused)?;
        let reference = self.variables_before().expand(&image.text)?;
        let finished = self.stages.len().checked_sub(1);
        let name = self.stages.last().and_then(|stage| stage.name.clone());
        self.names.extend(name.zip(finished));
        let stage = match (self.stage_named(&reference), reference.as_str()) {
            (Some(stage), _) => {
                let config = &self.stages[stage].image.config;
                spend(&self.spent, config.env.iter().map(|entry| entry.len() + 16).sum())?;
                self.stages[stage].clone()
            }
            (None, "scratch") => {
                self.stage(None, ImageConfig::scratch(self.inputs.arch), Tree::default())
            }
            (None, _) => {
                let Base { config, tree } = (self.inputs.image)(&reference)?;
                self.stage(Some(reference), config, tree)
            }
        };
        let mut stage = Stage { name: alias, args: Args::new(), has_cmd: false, ..stage };
        let triggers = std::mem::take(&mut stage.image.config.on_build);
        self.stages.push(stage);
        triggers.iter().try_for_each(|trigger| self.trigger(trigger))
    }

    /// What a parent's `ONBUILD` has left: an instruction right after the `FROM`.
    fn trigger(&mut self, text: &str) -> Result<(), Left> {
        let at = Instruction::of_trigger(text, 0);
        let at = at.filter(|at| !["from", "onbuild", "maintainer"].contains(&at.name.as_str()));
        let bad = || Left::new(format!("its parent's trigger `{text}` is not understood"));
        let at = at.ok_or_else(bad)?;
        grammar::check(&at, self.escape).map_err(|_| bad())?;
        self.instruction(&at)
    }

    /// What counts before the first `FROM`, and in each.
    fn variables_before(&self) -> Variables<'_> {
        Variables { escape: self.escape, args: &self.before, config: None, spent: &self.spent }
    }

    fn stage(&self, base: Option<String>, mut image: ImageConfig, tree: Tree) -> Stage {
        image.created = rfc3339(self.inputs.epoch);
        image.author.clear();
        image.config.labels.retain(|name, _| !label::is_own(name));
        // As in Docker's builder, where the image below has none.
        image.config.default_path();
        let args = Args::new();
        Stage { name: None, base, image, tree, layers: vec![], args, has_cmd: false }
    }

    /// The number of a finished stage.
    fn stage_named(&self, name: &str) -> Option<usize> {
        self.names.get(&name.to_lowercase()).copied()
    }

    /// The layer that an instruction leaves, empty for most.
    fn in_stage(&self, at: &Instruction, stage: &mut Stage) -> Result<Nodes, Left> {
        match at.name.as_str() {
            "copy" | "add" => return self.copy(at, stage),
            "workdir" => return self.workdir(at, stage),
            "run" => return self.run(at, stage),
            "arg" => {
                let new = stage.variables(self.escape, &self.spent).args(at, Some(&self.before))?;
                stage.args.extend(new);
            }
            _ => {
                let config = stage.image.config.clone();
                let variables = Variables {
                    escape: self.escape,
                    args: &stage.args,
                    config: Some(&config),
                    spent: &self.spent,
                };
                let target = setting::Target {
                    config: &mut stage.image.config,
                    author: &mut stage.image.author,
                    has_cmd: &mut stage.has_cmd,
                };
                setting::apply(at, target, variables)?;
            }
        }
        Ok(Nodes::new())
    }

    fn workdir(&self, at: &Instruction, stage: &mut Stage) -> Result<Nodes, Left> {
        let path = stage.variables(self.escape, &self.spent).expand(at.rest())?;
        if path.is_empty() {
            return Err(Left::refused("a `WORKDIR` comes to nothing"));
        }
        let joined = || format!("/{}", clean(&absolute(&stage.image.config.working_dir, &path)));
        let path = if path.starts_with('/') { path } else { joined() };
        stage.image.config.working_dir = path;
        let folder = stage.tree.resolve("", &stage.image.config.working_dir)?;
        let mut change = Change::of(&mut stage.tree);
        change.make_folders(&folder, 0, 0)?;
        Ok(change.finish())
    }

    fn run(&self, at: &Instruction, stage: &mut Stage) -> Result<Nodes, Left> {
        let commands = self.inputs.commands.ok_or_else(|| Left::new("it has a `RUN`"))?;
        let seen = self.seen(at, stage)?;
        let command = Command {
            base: stage.base.as_deref(),
            image: run::image(at, &stage.image, &stage.args)?,
            layers: &stage.layers,
            tree: &stage.tree,
            seen: &seen,
            alone: run::is_alone(at),
            at: at.whole(),
        };
        let account = (commands.run)(&command)?;
        let empty = (self.inputs.keep)(b"")?;
        let layer = ran::layer(&stage.tree, &account, &seen.mounts, commands.same, &empty)?;
        stage.tree.apply(&layer)?;
        Ok(layer)
    }

    /// What the command of a `RUN` sees besides its image.
    fn seen(&self, at: &Instruction, stage: &Stage) -> Result<Seen, Left> {
        let mut seen = Seen::default();
        for flag in at.flags.iter().filter(|flag| flag.name == "mount") {
            let said = self.said(at, flag, stage)?;
            if let Some((name, is_all)) = said.variable() {
                seen.variables.push((name, said.secret()));
                if is_all {
                    continue;
                }
            }
            let what = match said.mount.kind {
                Type::Bind => What::Files(self.mounted(&said.mount)?),
                Type::Tmpfs => What::Empty(said.mount.size),
                Type::Cache => What::Cache(said.cache()),
                Type::Secret => What::Secret(said.secret()),
            };
            seen.mounts.push(said.on(&stage.tree, what)?);
        }
        mount::nested(&mut seen.mounts)?;
        Ok(seen)
    }

    /// What a mount's flag says, counted from the working folder.
    fn said(&self, at: &Instruction, flag: &Flag, stage: &Stage) -> Result<Said, Left> {
        let variables = stage.variables(self.escape, &self.spent);
        let mut fields = vec![];
        for field in grammar::mount::fields(at, flag).map_err(refused)? {
            let text = match &field.value {
                Some(word) if field.expands() => Some(variables.expand(&word.text)?),
                other => other.as_ref().map(|word| word.text.clone()),
            };
            fields.push((field, text));
        }
        let mount = grammar::mount::read(at, flag, fields).map_err(refused)?;
        Ok(Said::new(mount, &stage.image.config.working_dir))
    }

    /// The files that a mount shows: of the context, a stage or an image.
    fn mounted(&self, said: &grammar::mount::Mount) -> Result<Nodes, Left> {
        let path = mount::text(said.source.as_ref()).unwrap_or_default();
        let from = mount::text(said.from.as_ref());
        let found = match from.as_deref() {
            Some("scratch") => mount::files(&Tree::default(), &path)?,
            Some(name) => mount::files(&self.source(name)?, &path)?,
            None => match mount::files(self.inputs.context, &path)? {
                None => mount::files(self.inputs.hidden, &path)?,
                found => found,
            },
        };
        let nowhere = || match &from {
            Some(name) => format!("`{name}` has no `{path}` that could be mounted"),
            None => format!("the dock has no `{path}` that could be mounted"),
        };
        found.ok_or_else(|| Left::refused(nowhere()))
    }

    fn copy(&self, at: &Instruction, stage: &mut Stage) -> Result<Nodes, Left> {
        let variables = stage.variables(self.escape, &self.spent);
        let (sources, target) = grammar::transfer(at).map_err(refused)?;
        let heredocs = sources.iter().filter_map(|word| at.heredoc(word));
        let texts = self.texts(heredocs, variables)?;
        let files = sources.iter().filter(|word| at.heredoc(word).is_none());
        let words =
            files.map(|word| variables.expand(&word.text)).collect::<Result<Vec<_>, _>>()?;
        let target = variables.expand(&target.text)?;
        checksum(at, &words)?;
        if let Some(url) = words.iter().find(|w| at.name == "add" && template::is_remote(w)) {
            return Err(downloads(url));
        }
        let flag =
            |name: &str| at.flags.iter().find(|f| f.name == name && !f.value.text.is_empty());
        let from = flag("from").map(|flag| self.source(&flag.value.text)).transpose()?;
        let owner = match flag("chown") {
            Some(flag) => Some(self.owner(&variables.expand(&flag.value.text)?, &stage.tree)?),
            None => from.is_none().then_some((0, 0)),
        };
        let mode = flag("chmod").map(|flag| variables.expand(&flag.value.text)).transpose()?;
        let copy = Copy {
            from: from.as_ref().unwrap_or(self.inputs.context),
            hidden: if from.is_some() { &Tree::default() } else { self.inputs.hidden },
            sources: &words,
            target: &absolute(&stage.image.config.working_dir, &target),
            manner: Manner {
                owner,
                mode: mode.as_deref().map(Chmod::parse).transpose()?,
                unpacks: at.name == "add",
                parents: switch(at, "parents")?,
                excluded: excluded(at, variables)?,
            },
            rootfs: self.inputs.rootfs,
        };
        if switch(at, "link")? {
            return self.linked(copy, texts.as_ref(), &mut stage.tree);
        }
        let mut change = Change::of(&mut stage.tree);
        self.transfer(copy, texts.as_ref(), &mut change)?;
        Ok(change.finish())
    }

    /// `--link`: a layer that knows nothing of those below, laid on top. No link of theirs is followed.
    fn linked(
        &self,
        copy: Copy<'_>,
        texts: Option<&Texts>,
        tree: &mut Tree,
    ) -> Result<Nodes, Left> {
        let mut alone = Tree::default();
        let mut change = Change::of(&mut alone);
        self.transfer(copy, texts, &mut change)?;
        let layer = change.finish();
        tree.apply(&layer)?;
        Ok(layer)
    }

    /// Files first, then the texts of heredocs.
    fn transfer(
        &self,
        copy: Copy<'_>,
        texts: Option<&Texts>,
        change: &mut Change<'_>,
    ) -> Result<(), Left> {
        if !copy.sources.is_empty() {
            copy.run(change, self.inputs.unpack)?;
        }
        let Some((tree, names)) = texts else { return Ok(()) };
        let owner = copy.manner.owner.or(Some((0, 0)));
        let manner = Manner { owner, unpacks: false, ..copy.manner };
        let (hidden, target) = (&Tree::default(), copy.target);
        let texts = Copy { from: tree, hidden, sources: names, target, manner, rootfs: None };
        texts.run(change, self.inputs.unpack)
    }

    /// Heredocs as files to copy, and their names.
    fn texts<'a>(
        &self,
        heredocs: impl Iterator<Item = &'a Heredoc>,
        variables: Variables<'_>,
    ) -> Result<Option<Texts>, Left> {
        let (mut tree, mut names) = (Tree::default(), vec![]);
        for heredoc in heredocs {
            let body = heredoc.body();
            let text = if heredoc.quoted { body } else { variables.expand_text(&body)? };
            let name = clean(&format!("/{}", heredoc.name));
            tree.make_folders(name.rsplit_once('/').map_or("", |(folder, _)| folder));
            tree.put(&name, Node::of_root(Kind::File((self.inputs.keep)(text.as_bytes())?), 0o644));
            names.push(heredoc.name.clone());
        }
        Ok((!names.is_empty()).then_some((tree, names)))
    }

    /// What `--from` names: a stage by name or number, or an image.
    fn source(&self, name: &str) -> Result<Tree, Left> {
        let finished = self.stages.len();
        let number = name.parse().ok().filter(|number| *number < finished);
        match self.stage_named(name).or(number) {
            Some(stage) => Ok(self.stages[stage].tree.clone()),
            None => Ok((self.inputs.image)(name)?.tree),
        }
    }

    /// `USER`, `USER:GROUP`, as numbers or as names of the image's own.
    fn owner(&self, text: &str, tree: &Tree) -> Result<(u64, u64), Left> {
        let (user, group) = text.split_once(':').unwrap_or((text, text));
        let id = |name: &str, file| match name.parse() {
            Ok(number) => Ok(number),
            Err(_) => self.id_of(name, file, tree),
        };
        Ok((id(user, "etc/passwd")?, id(group, "etc/group")?))
    }

    /// The number of a name in a file like `passwd`.
    fn id_of(&self, name: &str, file: &str, tree: &Tree) -> Result<u64, Left> {
        let unknown = || Left::new(format!("`/{file}` has no `{name}`"));
        let path = tree.resolve("", file)?;
        let Some(Kind::File(content)) = tree.get(&path).map(|node| &node.kind) else {
            return Err(unknown());
        };
        let text = (self.inputs.read)(content)?;
        let text = String::from_utf8_lossy(&text);
        let fields = |line: &str| {
            let fields = line.split(':').map(str::trim).collect::<Vec<_>>();
            (fields.first() == Some(&name)).then(|| fields.get(2)?.parse().ok()).flatten()
        };
        text.lines().find_map(fields).ok_or_else(unknown)
    }
}

fn downloads(url: &str) -> Left {
    Left::new(format!("it downloads `{url}`"))
}

/// Looks for an address among sources as they are written.
fn remote(sources: &[scan::Word]) -> Result<(), Left> {
    let url = sources.iter().find(|source| template::is_remote(&source.text));
    url.map_or(Ok(()), |url| Err(downloads(&url.text)))
}

/// A flag that is there or not, or says so: `--link`, `--link=false`.
fn switch(at: &Instruction, name: &str) -> Result<bool, Left> {
    match at.flags.iter().find(|flag| flag.name == name).map(|flag| flag.value.text.as_str()) {
        None | Some("false") => Ok(false),
        Some("" | "true") => Ok(true),
        Some(other) => Err(Left::refused(format!("`--{name}={other}` is neither true nor false"))),
    }
}

/// The patterns of `--exclude`.
fn excluded(at: &Instruction, variables: Variables<'_>) -> Result<Vec<Glob>, Left> {
    let flags = at.flags.iter().filter(|flag| flag.name == "exclude");
    let pattern = |flag: &scan::Flag| {
        let text = variables.expand(&flag.value.text)?;
        let glob = Glob::new(&clean(&format!("/{text}")), true);
        glob.ok_or_else(|| Left::refused(format!("`--exclude={text}` is not a pattern")))
    };
    flags.map(pattern).collect()
}

/// `ADD --checksum` is of what is downloaded, and a digest.
fn checksum(at: &Instruction, sources: &[String]) -> Result<(), Left> {
    let Some(flag) = at.flags.iter().find(|flag| flag.name == "checksum") else { return Ok(()) };
    let text = flag.value.text.as_str();
    if !text.contains('$') && !is_digest(text) {
        return Err(Left::refused(format!("`--checksum={text}` is not a digest")));
    }
    match sources.iter().find(|source| !template::is_remote(source)) {
        Some(source) => {
            let why = format!("`--checksum` is of downloads, and `{source}` is none");
            Err(Left::refused(why))
        }
        None => Ok(()),
    }
}

/// A path counted from a working folder; a `/` at its end stays.
fn absolute(folder: &str, path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("/{folder}/{path}") }
}

#[cfg(test)]
mod tests;
