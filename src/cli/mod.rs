//! The command line: one file per verb. The only reader of the environment and the only writer of
//! standard output and error.

mod build;
mod session;
mod status;
mod step;
mod update;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ColorChoice, Parser, Subcommand};

use crate::diag;
use crate::error::{Error, Exit, Result};

/// Builds slim container base images with Gentoo Portage, busybox and s6.
#[derive(Debug, Parser)]
#[command(name = "bb", version, max_term_width = 100, disable_help_subcommand = true)]
struct Cli {
    /// Folder of the project (default: the nearest one upwards with a bb.toml)
    #[arg(long, global = true, value_name = "DIR")]
    project: Option<PathBuf>,
    /// Colours in messages
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto, value_name = "WHEN")]
    color: ColorChoice,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Build images and all that they need
    Build(build::Args),
    /// List every step and whether it is up to date
    Status(status::Args),
    /// Bring one step up to date; its prerequisites must be (recipes call this)
    Step(step::Args),
    /// Pin the newest stage3 and snapshot in bb.lock
    Update(update::Args),
}

/// How messages look.
#[derive(Debug, Clone, Copy)]
struct Look {
    color: bool,
    terminal: bool,
}

/// Runs the command line and returns its exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let terminal = std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|t| t != "dumb");
    let color = match cli.color {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
    };
    let look = Look { color, terminal };
    match run(cli, look) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say(&diag::render(&error, color));
            ExitCode::from(error.exit().code())
        }
    }
}

/// Help goes to standard output; a wrong use to standard error, with exit code 2.
fn usage(error: &clap::Error) -> ExitCode {
    // A reader that has gone away is no failure of ours.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(Exit::Usage.code()) } else { ExitCode::SUCCESS }
}

fn run(cli: Cli, look: Look) -> Result<u8> {
    enter_project(cli.project)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Error::bug(format!("cannot start threads: {e}")))?;
    let done = runtime.block_on(async {
        match cli.verb {
            Verb::Build(args) => build::build(args, look).await,
            Verb::Status(args) => status::status(args).await,
            Verb::Step(args) => step::step(&args, look).await,
            Verb::Update(args) => update::update(&args).await,
        }
    });
    // A thread that waits for a lock must not keep an interrupted command alive.
    runtime.shutdown_background();
    done
}

/// Makes the project's folder the current one: every path in messages is relative to it.
fn enter_project(asked: Option<PathBuf>) -> Result<()> {
    let folder = match asked {
        Some(folder) => folder,
        None => {
            let here = std::env::current_dir();
            let here = here.map_err(|e| Error::config(format!("there is no current folder: {e}")))?;
            let above = here.ancestors().find(|dir| dir.join("bb.toml").is_file());
            above.map_or_else(|| here.clone(), PathBuf::from)
        }
    };
    std::env::set_current_dir(&folder).map_err(|e| {
        let why = crate::error::io_reason(&e);
        Error::usage(format!("cannot enter the project `{}`: {why}", folder.display()))
    })
}

/// Text for people, on standard error.
fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Data, on standard output.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}
