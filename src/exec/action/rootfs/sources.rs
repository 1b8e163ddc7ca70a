//! Sources: from our mirrors, else from where their authors publish them, each checked here against what its Manifest
//! says, before it goes into the engine's cache.

use std::path::Path;

use super::asked::Code;
use super::planned::{Planned, Source};
use super::stored;
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
    let mut entries = vec![];
    for (number, source) in planned.sources.iter().filter(|source| !source.there).enumerate() {
        let dest = temp.path().join(number.to_string());
        log.write(format!("bb: fetching {}\n", source.name).as_bytes());
        fetch(source, &dest, context, log).await?;
        let path = source.cache_path();
        let folder = path.split('/').next().unwrap_or_default();
        entries.push(Entry::Folder(folder.into(), 0o755));
        entries.push(Entry::File(path.into(), dest));
    }
    if entries.is_empty() {
        return Ok(());
    }
    stored::put(spec, stored::SOURCES_AT, entries, context).await
}

/// A wrong file leads to the next mirror, as a missing one does.
async fn fetch(source: &Source, dest: &Path, context: &Context, log: &mut Log) -> Result<()> {
    let progress = |done, total| log.bytes(done, total);
    let path = format!("distfiles/{}/{}", hash_folder(&source.name), source.name);
    let mut mirrors = release::mirrors(&context.settings)?;
    mirrors.extend(source.uris.iter().map(|uri| Mirror::Author(uri.clone())));
    let expect = expect(source);
    let asked = context.client.try_download(&mirrors, &path, dest, &expect, &progress).await?;
    asked.map(drop).map_err(|in_vain| not_fetched(&source.name, &in_vain))
}

/// What its Manifest says.
fn expect(source: &Source) -> Expect {
    Expect {
        size: Some(source.size),
        max: source.size,
        sha512: source.sha512.clone(),
        blake2b: source.blake2b.clone(),
    }
}

/// The error where nobody gave a source: each address with what came of it.
fn not_fetched(name: &str, in_vain: &InVain) -> Error {
    let offline = if in_vain.offline { " offline" } else { "" };
    let message = match in_vain.exit {
        Exit::Trust => format!("nobody has the source `{name}` as its Manifest lists it"),
        _ => format!("cannot fetch the source `{name}`{offline}"),
    };
    let lines = in_vain.lines.iter().map(|line| format!("  {line}"));
    lines
        .fold(Error::new(in_vain.exit, message), Error::public_detail)
        .hint("run the same command again later, or name a mirror that has it in `mirrors`")
}

/// The folder of a distfile on a mirror: the first byte of BLAKE2b of its name (GLEP 75).
fn hash_folder(name: &str) -> String {
    use blake2::{Blake2b512, Digest};
    crate::base::hex::hex(&Blake2b512::digest(name.as_bytes())[..1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::diag;

    #[test]
    fn what_could_not_be_fetched_is_told_with_each_address() {
        let lines = [
            "https://m/distfiles/3c/a%20b.tar: not there",
            "https://h/get.php?file=a%2Fb&v=1: not there",
        ];
        let mut in_vain =
            InVain { lines: lines.map(str::to_owned).into(), exit: Exit::Step, offline: false };
        let shown = |in_vain: &InVain| diag::render(&not_fetched("a b.tar", in_vain), false);
        let told = shown(&in_vain);
        let begin = format!(
            "error: cannot fetch the source `a b.tar`\n  {}\n  {}\nhint: ",
            lines[0], lines[1]
        );
        assert!(told.starts_with(&begin), "{told}");
        in_vain.offline = true;
        assert!(shown(&in_vain).contains("the source `a b.tar` offline\n"));
        in_vain.exit = Exit::Trust;
        assert_eq!(not_fetched("x", &in_vain).exit(), Exit::Trust);
        let told = shown(&in_vain);
        assert!(
            told.contains("nobody has the source `a b.tar` as its Manifest lists it"),
            "{told}"
        );
    }

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
