//! `rootfs:NAME`: a fresh builder compiles on the parent's sysroot; the difference comes back.
//!
//! Speaks the builder's contract (`templates/bob/README.md`): what goes in under `/config` and
//! `/bb`, what comes out under `/bb/out`. How Portage is driven is the builder's business.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::error::{Error, Exit, Result};
use crate::exec::action::{Log, Made, blocking};
use crate::exec::kept;
use crate::exec::work::Context;
use crate::ids::{Kind, StepId};
use crate::limits::{Limit, Limits};
use crate::oci::bundle::Blob;
use crate::plan::expand::{BASE, PACKAGES, ROOTFS_OUTPUTS, SYSROOT, WAYS};
use crate::plan::step::RootfsWork;
use crate::sbom;
use crate::size::megabytes;
use crate::world::archive::{self, Entry, listing};
use crate::world::docker::ContainerSpec;
use crate::world::http::{Expect, Mirror};
use crate::world::{read, release, store};

/// Caches that all builders of an engine share, and where a builder has them; what is in them is keyed by
/// content.
pub const CACHES: [(&str, &str); 2] =
    [("gentoo-bb-distfiles", "/distfiles"), ("gentoo-bb-packages", "/packages")];
/// No source archive of Gentoo's tree is larger.
const LARGEST_DISTFILE: u64 = 8 << 30;
/// The rootfs among the builder's results.
const TAR: &str = "rootfs.tar";
/// No digest in hex has more characters.
const LONGEST_DIGEST: usize = 128;

pub(super) async fn rootfs(
    work: &RootfsWork,
    files: &[PathBuf],
    spec: ContainerSpec,
    context: &Context,
    log: &mut Log,
) -> Result<Made> {
    let begun = Instant::now();
    let step = StepId::new(Kind::Rootfs, work.name.as_str());
    let container = builder_for(work, files, spec, context).await?;
    let made = build(work, &container, context, log).await;
    let Err(Broken::Builder(error)) = made else {
        context.engine.remove_container(&container).await?;
        let mut made = made.map_err(Error::from)?;
        made.products.extend(times(&step, begun, context));
        return Ok(made);
    };
    // Whatever keeps it from being kept, the failure is what is told.
    if let Ok(true) = kept::keep(&step, &container, context).await {
        let shell = format!("bb shell --failed {}", work.name);
        return Err(error.hint(format!("`{shell}` opens the builder in which it failed")));
    }
    context.engine.remove_container(&container).await?;
    Err(error)
}

/// The product that says how long the step took when it last compiled something, in milliseconds. No step depends
/// on it: `bb outdated` tells it.
pub const COMPILING_MS: &str = "compiling_ms";
/// The same when it last put only binary packages together, which says nothing of a run that compiles.
pub const CACHED_MS: &str = "cached_ms";

/// The builder says early what it is going to do (bytes of its log).
const PREAMBLE: u64 = 16 << 20;

/// How long this run took, and the last one of the other sort.
fn times(step: &StepId, begun: Instant, context: &Context) -> Vec<(String, String)> {
    let mut log = vec![];
    let file = std::fs::File::open(context.store.log_path(step));
    let _ = file.and_then(|file| file.take(PREAMBLE).read_to_end(&mut log));
    let compiled = compiles(&String::from_utf8_lossy(&log));
    let before = context.store.record(step).unwrap_or_default();
    let time = |name: &str, this: bool| {
        let now = || begun.elapsed().as_millis().to_string();
        let time = if this { Some(now()) } else { before.products.get(name).cloned() };
        time.map(|time| (name.to_owned(), time))
    };
    let times =
        [time(COMPILING_MS, compiled == Some(true)), time(CACHED_MS, compiled == Some(false))];
    times.into_iter().flatten().collect()
}

/// Whether the builder's line `>>> 5 packages, 2 to compile, …` says so.
fn compiles(log: &str) -> Option<bool> {
    let mut lines = log.lines().filter_map(|line| {
        let (_, rest) = line.strip_prefix(">>> ")?.split_once(" packages, ")?;
        rest.split_once(" to compile, ")?.0.parse::<u64>().ok()
    });
    lines.next().map(|count| count > 0)
}

/// A builder that waits, with all that a step gives it.
pub async fn builder_for(
    work: &RootfsWork,
    files: &[PathBuf],
    mut spec: ContainerSpec,
    context: &Context,
) -> Result<String> {
    spec.volumes = CACHES.map(|(name, path)| (name.to_owned(), path.to_owned(), false)).into();
    let container = context.engine.start_container(&spec).await?;
    let input = archive::stream(inputs(work, files, context.jobs), work.epoch);
    if let Err(error) = context.engine.upload(&container, "/", input).await {
        context.engine.remove_container(&container).await?;
        return Err(error);
    }
    Ok(container)
}

