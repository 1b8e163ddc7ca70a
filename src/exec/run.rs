//! The thin loop: asks the scheduler what is ready, the judge what is needed, runs actions beside
//! each other, hands every event to the report.
//!
//! Does not know what actions do.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use crate::config::Settings;
use crate::error::{Error, Result};
use crate::exec::action::{self, Log, Made};
use crate::exec::event::{Event, Summary};
use crate::exec::eyes::{Eyes, Products};
use crate::exec::sched::{Outcome, Sched};
use crate::fresh::judge::{Judgement, Reason, Verdict, judge, product_key};
use crate::fresh::record::{FORMAT, FileState, Record, Stamp};
use crate::ids::StepId;
use crate::plan::graph::{Plan, StepIx};
use crate::plan::step::Step;
use crate::world::docker::{Engine, Inventory};
use crate::world::http::Client;
use crate::world::store::{self, Store, StepLock};

/// The label of the project a container belongs to.
pub const PROJECT_LABEL: &str = "bb.project";
/// The label of the step a container belongs to.
pub const STEP_LABEL: &str = "bb.step";
/// The label of the run (one process) a container belongs to.
pub const RUN_LABEL: &str = "bb.run";

/// What actions share.
#[derive(Debug)]
pub struct Context {
    /// State folder.
    pub store: Store,
    /// Where images and containers live.
    pub engine: Engine,
    /// Downloads.
    pub client: Client,
    /// Effective settings.
    pub settings: Settings,
    /// Identifies the project among others on the same engine.
    pub project: String,
    /// Identifies this process's run.
    pub run: String,
    /// How many compilers a builder may start.
    pub jobs: usize,
}

/// How to run.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How many actions at the same time.
    pub jobs: usize,
    /// Go on with what does not depend on a failed step.
    pub keep_going: bool,
}

/// One step as an action sees it: with the products of the steps before it.
#[derive(Debug, Clone)]
struct Job {
    step: Step,
    products: Products,
    /// The latest stamp among the steps before it.
    newest_upstream: i64,
}

enum Ended {
    Fresh { products: Record, stamp: i64 },
    Executed { products: Record, stamp: i64 },
}

/// Brings every step of the plan up to date.
///
/// # Errors
/// Only what stops the whole run: no engine, Ctrl-C. Failed steps are in the summary.
pub async fn run(
    plan: &Plan,
    context: Arc<Context>,
    options: Options,
    report: &mut (dyn FnMut(Event) + Send),
) -> Result<Summary> {
    context.store.create()?;
    let inventory = context.engine.inventory().await?;
    let (events, received) = unbounded_channel();
    let mut run = Run {
        plan,
        sched: Sched::new(plan, options.keep_going),
        options,
        context,
        inventory,
        products: Products::new(),
        stamps: HashMap::new(),
        queue: VecDeque::new(),
        tasks: JoinSet::new(),
        summary: Summary::default(),
        events,
    };
    run.drive(received, report).await?;
    Ok(run.summarise())
}

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
    let job = recorded_job(plan, ix, &context.store)?;
    let id = job.step.id.clone();
    let (events, mut received) = unbounded_channel();
    let interrupt = interrupted();
    tokio::pin!(interrupt);
    let shared = context.clone();
    let mut task = JoinSet::new();
    task.spawn(async move { work(&job, &shared, &events).await });
    loop {
        tokio::select! {
            Some(event) = received.recv() => report(event),
            Some(joined) = task.join_next() => {
                while let Ok(event) = received.try_recv() {
                    report(event);
                }
                let ended = joined.map_err(|e| Error::bug(format!("a step's task ended: {e}")))?;
                if let Err(error) = ended {
                    let log = Some(context.store.log_path(&id)).filter(|p| p.exists());
                    report(Event::Failed { step: id, error, log });
                }
                return Ok(());
            }
            () = &mut interrupt => {
                task.shutdown().await;
                return remove_own_containers(&context).await;
            }
        }
    }
}

/// A step with the products that the records of the steps before it hold.
fn recorded_job(plan: &Plan, ix: StepIx, store: &Store) -> Result<Job> {
    let step = plan.step(ix).clone();
    let (mut products, mut newest_upstream) = (Products::new(), 0);
    for need in &step.needs {
        let (record, stamp) = (store.record(&need.step), store.stamp(&need.step));
        let (Some(record), Stamp::Present(time)) = (record, stamp) else {
            return Err(Error::step(format!("`{}` needs `{}`, which is not done", step.id, need.step))
                .hint(format!("run `bb step {}` first, or `bb build`", need.step)));
        };
        newest_upstream = newest_upstream.max(time);
        products.insert(need.step.clone(), record.products);
    }
    Ok(Job { step, products, newest_upstream })
}

