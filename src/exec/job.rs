//! One step with what came before it: judged, and brought up to date where that needs no action.
//!
//! Runs nothing; `work` does.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::base::ids::{Kind, StepId};
use crate::exec::eyes::{Eyes, Glance, Products};
use crate::exec::{demand, put};
use crate::fresh::Inventory;
use crate::fresh::judge::{Judgement, Verdict, judge};
use crate::fresh::reason::Reason;
use crate::fresh::record::{FORMAT, Record, Stamp};
use crate::plan::graph::{Plan, StepIx};
use crate::plan::select::Scope;
use crate::plan::step::Step;
use crate::state::held::StepLock;
use crate::state::store::Store;

/// One step with what the steps before it made.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The step.
    pub step: &'a Step,
    /// What finished steps made, those before it among them.
    pub products: &'a Products,
    /// The latest stamp among the steps before it.
    pub newest_upstream: i64,
}

/// A [`Job`] that can go to another thread.
#[derive(Debug, Clone)]
pub struct OwnedJob {
    step: Step,
    products: Products,
    newest_upstream: i64,
}

impl<'a> Job<'a> {
    /// A step after the ones that made `products` and left `stamps`.
    pub fn new(step: &'a Step, products: &'a Products, stamps: &HashMap<StepId, i64>) -> Self {
        let times = step.needs.iter().filter_map(|n| stamps.get(&n.step));
        Self { step, products, newest_upstream: times.copied().max().unwrap_or(0) }
    }

    /// With copies of what concerns the step.
    pub fn to_owned(self) -> OwnedJob {
        let made = self.step.needs.iter().filter_map(|n| self.products.get_key_value(&n.step));
        OwnedJob {
            step: self.step.clone(),
            products: made.map(|(id, p)| (id.clone(), p.clone())).collect(),
            newest_upstream: self.newest_upstream,
        }
    }
}

impl OwnedJob {
    /// The job.
    pub fn job(&self) -> Job<'_> {
        let Self { step, products, newest_upstream } = self;
        Job { step, products, newest_upstream: *newest_upstream }
    }

    /// A step after the ones before it in the plan, as their records tell.
    ///
    /// # Errors
    /// One of them has not finished.
    pub fn recorded(plan: &Plan, ix: StepIx, store: &Store, inventory: &Inventory) -> Result<Self> {
        let (mut products, mut stamps) = (Products::new(), HashMap::new());
        for up in plan.upstream(ix) {
            let id = &plan.step(up).id;
            let Some((record, time)) = finished(plan, up, store, inventory)? else {
                let step = &plan.step(ix).id;
                return Err(Error::step(format!("`{step}` needs `{id}`, which is not up to date"))
                    .hint(format!("run `bb step {id}` first, or `bb build`")));
            };
            products.insert(id.clone(), Arc::new(record.products.clone()));
            stamps.insert(id.clone(), time);
        }
        Ok(Job::new(plan.step(ix), &products, &stamps).to_owned())
    }
}

/// Record and stamp of a step that has finished. One whose stamp was withdrawn is judged, and no more
/// than that: another process may have its lock just to bring the stamp back.
fn finished(
    plan: &Plan,
    ix: StepIx,
    store: &Store,
    inventory: &Inventory,
) -> Result<Option<(Arc<Record>, i64)>> {
    let id = &plan.step(ix).id;
    match store.load(id) {
        (Some(record), Stamp::Present(time)) => Ok(Some((record, time))),
        (Some(record), Stamp::Withdrawn) => {
            let job = OwnedJob::recorded(plan, ix, store, inventory)?;
            let judged = look(job.job(), Some(&record), Stamp::Withdrawn, inventory)?;
            let time = stamp_time(&judged, &record, Stamp::Withdrawn, job.newest_upstream);
            Ok((judged.verdict == Verdict::Fresh).then_some((record, time)))
        }
        _ => Ok(None),
    }
}

/// Records and stamp times of the steps that are taken as they are.
///
/// # Errors
/// One of them has never finished.
pub(super) fn taken(
    plan: &Plan,
    steps: &HashSet<StepIx>,
    store: &Store,
) -> Result<(Products, HashMap<StepId, i64>)> {
    let (mut products, mut stamps) = (Products::new(), HashMap::new());
    for ix in plan.order().iter().filter(|ix| steps.contains(ix)) {
        let id = &plan.step(*ix).id;
        let time = |record: &Record, stamp| match stamp {
            Stamp::Present(time) => Some(time),
            Stamp::Withdrawn => Some(record.seen),
            Stamp::Missing => None,
        };
        let (record, stamp) = store.load(id);
        let record = record.filter(|record| record.format == FORMAT);
        let Some((record, time)) = record.and_then(|r| time(&r, stamp).map(|t| (r, t))) else {
            let name = if id.kind == Kind::Image { id.name.clone() } else { id.to_string() };
            let message = format!("`{id}` was never finished, and is to be taken as it is");
            return Err(Error::step(message).hint(format!("run `bb build {name}` first")));
        };
        products.insert(id.clone(), Arc::new(record.products.clone()));
        stamps.insert(id.clone(), time);
    }
    Ok((products, stamps))
}

