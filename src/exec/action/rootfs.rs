//! `rootfs:NAME`: three boxes. The dock says what it wants in the first; packages are compiled in the second, and
//! taken out of it; there the dock ends its image, and the difference to the parent comes back.
//!
//! Speaks the builder's contract (`bob/README.md`): what goes in under `/config` and
//! `/bb`, what comes out under `/bb/out`. How Portage is driven is the builder's business.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use self::asked::Asked;
use self::planned::Planned;
use crate::base::error::{Error, Exit, Result};
use crate::base::ids::{Kind, StepId};
use crate::base::limits::{Limit, Limits};
use crate::base::read;
use crate::base::words::megabytes;
use crate::engine::{Bounds, ContainerSpec};
use crate::exec::action::{Log, Made, blocking};
use crate::exec::kept;
use crate::exec::kept::Phase;
use crate::exec::tokens::{Offer, Turn};
use crate::exec::work::Context;
use crate::image::archive::{Body, Entry, bundle, difference, listing};
use crate::image::bundle::Blob;
use crate::image::{archive, sbom};
use crate::plan::expand::{BASE, PACKAGES, ROOTFS_OUTPUTS, SYSROOT, WAYS};
use crate::plan::step::RootfsWork;
use crate::state::store;

mod asked;
mod fetched;
mod given;
mod plain;
mod planned;
mod sources;
mod stored;

pub use stored::{FORMER, caches};

/// The rootfs among the builder's results.
const TAR: &str = "rootfs.tar";
/// The digest of the sysroot, which the builder computes, among its results.
const DIGEST: &str = "sysroot.digest";
/// No digest in hex has more characters.
const LONGEST_DIGEST: usize = 128;

/// The containers of one step. Those that are open when it ends are removed, or kept.
#[derive(Debug)]
pub(crate) struct Boxes {
    spec: ContainerSpec,
    /// The jobserver of the second, if it has one.
    offer: Option<Offer>,
    /// What the dock's own code first runs in.
    first: Option<String>,
    /// What packages are compiled in.
    second: Option<String>,
    /// What was begun last.
    phase: Phase,
}

impl Boxes {
    /// None is open.
    pub(crate) fn new(spec: ContainerSpec) -> Self {
        Self { spec, offer: None, first: None, second: None, phase: Phase::Settings }
    }

    /// Gives the second box a jobserver, if the engine can.
    fn with_jobserver(mut self, step: &StepId, context: &Context) -> Self {
        let offer = || Offer::at(&context.store.jobserver(step)).ok();
        self.offer = context.engine.sees_files().then(offer).flatten();
        self
    }

    /// The second box, and whether it has the jobserver: where the engine cannot show it after all, it has none.
    async fn start_second(&self, context: &Context) -> Result<(String, bool)> {
        let caches = caches(&context.settings, false);
        let spec = ContainerSpec { caches, ..self.spec.clone() };
        if let Some(offer) = &self.offer {
            let jobserver = Some(offer.path().to_owned());
            let spec = ContainerSpec { jobserver, ..spec.clone() };
            if let Ok(container) = context.engine.start_container(&spec).await {
                return Ok((container, true));
            }
        }
        Ok((context.engine.start_container(&spec).await?, false))
    }

    /// The container that the last phase was in.
    fn current(&self) -> Option<&String> {
        if self.phase == Phase::Settings { self.first.as_ref() } else { self.second.as_ref() }
    }

    /// Removes what is open but one.
    pub(crate) async fn close(&self, but: Option<&str>, context: &Context) -> Result<()> {
        let open = self.first.iter().chain(&self.second);
        for container in open.filter(|container| Some(container.as_str()) != but) {
            context.engine.remove_container(container).await?;
        }
        Ok(())
    }