/// Every step with the reason why it is stale, `None` if it is fresh. Writes nothing.
///
/// # Errors
/// A file cannot be read.
pub fn verdicts(
    plan: &Plan,
    store: &Store,
    inventory: &Inventory,
) -> Result<Vec<(StepId, Option<String>)>> {
    let mut products = Products::new();
    let mut verdicts = vec![];
    for ix in plan.order() {
        let step = plan.step(*ix).clone();
        let id = step.id.clone();
        let job = Job { step, products: std::mem::take(&mut products), newest_upstream: 0 };
        let record = store.record(&id);
        let judged = look(&job, record.as_ref(), store.stamp(&id), inventory)?;
        products = job.products;
        // What a stale step will make is not known; what it made is the best guess.
        products.extend(record.map(|r| (id.clone(), r.products)));
        let why = match judged.verdict {
            Verdict::Fresh => None,
            Verdict::Stale(reason) => Some(reason.to_string()),
        };
        verdicts.push((id, why));
    }
    Ok(verdicts)
}

struct Run<'p> {
    plan: &'p Plan,
    sched: Sched<'p>,
    options: Options,
    context: Arc<Context>,
    inventory: Inventory,
    products: Products,
    stamps: HashMap<StepId, i64>,
    queue: VecDeque<(StepIx, Job)>,
    tasks: JoinSet<(StepIx, Result<Ended>)>,
    summary: Summary,
    events: UnboundedSender<Event>,
}

impl Run<'_> {
    async fn drive(
        &mut self,
        mut received: UnboundedReceiver<Event>,
        report: &mut (dyn FnMut(Event) + Send),
    ) -> Result<()> {
        let interrupt = interrupted();
        tokio::pin!(interrupt);
        loop {
            self.settle_ready();
            self.start_queued();
            if self.tasks.is_empty() {
                break;
            }
            tokio::select! {
                Some(event) = received.recv() => report(event),
                Some(joined) = self.tasks.join_next() => {
                    // What the task said comes before what follows from its end.
                    while let Ok(event) = received.try_recv() {
                        report(event);
                    }
                    let (ix, ended) = joined.map_err(|e| Error::bug(format!("a step's task ended: {e}")))?;
                    self.ended(ix, ended);
                }
                () = &mut interrupt => return self.interrupt().await,
            }
        }
        while let Ok(event) = received.try_recv() {
            report(event);
        }
        Ok(())
    }

    /// Ends everything that runs and removes its containers.
    async fn interrupt(&mut self) -> Result<()> {
        self.tasks.shutdown().await;
        remove_own_containers(&self.context).await
    }

    /// Judges all that is ready; fresh steps make others ready at once.
    fn settle_ready(&mut self) {
        while let Some(ix) = self.sched.next_ready() {
            let job = self.job(ix);
            match settle(&job, &self.context.store, &self.inventory) {
                Ok(Some((record, stamp))) => self.fresh(ix, record, stamp),
                Ok(None) => self.queue.push_back((ix, job)),
                Err(error) => self.ended(ix, Err(error)),
            }
        }
    }

    fn start_queued(&mut self) {
        while self.tasks.len() < self.options.jobs {
            let Some((ix, job)) = self.queue.pop_front() else { return };
            let (context, events) = (self.context.clone(), self.events.clone());
            self.tasks.spawn(async move { (ix, work(&job, &context, &events).await) });
        }
    }

    fn job(&self, ix: StepIx) -> Job {
        let step = self.plan.step(ix).clone();
        let products = step.needs.iter().filter_map(|n| self.products.get_key_value(&n.step));
        let stamps = step.needs.iter().filter_map(|n| self.stamps.get(&n.step));
        Job {
            products: products.map(|(id, p)| (id.clone(), p.clone())).collect(),
            newest_upstream: stamps.copied().max().unwrap_or(0),
            step,
        }
    }

    fn note(&mut self, ix: StepIx, record: Record, stamp: i64) {
        let id = &self.plan.step(ix).id;
        self.products.insert(id.clone(), record.products);
        self.stamps.insert(id.clone(), stamp);
    }

    fn fresh(&mut self, ix: StepIx, record: Record, stamp: i64) {
        self.note(ix, record, stamp);
        self.summary.fresh += 1;
        self.sched.ended(ix, Outcome::Fresh);
    }

    fn ended(&mut self, ix: StepIx, ended: Result<Ended>) {
        let id = self.plan.step(ix).id.clone();
        match ended {
            Ok(Ended::Fresh { products, stamp }) => self.fresh(ix, products, stamp),
            Ok(Ended::Executed { products, stamp }) => {
                self.note(ix, products, stamp);
                self.summary.executed.push(id);
                self.sched.ended(ix, Outcome::Executed);
            }
            Err(error) => {
                let log = Some(self.context.store.log_path(&id)).filter(|p| p.exists());
                // The receiver lives as long as the loop that calls this.
                let _ = self.events.send(Event::Failed { step: id.clone(), error, log });
                self.summary.failed.push(id);
                if !self.options.keep_going {
                    self.queue.clear();
                }
                self.sched.ended(ix, Outcome::Failed);
            }
        }
    }

    fn summarise(self) -> Summary {
        let skipped = self.sched.skipped().map(|ix| self.plan.step(ix).id.clone()).collect();
        Summary { skipped, ..self.summary }
    }
}

