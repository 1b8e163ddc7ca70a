//! A stale step's work: lock, judge again, act, record. Only a finished action leaves a record and a
//! stamp.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use litemap::LiteMap;
use tokio::sync::mpsc::UnboundedSender;

use crate::base::error::{Error, Result};
use crate::base::ids::{Kind, StepId};
use crate::config::Settings;
use crate::engine::Engine;
use crate::engine::{FoundContainer, Owner};
use crate::exec::action::{Log, Made, blocking};
use crate::exec::archives::Archives;
use crate::exec::event::Event;
use crate::exec::interrupt::Interrupts;
use crate::exec::job::{Job, OwnedJob, refresh};
use crate::exec::launch::Launcher;
use crate::exec::memory::Reserved;
use crate::exec::shell::SEAT_LABEL;
use crate::exec::stored::Gifts;
use crate::exec::tokens::{Tokens, Turn};
use crate::exec::{action, demand, kept, memory, put, shell, stored};
use crate::fresh::Inventory;
use crate::fresh::judge::product_key;
use crate::fresh::reason::Reason;
use crate::fresh::record::{FORMAT, FileState, Record};
use crate::net::http::Client;
use crate::net::registry::Registry;
use crate::plan::step::{Object, Step, WHOLE_CONTEXT, Work};
use crate::shared::SharedStore;
use crate::state::held::StepLock;
use crate::state::store;
use crate::state::store::Store;

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
    pub engine: Arc<dyn Engine>,
    /// What was read of images' archives.
    pub archives: Archives,
    /// Downloads.
    pub client: Client,
    /// Registries; none where no network is to be used.
    pub registry: Option<Registry>,
    /// Effective settings.
    pub settings: Settings,
    /// Whose the containers are that it makes.
    pub owner: Owner,
    /// Identifies this process's run.
    pub run: String,
    /// How many jobs of a box there may be that nobody counts.
    pub jobs: usize,
    /// What all steps and the tools in their boxes work by.
    pub tokens: Tokens,
    /// Who starts steps elsewhere.
    pub launcher: Option<Launcher>,
    /// Where results can be had from, and where they go.
    pub shared: Option<SharedStore>,
    /// What is on its way there.
    pub gifts: Gifts,
    /// Whether signals that ask this process to end are listened to.
    pub signals: bool,
}

impl Context {
    /// Who starts a step elsewhere, if somebody does.
    pub(super) fn launcher_of(&self, step: &Step) -> Option<&Launcher> {
        self.launcher.as_ref().filter(|_| Launcher::starts(step))
    }

    /// Whether what steps need is made where they are, or may not be needed at all.
    pub(super) fn makes_late(&self) -> bool {
        self.launcher.is_some() || self.shared.as_ref().is_some_and(SharedStore::is_asked)
    }

    /// What asks the work to end, from now on.
    pub(crate) fn interrupts(&self) -> Interrupts {
        if self.signals { Interrupts::new() } else { Interrupts::none() }
    }
}

/// Why a step is worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// It was found stale, or the engine lacks its image.
    Stale,
    /// What it makes is needed, and was found lost.
    Needed,
    /// Somebody wants it done again.
    Asked,
}

/// How a step ended well.
pub(super) enum Ended {
    Fresh {
        products: Arc<Record>,
        stamp: i64,
        /// The engine lacked its image, and has it now.
        put: bool,
    },
    Executed {
        products: Arc<Record>,
        stamp: i64,
    },
}

/// The memory that its dock asks for. Before it has a token: who waits needs none.
async fn reserve(
    step: &Step,
    context: &Context,
    events: &UnboundedSender<Event>,
) -> Result<Option<Reserved>> {
    let Work::Rootfs(work) = &step.work else { return Ok(None) };
    let Some(bytes) = work.memory else { return Ok(None) };
    let waits = || {
        let _ = events.send(Event::Crowded { step: step.id.clone(), bytes });
    };
    memory::reserve(bytes, &context.store, waits).await.map(Some)
}

