//! Builds the project in the current folder, with a progress of its own: each step that ends is counted.
//!
//! `cargo run --example progress -- [IMAGE…]`

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of its own"
)]

use std::path::Path;
use std::process::ExitCode;

use gentoo_bb::base::diag;
use gentoo_bb::{Event, Exit, Message, Options, Project, Result, Surroundings};

#[tokio::main]
async fn main() -> ExitCode {
    let code = build(std::env::args().skip(1).collect()).await.unwrap_or_else(|error| {
        eprint!("{}", diag::render(&error, false));
        error.exit().code()
    });
    ExitCode::from(code)
}

async fn build(images: Vec<String>) -> Result<u8> {
    // The library reads no environment: it is told of one. And it listens to no signal unless it is asked to.
    let known = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    let environment = std::env::vars_os().filter_map(known).collect();
    let surroundings = Surroundings { environment, signals: true, ..Surroundings::default() };
    let project = Project::open(Path::new("."), surroundings)?;

    let mut ended = 0;
    let mut show = |message: &Message<'_>| match message {
        Message::Event(Event::Started { step, reason }) => println!("    {step}: {reason}"),
        Message::Event(Event::Done { step, .. }) => {
            ended += 1;
            println!("{ended:>3} {step}");
        }
        Message::Event(Event::Failed { step, error, .. }) => {
            ended += 1;
            println!("{ended:>3} {step} failed: {}", error.message());
        }
        other => print!("{}", other.text(false)),
    };
    let built = project.build(&Options { images, ..Options::default() }, &mut show).await?;
    println!("{} done, {} up to date", built.summary.executed.len(), built.summary.fresh);
    Ok(built.exit.map_or(0, Exit::code))
}
