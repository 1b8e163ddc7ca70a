//! `bb up`: the containers of a chain run, on images that are up to date.

use crate::cli::call::Call;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use crate::base::error::{Error, Result};
use crate::base::words::counted;
use crate::chain::compose::{Compose, last_lines};
use crate::chain::{Chain, ChainName};
use crate::cli::args::complete;
use crate::cli::verbs::{build, chain, image};
use crate::cli::{entered, say};
use crate::engine::docker::Docker;
use crate::engine::docker::members::Member;
use crate::exec::interrupt::Interrupts;
use crate::session::Project;

const EXAMPLES: &str = "\
A chain is a Compose file in `chains/`, with the markers of a Dockerfile.template. \
Images of ours that it names are built first.

Examples:
  bb up nginx-proxy               # http://localhost:8080/ answers when it is done
  bb up --no-build nginx-proxy    # with the images that are there";

/// So many lines of a container's log are shown.
const SHOWN: usize = 10;
/// The engine is asked again after so long.
const PAUSE: Duration = Duration::from_millis(200);

/// Start a chain.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The chain: `chains/NAME.yaml`
    #[arg(add = complete::chains())]
    name: String,
    /// Take the images as they are
    #[arg(long)]
    no_build: bool,
    /// Use no network to build images
    #[arg(long)]
    offline: bool,
    /// How long all containers may take to run and to be healthy
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    timeout: u32,
}

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let name = args.name.parse::<ChainName>()?;
    let project = entered::project(&call.state)?;
    let images = chain::docks(&project, &name)?;
    let engine = chain::daemon(&project).await?;
    let compose = chain::compose(&project, &engine).await?;
    // Nothing named would be everything.
    if !args.no_build && !images.is_empty() {
        let wanted = build::Args::for_images(images.clone(), None, args.offline);
        let code = build::run(&wanted, call).await?;
        if code != 0 {
            return Ok(code);
        }
    }
    if project.builds_elsewhere()? {
        image::hand_over(&images, &project, engine.clone()).await?;
    }
    let mut interrupts = Interrupts::new();
    let upping = Upping { project, name: &name, engine, compose, timeout: args.timeout };
    tokio::select! {
        biased;
        () = interrupts.next() => Err(Error::interrupted()
            .hint(format!("`bb down {name}` removes what was started"))),
        done = upping.all() => done,
    }
}

struct Upping<'a> {
    project: Project,
    name: &'a ChainName,
    engine: Docker,
    compose: Compose,
    timeout: u32,
}

impl Upping<'_> {
    async fn all(&self) -> Result<u8> {
        // Read again: a first build has pinned the date.
        let chain = chain::read(&self.project, self.name)?;
        let project = self.name.project(&self.project.settings.namespace);
        chain::only_its_own(&self.engine, &project).await?;
        let file = self.checked(&chain, &project).await?;
        say(&format!("start   {} ({})\n", self.name, self.compose.name()));
        let args = ["up", "-d", "--remove-orphans"];
        let hint = format!("`bb down {}` removes what was started", self.name);
        let ran = self.compose.run(&project, &file, chain::FOLDER, &args).await;
        ran.map_err(|e| e.hint(hint))?;
        let members = self.ready(&project).await?;
        let ports = members.iter().flat_map(|m| m.ports.iter().cloned());
        let parts = std::iter::once(counted(members.len(), "container")).chain(ports);
        say(&format!("done    {}: {}\n", self.name, parts.collect::<Vec<_>>().join(", ")));
        Ok(0)
    }

    /// The file for the compose tool. One that the tool does not take replaces none that is up: `bb down`
    /// needs that.
    async fn checked(&self, chain: &Chain, project: &str) -> Result<PathBuf> {
        let file = chain::rendered(&self.project, self.name);
        let new = file.with_extension("new.yaml");
        chain::write(&self.project, &new, chain)?;
        let checked = self.compose.run(project, &new, chain::FOLDER, &["config", "-q"]).await;
        let kept = checked.map_err(|error| self.refused(&new, &error)).and_then(|()| {
            std::fs::rename(&new, &file).map_err(|e| Error::file("write", &file, &e))
        });
        if kept.is_err() {
            // The error says more than what is left would.
            let _ = std::fs::remove_file(&new);
        }
        kept.map(|()| file)
    }

    /// What the tool says of a file that it does not take, told of the one that somebody has written.
    fn refused(&self, file: &Path, error: &Error) -> Error {
        let own = chain::file(self.name).display().to_string();
        let message = format!("`{}` does not take `{own}`", self.compose.name());
        let told = format!("./{}", file.display());
        let lines = error.details().iter().map(|line| line.replace(&told, &own));
        let lines = lines.map(|line| line.replace(&file.display().to_string(), &own));
        lines.fold(Error::config(message), Error::detail)
    }

    /// Waits until all containers run and are healthy.
    async fn ready(&self, project: &str) -> Result<Vec<Member>> {
        let end = Instant::now() + Duration::from_secs(self.timeout.into());
        loop {
            let Ok(members) = timeout_at(end, self.engine.members(project)).await else {
                let seconds = counted(self.timeout as usize, "second");
                return Err(Error::engine(format!("the engine did not answer within {seconds}")));
            };
            let members = members?;
            if members.is_empty() {
                let message = format!("`{}` has started no container", self.compose.name());
                return Err(Error::step(message).hint("does each service have a profile?"));
            }
            let late = Instant::now() + PAUSE > end;
            match members.iter().find(|m| !is_ready(m)) {
                None => return Ok(members),
                Some(_) if !late && !members.iter().any(is_lost) => sleep(PAUSE).await,
                Some(first) => {
                    let worst = members.iter().find(|m| is_lost(m)).unwrap_or(first);
                    return Err(self.not_ready(worst).await);
                }
            }
        }
    }

    async fn not_ready(&self, member: &Member) -> Error {
        let after = if is_lost(member) {
            String::new()
        } else {
            format!(" after {}", counted(self.timeout as usize, "second"))
        };
        let (container, name, state) = (&member.name, self.name, chain::state(member));
        let error = Error::step(format!("`{container}` is not ready{after}: {state}"));
        let end = Instant::now() + Duration::from_secs(5);
        // Its log only helps: the error is another one.
        let log = timeout_at(end, self.engine.last_output(container, SHOWN)).await;
        let log = log.ok().and_then(Result::ok).unwrap_or_default();
        let error = last_lines(&log, SHOWN).into_iter().fold(error, Error::detail);
        error.hint(format!("`bb ps {name}` shows all containers, `bb down {name}` removes them"))
    }
}

fn is_ready(member: &Member) -> bool {
    member.state == "running" && member.health.as_ref().is_none_or(|health| health == "healthy")
}

/// Whether there is nothing to wait for.
fn is_lost(member: &Member) -> bool {
    matches!(member.state.as_str(), "exited" | "dead")
        || member.health.as_deref() == Some("unhealthy")
}
