//! Completion in shells: what the command line takes, and names of docks, steps and settings as the project
//! has them now. `bb completions SHELL` prints what a shell has to know; it then asks `bb` itself.
//!
//! It answers within moments and little memory, or not at all.
//!
//! Each shell's own ways are a library's business, but for bash, which breaks ids of steps at their `:`.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};
use std::{io, thread};

use clap::{Command, CommandFactory, ValueEnum};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::{Bash, EnvCompleter, Fish, Shells, Zsh};

use crate::base::error::{Error, Result};
use crate::base::ids::{DockName, Kind};
use crate::cli::call::Call;
use crate::cli::io::output::print_exactly;
use crate::cli::verbs::chain;
use crate::cli::{Cli, enter_project, entered};
use crate::session::Project;

/// The variable by which a shell asks.
const VARIABLE: &str = "BB_COMPLETE";

/// Print what a shell needs to complete bb's command line.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The shell
    shell: Shell,
}

const EXAMPLES: &str = "\
Names of images and steps are those of the project in the current folder. Where they cannot be found out within
150 ms (BB_COMPLETE_MS), nothing is offered. In the shell's start file:
  bash   source <(bb completions bash)
  zsh    source <(bb completions zsh)
  fish   bb completions fish | source

Examples:
  bb completions bash
  bb completions zsh >_bb
  bb completions fish >bb.fish";

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

#[allow(clippy::unused_async, reason = "one signature for all verbs")]
pub(in crate::cli) async fn run(args: &Args, _call: &Call) -> Result<u8> {
    let shell: &dyn EnvCompleter = match args.shell {
        Shell::Bash => &JoiningBash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
    };
    let mut script = vec![];
    let written = shell.write_registration(VARIABLE, "bb", "bb", "bb", &mut script);
    written.map_err(|e| Error::bug(format!("cannot write a completion script: {e}")))?;
    print_exactly(&String::from_utf8_lossy(&script));
    Ok(0)
}

/// A shell waits no longer than this for an answer: with the start and the end of the process, 200 ms.
const PATIENCE_MS: u64 = 150;
/// Another number of milliseconds, for a machine that is slow.
const PATIENCE_VARIABLE: &str = "BB_COMPLETE_MS";
/// How often it is looked whether there is still room.
const PACE: Duration = Duration::from_millis(2);
/// More memory is not taken, in bytes: the answer is short, whatever the folder is.
const MOST_MEMORY: u64 = 64 << 20;
/// More names are not offered.
const MOST_NAMES: usize = 10_000;
/// Of more docks the steps are not offered, for their files are read for that.
const MOST_READ: usize = 1000;
/// Nor of docks with more bytes in the files that are read.
const MOST_BYTES: u64 = 8 << 20;

/// Answers a shell that asks; false if none does. Nothing else must have been printed. Where the folder is too
/// large, or its file system too slow, nothing is offered: whoever pressed a key does not wait for it.
pub(in crate::cli) fn answer() -> clap::error::Result<bool> {
    if std::env::var_os(VARIABLE).is_none() {
        return Ok(false);
    }
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(complete()));
    let patience = std::env::var(PATIENCE_VARIABLE).ok().and_then(|ms| ms.parse().ok());
    let until = Instant::now() + Duration::from_millis(patience.unwrap_or(PATIENCE_MS));
    loop {
        match told.recv_timeout(PACE) {
            Ok(answer) => return answer,
            Err(RecvTimeoutError::Disconnected) => return Ok(true),
            // The process ends, and with it the thread.
            Err(RecvTimeoutError::Timeout) if Instant::now() > until || memory() > MOST_MEMORY => {
                return Ok(true);
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// How much memory this process has, in bytes; 0 where that is not known.
/// Source: `man 5 proc`, `/proc/pid/statm`: the second number is the resident pages.
fn memory() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0).saturating_mul(rustix::param::page_size() as u64)
}

fn complete() -> clap::error::Result<bool> {
    let here = std::env::current_dir().ok();
    let shells: [&dyn EnvCompleter; 3] = [&JoiningBash, &Zsh, &Fish];
    let asked = CompleteEnv::with_factory(Cli::command).var(VARIABLE).shells(Shells(&shells));
    asked.try_complete(std::env::args_os(), here.as_deref())
}

/// Bash as the library has it, with the words that it breaks at `:` and `=` joined again.
struct JoiningBash;

impl EnvCompleter for JoiningBash {
    fn name(&self) -> &'static str {
        Bash.name()
    }

    fn is(&self, name: &str) -> bool {
        Bash.is(name)
    }

    fn write_registration(
        &self,
        variable: &str,
        _name: &str,
        program: &str,
        completer: &str,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let script = include_str!("../../../templates/completion.bash");
        let replaced = script.replace("VARIABLE", variable).replace("COMPLETER", completer);
        out.write_all(replaced.replace("PROGRAM", program).as_bytes())
    }

    fn write_complete(
        &self,
        command: &mut Command,
        args: Vec<OsString>,
        here: Option<&Path>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        Bash.write_complete(command, args, here, out)
    }
}

