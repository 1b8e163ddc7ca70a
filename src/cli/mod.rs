//! The command line: one file per verb. The only reader of the environment and the only writer of
//! standard output and error.

#![expect(
    clippy::disallowed_methods,
    reason = "the one reader of the environment and writer of the output"
)]

mod args;
mod call;
mod entered;
mod io;
#[cfg(test)]
mod reference;
mod verbs;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{ColorChoice, Parser, Subcommand};

use crate::base::error::{Error, Exit, Result};
use crate::base::words::{is_hostile, safe_lines, visible};
use crate::cli::args::complete;
use crate::cli::call::{Call, Look};
use crate::cli::io::output::{print, say};
use crate::cli::io::{message, output, owner};
use crate::cli::verbs::{
    audit, build, builder, catalogue, clean, config, df, diff, doctor, down, engine, export, gc,
    graph, history, image, import, keys, list, logs, makefile, man, missing, new, outdated, ps,
    push, run, shell, size, status, step, store, sync, test, tree, up, update, watch, why,
};
use crate::engine::native::inside;
use crate::report::Message;

/// Builds slim container base images with Gentoo Portage, busybox and s6.
#[derive(Debug, Parser)]
#[command(name = "bb", version, max_term_width = 100, disable_help_subcommand = true, after_help = EXIT_CODES)]
struct Cli {
    /// Folder of the project (default: the nearest one upwards with a bb.toml)
    #[arg(long, global = true, value_name = "DIR")]
    project: Option<PathBuf>,
    /// State folder (default: .bb in the project)
    #[arg(long, global = true, value_name = "DIR", env = "BB_STATE", hide_env_values = true)]
    state: Option<PathBuf>,
    /// Colours in messages
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto, value_name = "WHEN")]
    color: ColorChoice,
    #[command(subcommand)]
    verb: Verb,
}

const EXIT_CODES: &str = "\
`bb COMMAND --help` has examples.

Exit codes:
    0  done, or nothing to do
    1  a step failed; or, of a question (--check, --exit-code, audit): yes
    2  wrong command line
    3  bb.toml, bb.lock or a dock is wrong
    4  no container engine answers
    5  something did not verify
   70  a bug in bb
  130  interrupted";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a dock that builds as it is
    New(new::Args),
    /// Make docks of another program's images
    #[command(subcommand)]
    Import(import::Verb),
    /// Build images and all that they need
    Build(build::Args),
    /// Build, and build again whenever something changes
    Watch(watch::Args),
    /// Look images through, and check what they do where they run
    Test(test::Args),
    /// Send tested images to a registry
    Push(push::Args),
    /// Build only the images that the engine does not have
    Missing(missing::Args),
    /// List every step and whether it is up to date
    Status(status::Args),
    /// List docks: image, parent, size, state
    List(list::Args),
    /// Show which image stands on which
    Tree(tree::Args),
    /// Say why a step or an image is not up to date
    Why(why::Args),
    /// Show what steps have written
    Logs(logs::Args),
    /// Tell what earlier builds did, for how long and why
    History(history::Args),
    /// Bring one step up to date; its prerequisites must be (recipes call this)
    Step(step::Args),
    /// Open a shell in an image's builder, as its step would begin or where it failed
    ///
    /// The dock is at /config, the image's root with what its parents have at /emerge-root, and the
    /// functions of Buildconfig.sh are there. There is no network. Without a terminal, commands come from
    /// standard input. The exit code is the shell's. Nothing is changed, and the container goes.
    Shell(shell::Args),
    /// Start a built image with this terminal
    ///
    /// The container goes when it has ended; the exit code is its own. At a terminal, each key is the
    /// container's, Ctrl-C too; without one, Ctrl-C stops it.
    Run(run::Args),
    /// Start a chain: images that run together
    Up(up::Args),
    /// Stop a chain, and remove its containers and networks
    Down(down::Args),
    /// List chains, or the containers of one
    Ps(ps::Args),
    /// Write Makefile.generated: make does the same work with the same state
    Makefile(makefile::Args),
    /// Write the plan for another executor
    Export(export::Args),
    /// Draw the docks, or all steps, with how they stand
    Graph(graph::Args),
    /// Write what images there are, for people who choose one
    Catalogue(catalogue::Args),
    /// Bring file times in line with the judge, for make and ninja
    Sync(sync::Args),
    /// Look for what does not belong into images
    Audit(audit::Args),
    /// Tell how large images are, and what of them is so large
    Size(size::Args),
    /// Tell what differs from the build before: files and packages
    Diff(diff::Args),
    /// Write an image to a file, tell its ID or its packages, without any engine
    #[command(subcommand)]
    Image(image::Verb),
    /// The builder as an image: jobs of a CI build in a container of it
    #[command(subcommand)]
    Builder(builder::Verb),
    /// What one engine has, in another
    #[command(subcommand)]
    Engine(engine::Verb),
    /// Pin the newest stage3, snapshot and images from elsewhere in bb.lock
    Update(update::Args),
    /// Tell what an update would change, and about how long it would take
    ///
    /// The newer stage3 and snapshot are fetched, verified and imported beside those that are pinned; then
    /// Portage is asked what it would install from them for each image. Neither bb.lock nor any image changes.
    Outdated(outdated::Args),
    /// Remove what steps have made, so that it is made anew
    Clean(clean::Args),
    /// Remove what nothing needs any more
    Gc(gc::Args),
    /// Tell what takes how much room
    Df(df::Args),
    /// The keys whose signatures count: list, import, refresh, verify
    Keys(keys::Args),
    /// What other machines have built: a key that signs results, what is there, what differs
    Store(store::Args),
    /// Print what a shell needs to complete bb's command line
    Completions(complete::Args),
    /// Write the manual: bb.1, and a page for each command
    Man(man::Args),
    /// Look whether everything is fit for a build, and say what to do if not
    Doctor(doctor::Args),
    /// Show the effective settings, and where each is from
    Config(config::Args),
}

