//! Sources: from the user's folders, our mirrors, or where their authors publish them, each checked here against what its
//! Manifest says, before it goes into the engine's cache.

use std::path::{Path, PathBuf};

use super::asked::Code;
use super::planned::{Planned, Source};
use super::{given, stored};
use crate::base::error::{Error, Exit, Result};
use crate::base::limits::Limit;
use crate::engine::ContainerSpec;
use crate::exec::action::Log;
use crate::exec::work::Context;
use crate::gentoo::release;
use crate::image::archive::Entry;
use crate::net::http::{Expect, InVain, Mirror};

/// What the verified ebuilds name, of what a box with a dock's code asks for. The dock's own ebuilds, if it has any,
/// may name others.
pub(crate) async fn check(
    planned: &Planned,
    code: &Code,
    name: &str,
    spec: &ContainerSpec,
    context: &Context,
) -> Result<()> {
    let asked = planned.sources.iter().filter(|source| !source.there).collect::<Vec<_>>();
    if code.ebuilds || asked.is_empty() {
        return Ok(());
    }
    let spec = ContainerSpec { caches: vec![], ..spec.clone() };
    let container = context.engine.start_container(&spec).await?;
    let known = manifests(&container, &asked, context).await;
    context.engine.remove_container(&container).await?;
    let known = known?;
    match asked.iter().find(|source| !known.lines().any(|line| is_named(source, line))) {
        None => Ok(()),
        Some(source) => Err(Error::step(format!(
            "`{name}` asks for the source `{}`, which no verified ebuild names",
            source.name.escape_debug()
        ))
        .hint("nothing was fetched; ebuilds of a dock's own may name sources of their own")),
    }
}

/// Sources that are looked for at once: a command line has an end.
const AT_ONCE: usize = 200;

/// The lines of the repository's Manifests about these sources, from a box where no dock has run.
async fn manifests(container: &str, asked: &[&Source], context: &Context) -> Result<String> {
    let most = context.settings.limits.of(Limit::ManifestsSize);
    let mut said = vec![];
    let mut size = 0;
    for some in asked.chunks(AT_ONCE) {
        let patterns = some.iter().map(|source| format!("-eDIST {} ", source.name));
        let patterns = patterns.collect::<Vec<_>>();
        let mut command = vec!["grep", "-rhF", "--include=Manifest"];
        command.extend(patterns.iter().map(String::as_str));
        command.push("/var/db/repos/gentoo");
        let mut sink = |data: &[u8]| {
            size += data.len() as u64;
            said.extend_from_slice(if size > most { &[] } else { data });
        };
        context.engine.exec(container, &command, &mut sink).await?;
    }
    let few = context.settings.limits.check(Limit::ManifestsSize, size);
    few.map_err(|e| e.error(Exit::Step, "what the repository says of the sources"))?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}

/// Whether a Manifest's line, `DIST NAME SIZE HASH DIGEST …`, is of this source with its digests.
///
/// Source: GLEP 74.
fn is_named(source: &Source, line: &str) -> bool {
    let words = line.split_whitespace().collect::<Vec<_>>();
    let [_, name, size, digests @ ..] = words.as_slice() else { return false };
    let has = |kind: &str, digest: &Option<String>| {
        let Some(digest) = digest else { return true };
        digests.chunks(2).any(|pair| pair == [kind, digest.as_str()])
    };
    *name == source.name
        && *size == source.size.to_string()
        && has("BLAKE2B", &source.blake2b)
        && has("SHA512", &source.sha512)
}

/// Fetches the sources that the cache lacks and takes them in.
pub(crate) async fn supply(
    planned: &Planned,
    spec: &ContainerSpec,
    context: &Context,
    log: &mut Log,
) -> Result<()> {
    let temp = context.store.temp_dir()?;
    let lacking = planned.sources.iter().filter(|source| !source.there).enumerate();
    let lacking = lacking.map(|(n, source)| (source, temp.path().join(n.to_string())));
    let (by_hand, others) = lacking.partition::<Vec<_>, _>(|(source, _)| source.nofetch.is_some());
    // Whoever has to fetch something is told before others are waited for.
    given::take_all(&by_hand, context, log).await?;
    for (source, dest) in &others {
        obtain(source, dest, context, log).await?;
    }
    let entries = by_hand.into_iter().chain(others).flat_map(|(s, dest)| cached(s, dest));
    let entries = entries.collect::<Vec<_>>();
    if entries.is_empty() {
        return Ok(());
    }
    stored::put(spec, stored::SOURCES_AT, entries, context).await
}

