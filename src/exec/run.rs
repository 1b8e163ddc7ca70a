//! The thin loop: asks the scheduler what is ready, the judge what is needed, runs actions beside
//! each other, hands every event to the report.
//!
//! Does not know what actions do.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinError, JoinSet};

use crate::base::error::{Error, Result};
use crate::base::ids::StepId;
use crate::base::parallel;
use crate::exec::action::blocking;
use crate::exec::event::{Event, Summary};
use crate::exec::eyes::Products;
use crate::exec::interrupt::Interrupts;
use crate::exec::job::{Job, OwnedJob, Settled, settle, settle_shortly};
use crate::exec::life::Life;
use crate::exec::sched::{Outcome, Sched};
use crate::exec::standing::Standing;
use crate::exec::urgent::Queue;
use crate::exec::work::{Context, Ended, Why};
use crate::exec::{demand, expected, job, life, put, shell, urgent, work};
use crate::fresh::Inventory;
use crate::fresh::record::Record;
use crate::plan::graph::{Plan, StepIx};

use self::foreseen::Foreseen;

mod demanded;
mod foreseen;
mod taken;

/// How to run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How many actions at the same time.
    pub jobs: usize,
    /// Go on with what does not depend on a failed step.
    pub keep_going: bool,
    /// Steps that are done again although they are fresh.
    pub asked: HashSet<StepIx>,
    /// Steps that are taken as their records say: neither judged nor run.
    pub as_recorded: HashSet<StepIx>,
    /// Steps made on demand whose results somebody wants to be there, whether a step needs them or not.
    pub wanted: HashSet<StepIx>,
}

/// Brings every step of the plan up to date.
///
/// # Errors
/// Only what stops the whole run: no engine, Ctrl-C. Failed steps are in the summary.
pub async fn run(
    plan: &Plan,
    context: Arc<Context>,
    inventory: &Inventory,
    options: Options,
    report: &mut (dyn FnMut(Event) + Send),
) -> Result<Summary> {
    let (products, stamps) = job::taken(plan, &options.as_recorded, &context.store)?;
    let (events, received) = unbounded_channel();
    let mut run = Run {
        plan,
        sched: Sched::new(plan, options.keep_going),
        options,
        context,
        inventory,
        products,
        stamps,
        queue: Queue::default(),
        expected: OnceLock::new(),
        to_come: OnceCell::new(),
        waiting: vec![],
        demanded: HashSet::new(),
        unmakeable: HashSet::new(),
        made: HashSet::new(),
        tasks: JoinSet::new(),
        summary: Summary::default(),
        events,
    };
    run.drive(received, report).await?;
    run.context.store.save_index();
    Ok(run.summarise())
}

/// Hands on the events that are there.
pub(super) fn hand_on(
    received: &mut UnboundedReceiver<Event>,
    report: &mut (dyn FnMut(Event) + Send),
) {
    while let Ok(event) = received.try_recv() {
        report(event);
    }
}

/// Hands on events until a task ends; what it said comes before its end. `None`: interrupted.
pub(super) async fn next_end<T: 'static>(
    tasks: &mut JoinSet<T>,
    received: &mut UnboundedReceiver<Event>,
    life: &mut Life,
    standing: &(dyn Fn(&Life) -> Option<Standing> + Sync),
    report: &mut (dyn FnMut(Event) + Send),
    interrupts: &mut Interrupts,
) -> Option<std::result::Result<T, JoinError>> {
    let mut sign = Box::pin(tokio::time::sleep(life::EVERY));
    loop {
        tokio::select! {
            Some(event) = received.recv() => life.tell(event, report),
            Some(joined) = tasks.join_next() => {
                hand_on(received, &mut |event| life.tell(event, report));
                return Some(joined);
            }
            () = interrupts.next() => return None,
            _ = life.seconds.tick() => {
                tell_standing(standing(life), false, report);
            }
            () = &mut sign => {
                life.signs().for_each(&mut *report);
                tell_standing(standing(life), true, report);
                sign.set(tokio::time::sleep(life::EVERY));
            }
        }
    }
}