/// Takes the lock, judges again, and runs the action if it is still needed, or asked for. What it needs itself is
/// there.
pub(super) async fn work(
    owned: &Arc<OwnedJob>,
    why: Why,
    context: &Arc<Context>,
    events: &UnboundedSender<Event>,
) -> Result<Ended> {
    let job = owned.job();
    let id = &job.step.id;
    let lock = acquire(id, context, events).await?;
    let inventory = Arc::new(inventory(job.step, context).await?);
    let seen = inventory.clone();
    let judge = move |job: Job<'_>, context: &Context| {
        refresh(job, &context.store, &seen, &lock).map(|judged| (judged, lock))
    };
    let (judged, _lock) = beside(owned, context, judge).await?;
    let (reason, record_holds) = match judged {
        Ok(_) if why == Why::Asked => (Reason::Asked, false),
        Ok((products, stamp)) => {
            let lost = demand::lost(job.step, &products, &inventory);
            let Some(lost) = lost.filter(|_| why == Why::Needed) else {
                let put = put_back(job.step, &products, &inventory, context, events).await?;
                return Ok(Ended::Fresh { products, stamp, put });
            };
            (lost, true)
        }
        Err(reason) => (reason, false),
    };
    let _reserved = reserve(job.step, context, events).await?;
    let mut turn = Turn::begin(&context.tokens).await;
    let _ = events.send(Event::Started { step: id.clone(), reason: reason.to_string() });
    let begun = Instant::now();
    note_made(job.step, &inventory, &context.store)?;
    let begin = move |job: Job<'_>, context: &Context| begin(job, record_holds, context);
    let unfinished = beside(owned, context, begin).await?;
    sweep(id, context).await?;
    let mut log = Log::new(id, &context.store, context.settings.limits, events.clone());
    let anew = why == Why::Asked;
    let made = action::act(job.step, anew, &mut turn, context, &mut log).await?;
    let note = made.note.clone();
    let record = unfinished.seal(owned, context, made, begun).await?;
    let stamp = latest_input(&record).max(job.newest_upstream).max(record.seen);
    context.store.finish(id, &record, stamp)?;
    let done = Event::Done { step: id.clone(), took: begun.elapsed(), note };
    let _ = events.send(done);
    stored::give(job.step, &record, context, events).await;
    Ok(Ended::Executed { products: Arc::new(record), stamp })
}

/// Puts a fresh step's image into the engine where that lacks it; we have the step's lock. Whether it did.
async fn put_back(
    step: &Step,
    record: &Record,
    inventory: &Inventory,
    context: &Context,
    events: &UnboundedSender<Event>,
) -> Result<bool> {
    let Work::Image(work) = &step.work else { return Ok(false) };
    if !put::lacks(step, record, inventory, &context.store) {
        return Ok(false);
    }
    put::put(&work.dir, context, &mut |_| {}).await?;
    let images = work.references.clone();
    let _ = events.send(Event::Put { step: step.id.clone(), images });
    Ok(true)
}

/// Puts the image of a finished step into the engine, if that still lacks it. Whoever works on the step just now does
/// it himself.
///
/// # Errors
/// The engine does not answer or does not take it, or the archive cannot be read.
pub(super) async fn put(
    step: &Step,
    context: &Context,
    events: &UnboundedSender<Event>,
) -> Result<()> {
    let Ok(_lock) = context.store.try_lock(&step.id)? else { return Ok(()) };
    let inventory = inventory(step, context).await?;
    let Some(record) = context.store.record(&step.id) else { return Ok(()) };
    put_back(step, &record, &inventory, context, events).await.map(drop)
}

/// What reads whole files, on a thread of its own: events and Ctrl-C do not wait for it.
pub(super) async fn beside<T: Send + 'static>(
    job: &Arc<OwnedJob>,
    context: &Arc<Context>,
    read: impl FnOnce(Job<'_>, &Context) -> Result<T> + Send + 'static,
) -> Result<T> {
    let (job, context) = (job.clone(), context.clone());
    blocking(move || read(job.job(), &context)).await
}

/// What the engine has of the objects that a step is about.
pub(super) async fn inventory(step: &Step, context: &Context) -> Result<Inventory> {
    context.engine.inventory_of(&step.objects).await
}

pub(super) async fn acquire(
    id: &StepId,
    context: &Context,
    events: &UnboundedSender<Event>,
) -> Result<StepLock> {
    match context.store.try_lock(id)? {
        Ok(lock) => Ok(lock),
        Err(owner) => {
            let _ = events.send(Event::Waiting { step: id.clone(), owner });
            let (store, id) = (context.store.clone(), id.clone());
            blocking(move || store.lock(&id)).await
        }
    }
}

/// What the step has left in the engine before may be without a name soon: whose it was must be known then.
fn note_made(step: &Step, inventory: &Inventory, store: &Store) -> Result<()> {
    let Some(record) = store.record(&step.id) else { return Ok(()) };
    for object in &step.objects {
        let there = inventory.id(object).zip(inventory.engine_id(object));
        let Some((identity, engine_id)) = there else { continue };
        if put::is_left(&record, object, (&identity, engine_id), store) {
            store.note_made(engine_id)?;
        }
    }
    Ok(())
}

/// A step before this one may have put a link in the place of what this one opens. An image takes links as they
/// are, and what bb.toml names outside of the project was named on purpose.
pub(super) fn check_links(step: &Step, context: &Context) -> Result<()> {
    let ground = context.settings.ground();
    let followed = |file: &&PathBuf| step.id.kind != Kind::Image && !ground.is_outside(file);
    let mut links = step.files.iter().filter(followed).filter(|file| file.is_symlink());
    links.try_for_each(|link| ground.check(link))
}

/// What a step saw before its action began. Only a finished action turns it into a record.
pub(super) struct Unfinished {
    seen: i64,
    files: Vec<(PathBuf, FileState)>,
}

/// Files as they are, with what is in them.
pub(super) fn states<'a>(
    files: impl Iterator<Item = &'a PathBuf>,
) -> Result<Vec<(PathBuf, FileState)>> {
    files.map(|path| Ok((path.clone(), store::hashed_state(path)?))).collect()
}