/// Names of images.
pub(in crate::cli) fn images() -> ArgValueCandidates {
    ArgValueCandidates::new(|| candidates(of_docks()))
}

/// Names of images, and ids of steps.
pub(in crate::cli) fn images_and_steps() -> ArgValueCandidates {
    ArgValueCandidates::new(|| candidates(of_docks().into_iter().chain(of_steps())))
}

/// Ids of steps.
pub(in crate::cli) fn steps() -> ArgValueCandidates {
    ArgValueCandidates::new(|| candidates(of_steps()))
}

/// Kinds of steps, names of images, and ids of steps.
pub(in crate::cli) fn kinds_images_and_steps() -> ArgValueCandidates {
    let kinds = || Kind::ALL.iter().map(ToString::to_string);
    ArgValueCandidates::new(move || candidates(kinds().chain(of_docks()).chain(of_steps())))
}

/// Names of settings.
pub(in crate::cli) fn settings() -> ArgValueCandidates {
    let known = || project().map(|project| project.settings.effective()).unwrap_or_default();
    ArgValueCandidates::new(move || candidates(known().into_iter().map(|setting| setting.name)))
}

/// Names of chains.
pub(in crate::cli) fn chains() -> ArgValueCandidates {
    let known = || project().and_then(|project| chain::known(&project).ok()).unwrap_or_default();
    ArgValueCandidates::new(move || candidates(known().iter().map(ToString::to_string)))
}

fn candidates(names: impl IntoIterator<Item = String>) -> Vec<CompletionCandidate> {
    names.into_iter().take(MOST_NAMES).map(CompletionCandidate::new).collect()
}

/// The project in the current folder. Without one, or with one that cannot be read, nothing is offered: a
/// shell has no place for an error.
fn project() -> Option<Project> {
    let state = enter_project(None, std::env::var_os("BB_STATE").map(PathBuf::from)).ok()?;
    entered::project(&state).ok()
}

fn of_docks() -> Vec<String> {
    project().map(|project| dock_names(&project)).unwrap_or_default()
}

/// The names of the docks, without a look into them.
fn dock_names(project: &Project) -> Vec<String> {
    let entries = std::fs::read_dir(&project.settings.docks).into_iter().flatten().flatten();
    let folders = entries.take(MOST_NAMES).filter(|entry| entry.path().is_dir());
    let names = folders.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names = names.filter(|name| name.parse::<DockName>().is_ok()).collect::<Vec<_>>();
    names.sort();
    names
}

/// Whether the docks are few and small enough to be read while somebody waits.
fn is_small(project: &Project) -> bool {
    let names = dock_names(project);
    let files = ["Dockerfile.template", "Dockerfile.j2", "dock.toml", ".dockerignore"];
    let docks = names.iter().map(|name| project.settings.docks.join(name));
    let sizes = docks.flat_map(|dock| files.map(|file| std::fs::metadata(dock.join(file))));
    let sizes = sizes.flatten().map(|meta| meta.len()).sum::<u64>();
    names.len() <= MOST_READ && sizes <= MOST_BYTES
}

fn of_steps() -> Vec<String> {
    let project = project().filter(is_small);
    let shape = project.and_then(|project| project.shape().ok());
    let Some((_, plan)) = shape else { return vec![] };
    plan.order().iter().map(|ix| plan.step(*ix).id.to_string()).collect()
}
