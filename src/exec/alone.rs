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
use crate::exec::launch::launch;
use crate::exec::life::Life;
use crate::exec::run::{hand_on, next_end, stop};
use crate::exec::stored;
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
    match from_elsewhere(plan, ix, &job, &context, report).await? {
        Alone::Done | Alone::Failed => return Ok(()),
        Alone::Missed => {}
    }
    if context.launcher_of(plan.step(ix)).is_some() {
        return work_alone(job, How::Launch, &context, report).await.map(drop);
    }
    for lost in lost_before(plan, ix, &job, &context).await? {
        if work_alone(recorded(lost)?, How::Work(Why::Needed), &context, report).await?
            == Alone::Failed
        {
            return Ok(());
        }
        // What was made for it has another stamp.
        job = recorded(ix)?;
    }
    work_alone(job, How::Work(Why::Stale), &context, report).await.map(drop)
}

/// How a step is worked on.
#[derive(Debug, Clone, Copy)]
enum How {
    Work(Why),
    /// By another machine.
    Launch,
    /// By what the store has.
    Take,
    /// By what is known of its products.
    Note,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alone {
    Done,
    /// Nothing is there that could be taken.
    Missed,
    /// It is reported.
    Failed,
}

/// What need not be made here: it is in the store, or nobody has needed it yet.
async fn from_elsewhere(
    plan: &Plan,
    ix: StepIx,
    job: &OwnedJob,
    context: &Arc<Context>,
    report: &mut (dyn FnMut(Event) + Send),
) -> Result<Alone> {
    let step = plan.step(ix);
    let how = if stored::is_asked(step, context) {
        How::Take
    } else if stored::is_noted(step, context) {
        How::Note
    } else {
        return Ok(Alone::Missed);
    };
    work_alone(job.clone(), how, context, report).await
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

/// Works on one step with nothing beside it, and waits for what goes to the store of it.
async fn work_alone(
    job: OwnedJob,
    how: How,
    context: &Arc<Context>,
    report: &mut (dyn FnMut(Event) + Send),
) -> Result<Alone> {
    let id = job.job().step.id.clone();
    let (events, mut received) = unbounded_channel();
    let mut interrupts = context.interrupts();
    let (job, shared) = (Arc::new(job), context.clone());
    let mut task = JoinSet::new();
    task.spawn(async move {
        let ended = match how {
            How::Work(why) => work::work(&job, why, &shared, &events).await.map(Some),
            How::Launch => launch(&job, &shared, &events).await.map(Some),
            How::Take => stored::take(&job, &shared, &events).await,
            How::Note => stored::note_unmade(&job, &shared).await,
        };
        shared.gifts.arrive().await;
        ended
    });
    let mut life = Life::begin();
    // Of the run that it is a step of, nothing is known here.
    let standing = |_: &Life| None;
    let next = next_end(&mut task, &mut received, &mut life, &standing, report, &mut interrupts);
    let Some(joined) = next.await else {
        return stop(&mut task, context, report, &mut interrupts).await.map(|()| Alone::Failed);
    };
    let ended = joined.map_err(|e| Error::bug(format!("a step's task ended: {e}")))?;
    let error = match ended {
        Ok(ended) => return Ok(ended.map_or(Alone::Missed, |_| Alone::Done)),
        Err(error) => error,
    };
    let log = Some(context.store.log_path(&id)).filter(|p| p.exists());
    report(Event::Failed { step: id, error, log });
    Ok(Alone::Failed)
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
