//! Builds the project in the current folder with an engine of this program's own: one in memory, so that no daemon
//! is asked. Prints what it has in the end.
//!
//! `cargo run --example engine -- [IMAGE…]`

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of its own"
)]

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use gentoo_bb::base::diag;
use gentoo_bb::engine::Images;
use gentoo_bb::engine::memory::Memory;
use gentoo_bb::{Exit, Message, Options, Project, Result, Surroundings};

#[tokio::main]
async fn main() -> ExitCode {
    let code = build(std::env::args().skip(1).collect()).await.unwrap_or_else(|error| {
        eprint!("{}", diag::render(&error, false));
        error.exit().code()
    });
    ExitCode::from(code)
}

async fn build(images: Vec<String>) -> Result<u8> {
    // Whatever is an `Engine` may be here.
    let engine = Arc::new(Memory::new()?);
    let surroundings = Surroundings { engine: Some(engine.clone()), ..Surroundings::default() };
    let project = Project::open(Path::new("."), surroundings)?;
    let mut show = |message: &Message<'_>| eprint!("{}", message.text(false));
    let built = project.build(&Options { images, ..Options::default() }, &mut show).await?;
    for image in engine.images().await? {
        println!("{} {}", image.references.join(" "), image.id);
    }
    Ok(built.exit.map_or(0, Exit::code))
}