    /// Runs the dock's own code in the first box, and gets the second one ready: with its settings and what its
    /// parents have left, before anything runs in it.
    pub(crate) async fn ready(
        &mut self,
        work: &RootfsWork,
        files: &[PathBuf],
        context: &Context,
        log: &mut Log,
    ) -> Result<(String, Asked), Broken> {
        self.phase = Phase::Settings;
        self.spec.bounds = Some(bounds(context).await?);
        let first = context.engine.start_container(&self.spec).await?;
        self.first = Some(first.clone());
        let asking = ask(&first, work, files, context, log);
        let (asking, second) = tokio::join!(asking, self.start_second(context));
        let (second, has_jobserver) = second?;
        self.offer = self.offer.take().filter(|_| has_jobserver);
        self.second = Some(second.clone());
        asking?;
        let asked = asked::take(&first, &second, work, files, context).await?;
        context.engine.remove_container(&first).await?;
        (self.first, self.phase) = (None, Phase::Plan);
        hand_in(&second, work, files, &asked, context).await?;
        Ok((second, asked))
    }
}

/// Of the engine's memory, what is left for the engine itself and everybody else.
const SPARED: u64 = 5;

/// What one box may use.
async fn bounds(context: &Context) -> Result<Bounds> {
    let memory = match context.settings.memory {
        Some(memory) => memory,
        None => context.engine.memory().await?.map_or(0, |all| all - all / SPARED),
    };
    Ok(Bounds { processes: context.settings.processes, memory })
}

pub(super) async fn rootfs(
    work: &RootfsWork,
    files: &[PathBuf],
    spec: ContainerSpec,
    turn: &mut Turn,
    context: &Context,
    log: &mut Log,
) -> Result<Made> {
    let begun = Instant::now();
    let step = StepId::new(Kind::Rootfs, work.name.as_str());
    let mut boxes = Boxes::new(spec).with_jobserver(&step, context);
    let made = build(work, files, &mut boxes, turn, context, log).await;
    let Err(Broken::Builder(error)) = made else {
        boxes.close(None, context).await?;
        let (mut made, compiled) = made.map_err(Error::from)?;
        made.products.extend(times(&step, compiled, begun, context));
        return Ok(made);
    };
    // Whatever keeps it from being kept, the failure is what is told.
    let kept = match boxes.current() {
        Some(container) => {
            kept::keep(&step, container, boxes.phase, context).await.unwrap_or(false)
        }
        None => false,
    };
    boxes.close(boxes.current().filter(|_| kept).map(String::as_str), context).await?;
    if kept {
        let shell = format!("bb shell --failed {}", work.name);
        return Err(error.hint(format!("`{shell}` opens the builder in which it failed")));
    }
    Err(error)
}

/// The product that says how long the step took when it last compiled something, in milliseconds. No step depends
/// on it: `bb outdated` tells it.
pub const COMPILING_MS: &str = "compiling_ms";
/// The same when it last put only binary packages together, which says nothing of a run that compiles.
pub const CACHED_MS: &str = "cached_ms";

/// How long this run took, and the last one of the other sort.
fn times(
    step: &StepId,
    compiled: bool,
    begun: Instant,
    context: &Context,
) -> Vec<(String, String)> {
    let before = context.store.record(step).unwrap_or_default();
    let time = |name: &str, this: bool| {
        let now = || begun.elapsed().as_millis().to_string();
        let time = if this { Some(now()) } else { before.products.get(name).cloned() };
        time.map(|time| (name.to_owned(), time))
    };
    [time(COMPILING_MS, compiled), time(CACHED_MS, !compiled)].into_iter().flatten().collect()
}

