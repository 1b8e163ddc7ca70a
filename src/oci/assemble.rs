//! One pass over a Dockerfile's instructions: from parents and contents to the image.
//!
//! Knows what each instruction does, but not how a file is read or written, nor what an engine is. The
//! layers come out as tables; who writes them learns their digests.

use super::Left;
use super::change::Change;
use super::chmod::Chmod;
use super::config::{History, ImageConfig, rfc3339};
use super::copy::{Copy, Manner, Unpack};
use super::label;
use super::setting::{self, only_flags};
use super::tree::{Content, Kind, Nodes, Tree};
use super::variables::{Args, Variables};
use crate::dock::glob::{Glob, clean};
use crate::dock::scan::{self, Instruction, is_heredoc};
use crate::dock::{Rendered, template};

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
    /// The time of everything, in seconds since 1970.
    pub epoch: u64,
    /// Gentoo's name of the architecture.
    pub arch: &'a str,
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
pub fn assemble(inputs: Inputs<'_>) -> Result<Assembled, Left> {
    let scanned = scan::scan(inputs.dockerfile).map_err(|e| Left::new(e.message()))?;
    let escape = scanned.escape;
    if scanned.instructions.iter().any(|at| at.name == "run") {
        return Err(Left::new("it has a `RUN`"));
    }
    let mut work = Assembler { inputs, escape, before: Args::new(), stages: vec![] };
    for instruction in &scanned.instructions {
        work.instruction(instruction)?;
    }
    let last = work.stages.pop().ok_or_else(|| Left::new("it has no `FROM`"))?;
    Ok(Assembled { base: last.base, config: last.image, layers: last.layers })
}

struct Assembler<'a> {
    inputs: Inputs<'a>,
    escape: char,
    /// The `ARG`s before the first `FROM`.
    before: Args,
    stages: Vec<Stage>,
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
    fn variables(&self, escape: char) -> Variables<'_> {
        Variables { escape, args: &self.args, config: Some(&self.image.config) }
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

