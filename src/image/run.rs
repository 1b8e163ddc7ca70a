//! A `RUN`: which command it is, and what it sees.
//!
//! Does not know how a box is made. What it has changed is made a layer of by `ran`.

use std::ops::Range;

use super::Left;
use super::config::ImageConfig;
use super::mount::Seen;
use super::tree::{Content, Nodes, Tree};
use super::variables::{Args, refused};
use crate::dockerfile::scan::Instruction;
use crate::dockerfile::{grammar, plain};

/// Runs commands, where somebody can.
#[derive(Clone, Copy)]
pub struct Commands<'a> {
    /// Runs one; what it has changed, as the engine tells it.
    pub run: &'a dyn Fn(&Command<'_>) -> Result<Nodes, Left>,
    /// Whether two files have the same bytes.
    pub same: &'a dyn Fn(&Content, &Content) -> Result<bool, Left>,
}

/// A command that is to be run.
#[derive(Debug)]
pub struct Command<'a> {
    /// The reference of the image that is below all.
    pub base: Option<&'a str>,
    /// What it is to see: its words, variables, user and folder, and the layers below the stage's own.
    pub image: ImageConfig,
    /// The stage's own layers, lowest first.
    pub layers: &'a [Nodes],
    /// All that it sees.
    pub tree: &'a Tree,
    /// What else it sees.
    pub seen: &'a Seen,
    /// Does it want no network, whatever its dock says?
    pub alone: bool,
    /// Where it stands in the Dockerfile.
    pub at: Range<usize>,
}

/// Does an instruction say `--network=none`?
pub(super) fn is_alone(at: &Instruction) -> bool {
    at.flags.iter().any(|flag| flag.name == "network" && flag.value.text == "none")
}

/// What the command of an instruction is to see in a stage.
pub(super) fn image(
    at: &Instruction,
    stage: &ImageConfig,
    args: &Args,
) -> Result<ImageConfig, Left> {
    let words = words(at, &stage.config.shell)?;
    if words.is_empty() {
        return Err(Left::refused("a `RUN` has no command"));
    }
    let mut image = ImageConfig::scratch("");
    image.created.clone_from(&stage.created);
    image.architecture.clone_from(&stage.architecture);
    image.rootfs.clone_from(&stage.rootfs);
    let config = &mut image.config;
    config.env.clone_from(&stage.config.env);
    // An `ENV` wins over an `ARG`, as in every other instruction.
    let declared = args.iter().filter(|(name, _)| stage.config.variable(name).is_none());
    for (name, value) in declared.filter_map(|(name, value)| Some((name, value.as_ref()?))) {
        config.set_variable(name, value);
    }
    config.user.clone_from(&stage.config.user);
    config.working_dir.clone_from(&stage.config.working_dir);
    config.cmd = Some(words);
    Ok(image)
}

/// The JSON form as it is, the other one for the shell.
fn words(at: &Instruction, shell: &[String]) -> Result<Vec<String>, Left> {
    if at.heredocs.is_empty()
        && let Some(words) = grammar::json(at).map_err(refused)?
    {
        return Ok(words.into_iter().map(|word| word.text).collect());
    }
    let (script, file) = plain::script(at);
    Ok(plain::command(shell, &script, file.as_deref()))
}
