//! The engine's caches of sources and of binary packages. Boxes read them; only `bb` puts anything in, by way of a
//! container that never runs.
//!
//! A binary package counts when the note of its digest is beside it, and that comes last: half a package is none.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::planned::Planned;
use crate::base::error::{Error, Result};
use crate::config::Settings;
use crate::engine::{CacheMount, ContainerSpec};
use crate::exec::work::Context;
use crate::image::archive;
use crate::image::archive::{Entry, difference};
use crate::state::store;

/// Where builders have the sources.
pub(crate) const SOURCES_AT: &str = "/distfiles";
/// Where builders have the binary packages.
pub(crate) const PACKAGES_AT: &str = "/packages";
/// Volumes of before a dock's code had a box of its own: anybody could write in them.
pub const FORMER: [&str; 2] = ["gentoo-bb-distfiles", "gentoo-bb-packages"];
/// A package in use is dated anew after so many seconds.
const DATED: i64 = 24 * 60 * 60;
/// Where a box has what it has compiled.
const NEW: &str = "/bb/out/new";

/// The caches as a box sees them.
pub fn caches(settings: &Settings, writable: bool) -> Vec<CacheMount> {
    let cache = |(name, at): (&str, &str)| {
        let name = format!("{}-{name}", settings.caches);
        CacheMount { name, part: String::new(), at: at.to_owned(), writable }
    };
    [("sources", SOURCES_AT), ("binpkgs", PACKAGES_AT)].map(cache).into()
}

/// Puts files into a cache.
pub(crate) async fn put(
    spec: &ContainerSpec,
    at: &str,
    entries: Vec<Entry>,
    context: &Context,
) -> Result<()> {
    let spec = ContainerSpec { caches: caches(&context.settings, true), ..spec.clone() };
    context.engine.fill(&spec, at, archive::stream(entries, now())).await
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

/// Takes what a box has compiled into the cache, under keys that were computed before, and says how many
/// packages that are. What it says beyond them is passed over.
pub(crate) async fn keep(
    container: &str,
    planned: &Planned,
    code: Option<&str>,
    spec: &ContainerSpec,
    context: &Context,
) -> Result<usize> {
    let temp = context.store.temp_dir()?;
    let new = planned.packages.iter().filter(|package| package.used.is_none()).enumerate();
    let new = new.map(|(number, package)| {
        let path = package.cache_path(code);
        (format!("new/{path}"), (path, temp.path().join(number.to_string())))
    });
    let new = new.collect::<BTreeMap<_, _>>();
    let wanted = new.iter().map(|(name, (_, file))| (name.clone(), file.clone())).collect();
    let body = context.engine.download(container, NEW);
    let mut entries = vec![];
    let taken = difference::take_packages(body, wanted, context.settings.limits).await?;
    for (path, file) in taken.iter().filter_map(|name| new.get(name)) {
        let folder = path.split('/').next().unwrap_or_default();
        entries.push(Entry::Folder(folder.into(), 0o755));
        entries.push(Entry::File(path.into(), file.clone()));
        let digest = store::hash_file(file)?;
        entries.push(Entry::Text(format!("{path}.sha256").into(), digest.into_bytes()));
    }
    if !entries.is_empty() {
        put(spec, PACKAGES_AT, entries, context).await?;
    }
    Ok(taken.len())
}

/// Dates the packages that were used, so that they stay.
pub(crate) async fn date(
    planned: &Planned,
    code: Option<&str>,
    spec: &ContainerSpec,
    context: &Context,
) -> Result<()> {
    let now = i64::try_from(now()).unwrap_or(i64::MAX);
    let old = planned.packages.iter().filter(|p| p.used.is_some_and(|used| now - used > DATED));
    let entries = old.filter_map(|package| {
        let digest = package.digest.clone()?.into_bytes();
        Some(Entry::Text(format!("{}.sha256", package.cache_path(code)).into(), digest))
    });
    let entries = entries.collect::<Vec<_>>();
    if entries.is_empty() { Ok(()) } else { put(spec, PACKAGES_AT, entries, context).await }
}

/// Drops what was not used for long, or what is too much, in a box of its own.
pub(crate) async fn prune(spec: &ContainerSpec, context: &Context) -> Result<()> {
    let spec = ContainerSpec { caches: caches(&context.settings, true), ..spec.clone() };
    let container = context.engine.start_container(&spec).await?;
    let command = ["python3", "/usr/lib/bob", "prune"];
    let ran = context.engine.exec(&container, &command, &mut |_: &[u8]| {}).await;
    context.engine.remove_container(&container).await?;
    match ran? {
        0 => Ok(()),
        status => {
            Err(Error::step(format!("the caches cannot be looked through (status {status})")))
        }
    }
}