async fn remove_own_containers(context: &Context) -> Result<()> {
    let label = [(RUN_LABEL, context.run.as_str())];
    for container in context.engine.containers(&label).await? {
        context.engine.remove_container(&container.id).await?;
    }
    Err(Error::interrupted())
}

async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut int), Ok(mut term)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = int.recv() => {}
        _ = term.recv() => {}
    }
}

/// The record and stamp time of a fresh step, with both brought up to date; `None` if it is stale
/// or somebody else has its lock.
fn settle(job: &Job, store: &Store, inventory: &Inventory) -> Result<Option<(Record, i64)>> {
    let id = &job.step.id;
    let (record, stamp) = (store.record(id), store.stamp(id));
    let judged = look(job, record.as_ref(), stamp, inventory)?;
    let (Verdict::Fresh, Some(record)) = (&judged.verdict, record) else { return Ok(None) };
    let time = stamp_time(&judged, &record, stamp, job.newest_upstream);
    if stamp == Stamp::Present(time) && judged.reread.is_empty() {
        return Ok(Some((record, time)));
    }
    let Ok(lock) = store.try_lock(id)? else { return Ok(None) };
    if store.stamp(id) != stamp {
        return Ok(None);
    }
    refresh(job, store, inventory, &lock)
}

fn look(job: &Job, record: Option<&Record>, stamp: Stamp, inventory: &Inventory) -> Result<Judgement> {
    judge(&job.step, record, stamp, &mut Eyes { inventory, products: &job.products })
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

/// Judges again under the lock; if fresh, writes what was seen into record and stamp.
fn refresh(
    job: &Job,
    store: &Store,
    inventory: &Inventory,
    _lock: &StepLock,
) -> Result<Option<(Record, i64)>> {
    let id = &job.step.id;
    let now = store.now()?;
    let (record, stamp) = (store.record(id), store.stamp(id));
    let judged = look(job, record.as_ref(), stamp, inventory)?;
    let (Verdict::Fresh, Some(mut record)) = (&judged.verdict, record) else { return Ok(None) };
    let time = stamp_time(&judged, &record, stamp, job.newest_upstream);
    if judged.reread.is_empty() {
        store.restamp(id, time)?;
        return Ok(Some((record, time)));
    }
    for (path, state) in judged.reread {
        let known = [record.files.get_mut(&path), record.outputs.get_mut(&path)];
        known.into_iter().flatten().for_each(|slot| *slot = state.clone());
    }
    // Everything was just found as recorded, or read; so it was all seen no earlier than now.
    (record.seen, record.sealed) = (now, now);
    store.finish(id, &record, time)?;
    Ok(Some((record, time)))
}

/// Takes the lock, judges again, and runs the action if it is still needed.
async fn work(job: &Job, context: &Context, events: &UnboundedSender<Event>) -> Result<Ended> {
    let id = &job.step.id;
    let lock = acquire(id, context, events).await?;
    let inventory = context.engine.inventory().await?;
    if let Some((products, stamp)) = refresh(job, &context.store, &inventory, &lock)? {
        return Ok(Ended::Fresh { products, stamp });
    }
    let reason = reason(job, context, &inventory)?;
    let _ = events.send(Event::Started { step: id.clone(), reason: reason.to_string() });
    let begun = Instant::now();
    let unfinished = begin(job, &context.store)?;
    sweep(id, context).await?;
    let mut log = Log::new(id, &context.store, events.clone());
    let made = action::act(&job.step, context, &mut log).await?;
    let note = made.note.clone();
    let record = unfinished.seal(job, context, made, begun).await?;
    let stamp = latest_input(&record).max(job.newest_upstream).max(record.seen);
    context.store.finish(id, &record, stamp)?;
    let done = Event::Done { step: id.clone(), took: begun.elapsed(), note };
    let _ = events.send(done);
    Ok(Ended::Executed { products: record, stamp })
}

async fn acquire(
    id: &StepId,
    context: &Context,
    events: &UnboundedSender<Event>,
) -> Result<StepLock> {
    match context.store.try_lock(id)? {
        Ok(lock) => Ok(lock),
        Err(owner) => {
            let _ = events.send(Event::Waiting { step: id.clone(), owner });
            let (store, id) = (context.store.clone(), id.clone());
            let waiting = tokio::task::spawn_blocking(move || store.lock(&id)).await;
            waiting.map_err(|e| Error::bug(format!("waiting for a lock ended: {e}")))?
        }
    }
}

fn reason(job: &Job, context: &Context, inventory: &Inventory) -> Result<Reason> {
    let id = &job.step.id;
    let (record, stamp) = (context.store.record(id), context.store.stamp(id));
    match look(job, record.as_ref(), stamp, inventory)?.verdict {
        Verdict::Stale(reason) => Ok(reason),
        Verdict::Fresh => Ok(Reason::StampGone),
    }
}

/// What a step saw before its action began. Only a finished action turns it into a record.
struct Unfinished {
    seen: i64,
    files: Vec<(std::path::PathBuf, FileState)>,
}

/// From here on the step counts as not finished, until its record is sealed.
fn begin(job: &Job, store: &Store) -> Result<Unfinished> {
    store.forget(&job.step.id)?;
    let seen = store.now()?;
    let state = |p: &std::path::PathBuf| Ok((p.clone(), store::hashed_state(p)?));
    let files = job.step.files.iter().map(state).collect::<Result<_>>()?;
    Ok(Unfinished { seen, files })
}

impl Unfinished {
    async fn seal(self, job: &Job, context: &Context, made: Made, begun: Instant) -> Result<Record> {
        let step = &job.step;
        let state = |p: &std::path::PathBuf| Ok((p.clone(), store::hashed_state(p)?));
        let sealed = context.store.now()?;
        Ok(Record {
            format: FORMAT,
            seen: self.seen,
            sealed,
            files: self.files.into_iter().collect(),
            params: step.params.clone(),
            needs: needs(job),
            outputs: step.outputs.iter().map(state).collect::<Result<_>>()?,
            objects: objects(step, context).await?,
            products: made.products,
            duration_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
    }
}

fn needs(job: &Job) -> std::collections::BTreeMap<String, String> {
    let value = |step: &StepId, product: &str| job.products.get(step)?.get(product).cloned();
    let needs = job.step.needs.iter().filter_map(|n| Some((n, n.product?)));
    needs.filter_map(|(n, p)| Some((product_key(&n.step, p), value(&n.step, p)?))).collect()
}

async fn objects(step: &Step, context: &Context) -> Result<std::collections::BTreeMap<String, String>> {
    if step.objects.is_empty() {
        return Ok([].into());
    }
    let inventory = context.engine.inventory().await?;
    let id = |o| inventory.id(o).ok_or_else(|| Error::step(format!("{o} vanished from the engine")));
    step.objects.iter().map(|o| Ok((o.to_string(), id(o)?))).collect()
}

fn latest_input(record: &Record) -> i64 {
    record.files.values().map(|s| s.mtime).max().unwrap_or(0)
}

/// Removes the containers that a killed run of this step left behind; we have its lock.
async fn sweep(id: &StepId, context: &Context) -> Result<()> {
    let step = id.to_string();
    let labels = [(PROJECT_LABEL, context.project.as_str()), (STEP_LABEL, &step)];
    for container in context.engine.containers(&labels).await? {
        context.engine.remove_container(&container.id).await?;
    }
    Ok(())
}
