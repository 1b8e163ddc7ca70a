//! A step's results from the store, and to it.
//!
//! What comes from there is recorded as what was made here: by the files that were seen, with the products of whoever
//! made it. Does not know where the store is, nor whose signatures count.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use litemap::LiteMap;
use tokio::sync::Mutex;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

use crate::base::error::{Error, Result};
use crate::base::ids::StepId;
use crate::base::words::megabytes;
use crate::exec::action::Made;
use crate::exec::event::Event;
use crate::exec::eyes::Products;
use crate::exec::job::{Job, OwnedJob, refresh};
use crate::exec::work::{self, Context, Ended, Unfinished};
use crate::fresh::reason::Reason;
use crate::fresh::record::Record;
use crate::fresh::{self, key};
use crate::image::archive::compared;
use crate::net::registry::Blobs;
use crate::plan::Plan;
use crate::plan::expand::{ROOTFS_PRODUCTS, SYSROOT};
use crate::plan::step::{Step, Work};
use crate::shared::{Entry, File, Form, Found, Given, SharedStore};
use crate::state::held::StepLock;
use crate::state::store::{self, Store, make_dir, remove_folder};

/// What is on its way to the store. The run goes on meanwhile, and waits for it at its end.
#[derive(Debug, Default)]
pub struct Gifts(Mutex<JoinSet<()>>);

/// Whether a step is one whose results are shared: those that compile. To put an image together takes less time than
/// to send it.
fn is_shared(step: &Step) -> bool {
    matches!(step.work, Work::Rootfs(_))
}

/// Whether the store is asked before a step runs.
pub(super) fn is_asked(step: &Step, context: &Context) -> bool {
    is_shared(step) && context.shared.as_ref().is_some_and(SharedStore::is_asked)
}

/// Whether a step that was never done is noted by what is known of its products, and made where that is needed.
pub(super) fn is_noted(step: &Step, context: &Context) -> bool {
    context.makes_late() && step.foretold().is_some() && context.store.record(&step.id).is_none()
}

/// What a stale step is to be known by, with what it sees now.
struct Wanted {
    key: String,
    reason: Reason,
    unfinished: Unfinished,
    _lock: StepLock,
}

/// Takes a step's results from the store, if it is stale and they are there. Nothing has changed where they are not.
pub(super) async fn take(
    owned: &Arc<OwnedJob>,
    context: &Arc<Context>,
    events: &UnboundedSender<Event>,
) -> Result<Option<Ended>> {
    let (job, Some(shared)) = (owned.job(), &context.shared) else { return Ok(None) };
    let id = &job.step.id;
    let Some(wanted) = wanted(owned, context, events).await? else { return Ok(None) };
    let begun = Instant::now();
    let Some(entry) = found(id, &wanted.key, &form(job.step), shared, events).await else {
        return Ok(None);
    };
    let _ = events.send(Event::Started { step: id.clone(), reason: wanted.reason.to_string() });
    let Some(folder) = brought(id, &entry, shared, context, events).await else { return Ok(None) };
    context.store.forget(id)?;
    for path in &job.step.outputs {
        keep(&folder, path)?;
    }
    remove_folder(&folder)?;
    let size = entry.files.first().map_or(0, |file| file.size);
    let note = format!("{}, from the store", megabytes(size));
    let products = entry.products.into_iter().collect();
    let made = Made { products, note: note.clone(), copied: false };
    let record = wanted.unfinished.seal(owned, context, made, begun).await?;
    let stamp = work::latest_input(&record).max(owned.job().newest_upstream).max(record.seen);
    context.store.finish(id, &record, stamp)?;
    let _ = events.send(Event::Done { step: id.clone(), took: begun.elapsed(), note });
    Ok(Some(Ended::Executed { products: Arc::new(record), stamp }))
}

