//! The first box: a dock's own code says which packages with which settings, and what it has changed is taken out of
//! it from outside.
//!
//! Nothing of what comes out is believed: it is data with limits, and code whose digest goes into every key.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::plain;
use super::plain::{MAKE_CONF, Sort};
use super::planned::Wishes;
use crate::base::error::{Error, Exit, Result};
use crate::base::hex::hex;
use crate::base::limits::Limit;
use crate::engine::Change;
use crate::exec::work::Context;
use crate::image::archive::Entry;
use crate::image::archive::difference::{Difference, Found, Way, small_files};
use crate::plan::step::RootfsWork;
use crate::state::held::Room;
use crate::state::store;

/// Beyond so many places, the whole root is looked through.
const MOST_PLACES: usize = 32;
/// Where its settings are; they are taken in one piece.
const PORTAGE: &str = "etc/portage";

/// What a dock has asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Packages.
    pub wishes: Wishes,
    /// Its variables and functions, for its own finish_rootfs_build.
    pub state: Vec<u8>,
    /// Settings that are plain data.
    pub settings: Vec<Entry>,
    /// Paths that it has removed and that had plain settings, absolute.
    pub gone: Vec<String>,
    /// Everything else.
    pub code: Option<Code>,
}

impl Asked {
    /// The digest of the dock's code, if it has any.
    pub(crate) fn digest(&self) -> Option<&str> {
        self.code.as_ref().map(|code| code.digest.as_str())
    }
}

/// What may do anything while a package is compiled.
#[derive(Debug)]
pub(crate) struct Code {
    /// Over all of it.
    pub digest: String,
    /// The archive of it.
    pub archive: PathBuf,
    /// Paths that are removed, absolute.
    pub gone: Vec<String>,
    /// Whether it needs the dock's folder.
    pub dock: bool,
    /// Whether it has ebuilds.
    pub ebuilds: bool,
    /// Keeps the archive.
    _folder: Room,
}

/// Which paths a dock has changed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Changed {
    wanted: BTreeMap<String, Way>,
    gone: BTreeMap<String, Sort>,
    /// Folders and files that hold all that is wanted.
    places: Vec<String>,
}

impl Changed {
    fn new(changes: &[(String, Change)]) -> Self {
        let mut changed = Self::default();
        let sorted = changes.iter().map(|(path, change)| (path.trim_matches('/'), *change));
        let sorted = sorted.collect::<BTreeMap<_, _>>();
        for (path, change) in &sorted {
            let Some(sort) = plain::sort(path) else { continue };
            if *change == Change::Removed {
                changed.gone.insert((*path).to_owned(), sort);
                continue;
            }
            // A folder on the way to a change is none itself.
            let below = format!("{path}/");
            let next = sorted.range(below.as_str()..).next();
            let leads = next.is_some_and(|(other, _)| other.starts_with(&below));
            if leads && *change == Change::Modified && sort == Sort::Code {
                continue;
            }
            let way = match (sort, change) {
                (Sort::Plain | Sort::Settings, _) => Way::Small,
                (Sort::Code, Change::Added) => Way::Whole,
                (Sort::Code, _) => Way::File,
            };
            changed.wanted.insert((*path).to_owned(), way);
            let held = |place: &String| inside(path, place);
            if !changed.places.iter().any(held) {
                let portage = inside(path, PORTAGE);
                changed.places.push(if portage { PORTAGE.to_owned() } else { (*path).to_owned() });
            }
        }
        changed
    }
}

