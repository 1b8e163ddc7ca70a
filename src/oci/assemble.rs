//! One pass over a Dockerfile's instructions: from parents and contents to the image.
//!
//! Knows what each instruction does, but not how a file is read or written, nor what an engine is. The
//! layers come out as tables; who writes them learns their digests.

use super::Left;
use super::below::Below;
use super::change::Change;
use super::config::{History, ImageConfig, rfc3339};
use super::copy::{Copy, Unpack};
use super::label;
use super::setting::{self, only_flags};
use super::tree::{Content, Kind, Nodes, Tree};
use super::variables::{Args, Variables};
use crate::dock::glob::clean;
use crate::dock::scan::{self, Instruction, is_heredoc};
use crate::dock::{Rendered, template};

/// All that an image is made from.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The Dockerfile.
    pub dockerfile: &'a Rendered,
    /// What `COPY` and `ADD` see.
    pub context: &'a Tree,
    /// An image by reference, for `FROM` and `COPY --from`.
    pub image: &'a dyn Fn(&str) -> Result<Base, Left>,
    /// What is in a file that `ADD` names, if it is an archive.
    pub unpack: Unpack<'a>,
    /// The bytes of a small file.
    pub read: &'a dyn Fn(&Content) -> Result<Vec<u8>, Left>,
    /// The rootfs archive of the context.
    pub rootfs: Option<&'a Below<'a>>,
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

/// Goes on until the rootfs archive has been unpacked, as far as that goes: what cannot be assembled on the way
/// there, and changes files, is passed over. For an image that the engine builds, which is sent the archive as
/// [`Below`] has it then.
pub fn look_below(inputs: Inputs<'_>) -> Result<(), Left> {
    let scanned = scan::scan(inputs.dockerfile).map_err(|e| Left::new(e.message()))?;
    let escape = scanned.escape;
    let mut work = Assembler { inputs, escape, before: Args::new(), stages: vec![] };
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
            "copy" => &["from", "chown"],
            "add" => &["chown"],
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
        if !stage.image.config.on_build.is_empty() {
            return Err(Left::new("its parent has `ONBUILD` triggers"));
        }
        let named = words.get(1).is_some_and(|word| word.text.eq_ignore_ascii_case("as"));
        let name = words.get(2).filter(|_| named).map(|word| word.text.to_ascii_lowercase());
        self.stages.push(Stage { name, args: Args::new(), has_cmd: false, ..stage });
        Ok(())
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
        if let Some(url) = words.iter().find(|w| at.name == "add" && template::is_remote(w)) {
            return Err(Left::new(format!("it downloads `{url}`")));
        }
        let flag = |name: &str| at.flags.iter().find(|flag| flag.name == name);
        let from = flag("from").map(|flag| self.source(&flag.value.text)).transpose()?;
        let owner = match flag("chown") {
            Some(flag) => Some(self.owner(&variables.expand(&flag.value.text)?, &stage.tree)?),
            None => from.is_none().then_some((0, 0)),
        };
        let copy = Copy {
            from: from.as_ref().unwrap_or(self.inputs.context),
            sources: &words,
            target: &absolute(&stage.image.config.working_dir, &target),
            owner,
            unpacks: at.name == "add",
            rootfs: self.inputs.rootfs,
        };
        let mut change = Change::of(&mut stage.tree);
        copy.run(&mut change, self.inputs.unpack)?;
        Ok(change.finish())
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

/// A path counted from a working folder; a `/` at its end stays.
fn absolute(folder: &str, path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("/{folder}/{path}") }
}

#[cfg(test)]
mod tests;