/// The key of a step that is stale, under its lock.
async fn wanted(
    owned: &Arc<OwnedJob>,
    context: &Arc<Context>,
    events: &UnboundedSender<Event>,
) -> Result<Option<Wanted>> {
    let lock = work::acquire(&owned.job().step.id, context, events).await?;
    let inventory = work::inventory(owned.job().step, context).await?;
    let look = move |job: Job<'_>, context: &Context| {
        let Err(reason) = refresh(job, &context.store, &inventory, &lock)? else { return Ok(None) };
        work::check_links(job.step, context)?;
        let unfinished = work::see(job, context.store.now()?)?;
        let key = key(job.step, &unfinished.record(job));
        Ok(key.map(|key| Wanted { key, reason, unfinished, _lock: lock }))
    };
    work::beside(owned, context, look).await
}

/// What an entry of a step has.
fn form(step: &Step) -> Form {
    let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
    Form { files: step.outputs.iter().filter_map(name).collect(), products: &ROOTFS_PRODUCTS }
}

/// What others depend on of what a step has made.
fn shared_products(record: &Record) -> BTreeMap<String, String> {
    let value = |name: &&str| Some(((*name).to_owned(), record.products.get(*name)?.clone()));
    ROOTFS_PRODUCTS.iter().filter_map(value).collect()
}

/// What the store has, if that counts.
async fn found(
    id: &StepId,
    key: &str,
    form: &Form,
    shared: &SharedStore,
    events: &UnboundedSender<Event>,
) -> Option<Entry> {
    match shared.find(key, form).await {
        Ok(Found::Entry(entry)) => Some(entry),
        Ok(Found::Nothing) => None,
        Ok(Found::Refused(why)) => {
            let message = format!("`{id}`: what the store has of it does not count: {why}");
            let _ = events.send(Event::Warned { message });
            None
        }
        Err(error) => {
            if shared.leave() {
                tell(
                    events,
                    format!("`{id}`: the store is not asked from here on: {}", reason(&error)),
                );
            }
            None
        }
    }
}

fn tell(events: &UnboundedSender<Event>, message: String) {
    let _ = events.send(Event::Warned { message });
}

/// What went wrong, in one line: where several places were asked, what the first said.
fn reason(error: &Error) -> String {
    let detail = error.shown_details(false).next();
    detail.map_or_else(
        || error.message().to_owned(),
        |detail| format!("{}: {}", error.message(), detail.trim()),
    )
}

/// The folder with an entry's files, all of them as the statement says. What came of one before an interruption is
/// not asked for again.
async fn brought(
    id: &StepId,
    entry: &Entry,
    shared: &SharedStore,
    context: &Context,
    events: &UnboundedSender<Event>,
) -> Option<PathBuf> {
    let folder = context.store.arriving(id);
    let total = entry.files.iter().map(|file| file.size).sum();
    let mut done = 0;
    for file in &entry.files {
        if let Err(error) = bring(file, &folder, shared).await {
            tell(events, format!("`{id}`: the store's result cannot be taken: {}", reason(&error)));
            let _ = remove_folder(&folder);
            return None;
        }
        done += file.size;
        let _ = events.send(Event::Bytes { step: id.clone(), done, total: Some(total) });
    }
    Some(folder)
}

/// Two files may be one blob: each gets its own. One that came before an interruption is there.
async fn bring(file: &File, folder: &Path, shared: &SharedStore) -> Result<()> {
    let (blobs, named) = (Blobs::at(folder), folder.join(&file.name));
    if store::hash_file(&named).is_ok_and(|hash| hash == file.sha256) {
        return Ok(());
    }
    shared.bring(file, &blobs).await?;
    let blob = blobs.path(&format!("sha256:{}", file.sha256))?;
    fs::rename(&blob, &named).map_err(|e| Error::file("write", &named, &e))?;
    // What lay there under its digest may be something else by now.
    if store::hash_file(&named)? != file.sha256 {
        return Err(Error::trust(format!("`{}` is not what its digest says", file.name)));
    }
    Ok(())
}

