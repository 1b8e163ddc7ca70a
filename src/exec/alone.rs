//! One step by itself, as recipes call it, and images that are put into the engine with no step: what comes before is
//! as its records say.
//!
//! Does not know what actions do.

use std::sync::Arc;

use tokio::sync::mpsc::unbounded_channel;
use tokio::task::JoinSet;

use crate::base::error::{Error, Result};
use crate::base::ids::Kind;
use crate::engine::Engine;
use crate::exec::action::blocking;
use crate::exec::demand;
use crate::exec::event::Event;
use crate::exec::job::{OwnedJob, is_stale};
use crate::exec::life::Life;
use crate::exec::run::{hand_on, next_end, stop};
use crate::exec::work::{self, Context, Why};
use crate::fresh::Inventory;
use crate::fresh::record::Stamp;
use crate::plan::graph::{Plan, StepIx};
use crate::plan::step::Step;
use crate::state::store::Store;

/// Brings one step up to date; the steps before it must be.
///
/// # Errors
/// A step before it has not finished, or the step fails.
pub async fn step(
    plan: &Plan,
    ix: StepIx,
    context: Arc<Context>,
    report: &mut (dyn FnMut(Event) + Send),
) -> Result<()> {
    let inventory = inventory_for(plan, ix, &context).await?;
    let recorded = |ix| OwnedJob::recorded(plan, ix, &context.store, &inventory);
    let mut job = recorded(ix)?;
    for lost in lost_before(plan, ix, &job, &context).await? {
        if !work_alone(recorded(lost)?, Why::Needed, &context, report).await? {
            return Ok(());
        }
        // What was made for it has another stamp.
        job = recorded(ix)?;
    }
    work_alone(job, Why::Stale, &context, report).await.map(drop)
}

/// Whether a step that is up to date has made something that is not there any more, and is made on demand only.
///
/// # Errors
/// The engine does not answer.
pub async fn is_lost(step: &Step, store: &Store, engine: &dyn Engine) -> Result<bool> {
    // What is looked through is made by others.
    if !step.id.kind.is_on_demand() || step.id.kind == Kind::Verify {
        return Ok(false);
    }
    Ok(demand::is_lost(step, store, &engine.inventory_of(&step.objects).await?))
}

/// What has to be made before a step, if it is going to run.
async fn lost_before(
    plan: &Plan,
    ix: StepIx,
    job: &OwnedJob,
    context: &Context,
) -> Result<Vec<StepIx>> {
    if !plan.upstream(ix).any(|up| plan.step(up).id.kind.is_on_demand()) {
        return Ok(vec![]);
    }
    let own = context.engine.inventory_of(&plan.step(ix).objects).await?;
    let (job, store) = (job.clone(), context.store.clone());
    if !blocking(move || is_stale(job.job(), &store, &own)).await? {
        return Ok(vec![]);
    }
    // All of it is asked for only where something is going to run.
    let inventory = context.engine.inventory().await?;
    Ok(demand::all_lost_before(plan, ix, &context.store, &inventory))
}

/// Works on one step with nothing beside it. Whether it ended well; a failure is reported.
async fn work_alone(
    job: OwnedJob,
    why: Why,
    context: &Arc<Context>,
    report: &mut (dyn FnMut(Event) + Send),
) -> Result<bool> {
    let id = job.job().step.id.clone();
    let (events, mut received) = unbounded_channel();
    let mut interrupts = context.interrupts();
    let (job, shared) = (Arc::new(job), context.clone());
    let mut task = JoinSet::new();
    task.spawn(async move { work::work(&job, why, &shared, &events).await });
    let mut life = Life::begin();
    // Of the run that it is a step of, nothing is known here.
    let standing = |_: &Life| None;
    let next = next_end(&mut task, &mut received, &mut life, &standing, report, &mut interrupts);
    let Some(joined) = next.await else {
        return stop(&mut task, context, report, &mut interrupts).await.map(|()| false);
    };
    let ended = joined.map_err(|e| Error::bug(format!("a step's task ended: {e}")))?;
    let Err(error) = ended else { return Ok(true) };
    let log = Some(context.store.log_path(&id)).filter(|p| p.exists());
    report(Event::Failed { step: id, error, log });
    Ok(false)
}

/// Puts images of steps that are up to date into the engine, one after the other.
///
/// # Errors
/// The engine does not answer or does not take one, or an archive cannot be read.
pub async fn put_all(
    plan: &Plan,
    steps: &[StepIx],
    context: &Context,
    report: &mut (dyn FnMut(Event) + Send),
) -> Result<()> {
    let (events, mut received) = unbounded_channel();
    for ix in steps {
        work::put(plan.step(*ix), context, &events).await?;
        hand_on(&mut received, report);
    }
    Ok(())
}

/// The engine's images, if one is needed to judge a step before this one: most often none is.
async fn inventory_for(plan: &Plan, ix: StepIx, context: &Context) -> Result<Inventory> {
    let stamp = |up| context.store.stamp(&plan.step(up).id);
    if plan.upstream(ix).any(|up| stamp(up) == Stamp::Withdrawn) {
        return context.engine.inventory().await;
    }
    Ok(Inventory::default())
}