impl Verb {
    /// Whether messages are for a program.
    fn json(&self) -> bool {
        match self {
            Self::Build(args) => args.json(),
            Self::Test(args) => args.json(),
            Self::Missing(args) => args.json(),
            Self::Watch(args) => args.messages.json(),
            Self::Push(args) => args.messages.json(),
            Self::Step(args) => args.messages.json(),
            _ => false,
        }
    }

    /// The one place where a verb is entered.
    async fn run(&self, call: &Call) -> Result<u8> {
        match self {
            Self::New(args) => new::run(args, call).await,
            Self::Import(verb) => import::run(verb, call).await,
            Self::Build(args) => build::run(args, call).await,
            Self::Watch(args) => watch::run(args, call).await,
            Self::Test(args) => test::run(args, call).await,
            Self::Push(args) => push::run(args, call).await,
            Self::Missing(args) => missing::run(args, call).await,
            Self::Status(args) => status::run(args, call).await,
            Self::List(args) => list::run(args, call).await,
            Self::Tree(args) => tree::run(args, call).await,
            Self::Why(args) => why::run(args, call).await,
            Self::Logs(args) => logs::run(args, call).await,
            Self::History(args) => history::run(args, call).await,
            Self::Step(args) => step::run(args, call).await,
            Self::Shell(args) => shell::run(args, call).await,
            Self::Run(args) => run::run(args, call).await,
            Self::Up(args) => up::run(args, call).await,
            Self::Down(args) => down::run(args, call).await,
            Self::Ps(args) => ps::run(args, call).await,
            Self::Makefile(args) => makefile::run(args, call).await,
            Self::Export(args) => export::run(args, call).await,
            Self::Graph(args) => graph::run(args, call).await,
            Self::Catalogue(args) => catalogue::run(args, call).await,
            Self::Sync(args) => sync::run(args, call).await,
            Self::Audit(args) => audit::run(args, call).await,
            Self::Size(args) => size::run(args, call).await,
            Self::Diff(args) => diff::run(args, call).await,
            Self::Image(verb) => image::run(verb, call).await,
            Self::Builder(verb) => builder::run(verb, call).await,
            Self::Engine(verb) => engine::run(verb, call).await,
            Self::Update(args) => update::run(args, call).await,
            Self::Outdated(args) => outdated::run(args, call).await,
            Self::Clean(args) => clean::run(args, call).await,
            Self::Gc(args) => gc::run(args, call).await,
            Self::Df(args) => df::run(args, call).await,
            Self::Keys(args) => keys::run(args, call).await,
            Self::Store(args) => store::run(args, call).await,
            Self::Completions(args) => complete::run(args, call).await,
            Self::Man(args) => man::run(args, call).await,
            Self::Doctor(args) => doctor::run(args, call).await,
            Self::Config(args) => config::run(args, call).await,
        }
    }
}