fn inside(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Takes everything out of the first box. `fresh` is one in which no dock has run.
pub(crate) async fn take(
    container: &str,
    fresh: &str,
    work: &RootfsWork,
    files: &[PathBuf],
    context: &Context,
) -> Result<Asked> {
    let (wishes, state) = said(container, work, context).await?;
    let changed = changed(container, work, context).await?;
    let folder = context.store.temp_dir()?;
    let archive = folder.path().join("code.tar");
    let found = look(container, fresh, &changed, &archive, context).await?;
    let (plain_gone, gone) = parted(&changed.gone);
    let [_, variables] = plain::parted(&work.make_conf);
    let none = found.described.is_empty() && gone.is_empty() && variables.is_empty();
    let code = || {
        let dock = found.names_dock || variables.values().any(|value| value.contains("/config"));
        let digest = digest(&found.described, &gone, &variables);
        let digest = if dock { with_dock(&digest, work, files)? } else { digest };
        let docks = files.iter().filter(|_| dock).filter_map(|file| file.to_str());
        let mut paths = found.described.keys().map(String::as_str).chain(docks);
        let ebuilds = paths.any(|path| path.ends_with(".ebuild"));
        Ok::<_, Error>(Code { digest, archive, gone, dock, ebuilds, _folder: folder })
    };
    let is_code = |path: &str| found.described.contains_key(path);
    let settings = found.small.iter().filter(|(path, _)| !is_code(path.as_str()));
    let settings = settings.map(|(path, text)| match text {
        Some(text) => Entry::Text(path.into(), text.clone()),
        None => Entry::Folder(path.into(), 0o755),
    });
    let settings = settings.collect();
    let code = if none { None } else { Some(code()?) };
    Ok(Asked { wishes, state, settings, gone: plain_gone, code })
}

/// The names of all that the dock has changed.
async fn changed(container: &str, work: &RootfsWork, context: &Context) -> Result<Changed> {
    let changes = context.engine.changes(container).await?;
    let own = changes.len().saturating_sub(parents_files(&changes));
    let few = context.settings.limits.check(Limit::Changes, own as u64);
    few.map_err(|e| e.error(Exit::Step, &format!("configure_rootfs_build of `{}`", work.name)))?;
    Ok(Changed::new(&changes))
}

/// What is at the changed paths; everything that is no plain setting goes into the archive.
async fn look(
    container: &str,
    fresh: &str,
    changed: &Changed,
    archive: &Path,
    context: &Context,
) -> Result<Found> {
    let file = std::fs::File::create(archive).map_err(|e| Error::file("write", archive, &e))?;
    let mut difference = Difference::new(changed.wanted.clone(), file, context.settings.limits);
    for place in places(container, changed, context).await? {
        let above = place.rsplit_once('/').map_or("", |(above, _)| above).to_owned();
        let body = context.engine.download(container, &format!("/{place}"));
        difference = difference.take(body, above).await?;
    }
    let has_make_conf = difference.small().contains_key(MAKE_CONF);
    let make_conf = if has_make_conf { builders_make_conf(fresh, context).await? } else { vec![] };
    for (path, text) in difference.small().clone() {
        let code = text.filter(|text| !plain::is_plain_text(&path, text, &make_conf));
        code.map_or(Ok(()), |code| difference.add_text(&path, &code))?;
    }
    difference.finish()
}

/// The make.conf to which the dock may have added something.
async fn builders_make_conf(fresh: &str, context: &Context) -> Result<Vec<u8>> {
    let body = context.engine.download(fresh, &format!("/{MAKE_CONF}"));
    let wanted = [("make.conf".to_owned(), Limit::SettingSize)].into();
    Ok(small_files(body, wanted, context.settings.limits)
        .await?
        .remove("make.conf")
        .unwrap_or_default())
}

/// What the parents have left is unpacked in the box.
fn parents_files(changes: &[(String, Change)]) -> usize {
    changes.iter().filter(|(path, _)| plain::sort(path.trim_matches('/')).is_none()).count()
}

/// What it has written down.
async fn said(container: &str, work: &RootfsWork, context: &Context) -> Result<(Wishes, Vec<u8>)> {
    let wanted = [("out/settings", Limit::SettingSize), ("out/state", Limit::VariablesSize)]
        .map(|(name, limit)| (name.to_owned(), limit));
    let body = context.engine.download(container, "/bb/out");
    let mut files = small_files(body, wanted.into(), context.settings.limits).await?;
    let mut file = |name: &str| {
        let missing = || Error::step(format!("the builder of `{}` left no `{name}`", work.name));
        files.remove(&format!("out/{name}")).ok_or_else(missing)
    };
    let (settings, state) = (file("settings")?, file("state")?);
    let wishes = Wishes::read(&settings, &context.settings.limits).map_err(|why| {
        Error::step(format!("`{}` asks for something that is no package: {why}", work.name)).hint(
            "`PACKAGES` and `BUILD_PACKAGES` of Buildconfig.sh are atoms with blanks between them",
        )
    })?;
    Ok((wishes, state))
}

/// Where to look: a folder of which only its own attributes are others is none.
async fn places(container: &str, changed: &Changed, context: &Context) -> Result<Vec<String>> {
    if changed.places.len() > MOST_PLACES {
        return Ok(vec![String::new()]);
    }
    let mut places = vec![];
    for place in &changed.places {
        let alone = !changed.wanted.keys().any(|path| path != place && inside(path, place));
        let is_empty = alone
            && place != PORTAGE
            && context.engine.is_folder(container, &format!("/{place}")).await?;
        if !is_empty {
            places.push(place.clone());
        }
    }
    Ok(places)
}

fn parted(gone: &BTreeMap<String, Sort>) -> (Vec<String>, Vec<String>) {
    let of = |plain: bool| {
        let paths = gone.iter().filter(move |(_, sort)| (**sort == Sort::Plain) == plain);
        paths.map(|(path, _)| format!("/{path}")).collect()
    };
    (of(true), of(false))
}

/// Each part with its length, so that no two lists of parts look alike.
fn digest(
    described: &BTreeMap<String, String>,
    gone: &[String],
    variables: &BTreeMap<String, String>,
) -> String {
    let mut hasher = Sha256::new();
    let mut part = |text: &str| hasher.update(format!("{}:{text}", text.len()));
    for (path, text) in described.iter().chain(variables) {
        part(path);
        part(text);
    }
    part("gone");
    for path in gone {
        part(path);
    }
    hex(&hasher.finalize())
}

/// The same with the files of a dock.
fn with_dock(digest: &str, work: &RootfsWork, files: &[PathBuf]) -> Result<String> {
    let mut hasher = Sha256::new();
    hasher.update(digest);
    for file in files.iter().collect::<BTreeSet<_>>() {
        let Ok(inside) = file.strip_prefix(&work.dock) else { continue };
        let state = store::hashed_state(&super::readable(file, &work.dock))?;
        let told = (inside, state.kind, state.mode, state.link, state.hash);
        hasher.update(format!("{told:?}"));
    }
    for (fetched, _) in &work.fetch {
        hasher.update(format!("{:?}", (&fetched.name, &fetched.sha512)));
    }
    Ok(hex(&hasher.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(changes: &[(&str, Change)]) -> Changed {
        let owned = changes.iter().map(|(path, change)| ((*path).to_owned(), *change));
        Changed::new(&owned.collect::<Vec<_>>())
    }

    #[test]
    fn folders_on_the_way_are_no_changes() {
        use Change::{Added, Modified, Removed};
        let found = changed(&[
            ("/usr", Modified),
            ("/usr/bin", Modified),
            ("/usr/bin/gcc", Added),
            ("/usr/bin/zstd", Removed),
            ("/usr-local", Added),
            ("/usr-local/x", Added),
            ("/etc", Modified),
            ("/etc/portage", Modified),
            ("/etc/portage/package.use", Modified),
            ("/etc/portage/package.use/zz-bob", Added),
            ("/etc/portage/patches", Added),
            ("/etc/portage/package.mask/x", Removed),
            ("/bb/out", Added),
            ("/emerge-root/etc", Added),
        ]);
        let wanted = found.wanted.iter().map(|(path, way)| (path.as_str(), *way));
        assert_eq!(
            wanted.collect::<Vec<_>>(),
            [
                ("etc/portage/package.use", Way::Small),
                ("etc/portage/package.use/zz-bob", Way::Small),
                ("etc/portage/patches", Way::Whole),
                ("usr-local", Way::Whole),
                ("usr-local/x", Way::Whole),
                ("usr/bin/gcc", Way::Whole),
            ]
        );
        assert_eq!(found.places, ["etc/portage", "usr-local", "usr/bin/gcc"]);
        assert_eq!(
            parted(&found.gone),
            (vec!["/etc/portage/package.mask/x".into()], vec!["/usr/bin/zstd".into()])
        );
    }

    #[test]
    fn whatever_code_is_another_has_another_digest() {
        let map = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect::<BTreeMap<_, _>>()
        };
        let none = map(&[]);
        let gone = |paths: &[&str]| paths.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>();
        let all = [
            digest(&map(&[("a", "b")]), &[], &none),
            digest(&map(&[("a", "bc")]), &[], &none),
            digest(&map(&[("ab", "c")]), &[], &none),
            digest(&none, &gone(&["/a"]), &none),
            digest(&none, &gone(&["/a", "/b"]), &none),
            digest(&none, &gone(&["/a/b"]), &none),
            digest(&none, &[], &map(&[("CC", "x")])),
        ];
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    }
}