fn tell_standing(
    standing: Option<Standing>,
    is_sign: bool,
    report: &mut (dyn FnMut(Event) + Send),
) {
    if let Some(standing) = standing {
        report(Event::Standing { standing, is_sign });
    }
}

/// So many steps are judged before others may begin.
const ROUND: usize = 1024;

/// What a short look at a step tells.
type Shortly = Result<Option<Settled>>;

/// What is to be done about a step beside the loop.
#[derive(Clone, Copy)]
enum Task {
    /// Long files have to be read before it can be judged.
    Judge,
    /// It is stale, or the engine lacks its image.
    Work,
    /// It is stale, and the store may have what it leaves.
    Take,
    /// It was never done, and may not be needed: what others depend on is known.
    Note,
}

/// What has become of it.
enum Came {
    Judged(Arc<OwnedJob>, Settled),
    Worked(Ended),
    /// What the store had, or nothing.
    Taken(Arc<OwnedJob>, Option<Ended>),
}

struct Run<'p> {
    plan: &'p Plan,
    sched: Sched<'p>,
    options: Options,
    context: Arc<Context>,
    inventory: &'p Inventory,
    products: Products,
    stamps: HashMap<StepId, i64>,
    queue: Queue<(StepIx, Task, Arc<OwnedJob>)>,
    /// Known where more waits than may run at once.
    to_come: OnceCell<Vec<Duration>>,
    /// How long steps took the last time: for that, and for how long the run will still take.
    expected: OnceLock<Vec<Duration>>,
    /// Steps that would run, but for what is lost of what they need.
    waiting: Vec<StepIx>,
    /// What is made for them, although the order of steps has passed it.
    demanded: HashSet<StepIx>,
    /// What could not be made for them.
    unmakeable: HashSet<StepIx>,
    /// Steps whose results are there, whatever the inventory says: they were made in this run.
    made: HashSet<StepIx>,
    tasks: JoinSet<(StepIx, Result<Came>)>,
    summary: Summary,
    events: UnboundedSender<Event>,
}

