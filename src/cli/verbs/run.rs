//! `bb run`: start a built image, with this terminal, until it ends.
//!
//! Builds nothing. The container goes when it has ended.

use crate::cli::call::Call;
use std::path::Path;
use std::str::FromStr;

use crate::base::error::{Error, Result};
use crate::base::limits::Limits;
use crate::cli::args::complete;
use crate::cli::entered;
use crate::cli::io::terminal;
use crate::engine::{Port, RunSpec};
use crate::exec::interrupt::Interrupts;
use crate::exec::work::Context;
use crate::exec::{put, shell};
use crate::image::archive::bundle::Bundle;
use crate::plan::step::{ImageWork, Work};
use crate::plan::{Plan, select};

/// How long a container may take to end after Ctrl-C (seconds).
const GRACE: i32 = 10;

const EXAMPLES: &str = "\
Examples:
  bb run busybox                    # the image's own command, with this terminal
  bb run busybox ls -l /bin         # another command
  bb run -p 8080:80 nginx           # its port 80 is port 8080 here; Ctrl-C stops it";

/// Start a built image.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// A port to reach it at, as `OUTSIDE:INSIDE`, `ADDRESS:OUTSIDE:INSIDE` or `INSIDE`, with `/udp` if need be
    #[arg(short, long = "publish", value_name = "PORT")]
    ports: Vec<Port>,
    /// A variable for it, as `NAME=VALUE`
    #[arg(short, long = "env", value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<String>,
    /// The image
    #[arg(add = complete::images())]
    image: String,
    /// Instead of the image's command
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<String>,
}

fn variable(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((name, _)) if !name.is_empty() => Ok(text.to_owned()),
        _ => Err("it is `NAME=VALUE`".to_owned()),
    }
}

impl FromStr for Port {
    type Err = String;

    /// As `docker run -p` takes it.
    fn from_str(text: &str) -> Result<Self, String> {
        let (ports, protocol) = text.rsplit_once('/').unwrap_or((text, "tcp"));
        if !["tcp", "udp", "sctp"].contains(&protocol) {
            return Err(format!("`{protocol}` is neither tcp, udp nor sctp"));
        }
        let (outside, inside) = ports.rsplit_once(':').unwrap_or(("", ports));
        let (address, outside) = outside.rsplit_once(':').unwrap_or(("", outside));
        let port = |text: &str| match text.parse() {
            Ok(1..=u16::MAX) => Ok(text.to_owned()),
            _ => Err(format!("`{text}` is not a port")),
        };
        let outside = if outside.is_empty() { String::new() } else { port(outside)? };
        let address = address.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { address, outside, inside: format!("{}/{protocol}", port(inside)?) })
    }
}

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let project = entered::project(&call.state)?;
    let (_, plan) = project.shape()?;
    let work = work(&plan, &args.image)?;
    let image = work.references.first().cloned().unwrap_or_default();
    let engine = project.engine().await?;
    let lacks = || {
        Error::step(format!("the engine does not have the image `{image}`"))
            .hint(format!("run `bb build {}` first", args.image))
    };
    let is_there = engine.image_id(&image).await?.is_some();
    // For one that was never built no state folder is made.
    if !is_there && !work.dir.exists() {
        return Err(lacks());
    }
    let context = project.context(engine.clone(), true, 1)?;
    if !is_there && !put::bring_back(&work.dir, &context).await? {
        return Err(lacks());
    }
    if args.command.is_empty() && says_no_command(&work.dir, &project.settings.limits) {
        let image = &args.image;
        return Err(Error::step(format!("the image `{image}` says no command")).hint(format!(
            "give one: `bb run {image} sh`; or a `CMD` in its Dockerfile.template"
        )));
    }
    let tty = terminal::size();
    let mut interrupts = Interrupts::new();
    let (labels, _seat) = shell::seat(&format!("run:{}", args.image), &context)?;
    let vars = [terminal::environment(tty.is_some()), args.env.clone()].concat();
    let Args { command, ports, .. } = args.clone();
    let owner = context.owner.clone();
    let spec = RunSpec { image, owner, command, env: vars, labels, ports, tty };
    let done = to_the_end(&spec, &context, &mut interrupts).await;
    shell::remove_own(&context).await?;
    done
}

/// Whether nothing would be started, as far as the state folder has the image. The engine may have one whose results are
/// gone: it says itself what is wrong then.
fn says_no_command(dir: &Path, limits: &Limits) -> bool {
    let says_none = |words: &Option<Vec<String>>| words.as_ref().is_none_or(Vec::is_empty);
    let image = Bundle::open(&dir.join("image.tar"), limits).ok().flatten();
    let config = image.map(|image| image.config.config.clone());
    config.is_some_and(|config| says_none(&config.entrypoint) && says_none(&config.cmd))
}

/// What there is to know of an image.
fn work<'a>(plan: &'a Plan, name: &str) -> Result<&'a ImageWork> {
    match &plan.step(select::image(plan, name)?).work {
        Work::Image(work) => Ok(work),
        _ => Err(Error::bug(format!("`{name}` is no image"))),
    }
}

/// Until it ends by itself; asked to, it is stopped, and what it says at its end is still handed on.
async fn to_the_end(spec: &RunSpec, context: &Context, interrupts: &mut Interrupts) -> Result<u8> {
    let engine = &context.engine;
    let container = tokio::select! {
        container = engine.create(spec) => container?,
        () = interrupts.next() => return Err(Error::interrupted()),
    };
    let talking = async {
        let session = engine.talk_to(&container).await?;
        terminal::talk(&**engine, session, spec.tty.is_some()).await
    };
    tokio::pin!(talking);
    tokio::select! {
        status = &mut talking => return status.map(terminal::exit_code),
        () = interrupts.next() => {}
    }
    let stopping = async { tokio::join!(engine.stop(&container, GRACE), &mut talking) };
    tokio::select! {
        (stopped, _) = stopping => stopped?,
        () = interrupts.next() => {}
    }
    Err(Error::interrupted())
}

#[cfg(test)]
mod tests {
    use super::Port;

    fn port(text: &str) -> Result<[String; 3], String> {
        text.parse().map(|Port { address, outside, inside }| [address, outside, inside])
    }

    #[test]
    fn ports_are_as_dockers() {
        let good = [
            ("80", ["", "", "80/tcp"]),
            ("8080:80", ["", "8080", "80/tcp"]),
            ("53:53/udp", ["", "53", "53/udp"]),
            ("127.0.0.1:8080:80", ["127.0.0.1", "8080", "80/tcp"]),
            ("127.0.0.1::80", ["127.0.0.1", "", "80/tcp"]),
            ("[::1]:8080:80", ["::1", "8080", "80/tcp"]),
        ];
        for (text, parts) in good {
            assert_eq!(port(text), Ok(parts.map(str::to_owned)), "{text}");
        }
    }

    #[test]
    fn what_is_no_port_is_refused() {
        for text in ["", ":", "0", "80:", "x:80", "65536", "8080:80/http", "-1:80", "8080:0"] {
            assert!(port(text).is_err(), "{text}");
        }
    }
}
