//! `bb ps`: which chains are up, or what a chain's containers do. Changes nothing.

use crate::cli::call::Call;

use futures_util::future::try_join_all;

use crate::base::error::Result;
use crate::chain::ChainName;
use crate::cli::args::complete;
use crate::cli::verbs::chain;
use crate::cli::{entered, print};
use crate::engine::docker::Docker;
use crate::engine::docker::members::Member;
use crate::report::table;

/// List chains, or the containers of one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb ps                # all chains, also those that are not up
  bb ps nginx-proxy    # each container of it")]
pub(in crate::cli) struct Args {
    /// The chain: `chains/NAME.yaml`
    #[arg(add = complete::chains())]
    name: Option<String>,
}

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let name = args.name.as_deref().map(str::parse::<ChainName>).transpose()?;
    let project = entered::project(&call.state)?;
    let known = chain::known(&project)?;
    if let Some(name) = name.as_ref().filter(|name| !known.contains(name)) {
        return Err(chain::unknown(&project, name));
    }
    let engine = chain::daemon(&project).await?;
    let namespace = &project.settings.namespace;
    let table = match &name {
        Some(name) => table::columns(&containers(&engine.members(&name.project(namespace)).await?)),
        None => table::columns(&chains(&engine, &known, namespace).await?),
    };
    print(&table);
    Ok(0)
}

async fn chains(engine: &Docker, names: &[ChainName], namespace: &str) -> Result<Vec<[String; 3]>> {
    let asked = names.iter().map(|name| {
        let project = name.project(namespace);
        async move { engine.members(&project).await }
    });
    let members = try_join_all(asked).await?;
    let head = ["CHAIN", "RUNNING", "PORTS"].map(str::to_owned);
    let rows = names.iter().zip(&members).map(|(name, members)| row(name, members));
    Ok(std::iter::once(head).chain(rows).collect())
}

fn row(name: &ChainName, members: &[Member]) -> [String; 3] {
    let running = members.iter().filter(|m| m.state == "running").count();
    let ports = members.iter().flat_map(|m| m.ports.clone()).collect::<Vec<_>>();
    [name.to_string(), format!("{running}/{}", members.len()), or_dash(&ports)]
}

fn containers(members: &[Member]) -> Vec<[String; 4]> {
    let row = |m: &Member| [m.service.clone(), m.image.clone(), chain::state(m), or_dash(&m.ports)];
    let head = ["SERVICE", "IMAGE", "STATE", "PORTS"].map(str::to_owned);
    std::iter::once(head).chain(members.iter().map(row)).collect()
}

fn or_dash(ports: &[String]) -> String {
    if ports.is_empty() { "-".to_owned() } else { ports.join(", ") }
}