/// What went wrong, and whether there is anything to see in the builder.
#[derive(Debug)]
pub enum Broken {
    /// One of its commands failed.
    Builder(Error),
    /// Something else did.
    Other(Error),
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<Broken> for Error {
    fn from(broken: Broken) -> Self {
        let (Broken::Builder(error) | Broken::Other(error)) = broken;
        error
    }
}

/// Says also whether anything was compiled.
async fn build(
    work: &RootfsWork,
    files: &[PathBuf],
    boxes: &mut Boxes,
    turn: &mut Turn,
    context: &Context,
    log: &mut Log,
) -> Result<(Made, bool), Broken> {
    let (container, asked) = boxes.ready(work, files, context, log).await?;
    boxes.offer.iter().for_each(Offer::greet);
    command(&container, &["plan"], context, log).await?;
    // Keys and digests are those of before anything is compiled.
    let planned = plan_of(&container, work, context).await?;
    if let Some(code) = &asked.code {
        sources::check(&planned, code, work.name.as_str(), &boxes.spec, context).await?;
    }
    sources::supply(&planned, &boxes.spec, context, log).await?;
    let compiles = planned.compile > 0 || !asked.wishes.build_packages.is_empty();
    let mut new = 0;
    if compiles {
        boxes.phase = Phase::Compile;
        let offer = boxes.offer.as_ref().filter(|_| planned.jobserver);
        let ran = match offer {
            Some(offer) => {
                let compiling = command(&container, &["compile", "jobserver"], context, log);
                turn.left_to(offer, compiling).await
            }
            None => compile_alone(&container, work, turn, context, log).await,
        };
        // Also when a later package has failed: what was compiled is not compiled again.
        let kept = stored::keep(&container, &planned, asked.digest(), &boxes.spec, context).await;
        ran?;
        new = kept?;
    }
    boxes.phase = Phase::Finish;
    context.engine.upload(&container, "/", dock(work, files, &asked)).await?;
    let (finished, tidied) = tokio::join!(
        command(&container, &["finish"], context, log),
        tidy(&planned, asked.digest(), new, &boxes.spec, context)
    );
    finished?;
    tidied?;
    Ok((collect(work, &container, context).await?, planned.compile > 0))
}

/// Lets the dock say what it wants.
async fn ask(
    container: &str,
    work: &RootfsWork,
    files: &[PathBuf],
    context: &Context,
    log: &mut Log,
) -> Result<(), Broken> {
    fetched::supply(work, context, log).await?;
    let mut entries = inputs(work, &job_env(work, context.jobs, None), &work.make_conf);
    entries.extend(dock_files(work, files));
    context.engine.upload(container, "/", archive::stream(entries, work.epoch)).await?;
    command(container, &["settings"], context, log).await
}

/// Gives the second box the dock's settings and, if there is any, its code.
async fn hand_in(
    container: &str,
    work: &RootfsWork,
    files: &[PathBuf],
    asked: &Asked,
    context: &Context,
) -> Result<()> {
    let mut entries = inputs(work, &job_env(work, context.jobs, Some(asked)), &work.make_conf);
    let gone = asked.gone.iter().chain(asked.code.iter().flat_map(|code| &code.gone));
    let gone = gone.fold(String::new(), |all, path| all + path + "\0");
    entries.push(Entry::Text("bb/gone".into(), gone.into_bytes()));
    entries.extend(asked.settings.iter().cloned());
    if asked.code.as_ref().is_some_and(|code| code.dock) {
        entries.extend(dock_files(work, files));
    }
    context.engine.upload(container, "/", archive::stream(entries, work.epoch)).await?;
    match &asked.code {
        Some(code) => context.engine.upload(container, "/", bundle::stream(&code.archive)).await,
        None => Ok(()),
    }
}

/// What the builder says before anything is compiled.
async fn plan_of(container: &str, work: &RootfsWork, context: &Context) -> Result<Planned> {
    let body = context.engine.download(container, "/bb/out/plan.json");
    let limits = context.settings.limits;
    let wanted = [("plan.json".to_owned(), Limit::ListSize)].into();
    let text = difference::small_files(body, wanted, limits).await?.remove("plan.json");
    let refused = |why: String| {
        Error::step(format!("what the builder of `{}` asks for is refused: {why}", work.name))
            .hint("sources come from verified ebuilds; nothing was fetched")
    };
    Planned::read(&text.unwrap_or_default(), &limits).map_err(refused)
}

/// The dock, and what it has said before: for its finish_rootfs_build.
pub(crate) fn dock(work: &RootfsWork, files: &[PathBuf], asked: &Asked) -> Body {
    let mut entries = dock_files(work, files);
    entries.push(Entry::Text("bb/state".into(), asked.state.clone()));
    archive::stream(entries, work.epoch)
}

/// Dates what was used; where something new came into the cache, something old may have to go.
async fn tidy(
    planned: &Planned,
    code: Option<&str>,
    new: usize,
    spec: &ContainerSpec,
    context: &Context,
) -> Result<()> {
    stored::date(planned, code, spec, context).await?;
    if new > 0 { stored::prune(spec, context).await } else { Ok(()) }
}

/// Compiles by tokens that are free as it begins, if nobody has said how many jobs there are to be.
async fn compile_alone(
    container: &str,
    work: &RootfsWork,
    turn: &Turn,
    context: &Context,
    log: &mut Log,
) -> Result<(), Broken> {
    let is_told = work.make_conf.contains_key("MAKEOPTS");
    let more = if is_told { vec![] } else { turn.more() };
    let jobs = (more.len() + 1).to_string();
    command(container, &["compile", &jobs], context, log).await
}

/// Runs one command of the builder.
async fn command(
    container: &str,
    words: &[&str],
    context: &Context,
    log: &mut Log,
) -> Result<(), Broken> {
    let mut sink = |data: &[u8]| log.write(data);
    let words = [&["build-root"], words].concat();
    let status = context.engine.exec(container, &words, &mut sink).await?;
    log.check()?;
    let message = match status {
        0 => return Ok(()),
        137 => "the builder was killed (out of memory, or from outside)".to_owned(),
        other => format!("the builder failed with exit status {other}"),
    };
    let exceeded = exceeded(container, context).await.unwrap_or_default();
    Err(Broken::Builder(log.failed(exceeded.unwrap_or(message))))
}

/// Where the kernel counts what was refused to a container, on cgroups of the first and of the second version.
const COUNTERS: [&str; 4] = [
    "/sys/fs/cgroup/memory/memory.oom_control",
    "/sys/fs/cgroup/memory.events",
    "/sys/fs/cgroup/pids/pids.events",
    "/sys/fs/cgroup/pids.events",
];

/// The limit that a builder ran into, in words.
async fn exceeded(container: &str, context: &Context) -> Result<Option<String>> {
    let mut said = vec![];
    let mut sink = |data: &[u8]| {
        said.extend_from_slice(&data[..data.len().min(COUNTED.saturating_sub(said.len()))]);
    };
    let command = [&["grep", "-sH", "."][..], &COUNTERS[..]].concat();
    context.engine.exec(container, &command, &mut sink).await?;
    let bounds = bounds(context).await?;
    Ok(refused(&String::from_utf8_lossy(&said), bounds))
}

/// No more is read of the counters, in bytes.
const COUNTED: usize = 4096;

/// By lines such as `/sys/fs/cgroup/pids.events:max 3`.
fn refused(counters: &str, bounds: Bounds) -> Option<String> {
    let counted = |file: &str, name: &str| {
        counters.lines().any(|line| {
            let count = line.split_once(':').filter(|(path, _)| path.contains(file));
            let count = count.and_then(|(_, text)| text.strip_prefix(name));
            count.is_some_and(|count| count.starts_with(' ') && count.trim() != "0")
        })
    };
    if counted("memory", "oom_kill") {
        let most = bytesize::ByteSize(bounds.memory);
        return Some(format!(
            "the builder needs more memory than {most}, which `builder.memory` is"
        ));
    }
    counted("pids", "max").then(|| {
        let most = bounds.processes;
        format!("the builder needs more processes than {most}, which `builder.processes` is")
    })
}

/// What every box gets.
fn inputs(work: &RootfsWork, job: &str, settings: &BTreeMap<String, String>) -> Vec<Entry> {
    let mut entries = vec![
        Entry::Folder("bb".into(), 0o755),
        Entry::Text("bb/job.env".into(), job.as_bytes().to_vec()),
        Entry::Text("bb/make.conf".into(), make_conf(settings).into_bytes()),
    ];
    if let Some((_, dir)) = &work.parent {
        entries.push(Entry::Folder("bb/parent".into(), 0o755));
        for name in [SYSROOT, PACKAGES] {
            entries.push(Entry::File(Path::new("bb/parent").join(name), dir.join(name)));
        }
    }
    entries
}

/// The dock's own files.
fn dock_files(work: &RootfsWork, files: &[PathBuf]) -> Vec<Entry> {
    let mut entries = vec![Entry::Folder("config".into(), 0o755)];
    // What is outside was followed to: the link that leads there brings it.
    for (file, inside) in files.iter().filter_map(|f| Some((f, f.strip_prefix(&work.dock).ok()?))) {
        entries.push(Entry::File(Path::new("config").join(inside), readable(file, &work.dock)));
    }
    if !work.fetch.is_empty() {
        entries.push(Entry::Folder("config/fetched".into(), 0o755));
    }
    for (fetched, file) in &work.fetch {
        entries.push(Entry::File(Path::new("config/fetched").join(&fetched.name), file.clone()));
    }
    entries
}

/// A file of a dock, or what a link that leads out of the dock leads to: the builder has the dock only.
fn readable(file: &Path, dock: &Path) -> PathBuf {
    match (file.canonicalize(), dock.canonicalize()) {
        (Ok(end), Ok(dock)) if !end.starts_with(&dock) => end,
        _ => file.to_owned(),
    }
}

fn job_env(work: &RootfsWork, jobs: usize, asked: Option<&Asked>) -> String {
    let parent = work.parent.as_ref().map_or("", |(name, _)| name.as_str());
    let mut values = vec![
        ("NAME", work.name.to_string()),
        ("EPOCH", work.epoch.to_string()),
        ("PARENT", parent.to_owned()),
        ("STAGE3_DIGEST", work.stage3_digest.clone()),
        ("BOB_BASE", if work.elsewhere { "elsewhere" } else { "scratch" }.to_owned()),
        ("JOBS", jobs.to_string()),
    ];
    if let Some(asked) = asked {
        values.push(("PACKAGES", asked.wishes.packages.clone()));
        values.push(("BUILD_PACKAGES", asked.wishes.build_packages.clone()));
        values.push(("CODE", asked.digest().unwrap_or_default().to_owned()));
    }
    shell_lines(values.iter().map(|(k, v)| (*k, v.as_str())))
}

fn make_conf(settings: &BTreeMap<String, String>) -> String {
    shell_lines(settings.iter().map(|(k, v)| (k.as_str(), v.as_str())))
}

/// `KEY='value'` lines; Portage reads make.conf with the same quotes as a shell.
fn shell_lines<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    pairs.fold(String::new(), |mut text, (key, value)| {
        let _ = writeln!(text, "{key}='{}'", value.replace('\'', r"'\''"));
        text
    })
}

