//! `bb down`: nothing of a chain runs any more.
//!
//! What was started goes, as it was started: the chain's file may be another one by now, or gone.

use crate::cli::call::Call;

use crate::base::error::{Error, Result};
use crate::base::words::counted;
use crate::chain::ChainName;
use crate::cli::args::complete;
use crate::cli::verbs::chain;
use crate::cli::{entered, say};

const EXAMPLES: &str = "\
Examples:
  bb down nginx-proxy
  bb down --volumes nginx-proxy    # its data, too";

/// Stop a chain, and remove its containers and networks.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The chain: `chains/NAME.yaml`
    #[arg(add = complete::chains())]
    name: String,
    /// Remove its volumes, too
    #[arg(long)]
    volumes: bool,
}

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let name = args.name.parse::<ChainName>()?;
    let project = entered::project(&call.state)?;
    let rendered = chain::rendered(&project, &name);
    if !rendered.exists() && chain::file(&name).symlink_metadata().is_err() {
        return Err(chain::unknown(&project, &name));
    }
    let engine = chain::daemon(&project).await?;
    let compose = chain::compose(&project, &engine).await?;
    let begun = rendered.exists();
    if !begun {
        chain::write(&project, &rendered, &chain::read(&project, &name)?)?;
    }
    let label = name.project(&project.settings.namespace);
    chain::only_its_own(&engine, &label).await?;
    let count = engine.members(&label).await?.len();
    // Also where there is no container: of what was interrupted a network may be left.
    let words = ["down", "--remove-orphans", "--volumes"];
    let words = if args.volumes { &words[..] } else { &words[..2] };
    compose.run(&label, &rendered, chain::FOLDER, words).await?;
    std::fs::remove_file(&rendered).map_err(|e| Error::file("remove", &rendered, &e))?;
    match count {
        0 if begun => {
            say(&format!("done    {name}: no container was left, its networks are removed\n"));
        }
        0 => say(&format!("nothing to do: `{name}` is not up\n")),
        _ => say(&format!("done    {name}: {} removed\n", counted(count, "container"))),
    }
    Ok(0)
}
