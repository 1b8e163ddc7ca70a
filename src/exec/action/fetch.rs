//! `fetch:FILE`: one file of a mirror into `.bb/downloads`.
//!
//! Does not trust it: that is `verify`'s business.

use std::path::Path;

use crate::base::error::Result;
use crate::base::limits::Limit;
use crate::base::words::megabytes;
use crate::exec::action::{Log, Made, blocking};
use crate::exec::work::Context;
use crate::gentoo::release;
use crate::image::archive;
use crate::net::http::Expect;
use crate::plan::step::Pinned;
use crate::state::store;

pub(super) async fn fetch(
    path: &str,
    dest: &Path,
    pinned: Option<&Pinned>,
    context: &Context,
    log: &mut Log,
) -> Result<Made> {
    let mirrors = release::mirrors(&context.settings)?;
    store::make_dir(dest.parent().unwrap_or(Path::new(".")))?;
    if let Some(pin) = pinned
        && is_there(dest, pin).await?
    {
        return Ok(Made::default().note("already there"));
    }
    let progress = |done, total| log.bytes(done, total);
    let got = context.client.download(&mirrors, path, dest, &expect(pinned), &progress).await?;
    let passed_over = got.passed_over.iter().map(|why| format!("; passed over {why}"));
    Ok(Made::default().note(megabytes(got.size) + &passed_over.collect::<String>()))
}

/// Whether the file is there as pinned: `bb update` has read the snapshot, and leaves it.
async fn is_there(dest: &Path, pin: &Pinned) -> Result<bool> {
    if !std::fs::metadata(dest).is_ok_and(|meta| meta.is_file() && meta.len() == pin.size) {
        return Ok(false);
    }
    let (path, sha512) = (dest.to_owned(), pin.sha512.clone());
    blocking(move || archive::is_still(&path, &sha512)).await
}

fn expect(pinned: Option<&Pinned>) -> Expect {
    match pinned {
        Some(pin) => Expect {
            size: Some(pin.size),
            max: pin.size,
            sha512: Some(pin.sha512.clone()),
            blake2b: Some(pin.blake2b.clone()),
        },
        None => Expect { size: None, max: Limit::SignedSize.fixed(), sha512: None, blake2b: None },
    }
}