/// What there is to do about a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing.
    Fresh,
    /// Its image has to be put into the engine; no action runs.
    Lacking,
    /// Nothing, for no step needs what it makes; that is lost.
    OnDemand,
    /// It is up to date, but what it makes is lost and needed: its action has to run.
    Needed(Reason),
    /// Nothing: it is taken as its record says, and was not judged.
    Taken,
    /// Its action has to run.
    Stale(Reason),
    /// It is fresh as far as can be told before a stale step upstream has run.
    Waits(StepIx),
}

/// How every step of the plan stands, prerequisites first. Writes nothing.
///
/// # Errors
/// A file cannot be read.
pub fn standings(
    plan: &Plan,
    store: &Store,
    inventory: &Inventory,
) -> Result<Vec<(StepIx, Standing)>> {
    let none = HashSet::new();
    standings_but(plan, [&none, &none, &none], store, inventory)
}

/// The same with what somebody asks for.
///
/// # Errors
/// A file cannot be read, or a step that is to be taken as recorded has never finished.
pub fn standings_of(
    scope: &Scope,
    store: &Store,
    inventory: &Inventory,
) -> Result<Vec<(StepIx, Standing)>> {
    let marked = [&scope.asked, &scope.as_recorded, &scope.wanted];
    standings_but(&scope.plan, marked, store, inventory)
}

fn standings_but(
    plan: &Plan,
    [asked, as_recorded, wanted]: [&HashSet<StepIx>; 3],
    store: &Store,
    inventory: &Inventory,
) -> Result<Vec<(StepIx, Standing)>> {
    let (mut products, stamps) = taken(plan, as_recorded, store)?;
    let mut standings = HashMap::<StepIx, Standing>::new();
    for ix in plan.order() {
        if as_recorded.contains(ix) {
            standings.insert(*ix, Standing::Taken);
            continue;
        }
        let id = &plan.step(*ix).id;
        let job = Job::new(plan.step(*ix), &products, &stamps);
        let (record, stamp) = store.load(id);
        let judged = look(job, record.as_deref(), stamp, inventory)?;
        let lacks = |r: &Arc<Record>| put::lacks(plan.step(*ix), r, inventory, store);
        let lacking = record.as_ref().is_some_and(lacks);
        let made = record.as_ref().filter(|_| id.kind != Kind::Verify);
        let lost = made.and_then(|r| demand::lost(plan.step(*ix), r, inventory));
        // What a stale step will make is not known; what it made is the best guess.
        products.extend(record.map(|r| (id.clone(), Arc::new(r.products.clone()))));
        let ready = |up: &StepIx| {
            !matches!(standings.get(up), None | Some(Standing::Stale(_) | Standing::Waits(_)))
        };
        let behind = plan.upstream(*ix).find(|up| !ready(up));
        let standing = match (judged.verdict, behind) {
            (Verdict::Stale(reason), _) => Standing::Stale(reason),
            _ if asked.contains(ix) => Standing::Stale(Reason::Asked),
            (Verdict::Fresh, Some(up)) => Standing::Waits(up),
            (Verdict::Fresh, None) if lacking => Standing::Lacking,
            (Verdict::Fresh, None) => match lost {
                Some(reason) if wanted.contains(ix) => Standing::Needed(reason),
                Some(_) => Standing::OnDemand,
                None => Standing::Fresh,
            },
        };
        standings.insert(*ix, standing);
    }
    demand(plan, [asked, wanted], &mut standings, store, inventory);
    let mut of = |ix: &StepIx| Some((*ix, standings.remove(ix)?));
    Ok(plan.order().iter().filter_map(&mut of).collect())
}

/// What is lost is made again for steps that run, as far as it can be told which do. A file that was looked through is
/// fetched again for that, and found to be the same.
fn demand(
    plan: &Plan,
    [asked, wanted]: [&HashSet<StepIx>; 2],
    standings: &mut HashMap<StepIx, Standing>,
    store: &Store,
    inventory: &Inventory,
) {
    let runs = |standing: &Standing| matches!(standing, Standing::Stale(_) | Standing::Needed(_));
    let running = standings.iter().filter(|(_, standing)| runs(standing));
    let mut needed =
        running.map(|(ix, _)| *ix).chain(wanted.iter().copied()).collect::<HashSet<_>>();
    // From the last to the first: what is made needs something itself.
    for ix in plan.order().iter().rev() {
        if !needed.contains(ix) {
            continue;
        }
        for up in demand::lost_before(plan, (*ix, asked.contains(ix)), store, inventory) {
            needed.insert(up);
            let record = store.record(&plan.step(up).id);
            let reason = record.and_then(|r| demand::lost(plan.step(up), &r, inventory));
            if let (Some(Standing::OnDemand), Some(reason)) = (standings.get(&up), reason) {
                standings.insert(up, Standing::Needed(reason));
            }
        }
    }
}