/// From here on the step counts as not finished, until its record is sealed; unless its record holds, whether what it
/// has made is there or not: others go on by that.
fn begin(job: Job<'_>, record_holds: bool, context: &Context) -> Result<Unfinished> {
    let store = &context.store;
    check_links(job.step, context)?;
    if !record_holds {
        store.forget(&job.step.id)?;
    }
    store.age_logs(&job.step.id)?;
    see(job, store.now()?)
}

/// What a step sees at a moment: nanoseconds since 1970, on the clock of the state's file system.
pub(super) fn see(job: Job<'_>, seen: i64) -> Result<Unfinished> {
    let files = states(job.step.files.iter().chain(&job.step.triggered_files))?;
    Ok(Unfinished { seen, files })
}

impl Unfinished {
    /// What of a record is known before there is anything that the step has made.
    pub(super) fn record(&self, job: Job<'_>) -> Record {
        Record {
            format: FORMAT,
            seen: self.seen,
            sealed: self.seen,
            files: self.files.iter().cloned().collect(),
            params: job.step.params.clone(),
            needs: needs(job),
            ..Record::default()
        }
    }

    pub(super) async fn seal(
        self,
        owned: &Arc<OwnedJob>,
        context: &Arc<Context>,
        made: Made,
        begun: Instant,
    ) -> Result<Record> {
        let job = owned.job();
        let step = job.step;
        let sealed = context.store.now()?;
        let objects = if made.copied { LiteMap::new() } else { found(step, context).await? };
        let outputs = beside(owned, context, |job, _| states(job.step.outputs.iter())).await?;
        Ok(Record {
            format: FORMAT,
            seen: self.seen,
            sealed,
            files: self.counted(step, &made).collect(),
            params: step.params.clone(),
            needs: needs(job),
            outputs: outputs.into_iter().collect(),
            objects,
            products: made.products,
            duration_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
    }
}

impl Unfinished {
    /// What the action has said that it depends on.
    fn counted(self, step: &Step, made: &Made) -> impl Iterator<Item = (PathBuf, FileState)> {
        let whole = made.products.contains_key(WHOLE_CONTEXT);
        let count = if whole { self.files.len() } else { step.files.len() };
        self.files.into_iter().take(count)
    }
}

fn needs(job: Job<'_>) -> LiteMap<String, String> {
    let value = |step: &StepId, product: &str| job.products.get(step)?.get(product).cloned();
    let needs = job.step.needs.iter().filter_map(|n| Some((n, n.product?)));
    needs.filter_map(|(n, p)| Some((product_key(&n.step, p), value(&n.step, p)?))).collect()
}

/// The engine's ids for what a step left there.
async fn found(step: &Step, context: &Context) -> Result<LiteMap<String, String>> {
    if step.objects.is_empty() {
        return Ok(LiteMap::new());
    }
    let inventory = inventory(step, context).await?;
    let lost = |o: &Object| Error::step(format!("{o} vanished from the engine"));
    let id = |o: &Object| Ok((o.to_string(), inventory.id(o).ok_or_else(|| lost(o))?));
    step.objects.iter().map(id).collect()
}

pub(super) fn latest_input(record: &Record) -> i64 {
    record.files.values().map(|s| s.mtime).max().unwrap_or(0)
}

/// Whether steps of a kind make containers.
fn has_containers(kind: Kind) -> bool {
    !matches!(kind, Kind::Fetch | Kind::Verify | Kind::Dockerfile | Kind::Task)
}

/// Removes the containers that a killed or failed run of this step left behind; we have its lock. Whoever
/// sits in one keeps it.
async fn sweep(id: &StepId, context: &Context) -> Result<()> {
    if !has_containers(id.kind) {
        return Ok(());
    }
    kept::forget(&context.store, id)?;
    let step = id.to_string();
    let labels = [(PROJECT_LABEL, context.owner.0.as_str()), (STEP_LABEL, &step)];
    for container in context.engine.containers_of(&context.owner, &labels).await? {
        if !shell::is_taken(&container, context) {
            context.engine.remove_container(&container.id).await?;
        }
    }
    Ok(())
}

/// Removes those of a project's containers whose step nobody works on any more, and in which nobody
/// sits.
///
/// # Errors
/// The engine cannot remove one, or the state folder cannot be written in.
pub async fn sweep_all(context: &Context, containers: &[FoundContainer]) -> Result<()> {
    for container in containers {
        if shell::is_taken(container, context) {
            continue;
        }
        if container.labels.contains_key(SEAT_LABEL) {
            context.engine.remove_container(&container.id).await?;
            shell::clear_seat(container, context)?;
            continue;
        }
        let step = container.labels.get(STEP_LABEL).and_then(|id| id.parse().ok());
        let Some(step) = step else { continue };
        if let Ok(_lock) = context.store.try_lock(&step)? {
            context.engine.remove_container(&container.id).await?;
        }
    }
    Ok(())
}
