//! `builder:bob`: the image that rootfs steps compile in.
//!
//! Knows the builder's own files; what they do is theirs.

use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use minijinja::{Environment, UndefinedBehavior, context};
use sha2::{Digest, Sha256};

use crate::base::error::{Error, Result};
use crate::base::hex::hex;
use crate::engine::docker::Build;
use crate::exec::action::import::Target;
use crate::exec::action::{Log, Made, is_there};
use crate::exec::work::Context;
use crate::image::archive;
use crate::image::archive::Entry;

static IMAGE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/bob/image");
const DOCKERFILE: (&str, &str) =
    ("Dockerfile", include_str!("../../../templates/bob.Dockerfile.j2"));

/// The builder's files by name: all of `bob/image`, and what makes an image of them.
fn files() -> impl Iterator<Item = (&'static Path, &'static [u8])> {
    let (name, text) = DOCKERFILE;
    let mut files = vec![(Path::new(name), text.as_bytes())];
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

pub(super) async fn builder(
    portage_image: &str,
    target: Target<'_>,
    context: &Context,
    log: &mut Log,
) -> Result<Made> {
    let Target { image, content, anew } = target;
    if is_there(target, context).await? {
        return Ok(Made::product("content", content).note("already in the engine"));
    }
    let entries = files().map(|(path, text)| entry(path, text, portage_image));
    let entries = entries.collect::<Result<Vec<_>>>()?;
    let body = archive::stream(entries, context.settings.source_date_epoch);
    let mut sink = |data: &[u8]| log.write(data);
    let references = [image.to_owned()];
    let labels = [].into();
    let of = Build { references: &references, content: Some(content), labels: &labels, anew };
    context.engine.build_image(body, of, &mut sink).await?;
    log.check()?;
    Ok(Made::product("content", content))
}

fn entry(path: &Path, text: &[u8], portage_image: &str) -> Result<Entry> {
    if path != Path::new(DOCKERFILE.0) {
        return Ok(Entry::Text(PathBuf::from(path), text.to_vec()));
    }
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let source = String::from_utf8_lossy(text);
    let rendered = environment.render_str(&source, context! { portage_image });
    let rendered = rendered.map_err(|e| Error::bug(format!("the builder's Dockerfile: {e}")))?;
    Ok(Entry::Text(PathBuf::from(path), rendered.into_bytes()))
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
        there.push(DOCKERFILE.0.into());
        there.sort();
        assert_eq!(files().map(|(path, _)| path.to_owned()).collect::<Vec<_>>(), there);
        assert!(there.iter().any(|path| path == Path::new("gentoo_bob/keys.py")));
    }
}