/// The record of a fresh step and the time of its stamp; nothing of one that is stale, or whose lock somebody
/// else has.
pub type Settled = Option<(Arc<Record>, i64)>;

/// Whether a step is stale. Writes nothing.
///
/// # Errors
/// A file cannot be read.
pub(super) fn is_stale(job: Job<'_>, store: &Store, inventory: &Inventory) -> Result<bool> {
    let (record, stamp) = store.load(&job.step.id);
    Ok(look(job, record.as_deref(), stamp, inventory)?.verdict != Verdict::Fresh)
}

/// Brings record and stamp of a step up to date if it is fresh.
///
/// # Errors
/// A file cannot be read or written.
pub fn settle(job: Job<'_>, store: &Store, inventory: &Inventory) -> Result<Settled> {
    let (record, stamp) = store.load(&job.step.id);
    let judged = look(job, record.as_deref(), stamp, inventory)?;
    settle_as(&judged, job, (record, stamp), store, inventory)
}

/// The same if a look is short; `None` if files would have to be read that take a while.
///
/// # Errors
/// A file cannot be read or written.
pub(super) fn settle_shortly(
    job: Job<'_>,
    store: &Store,
    inventory: &Inventory,
) -> Result<Option<Settled>> {
    let (record, stamp) = store.load(&job.step.id);
    let mut glance = Glance::new(Eyes { inventory, products: job.products });
    let judged = judge(job.step, record.as_deref(), stamp, &mut glance)?;
    if glance.is_cut_short() {
        return Ok(None);
    }
    settle_as(&judged, job, (record, stamp), store, inventory).map(Some)
}

fn settle_as(
    judged: &Judgement,
    job: Job<'_>,
    (record, stamp): (Option<Arc<Record>>, Stamp),
    store: &Store,
    inventory: &Inventory,
) -> Result<Settled> {
    let id = &job.step.id;
    let (Verdict::Fresh, Some(record)) = (&judged.verdict, record) else {
        return Ok(None);
    };
    let time = stamp_time(judged, &record, stamp, job.newest_upstream);
    if stamp == Stamp::Present(time) && judged.reread.is_empty() {
        return Ok(Some((record, time)));
    }
    let Ok(lock) = store.try_lock(id)? else {
        return Ok(None);
    };
    if store.stamp(id) != stamp {
        return Ok(None);
    }
    Ok(refresh(job, store, inventory, &lock)?.ok())
}

fn look(
    job: Job<'_>,
    record: Option<&Record>,
    stamp: Stamp,
    inventory: &Inventory,
) -> Result<Judgement> {
    judge(job.step, record, stamp, &mut Eyes { inventory, products: job.products })
}

/// A stamp is never older than what it depends on, and never "now", which would hide an edit made
/// meanwhile.
fn stamp_time(judged: &Judgement, record: &Record, stamp: Stamp, newest_upstream: i64) -> i64 {
    let before = match stamp {
        Stamp::Present(time) => time,
        Stamp::Withdrawn | Stamp::Missing => record.seen,
    };
    before.max(judged.newest_input).max(newest_upstream)
}

/// Judges again under the lock; if fresh, writes what was seen into record and stamp, else says why
/// it is stale.
pub(super) fn refresh(
    job: Job<'_>,
    store: &Store,
    inventory: &Inventory,
    _lock: &StepLock,
) -> Result<std::result::Result<(Arc<Record>, i64), Reason>> {
    let id = &job.step.id;
    let now = store.now()?;
    let (record, stamp) = store.load(id);
    let judged = look(job, record.as_deref(), stamp, inventory)?;
    let record = match (&judged.verdict, record) {
        (Verdict::Fresh, Some(record)) => record,
        (Verdict::Fresh, None) => return Ok(Err(Reason::Never)),
        (Verdict::Stale(reason), _) => return Ok(Err(reason.clone())),
    };
    let time = stamp_time(&judged, &record, stamp, job.newest_upstream);
    if judged.reread.is_empty() {
        store.restamp(id, time)?;
        return Ok(Ok((record, time)));
    }
    let mut record = Arc::unwrap_or_clone(record);
    for (path, state) in judged.reread {
        let known = [record.files.get_mut(&path), record.outputs.get_mut(&path)];
        known.into_iter().flatten().for_each(|slot| *slot = state.clone());
    }
    // Everything was just found as recorded, or read; so it was all seen no earlier than now.
    (record.seen, record.sealed) = (now, now);
    store.finish(id, &record, time)?;
    Ok(Ok((Arc::new(record), time)))
}