/// Takes the results out, all or none.
async fn collect(work: &RootfsWork, container: &str, context: &Context) -> Result<Made> {
    let temp = context.store.temp_dir()?;
    let limit = |name: &str| match name {
        TAR | SYSROOT => Limit::ResultSize,
        _ => Limit::ListSize,
    };
    let names = ROOTFS_OUTPUTS.iter().chain(&[DIGEST]);
    let wanted = names.map(|n| (format!("out/{n}"), (temp.path().join(n), limit(n)))).collect();
    let limits = context.settings.limits;
    archive::take(context.engine.download(container, "/bb/out"), wanted, &limits).await?;
    let folder = temp.path().to_owned();
    let (products, size) = blocking(move || inspected(&folder, &limits)).await?;
    store::make_dir(&work.dir)?;
    for name in ROOTFS_OUTPUTS {
        let dest = work.dir.join(name);
        std::fs::rename(temp.path().join(name), &dest)
            .map_err(|e| Error::file("write", &dest, &e))?;
    }
    let mut made = Made::default().note(megabytes(size));
    made.products.extend(products);
    Ok(made)
}

/// What the results in a folder are, once they are seen to be within the limits: the products, and how large
/// the rootfs is. A builder may hand out anything.
fn inspected(folder: &Path, limits: &Limits) -> Result<(Vec<(String, String)>, u64)> {
    let strange = |name: &str, why: &str| {
        Error::step(format!("the builder's `{name}` is not what it should be: {why}"))
    };
    let digest = String::from_utf8(read::state(&folder.join(DIGEST), Limit::ListSize)?);
    let digest = digest.ok().filter(|text| text.trim().len() <= LONGEST_DIGEST);
    let digest = digest.ok_or_else(|| strange(DIGEST, "it is no digest"))?;
    let list = read::bytes(&folder.join(PACKAGES), limits, Limit::ListSize);
    let list = list.map_err(|e| read::failed(Path::new(PACKAGES), &e))?;
    let count = sbom::inventory::parse(&list).map_err(|why| strange(PACKAGES, &why))?.len();
    let few = limits.check(Limit::Packages, count as u64);
    few.map_err(|e| e.error(Exit::Step, &format!("the builder's `{PACKAGES}`")))?;
    let rootfs = folder.join(TAR);
    let size = std::fs::metadata(&rootfs).map_or(0, |m| m.len());
    let listed = listing::entries(&listing::whole(&rootfs, size), limits);
    if let Some(failure) =
        listed.err().and_then(|left| left.named(format!("the builder's `{TAR}`")))
    {
        return Err(failure);
    }
    let products = [
        ("tar", unpacked(folder)?),
        ("packages", store::hash_file(&folder.join(PACKAGES))?),
        ("sysroot", digest.trim().to_owned()),
    ];
    Ok((products.map(|(name, value)| (name.to_owned(), value)).into(), size))
}

