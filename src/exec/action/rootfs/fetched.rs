//! Files that a dock's hooks get from elsewhere, as `[rootfs] fetch` pins them: fetched once, into the state.
//!
//! Where they are looked for is the business of `sources`.

use std::path::Path;

use super::planned::Source;
use super::sources::obtain;
use crate::base::digest;
use crate::base::error::{Error, Result};
use crate::dock::fetched::Fetched;
use crate::exec::action::{Log, blocking};
use crate::exec::work::Context;
use crate::plan::step::RootfsWork;
use crate::state::store;

/// Gets those that are not there, or are another file by now.
pub(super) async fn supply(work: &RootfsWork, context: &Context, log: &mut Log) -> Result<()> {
    for (wanted, file) in &work.fetch {
        if is_there(wanted, file).await? {
            continue;
        }
        if let Some(folder) = file.parent() {
            store::make_dir(folder)?;
        }
        obtain(&source(wanted), file, context, log).await?;
    }
    Ok(())
}

async fn is_there(wanted: &Fetched, file: &Path) -> Result<bool> {
    let (file, sha512, size) = (file.to_owned(), wanted.sha512.clone(), wanted.size);
    blocking(move || {
        if !file.is_file() {
            return Ok(false);
        }
        let opened = std::fs::File::open(&file).map_err(|e| Error::file("read", &file, &e))?;
        let found = digest::read_all(opened).map_err(|e| Error::file("read", &file, &e))?;
        Ok(found.sha512 == sha512 && found.size == size)
    })
    .await
}

/// No mirror of Gentoo's has it.
fn source(wanted: &Fetched) -> Source {
    Source {
        name: wanted.name.clone(),
        size: wanted.size,
        sha512: Some(wanted.sha512.clone()),
        uris: vec![wanted.url.clone()],
        restricted: true,
        ..Source::default()
    }
}