/// What went wrong, and whether there is anything to see in the builder.
enum Broken {
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

async fn build(
    work: &RootfsWork,
    container: &str,
    context: &Context,
    log: &mut Log,
) -> Result<Made, Broken> {
    command(container, "fetch-list", context, log).await?;
    supply(container, context, log).await?;
    command(container, "build", context, log).await?;
    Ok(collect(work, container, context).await?)
}

/// Runs one command of the builder.
async fn command(
    container: &str,
    verb: &str,
    context: &Context,
    log: &mut Log,
) -> Result<(), Broken> {
    let mut sink = |data: &[u8]| log.write(data);
    let status = context.engine.exec(container, &["build-root", verb], &mut sink).await?;
    log.check()?;
    match status {
        0 => Ok(()),
        137 => Err("the builder was killed (out of memory, or from outside)".to_owned()),
        other => Err(format!("the builder failed with exit status {other}")),
    }
    .map_err(|message| Broken::Builder(log.failed(message)))
}

fn inputs(work: &RootfsWork, files: &[PathBuf], jobs: usize) -> Vec<Entry> {
    let mut entries = vec![
        Entry::Folder("bb".into(), 0o755),
        Entry::Text("bb/job.env".into(), job_env(work, jobs).into_bytes()),
        Entry::Text("bb/make.conf".into(), make_conf(&work.make_conf).into_bytes()),
        Entry::Folder("config".into(), 0o755),
    ];
    // What is outside was followed to: the link that leads there brings it.
    for (file, inside) in files.iter().filter_map(|f| Some((f, f.strip_prefix(&work.dock).ok()?))) {
        entries.push(Entry::File(Path::new("config").join(inside), readable(file, &work.dock)));
    }
    if let Some((_, dir)) = &work.parent {
        entries.push(Entry::Folder("bb/parent".into(), 0o755));
        for name in [SYSROOT, PACKAGES] {
            entries.push(Entry::File(Path::new("bb/parent").join(name), dir.join(name)));
        }
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

fn job_env(work: &RootfsWork, jobs: usize) -> String {
    let parent = work.parent.as_ref().map_or("", |(name, _)| name.as_str());
    let values = [
        ("NAME", work.name.to_string()),
        ("EPOCH", work.epoch.to_string()),
        ("PARENT", parent.to_owned()),
        ("STAGE3_DIGEST", work.stage3_digest.clone()),
        ("JOBS", jobs.to_string()),
    ];
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

/// Fetches the sources that the builder lacks and takes them in.
async fn supply(container: &str, context: &Context, log: &mut Log) -> Result<()> {
    let temp = context.store.temp_dir()?;
    let list = temp.path().join("fetch.list");
    let wanted = BTreeMap::from([("fetch.list".to_owned(), (list.clone(), Limit::ListSize))]);
    let download = context.engine.download(container, "/bb/out/fetch.list");
    archive::take(download, wanted, &context.settings.limits).await?;
    let text = std::fs::read_to_string(&list).map_err(|e| Error::file("read", &list, &e))?;
    let mut entries = vec![];
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let Some(name) = words.next().filter(|n| safe_name(n)) else {
            continue;
        };
        let dest = temp.path().join(name);
        log.write(format!("bb: fetching {name}\n").as_bytes());
        distfile(name, words, &dest, context, log).await?;
        entries.push(Entry::File(name.into(), dest));
    }
    if entries.is_empty() {
        return Ok(());
    }
    let body = archive::stream(entries, context.settings.source_date_epoch);
    context.engine.upload(container, "/bb/incoming", body).await
}

/// The name comes out of an ebuild: it must not lead out of the folder.
fn safe_name(name: &str) -> bool {
    !name.contains('/') && !name.starts_with('.')
}

/// A source archive from our mirrors, else from where its author publishes it. Portage checks it
/// against its Manifest.
async fn distfile<'a>(
    name: &str,
    uris: impl Iterator<Item = &'a str>,
    dest: &Path,
    context: &Context,
    log: &mut Log,
) -> Result<()> {
    let expect = Expect { size: None, max: LARGEST_DISTFILE, sha512: None, blake2b: None };
    let progress = |done, total| log.bytes(done, total);
    let mut mirrors = release::mirrors(&context.settings)?;
    let path = format!("distfiles/{}/{name}", hash_folder(name));
    let got = context.client.download(&mirrors, &path, dest, &expect, &progress).await;
    let Err(first) = got else { return Ok(()) };
    for uri in uris {
        let Some((base, file)) = uri.rsplit_once('/') else {
            continue;
        };
        let Ok(mirror) = Mirror::parse(base) else {
            continue;
        };
        mirrors = vec![mirror];
        if context.client.download(&mirrors, file, dest, &expect, &progress).await.is_ok() {
            return Ok(());
        }
    }
    Err(first)
}

/// The folder of a distfile on a mirror: the first byte of BLAKE2b of its name (GLEP 75).
fn hash_folder(name: &str) -> String {
    use blake2::{Blake2b512, Digest};
    crate::hex::hex(&Blake2b512::digest(name.as_bytes())[..1])
}

/// The digest of the sysroot, which the builder computes, among its results.
const DIGEST: &str = "sysroot.digest";

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
    fn the_builders_own_line_says_whether_anything_is_compiled() {
        let line = |n| format!(">>> hook\n>>> 5 packages, {n} to compile, 3 files to fetch\n");
        assert_eq!(compiles(&line("12")), Some(true));
        assert_eq!(compiles(&line("0")), Some(false));
        assert_eq!(compiles("5 packages, 1 to compile, 3 files to fetch\n"), None);
    }

    #[test]
    fn values_are_quoted_for_a_shell() {
        let text = shell_lines([("A", "it's $HOME")].into_iter());
        assert_eq!(text, "A='it'\\''s $HOME'\n");
    }

    #[test]
    fn names_that_climb_are_passed_over() {
        assert!(safe_name("zlib-1.3.1.tar.xz"));
        assert!(!safe_name("../x") && !safe_name("a/b") && !safe_name(".x"));
    }
}
