//! `import:stage3` and `import:portage`: verified archives into the engine.
//!
//! What is sent is hashed on the way: bytes that changed after they were verified do not get in.

use std::path::Path;
use std::sync::Arc;

use futures_util::StreamExt;

use crate::base::error::{Error, Result};
use crate::engine::{ContainerSpec, NewImage};
use crate::exec::action::{Log, Made, blocking, is_there};
use crate::exec::work::{Context, PROJECT_LABEL, RUN_LABEL, STEP_LABEL};
use crate::image::archive::snapshot::Snapshot;
use crate::image::archive::{self, Body, Transit, limited};

/// An image of the engine that says what it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub image: &'a str,
    pub content: &'a str,
    /// Made although the engine has it.
    pub anew: bool,
}

pub(super) async fn stage3(
    file: &Path,
    target: Target<'_>,
    context: &Context,
    log: &Log,
) -> Result<Made> {
    let Target { image, content: sha512, .. } = target;
    if is_there(target, context).await? {
        return Ok(Made::product("content", sha512).note("already in the engine"));
    }
    let before = context.engine.image_id(image).await?;
    let transit = Transit::default();
    let body = archive::verified_file(file.to_owned(), sha512.to_owned(), transit.clone());
    let body = shown(body, file, transit.clone(), log)?;
    let imported = context.engine.import_image(body, image, sha512).await;
    let imported = imported.and_then(|()| whole(&transit, "stage3"));
    if let Err(error) = imported {
        if context.engine.image_id(image).await? != before {
            context.engine.remove_image(image).await?;
        }
        return Err(told(file, sha512, error).await);
    }
    Ok(Made::product("content", sha512))
}

/// What a container says of whose it is, and an image of it must not.
const OF_CONTAINER: [&str; 3] = [PROJECT_LABEL, STEP_LABEL, RUN_LABEL];

/// Where Portage looks for its ebuild repository, from the root.
const REPOSITORY: &str = "var/db/repos/gentoo";

/// Puts the snapshot where Portage looks for it, as it comes out of its archive: it is there whole or not at all.
pub(super) async fn portage(
    file: &Path,
    sha512: &str,
    target: Target<'_>,
    spec: &ContainerSpec,
    context: &Context,
    log: &Log,
) -> Result<Made> {
    let content = target.content;
    if is_there(target, context).await? {
        return Ok(Made::product("content", content).note("already in the engine"));
    }
    let (path, digest) = (file.to_owned(), sha512.to_owned());
    let limits = context.settings.limits;
    let snapshot = Snapshot { path, sha512: digest, into: REPOSITORY, limits };
    let transit = Transit::default();
    let body = shown(snapshot.stream(transit.clone()), file, transit.clone(), log)?;
    let new = NewImage { reference: target.image, content, without: &OF_CONTAINER, env: &[] };
    let seen = transit.clone();
    let is_whole = Arc::new(move || whole(&seen, "snapshot"));
    let made = context.engine.extend_image(spec, body, is_whole, &new).await;
    let told_why = |error| match transit.failure() {
        Some(cause) => limited::error("the snapshot", cause, || {
            Error::step("the snapshot cannot be unpacked").detail(cause.to_string())
        }),
        None => error,
    };
    match made.map_err(told_why) {
        Ok(()) => Ok(Made::product("content", content)),
        Err(error) => Err(told(file, sha512, error).await),
    }
}

/// Makes an image of a box in which all has gone well, and removes the box in any case. What is started from the
/// image gets `env`.
pub(super) async fn keep(
    container: &str,
    done: Result<()>,
    target: Target<'_>,
    env: &[&str],
    context: &Context,
) -> Result<()> {
    let Target { image, content, .. } = target;
    let new = NewImage { reference: image, content, without: &OF_CONTAINER, env };
    context.engine.keep(container, done, &new).await
}

/// A transfer that broke because the file is no longer what was verified is a matter of trust.
async fn told(file: &Path, sha512: &str, error: Error) -> Error {
    let (path, digest) = (file.to_owned(), sha512.to_owned());
    match blocking(move || archive::is_still(&path, &digest)).await {
        Ok(false) => {
            let file = file.display();
            Error::trust(format!("`{file}` changed after it was verified"))
                .hint(format!("remove `{file}` to fetch it again"))
        }
        _ => error,
    }
}

/// What was taken in was all of it, and verified.
fn whole(transit: &Transit, what: &str) -> Result<()> {
    if transit.is_verified() {
        return Ok(());
    }
    Err(Error::step(format!("the {what} did not come to its end")))
}

/// A stream that says how much of the file it is made of is on its way.
fn shown(body: Body, file: &Path, transit: Transit, log: &Log) -> Result<Body> {
    let size = std::fs::metadata(file).map_err(|e| Error::file("read", file, &e))?.len();
    let show = log.transfer();
    Ok(Box::pin(body.inspect(move |_| show(transit.read(), Some(size)))))
}
