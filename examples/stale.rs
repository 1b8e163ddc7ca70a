//! Lists what is stale in the project in the current folder, and why; and changes nothing.
//!
//! `cargo run --example stale -- [IMAGE…]`

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of its own"
)]

use std::path::Path;
use std::process::ExitCode;

use gentoo_bb::base::diag;
use gentoo_bb::{Options, Project, Result, Standing, Surroundings};

#[tokio::main]
async fn main() -> ExitCode {
    match stale(std::env::args().skip(1).collect()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("{}", diag::render(&error, false));
            ExitCode::from(error.exit().code())
        }
    }
}

async fn stale(images: Vec<String>) -> Result<()> {
    // The library reads no environment: it is told of one.
    let known = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    let environment = std::env::vars_os().filter_map(known).collect();
    let project =
        Project::open(Path::new("."), Surroundings { environment, ..Surroundings::default() })?;
    let judged = project.judge(&Options { images, ..Options::default() }).await?;
    for (step, standing) in judged.steps() {
        match standing {
            Standing::Stale(reason) => println!("{step}: {reason}"),
            Standing::Waits(up) => println!("{step}: waits for {}", judged.plan.step(*up).id),
            Standing::Lacking => println!("{step}: only the engine lacks it"),
            Standing::Needed(reason) => println!("{step}: is needed, and {reason}"),
            Standing::Fresh | Standing::OnDemand | Standing::Taken => {}
        }
    }
    Ok(())
}