/// Runs the command line and returns its exit code.
pub fn main() -> ExitCode {
    // Before anything else: a process that was started for a box is nothing but that.
    if let Some(code) = inside::entered(std::env::args_os()) {
        return code;
    }
    entered::inherit_jobserver();
    match complete::answer() {
        Ok(false) => {}
        Ok(true) => return ExitCode::SUCCESS,
        Err(error) => return usage(&error),
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let terminal =
        std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|t| t != "dumb");
    let color = match cli.color {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
    };
    let json = cli.verb.json();
    let look = Look { color, terminal: terminal && !json, json };
    match run(cli, look).and_then(|code| output::complete().map(|()| code)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            message::tell(look, &Message::Error(&error));
            ExitCode::from(error.exit().code())
        }
    }
}

/// A message in which no argument has lines of its own.
fn with_visible_arguments(message: String) -> String {
    let arguments = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    let hostile = arguments.filter(|argument| argument.contains(is_hostile));
    hostile.fold(message, |message, argument| {
        // Of `--option=VALUE` it may tell the value alone.
        let value = argument.split_once('=').map_or("", |(_, value)| value);
        [argument.as_str(), value].into_iter().fold(message, with_visible)
    })
}

/// The parser tells words without their escape sequences.
fn with_visible(message: String, word: &str) -> String {
    if !word.contains(is_hostile) {
        return message;
    }
    let told = clap::builder::StyledStr::from(word.to_owned()).to_string();
    message.replace(word, &visible(word)).replace(&told, &visible(&told))
}

/// Help goes to standard output; a wrong use to standard error, with exit code 2.
fn usage(error: &clap::Error) -> ExitCode {
    let plain = with_visible_arguments(error.render().to_string());
    if error.render().to_string() == plain && safe_lines(&plain) == plain {
        // A reader that has gone away is no failure of ours.
        let _ = error.print();
    } else {
        // Somebody's word on the command line is not for the terminal.
        say(&plain);
    }
    if error.use_stderr() { ExitCode::from(Exit::Usage.code()) } else { ExitCode::SUCCESS }
}

fn run(cli: Cli, look: Look) -> Result<u8> {
    if let Verb::Sync(args) = &cli.verb {
        args.check_folders([cli.project.as_deref(), cli.state.as_deref()])?;
    }
    let here = std::env::current_dir().unwrap_or_default();
    // These need no project, and no folder that could be entered.
    let alone = matches!(cli.verb, Verb::Completions(_) | Verb::Man(_));
    let state = if alone { PathBuf::new() } else { enter_project(cli.project, cli.state)? };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|e| Error::bug(format!("cannot start threads: {e}")))?;
    let call = Call { state, here, look, color: cli.color };
    let done = runtime.block_on(cli.verb.run(&call));
    // A thread that waits for a lock must not keep an interrupted command alive.
    runtime.shutdown_background();
    done
}

/// Makes the project's folder the current one: every path in messages is relative to it. Returns the
/// state folder, relative to the project where it is inside.
fn enter_project(asked: Option<PathBuf>, state: Option<PathBuf>) -> Result<PathBuf> {
    let here = std::env::current_dir();
    let here = here.map_err(|e| Error::config(format!("there is no current folder: {e}")))?;
    let nearest = || here.ancestors().find(|dir| dir.join("bb.toml").is_file()).map(PathBuf::from);
    let found = if asked.is_none() { nearest() } else { None };
    found.as_deref().map_or(Ok(()), owner::check)?;
    let folder = asked.or(found).unwrap_or_else(|| here.clone());
    let cannot = |e: std::io::Error| {
        let why = crate::base::error::io_reason(&e);
        Error::usage(format!("cannot enter the project `{}`: {why}", folder.display()))
    };
    let root = folder.canonicalize().map_err(cannot)?;
    std::env::set_current_dir(&root).map_err(cannot)?;
    Ok(state.map_or_else(|| PathBuf::from(".bb"), |state| inside(&root, &here.join(state))))
}

/// A path as seen from the project, with the part of it that exists resolved.
fn inside(root: &Path, path: &Path) -> PathBuf {
    let existing = path.ancestors().find_map(|dir| Some((dir, dir.canonicalize().ok()?)));
    let resolved = match existing {
        Some((dir, real)) => real.join(path.strip_prefix(dir).unwrap_or(Path::new(""))),
        None => path.to_owned(),
    };
    match resolved.strip_prefix(root) {
        Ok(below) if !below.as_os_str().is_empty() => below.to_owned(),
        _ => resolved,
    }
}