impl Assembler<'_> {
    fn instruction(&mut self, at: &Instruction) -> Result<(), Left> {
        let known: &[&str] = match at.name.as_str() {
            "copy" => &["from", "chown", "chmod", "link", "parents", "exclude"],
            "add" => &["chown", "chmod", "link", "exclude", "checksum"],
            "healthcheck" => &["interval", "timeout", "start-period", "retries"],
            _ => &[],
        };
        only_flags(at, known)?;
        if at.name == "from" {
            return self.from(at);
        }
        if at.name == "arg" && self.stages.is_empty() {
            let variables = Variables { escape: self.escape, args: &self.before, config: None };
            let new = variables.args(at, None)?;
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
        let words = at.words();
        let image = words.first().ok_or_else(|| Left::new("a `FROM` names no image"))?;
        let variables = Variables { escape: self.escape, args: &self.before, config: None };
        let reference = variables.expand(&image.text)?;
        let stage = match (self.stage_named(&reference), reference.as_str()) {
            (Some(stage), _) => self.stages[stage].clone(),
            (None, "scratch") => {
                self.stage(None, ImageConfig::scratch(self.inputs.arch), Tree::default())
            }
            (None, _) => {
                let Base { config, tree } = (self.inputs.image)(&reference)?;
                self.stage(Some(reference), config, tree)
            }
        };
        let named = words.get(1).is_some_and(|word| word.text.eq_ignore_ascii_case("as"));
        let name = words.get(2).filter(|_| named).map(|word| word.text.to_ascii_lowercase());
        let mut stage = Stage { name, args: Args::new(), has_cmd: false, ..stage };
        let triggers = std::mem::take(&mut stage.image.config.on_build);
        self.stages.push(stage);
        triggers.iter().try_for_each(|trigger| self.trigger(trigger))
    }

    /// What a parent's `ONBUILD` has left: an instruction right after the `FROM`.
    fn trigger(&mut self, text: &str) -> Result<(), Left> {
        let at = Instruction::of_trigger(text, 0);
        let at = at.filter(|at| !["from", "onbuild", "maintainer"].contains(&at.name.as_str()));
        let bad = || Left::new(format!("its parent's trigger `{text}` is not understood"));
        self.instruction(&at.ok_or_else(bad)?)
    }

    fn stage(&self, base: Option<String>, mut image: ImageConfig, tree: Tree) -> Stage {
        image.created = rfc3339(self.inputs.epoch);
        image.author.clear();
        image.config.labels.retain(|name, _| !label::is_own(name));
        let args = Args::new();
        Stage { name: None, base, image, tree, layers: vec![], args, has_cmd: false }
    }

    fn stage_named(&self, name: &str) -> Option<usize> {
        let name = name.to_ascii_lowercase();
        self.stages.iter().rposition(|stage| stage.name.as_ref() == Some(&name))
    }

    /// The layer that an instruction leaves, empty for most.
    fn in_stage(&self, at: &Instruction, stage: &mut Stage) -> Result<Nodes, Left> {
        match at.name.as_str() {
            "copy" | "add" => return self.copy(at, stage),
            "workdir" => return self.workdir(at, stage),
            "arg" => {
                let new = stage.variables(self.escape).args(at, Some(&self.before))?;
                stage.args.extend(new);
            }
            _ => {
                let config = stage.image.config.clone();
                let variables =
                    Variables { escape: self.escape, args: &stage.args, config: Some(&config) };
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
        let path = stage.variables(self.escape).expand(at.rest())?;
        if path.is_empty() {
            return Err(Left::new("a `WORKDIR` names no folder"));
        }
        let joined = || format!("/{}", clean(&absolute(&stage.image.config.working_dir, &path)));
        let path = if path.starts_with('/') { path } else { joined() };
        stage.image.config.working_dir = path;
        let folder = stage.tree.resolve("", &stage.image.config.working_dir)?;
        let mut change = Change::of(&mut stage.tree);
        change.make_folders(&folder, 0, 0)?;
        Ok(change.finish())
    }

    fn copy(&self, at: &Instruction, stage: &mut Stage) -> Result<Nodes, Left> {
        let words = at.json().unwrap_or_else(|| at.words());
        if words.iter().any(is_heredoc) {
            return Err(Left::new("it has a heredoc"));
        }
        let variables = stage.variables(self.escape);
        let mut words = variables.expand_all(words.into_iter().map(|word| word.text))?;
        let target = words.pop().filter(|_| !words.is_empty());
        let target = target.ok_or_else(|| Left::new("a `COPY` or `ADD` has no target"))?;
        checksum(at, &words)?;
        if let Some(url) = words.iter().find(|w| at.name == "add" && template::is_remote(w)) {
            return Err(Left::new(format!("it downloads `{url}`")));
        }
        let flag = |name: &str| at.flags.iter().find(|flag| flag.name == name);
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
        };
        if switch(at, "link")? {
            return self.linked(&copy, &mut stage.tree);
        }
        let mut change = Change::of(&mut stage.tree);
        copy.run(&mut change, self.inputs.unpack)?;
        Ok(change.finish())
    }

    /// `--link`: a layer that knows nothing of those below, laid on top. No link of theirs is followed.
    fn linked(&self, copy: &Copy<'_>, tree: &mut Tree) -> Result<Nodes, Left> {
        let mut alone = Tree::default();
        let mut change = Change::of(&mut alone);
        copy.run(&mut change, self.inputs.unpack)?;
        let layer = change.finish();
        tree.apply(&layer)?;
        Ok(layer)
    }

    /// What `--from` names: a stage by name or number, or an image.
    fn source(&self, name: &str) -> Result<Tree, Left> {
        let number = name.parse().ok().filter(|number| *number < self.stages.len());
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

/// Digests by name, with the length of each in hex.
const DIGESTS: [(&str, usize); 3] = [("sha256", 64), ("sha384", 96), ("sha512", 128)];

/// `ADD --checksum` is of what is downloaded, and a digest.
fn checksum(at: &Instruction, sources: &[String]) -> Result<(), Left> {
    let Some(flag) = at.flags.iter().find(|flag| flag.name == "checksum") else { return Ok(()) };
    let text = flag.value.text.as_str();
    let is_hex = |hex: &str| hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let known = text
        .split_once(':')
        .is_some_and(|(name, hex)| DIGESTS.contains(&(name, hex.len())) && is_hex(hex));
    if !text.contains('$') && !known {
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
