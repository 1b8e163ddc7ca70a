//! `import:stage3` and `import:portage`: verified archives into the engine.
//!
//! What is sent is hashed on the way: bytes that changed after they were verified do not get in.

use std::path::Path;

use crate::error::{Error, Result};
use crate::exec::action::{Log, Made, blocking};
use crate::exec::work::Context;
use crate::world::archive;
use crate::world::docker::ContainerSpec;

pub(super) async fn stage3(
    file: &Path,
    image: &str,
    sha512: &str,
    context: &Context,
) -> Result<Made> {
    let body = archive::verified_file(file.to_owned(), sha512.to_owned());
    let imported = context.engine.import_image(body, image).await;
    if let Err(error) = imported {
        context.engine.remove_image(image).await?;
        return Err(told(file, sha512, error).await);
    }
    Ok(Made::product("content", sha512))
}

/// Where the volume is while it is filled.
const REPOSITORY: &str = "/repository";

pub(super) async fn portage(
    file: &Path,
    volume: &str,
    sha512: &str,
    mut spec: ContainerSpec,
    context: &Context,
    log: &mut Log,
) -> Result<Made> {
    context.engine.create_volume(volume, sha512).await?;
    spec.volumes.push((volume.to_owned(), REPOSITORY.to_owned(), false));
    let container = context.engine.start_container(&spec).await?;
    let unpacked = unpack(file, sha512, &container, context, log).await;
    context.engine.remove_container(&container).await?;
    if let Err(error) = unpacked {
        context.engine.remove_volume(volume).await?;
        return Err(told(file, sha512, error).await);
    }
    Ok(Made::product("content", sha512))
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

async fn unpack(
    file: &Path,
    sha512: &str,
    container: &str,
    context: &Context,
    log: &mut Log,
) -> Result<()> {
    let size = std::fs::metadata(file).map_err(|e| Error::file("read", file, &e))?.len();
    let name = "portage.tar.xz";
    let body = archive::verified_file_in_tar(name, file.to_owned(), size, sha512.to_owned());
    context.engine.upload(container, "/tmp", body).await?;
    let command = ["tar", "-xJf", "/tmp/portage.tar.xz", "-C", REPOSITORY, "--strip-components=1"];
    let status = context.engine.exec(container, &command, &mut |data| log.write(data)).await?;
    log.check()?;
    if status == 0 { Ok(()) } else { Err(log.failed("the snapshot cannot be unpacked")) }
}
