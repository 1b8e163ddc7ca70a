//! `bb why`: the chain from what changed to a step or an image, as the judge sees it. Changes nothing.

use crate::cli::call::Call;
use std::collections::HashMap;

use serde_json::{Value, json};

use crate::base::error::{Error, Result};
use crate::base::ids::StepId;
use crate::base::words::visible;
use crate::cli::args::complete;
use crate::cli::io::output::print_json;
use crate::cli::{entered, print};
use crate::exec::action::{Summary, summary};
use crate::exec::job;
use crate::exec::job::Standing;
use crate::fresh::reason::{Reason, short};
use crate::image::below::Undone;
use crate::plan::graph::StepIx;
use crate::plan::step::Work;
use crate::plan::{Plan, select};

/// Say why a step or an image is not up to date.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb why nginx          # what changed, and the way from there to the image
  bb why rootfs:nginx
  bb why nginx --json")]
pub(in crate::cli) struct Args {
    /// Id of a step, such as `rootfs:nginx`, or name of an image
    #[arg(add = complete::images_and_steps())]
    target: String,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// One cause: a stale step with its reason, and the steps from it to the target.
struct Chain<'a> {
    reason: &'a Reason,
    steps: Vec<StepIx>,
}

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let project = entered::project(&call.state)?;
    let plan = project.plan()?;
    let target = select::named(&plan, &args.target)?;
    let id = plan.step(target).id.clone();
    let plan = plan.closure(&[target])?;
    let target = plan.find(&id).ok_or_else(|| Error::bug(format!("no step `{id}`")))?;
    let inventory = project.engine().await?.inventory().await?;
    let standings = job::standings(&plan, &project.store(), &inventory)?;
    let chains = chains(&plan, &standings, target);
    let summary = summary_of(&plan.step(target).work);
    let made = summary.as_ref().map(made);
    let undone = summary.map(|summary| summary.undone).unwrap_or_default();
    if args.json {
        print_json(&as_json(&plan, &id, &chains, made.as_ref(), &undone))?;
    } else {
        print(&as_text(&plan, &id, &chains));
        if let Some(made) = made {
            print(&format!("it was {made}\n"));
        }
        for Undone { path, how } in undone {
            print(&format!("  `/{path}`, which a Dockerfile had made: {how}\n"));
        }
    }
    Ok(0)
}

/// What is noted of an image that is there.
fn summary_of(work: &Work) -> Option<Summary> {
    let Work::Image(work) = work else { return None };
    summary(&work.dir).ok()
}

/// Which way it was made.
fn made(summary: &Summary) -> String {
    let engines = |why| format!("built by the engine: {why}");
    summary.built_by_engine.as_ref().map_or("assembled by bb".to_owned(), engines)
}

/// Of a longer chain, so many steps and the last are told: the chains of all steps would be the square of their
/// number.
const LONGEST: usize = 300;

/// A chain for each step that is stale for a reason of its own: a need that changed because a step
/// upstream has run is one, too.
fn chains<'a>(plan: &Plan, standings: &'a [(StepIx, Standing)], target: StepIx) -> Vec<Chain<'a>> {
    let next = towards(plan, target);
    let chain = |(ix, standing): &'a (StepIx, Standing)| {
        let Standing::Stale(reason) = standing else { return None };
        let way = std::iter::successors(Some(*ix), |at| next.get(at).copied());
        let mut steps = way.take(LONGEST).collect::<Vec<_>>();
        steps.extend(Some(target).filter(|target| steps.last() != Some(target)));
        Some(Chain { reason, steps })
    };
    standings.iter().filter_map(chain).collect()
}

/// For each step the next one on a shortest way to the target.
fn towards(plan: &Plan, target: StepIx) -> HashMap<StepIx, StepIx> {
    let mut next = HashMap::new();
    let mut queue = std::collections::VecDeque::from([target]);
    while let Some(at) = queue.pop_front() {
        for up in plan.upstream(at) {
            if up != target && !next.contains_key(&up) {
                next.insert(up, at);
                queue.push_back(up);
            }
        }
    }
    next
}

fn as_text(plan: &Plan, target: &StepId, chains: &[Chain<'_>]) -> String {
    if chains.is_empty() {
        return format!("{target} is up to date\n");
    }
    let mut text = format!("{target} is not up to date\n");
    for Chain { reason, steps } in chains {
        let change = reason.change();
        text.push_str(&format!("  {reason}\n"));
        let untold = matches!(
            reason,
            Reason::Content { .. }
                | Reason::Upstream { .. }
                | Reason::OutputChanged { .. }
                | Reason::ObjectChanged { .. }
                | Reason::BaseMoved { .. }
        );
        if let (Some(old), Some(new), true) = (&change.old, &change.new, untold) {
            let [old, new] = [old, new].map(|value| visible(short(value)));
            text.push_str(&format!("    {old} -> {new}\n"));
        }
        text.push_str(&format!("    {}\n", names(plan, steps).join(" -> ")));
    }
    text
}

fn names(plan: &Plan, steps: &[StepIx]) -> Vec<String> {
    steps.iter().map(|ix| plan.step(*ix).id.to_string()).collect()
}

fn as_json(
    plan: &Plan,
    target: &StepId,
    chains: &[Chain<'_>],
    made: Option<&String>,
    undone: &[Undone],
) -> Value {
    let chain = |Chain { reason, steps }: &Chain<'_>| json!({ "reason": reason.to_string(), "change": reason.change(), "steps": names(plan, steps) });
    let causes = chains.iter().map(chain).collect::<Vec<_>>();
    json!({ "format": 1, "target": target.to_string(), "fresh": causes.is_empty(), "causes": causes, "made": made, "undone": undone })
}
