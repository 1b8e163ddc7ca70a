//! `builder:bob`: the image that rootfs steps compile in.
//!
//! Knows the builder's own files; what they do is theirs.

use std::collections::BTreeSet;
use std::path::Path;

use include_dir::{Dir, include_dir};
use sha2::{Digest, Sha256};

use crate::base::error::Result;
use crate::base::hex::hex;
use crate::engine::ContainerSpec;
use crate::exec::action::import::{Target, keep};
use crate::exec::action::{Log, Made, is_there};
use crate::exec::work::Context;
use crate::image::archive;
use crate::image::archive::Entry;

static IMAGE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/bob/image");
/// The one that goes to where programs are.
const BUILD_ROOT: &str = "build-root";
/// Where the others go.
const LIBRARY: &str = "usr/lib/bob";
/// What has to be done in a box besides, as it is called there.
const SET_UP: &str = "/usr/lib/bob/set-up.sh";
/// What everything that is started from the builder gets.
const ENVIRONMENT: [&str; 2] = ["LC_ALL=C.UTF-8", "HOME=/root"];

/// The builder's files by name: all of `bob/image`.
fn files() -> impl Iterator<Item = (&'static Path, &'static [u8])> {
    let mut files = vec![];
    gather(&IMAGE, &mut files);
    files.retain(|(path, _)| !is_of_this_machine(path));
    files.sort_unstable();
    files.into_iter()
}

/// What an interpreter has left there.
fn is_of_this_machine(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "pyc")
}

fn gather(folder: &Dir<'static>, files: &mut Vec<(&'static Path, &'static [u8])>) {
    files.extend(folder.files().map(|f| (f.path(), f.contents())));
    folder.dirs().for_each(|folder| gather(folder, files));
}

/// SHA-256 over the builder's files, in lower-case hex.
pub fn templates_digest() -> String {
    let mut hasher = Sha256::new();
    for (path, text) in files() {
        let name = path.to_string_lossy();
        hasher.update(format!("{} {} ", name, text.len()));
        hasher.update(text);
    }
    hex(&hasher.finalize())
}

/// Starts a box of the snapshot's image, takes the files in, and makes an image of it: it is there whole or not at
/// all.
pub(super) async fn builder(
    target: Target<'_>,
    spec: &ContainerSpec,
    context: &Context,
    log: &mut Log,
) -> Result<Made> {
    let content = target.content;
    if is_there(target, context).await? {
        return Ok(Made::product("content", content).note("already in the engine"));
    }
    let container = context.engine.start_container(spec).await?;
    let done = set_up(&container, context, log).await;
    let kept = keep(&container, done, target, &ENVIRONMENT, context).await;
    kept.map(|()| Made::product("content", content))
}

async fn set_up(container: &str, context: &Context, log: &mut Log) -> Result<()> {
    let body = archive::stream(entries(), context.settings.source_date_epoch);
    context.engine.upload(container, "/", body).await?;
    let status =
        context.engine.exec(container, &["sh", SET_UP], &mut |said| log.write(said)).await?;
    log.check()?;
    if status == 0 { Ok(()) } else { Err(log.failed("the builder cannot be set up")) }
}

/// The files where they are in the builder, each folder before what is in it: an engine gives those that are
/// missing modes of its own.
fn entries() -> Vec<Entry> {
    let place = |path: &Path| {
        let folder = if path == Path::new(BUILD_ROOT) { "usr/bin" } else { LIBRARY };
        Path::new(folder).join(path)
    };
    let folders = files().filter_map(|(path, _)| path.parent()).collect::<BTreeSet<_>>();
    let folders =
        folders.into_iter().map(|folder| Entry::Folder(Path::new(LIBRARY).join(folder), 0o755));
    folders.chain(files().map(|(path, text)| Entry::Text(place(path), text.to_vec()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_in_the_image_and_in_the_fingerprint() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bob/image");
        let there = walkdir::WalkDir::new(&folder).into_iter().map(std::result::Result::unwrap);
        let there = there.filter(|entry| entry.file_type().is_file());
        let there = there.map(|entry| entry.path().strip_prefix(&folder).unwrap().to_owned());
        let mut there = there.filter(|path| !is_of_this_machine(path)).collect::<Vec<_>>();
        there.sort();
        assert_eq!(files().map(|(path, _)| path.to_owned()).collect::<Vec<_>>(), there);
        assert!(there.iter().any(|path| path == Path::new("gentoo_bob/keys.py")));
    }
}