/// A digest of the archive and of what the image step needs to unpack it. `dir` is the folder they are in.
fn unpacked(dir: &Path) -> Result<String> {
    let digests = ["rootfs.tar", WAYS, BASE].map(|name| store::hash_file(&dir.join(name)));
    let digests = digests.into_iter().collect::<Result<Vec<_>>>()?.join(" ");
    Ok(Blob::of(digests.as_bytes()).digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_told_by_the_kernels_counters() {
        let bounds = Bounds { processes: 7, memory: 64 << 20 };
        let said = |counters: &str| refused(counters, bounds).unwrap_or_default();
        let none = "/sys/fs/cgroup/memory/memory.oom_control:oom_kill_disable 0\n\
                    /sys/fs/cgroup/memory/memory.oom_control:oom_kill 0\n\
                    /sys/fs/cgroup/memory.events:max 9\n/sys/fs/cgroup/pids/pids.events:max 0\n";
        assert_eq!(said(none), "");
        let memory = "the builder needs more memory than 64.0 MiB, which `builder.memory` is";
        assert_eq!(said(&none.replace("oom_kill 0", "oom_kill 1")), memory);
        let processes = "the builder needs more processes than 7, which `builder.processes` is";
        assert_eq!(said(&none.replace("events:max 0", "events:max 12")), processes);
    }

    #[test]
    fn values_are_quoted_for_a_shell() {
        let text = shell_lines([("A", "it's $HOME")].into_iter());
        assert_eq!(text, "A='it'\\''s $HOME'\n");
    }
}