/// Puts a file that has come into its place.
fn keep(folder: &Path, dest: &Path) -> Result<()> {
    let name = dest.file_name().unwrap_or_default();
    make_dir(dest.parent().unwrap_or(Path::new(".")))?;
    fs::rename(folder.join(name), dest).map_err(|e| Error::file("write", dest, &e))
}

/// Gives the store what a step has left, beside what goes on.
pub(super) async fn give(
    step: &Step,
    record: &Record,
    context: &Arc<Context>,
    events: &UnboundedSender<Event>,
) {
    let is_given = context.shared.as_ref().is_some_and(SharedStore::is_given);
    // Nobody signs for others what was not verified here.
    if !is_given || !is_shared(step) || context.settings.skip_verify {
        return;
    }
    let Some(entry) = entry(step, record) else { return };
    let (context_of, events, id) = (context.clone(), events.clone(), step.id.clone());
    let form = form(step);
    let folder = step.outputs.first().and_then(|path| path.parent()).map(Path::to_owned);
    let gift = async move {
        if let (Some(shared), Some(folder)) = (&context_of.shared, folder) {
            hand_over(&id, (&entry, &form), &folder, shared, &events).await;
        }
    };
    context.gifts.0.lock().await.spawn(gift);
}

async fn hand_over(
    id: &StepId,
    (entry, form): (&Entry, &Form),
    folder: &Path,
    shared: &SharedStore,
    events: &UnboundedSender<Event>,
) {
    match shared.give(entry, form, folder).await {
        Ok(Given::New | Given::Was) => {}
        Ok(Given::Other(_)) => {
            let message = format!(
                "`{id}`: the store has another result of the same inputs, and keeps it; `bb store verify` shows what differs"
            );
            let _ = events.send(Event::Warned { message });
        }
        Err(error) => {
            if shared.leave_giving() {
                tell(
                    events,
                    format!(
                        "`{id}`: nothing is given to the store from here on: {}",
                        reason(&error)
                    ),
                );
            }
        }
    }
}

/// What is said of a step that has finished.
fn entry(step: &Step, record: &Record) -> Option<Entry> {
    let file = |path: &PathBuf| {
        let state = record.outputs.get(path)?;
        let name = path.file_name()?.to_string_lossy().into_owned();
        Some(File { name, sha256: state.hash.clone()?, size: state.size })
    };
    Some(Entry {
        key: key(step, record)?,
        step: step.id.to_string(),
        products: shared_products(record),
        files: step.outputs.iter().map(file).collect::<Option<_>>()?,
    })
}

impl Gifts {
    /// Until all of it is there, or is known not to go.
    pub(super) async fn arrive(&self) {
        let mut all = self.0.lock().await;
        while all.join_next().await.is_some() {}
    }

    /// Whether nothing is on its way.
    pub(super) async fn is_empty(&self) -> bool {
        self.0.lock().await.is_empty()
    }
}

/// The record of a step that is made on demand, whose products are known before it is done: it is as one whose results
/// were lost. Whoever needs them has them made.
///
/// # Errors
/// A file cannot be read or written.
pub(super) async fn note_unmade(
    owned: &Arc<OwnedJob>,
    context: &Arc<Context>,
) -> Result<Option<Ended>> {
    let note = |job: Job<'_>, context: &Context| {
        let Some(products) = job.step.foretold() else { return Ok(None) };
        // What is there to be looked through is looked through, now: nothing may be built of it before.
        let is_there =
            |path: &&PathBuf| job.step.is_brought(path) && path.symlink_metadata().is_ok();
        if job.step.files.iter().any(|path| is_there(&path)) {
            return Ok(None);
        }
        let Ok(_lock) = context.store.try_lock(&job.step.id)? else { return Ok(None) };
        let mut record = work::see(job, context.store.now()?)?.record(job);
        record.products = products;
        let stamp = work::latest_input(&record).max(job.newest_upstream).max(record.seen);
        context.store.finish(&job.step.id, &record, stamp)?;
        Ok(Some(Ended::Fresh { products: Arc::new(record), stamp, put: false }))
    };
    work::beside(owned, context, note).await
}