/// A source where the cache has it.
fn cached(source: &Source, file: PathBuf) -> [Entry; 2] {
    let path = source.cache_path();
    let folder = path.split('/').next().unwrap_or_default();
    [Entry::Folder(folder.into(), 0o755), Entry::File(path.into(), file)]
}

/// From wherever it may come.
pub(super) async fn obtain(
    source: &Source,
    dest: &Path,
    context: &Context,
    log: &mut Log,
) -> Result<()> {
    let Err(mut in_vain) = given::take(source, dest, context, log).await? else { return Ok(()) };
    log.write(format!("bb: fetching {}\n", source.name).as_bytes());
    let Err(asked) = fetch(source, dest, context, log).await? else { return Ok(()) };
    in_vain.extend(asked);
    Err(not_fetched(source, &in_vain, context))
}

/// A wrong file leads to the next mirror, as a missing one does.
async fn fetch(
    source: &Source,
    dest: &Path,
    context: &Context,
    log: &mut Log,
) -> Result<Result<(), InVain>> {
    let progress = |done, total| log.bytes(done, total);
    let path = format!("distfiles/{}/{}", hash_folder(&source.name), source.name);
    let mut mirrors = vec![];
    if !source.restricted {
        mirrors = release::mirrors(&context.settings)?;
    }
    mirrors.extend(source.uris.iter().map(|uri| Mirror::Author(uri.clone())));
    let expect = expect(source);
    let asked = context.client.try_download(&mirrors, &path, dest, &expect, &progress).await?;
    Ok(asked.map(drop))
}

/// What its Manifest says.
pub(super) fn expect(source: &Source) -> Expect {
    Expect {
        size: Some(source.size),
        max: source.size,
        sha512: source.sha512.clone(),
        blake2b: source.blake2b.clone(),
    }
}

/// The error where nobody gave a source: each place with what came of it.
fn not_fetched(source: &Source, in_vain: &InVain, context: &Context) -> Error {
    let (name, folders) = (source.name.escape_debug(), given::places(context));
    let offline = if in_vain.offline { " offline" } else { "" };
    let message = match in_vain.exit {
        Exit::Trust => format!("nobody has the source `{name}` with the digests that it must have"),
        _ => format!("cannot fetch the source `{name}`{offline}"),
    };
    let nowhere = "its ebuild names no web address, and keeps mirrors from having it";
    let nowhere = Some(nowhere.to_owned()).filter(|_| source.restricted && source.uris.is_empty());
    let lines = in_vain.lines.iter().cloned().chain(nowhere).map(|line| format!("  {line}"));
    lines.fold(Error::new(in_vain.exit, message), Error::public_detail).hint(format!(
        "run the same command again later, or put the file into {folders}: it is looked for there first"
    ))
}

/// The folder of a distfile on a mirror: the first byte of BLAKE2b of its name (GLEP 75).
fn hash_folder(name: &str) -> String {
    use blake2::{Blake2b512, Digest};
    crate::base::hex::hex(&Blake2b512::digest(name.as_bytes())[..1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_names_a_source_with_all_its_digests() {
        let source = Source {
            name: "x.tar".into(),
            size: 7,
            blake2b: Some("aa".into()),
            sha512: Some("bb".into()),
            ..Source::default()
        };
        assert!(is_named(&source, "DIST x.tar 7 BLAKE2B aa SHA512 bb"));
        for line in [
            "DIST x.tar 7 BLAKE2B aa SHA512 cc",
            "DIST x.tar 7 BLAKE2B bb SHA512 aa",
            "DIST x.tar 7 BLAKE2B aa",
            "DIST x.tar 8 BLAKE2B aa SHA512 bb",
            "DIST y.tar 7 BLAKE2B aa SHA512 bb",
            "DIST x.tar",
            "",
        ] {
            assert!(!is_named(&source, line), "{line}");
        }
    }
}
