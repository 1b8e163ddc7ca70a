//! Sources: from our mirrors, else from where their authors publish them, each checked here against what its Manifest
//! says, before it goes into the engine's cache.

use std::path::Path;

use super::planned::{Planned, Source};
use super::stored;
use crate::error::Result;
use crate::exec::action::Log;
use crate::exec::work::Context;
use crate::world::archive::Entry;
use crate::world::docker::ContainerSpec;
use crate::world::http::{Expect, Mirror};
use crate::world::release;

/// Fetches the sources that the cache lacks and takes them in.
pub async fn supply(
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
    let expect = Expect {
        size: Some(source.size),
        max: source.size,
        sha512: source.sha512.clone(),
        blake2b: source.blake2b.clone(),
    };
    let progress = |done, total| log.bytes(done, total);
    let path = format!("distfiles/{}/{}", hash_folder(&source.name), source.name);
    let mut mirrors = release::mirrors(&context.settings)?;
    mirrors.extend(source.uris.iter().map(|uri| Mirror::Author(uri.clone())));
    context.client.download(&mirrors, &path, dest, &expect, &progress).await.map(drop)
}

/// The folder of a distfile on a mirror: the first byte of BLAKE2b of its name (GLEP 75).
fn hash_folder(name: &str) -> String {
    use blake2::{Blake2b512, Digest};
    crate::hex::hex(&Blake2b512::digest(name.as_bytes())[..1])
}