impl Run<'_> {
    async fn drive(
        &mut self,
        mut received: UnboundedReceiver<Event>,
        report: &mut (dyn FnMut(Event) + Send),
    ) -> Result<()> {
        let mut interrupts = self.context.interrupts();
        let mut life = Life::begin();
        let past = OnceLock::new();
        loop {
            let is_more = self.settle_ready();
            self.start_queued();
            if is_more {
                hand_on(&mut received, &mut |event| life.tell(event, report));
                tokio::select! {
                    biased;
                    () = interrupts.next() => {
                        return stop(&mut self.tasks, &self.context, report, &mut interrupts).await;
                    }
                    () = tokio::task::yield_now() => continue,
                }
            }
            if self.tasks.is_empty() {
                break;
            }
            let Self { plan, sched, options, context, expected, summary, tasks, .. } = self;
            let foreseen = Foreseen {
                plan,
                sched,
                context,
                past: &past,
                expected,
                width: options.jobs,
                as_recorded: &options.as_recorded,
            };
            let done = summary.executed.len() + summary.failed.len();
            let standing = |life: &Life| Some(foreseen.standing(done, life));
            let received = &mut received;
            let next = next_end(tasks, received, &mut life, &standing, report, &mut interrupts);
            let Some(joined) = next.await else {
                return stop(&mut self.tasks, &self.context, report, &mut interrupts).await;
            };
            let (ix, came) = joined.map_err(|e| Error::bug(format!("a step's task ended: {e}")))?;
            self.came(ix, came);
        }
        self.gifts_arrive(&mut received, &mut life, report, &mut interrupts).await?;
        hand_on(&mut received, report);
        Ok(())
    }

    /// Judges what is ready; fresh steps make others ready at once. Whether some may be left: of ten thousand docks,
    /// what is stale does not wait until all others have been looked at.
    fn settle_ready(&mut self) -> bool {
        let (mut judged, mut new) = (0, vec![]);
        while judged < ROUND {
            let ready = self.next_ready(ROUND - judged);
            if ready.is_empty() {
                break;
            }
            judged += ready.len();
            for (ix, settled) in self.settled(ready) {
                new.extend(self.settle(ix, settled).map(|task| (ix, task)));
            }
        }
        // As they would have been found one after the other.
        new.sort_by_key(|(ix, _)| self.sched.rank(*ix));
        for (ix, task) in new.into_iter().filter(|_| !self.sched.is_stopped()) {
            let job = Arc::new(self.job(ix).to_owned());
            self.queue.push(ix, (ix, task, job));
        }
        judged >= ROUND
    }

    /// Steps to judge, no more than so many. Those that are taken as recorded are not among them.
    fn next_ready(&mut self, most: usize) -> Vec<StepIx> {
        let mut ready = vec![];
        while ready.len() < most
            && let Some(ix) = self.sched.next_ready()
        {
            if self.options.as_recorded.contains(&ix) {
                self.summary.taken += 1;
                self.sched.ended(ix, Outcome::Fresh);
            } else {
                ready.push(ix);
            }
        }
        ready
    }

    /// What a short look tells of each; nothing of those that somebody asks for.
    fn settled(&self, ready: Vec<StepIx>) -> Vec<(StepIx, Option<Shortly>)> {
        let Self { plan, products, stamps, inventory, options, context, .. } = self;
        let settle = |ix: &StepIx| {
            let job = Job::new(plan.step(*ix), products, stamps);
            let is_asked = options.asked.contains(ix);
            let settled = (!is_asked).then(|| settle_shortly(job, &context.store, inventory));
            Ok::<_, Infallible>(settled)
        };
        let Ok(settled) = parallel::map(&ready, settle);
        ready.into_iter().zip(settled).collect()
    }

    /// What is left to do about a step after a short look.
    fn settle(&mut self, ix: StepIx, settled: Option<Shortly>) -> Option<Task> {
        match settled {
            None | Some(Ok(Some(None))) => return Some(self.first(ix)),
            // Whoever waits for an event or has pressed Ctrl-C does not wait for that.
            Some(Ok(None)) => return Some(Task::Judge),
            Some(Ok(Some(Some((record, stamp))))) => {
                return self.judged_fresh(ix, &record, stamp);
            }
            Some(Err(error)) => self.ended(ix, Err(error)),
        }
        None
    }

    fn start_queued(&mut self) {
        if self.sched.is_stopped() {
            self.queue.clear();
        }
        while let Some(room) = self.options.jobs.checked_sub(self.tasks.len()).filter(|r| *r > 0) {
            let Some((ix, task, job)) = self.next_queued(room) else {
                return;
            };
            match task {
                Task::Judge => self.start_judging(ix, job),
                Task::Work => self.start_work(ix, job),
                Task::Take => self.start_taking(ix, job),
                Task::Note => self.start_noting(ix, job),
            }
        }
    }

    fn next_queued(&mut self, room: usize) -> Option<(StepIx, Task, Arc<OwnedJob>)> {
        let Self { plan, context, queue, to_come, expected, options, .. } = self;
        queue.pop(room, options.jobs == 1, || {
            to_come.get_or_init(|| {
                let expected = expected.get_or_init(|| expected::expected(plan, &context.store));
                urgent::to_come(plan, |ix| expected[ix.index()])
            })
        })
    }

    fn start_work(&mut self, ix: StepIx, job: Arc<OwnedJob>) {
        if self.is_launched(ix) {
            self.start_launched(ix, job);
            return;
        }
        if self.waits_for_lost(ix) {
            return;
        }
        let (context, events, why) = (self.context.clone(), self.events.clone(), self.why(ix));
        self.tasks.spawn(async move {
            let ended = work::work(&job, why, &context, &events).await;
            (ix, ended.map(Came::Worked))
        });
    }

    fn why(&self, ix: StepIx) -> Why {
        if self.options.asked.contains(&ix) {
            Why::Asked
        } else if self.demanded.contains(&ix) || self.options.wanted.contains(&ix) {
            Why::Needed
        } else {
            Why::Stale
        }
    }

    fn start_judging(&mut self, ix: StepIx, job: Arc<OwnedJob>) {
        let (store, inventory) = (self.context.store.clone(), self.inventory.clone());
        self.tasks.spawn(async move {
            let own = job.clone();
            let settled = blocking(move || settle(own.job(), &store, &inventory)).await;
            (ix, settled.map(|settled| Came::Judged(job, settled)))
        });
    }

    fn came(&mut self, ix: StepIx, came: Result<Came>) {
        match came {
            Ok(Came::Judged(job, Some((record, stamp)))) => {
                let task = self.judged_fresh(ix, &record, stamp);
                if let Some(task) = task {
                    self.queue.push(ix, (ix, task, job));
                }
            }
            Ok(Came::Judged(job, None)) => self.queue.push(ix, (ix, self.first(ix), job)),
            Ok(Came::Taken(job, taken)) => self.taken(ix, job, taken),
            Ok(Came::Worked(ended)) => self.worked(ix, Ok(ended)),
            Err(error) => self.worked(ix, Err(error)),
        }
    }

    fn worked(&mut self, ix: StepIx, ended: Result<Ended>) {
        if self.demanded.remove(&ix) {
            self.ended_on_demand(ix, ended);
        } else {
            self.ended(ix, ended);
        }
    }

    fn job(&self, ix: StepIx) -> Job<'_> {
        Job::new(self.plan.step(ix), &self.products, &self.stamps)
    }

    fn note(&mut self, ix: StepIx, record: &Arc<Record>, stamp: i64) {
        let id = &self.plan.step(ix).id;
        self.products.insert(id.clone(), Arc::new(record.products.clone()));
        self.stamps.insert(id.clone(), stamp);
    }

    /// Its image may have to be put into the engine first.
    fn judged_fresh(&mut self, ix: StepIx, record: &Arc<Record>, stamp: i64) -> Option<Task> {
        let (step, store) = (self.plan.step(ix), &self.context.store);
        let is_lost = || demand::lost(step, record, self.inventory).is_some();
        if put::lacks(step, record, self.inventory, store)
            || self.options.wanted.contains(&ix) && is_lost()
        {
            return Some(Task::Work);
        }
        self.fresh(ix, record, stamp);
        None
    }

    fn fresh(&mut self, ix: StepIx, record: &Arc<Record>, stamp: i64) {
        self.note(ix, record, stamp);
        self.summary.fresh += 1;
        self.sched.ended(ix, Outcome::Fresh);
    }

    fn ended(&mut self, ix: StepIx, ended: Result<Ended>) {
        match ended {
            Ok(Ended::Fresh { products, stamp, put }) => {
                self.summary.put += usize::from(put);
                self.fresh(ix, &products, stamp);
            }
            Ok(Ended::Executed { products, stamp }) => {
                self.made.insert(ix);
                self.note(ix, &products, stamp);
                self.summary.executed.push(self.plan.step(ix).id.clone());
                self.sched.ended(ix, Outcome::Executed);
            }
            Err(error) => {
                self.failed(ix, error);
                self.sched.ended(ix, Outcome::Failed);
            }
        }
    }

    fn failed(&mut self, ix: StepIx, error: Error) {
        let id = self.plan.step(ix).id.clone();
        let log = Some(self.context.store.log_path(&id)).filter(|p| p.exists());
        // The receiver lives as long as the loop that calls this.
        let _ = self.events.send(Event::Failed { step: id.clone(), error, log });
        self.summary.failed.push(id);
    }

    fn summarise(self) -> Summary {
        let mut skipped = self.summary.skipped;
        skipped.extend(self.sched.skipped().map(|ix| self.plan.step(ix).id.clone()));
        Summary { skipped, ..self.summary }
    }
}

/// Ends everything that runs and removes its containers; asked once more, it lets them be.
pub(super) async fn stop<T: Send + 'static>(
    tasks: &mut JoinSet<T>,
    context: &Context,
    report: &mut (dyn FnMut(Event) + Send),
    interrupts: &mut Interrupts,
) -> Result<()> {
    report(Event::Stopping);
    let stopped = async {
        tasks.shutdown().await;
        shell::remove_own(context).await
    };
    tokio::select! {
        stopped = stopped => stopped.and(Err(Error::interrupted())),
        () = interrupts.next() => Err(Error::interrupted()
            .hint("containers of this run may be left; the next `bb build` removes them")),
    }
}