/// How a step whose results are shared stands to the store.
#[derive(Debug)]
pub struct Stand {
    /// The step.
    pub step: StepId,
    /// Its key; unknown where a step before it has neither finished nor is in the store.
    pub key: Option<String>,
    /// What the store has.
    pub there: There,
}

/// What a store has of a step.
#[derive(Debug, PartialEq, Eq)]
pub enum There {
    /// Nothing.
    Nothing,
    /// What the step has made here, or, where it has not, something that counts.
    Same,
    /// Something that does not count: a sentence's second half.
    Refused(String),
    /// Another result of the same inputs: these files of ROOT differ.
    Other(Vec<String>),
}

/// How the steps of a plan whose results are shared stand, those before others first. Nothing is taken.
///
/// # Errors
/// The store does not answer, or a file cannot be read.
pub async fn stands(plan: &Plan, shared: &SharedStore, store: &Store) -> Result<Vec<Stand>> {
    let (mut products, mut stands) = (Products::new(), vec![]);
    for ix in plan.order() {
        let step = plan.step(*ix);
        let (known, stand) = match (is_shared(step), step.foretold()) {
            (true, _) => {
                let (known, stand) = stand(step, &products, shared, store).await?;
                (known, Some(stand))
            }
            (false, Some(foretold)) => (Some(foretold), None),
            (false, None) => (store.record(&step.id).map(|record| record.products.clone()), None),
        };
        products.extend(known.map(|known| (step.id.clone(), Arc::new(known))));
        stands.extend(stand);
    }
    Ok(stands)
}

/// One step, with what steps after it may depend on.
async fn stand(
    step: &Step,
    products: &Products,
    shared: &SharedStore,
    store: &Store,
) -> Result<(Option<LiteMap<String, String>>, Stand)> {
    let job = Job::new(step, products, &HashMap::new()).to_owned();
    let is_known = step.needs.iter().all(|need| {
        need.product.is_none_or(|product| {
            products.get(&need.step).is_some_and(|all| all.contains_key(product))
        })
    });
    let stand = |key, there| Stand { step: step.id.clone(), key, there };
    let key = if is_known { key(step, &work::see(job.job(), 0)?.record(job.job())) } else { None };
    let Some(key) = key else { return Ok((None, stand(None, There::Nothing))) };
    // What was made here of other inputs is no result of these.
    let own = store
        .record(&step.id)
        .filter(|record| fresh::key(step, record).as_deref() == Some(key.as_str()));
    let made = own.map(|record| shared_products(&record));
    let (there, known) = match shared.find(&key, &form(step)).await? {
        Found::Nothing => (There::Nothing, made),
        Found::Refused(why) => (There::Refused(why), made),
        Found::Entry(entry) => {
            let theirs = entry.products.clone();
            match made {
                Some(made) if made != theirs => {
                    (There::Other(differing(step, &entry, shared, store).await?), Some(made))
                }
                _ => (There::Same, Some(theirs)),
            }
        }
    };
    Ok((known.map(|known| known.into_iter().collect()), stand(Some(key), there)))
}

/// The files of ROOT that are not the same in what the store has; of the lists beside it, which.
async fn differing(
    step: &Step,
    entry: &Entry,
    shared: &SharedStore,
    store: &Store,
) -> Result<Vec<String>> {
    let folder = store.arriving(&step.id);
    let mut differing = vec![];
    for (file, own) in entry.files.iter().zip(&step.outputs) {
        if store::hash_file(own)? == file.sha256 {
            continue;
        }
        if file.name == "rootfs.tar" {
            bring(file, &folder, shared).await?;
            differing.extend(compared::differing(own, &folder.join(&file.name))?);
            remove_folder(&folder)?;
        // The whole ROOT has Portage's records in it, with their times.
        } else if file.name != SYSROOT {
            differing.push(format!("({})", file.name));
        }
    }
    Ok(differing)
}
